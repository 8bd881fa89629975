/**
 * Remote-write requests → OTLP metrics. What is remembered between requests is the state's: a series that is known costs a look-up by hash, a
 * look at its order, and its point. What is met first, or under other metadata, is looked at in series.ts.
 *
 * Every sample ends in exactly one of: a point, held by the assembler, consumed with a reason, refused with a reason.
 * @see sections 3, 5 and 7 of the mapping
 */

import { dottedName } from './dotted.ts'
import { createExemplars } from './exemplar-places.ts'
import { type Hash, labelA, labelB, labelC, type TextHash } from './hash.ts'
import { createMemberWriter } from './members.ts'
import type { WriteRequest } from './model.ts'
import { createPlainWriter } from './plain.ts'
import { createSeriesReader } from './series.ts'
import { describeSeries, type Refusal } from './series-labels.ts'
import { Kind, kindMask, type PrometheusState } from './state.ts'
import { createStateSeries } from './state-series.ts'
import { Row } from './streams.ts'
import type { WriteContext } from './write-context.ts'
import { WriteOutcome } from './write-outcome.ts'

export interface WriteTranslator {
  /** The outcome is the translator's own, and valid until the next call. Keeps nothing of the request. */
  translate(request: WriteRequest, context: WriteContext): WriteOutcome
  /** The request was not taken: it may come again, and is no duplicate then. @param touched places out of its outcome */
  forget(touched: Iterable<number>): void
}

const both: Refusal = { reason: 'samples_and_histograms', why: 'it has samples and histograms' }

/** Creates the translator of a state; there is one for each. */
export function createWriteTranslator(state: PrometheusState): WriteTranslator {
  const { hasher, streams, options } = state
  const outcome = new WriteOutcome()
  const reader = createSeriesReader(state)
  const exemplars = createExemplars(state, outcome)
  const plain = createPlainWriter(state, outcome, exemplars)
  const members = createMemberWriter(state, outcome, exemplars, plain)
  const special = createStateSeries(state, outcome, options.targetInfo.dotted ? dottedName : (name) => name)
  const hash: Hash = { a: 0, b: 0, c: 0 }
  const nameLabel = hasher.text('__name__')
  const typeLabel = hasher.text('__type__')
  const unitLabel = hasher.text('__unit__')
  const targetInfo = hasher.text('target_info')
  const replicaLabels = options.ha.enabled ? options.ha.replicaLabels.map((name) => hasher.text(name)) : []
  const clusterLabel = hasher.text(options.ha.clusterLabel)
  /** Series of which others of the same request say what they are. */
  const later: number[] = []
  let tenantOf = ''
  let tenantHash = hasher.tenant('')

  const isText = (symbol: number, { one, two }: TextHash): boolean => hasher.one[symbol] === one && hasher.two[symbol] === two

  /** Sums up the labels of a series. Labels that say what a series is, not which, are left out; so is the replica of a pair. */
  const hashSeries = (request: WriteRequest, series: number): void => {
    const { labelName, labelValue, symbolStart, symbolEnd } = request
    const { one, two } = hasher
    const to = request.seriesLabels[series + 1] as number
    let { a, b, c } = tenantHash
    for (let at = request.seriesLabels[series] as number; at < to; at++) {
      const value = labelValue[at] as number
      if (symbolStart[value] === symbolEnd[value]) continue
      const name = labelName[at] as number
      const nameOne = one[name] as number
      const nameTwo = two[name] as number
      if (nameOne === typeLabel.one ? nameTwo === typeLabel.two : nameOne === unitLabel.one && nameTwo === unitLabel.two) continue
      if (replicaLabels.length > 0 && replicaLabels.some((label) => isText(name, label))) continue
      const valueOne = one[value] as number
      const valueTwo = two[value] as number
      a = (a + labelA(nameOne, valueOne)) | 0
      b = (b + labelB(nameTwo, valueTwo)) | 0
      c = (c + labelC(nameOne, valueTwo)) | 0
    }
    hash.a = a
    hash.b = b
    hash.c = c
  }

  /** What a row must have been looked at under: the state's generation, and the metadata that came with the series. */
  const generationOf = (request: WriteRequest, series: number): number => {
    if (request.version === 1) return state.generation
    const type = request.seriesType[series] as number
    const help = request.seriesHelp[series] as number
    const unit = request.seriesUnit[series] as number
    if (type === 0 && help === 0 && unit === 0) return state.generation
    const word = labelA(hasher.one[help] as number, hasher.one[unit] as number) ^ Math.imul(type, 0x9e3779b1)
    return state.generation ^ (word & ~1)
  }

  const textOfLabel = (request: WriteRequest, series: number, label: TextHash): string | undefined => {
    for (let at = request.seriesLabels[series] as number; at < (request.seriesLabels[series + 1] as number); at++) {
      if (!isText(request.labelName[at] as number, label)) continue
      const symbol = request.labelValue[at] as number
      return Buffer.from(request.body.subarray(request.symbolStart[symbol], request.symbolEnd[symbol])).toString()
    }
    return undefined
  }

  /** True when the replica that sent this is not the one its cluster is heard through. */
  const isOtherReplica = (request: WriteRequest, series: number, tenant: string, nowMs: number): boolean => {
    const cluster = textOfLabel(request, series, clusterLabel)
    if (cluster === undefined) return false
    for (const label of replicaLabels) {
      const replica = textOfLabel(request, series, label)
      if (replica !== undefined) return !state.elections.accept(`${tenant}\u0000${cluster}`, replica, nowMs)
    }
    return false
  }

  const learnMetadata = (request: WriteRequest, tenant: string, nowMs: number): void => {
    const text = (symbol: number): string =>
      Buffer.from(request.body.subarray(request.symbolStart[symbol], request.symbolEnd[symbol])).toString()
    for (const { type, family, help, unit } of request.metadata) {
      state.types.learn(tenant, text(family), type, text(help), text(unit), nowMs)
    }
  }

  const refuse = (request: WriteRequest, series: number, refusal: Refusal, items: number): void => {
    outcome.refuse(refusal, items, () => `series ${series} ${describeSeries(request, series)}`)
  }

  /** One series: what it is, and what becomes of its samples. */
  const takeSeries = (request: WriteRequest, series: number, context: WriteContext, generation: number, isLast = false): void => {
    const firstSample = request.seriesSamples[series] as number
    const lastSample = request.seriesSamples[series + 1] as number
    const firstHistogram = request.seriesHistograms[series] as number
    const lastHistogram = request.seriesHistograms[series + 1] as number
    const items = lastSample - firstSample + lastHistogram - firstHistogram
    outcome.receivedFloats += lastSample - firstSample
    outcome.receivedHistograms += lastHistogram - firstHistogram
    if (items === 0) {
      const first = request.seriesExemplars[series] as number
      if (first < (request.seriesExemplars[series + 1] as number)) exemplars.defer(series)
      else if (request.version === 2 && (request.seriesType[series] as number) !== 0) reader.learn(request, series, context)
      return
    }
    if (lastSample > firstSample && lastHistogram > firstHistogram) return void refuse(request, series, both, items)
    if (replicaLabels.length > 0 && isOtherReplica(request, series, context.tenant, context.nowMs)) {
      outcome.consume('ha', items)
      outcome.samples += lastSample - firstSample
      outcome.histograms += lastHistogram - firstHistogram
      return
    }
    hashSeries(request, series)
    let place = streams.find(hash.a, hash.b, hash.c)
    const isNative = lastHistogram > firstHistogram
    if (place < 0 || streams.words[place + Row.Generation] !== generation || (isNative && !reader.isNative(place))) {
      const result = reader.read(request, series, { hash, place, generation, isNative, isLast }, context)
      if (result === 'later') return void later.push(series)
      if (typeof result !== 'number') return void refuse(request, series, result, items)
      place = result
    }
    streams.words[place + Row.Seen] = (context.nowMs / 1000) | 0
    const kind = (streams.words[place + Row.Kind] as number) & kindMask
    if (kind === Kind.Plain) plain.series(request, series, place, context)
    else if (kind > Kind.Quantile) special.series(request, series, place, context)
    else if (!members.series(request, series, place, context)) {
      // It has turned out to be none: it is looked at again, and taken for what it is.
      streams.words[place + Row.Generation] = 0
      outcome.receivedFloats -= items
      takeSeries(request, series, context, generation, isLast)
    }
  }

  return {
    translate(request, context) {
      outcome.clear()
      const { tenant, nowMs, only } = context
      state.renew(nowMs)
      if (tenant !== tenantOf) {
        tenantOf = tenant
        tenantHash = hasher.tenant(tenant)
      }
      const hasTargetInfo = hasher.symbols(request, targetInfo)
      if (request.metadata.length > 0 && only === undefined) learnMetadata(request, tenant, nowMs)
      // What it says of a target holds for all of the request, wherever in it it stands.
      if (hasTargetInfo) special.targetsFirst(request, context, (series) => isNamed(request, series, targetInfo))
      const count = only?.length ?? request.seriesCount
      for (let at = 0; at < count; at++) {
        const series = only === undefined ? at : (only[at] as number)
        takeSeries(request, series, context, generationOf(request, series))
      }
      for (const series of later) {
        outcome.receivedFloats -= (request.seriesSamples[series + 1] as number) - (request.seriesSamples[series] as number)
        takeSeries(request, series, context, generationOf(request, series), true)
      }
      later.length = 0
      exemplars.settle(request, context, (series) => {
        hashSeries(request, series)
        return streams.find(hash.a, hash.b, hash.c)
      })
      outcome.emission = state.assembler.take(nowMs, outcome.points)
      for (const { id, kind } of state.assembler.decisions()) {
        const [tenantOfFamily, family] = state.undecided.get(id) ?? []
        if (tenantOfFamily !== undefined && family !== undefined) state.types.decided(tenantOfFamily, family, kind, nowMs)
      }
      if (state.types.settle()) state.outdated(nowMs)
      state.revision++
      return outcome
    },
    forget(touched) {
      const { words } = streams
      for (const place of touched) {
        words[place + Row.TimeHi] = 0
        words[place + Row.TimeLo] = 0
      }
    },
  }

  function isNamed(request: WriteRequest, series: number, name: TextHash): boolean {
    for (let at = request.seriesLabels[series] as number; at < (request.seriesLabels[series + 1] as number); at++) {
      if (isText(request.labelName[at] as number, nameLabel)) return isText(request.labelValue[at] as number, name)
    }
    return false
  }
}
