/** How long a run will take: three slices are read and translated for two seconds each, and go nowhere. */

import { gzipSync } from 'node:zlib'
import { isBridgeError } from '../errors.ts'
import { bytesText, durationText, grouped } from './figures.ts'
import type { SliceSpec } from './model.ts'
import type { Source } from './source.ts'

export interface EstimateOptions {
  /** Slices of the plan, by time. */
  readonly slices: readonly SliceSpec[]
  readonly parallel: number
  /** `--rate`, OTLP items a second. */
  readonly rate?: number | undefined
  /** `--rate-bytes` */
  readonly rateBytes?: number | undefined
  readonly abort: AbortSignal
  readonly monotonicMs: () => number
  /** How long each slice is read; 2 s. */
  readonly probeMs?: number
}

export interface Estimate {
  readonly unit: string
  /** Items that were read for it. */
  readonly probed: number
  /** Of the source, a second: one slice alone, read and translated one after the other. */
  readonly aloneRate: number
  /** With as many side by side as wanted, as far as translating, which one core does, allows. */
  readonly bestRate: number
  /** OTLP items for each item of the source. */
  readonly producedPerItem: number
  /** OTLP bytes of all; 0 where the number of items is not known. */
  readonly otlpBytes: number
  /** The same, gzip. */
  readonly otlpGzipBytes: number
  /** ms, from … to; undefined where the number of items is not known. Nothing of the destination is in it. */
  readonly eta: readonly [number, number] | undefined
}

/** At least one page, so that something is known. */
const mostPages = 10_000

/** The oldest, the one in the middle, the largest; fewer when these are the same. */
export function probedSlices(slices: readonly SliceSpec[]): readonly SliceSpec[] {
  const largest = slices.reduce<SliceSpec | undefined>(
    (most, one) => (most === undefined || one.items > most.items ? one : most),
    undefined,
  )
  return [...new Set([slices[0], slices[Math.floor(slices.length / 2)], largest])].filter((one) => one !== undefined)
}

interface Probe {
  items: number
  produced: number
  otlp: number
  readMs: number
  translateMs: number
  packed: number
  unpacked: number
}

async function probe(source: Source, slice: SliceSpec, sum: Probe, { abort, monotonicMs, probeMs = 2000 }: EstimateOptions): Promise<void> {
  const reader = source.open(slice, undefined)
  try {
    const until = monotonicMs() + probeMs
    for (let page = 0; page < mostPages && monotonicMs() < until; page++) {
      const begin = monotonicMs()
      const read = await reader.next(abort)
      const middle = monotonicMs()
      sum.readMs += middle - begin
      if (read === undefined) break
      const { requests, read: items } = read.translate()
      sum.translateMs += monotonicMs() - middle
      sum.items += items
      for (const one of requests) {
        sum.produced += one.items
        sum.otlp += one.data.length
        if (page > 0) continue
        sum.packed += gzipSync(one.data, { level: 1 }).length
        sum.unpacked += one.data.length
      }
      if (read.last) break
    }
  } finally {
    await reader.close()
  }
}

/** Undefined when none of the slices could be read, or nothing is in them. Rejects with OB_STOPPING when aborted. */
export async function estimate(source: Source, options: EstimateOptions): Promise<Estimate | undefined> {
  const sum: Probe = { items: 0, produced: 0, otlp: 0, readMs: 0, translateMs: 0, packed: 0, unpacked: 0 }
  for (const slice of probedSlices(options.slices)) {
    try {
      await probe(source, slice, sum, options)
    } catch (error) {
      // What cannot be read now is for the run to find out; the others tell enough.
      if (!isBridgeError(error) || error.code !== 'OB_SOURCE') throw error
    }
  }
  if (sum.items === 0) return undefined
  const planned = options.slices.reduce((total, { items }) => total + items, 0)
  const perItem = sum.produced / sum.items
  const limits = [
    options.rate === undefined || perItem === 0 ? Number.POSITIVE_INFINITY : options.rate / perItem,
    options.rateBytes === undefined || sum.otlp === 0 ? Number.POSITIVE_INFINITY : options.rateBytes / (sum.otlp / sum.items),
  ]
  const [readMs, translateMs] = [Math.max(sum.readMs, 0.001), Math.max(sum.translateMs, 0.001)]
  const aloneRate = Math.min((sum.items * 1000) / (readMs + translateMs), ...limits)
  const bestRate = Math.min(
    Math.max(Math.min((options.parallel * sum.items * 1000) / (readMs + translateMs), (sum.items * 1000) / translateMs), aloneRate),
    ...limits,
  )
  const otlpBytes = (sum.otlp / sum.items) * planned
  return {
    unit: source.unit,
    probed: sum.items,
    aloneRate,
    bestRate,
    producedPerItem: perItem,
    otlpBytes,
    otlpGzipBytes: sum.unpacked === 0 ? otlpBytes : (otlpBytes * sum.packed) / sum.unpacked,
    eta: planned === 0 ? undefined : [(planned / bestRate) * 1000, (planned / aloneRate) * 1000],
  }
}

/** `probe: 61,000 spans/s with one slice, 98,000/s at the best → 3 h 10 min … 4 h, if the destination keeps up; OTLP 740 GB (74 GB gzip)` */
export function estimateText({ unit, aloneRate, bestRate, eta, otlpBytes, otlpGzipBytes, probed }: Estimate): string {
  const [best, worst] = eta === undefined ? [] : eta.map(durationText)
  const time = best === undefined ? '' : ` → ${best === worst ? best : `${best} … ${worst}`}, if the destination keeps up`
  const size = otlpBytes === 0 ? '' : `; OTLP ${bytesText(otlpBytes)} (${bytesText(otlpGzipBytes)} gzip)`
  const rates =
    bestRate > aloneRate * 1.02
      ? `${grouped(aloneRate)} ${unit}s/s with one slice, ${grouped(bestRate)}/s at the best`
      : `${grouped(aloneRate)} ${unit}s/s`
  return `probe: ${rates}${time}${size}; ${grouped(probed)} ${unit}s were read for it`
}
