import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, judge } from './answers.ts'
import { type Bridge, startBridge } from './bridge.ts'
import { accepted, batchCases, handMade } from './jaeger-cases.ts'
import { type JaegerPorts, type Peer, present, root, startJaeger } from './peers.ts'

const shared = resolve(root, process.env['OTLP_BRIDGE_SHARED'] ?? '../shared')
const vectors = join(shared, 'vectors/jaeger')
const withVectors = existsSync(vectors)
if (!withVectors) console.warn(`SKIPPED: no vectors at ${vectors}; set OTLP_BRIDGE_SHARED`)
const good = 'real_thrift_batch_01.http.bin'
const cases = withVectors ? [...batchCases(vectors), ...handMade(readFileSync(join(vectors, good)))] : []
const table: string[] = []

describe.skipIf(!present('jaeger-v2'))('the thrift endpoint over HTTP, beside Jaeger v2', () => {
  let jaeger: Peer<JaegerPorts>
  let bridge: Bridge
  beforeAll(async () => {
    jaeger = await startJaeger()
    bridge = await startBridge(`http://127.0.0.1:${jaeger.ports.otlpHttp}`)
  })

  afterAll(async () => {
    console.log(`Jaeger v2 → bridge, ${table.length} differences\n${table.join('\n')}`)
    await bridge?.stop()
    await jaeger?.stop()
  })

  it.each(cases)('answers alike, or as a rule says: $name', async (one) => {
    const theirs = await ask(jaeger.ports.thriftHttp, one)
    const ours = await ask(bridge.ports.jaegerHttp, one)
    const verdict = judge(one, theirs, ours, accepted)
    if (verdict.differences.length > 0)
      table.push(`${(verdict.rule || 'NO RULE').padEnd(18)} ${one.name}: ${verdict.differences.join('; ')}`)
    expect(verdict.wrong).toBeUndefined()
  })
})
