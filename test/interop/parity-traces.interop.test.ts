/** `otlp-bridge parity` between a real Zipkin and a real Jaeger, with the bridge between them. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { basename } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ParityCommandOptions } from '../../src/cli/parity.ts'
import { decodeTraces } from '../../src/otlp/decode/traces.ts'
import { tracesToPlain } from '../../src/otlp/encode/json.ts'
import { canonicalSpan } from '../../src/parity/canonical.ts'
import { type Json, otlpSpans } from '../../src/read/otlp-json.ts'
import { vectorFiles } from '../support/shared.ts'
import { firstMs, type LegacyJson, shopTraces } from '../support/trace-backends.ts'
import { type Bridge, startBridge } from './bridge.ts'
import { faults, runParityCommand } from './parity-run.ts'
import { type JaegerPorts, type Peer, present, startJaeger, startZipkin } from './peers.ts'
import { until } from './wait.ts'

const ready = present('zipkin', 'jaeger-v2')

let zipkin: Peer<{ readonly http: number }>
let jaeger: Peer<JaegerPorts>
let bridge: Bridge

beforeAll(async () => {
  if (!ready) return
  zipkin = await startZipkin()
  jaeger = await startJaeger()
  bridge = await startBridge(`http://127.0.0.1:${jaeger.ports.otlpHttp}`)
})

afterAll(async () => {
  await bridge?.stop()
  await Promise.all([zipkin?.stop(), jaeger?.stop()])
})

/** The hour before last: settled, and recent enough for any retention. */
const baseMs = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 7_200_000

const post = async (port: number, spans: readonly object[]): Promise<number> => {
  const body = JSON.stringify(spans)
  const reply = await fetch(`http://127.0.0.1:${port}/api/v2/spans`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  await reply.text()
  return reply.status
}

/** At the time of this test; `minute` counts from {@link baseMs}. */
const moved = (spans: readonly LegacyJson[], toMs: number): readonly LegacyJson[] =>
  spans.map(({ timestamp = 0, annotations = [], ...span }) => {
    const shift = (toMs - firstMs) * 1000
    return { ...span, timestamp: timestamp + shift, annotations: annotations.map((one) => ({ ...one, timestamp: one.timestamp + shift })) }
  })

const run = (options: ParityCommandOptions): ReturnType<typeof runParityCommand> =>
  runParityCommand({
    format: 'zipkin',
    old: `http://127.0.0.1:${zipkin.ports.http}`,
    new: `http://127.0.0.1:${jaeger.ports.query}`,
    ...options,
  })

const windowAt = (minutes: number, width: number): ParityCommandOptions => ({
  since: new Date(baseMs + minutes * 60_000).toISOString(),
  until: new Date(baseMs + (minutes + width) * 60_000).toISOString(),
})

const delivered = async (spans: number, from = bridge): Promise<void> => {
  await until(`${spans} delivered spans`, async () => {
    const values = await from.metric('otlp_bridge_delivered_items_total')
    return [...values.values()].reduce((a, b) => a + b, 0) >= spans ? true : undefined
  })
}

describe.skipIf(!ready)('parity between Zipkin and Jaeger', () => {
  let sent = 0

  it('is 100 % for traffic that the bridge carried', async () => {
    const spans = moved(shopTraces(600, 10, 21), baseMs)
    for (let at = 0; at < spans.length; at += 300) {
      const some = spans.slice(at, at + 300)
      expect(await post(zipkin.ports.http, some)).toBe(202)
      expect(await post(bridge.ports.zipkin, some)).toBe(202)
    }
    sent += spans.length
    await delivered(sent)
    const { code, report } = await run(windowAt(0, 10))
    expect(faults(report)).toEqual([])
    expect(report.items.map(({ key, counts }) => [key, counts.old, counts.new])).toEqual([
      ['cart', 600, 600],
      ['pay', 600, 600],
      ['web', 600, 600],
    ])
    expect(report.result).toEqual({ parity: 1, require: 1, ok: true, unjudged: 0 })
    expect(code).toBe(0)
  })

  it('is 100 % for what real clients and awkward ones send', async () => {
    const files = vectorFiles('zipkin').filter((file) => /\/(?:real|syn)_[^/.]*\.json$/.test(file))
    let used = 0
    for (const [index, file] of files.entries()) {
      const spans: unknown = JSON.parse(readFileSync(file, 'utf8'))
      if (!Array.isArray(spans) || !spans.every((one) => typeof one === 'object' && one !== null && !('binaryAnnotations' in one))) continue
      const ids = new Map<string, string>()
      const first = Math.min(...spans.map((one) => Number(one.timestamp)).filter((one) => one > 0))
      const shift = Number.isFinite(first) ? (baseMs + 20 * 60_000) * 1000 - first : 0
      const later = (value: unknown): unknown => (typeof value === 'number' && value > 0 ? value + shift : value)
      const fresh = (id: string): string => {
        const found = ids.get(id) ?? `${(index + 1).toString(16).padStart(8, 'a')}${ids.size.toString(16).padStart(24, '0')}`
        ids.set(id, found)
        return found
      }
      const body = spans.map((one) => ({
        ...one,
        traceId: fresh(String(one.traceId)),
        ...('timestamp' in one ? { timestamp: later(one.timestamp) } : {}),
        ...('annotations' in one
          ? { annotations: one.annotations.map((each: LegacyJson) => ({ ...each, timestamp: later(each.timestamp) })) }
          : {}),
      }))
      // What Zipkin itself refuses is not there to be compared.
      if ((await post(zipkin.ports.http, body)) !== 202) continue
      if ((await post(bridge.ports.zipkin, body)) !== 202) throw new Error(`the bridge refuses ${basename(file)}`)
      used += body.length
      sent += body.length
    }
    expect(used).toBeGreaterThan(20)
    await delivered(sent)
    const { report } = await run(windowAt(19, 10))
    expect(faults(report)).toEqual([])
  })

  it('finds and names what a bridge with a mutated translator does', async () => {
    const proxy = await mutating((one, service) => {
      const list = (one['attributes'] ?? []) as readonly { readonly key: string }[]
      return service === 'cart' ? { ...one, attributes: list.filter(({ key }) => key !== 'http.route') } : one
    })
    const other = await startBridge(`http://127.0.0.1:${proxy.port}`)
    try {
      const spans = moved(shopTraces(200, 5, 22), baseMs + 40 * 60_000)
      expect(await post(zipkin.ports.http, spans)).toBe(202)
      expect(await post(other.ports.zipkin, spans)).toBe(202)
      await delivered(spans.length, other)
    } finally {
      await other.stop()
      await proxy.close()
    }
    const { code, report } = await run(windowAt(40, 5))
    expect(faults(report)[0]).toMatch(
      /^cart: attribute http\.route missing on new: (\d+) of \1 sampled spans of service cart, rule none, first seen/,
    )
    expect(faults(report).every((one) => one.startsWith('cart: '))).toBe(true)
    expect(report.result.ok).toBe(false)
    expect(code).toBe(1)
  })

  it('ends with 4 when a backend does not answer', async () => {
    const { code, report } = await run({ ...windowAt(0, 10), new: 'http://127.0.0.1:1' })
    expect(code).toBe(4)
    expect(report.items).toEqual([expect.objectContaining({ verdict: 'unjudged' })])
    expect(report.result.ok).toBe(false)
  })
})

/** Stands between a bridge and Jaeger and changes spans on the way: what a bridge with a fault in its translator would send. */
async function mutating(change: (span: Json, service: string) => Json): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const body = Buffer.concat(pieces)
    const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
    const spans = [...otlpSpans(tracesToPlain(decodeTraces(plain)))]
    const resourceSpans = spans.map((one) => ({
      resource: one.resource,
      scopeSpans: [{ scope: one.scope, spans: [change(one.span, canonicalSpan(one).service)] }],
    }))
    const reply = await fetch(`http://127.0.0.1:${jaeger.ports.otlpHttp}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ resourceSpans }),
    })
    response.writeHead(reply.status, { 'content-type': 'application/x-protobuf' }).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: async () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
