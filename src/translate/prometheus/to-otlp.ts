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
import { SeriesFault, type WriteRequest } from './model.ts'
import { createPlainWriter } from './plain.ts'
import { forgetTime } from './row-times.ts'
import { createSeriesReader, type Met } from './series.ts'
import { maxLabelBytes, metaText, type Refusal } from './series-labels.ts'
import { Kind, kindMask, type PrometheusState, tellsStart } from './state.ts'
import { createStateSeries } from './state-series.ts'
import { Row } from './streams.ts'
import { behindMs, type Wait } from './waits.ts'
import type { WriteContext } from './write-context.ts'
import { WriteOutcome } from './write-outcome.ts'

export interface WriteTranslator {
  /** The outcome is the translator's own, and valid until the next call. Keeps nothing of the request. */
  translate(request: WriteRequest, context: WriteContext): WriteOutcome
  /** The request was not taken: it may come again, and is no duplicate then. @param touched places out of its outcome */
  forget(touched: Iterable<number>): void
}

/** Of the labels of HA pairs. */
const maxReplicaBytes = 1024
/** Pairs of cluster and replica of one request that are looked up once. */
const mostHeard = 16

/** What is known of a series before it is looked at. */
type Known = Pick<Met, 'place' | 'generation' | 'isNative' | 'isLast'>

/** What a decoder found: not all of the series is there. */
const faults: readonly (Refusal | undefined)[] = [
  undefined,
  { reason: 'too_many_labels', why: 'it, or an exemplar of it, has more labels than are taken' },
  { reason: 'histogram_too_many_buckets', why: 'a histogram of it has too many buckets' },
]
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
  const consumesCreated = options.created === 'consume'
  const hash: Hash = { a: 0, b: 0, c: 0 }
  const nameLabel = hasher.text('__name__')
  const typeLabel = hasher.text('__type__')
  const unitLabel = hasher.text('__unit__')
  const targetInfo = hasher.text('target_info')
  const replicaLabels = options.ha.enabled ? options.ha.replicaLabels.map((name) => hasher.text(name)) : []
  const clusterLabel = hasher.text(options.ha.clusterLabel)
  /** Replicas of this request, by the hashes of cluster and replica. */
  const heard: { readonly a: number; readonly b: number; readonly c: number; readonly d: number; readonly isOther: boolean }[] = []
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
    const leavesReplica = isOfCluster(request, series)
    let { a, b, c } = tenantHash
    for (let at = request.seriesLabels[series] as number; at < to; at++) {
      const value = labelValue[at] as number
      if (symbolStart[value] === symbolEnd[value]) continue
      const name = labelName[at] as number
      const nameOne = one[name] as number
      const nameTwo = two[name] as number
      if (nameOne === typeLabel.one ? nameTwo === typeLabel.two : nameOne === unitLabel.one && nameTwo === unitLabel.two) continue
      if (leavesReplica && replicaLabels.some((label) => isText(name, label))) continue
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

  /** The value of a label, as a symbol; 0: it has none. */
  const labelValueOf = (request: WriteRequest, series: number, label: TextHash): number => {
    const to = request.seriesLabels[series + 1] as number
    for (let at = request.seriesLabels[series] as number; at < to; at++) {
      const value = request.labelValue[at] as number
      if (isText(request.labelName[at] as number, label) && request.symbolStart[value] !== request.symbolEnd[value]) return value
    }
    return 0
  }

  const textOf = (request: WriteRequest, symbol: number): string =>
    Buffer.from(request.body.subarray(request.symbolStart[symbol], request.symbolEnd[symbol])).toString()

  /** True when the series belongs to a cluster: then its replica is no part of what it is. */
  const isOfCluster = (request: WriteRequest, series: number): boolean =>
    replicaLabels.length > 0 && labelValueOf(request, series, clusterLabel) !== 0

  const replicaOf = (request: WriteRequest, series: number): number => {
    for (const label of replicaLabels) {
      const found = labelValueOf(request, series, label)
      if (found !== 0) return found
    }
    return 0
  }

  const elect = (request: WriteRequest, cluster: number, replica: number, tenant: string, nowMs: number): boolean => {
    const length = (symbol: number): number => (request.symbolEnd[symbol] as number) - (request.symbolStart[symbol] as number)
    // Longer ones name no cluster and no replica.
    if (length(cluster) > maxReplicaBytes || length(replica) > maxReplicaBytes) return true
    return state.elections.accept(`${tenant}\u0000${textOf(request, cluster)}`, textOf(request, replica), nowMs)
  }

  /** True when the replica that sent this is not the one its cluster is heard through. One answer a request: it mostly has one replica. */
  const isOtherReplica = (request: WriteRequest, series: number, tenant: string, nowMs: number): boolean => {
    const cluster = labelValueOf(request, series, clusterLabel)
    const replica = cluster === 0 ? 0 : replicaOf(request, series)
    if (replica === 0) return false
    const { one, two } = hasher
    const found = heard.find(
      (pair) => one[cluster] === pair.a && two[cluster] === pair.b && one[replica] === pair.c && two[replica] === pair.d,
    )
    if (found !== undefined) return found.isOther
    const isOther = !elect(request, cluster, replica, tenant, nowMs)
    const [a, b, c, d] = [one[cluster] as number, two[cluster] as number, one[replica] as number, two[replica] as number]
    if (heard.length < mostHeard) heard.push({ a, b, c, d, isOther })
    return isOther
  }

  const learnMetadata = (request: WriteRequest, tenant: string, nowMs: number): void => {
    for (const { type, family, help, unit } of request.metadata) {
      state.types.learn(tenant, textOf(request, family), type, metaText(request, help), metaText(request, unit), nowMs)
    }
  }

  /** Puts a series aside. Its row says nothing but that it waits. */
  const waitFor = (request: WriteRequest, series: number, known: number, wait: Wait, { nowMs, again }: WriteContext): void => {
    let place = known
    if (place < 0) place = streams.insert(hash.a, hash.b, hash.c, Math.floor(nowMs / 1000))
    else streams.words[place + Row.Generation] = 0
    if (again !== 'waited') state.waits.add(place, wait.where, outcome.turn)
    const floats = request.floatsOf(series)
    const histograms = request.nativesOf(series)
    outcome.waits.push({ ...wait, series, place, items: floats + histograms })
    outcome.samples += floats
    outcome.histograms += histograms
    exemplars.keep(request.exemplarsOf(series))
  }

  /** True for a series of a replica that is not heard: all of it is used up. */
  const isLeftOut = (request: WriteRequest, series: number, { tenant, nowMs, only }: WriteContext): boolean => {
    if (only !== undefined || !isOtherReplica(request, series, tenant, nowMs)) return false
    const floats = request.floatsOf(series)
    const histograms = request.nativesOf(series)
    if (floats + histograms > 0) outcome.consume('ha', floats + histograms)
    outcome.samples += floats
    outcome.histograms += histograms
    exemplars.leaveOut(request.exemplarsOf(series))
    return true
  }

  /** A series without samples. */
  const takeRest = (request: WriteRequest, series: number, context: WriteContext): void => {
    if (request.exemplarsOf(series) > 0) exemplars.defer(series)
    else if (request.version === 2 && (request.seriesType[series] as number) !== 0) reader.learn(request, series, context)
  }

  /** Looks at a series that is not known, or is no longer. Returns the place of its row; −1: it is not for now. */
  const meet = (request: WriteRequest, series: number, known: Known, items: number, context: WriteContext): number => {
    const mayWait = context.mayWait === true && !plain.isFaulty(request, series, context.nowMs)
    const met: Met = { hash, ...known, isGauge: false, mayWait }
    let result = reader.read(request, series, met, context)
    if (context.isFull === true && typeof result === 'object' && 'untilMs' in result) {
      outcome.hurried += items
      result = reader.read(request, series, { ...met, mayWait: false }, context)
    }
    if (result === 'later') later.push(series)
    else if (typeof result === 'number') {
      // While others of its stream wait it is looked at each time.
      if (state.waits.of(result) !== undefined) streams.words[result + Row.Generation] = 0
      return result
    } else if ('untilMs' in result) waitFor(request, series, met.place, result, context)
    else outcome.refuse(result, items, request, series)
    return -1
  }

  /** The samples of a member. Where it turns out to be none, whatever is said of it, what is left goes as a gauge. */
  const takeMember = (request: WriteRequest, series: number, known: Known, items: number, context: WriteContext): void => {
    const taken = members.series(request, series, known.place, context)
    if (taken === items) return
    const result = reader.read(request, series, { hash, ...known, isLast: true, isGauge: true, mayWait: false }, context)
    if (typeof result === 'number') {
      if (state.waits.of(result) !== undefined) streams.words[result + Row.Generation] = 0
      plain.series(request, series, result, context, taken)
    } else if (typeof result === 'object' && 'reason' in result) outcome.refuse(result, items - taken, request, series)
  }

  /** One series: what it is, and what becomes of its samples. */
  const takeSeries = (request: WriteRequest, series: number, context: WriteContext, generation: number, isLast = false): void => {
    const floats = request.floatsOf(series)
    const histograms = request.nativesOf(series)
    outcome.receivedFloats += floats
    outcome.receivedHistograms += histograms
    if (replicaLabels.length > 0 && isLeftOut(request, series, context)) return
    if (floats + histograms === 0) {
      takeRest(request, series, context)
      return
    }
    const fault = request.seriesFault[series] as number
    if (fault !== SeriesFault.None || (floats > 0 && histograms > 0)) {
      return void outcome.refuse(faults[fault] ?? both, floats + histograms, request, series)
    }
    hashSeries(request, series)
    let place = streams.find(hash.a, hash.b, hash.c)
    if (place < 0 || streams.words[place + Row.Generation] !== generation || (histograms > 0 && !reader.isNative(place))) {
      place = meet(request, series, { place, generation, isNative: histograms > 0, isLast }, floats + histograms, context)
      if (place < 0) return
    }
    streams.words[place + Row.Seen] = (context.nowMs / 1000) | 0
    const word = streams.words[place + Row.Kind] as number
    const kind = word & kindMask
    if (kind === Kind.Plain) {
      plain.series(request, series, place, context)
      // What it is the start of has come by now: it is looked at again, and used up from then on.
      if ((word & tellsStart) !== 0 && special.tells(request, series, place) && consumesCreated) streams.words[place + Row.Generation] = 0
    } else if (kind > Kind.Quantile) special.series(request, series, place, context)
    else takeMember(request, series, { place, generation, isNative: false, isLast }, floats, context)
  }

  /** What the assembler found out about families that nobody says anything about. */
  const heedDecisions = (nowMs: number): void => {
    for (const { id, kind } of state.assembler.decisions()) {
      const [tenant, family] = state.undecided.get(id) ?? []
      if (tenant !== undefined && family !== undefined) state.types.decided(tenant, family, kind, nowMs)
    }
  }

  return {
    translate(request, context) {
      outcome.clear()
      heard.length = 0
      outcome.turn = state.revision
      const { tenant, nowMs, only } = context
      // What is kept was acknowledged: nothing of it is refused now.
      request.labelRoom = only === undefined ? maxLabelBytes : Number.POSITIVE_INFINITY
      state.renew(nowMs)
      if (tenant !== tenantOf) {
        tenantOf = tenant
        tenantHash = hasher.tenant(tenant)
      }
      const hasTargetInfo = hasher.symbols(request, targetInfo)
      if (request.metadata.length > 0 && only === undefined) learnMetadata(request, tenant, nowMs)
      // What it says of a target holds for all of the request, wherever in it it stands.
      if (hasTargetInfo && context.again !== 'waited')
        special.targetsFirst(request, context, (series) => isTarget(request, series, context))
      const count = only?.length ?? request.seriesCount
      for (let at = 0; at < count; at++) {
        const series = only === undefined ? at : (only[at] as number)
        takeSeries(request, series, context, generationOf(request, series))
      }
      for (const series of later) {
        outcome.receivedFloats -= request.floatsOf(series)
        takeSeries(request, series, context, generationOf(request, series), true)
      }
      later.length = 0
      exemplars.settle(request, context, (series) => {
        hashSeries(request, series)
        const place = streams.find(hash.a, hash.b, hash.c)
        const where = place < 0 || context.mayWait !== true ? undefined : state.waits.of(place)
        if (where === undefined) return place
        // They belong to samples that wait; those of a request that has waited, unless these have been looked at.
        if (context.again === 'waited' && ((streams.words[place + Row.Kind] as number) & kindMask) !== Kind.None) return place
        waitFor(request, series, place, { untilMs: nowMs + behindMs, where }, context)
        return 'waits'
      })
      outcome.emission = state.assembler.take(nowMs, outcome.points)
      heedDecisions(nowMs)
      if (state.types.settle()) {
        state.news++
        state.outdated(nowMs)
      }
      state.revision++
      return outcome
    },
    forget(touched) {
      const { words } = streams
      for (const place of touched) forgetTime(words, place)
    },
  }

  /** A `target_info`, of the replica that is heard. */
  function isTarget(request: WriteRequest, series: number, { tenant, nowMs, only }: WriteContext): boolean {
    if (!isNamed(request, series, targetInfo)) return false
    return replicaLabels.length === 0 || only !== undefined || !isOtherReplica(request, series, tenant, nowMs)
  }

  function isNamed(request: WriteRequest, series: number, name: TextHash): boolean {
    for (let at = request.seriesLabels[series] as number; at < (request.seriesLabels[series + 1] as number); at++) {
      if (isText(request.labelName[at] as number, nameLabel)) return isText(request.labelValue[at] as number, name)
    }
    return false
  }
}
