import { existsSync } from 'node:fs'
import { request } from 'node:http'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Bridge, startBridge } from './bridge.ts'
import { type Peer, present, root, startZipkin } from './peers.ts'
import { type Sink, startSink } from './sink.ts'
import { accepted, type Case, handMade, vectorCases } from './zipkin-cases.ts'

const shared = resolve(root, process.env['OTLP_BRIDGE_SHARED'] ?? '../shared')
const vectors = join(shared, 'vectors/zipkin')
const withVectors = existsSync(vectors)
if (!withVectors) console.warn(`SKIPPED: no vectors at ${vectors}; set OTLP_BRIDGE_SHARED`)

interface Answer {
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

// node:http and not fetch: fetch follows redirects, forbids Origin and adds headers of its own.
const ask = (port: number, { method, path, headers, body }: Case): Promise<Answer> =>
  new Promise((settle, fail) => {
    const sent = body === undefined ? headers : { ...headers, 'content-length': String(body.length) }
    const call = request({ host: '127.0.0.1', port, method, path, headers: sent, agent: false }, (reply) => {
      const chunks: Buffer[] = []
      reply.on('data', (chunk: Buffer) => chunks.push(chunk))
      reply.on('error', fail)
      reply.on('end', () => settle({ status: reply.statusCode ?? 0, body: Buffer.concat(chunks).toString(), headers: reply.headers }))
    })
    call.on('error', fail)
    call.end(body)
  })

// The page of the format leaves the place free, so " at line 1 column 16 path $[0].traceId" is no difference.
const withoutPlace = (text: string): string => text.replace(/ (?:at )?line \d+ column \d+ path \S+/, '')

const differences = (one: Case, zipkin: Answer, bridge: Answer): string[] => {
  const found: string[] = []
  if (zipkin.status !== bridge.status) found.push(`status ${zipkin.status} → ${bridge.status}`)
  if (one.compare === 'text' && withoutPlace(zipkin.body) !== withoutPlace(bridge.body)) {
    found.push(`text ${JSON.stringify(zipkin.body.slice(0, 100))} → ${JSON.stringify(bridge.body.slice(0, 100))}`)
  }
  for (const name of zipkin.status < 300 && bridge.status < 300 ? (one.sameHeaders ?? []) : []) {
    const [theirs, ours] = [String(zipkin.headers[name] ?? ''), String(bridge.headers[name] ?? '')]
    if (theirs.replaceAll(' ', '').toLowerCase() !== ours.replaceAll(' ', '').toLowerCase()) found.push(`${name} ${theirs} → ${ours}`)
  }
  return found
}

const ruleOf = new Map(accepted.flatMap((entry) => entry.cases.map((name) => [name, entry] as const)))
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
    const found = differences(one, theirs, ours)
    const rule = ruleOf.get(one.name)
    if (found.length > 0) table.push(`${(rule?.rule ?? 'NONE').padEnd(18)} ${one.name}: ${found.join('; ')}`)
    if (rule === undefined) {
      expect(found).toEqual([])
    } else {
      // An entry that is no longer needed is a fault too: the list must say how things are.
      expect(found).not.toEqual([])
      expect(ours.status).toBe(rule.status)
      expect(ours.body).toMatch(rule.body)
    }
  })

  it.skipIf(!withVectors)('has an accepted difference for cases that exist only', () => {
    const names = new Set([...vectorCases(vectors), ...handMade].map(({ name }) => name))
    expect([...ruleOf.keys()].filter((name) => !names.has(name))).toEqual([])
  })
})
