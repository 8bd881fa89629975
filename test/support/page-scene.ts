/** A bridge to look at: the real admin port with counters, and made-up parts behind `/api/v1`. */

import { readFileSync } from 'node:fs'
import { adminConfig } from '../../src/admin/config.ts'
import { createInspect } from '../../src/admin/inspect.ts'
import { startAdmin } from '../../src/admin/routes.ts'
import type { ApiSources } from '../../src/admin/sources.ts'
import type { StatusSource } from '../../src/admin/status.ts'
import type { Listener } from '../../src/ingest/adapter.ts'
import { createFileExplainer, createFileTranslator, type FileFormat, translateConfig } from '../../src/ingest/index.ts'
import { createExposition } from '../../src/telemetry/exposition.ts'
import { createHealth } from '../../src/telemetry/health.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import {
  backfillSource,
  booksSource,
  clientsSource,
  itemsAt,
  type Mood,
  paritySource,
  readinessSource,
  totalOf,
  upDays,
} from './page-sources.ts'
import { deadSource, type FakeDead, type FakeMirror, mirrorSource } from './page-switches.ts'

export interface SceneOptions {
  readonly mood: Mood
  /** Without anything behind `/api/v1`: a bridge that mirrors nothing. */
  readonly bare?: boolean
  /** Further names of clients and keys. */
  readonly names?: readonly string[]
  /** Section `admin`. */
  readonly admin?: object
}

export interface Scene {
  readonly url: string
  readonly mirror: FakeMirror
  readonly dead: FakeDead
  /** Says of the next looks that this is wrong. */
  setFault(text: string | undefined): void
  /** Counts so many more spans. */
  receive(items: number): void
  /** Stops listening, as a bridge that is started again does for a while. */
  pause(): Promise<void>
  /** Listens on the same port again. */
  resume(): Promise<void>
  stop(): Promise<void>
}

const formats: readonly (readonly [format: string, signal: string, endpoint: string])[] = [
  ['zipkin-json', 'traces', 'zipkin'],
  ['jaeger-thrift-compact', 'traces', 'jaeger.compact'],
  ['jaeger-proto', 'traces', 'jaeger.grpc'],
  ['prometheus', 'metrics', 'prometheus'],
  ['es-bulk', 'logs', 'elasticsearch'],
]

const listeners = [
  { section: 'ingest.zipkin', addresses: ['http://127.0.0.1:9411', 'http://[::1]:9411'] },
  { section: 'ingest.jaeger.http', addresses: ['http://127.0.0.1:14268'] },
  { section: 'ingest.jaeger.grpc', addresses: ['http://127.0.0.1:14250'] },
  { section: 'ingest.jaeger.compact', addresses: ['udp://127.0.0.1:6831'] },
  { section: 'ingest.prometheus', addresses: ['http://127.0.0.1:9090'] },
  { section: 'ingest.elasticsearch', addresses: ['http://127.0.0.1:9200'] },
  { section: 'ingest.beats', addresses: ['tcp://127.0.0.1:5044'] },
]

/** Recorded requests that stand for what was looked at. */
const looks: readonly (readonly [endpoint: string, format: FileFormat, request: string, file: string, media: string])[] = [
  ['zipkin', 'zipkin-json', 'POST /api/v2/spans', 'fixtures/zipkin/v1-json/in.json', 'application/json'],
]

async function look(nowMs: () => number) {
  const translate = translateConfig.parse({})
  const inspect = createInspect({
    mode: 'full',
    nowMs,
    explain: async (format, body, atMs) => (await createFileExplainer(format as FileFormat, translate))?.(body, atMs),
  })
  for (const [endpoint, format, request, file, media] of looks) {
    const body = readFileSync(new URL(`../../${file}`, import.meta.url))
    const found = (await createFileTranslator(format, translate))(body, nowMs())
    inspect.observer.see({
      endpoint,
      format,
      signal: 'traces',
      atMs: nowMs() - 4000,
      client: { address: '10.0.0.7', userAgent: 'Java/17.0.15' },
      request,
      headers: ['content-type', media, 'user-agent', 'Java/17.0.15', 'b3', '0', 'authorization', 'Basic c2VjcmV0OnNlY3JldA=='],
      body,
      otlp: found.data,
      items: found.items,
      refused: undefined,
    })
  }
  const broken = Buffer.from('[{"traceId": 12}]')
  inspect.observer.see({
    endpoint: 'zipkin',
    format: 'zipkin-json',
    signal: 'traces',
    atMs: nowMs() - 2000,
    client: { address: '10.0.0.9', userAgent: undefined },
    request: 'POST /api/v2/spans?token=1',
    headers: ['content-type', 'application/json'],
    body: broken,
    otlp: new Uint8Array(),
    items: 0,
    refused: 'cannot read a span: traceId is not a text',
  })
  return inspect.source
}

export async function startScene({ mood, bare = false, names = [], admin = {} }: SceneOptions): Promise<Scene> {
  // A minute passes between the first look and the second, however long the start takes: rates are there at once.
  const startMs = Date.now()
  let passedAtMs: number | undefined
  const nowMs = (): number => (passedAtMs === undefined ? startMs - 60_000 : startMs + Date.now() - passedAtMs)
  const later = (): number => Date.now()
  const metrics = createMetrics()
  const health = createHealth()
  let fault: string | undefined =
    mood === 'broken' ? 'nothing was delivered for 12 min: http://otel.internal:4318 does not answer' : undefined
  health.watch('emit', () => fault)
  if (mood === 'degraded') health.warn('sampling', () => 'the file of strategies is 3 days old')
  const waiting = mood === 'broken' ? 3_402_118 : mood === 'empty' ? 0 : 41
  const queue: ReturnType<StatusSource['queue']> = {
    type: 'disk',
    ack: 'durable',
    batches: waiting > 0 ? 12 : 0,
    items: waiting,
    bytes: waiting * 180,
    maxBytes: 10 * 2 ** 30,
    deadItems: mood === 'degraded' || mood === 'broken' ? 71 : 0,
    ...(waiting === 0 ? {} : { oldestMs: mood === 'broken' ? 724_000 : 400 }),
  }
  const destination = { name: 'default', endpoint: 'http://otel.internal:4318', protocol: 'http/protobuf' }
  const status: StatusSource = {
    version: '0.2.0',
    startedMs: Date.now() - upDays * 86_400_000,
    listeners: () => [...listeners, { section: 'admin', addresses: ['http://127.0.0.1:8899'] }],
    queue: () => queue,
    destinations: () => [mood === 'broken' ? { ...destination, fault: 'connect ECONNREFUSED 10.0.4.20:4318' } : destination],
  }
  const [mirror, dead] = [mirrorSource(mood, later), deadSource(mood, later)]
  const sources: ApiSources = bare
    ? {}
    : {
        books: booksSource(mood, later),
        clients: clientsSource(mood, later, names),
        mirror,
        readiness: readinessSource(mood, later, names),
        parity: paritySource(mood, later),
        dead,
        backfill: backfillSource(mood, later),
        inspect: mood === 'empty' ? createInspect({ mode: 'full', nowMs: later }).source : await look(later),
      }
  const config = adminConfig.parse({ port: 0, ...admin })
  const deps = {
    metrics,
    health,
    status,
    nowMs,
    expose: createExposition(metrics),
    log: silentLog,
    sources,
    instance: 'prod-eu-1',
  }
  const count = (format: string, signal: string, items: number, delivered: number): void => {
    const books = metrics.books(format, signal)
    books.received.value += items
    books.at('default').delivered.value += delivered
    books.at('default').queued.value += items - delivered
    metrics.counter('otlp_bridge_received_requests_total', { format, transport: 'http' }).value += Math.ceil(items / 40)
    metrics.counter('otlp_bridge_received_bytes_total', { format, transport: 'http' }).value += items * 210
  }
  // What came in before anybody looked.
  if (mood !== 'empty')
    for (const [format, signal, endpoint] of formats) count(format, signal, totalOf(endpoint, startMs), totalOf(endpoint, startMs))
  let listener: Listener = await startAdmin(config, deps)
  const url = listener.addresses[0] ?? ''
  passedAtMs = Date.now()
  if (mood === 'broken') {
    const books = metrics.books('zipkin-json', 'traces')
    books.received.value += 12
    books.refused('zero_id').value += 12
    metrics.counter('otlp_bridge_notes_total', { format: 'zipkin-json', reason: 'timestamp_in_millis' }).value = 80
  }
  if (mood !== 'empty') {
    for (const [format, signal, endpoint] of formats) {
      const items = itemsAt(endpoint, startMs)
      count(format, signal, items, mood === 'broken' ? 0 : items - (endpoint === 'zipkin' ? 41 : 0))
    }
  }
  return {
    url,
    mirror,
    dead,
    setFault: (text) => {
      fault = text
    },
    receive: (items) => count('zipkin-json', 'traces', items, items),
    pause: () => listener.stop(0),
    async resume() {
      listener = await startAdmin({ ...config, port: Number(new URL(url).port) }, deps)
    },
    stop: () => listener.stop(0),
  }
}
