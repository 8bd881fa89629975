/**
 * CPU of Zipkin's translators by stage, in µs a span: `node bench/zipkin.ts [--seconds 2] [--stage all] [FORMAT=FILE]…`
 * FORMAT: zipkin-json-v2, zipkin-json-v1, zipkin-proto, zipkin-thrift; FILE: one request body. Without files it makes
 * bodies of its own for the two JSON formats, seeded.
 */

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { defaultDecodeLimits } from '../src/ingest/limits.ts'
import { BinaryReader } from '../src/ingest/thrift.ts'
import { createZipkinJsonDecoder } from '../src/ingest/zipkin/decode-json.ts'
import { createZipkinProtoDecoder } from '../src/ingest/zipkin/decode-proto.ts'
import { createZipkinThriftDecoder } from '../src/ingest/zipkin/decode-thrift.ts'
import { encodeTraces } from '../src/otlp/encode/traces.ts'
import { ReverseWriter } from '../src/otlp/encode/writer.ts'
import { createKeyTable } from '../src/otlp/keys.ts'
import { zipkinTranslateConfig } from '../src/translate/zipkin/config.ts'
import { createZipkinRoles } from '../src/translate/zipkin/keys.ts'
import type { ZipkinSpans } from '../src/translate/zipkin/model.ts'
import { zipkinToTraces } from '../src/translate/zipkin/to-otlp.ts'

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '2' }, stage: { type: 'string' } },
  allowPositionals: true,
})
const seconds = Number(values.seconds)

const keys = createKeyTable(createZipkinRoles())
const names = createKeyTable(() => 0)
const limits = defaultDecodeLimits
const json = createZipkinJsonDecoder(keys, names, limits)
const thrift = createZipkinThriftDecoder(keys, names, limits)
const decoders: Readonly<Record<string, (body: Uint8Array) => ZipkinSpans>> = {
  'zipkin-json-v2': (body) => json(body, { version: 2, detect: true }),
  'zipkin-json-v1': (body) => json(body, { version: 1, detect: true }),
  'zipkin-proto': createZipkinProtoDecoder(keys, names, limits),
  'zipkin-thrift': (body) => thrift(new BinaryReader(body)),
}
const config = zipkinTranslateConfig.parse({})
const writer = new ReverseWriter()

/** CPU ms of this process so far, user and system. */
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

const windowMs = 60

/**
 * µs of CPU a span that a stage takes, garbage collection included: the best of many short windows, because
 * whatever else runs on the machine only makes it slower.
 */
function measure(spans: number, stage: () => unknown): number {
  for (const warm = performance.now() + seconds * 300; performance.now() < warm; ) stage()
  const figures: number[] = []
  for (const until = performance.now() + seconds * 1000; performance.now() < until; ) {
    const before = cpuMs()
    const end = performance.now() + windowMs
    let rounds = 0
    for (; performance.now() < end; rounds++) stage()
    figures.push(((cpuMs() - before) * 1000) / (rounds * spans))
  }
  return figures.sort((left, right) => left - right)[figures.length >> 2] ?? Number.NaN
}

function run(format: string, body: Uint8Array): void {
  const decode = decoders[format]
  if (decode === undefined) throw new Error(`unknown format ${format}; known: ${Object.keys(decoders).join(', ')}`)
  const decoded = decode(body)
  const translated = zipkinToTraces(decoded, config, 0)
  const { spans } = translated
  const stages: Readonly<Record<string, () => unknown>> = {
    decode: () => decode(body),
    translate: () => zipkinToTraces(decoded, config, 0),
    encode: () => encodeTraces(translated.data, writer, body.length * 1.2),
    all: () => encodeTraces(zipkinToTraces(decode(body), config, 0).data, writer, body.length * 1.2),
  }
  const figures: string[] = []
  for (const [name, stage] of Object.entries(stages)) {
    if (values.stage === undefined || values.stage === name) figures.push(`${name} ${measure(spans, stage).toFixed(2)}`)
  }
  console.log(`${format.padEnd(16)} ${String(Math.round(body.length / spans)).padStart(5)} B/span   ${figures.join('   ')} µs/span`)
}

/** A body much like what a mesh of three services sends; the same every time. */
function ownBody(version: 1 | 2): Uint8Array {
  let state = 42
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return state % below
  }
  const hex = (digits: number): string => Array.from({ length: digits }, () => (random(15) + 1).toString(16)).join('')
  const services = ['cart', 'checkout', 'payment']
  const spans = Array.from({ length: 100 }, () => {
    const endpoint = { serviceName: services[random(3)], ipv4: `10.42.${random(8)}.${random(250)}`, port: 8080 }
    const timestamp = 1_795_266_600_000_000 + random(60_000_000)
    const duration = 1000 + random(200_000)
    const tags = {
      component: 'net/http',
      'customer.tier': ['gold', 'silver', 'free'][random(3)],
      'db.statement': 'SELECT id, sku, qty, price FROM cart_items WHERE cart_id = $1 ORDER BY added_at LIMIT 50',
      'db.type': 'postgresql',
      'http.method': 'GET',
      'http.route': '/api/v1/orders/{id}',
      'http.status_code': '200',
      'http.url': `http://checkout.shop.svc.cluster.local:8080/api/v1/orders/7?session=${hex(16)}`,
      'net.peer.ip': endpoint.ipv4,
      'net.peer.port': String(30_000 + random(20_000)),
      'queue.wait_ms': `${random(100)}.5`,
      'request.sampled': 'true',
    }
    const head = { traceId: hex(32), parentId: hex(16), id: hex(16), name: 'get /api/v1/orders/{id}', timestamp, duration }
    const events = [
      { timestamp: timestamp + 300, value: 'retry' },
      { timestamp: timestamp + 700, value: 'response.flushed' },
    ]
    if (version === 2) {
      return {
        ...head,
        kind: 'SERVER',
        localEndpoint: endpoint,
        remoteEndpoint: { ipv4: '10.42.9.9', port: 5432 },
        annotations: events,
        tags,
      }
    }
    const core = [
      { timestamp, value: 'sr' },
      { timestamp: timestamp + duration, value: 'ss' },
    ]
    return {
      ...head,
      annotations: [...core, ...events].map((one) => ({ ...one, endpoint })),
      binaryAnnotations: Object.entries(tags).map(([key, value]) => ({ key, value, endpoint })),
    }
  })
  return Buffer.from(JSON.stringify(spans))
}

if (positionals.length === 0) {
  run('zipkin-json-v2', ownBody(2))
  run('zipkin-json-v1', ownBody(1))
}
for (const one of positionals) {
  const [format = '', file = ''] = one.split('=')
  run(format, readFileSync(file))
}
