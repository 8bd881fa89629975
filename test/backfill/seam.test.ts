/** Live and history of the same clients: together they are what a run without a cutover is, and nothing is there twice. */

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TranslatedPage } from '../../src/backfill/model.ts'
import { createSeamFilter } from '../../src/backfill/seam.ts'
import { findCutover } from '../../src/backfill/seam-cutover.ts'
import { noMetadata } from '../../src/backfill/sources/prometheus-metadata.ts'
import { createPrometheusPoints } from '../../src/backfill/sources/prometheus-points.ts'
import { createFileTranslator, type FileFormat, translateConfig } from '../../src/ingest/index.ts'
import { encodeMetrics } from '../../src/otlp/encode/metrics.ts'
import { ReverseWriter } from '../../src/otlp/encode/writer.ts'
import type { EncodedBatch, Signal } from '../../src/otlp/intake.ts'
import type { MetricPoints } from '../../src/otlp/metrics.ts'
import { eachIdentity } from '../../src/otlp/seam-identity.ts'
import { createSeam, type Seam } from '../../src/seam/seam.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { seriesOf } from '../support/prometheus-page.ts'
import { i32, i64, list, string, struct, structBytes } from '../support/thrift-writer.ts'
import { translateOptions, Writing } from '../support/writing.ts'

const t0 = Date.UTC(2026, 10, 21, 9, 14, 7)
const minute = 60_000

let dataPath: string
let nowMs: number
let seams: Seam[]
let sent: EncodedBatch[]

beforeEach(() => {
  dataPath = mkdtempSync(join(tmpdir(), 'seam-'))
  nowMs = t0
  seams = []
  sent = []
})

afterEach(() => {
  for (const seam of seams) seam.stop()
  rmSync(dataPath, { recursive: true, force: true })
})

/** A bridge, or one worker of it; time does not pass by itself. */
function bridge() {
  let tick = (): void => {}
  const seam = createSeam({
    dataPath,
    log: silentLog,
    nowMs: () => nowMs,
    every(_ms, call) {
      tick = call
      return () => {
        tick = () => {}
      }
    },
  })
  seams.push(seam)
  const intake = seam.intake({
    async put(batch) {
      sent.push(batch)
    },
    stage: () => ({ add: async () => {}, commit: async () => {}, discard() {} }),
    refusal: () => undefined,
  })
  return { seam, intake, tick: () => tick() }
}

const translate = translateConfig.parse({})

const identities = (signal: Signal, requests: readonly { readonly data: Uint8Array }[]): string[] => {
  const found: string[] = []
  for (const { data } of requests)
    eachIdentity(signal, data, (low, high, timeMs) => found.push(`${low} ${high} ${signal === 'metrics' ? timeMs : ''}`))
  return found.sort()
}

/** Documents of a store → pages of history, fifty a page. */
async function history(format: FileFormat, signal: Signal, documents: readonly { readonly text: string; readonly ms: number }[]) {
  const translator = await createFileTranslator(format, translate)
  const pages: TranslatedPage[] = []
  for (let at = 0; at < documents.length; at += 50) {
    const some = documents.slice(at, at + 50)
    const text = format === 'zipkin-json' ? `[${some.map((one) => one.text).join(',')}]` : some.map((one) => one.text).join('\n')
    const { items, data } = translator(Buffer.from(text), t0)
    pages.push({
      read: some.length,
      bytes: text.length,
      skipped: {},
      faults: [],
      translated: items,
      requests: [{ signal, items, data }],
      sum: 0n,
      minMs: Math.min(...some.map(({ ms }) => ms)),
      maxMs: Math.max(...some.map(({ ms }) => ms)),
    })
  }
  return pages
}

const sumOf = (pages: readonly TranslatedPage[], reason: string): number =>
  pages.reduce((sum, { skipped }) => sum + (skipped[reason] ?? 0), 0)

const adds = (pages: readonly TranslatedPage[]): void => {
  for (const { read, translated, skipped } of pages)
    expect(read).toBe(translated + Object.values(skipped).reduce((sum, one) => sum + one, 0))
}

/** Every half minute, from an hour before the cutover to an hour after it; each is sent five seconds later, but for the late ones. */
const spans = Array.from({ length: 240 }, (_, at) => {
  const ms = t0 - 60 * minute + at * 30_000 + 123
  // A client that was cut off for a while: what it has from before the cutover comes a minute after it.
  const isLate = at % 7 === 0 && ms < t0
  return { ms, sentMs: isLate ? Math.max(ms + 5000, t0 + minute) : ms + 5000, id: (at + 1).toString(16).padStart(16, '0'), at }
})
type SpanCase = (typeof spans)[number]

const zipkinSpan = ({ ms, id, at }: SpanCase, more: object = {}): string =>
  JSON.stringify({
    traceId: `463ac35c9f6413ad${id}`,
    id,
    name: 'get',
    kind: at % 2 === 0 ? 'CLIENT' : 'SERVER',
    timestamp: ms * 1000,
    duration: 1000,
    localEndpoint: { serviceName: at % 3 === 0 ? 'cart' : 'shop', ipv4: '10.0.0.1' },
    tags: { 'http.path': `/${at}` },
    ...more,
  })

const jaegerBatch = (some: readonly SpanCase[]): Uint8Array =>
  structBytes(
    struct([
      [1, struct([[1, string('cart')]])],
      [
        2,
        list(
          'struct',
          some.map(({ ms, id, at }) =>
            struct([
              [1, i64(BigInt(`0x${id}`))],
              [2, i64(0n)],
              [3, i64(BigInt(`0x${id}`))],
              [4, i64(0n)],
              [5, string('get')],
              [7, i32(1)],
              [8, i64(BigInt(ms) * 1000n)],
              [9, i64(1000n)],
              [
                10,
                list('struct', [
                  struct([
                    [1, string('span.kind')],
                    [2, i32(0)],
                    [3, string(at % 2 === 0 ? 'client' : 'server')],
                  ]),
                ]),
              ],
            ]),
          ),
        ),
      ],
    ]),
    'binary',
  )

const jaegerDocument = ({ ms, id, at }: SpanCase): string =>
  JSON.stringify({
    traceID: id,
    spanID: id,
    flags: 1,
    operationName: 'get',
    references: null,
    startTime: ms * 1000,
    startTimeMillis: ms,
    duration: 1000,
    tags: [{ key: 'span.kind', type: 'string', value: at % 2 === 0 ? 'client' : 'server' }],
    logs: null,
    process: { serviceName: 'cart', tags: null },
  })

async function sendLive(
  format: FileFormat,
  body: (some: readonly SpanCase[]) => Uint8Array,
  workers: readonly ReturnType<typeof bridge>[],
): Promise<void> {
  const translator = await createFileTranslator(format, translate)
  const live = spans.filter(({ sentMs }) => sentMs >= t0).sort((a, b) => a.sentMs - b.sentMs)
  for (const [at, one] of live.entries()) {
    nowMs = one.sentMs
    const { items, data, services } = translator(body([one]), nowMs)
    expect(items).toBe(1)
    await workers[at % workers.length]?.intake.put({ format, signal: 'traces', items, data, keys: services })
    for (const { tick } of workers) tick()
  }
}

const cutover = (sourceKind: string, more: object = {}) =>
  findCutover({ dataPath, sourceKind, bandMs: 15 * minute, nowMs: t0 + 2 * 60 * minute, ...more })

describe('findCutover', () => {
  it.each([
    ['zipkin-es', 'zipkin-json', (some: readonly SpanCase[]) => Buffer.from(`[${some.map((one) => zipkinSpan(one)).join(',')}]`)],
    ['jaeger-es', 'jaeger-thrift-binary', jaegerBatch],
  ] as const)('joins history of %s to what came live as %s: all of it, nothing twice', async (kind, format, body) => {
    await sendLive(format, body, [bridge(), bridge()])
    for (const seam of seams) seam.stop()
    const documents = spans.map((one) => ({
      ms: one.ms,
      text: kind === 'zipkin-es' ? zipkinSpan(one, { timestamp_millis: one.ms }) : jaegerDocument(one),
    }))
    const pages = await history(kind === 'zipkin-es' ? 'zipkin-json' : 'jaeger-es', 'traces', documents)
    const { firstMs, untilMs, filter } = cutover(kind)
    const first = spans.map(({ sentMs }) => sentMs).filter((ms) => ms >= t0)
    expect(firstMs).toBe(Math.min(...first))
    const filled = pages.map(filter)
    adds(filled)
    const alone = identities(
      'traces',
      pages.flatMap(({ requests }) => requests),
    )
    expect(new Set(alone).size).toBe(spans.length)
    const union = identities('traces', [...sent, ...filled.flatMap(({ requests }) => requests)])
    expect(union).toEqual(alone)
    // The test would say nothing if there were none.
    expect(sumOf(filled, 'seam_duplicate')).toBeGreaterThan(20)
    expect(sumOf(filled, 'after_cutover')).toBeGreaterThan(50)
    expect(untilMs).toBeGreaterThan(firstMs)
  })

  it('leaves a page of plain history as it is', async () => {
    await sendLive('jaeger-thrift-binary', jaegerBatch, [bridge()])
    const [page] = await history('jaeger-es', 'traces', [
      { ms: t0 - 26 * 60 * minute, text: jaegerDocument({ ...(spans[0] as SpanCase), ms: t0 - 26 * 60 * minute }) },
    ])
    expect(cutover('jaeger-es').filter(page as TranslatedPage)).toBe(page)
  })

  it('takes the cutover of a service that came later from there', async () => {
    const one = bridge()
    const translator = await createFileTranslator('zipkin-json', translate)
    const put = async (serviceName: string, ms: number, at: number) => {
      nowMs = ms
      const span = zipkinSpan({ ms, sentMs: ms, id: at.toString(16).padStart(16, '0'), at }, { localEndpoint: { serviceName } })
      const { items, data, services } = translator(Buffer.from(`[${span}]`), ms)
      await one.intake.put({ format: 'zipkin-json', signal: 'traces', items, data, keys: services })
      one.tick()
      return { ms, text: span }
    }
    await put('first', t0, 1)
    const later = await put('later', t0 + 300 * minute, 2)
    one.seam.stop()
    const old = (serviceName: string, ms: number, at: number) => ({
      ms,
      text: zipkinSpan({ ms, sentMs: ms, id: at.toString(16).padStart(16, '0'), at }, { localEndpoint: { serviceName } }),
    })
    const pages = await history('zipkin-json', 'traces', [
      old('first', t0 + 100 * minute, 3),
      old('later', t0 + 100 * minute, 4),
      old('later', t0 + 299 * minute, 5),
      later,
    ])
    const { filter, untilMs } = cutover('zipkin-es', { nowMs: t0 + 400 * minute })
    const [page] = pages.map(filter)
    expect(page?.skipped).toEqual({ after_cutover: 1, seam_duplicate: 1 })
    expect(page?.translated).toBe(2)
    expect(untilMs).toBe(t0 + 315 * minute)
  })

  it('keeps what the run was begun with', async () => {
    await sendLive('jaeger-thrift-binary', jaegerBatch, [bridge()])
    const { firstMs, said } = cutover('jaeger-es', { fixedMs: t0 - minute })
    expect(firstMs).toBe(t0 - minute)
    expect(said[0]).toContain('the run keeps what it was begun with')
  })

  it('says where it looked when no bridge has noted anything', () => {
    expect(() => cutover('jaeger-es')).toThrow(join(dataPath, 'seam'))
    expect(() => cutover('jaeger-es', { dataPath: undefined })).toThrow('--bridge-data')
    expect(() => cutover('jaeger-es', { dataPath: join(dataPath, 'none') })).toThrow('there is no such folder')
    expect(existsSync(join(dataPath, 'seam'))).toBe(false)
  })

  it('refuses a source whose data never came live, and a band wider than what was kept', async () => {
    await sendLive('jaeger-thrift-binary', jaegerBatch, [bridge()])
    expect(() => cutover('elasticsearch')).toThrow('has taken no logs or metrics yet')
    expect(() => cutover('jaeger-es', { bandMs: 16 * minute })).toThrow('is too wide')
  })

  it('joins samples of Prometheus to its remote-write, stream by stream', async () => {
    const one = bridge()
    const writing = new Writing()
    const encode = (points: MetricPoints): EncodedBatch => ({
      format: 'remote-write-1',
      signal: 'metrics',
      items: points.count,
      data: encodeMetrics(points, new ReverseWriter(), 1000),
    })
    // Servers are switched over one after the other; each sends what it has not sent yet, so that some of it is older than the cutover.
    const series = Array.from({ length: 8 }, (_, at) => ({
      labels: `up{job="node",instance="host-${at}"}`,
      liveMs: t0 + at * 5 * minute - 40_000,
      samples: Array.from({ length: 360 }, (__, step) => [t0 - 60 * minute + step * 20_000 + at * 10, step] as const),
    }))
    for (let ms = t0; ms < t0 + 60 * minute; ms += 20_000) {
      nowMs = ms
      const due = series.flatMap(({ labels, liveMs, samples }) => {
        if (ms < liveMs + 40_000) return []
        const from = ms < liveMs + 60_000 ? liveMs : ms - 20_000
        const some = samples.filter(([at]) => at >= from && at < ms)
        return some.length === 0 ? [] : [{ labels, samples: some }]
      })
      if (due.length === 0) continue
      writing.nowMs = ms
      const { points } = writing.outcome(1, due)
      await one.intake.put(encode(points))
      one.tick()
    }
    one.seam.stop()
    const points = createPrometheusPoints({ translate: translateOptions(), metadata: noMetadata, version: '1.2.3' })
    const all = series.map(({ labels, samples }) => ({ labels, list: samples.filter(([ms]) => ms < t0 + 60 * minute - 20_000) }))
    const page = points.translate({ series: all.map(({ labels, list: some }) => seriesOf(labels, some)), bytes: 0, where: 'here' })
    const { filter } = cutover('prometheus-tsdb')
    const filled = filter(page)
    adds([filled])
    const alone = identities('metrics', page.requests)
    expect(new Set(alone).size).toBe(alone.length)
    expect(identities('metrics', [...sent, ...filled.requests])).toEqual(alone)
    expect(filled.skipped['in_live']).toBeGreaterThan(500)
  })
})

describe('createSeamFilter', () => {
  it('counts what cannot be proved where the bridge could not note all', async () => {
    const pages = await history(
      'jaeger-es',
      'traces',
      spans.map((one) => ({ ms: one.ms, text: jaegerDocument(one) })),
    )
    const index = { size: 0, has: () => false, timeMs: () => undefined, leastMs: undefined, mostMs: undefined }
    const filter = createSeamFilter({
      traces: { firstMs: t0, bandMs: 15 * minute, leastMs: undefined, services: new Map(), index, isPartial: true },
    })
    const filled = pages.map(filter)
    adds(filled)
    const unproved = filled.reduce((sum, { notes }) => sum + (notes?.['seam_unproved'] ?? 0), 0)
    expect(unproved).toBe(spans.filter(({ ms }) => ms >= t0 - 15 * minute && ms < t0 + 15 * minute).length)
  })
})
