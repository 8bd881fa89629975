/** Start times that an option gives, or a sample of zero: what is remembered for them of each stream, beside its row. Section 7.4 of the mapping. */

import { msAt, putMs } from './row-times.ts'
import { type CumulativePoint, createDecision, decideStart, type StartDecision, type StartOptions, type StreamStart } from './start-time.ts'
import { isTold, type PrometheusState } from './state.ts'
import { Row } from './streams.ts'

export interface Starts {
  /**
   * Decides the start of a cumulative point and remembers it in the row. The decision is used again.
   * @param value of histograms and summaries the count
   * @param before what the row said of its last point before this one
   */
  decide(place: number, point: CumulativePoint, before: LastPoint): StartDecision
}

/** The last point of a stream. */
export interface LastPoint {
  /** 0: there was none. */
  ms: number
  value: number
}

/** Undefined when no option asks for starts: those that senders say are all there is. */
export function createStarts(state: PrometheusState): Starts | undefined {
  const { streams, options, starts } = state
  if (options.startTime === 'unset' && options.zeroSample === 'forward') return undefined
  const { startTime, zeroSample } = options
  const decided: StartOptions = { startTime, zeroSample, subtract: options.firstSeen.subtract }
  const decision = createDecision()

  /** What a row says of a stream that nothing more is remembered of: it was read from disk, or is new. */
  const fromRow = (place: number, before: LastPoint): StreamStart => {
    const rows = streams.words
    return {
      timeMs: before.ms,
      value: Number.isNaN(before.value) ? 0 : before.value,
      startMs: msAt(rows, place + Row.StartHi),
      told: ((rows[place + Row.Kind] as number) & isTold) !== 0,
      base: 0,
    }
  }

  return {
    decide(place, point, before) {
      let stream = starts.get(place)
      if (stream === undefined) starts.set(place, (stream = fromRow(place, before)))
      decideStart(stream, point, decided, decision)
      putMs(streams.words, place + Row.StartHi, stream.startMs)
      return decision
    },
  }
}
