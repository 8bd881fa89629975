import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, judge } from './answers.ts'
import { type Bridge, startBridge } from './bridge.ts'
import { type Peer, present, root, startZipkin } from './peers.ts'
import { type Sink, startSink } from './sink.ts'
import { accepted, handMade, vectorCases } from './zipkin-cases.ts'

const shared = resolve(root, process.env['OTLP_BRIDGE_SHARED'] ?? '../shared')
const vectors = join(shared, 'vectors/zipkin')
const withVectors = existsSync(vectors)
if (!withVectors) console.warn(`SKIPPED: no vectors at ${vectors}; set OTLP_BRIDGE_SHARED`)

const table: string[] = []

describe.skipIf(!present('zipkin'))('the Zipkin endpoint, beside a Zipkin server', () => {
  let zipkin: Peer<{ readonly http: number }>
  let bridge: Bridge
  let sink: Sink

  beforeAll(async () => {
    zipkin = await startZipkin()
    sink = await startSink()
    bridge = await startBridge(sink.url)
  })

  afterAll(async () => {
    console.log(`Zipkin → bridge, ${table.length} differences\n${table.join('\n')}`)
    await bridge?.stop()
    await Promise.all([sink?.close(), zipkin?.stop()])
  })

  it.each([...(withVectors ? vectorCases(vectors) : []), ...handMade])('answers alike, or as a rule says: $name', async (one) => {
    const theirs = await ask(zipkin.ports.http, one)
    const ours = await ask(bridge.ports.zipkin, one)
    const verdict = judge(one, theirs, ours, accepted)
    if (verdict.differences.length > 0)
      table.push(`${(verdict.rule || 'NO RULE').padEnd(18)} ${one.name}: ${verdict.differences.join('; ')}`)
    expect(verdict.wrong).toBeUndefined()
  })

  it.skipIf(!withVectors)('has an accepted difference for cases that exist only', () => {
    const names = new Set([...vectorCases(vectors), ...handMade].map(({ name }) => name))
    expect(accepted.flatMap(({ cases }) => cases).filter((name) => !names.has(name))).toEqual([])
  })
})
