/** Points of series that stand for themselves: floats and native histograms. Sections 6 and 7 of the mapping. */

import { MetricData, noRecordedValue, type PointBody } from '../../otlp/metrics.ts'
import { fromDouble, millisToNanos, toDouble, type Words } from '../../otlp/time.ts'
import type { ExemplarPlaces } from './exemplar-places.ts'
import { MetricType, type NativeHistogram, ResetHint, staleHi, staleLo, type WriteRequest } from './model.ts'
import { type NativeRefusal, nativeToBody, staleExplicit, staleExponential } from './native.ts'
import { forgetTime, msAt, putMs } from './row-times.ts'
import type { Refusal } from './series-labels.ts'
import { StartFate } from './start-time.ts'
import { createStarts, type LastPoint, type Starts } from './starts.ts'
import { isFresh, isProcessStart, isTold, type PrometheusState, wasExplicit, wasExponential } from './state.ts'
import { type Place, Row } from './streams.ts'
import type { WriteContext } from './write-context.ts'
import { maxPointBytes, type WriteOutcome } from './write-outcome.ts'

const two32 = 4294967296
/** The last millisecond whose nanoseconds are a uint64. */
const lastMs = 18_446_744_073_709

const negative: Refusal = { reason: 'negative_timestamp', why: 'a sample is of before 1970, which OTLP cannot say' }
const conflicting: Refusal = { reason: 'conflict', why: 'a sample has the time of the one before and another value' }
const tooOld: Refusal = { reason: 'out_of_order', why: 'a sample is older than the one before' }

const tooLarge: Refusal = {
  reason: 'request_points_too_large',
  why: `the points of this request would have more than ${maxPointBytes} bytes of labels and buckets`,
}

/** What a bucket takes while it is translated: the largest are bigints. */
const bucketBytes = 32

/** The row of a native histogram does not say its count: it is known from its second point on. */
const noValue: LastPoint = { ms: 0, value: 0 }

const bucketsOf = (body: PointBody): number =>
  body.kind === 'exponential' ? body.positiveCounts.length + body.negativeCounts.length : body.kind === 'explicit' ? body.counts.length : 0

const countOf = (body: PointBody): number => Number(body.count)

/** What becomes of a sample by its time. */
export const Order = { Take: 0, Duplicate: 1, Refused: 2 } as const

export interface PlainWriter {
  /** Undefined: no option asks for starts. */
  readonly starts: Starts | undefined
  /** What the stream said of its last point before `order` moved it. */
  readonly before: LastPoint
  /** @param taken as many of its samples, in order of time, went elsewhere already */
  series(request: WriteRequest, series: number, place: number, context: WriteContext, taken?: number): void
  /** Looks at the time of a sample and moves the stream's own to it. @param hi bits of the value */
  order(request: WriteRequest, series: number, place: number, ms: number, hi: number, lo: number, context: WriteContext): number
  /** True when something of a series will be refused whatever it is: of that nobody may be told that it was written. */
  isFaulty(request: WriteRequest, series: number, nowMs: number): boolean
  /** A stream that has ended begins anew, and nothing of it is known; unless it was an older time of it that ended. */
  ended(place: number, ms: number): void
  /** The samples of a series in order of time: places, `from` to `to` unless they came in disorder. */
  sorted(request: WriteRequest, from: number, to: number): ArrayLike<number> | undefined
}

/** The native histograms of a series in order of time. */
function histogramsOf({ histograms }: WriteRequest, from: number, to: number): readonly NativeHistogram[] {
  const own = histograms.slice(from, to)
  return own.length === 1 ? own : own.sort((left, right) => left.timeMs - right.timeMs)
}

export function createPlainWriter(state: PrometheusState, outcome: WriteOutcome, exemplars: ExemplarPlaces): PlainWriter {
  const { streams, options, outputs } = state
  const { points } = outcome
  const starts = createStarts(state)
  /** What the row said before `order` moved it; kept for starts alone. */
  const before: LastPoint = { ms: 0, value: 0 }
  const { sources, metrics } = outputs
  const words: Words = { hi: 0, lo: 0 }
  const where: Place = { view: new DataView(new ArrayBuffer(0)), start: 0, end: 0 }
  const forwardDuplicates = options.duplicates === 'forward'
  const { maxFuture } = options
  const dropsGaugeHistograms = options.gaugehistogram === 'drop'
  const nativeOptions = { floatHistograms: options.floatHistograms, gaugeHistogram: options.gaugehistogram }

  const refuse = (request: WriteRequest, series: number, refusal: Refusal, items = 1): number => {
    outcome.refuse(refusal, items, request, series)
    return Order.Refused
  }

  const order: PlainWriter['order'] = (request, series, place, ms, hi, lo, context) => {
    if (!(ms >= 0)) return refuse(request, series, negative)
    if (ms > context.nowMs + maxFuture || ms > lastMs) {
      const why =
        ms > lastMs ? 'a sample is of a time that OTLP cannot say' : `a sample is more than ${Math.round(maxFuture / 1000)} s in the future`
      return refuse(request, series, { reason: 'too_far_in_future', why })
    }
    const rows = streams.words
    const msHi = (ms / two32) | 0
    const msLo = ms | 0
    const lastHi = rows[place + Row.TimeHi] as number
    const lastLo = rows[place + Row.TimeLo] as number
    if ((lastHi | lastLo) !== 0 && ((rows[place + Row.Kind] as number) & isFresh) !== 0 && context.again !== 'recovered') {
      if (msHi === lastHi && msLo === lastLo) {
        if (rows[place + Row.ValueHi] === hi && rows[place + Row.ValueLo] === lo) return forwardDuplicates ? Order.Take : Order.Duplicate
        if (options.conflict === 'reject' && context.only === undefined) return refuse(request, series, conflicting)
      } else if (msHi < lastHi || (msHi === lastHi && msLo >>> 0 < lastLo >>> 0)) {
        outcome.outOfOrder++
        return options.outOfOrder === 'reject' && context.only === undefined ? refuse(request, series, tooOld) : Order.Take
      }
    }
    if (starts !== undefined) {
      before.ms = lastHi * two32 + (lastLo >>> 0)
      before.value = toDouble(rows[place + Row.ValueHi] as number, rows[place + Row.ValueLo] as number)
    }
    rows[place + Row.TimeHi] = msHi
    rows[place + Row.TimeLo] = msLo
    rows[place + Row.ValueHi] = hi
    rows[place + Row.ValueLo] = lo
    rows[place + Row.Kind] = (rows[place + Row.Kind] as number) | isFresh
    return Order.Take
  }

  const isTime = (ms: number, nowMs: number): boolean => ms >= 0 && ms <= nowMs + maxFuture && ms <= lastMs

  const isFaulty: PlainWriter['isFaulty'] = (request, series, nowMs) => {
    const to = request.seriesSamples[series + 1] as number
    for (let at = request.seriesSamples[series] as number; at < to; at++) if (!isTime(request.sampleMs[at] as number, nowMs)) return true
    return histogramsOf(request, request.seriesHistograms[series] as number, request.seriesHistograms[series + 1] as number).some(
      (one) => !isTime(one.timeMs, nowMs) || nativeToBody(one, nativeOptions).body === undefined,
    )
  }

  const sorted: PlainWriter['sorted'] = (request, from, to) => {
    const { sampleMs } = request
    let at = from + 1
    while (at < to && (sampleMs[at] as number) >= (sampleMs[at - 1] as number)) at++
    if (at >= to) return undefined
    const places = Array.from({ length: to - from }, (_, index) => from + index)
    return places.sort((left, right) => (sampleMs[left] as number) - (sampleMs[right] as number))
  }

  /** Times and attributes of a point that was just added. */
  const finish = (at: number, place: number, ms: number, startMs: number): void => {
    millisToNanos(ms, words)
    points.timeHi[at] = words.hi
    points.timeLo[at] = words.lo
    if (startMs > ms) outcome.startsAfter++
    else if (startMs > 0) {
      millisToNanos(startMs, words)
      points.startHi[at] = words.hi
      points.startLo[at] = words.lo
    }
    streams.attributes(place, where)
    if (where.start === where.end) {
      where.view = state.large(place)
      where.end = where.view.byteLength
      where.start = 0
    }
    points.attributes[at] = where.view
    points.attributesStart[at] = where.start
    points.attributesEnd[at] = where.end
    exemplars.added(place, at)
  }

  const float = (place: number, ms: number, hi: number, lo: number, startMs: number, base = 0): void => {
    const rows = streams.words
    const metric = metrics.get(rows[place + Row.Second] as number)
    const { resource, scope } = sources.get(rows[place + Row.First] as number)
    const at = points.add(resource, scope, metric.number, undefined)
    // A gauge has no beginning.
    finish(at, place, ms, metric.number.data === MetricData.Gauge ? 0 : startMs)
    if (hi === staleHi && lo === staleLo) points.flags[at] = noRecordedValue
    else if (metric.factor === 1 && base === 0) {
      points.valueHi[at] = hi
      points.valueLo[at] = lo
    } else {
      fromDouble((toDouble(hi, lo) - base) * metric.factor, words)
      points.valueHi[at] = words.hi
      points.valueLo[at] = words.lo
    }
  }

  /** The end of a stream of native histograms. Prometheus says it with a float where a target has vanished. */
  const nativeEnd = (place: number, ms: number): void => {
    const rows = streams.words
    const isExplicit = ((rows[place + Row.Kind] as number) & wasExplicit) !== 0
    const { resource, scope } = sources.get(rows[place + Row.First] as number)
    const metric = metrics.get(rows[place + Row.Second] as number).as(isExplicit ? MetricData.Histogram : MetricData.ExponentialHistogram)
    const at = points.add(resource, scope, metric, isExplicit ? staleExplicit : staleExponential)
    finish(at, place, ms, 0)
    points.flags[at] = noRecordedValue
  }

  const ended: PlainWriter['ended'] = (place, ms) => {
    const rows = streams.words
    if (msAt(rows, place + Row.TimeHi) !== ms) return
    forgetTime(rows, place)
    putMs(rows, place + Row.StartHi, 0)
    rows[place + Row.Kind] = (rows[place + Row.Kind] as number) & ~isTold
    if (starts !== undefined) state.starts.delete(place)
  }

  const startOfRow = (place: number): number => msAt(streams.words, place + Row.StartHi)

  /** As a counter: with the start that an option gives, unless it is used up by that. */
  const counter = (place: number, ms: number, hi: number, lo: number, ownMs: number, own: Starts): void => {
    const { process } = sources.get(streams.words[place + Row.First] as number)
    const point = { ms, value: toDouble(hi, lo), ownMs, reset: false, processMs: process.startMs }
    const { fate, startMs, base } = own.decide(place, point, before)
    if (fate === StartFate.Write) float(place, ms, hi, lo, startMs, base)
    else outcome.consume('start')
  }

  const sample = (request: WriteRequest, series: number, place: number, at: number, context: WriteContext): void => {
    const ms = request.sampleMs[at] as number
    const hi = request.sampleHi[at] as number
    const lo = request.sampleLo[at] as number
    const found = order(request, series, place, ms, hi, lo, context)
    if (found === Order.Refused) return
    outcome.samples++
    if (found === Order.Duplicate) return void outcome.consume('duplicate')
    const ownMs = (request.sampleStartMs[at] as number) || (request.seriesCreatedMs[series] as number)
    if (hi === staleHi && lo === staleLo) return void end(place, ms, ownMs)
    const rows = streams.words
    const kind = rows[place + Row.Kind] as number
    if ((kind & (wasExponential | wasExplicit)) !== 0) rows[place + Row.Kind] = kind & ~(wasExponential | wasExplicit)
    if ((kind & isProcessStart) !== 0) sources.get(rows[place + Row.First] as number).process.startMs = Math.round(toDouble(hi, lo) * 1000)
    if (starts !== undefined && metrics.get(rows[place + Row.Second] as number).number.monotonic) counter(place, ms, hi, lo, ownMs, starts)
    else float(place, ms, hi, lo, ownMs || startOfRow(place))
  }

  const end = (place: number, ms: number, ownMs: number): void => {
    if (options.stale === 'drop') outcome.consume('stale')
    else if (((streams.words[place + Row.Kind] as number) & (wasExponential | wasExplicit)) !== 0) nativeEnd(place, ms)
    else float(place, ms, staleHi, staleLo, ownMs || startOfRow(place))
    ended(place, ms)
  }

  const refuseNative = (request: WriteRequest, series: number, place: number, { refused, why, dropped }: NativeRefusal): void => {
    forgetTime(streams.words, place)
    outcome.histogramsRefused.set(refused, (outcome.histogramsRefused.get(refused) ?? 0) + 1)
    if (dropped) {
      outcome.histograms++
      outcome.dropped.set(`histogram_${refused}`, (outcome.dropped.get(`histogram_${refused}`) ?? 0) + 1)
      return
    }
    outcome.refuse({ reason: `histogram_${refused}`, why: `cannot take histogram: ${why}` }, 1, request, series)
  }

  const native = (request: WriteRequest, series: number, place: number, histogram: NativeHistogram, context: WriteContext): void => {
    const { timeMs, sumHi, sumLo, countLo, countFloat } = histogram
    const found = order(request, series, place, timeMs, sumHi, sumLo ^ countLo ^ (countFloat | 0), context)
    if (found === Order.Refused) return
    if (found === Order.Duplicate) {
      outcome.histograms++
      return void outcome.consume('duplicate')
    }
    const result = nativeToBody(histogram, nativeOptions)
    if (result.body === undefined) return void refuseNative(request, series, place, result)
    const size = bucketBytes * bucketsOf(result.body)
    if (size > outcome.room) return void refuse(request, series, tooLarge)
    outcome.room -= size
    outcome.histograms++
    const rows = streams.words
    state.assembler.nativeSeen(
      rows[place + Row.HashA] as number,
      rows[place + Row.HashB] as number,
      rows[place + Row.HashC] as number,
      context.nowMs,
    )
    if (result.stale && options.stale === 'drop') {
      outcome.consume('stale')
      return void ended(place, timeMs)
    }
    const metric = metrics.get(rows[place + Row.Second] as number)
    const { resource, scope, process } = sources.get(rows[place + Row.First] as number)
    const ownMs = histogram.startMs || (request.seriesCreatedMs[series] as number)
    const reset = histogram.resetHint === ResetHint.Yes
    const told = starts?.decide(place, { ms: timeMs, value: countOf(result.body), ownMs, reset, processMs: process.startMs }, noValue)
    if (told !== undefined && told.fate !== StartFate.Write && !result.stale) return void outcome.consume('start')
    const isExponential = result.body.kind === 'exponential'
    const at = points.add(resource, scope, metric.as(isExponential ? MetricData.ExponentialHistogram : MetricData.Histogram), result.body)
    const kind = (rows[place + Row.Kind] as number) & ~(wasExponential | wasExplicit)
    rows[place + Row.Kind] = kind | (isExponential ? wasExponential : wasExplicit)
    finish(at, place, timeMs, told?.startMs ?? (ownMs || startOfRow(place)))
    if (result.stale) {
      points.flags[at] = noRecordedValue
      ended(place, timeMs)
    }
  }

  return {
    starts,
    before,
    order,
    isFaulty,
    ended,
    sorted,
    series(request, series, place, context, taken = 0) {
      outcome.touch(place)
      const before = points.count
      const from = request.seriesSamples[series] as number
      const to = request.seriesSamples[series + 1] as number
      const first = request.seriesHistograms[series] as number
      const last = request.seriesHistograms[series + 1] as number
      const items = to - from - taken + last - first
      const size = items * ((streams.words[place + Row.AttributesBytes] as number) || state.large(place).byteLength)
      if (size > outcome.room) return void refuse(request, series, tooLarge, items)
      outcome.room -= size
      if (
        dropsGaugeHistograms &&
        to > from &&
        metrics.get(streams.words[place + Row.Second] as number).type === MetricType.GaugeHistogram
      ) {
        outcome.samples += to - from
        outcome.dropped.set('gaugehistogram', (outcome.dropped.get('gaugehistogram') ?? 0) + to - from)
      } else if (to - from === 1) sample(request, series, place, from, context)
      else if (to > from) {
        const places = sorted(request, from, to)
        for (let at = from + taken; at < to; at++)
          sample(request, series, place, places === undefined ? at : (places[at - from] as number), context)
      }
      if (last > first) for (const histogram of histogramsOf(request, first, last)) native(request, series, place, histogram, context)
      if (request.exemplarsOf(series) > 0) {
        exemplars.attach(request, series, place, points.count > before ? points.count - 1 : -1)
      }
    },
  }
}
