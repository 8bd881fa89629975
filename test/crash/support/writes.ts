/** What senders of remote-write send, and what must come of it at the endpoint: every value follows from the name of its series and its time. */

import { officialDecode } from '../../support/official-otlp.ts'
import { bitsOf, encodeWrite, snappyBody, type Version } from '../../support/remote-write.ts'

/** Time of scrape 0, ms: so long ago that no scrape is in the future. */
const baseMs = Math.floor(Date.now() / 1000) * 1000 - 3_600_000
const stepMs = 1000

/** A point at the endpoint: its metric and its time in ms. */
export type PointKey = string

/** One series of a scrape, and the point that it is, or is a part of. */
interface SeriesOfScrape {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly native?: object
  readonly key: PointKey
  /** Types of 2.0: 1 counter, 3 histogram, 5 summary. */
  readonly type: number
}

const bounds = [0.5, 1, 2.5, 5, 10]
const quantiles = [0.5, 0.9, 0.99]

/** Counts of buckets of one histogram, not cumulative. */
const countsOf = (index: number, scrape: number): number[] => [...bounds, 0].map((_, at) => (scrape + 1) * (at + 1) + index)
const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0)
const sumOf = (index: number, scrape: number): number => (scrape + 1) * 1.5 + index
const counterOf = (index: number, scrape: number): number => scrape * 7 + index
const quantileOf = (index: number, scrape: number, at: number): number => scrape + index / 10 + at / 100
const timeOf = (scrape: number): number => baseMs + scrape * stepMs

/** How much one sender scrapes. */
export interface ScrapeSize {
  readonly counters: number
  readonly histograms: number
  readonly summaries: number
  /** 2.0 only. */
  readonly natives: number
}

/** All series of one scrape of a sender. Their order is that of the metrics; shards mix them. */
function scrapeOf(sender: string, version: Version, scrape: number, size: ScrapeSize): SeriesOfScrape[] {
  const all: SeriesOfScrape[] = []
  const add = (
    family: string,
    name: string,
    more: Readonly<Record<string, string>>,
    value: number,
    type: number,
    native?: object,
  ): void => {
    const labels = { __name__: name, instance: `${sender}:9100`, job: sender, ...more }
    all.push({ labels, value, key: `${family}|${timeOf(scrape)}`, type, ...(native === undefined ? {} : { native }) })
  }
  for (let i = 0; i < size.counters; i++) add(`${sender}_c${i}_total`, `${sender}_c${i}_total`, {}, counterOf(i, scrape), 1)
  for (let i = 0; i < size.histograms; i++) {
    const name = `${sender}_h${i}`
    const counts = countsOf(i, scrape)
    bounds.forEach((bound, at) => {
      add(name, `${name}_bucket`, { le: String(bound) }, sum(counts.slice(0, at + 1)), 3)
    })
    add(name, `${name}_bucket`, { le: '+Inf' }, sum(counts), 3)
    add(name, `${name}_sum`, {}, sumOf(i, scrape), 3)
    add(name, `${name}_count`, {}, sum(counts), 3)
  }
  for (let i = 0; i < size.summaries; i++) {
    const name = `${sender}_q${i}`
    quantiles.forEach((quantile, at) => {
      add(name, name, { quantile: String(quantile) }, quantileOf(i, scrape, at), 5)
    })
    add(name, `${name}_sum`, {}, sumOf(i, scrape), 5)
    add(name, `${name}_count`, {}, counterOf(i, scrape), 5)
  }
  if (version === 2) {
    for (let i = 0; i < size.natives; i++) {
      add(`${sender}_n${i}`, `${sender}_n${i}`, {}, 0, 3, {
        count_int: String(2 * scrape + 2 + i),
        sum: bitsOf(sumOf(i, scrape)),
        schema: 0,
        zero_threshold: bitsOf(0.001),
        zero_count_int: String(i),
        positive_spans: [{ offset: 0, length: 2 }],
        positive_deltas: [String(scrape + 1), '0'],
        timestamp: String(timeOf(scrape)),
      })
    }
  }
  return all
}

const hashOf = (text: string): number => {
  let hash = 2166136261
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619) >>> 0
  return hash
}

/** A request of one shard: its bytes, and the points that its samples belong to, one for each sample. */
export interface ShardRequest {
  readonly body: Uint8Array
  readonly keys: readonly PointKey[]
}

/** One scrape as so many requests: each series always goes by the same one, whatever the others of its histogram do. */
export function scrapeRequests(sender: string, version: Version, scrape: number, size: ScrapeSize, shards: number): ShardRequest[] {
  const parts: SeriesOfScrape[][] = Array.from({ length: shards }, () => [])
  for (const one of scrapeOf(sender, version, scrape, size)) parts[hashOf(JSON.stringify(one.labels)) % shards]?.push(one)
  return parts.map((series) => ({ body: bodyOf(version, series, timeOf(scrape)), keys: series.map(({ key }) => key) }))
}

/** Metadata as 1.0 sends it, in a request of its own. */
export function metadataRequest(sender: string, size: ScrapeSize): Uint8Array {
  const of = (type: number, count: number, name: (at: number) => string): object[] =>
    Array.from({ length: count }, (_, at) => ({ type, metric_family_name: name(at), help: 'Of a crash.' }))
  const metadata = [
    ...of(1, size.counters, (at) => `${sender}_c${at}_total`),
    ...of(3, size.histograms, (at) => `${sender}_h${at}`),
    ...of(5, size.summaries, (at) => `${sender}_q${at}`),
  ]
  return snappyBody(encodeWrite(1, { timeseries: [], metadata }))
}

function bodyOf(version: Version, series: readonly SeriesOfScrape[], timeMs: number): Uint8Array {
  const samples = (value: number): object[] => [{ value: bitsOf(value), timestamp: String(timeMs) }]
  if (version === 1) {
    const timeseries = series.map(({ labels, value }) => ({
      labels: Object.entries(labels).map(([name, text]) => ({ name, value: text })),
      samples: samples(value),
    }))
    return snappyBody(encodeWrite(1, { timeseries }))
  }
  const symbols: string[] = ['']
  const known = new Map<string, number>()
  const symbol = (text: string): number => {
    const found = known.get(text)
    if (found !== undefined) return found
    known.set(text, symbols.length)
    return symbols.push(text) - 1
  }
  const timeseries = series.map(({ labels, value, native, type }) => ({
    labels_refs: Object.entries(labels).flatMap(([name, text]) => [symbol(name), symbol(text)]),
    ...(native === undefined ? { samples: samples(value) } : { histograms: [native] }),
    metadata: { type },
  }))
  return snappyBody(encodeWrite(2, { symbols, timeseries }))
}

// At the endpoint

type Json = Readonly<Record<string, unknown>>
const list = (value: unknown): readonly Json[] => (value ?? []) as readonly Json[]
const numbers = (value: unknown): number[] => ((value ?? []) as readonly unknown[]).map(Number)
const same = (left: readonly number[], right: readonly number[]): boolean =>
  left.length === right.length && left.every((one, at) => one === right[at])

/** What is wrong with a point; undefined: it is what it must be. */
function faultOf(name: string, data: string, point: Json): string | undefined {
  const found = /^v[12]_\d+_([chqn])(\d+)(?:_total)?$/.exec(name)
  const scrape = (Number(BigInt(String(point['timeUnixNano'])) / 1_000_000n) - baseMs) / stepMs
  if (found === null || !Number.isInteger(scrape)) return 'nobody sent it'
  const index = Number(found[2])
  const expected = { c: 'sum', h: 'histogram', q: 'summary', n: 'exponentialHistogram' }[found[1] as 'c' | 'h' | 'q' | 'n']
  if (data !== expected) return `it is a ${data}`
  const counts = countsOf(index, scrape)
  const isRight = {
    sum: () => point['asDouble'] === counterOf(index, scrape),
    histogram: () =>
      Number(point['count']) === sum(counts) &&
      point['sum'] === sumOf(index, scrape) &&
      same(numbers(point['explicitBounds']), bounds) &&
      same(numbers(point['bucketCounts']), counts),
    summary: () => {
      const values = list(point['quantileValues'])
      return (
        Number(point['count'] ?? 0) === counterOf(index, scrape) &&
        point['sum'] === sumOf(index, scrape) &&
        same(
          values.map((one) => Number(one['quantile'] ?? 0)),
          quantiles,
        ) &&
        same(
          values.map((one) => Number(one['value'] ?? 0)),
          quantiles.map((_, at) => quantileOf(index, scrape, at)),
        )
      )
    },
    exponentialHistogram: () =>
      Number(point['count']) === 2 * scrape + 2 + index &&
      point['sum'] === sumOf(index, scrape) &&
      same(numbers((point['positive'] as Json | undefined)?.['bucketCounts']), [scrape + 1, scrape + 1]),
  }[expected]
  return isRight?.() === true ? undefined : `it is not whole or not right: ${JSON.stringify(point).slice(0, 400)}`
}

/** A point that is not whole, not right, or that nobody sent. */
export interface WrongPoint {
  readonly key: PointKey
  readonly fault: string
}

/** Reads points out of requests. @param wrong takes what is not as it must be */
export function pointsReader(wrong: WrongPoint[]): { keysOf(body: Buffer): PointKey[]; countOf(body: Buffer): number } {
  const keysOf = (body: Buffer): PointKey[] => {
    const keys: PointKey[] = []
    const { resourceMetrics } = officialDecode(body, 'metrics') as Json
    for (const { scopeMetrics } of list(resourceMetrics)) {
      for (const { metrics } of list(scopeMetrics)) {
        for (const metric of list(metrics)) {
          const name = String(metric['name'])
          for (const [data, content] of Object.entries(metric)) {
            for (const point of list((content as Json | undefined)?.['dataPoints'])) {
              const fault = faultOf(name, data, point)
              const timeMs = BigInt(String(point['timeUnixNano'])) / 1_000_000n
              const key = `${name}|${timeMs}`
              if (fault !== undefined) wrong.push({ key, fault })
              keys.push(key)
            }
          }
        }
      }
    }
    return keys
  }
  return { keysOf, countOf: (body) => keysOf(body).length }
}
