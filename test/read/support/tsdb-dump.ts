/** What `promtool tsdb dump` prints, as values; and the same out of our own reading of blocks. */

import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { type Block, openBlock } from '../../../src/read/prometheus-tsdb/block.ts'
import type { Reading, TsdbFault } from '../../../src/read/prometheus-tsdb/block-series.ts'
import { groupFamily, listFamilies, openGroup } from '../../../src/read/prometheus-tsdb/families.ts'
import { createFileCache } from '../../../src/read/prometheus-tsdb/file-cache.ts'
import { doubleOf } from '../../../src/read/prometheus-tsdb/layout.ts'
import { skipsByReason } from '../../../src/read/prometheus-tsdb/merged-series.ts'
import { listBlocks } from '../../../src/read/prometheus-tsdb/meta.ts'
import { SamplesPool } from '../../../src/read/prometheus-tsdb/samples.ts'
import { type NativeHistogram, staleHi, staleLo } from '../../../src/translate/prometheus/model.ts'

export interface Bucket {
  readonly lower: number
  readonly upper: number
  readonly count: number
}

export interface DumpedHistogram {
  readonly count: number
  readonly sum: number
  readonly buckets: readonly Bucket[]
}

/** By labels as JSON, then by time. */
export type Dump = Map<string, Map<number, number | DumpedHistogram>>

const numberOf = (text: string): number => Number(text.replace('+Inf', 'Infinity').replace('-Inf', '-Infinity'))

/** `name="value", "utf-8 name"="value"` */
function labelsOf(text: string): string {
  const labels: Record<string, string> = {}
  for (const [, quoted, plain, value] of text.matchAll(/(?:"((?:[^"\\]|\\.)*)"|([^\s,="{}]+))="((?:[^"\\]|\\.)*)"/g)) {
    labels[quoted ?? plain ?? ''] = JSON.parse(`"${value}"`) as string
  }
  return labelsKey(labels)
}

export const labelsKey = (labels: Readonly<Record<string, string>>): string =>
  JSON.stringify(Object.fromEntries(Object.entries(labels).sort(([left], [right]) => (left < right ? -1 : 1))))

function histogramOf(text: string): DumpedHistogram {
  const head = /^\{count:([^,}]+), sum:([^,}]+)/.exec(text)
  const buckets = [...text.matchAll(/[[(]([^,[(]+),([^\])]+)[\])]:([^,}]+)/g)].map(([, lower, upper, count]) => ({
    lower: numberOf(lower as string),
    upper: numberOf(upper as string),
    count: numberOf(count as string),
  }))
  return { count: numberOf(head?.[1] ?? ''), sum: numberOf(head?.[2] ?? ''), buckets }
}

/** @param text lines `{labels} value time` */
export function parseDump(text: string): Dump {
  const dump: Dump = new Map()
  for (const line of text.split('\n')) {
    if (line === '') continue
    const end = labelsEnd(line)
    const rest = line.slice(end + 1).trim()
    const space = rest.lastIndexOf(' ')
    const value = rest.slice(0, space)
    const key = labelsOf(line.slice(0, end + 1))
    let samples = dump.get(key)
    if (samples === undefined) dump.set(key, (samples = new Map()))
    samples.set(Number(rest.slice(space + 1)), value.startsWith('{') ? histogramOf(value) : numberOf(value))
  }
  return dump
}

/** The first `}` that is not in quotes. */
function labelsEnd(line: string): number {
  let inQuotes = false
  for (let at = 0; at < line.length; at++) {
    if (line[at] === '\\') at++
    else if (line[at] === '"') inQuotes = !inQuotes
    else if (line[at] === '}' && !inQuotes) return at
  }
  return -1
}

export const readDump = (path: string): Dump => parseDump(gunzipSync(readFileSync(path)).toString())

/** Spans and counts → buckets with bounds, empty ones left out. */
function buckets(one: NativeHistogram, side: 'positive' | 'negative'): Bucket[] {
  const spans = side === 'positive' ? one.positiveSpans : one.negativeSpans
  const deltas = side === 'positive' ? one.positiveDeltas : one.negativeDeltas
  const counts = side === 'positive' ? one.positiveCounts : one.negativeCounts
  const found: Bucket[] = []
  let index = 0
  let place = 0
  let running = 0
  for (let at = 0; at < spans.length; at += 2) {
    index += spans[at] as number
    for (let left = spans[at + 1] as number; left > 0; left--, index++, place++) {
      running = one.hasFloats ? (counts[place] as number) : running + Number(deltas[place])
      if (running === 0) continue
      const [lower, upper] =
        one.schema === -53
          ? [one.customValues[index - 1] ?? Number.NEGATIVE_INFINITY, one.customValues[index] ?? Number.POSITIVE_INFINITY]
          : [bound(one.schema, index - 1), bound(one.schema, index)]
      found.push(side === 'positive' ? { lower, upper, count: running } : { lower: -upper, upper: -lower, count: running })
    }
  }
  return found
}

/** Nothing finite has a bound above the greatest double: the bucket before the last ends there. */
const bound = (schema: number, index: number): number => {
  const exponent = index * 2 ** -schema
  if (exponent === 1024) return Number.MAX_VALUE
  return 2 ** exponent
}

export function dumpHistogram(one: NativeHistogram): DumpedHistogram {
  const zero = one.hasFloats ? one.zeroCountFloat : (one.zeroCountHi >>> 0) * 2 ** 32 + (one.zeroCountLo >>> 0)
  return {
    count: one.hasFloats ? one.countFloat : (one.countHi >>> 0) * 2 ** 32 + (one.countLo >>> 0),
    sum: doubleOf(one.sumHi, one.sumLo),
    buckets: [
      ...buckets(one, 'negative').reverse(),
      ...(zero === 0 ? [] : [{ lower: -one.zeroThreshold, upper: one.zeroThreshold, count: zero }]),
      ...buckets(one, 'positive'),
    ],
  }
}

export interface OwnReading {
  readonly dump: Dump
  readonly samples: number
  readonly stale: { floats: number; histograms: number }
  readonly skipped: Readonly<Record<string, number>>
  readonly faults: readonly TsdbFault[]
  /** Sample and start, by labels. */
  readonly starts: ReadonlyMap<string, ReadonlyMap<number, number>>
  readonly notes: readonly string[]
}

function atOnce<Result>(steps: Generator<void, Result>): Result {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** All samples of a folder's blocks, put together as the source does it. @param step samples of a series that are taken at once */
export function readFolder(folder: string, { fromMs = -Infinity, toMs = Infinity, step = 50, ulid = '' } = {}): OwnReading {
  const cache = createFileCache()
  const faults: TsdbFault[] = []
  const skips: number[] = []
  const dump: Dump = new Map()
  const starts = new Map<string, Map<number, number>>()
  const stale = { floats: 0, histograms: 0 }
  let samples = 0
  const { blocks: metas } = listBlocks(folder)
  const opened: Block[] = []
  try {
    for (const meta of metas) if (ulid === '' || meta.ulid === ulid) opened.push(openBlock(cache, meta))
    const reading: Reading = { fromMs, toMs, before: false, pool: new SamplesPool(), onFault: (fault) => void faults.push(fault) }
    for (const family of listFamilies(opened, () => true)) {
      const groups = atOnce(groupFamily(opened, family, reading))
      if (groups.damaged > 0) skips[4] = (skips[4] ?? 0) + groups.damaged
      for (let from = 0, to = 0; from < groups.count; from = to) {
        while (to < groups.count && groups.key(to) === groups.key(from)) to++
        for (const series of openGroup(opened, groups, from, to, reading)) {
          const labels: Record<string, string> = {}
          for (let at = 0; at < series.labels.length; at += 2) labels[series.labels[at] as string] = series.labels[at + 1] as string
          const key = labelsKey(labels)
          const values = new Map<number, number | DumpedHistogram>()
          const own = new Map<number, number>()
          for (let more = true; more; ) {
            more = series.fill(step)
            const { pending } = series
            for (let at = 0; at < pending.count; at++) {
              const native = pending.natives[at]
              const [hi, lo, ms] = [pending.hi[at] as number, pending.lo[at] as number, pending.ms[at] as number]
              if (hi === staleHi && lo === staleLo) stale[native === undefined ? 'floats' : 'histograms']++
              if (values.has(ms)) throw new Error(`${key} has two samples at ${ms}`)
              values.set(ms, native === undefined ? doubleOf(hi, lo) : dumpHistogram(native))
              const start = pending.startMs[at] as number
              if (native !== undefined && native.startMs !== start) throw new Error('two starts of one sample')
              if (start !== 0) own.set(ms, start)
              samples++
            }
            pending.drop(pending.count)
          }
          series.takeSkips(Number.POSITIVE_INFINITY, skips)
          series.close()
          if (values.size > 0) dump.set(key, values)
          if (own.size > 0) starts.set(key, own)
        }
      }
    }
  } finally {
    for (const block of opened) block.close()
  }
  return { dump, samples, stale, skipped: skipsByReason(skips), faults, starts, notes: opened.flatMap(({ index }) => index.notes) }
}

const close = (left: number, right: number): boolean =>
  Object.is(left, right) || left === right || Math.abs(left - right) <= 1e-12 * Math.max(Math.abs(left), Math.abs(right))

/** The first few differences, in words. Values are compared exactly; bounds to twelve digits, since they are worked out in two ways. */
export function differences(ours: Dump, theirs: Dump): string[] {
  const found: string[] = []
  const say = (text: string): void => {
    if (found.length < 20) found.push(text)
  }
  for (const key of new Set([...ours.keys(), ...theirs.keys()])) {
    const [left, right] = [ours.get(key) ?? new Map(), theirs.get(key) ?? new Map()] as [
      Dump extends Map<string, infer S> ? S : never,
      Dump extends Map<string, infer S> ? S : never,
    ]
    for (const ms of new Set([...left.keys(), ...right.keys()])) {
      const [one, other] = [left.get(ms), right.get(ms)]
      if (typeof one === 'number' && typeof other === 'number') {
        if (!Object.is(one, other)) say(`${key} ${ms}: ${one}, promtool ${other}`)
      } else if (typeof one !== 'object' || typeof other !== 'object')
        say(`${key} ${ms}: ${JSON.stringify(one)}, promtool ${JSON.stringify(other)}`)
      else if (
        one.count !== other.count ||
        !Object.is(one.sum, other.sum) ||
        one.buckets.length !== other.buckets.length ||
        !one.buckets.every((bucket, at) => {
          const their = other.buckets[at] as Bucket
          return bucket.count === their.count && close(bucket.lower, their.lower) && close(bucket.upper, their.upper)
        })
      ) {
        say(`${key} ${ms}: ${JSON.stringify(one)}, promtool ${JSON.stringify(other)}`)
      }
    }
  }
  return found
}
