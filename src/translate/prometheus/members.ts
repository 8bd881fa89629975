/** Samples of members of classic histograms and summaries: to the assembler. Section 5 of the mapping. */

import { fromDouble, toDouble, type Words } from '../../otlp/time.ts'
import { Member } from './assembler.ts'
import type { ExemplarPlaces } from './exemplar-places.ts'
import { staleHi, staleLo, type WriteRequest } from './model.ts'
import { Order, type PlainWriter } from './plain.ts'
import { forgetTime, msAt } from './row-times.ts'
import type { Refusal } from './series-labels.ts'
import { StartFate } from './start-time.ts'
import { hasFactor, Kind, kindMask, type PrometheusState } from './state.ts'
import { Row } from './streams.ts'
import type { WriteContext } from './write-context.ts'
import type { WriteOutcome } from './write-outcome.ts'

export interface MemberWriter {
  /** Returns how many of its samples were taken, in order of time: all, unless the series has turned out to be no member. */
  series(request: WriteRequest, series: number, place: number, context: WriteContext): number
}

const noMember: Refusal = {
  reason: 'histogram_member',
  why: 'its histogram has too many bounds, or too many times of it are incomplete at once',
}

export function createMemberWriter(
  state: PrometheusState,
  outcome: WriteOutcome,
  exemplars: ExemplarPlaces,
  plain: PlainWriter,
): MemberWriter {
  const { streams, assembler } = state
  const words: Words = { hi: 0, lo: 0 }

  /** Returns false when the series is no member any more. */
  const sample = (request: WriteRequest, series: number, place: number, at: number, context: WriteContext): boolean => {
    const ms = request.sampleMs[at] as number
    let hi = request.sampleHi[at] as number
    let lo = request.sampleLo[at] as number
    const found = plain.order(request, series, place, ms, hi, lo, context)
    if (found === Order.Refused) return true
    if (found === Order.Duplicate) {
      outcome.samples++
      outcome.consume('duplicate')
      return true
    }
    const rows = streams.words
    const kind = rows[place + Row.Kind] as number
    const family = rows[place + Row.First] as number
    const isStale = hi === staleHi && lo === staleLo
    if ((kind & hasFactor) !== 0 && !isStale) {
      fromDouble(toDouble(hi, lo) * (state.factors.get(family) ?? 1), words)
      hi = words.hi
      lo = words.lo
    }
    // The kinds of members stand one above the assembler's own numbers.
    const member = (kind & kindMask) - 1
    const bound = toDouble(rows[place + Row.Second] as number, rows[place + Row.Attributes] as number)
    const ownMs = (request.sampleStartMs[at] as number) || (request.seriesCreatedMs[series] as number)
    let startMs = ownMs || msAt(rows, place + Row.StartHi)
    if (startMs > ms) outcome.startsAfter++
    if (plain.starts !== undefined && !isStale) {
      // Sums and quantiles may fall at any time: of a new beginning they say nothing.
      const counts = member === Member.Bucket || member === Member.Count
      const point = { ms, value: counts ? toDouble(hi, lo) : Number.NaN, ownMs, reset: false, processMs: processMs(family) }
      const decision = plain.starts.decide(place, point, plain.before)
      if (decision.fate !== StartFate.Write) {
        outcome.samples++
        outcome.consume('start')
        return true
      }
      startMs = counts ? decision.startMs : 0
    }
    const result = assembler.add(family, member, bound, ms, hi, lo, startMs > 0 && startMs <= ms ? startMs : 0, context.nowMs)
    if (result === 'gauge') return false
    if (result === 'refused') {
      outcome.refuse(noMember, 1, request, series)
      return true
    }
    if (result === 'full') {
      outcome.full++
      return true
    }
    outcome.samples++
    if (isStale) plain.ended(place, ms)
    if (result === 'held') {
      outcome.held++
      outcome.members.push(series, family, ms)
    } else outcome.consume(result)
    return true
  }

  const processMs = (family: number): number => {
    const source = state.families.sourceOf(family)
    return source === undefined ? 0 : state.outputs.sources.get(source).process.startMs
  }

  return {
    series(request, series, place, context) {
      outcome.touch(place)
      const from = request.seriesSamples[series] as number
      const to = request.seriesSamples[series + 1] as number
      const places = to - from > 1 ? plain.sorted(request, from, to) : undefined
      let ms = 0
      for (let at = from; at < to; at++) {
        const which = places === undefined ? at : (places[at - from] as number)
        if (!sample(request, series, place, which, context)) {
          // Its time was not used up: whoever takes it must not think that it comes for the second time.
          forgetTime(streams.words, place)
          return at - from
        }
        ms = request.sampleMs[which] as number
      }
      const family = streams.words[place + Row.First] as number
      exemplars.addedMember(place, family, ms)
      if (request.exemplarsOf(series) > 0) exemplars.attachMember(request, series, place, family, ms)
      return to - from
    },
  }
}

/** The kind of a member's row. @param member out of `Member` of the assembler */
export const kindOfMember = (member: number): number => Kind.Bucket + member - 1
