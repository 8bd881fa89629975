/** Series that are used up: `target_info`, `otel_scope_info`, `…_created`. Sections 7.4, 8.3 and 8.4 of the mapping. */

import { toDouble } from '../../otlp/time.ts'
import { createdRows } from './created.ts'
import { staleHi, staleLo, type WriteRequest } from './model.ts'
import { putMs } from './row-times.ts'
import { type Label, readLabels, withoutReplica } from './series-labels.ts'
import { tellStart } from './start-time.ts'
import { isTold, Kind, kindMask, type PrometheusState } from './state.ts'
import { Row } from './streams.ts'
import { targetKey } from './targets.ts'
import type { WriteContext } from './write-context.ts'
import type { WriteOutcome } from './write-outcome.ts'

export interface StateSeries {
  /** Uses up the samples of a row that is of such a kind. */
  series(request: WriteRequest, series: number, place: number, context: WriteContext): void
  /** Takes the start out of a row that has points of its own. Returns whether there is anything that it is the start of. */
  tells(request: WriteRequest, series: number, place: number): boolean
  /** Takes in all `target_info` of a request before anything else of it. */
  targetsFirst(request: WriteRequest, context: WriteContext, isTargetInfo: (series: number) => boolean): void
}

/** Labels that say what a series is, not which. */
const ownLabels: ReadonlySet<string> = new Set(['__name__', '__type__', '__unit__'])

/** Job, instance and the rest of the labels of a series that tells of a target. */
export function targetOf(labels: readonly Label[]): { job: string; instance: string; rest: readonly Label[] } {
  let job = ''
  let instance = ''
  const rest: Label[] = []
  for (const label of labels) {
    if (label[0] === 'job') job = label[1]
    else if (label[0] === 'instance') instance = label[1]
    else if (!ownLabels.has(label[0])) rest.push(label)
  }
  return { job, instance, rest }
}

/** True for a value that takes back what the series says: 0, or the end of it. */
const takesBack = (hi: number, lo: number): boolean => (hi === staleHi && lo === staleLo) || ((hi & 0x7fffffff) | lo) === 0

/** The newest sample of a series, the last of those; −1: it has none. */
function newestSample({ seriesSamples, sampleMs }: WriteRequest, series: number): number {
  const to = seriesSamples[series + 1] as number
  let newest = -1
  for (let at = seriesSamples[series] as number; at < to; at++) {
    if (newest < 0 || (sampleMs[at] as number) >= (sampleMs[newest] as number)) newest = at
  }
  return newest
}

export function createStateSeries(state: PrometheusState, outcome: WriteOutcome, dotted: (name: string) => string): StateSeries {
  const { streams, targets, limits, options } = state

  /** Returns whether there is anything that it is the start of. */
  const created = (request: WriteRequest, series: number, place: number, name: number): boolean => {
    let isLive = false
    const rows = streams.words
    const to = request.seriesSamples[series + 1] as number
    const hash = { a: rows[place + Row.HashA] as number, b: rows[place + Row.HashB] as number, c: rows[place + Row.HashC] as number }
    const names = state.createdNames.get(name)
    for (let at = request.seriesSamples[series] as number; at < to; at++) {
      // Unix seconds, as the exposition formats say; fractions of a millisecond are of no use to anybody.
      const startMs = Math.round(toDouble(request.sampleHi[at] as number, request.sampleLo[at] as number) * 1000)
      if (startMs > (request.sampleMs[at] as number)) outcome.startsAfter++
      if (!(startMs > 0 && startMs <= (request.sampleMs[at] as number))) continue
      for (const target of createdRows(streams, hash, names)) {
        isLive = true
        putMs(rows, target + Row.StartHi, startMs)
        rows[target + Row.Kind] = (rows[target + Row.Kind] as number) | isTold
        const stream = state.starts.get(target)
        if (stream !== undefined) tellStart(stream, startMs)
      }
    }
    return isLive
  }

  return {
    series(request, series, place, _context) {
      const samples = request.floatsOf(series)
      outcome.samples += samples
      const kind = (streams.words[place + Row.Kind] as number) & kindMask
      if (kind === Kind.Created) {
        created(request, series, place, streams.words[place + Row.First] as number)
        outcome.consume('created', samples)
      } else outcome.consume(kind === Kind.TargetInfo ? 'target_info' : 'scope_info', samples)
    },
    tells(request, series, place) {
      const name = state.tells.get(place)
      return name !== undefined && created(request, series, place, name)
    },
    targetsFirst(request, { tenant, nowMs }, isTargetInfo) {
      for (let series = 0; series < request.seriesCount; series++) {
        const last = newestSample(request, series)
        if (last < 0 || !isTargetInfo(series)) continue
        const read = readLabels(request, series, limits)
        // Refused where its turn comes.
        if (!('labels' in read)) continue
        const { job, instance, rest } = targetOf(withoutReplica(read.labels, options.ha))
        const key = targetKey(tenant, job, instance)
        const attributes = rest.map(([name, value]): Label => [dotted(name), value])
        if (takesBack(request.sampleHi[last] as number, request.sampleLo[last] as number)) targets.forget(key, attributes)
        else {
          if (!targets.has(key)) state.news++
          targets.set(key, attributes, nowMs)
        }
      }
    },
  }
}
