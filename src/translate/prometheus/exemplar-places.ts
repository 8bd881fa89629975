/** Where exemplars go: the newest point of their series in the request, or its next one. Section 7.5 of the mapping. */

import type { EncodedExemplar } from '../../otlp/metrics.ts'
import { type ExemplarRefusal, encodeExemplar, inBuckets, sameExemplar } from './exemplars.ts'
import type { WriteRequest } from './model.ts'
import { msAt } from './row-times.ts'
import { hasExemplars, Kind, kindMask, type PrometheusState } from './state.ts'
import { Row } from './streams.ts'
import type { WriteContext } from './write-context.ts'
import { maxExemplarsBytes, type WriteOutcome } from './write-outcome.ts'

export interface ExemplarPlaces {
  /** A point of a row was added; exemplars that wait for it go with it. */
  added(place: number, point: number): void
  /** A sample of a member was given to the assembler, at a time; exemplars that wait for its row go with it. */
  addedMember(place: number, family: number, ms: number): void
  /** The exemplars of a series, to a point of it; −1: they wait for the next one. */
  attach(request: WriteRequest, series: number, place: number, point: number): void
  /** The exemplars of a series whose sample of this time stands in the assembler, or stood there: then they wait for the next one. */
  attachMember(request: WriteRequest, series: number, place: number, family: number, ms: number): void
  /** Exemplars that wait with their series. */
  keep(count: number): void
  /** Exemplars that are left out on purpose: written, as far as the sender is concerned. */
  leaveOut(count: number): void
  /** A series that has nothing but exemplars: those of Prometheus come like this, beside the series they belong to. */
  defer(series: number): void
  /** Finds a place for what was deferred. @param find the row of a series; −1: there is none; `waits`: it waits with its series */
  settle(request: WriteRequest, context: WriteContext, find: (series: number) => number | 'waits'): void
}

/** Of one point. */
const mostExemplars = 128
/** What an exemplar takes beside its labels. */
const exemplarBytes = 64

const tooMany = { refused: 'exemplars_too_many', why: `a point has more than ${mostExemplars} exemplars` } as const
const tooLarge = { refused: 'exemplars_too_large', why: `exemplars of this request have more than ${maxExemplarsBytes} bytes` } as const

export function createExemplars(state: PrometheusState, outcome: WriteOutcome): ExemplarPlaces {
  const { points, exemplarResults: results } = outcome
  const deferred: number[] = []
  /** Points with more than one. */
  const several = new Set<number>()
  let rowOfPoint = new Int32Array(1024)

  /** Time of the last sample of a row. */
  const timeOf = (place: number): number => msAt(state.streams.words, place + Row.TimeHi)

  /** Returns false when the point has too many. */
  const push = (point: number, exemplar: EncodedExemplar): boolean => {
    const before = points.exemplars[point]
    if (before?.some((one) => sameExemplar(one, exemplar)) === true) {
      results.duplicate++
      return true
    }
    if (before !== undefined && before.length >= mostExemplars) return false
    if (before !== undefined) several.add(point)
    points.exemplars[point] = before === undefined ? [exemplar] : [...before, exemplar]
    results.attached++
    return true
  }

  const refuse = (
    request: WriteRequest,
    series: number,
    { refused, why }: Pick<ExemplarRefusal, 'why'> & { refused: string },
    count = 1,
  ): void => {
    outcome.refuse({ reason: refused, why }, 0, request, series)
    results.dropped += count
  }

  /** Each exemplar of a series that can be read. @param take returns false when there is no place for it */
  const each = (request: WriteRequest, series: number, place: number, take: (exemplar: EncodedExemplar) => boolean): void => {
    const to = request.seriesExemplars[series + 1] as number
    const rowMs = timeOf(place)
    for (let at = request.seriesExemplars[series] as number; at < to; at++) {
      if (outcome.exemplarRoom < 0) {
        refuse(request, series, tooLarge, to - at)
        return
      }
      const exemplar = encodeExemplar(request, at, rowMs)
      if ('refused' in exemplar) {
        refuse(request, series, exemplar)
        continue
      }
      outcome.exemplarRoom -= exemplarBytes + exemplar.attributes.length
      if (take(exemplar)) outcome.exemplars++
      else refuse(request, series, tooMany)
    }
  }

  const wait = (place: number, exemplar: EncodedExemplar): true => {
    if (state.keepExemplar(place, exemplar)) results.held++
    else results.dropped++
    return true
  }

  const attach: ExemplarPlaces['attach'] = (request, series, place, point) =>
    each(request, series, place, (exemplar) => (point < 0 ? wait(place, exemplar) : push(point, exemplar)))

  const attachMember: ExemplarPlaces['attachMember'] = (request, series, place, family, ms) =>
    each(request, series, place, (exemplar) => {
      if (!state.assembler.exemplar(family, ms, exemplar)) return wait(place, exemplar)
      results.attached++
      // As long as the group waits the request is kept: for its exemplars, too.
      outcome.members.push(series, family, ms)
      return true
    })

  const orphan = (request: WriteRequest, series: number): void => {
    results.dropped += request.exemplarsOf(series)
    if (request.version === 1) return
    const refusal = { reason: 'exemplar_without_sample', why: 'it has exemplars only, and nothing is known of the series' }
    outcome.refuse(refusal, 0, request, series)
  }

  const settleDeferred = (request: WriteRequest, find: (series: number) => number | 'waits'): void => {
    if (deferred.length === 0) return
    const lastPoint = new Map<number, number>()
    for (let point = 0; point < points.count; point++) lastPoint.set(rowOfPoint[point] as number, point)
    for (const series of deferred) {
      const place = find(series)
      if (place === 'waits') continue
      const kind = place < 0 ? Kind.None : (state.streams.words[place + Row.Kind] as number) & kindMask
      if (kind === Kind.Plain) attach(request, series, place, lastPoint.get(place) ?? -1)
      else if (kind >= Kind.Bucket && kind <= Kind.Quantile)
        attachMember(request, series, place, state.streams.words[place + Row.First] as number, timeOf(place))
      else orphan(request, series)
    }
    deferred.length = 0
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
      for (const exemplar of state.takeExemplars(place)) if (!push(point, exemplar)) results.dropped++
    },
    addedMember(place, family, ms) {
      const { words } = state.streams
      const kind = words[place + Row.Kind] as number
      if ((kind & hasExemplars) === 0) return
      words[place + Row.Kind] = kind & ~hasExemplars
      for (const exemplar of state.takeExemplars(place)) {
        if (state.assembler.exemplar(family, ms, exemplar)) results.attached++
        else if (!state.keepExemplar(place, exemplar)) results.dropped++
      }
    },
    attach,
    attachMember,
    keep(count) {
      outcome.exemplars += count
      results.held += count
    },
    leaveOut(count) {
      outcome.exemplars += count
      results.dropped += count
    },
    defer: (series) => void deferred.push(series),
    settle(request, _context, find) {
      outcome.exemplarsSeen = request.exemplarCount > 0
      settleDeferred(request, find)
      for (const point of several) {
        const body = points.bodies[point]
        if (body?.kind === 'explicit') points.exemplars[point] = inBuckets(points.exemplars[point] ?? [], body.bounds)
      }
      several.clear()
    },
  }
}
