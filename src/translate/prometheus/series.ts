/** What a series is, looked at when it is met first, or under other metadata or names than before: its row is filled in. */

import { passingTextAttributes } from '../../otlp/encode/metric-parts.ts'
import { attributeTag } from '../../otlp/metrics.ts'
import { fromDouble, type Words } from '../../otlp/time.ts'
import { FamilyKind, Member } from './assembler.ts'
import { resourceLabelsOf } from './config.ts'
import { createdName, createdRows } from './created.ts'
import { addLabel, type Hash, removeLabel } from './hash.ts'
import { type MapOptions, type Mapped, type MappedScope, mapSeries } from './mapping.ts'
import { kindOfMember } from './members.ts'
import { MetricType, type WriteRequest } from './model.ts'
import type { SourceParts } from './outputs.ts'
import { boundOf, type Label, metaText, type Refusal, readLabels, withoutReplica } from './series-labels.ts'
import { hasFactor, isProcessStart, Kind, kindMask, type PrometheusState, tellsStart } from './state.ts'
import { targetOf } from './state-series.ts'
import { Row } from './streams.ts'
import { targetKey } from './targets.ts'
import type { Resolved, SeriesQuery } from './types.ts'
import { behindMs, type Wait } from './waits.ts'
import type { WriteContext } from './write-context.ts'

/** What is known of a series before its labels are read. */
export interface Met {
  readonly hash: Hash
  /** Of its row; −1: it has none yet. */
  readonly place: number
  /** For `Row.Generation`. */
  readonly generation: number
  /** It comes with native histograms. */
  readonly isNative: boolean
  /** All others of the request have been looked at. */
  readonly isLast: boolean
  /** The assembler takes it for no member, whatever its name or metadata say. */
  readonly isGauge: boolean
  /** It may wait. */
  readonly mayWait: boolean
}

export interface SeriesReader {
  /**
   * Fills in the row of a series and returns its place; `later`: to be asked again when all others of the request are there. Of one that waits
   * nothing is filled in.
   */
  read(request: WriteRequest, series: number, met: Met, context: WriteContext): number | Refusal | Wait | 'later'
  /** True for a row that native histograms can go to as it is. */
  isNative(place: number): boolean
  /** Takes the metadata of a series that has nothing else. */
  learn(request: WriteRequest, series: number, context: WriteContext): void
}

const tooLarge: Refusal = { reason: 'labels_too_large', why: 'its labels take more memory than there is for such series' }
const badBound: Refusal = { reason: 'invalid_bound', why: 'its le or quantile is not a number' }

/** Labels that a series says about itself; of no stream. */
const labelValue = (labels: readonly Label[], name: string): string | undefined => labels.find((label) => label[0] === name)?.[1]

/**
 * Bytes that resources, scopes, metrics and families of all streams may take, roughly. Their number is bounded by that of the streams; but each
 * may be as long as labels may be.
 */
const maxSharedBytes = 256 * 1024 * 1024
/** What a character of a resource or metric takes: it is in keys and in what is encoded. */
const sharedCharBytes = 4

const noRoom: Refusal = { reason: 'labels_too_large', why: 'labels and names of all series take too much memory' }

/** After how long it is looked again whether the assembler has room. */
const fullMs = 1000

const processStart = 'process_start_time_seconds'

const kinds: Readonly<Record<string, number>> = { target_info: Kind.TargetInfo, otel_scope_info: Kind.ScopeInfo }

export function createSeriesReader(state: PrometheusState): SeriesReader {
  const { streams, types, names, claims, outputs, assembler, hasher, options, limits } = state
  const mapOptions: MapOptions = {
    names,
    claims,
    jobSplit: options.jobSplit,
    scrapeAttributes: options.scrapeAttributes,
    resourceLabels: resourceLabelsOf(options),
    tenantAttribute: options.tenantAttribute,
  }
  const ownScope: MappedScope = { name: 'otlp-bridge', version: state.version, schemaUrl: '', attributes: nothingLabels }
  const assembles = options.histograms === 'assemble'
  const holds = options.rw1.typePolicy === 'hold'
  const nameLabel = hasher.text('__name__')
  const leLabel = hasher.text('le')
  const quantileLabel = hasher.text('quantile')
  const words: Words = { hi: 0, lo: 0 }

  const queryOf = (request: WriteRequest, series: number, name: string, labels: readonly Label[], native: boolean): SeriesQuery => {
    const own = request.version === 2
    const meta = (symbol: number): string => (own && symbol !== 0 ? metaText(request, symbol) : '')
    return {
      name,
      native,
      le: labelValue(labels, 'le'),
      quantile: labelValue(labels, 'quantile'),
      declared: own ? (request.seriesType[series] as number) : 0,
      help: meta(request.seriesHelp[series] as number),
      unit: meta(request.seriesUnit[series] as number),
      typeLabel: labelValue(labels, '__type__'),
      unitLabel: labelValue(labels, '__unit__'),
    }
  }

  /** A row with nothing in it but what belongs to the stream whatever it is. */
  const freshRow = ({ hash, place, generation }: Met, nowMs: number): number => {
    let at = place
    if (at < 0) at = streams.insert(hash.a, hash.b, hash.c, Math.floor(nowMs / 1000))
    else state.letGo(at)
    streams.words[at + Row.Generation] = generation
    return at
  }

  /** One that is sent nowhere. */
  const bareRow = (met: Met, nowMs: number): number => {
    const at = freshRow(met, nowMs)
    streams.setAttributes(at, nothing, 0, 0)
    return at
  }

  const setKind = (at: number, kind: number): void => {
    const rows = streams.words
    rows[at + Row.Kind] = kind | ((rows[at + Row.Kind] as number) & ~kindMask)
  }

  const sourceParts = (mapped: Mapped, labels: readonly Label[], tenant: string): SourceParts => {
    const { job, instance } = targetOf(labels)
    const target = targetKey(tenant, job, instance)
    const { scope } = mapped
    if (scope === undefined || state.scopes.size === 0) return { target, resource: mapped.resource, scope: scope ?? ownScope }
    const more = state.scopes.attributes(`${target}\u0000${scope.name}\u0000${scope.version}`)
    const others = more.filter(([name]) => !scope.attributes.some((one) => one[0] === name))
    return { target, resource: mapped.resource, scope: { ...scope, attributes: [...scope.attributes, ...others] } }
  }

  const plain = (
    at: number,
    mapped: Mapped,
    resolved: Resolved,
    counts: boolean,
    labels: readonly Label[],
    tenant: string,
  ): number | Refusal => {
    const source = outputs.acquireSource(sourceParts(mapped, labels, tenant))
    const metric = outputs.acquireMetric({
      name: mapped.metric,
      unit: mapped.unit,
      description: resolved.help,
      type: resolved.type,
      factor: mapped.factor,
      counts,
    })
    const rows = streams.words
    rows[at + Row.First] = source
    rows[at + Row.Second] = metric
    setKind(at, Kind.Plain | (mapped.family === processStart ? isProcessStart : 0))
    const bytes = passingTextAttributes(mapped.attributes, attributeTag)
    if (streams.setAttributes(at, bytes, 0, bytes.length) || state.keepLarge(at, bytes.slice())) return at
    streams.remove(at)
    return tooLarge
  }

  /** The key of a family: the stream's own with the family's name for its own, and without the label that tells its members apart. */
  const familyOf = (hash: Hash, resolved: Resolved, query: SeriesQuery): number => {
    const key: Hash = { ...hash }
    removeLabel(key, nameLabel, hasher.text(query.name))
    addLabel(key, nameLabel, hasher.text(resolved.family))
    if (resolved.member === Member.Bucket) removeLabel(key, leLabel, hasher.text(query.le ?? ''))
    if (resolved.member === Member.Quantile) removeLabel(key, quantileLabel, hasher.text(query.quantile ?? ''))
    return assembler.family(key.a, key.b, key.c)
  }

  const member = (
    at: number,
    { hash }: Met,
    mapped: Mapped,
    resolved: Resolved,
    query: SeriesQuery,
    labels: readonly Label[],
    tenant: string,
  ): number => {
    const family = familyOf(hash, resolved, query)
    assembler.retain(family)
    const source = outputs.acquireSource(sourceParts(mapped, labels, tenant))
    state.families.use(family, source)
    const attributes = passingTextAttributes(mapped.attributes, attributeTag)
    const kind = familyKind(resolved.type)
    const parts = { name: mapped.metric, unit: mapped.unit, description: resolved.help }
    assembler.describe(family, kind, state.families.create(family, outputs.sources.get(source), parts, attributes))
    if (kind === FamilyKind.Unknown) state.undecided.set(family, [tenant, resolved.family])
    else state.undecided.delete(family)
    const text = resolved.member === Member.Bucket ? query.le : resolved.member === Member.Quantile ? query.quantile : undefined
    const bound = text === undefined ? 0 : (boundOf(text) ?? 0)
    const scaled = resolved.member === Member.Bucket ? bound * mapped.factor : bound
    fromDouble(scaled, words)
    // Members have their attributes in their family; a word of theirs is the bound.
    streams.setAttributes(at, nothing, 0, 0)
    const rows = streams.words
    rows[at + Row.First] = family
    rows[at + Row.Second] = words.hi
    rows[at + Row.Attributes] = words.lo
    const isScaled = mapped.factor !== 1 && (resolved.member === Member.Sum || resolved.member === Member.Quantile)
    if (isScaled) state.factors.set(family, mapped.factor)
    setKind(at, kindOfMember(resolved.member) | (isScaled ? hasFactor : 0))
    return at
  }

  /** Undefined: nothing is there that it could be the start of. */
  const created = (met: Met, query: SeriesQuery, resolved: Resolved, context: WriteContext): number | Wait | 'later' | undefined => {
    const { nowMs, sinceMs = nowMs } = context
    const told = createdName(hasher, query.name)
    // Metadata of a counter or histogram says it all; a name alone does not.
    if (resolved.why === 'h7' && createdRows(streams, met.hash, told).next().done) {
      if (!met.isLast) return 'later'
      const untilMs = sinceMs + options.rw1.metadataWait
      const waits = met.mayWait && holds && isNew(met, context) && untilMs > nowMs
      return waits ? { untilMs, where: 'metadata' } : undefined
    }
    const at = bareRow(met, nowMs)
    streams.words[at + Row.First] = state.createdNames.acquire(query.name, () => told)
    setKind(at, Kind.Created)
    return at
  }

  /** A point of its own that says a start as well: because it is kept, or because what it is the start of has not come yet. */
  const tells = (at: number | Refusal, name: string): number | Refusal => {
    if (typeof at !== 'number') return at
    state.tells.set(
      at,
      state.createdNames.acquire(name, () => createdName(hasher, name)),
    )
    streams.words[at + Row.Kind] = (streams.words[at + Row.Kind] as number) | tellsStart
    return at
  }

  const isFull = (): boolean => outputs.size * sharedCharBytes + assembler.outputBytes > maxSharedBytes

  /** A row for a series whose texts are kept beside it. Where they are too many, those not seen for long make room. */
  const roomyRow = (met: Met, request: WriteRequest, { nowMs, only }: WriteContext): number | Refusal => {
    if (!isFull() || only !== undefined) return freshRow(met, nowMs)
    if (met.place >= 0) streams.remove(met.place)
    streams.makeRoom(Math.floor(nowMs / 1000))
    if (!isFull()) return freshRow({ ...met, place: -1 }, nowMs)
    // For the rest of the request: looking for room takes time.
    request.labelRoom = 0
    return noRoom
  }

  /** Nothing of its stream was ever sent. */
  const isNew = ({ place }: Met, { again }: WriteContext): boolean =>
    place < 0 || again !== undefined || state.waits.of(place) !== undefined

  /** Others of its stream wait, that came before. */
  const isBehind = ({ place, mayWait }: Met, { again, turn = 0 }: WriteContext): boolean =>
    again === 'waited' ? !state.waits.isFirst(place, turn) : mayWait

  /** Whether a series has to wait, and for what. */
  const waitOf = (version: number, met: Met, resolved: Resolved, labels: readonly Label[], context: WriteContext): Wait | undefined => {
    const { tenant, nowMs, again } = context
    if (resolved.member !== 0 && again === 'waited' && assembler.pending >= options.assembler.maxPending) {
      return { untilMs: nowMs + fullMs, where: state.waits.of(met.place) ?? 'metadata' }
    }
    if (!met.mayWait || !isNew(met, context)) return undefined
    if (version === 1 && resolved.holdUntilMs > nowMs) return { untilMs: resolved.holdUntilMs, where: 'metadata' }
    if (options.targetInfo.wait === 0) return undefined
    const { job, instance } = targetOf(labels)
    const key = targetKey(tenant, job, instance)
    const untilMs = state.targets.has(key) ? 0 : state.waits.target(key, nowMs)
    return untilMs > nowMs ? { untilMs, where: 'target_info' } : undefined
  }

  const scopeInfo = (labels: readonly Label[], tenant: string, nowMs: number): void => {
    const { job, instance, rest } = targetOf(labels)
    const name = labelValue(labels, 'otel_scope_name') ?? ''
    const version = labelValue(labels, 'otel_scope_version') ?? ''
    const attributes = rest.filter(([label]) => !label.startsWith('otel_scope_'))
    state.scopes.set(`${targetKey(tenant, job, instance)}\u0000${name}\u0000${version}`, attributes, nowMs)
  }

  return {
    read(request, series, met, context) {
      const read = readLabels(request, series, limits)
      if ('reason' in read) return read
      const { tenant, nowMs } = context
      const before = isBehind(met, context) ? state.waits.of(met.place) : undefined
      const labels = withoutReplica(read.labels, options.ha)
      const query = queryOf(request, series, read.name, labels, met.isNative)
      const resolved = types.resolve(tenant, query, nowMs)
      if (resolved.badBound) return badBound
      const { special } = resolved
      if (before !== undefined) {
        // What came before it waits still, though it may have no more reason to.
        const wait = special === undefined ? waitOf(request.version, met, resolved, labels, context) : undefined
        return wait ?? { untilMs: nowMs + behindMs, where: before }
      }
      if (special === 'created' && options.created === 'consume') {
        const found = created(met, query, resolved, context)
        if (found !== undefined) return found
      } else if (special === 'target_info' || special === 'otel_scope_info') {
        if (special === 'otel_scope_info') scopeInfo(labels, tenant, nowMs)
        const at = bareRow(met, nowMs)
        setKind(at, kinds[special] as number)
        return at
      }
      const wait = met.isGauge ? undefined : waitOf(request.version, met, resolved, labels, context)
      if (wait !== undefined) return wait
      const isMember = resolved.member !== 0 && assembles && !met.isGauge
      const claimed = claims.generation
      const own = isMember ? resolved : alone(resolved, read.name, met.isGauge)
      const mapped = mapSeries(labels, { ...own, tenant, exponential: met.isNative }, mapOptions)
      if (claims.generation !== claimed) state.outdated(nowMs)
      const at = roomyRow(met, request, context)
      if (typeof at !== 'number') return at
      if (isMember) return member(at, met, mapped, resolved, query, labels, tenant)
      if (met.isGauge) {
        // It stays known that its family is none for as long as somebody is of it.
        const family = familyOf(met.hash, resolved, query)
        assembler.retain(family)
        state.gaugeFamilies.set(at, family)
      }
      const result = plain(at, mapped, own, !met.isGauge && isCount(resolved), labels, tenant)
      return special === 'created' ? tells(result, read.name) : result
    },
    isNative(place) {
      const rows = streams.words
      if (((rows[place + Row.Kind] as number) & kindMask) !== Kind.Plain) return false
      const { type } = outputs.metrics.get(rows[place + Row.Second] as number)
      return type === MetricType.Histogram || type === MetricType.GaugeHistogram
    },
    learn(request, series, { tenant, nowMs }) {
      const read = readLabels(request, series, limits)
      if ('reason' in read) return
      types.learnSeries(tenant, queryOf(request, series, read.name, read.labels, false), nowMs)
    },
  }
}

/** A series that goes by itself, whatever it may be a member of. */
const alone = (resolved: Resolved, name: string, isGauge: boolean): Resolved =>
  resolved.member === 0 ? resolved : { ...resolved, family: name, member: 0, type: isGauge ? MetricType.Unknown : resolved.type }

/** True for a member whose value only grows. */
const isCount = ({ member, type }: Resolved): boolean => member !== 0 && member !== Member.Quantile && type !== MetricType.Unknown

const nothing = new Uint8Array(0)
const nothingLabels: readonly Label[] = []

const familyKind = (type: number): number =>
  type === MetricType.Histogram ? FamilyKind.Histogram : type === MetricType.Summary ? FamilyKind.Summary : FamilyKind.Unknown
