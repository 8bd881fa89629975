/** Where exemplars go: the newest point of their series in the request, or its next one. Section 7.5 of the mapping. */

import type { EncodedExemplar } from '../../otlp/metrics.ts'
import { encodeExemplar, sameExemplar } from './exemplars.ts'
import type { WriteRequest } from './model.ts'
import { describeSeries } from './series-labels.ts'
import { hasExemplars, Kind, kindMask, type PrometheusState } from './state.ts'
import { Row } from './streams.ts'
import type { WriteContext } from './write-context.ts'
import type { WriteOutcome } from './write-outcome.ts'

export interface ExemplarPlaces {
  /** A point of a row was added; exemplars that wait for it go with it. */
  added(place: number, point: number): void
  /** The exemplars of a series, to a point of it; −1: they wait for the next one. */
  attach(request: WriteRequest, series: number, place: number, point: number): void
  /** The exemplars of a series whose samples stand in the assembler, at a time. */
  attachMember(request: WriteRequest, series: number, place: number, family: number, ms: number): void
  /** A series that has nothing but exemplars: those of Prometheus come like this, beside the series they belong to. */
  defer(series: number): void
  /** Finds a place for what was deferred. @param find the row of a series; −1: there is none */
  settle(request: WriteRequest, context: WriteContext, find: (series: number) => number): void
}

const newest = -1
const two32 = 4294967296

export function createExemplars(state: PrometheusState, outcome: WriteOutcome): ExemplarPlaces {
  const { points, exemplarResults: results } = outcome
  const deferred: number[] = []
  let rowOfPoint = new Int32Array(1024)

  const push = (point: number, exemplar: EncodedExemplar): void => {
    const before = points.exemplars[point]
    if (before?.some((one) => sameExemplar(one, exemplar)) === true) {
      results.duplicate++
      return
    }
    points.exemplars[point] = before === undefined ? [exemplar] : [...before, exemplar]
    results.attached++
  }

  /** Each exemplar of a series that can be read. */
  const each = (request: WriteRequest, series: number, place: number, take: (exemplar: EncodedExemplar) => void): void => {
    const to = request.seriesExemplars[series + 1] as number
    const { words } = state.streams
    const rowMs = (words[place + Row.TimeHi] as number) * two32 + ((words[place + Row.TimeLo] as number) >>> 0)
    for (let at = request.seriesExemplars[series] as number; at < to; at++) {
      const exemplar = encodeExemplar(request, at, rowMs)
      if ('refused' in exemplar) {
        outcome.refuse({ reason: exemplar.refused, why: exemplar.why }, 0, () => `series ${series} ${describeSeries(request, series)}`)
        results.dropped++
        continue
      }
      outcome.exemplars++
      take(exemplar)
    }
  }

  const wait = (place: number, exemplar: EncodedExemplar): void => {
    if (state.keepExemplar(place, exemplar)) results.held++
    else results.dropped++
  }

  const attach: ExemplarPlaces['attach'] = (request, series, place, point) =>
    each(request, series, place, (exemplar) => (point < 0 ? wait(place, exemplar) : push(point, exemplar)))

  const attachMember: ExemplarPlaces['attachMember'] = (request, series, place, family, ms) =>
    each(request, series, place, (exemplar) => {
      if (state.assembler.exemplar(family, ms === newest ? undefined : ms, exemplar)) results.attached++
      else wait(place, exemplar)
    })

  const orphan = (request: WriteRequest, series: number): void => {
    const count = (request.seriesExemplars[series + 1] as number) - (request.seriesExemplars[series] as number)
    results.dropped += count
    if (request.version === 1) return
    const refusal = { reason: 'exemplar_without_sample', why: 'it has exemplars only, and nothing is known of the series' }
    outcome.refuse(refusal, 0, () => `series ${series} ${describeSeries(request, series)}`)
  }

  return {
    added(place, point) {
      if (point >= rowOfPoint.length) {
        const larger = new Int32Array(rowOfPoint.length * 2)
        larger.set(rowOfPoint)
        rowOfPoint = larger
      }
      rowOfPoint[point] = place
      const { words } = state.streams
      const kind = words[place + Row.Kind] as number
      if ((kind & hasExemplars) === 0) return
      words[place + Row.Kind] = kind & ~hasExemplars
      for (const exemplar of state.takeExemplars(place)) push(point, exemplar)
    },
    attach,
    attachMember,
    defer: (series) => void deferred.push(series),
    settle(request, _context, find) {
      if (deferred.length === 0) return
      const lastPoint = new Map<number, number>()
      for (let point = 0; point < points.count; point++) lastPoint.set(rowOfPoint[point] as number, point)
      for (const series of deferred) {
        const place = find(series)
        const kind = place < 0 ? Kind.None : (state.streams.words[place + Row.Kind] as number) & kindMask
        if (kind === Kind.Plain) attach(request, series, place, lastPoint.get(place) ?? -1)
        else if (kind >= Kind.Bucket && kind <= Kind.Quantile)
          attachMember(request, series, place, state.streams.words[place + Row.First] as number, newest)
        else orphan(request, series)
      }
      deferred.length = 0
    },
  }
}
