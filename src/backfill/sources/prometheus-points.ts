/**
 * Samples of Prometheus → OTLP, a page by itself: what all sources of it share. It is the translation that remote-write requests get, so that a
 * series received and the same series read have one identity; only what depends on the order of arrival has no meaning here. Classic histograms
 * and summaries are put together of the samples of one time. Section 12.4 of the mapping of Prometheus.
 */

import { encodeMetrics } from '../../otlp/encode/metrics.ts'
import { ReverseWriter } from '../../otlp/encode/writer.ts'
import { Samples } from '../../read/prometheus-tsdb/samples.ts'
import { type Claims, createClaims } from '../../translate/prometheus/claims.ts'
import type { PrometheusTranslateConfig } from '../../translate/prometheus/config.ts'
import { MetricType } from '../../translate/prometheus/model.ts'
import { createState, type PrometheusState } from '../../translate/prometheus/state.ts'
import { createWriteTranslator, type WriteTranslator } from '../../translate/prometheus/to-otlp.ts'
import type { UserMapping } from '../../translate/prometheus/user-mapping.ts'
import type { TranslatedPage } from '../model.ts'
import { createdStarts, isCreated } from './prometheus-created.ts'
import { RequestFiller } from './prometheus-fill.ts'
import type { InfoTimeline } from './prometheus-info.ts'
import type { MetadataSnapshot } from './prometheus-metadata.ts'
import { edgesOf, entriesOf, type Item } from './prometheus-order.ts'
import { SampleSum } from './prometheus-sample-sum.ts'
import { hasNatives, labelOf, type PageSeries } from './prometheus-series.ts'
import { Mark, shadowedBy } from './prometheus-shadow.ts'
import { moveStarts, stateOf } from './prometheus-starts.ts'
import { PageTally } from './prometheus-tally.ts'

export interface PointsOptions {
  /** Section `translate.prometheus`, parsed. */
  readonly translate: PrometheusTranslateConfig
  /** The file that `translate.mapping` names, read. */
  readonly mapping?: UserMapping | undefined
  /** Of the bridge: version of the scope of points that have none, as of live ones. */
  readonly version?: string | undefined
  readonly metadata: MetadataSnapshot
  /** Labels that every series gets that does not have them: a server's `external_labels`. */
  readonly externalLabels?: Readonly<Record<string, string>> | undefined
}

/** What a page is made of. Of a family (its `_bucket`, `_sum`, …) and its other labels all samples of one time are in one page. */
export interface PagePart {
  readonly series: readonly PageSeries[]
  /** What `target_info` and `otel_scope_info` say over the page's time and a while before; undefined: there is none. */
  readonly targets?: InfoTimeline | undefined
  readonly scopes?: InfoTimeline | undefined
  /** Bytes that were read for it. */
  readonly bytes: number
  /** For faults: a block, a window. */
  readonly where: string
}

export interface PrometheusPoints {
  /**
   * Translates a page; nothing of it is remembered, and the same page gives the same bytes. Samples that say something about others
   * (`target_info`, `…_created`) count as translated. `sum` is over all samples, those that were left out as well: whoever counts again knows
   * nothing of reasons. Never throws.
   */
  translate(part: PagePart): TranslatedPage
  /**
   * Names of all metrics that there are, where the options rename metrics: two may not end up under one name, whatever pages they are in. To be
   * called before the first page, with the same names each time. Without need for it nothing is done.
   */
  prepare(names: readonly string[]): void
  /** `prepare` wants to be called. */
  readonly wantsNames: boolean
  /** Sentences for the plan about options that have no meaning here. */
  readonly notes: readonly string[]
}

/** So many series are looked at by one state; then there is another, for it must not grow with the history. */
const seriesOfState = 16_384
/** A page is a world of its own: nobody of the one before is there any more. */
const pageMs = 24 * 3_600_000
/** Of what is hashed with it nobody hears. */
const seed = [0x0b, 0x5e, 0x1f, 0x2d] as const
const namesAtOnce = 1000
/** Of a point with few attributes. */
const pointBytes = 160
const infoNames: ReadonlySet<string> = new Set(['target_info', 'otel_scope_info'])

/** The options without what is told by the order or the age of what comes. */
const forHistory = (translate: PrometheusTranslateConfig): PrometheusTranslateConfig => ({
  ...translate,
  rw1: { ...translate.rw1, typePolicy: 'heuristic' },
  assembler: { ...translate.assembler, maxPending: Math.max(translate.assembler.maxPending, 200_000) },
  late: 'drop',
  startTime: 'unset',
  zeroSample: 'forward',
  targetInfo: { ...translate.targetInfo, wait: 0 },
  ha: { ...translate.ha, enabled: false },
  duplicates: 'forward',
  conflict: 'last',
  outOfOrder: 'forward',
  maxFuture: Number.POSITIVE_INFINITY,
  tenantAttribute: undefined,
  streams: { max: 1_000_000, maxSize: 64 * 1024 * 1024 },
})

function notesOf({ startTime, zeroSample, ha, tenantAttribute }: PrometheusTranslateConfig): string[] {
  const notes: string[] = []
  if (startTime === 'first_seen' || startTime === 'process_start') {
    notes.push(`translate.prometheus.startTime: ${startTime} has no meaning for history: start times stay unset (true_reset has one)`)
  }
  if (zeroSample === 'start') notes.push('translate.prometheus.zeroSample: start has no meaning for history: zeros are forwarded')
  if (ha.enabled) notes.push('translate.prometheus.ha has no meaning for history: all replicas are read')
  if (tenantAttribute !== undefined) notes.push('translate.prometheus.tenantAttribute has no meaning for history: samples have no tenant')
  return notes
}

/** Names belong to the source as a whole, not to a page. */
const ofNobody = (claims: Claims): Claims => ({
  get generation() {
    return claims.generation
  },
  get contested() {
    return claims.contested
  },
  get unclaimed() {
    return claims.unclaimed
  },
  take: (claim) => claims.take({ ...claim, tenant: '' }),
  peek: (claim) => claims.peek({ ...claim, tenant: '' }),
})

/** One sample of a metric of this name, to see what it is called. */
function namesake(name: string): PageSeries {
  const samples = new Samples()
  samples.push(1, 0x3ff00000, 0, 0, undefined)
  return { labels: name.endsWith('_bucket') ? ['__name__', name, 'le', '1'] : ['__name__', name], samples, from: 0, to: 1 }
}

/** Creates the translator of a source. */
export function createPrometheusPoints(options: PointsOptions): PrometheusPoints {
  const translate = forHistory(options.translate)
  const hasTrueReset = options.translate.startTime === 'true_reset'
  const consumesCreated = translate.created === 'consume'
  const external = Object.entries(options.externalLabels ?? {}).flat()
  const { metadata, mapping, version = '' } = options
  const renames = translate.names !== 'keep'
  const claims = renames ? ofNobody(createClaims()) : undefined
  const writer = new ReverseWriter()
  const filler = new RequestFiller()
  const sum = new SampleSum()
  let state: PrometheusState | undefined
  let translator: WriteTranslator | undefined
  let looked = 0
  let turn = 0

  const meansFor = (series: number): { state: PrometheusState; translator: WriteTranslator } => {
    looked += series
    if (state === undefined || translator === undefined || looked > seriesOfState) {
      looked = series
      state = createState({ translate, mapping, version, seed, claims })
      translator = createWriteTranslator(state)
    }
    return { state, translator }
  }

  /** True where a value that falls is a new beginning. */
  const isCumulative = (name: string): boolean => {
    if (name.endsWith('_sum')) return false
    const said = metadata.of(name)[0]?.type
    return said !== MetricType.Info && said !== MetricType.StateSet && said !== MetricType.Gauge
  }

  const startsOf = (series: PageSeries, name: string): Float64Array | undefined => {
    if (!hasTrueReset || !isCumulative(name)) return undefined
    const starts = new Float64Array(series.to - series.from)
    moveStarts(stateOf(series), series, starts)
    return starts
  }

  /** What is said of targets and scopes at a time, in front of all others. */
  const addInfos = (timeline: InfoTimeline | undefined, series: readonly PageSeries[], ms: number): void => {
    if (timeline === undefined || timeline.size === 0) return
    const seen = new Set<string>()
    for (const { labels } of series) {
      const key = timeline.keyOf(labels)
      if (seen.has(key)) continue
      seen.add(key)
      const said = timeline.at(key, ms)
      if (said === undefined) continue
      filler.entry(filler.labels(said, external))
      filler.sample(Math.max(ms, 0), 0x3ff00000, 0, 0)
    }
  }

  const learn = (items: readonly Item[], types: PrometheusState['types'], tenant: string, nowMs: number): void => {
    if (metadata.size === 0) return
    const said = new Set<string>()
    let last = ''
    for (const { name } of items) {
      if (name === last) continue
      last = name
      for (const { family, type, help, unit } of metadata.of(name)) {
        if (said.has(family)) continue
        said.add(family)
        types.learn(tenant, family, type, help, unit, nowMs)
      }
    }
  }

  /** Translates what was filled in. */
  const send = (items: readonly Item[], tally: PageTally): void => {
    const request = filler.end()
    const own = meansFor(items.length)
    const { assembler, types } = own.state
    turn++
    const tenant = `${turn}`
    const nowMs = turn * pageMs
    learn(items, types, tenant, nowMs)
    const outcome = own.translator.translate(request, { tenant, nowMs })
    let { emission } = outcome
    do {
      if (emission !== undefined) {
        tally.emitted(emission)
        assembler.commit(emission)
      }
      emission = assembler.take(nowMs, outcome.points, true)
    } while (emission !== undefined)
    // They are about this page; the next one is looked at anew.
    assembler.decisions()
    tally.took(outcome)
    const { points } = outcome
    tally.add(encodeMetrics(points, writer, points.count * pointBytes), points.count)
    points.clear()
  }

  const translatePart = (part: PagePart): TranslatedPage => {
    const tally = new PageTally(part.where)
    for (const series of part.series) tally.series(series, sum)
    const created = part.series.some(({ labels }) => isCreated(labels)) ? createdStarts(part.series) : undefined
    const marks = translate.preferNative ? shadowedBy(part.series) : undefined
    const kept: PageSeries[] = []
    const apart: PageSeries[] = []
    for (const series of part.series) {
      if (infoNames.has(labelOf(series.labels, '__name__')) || (consumesCreated && created?.isUsed(series) === true)) continue
      const own = marks?.get(series)
      if (own === undefined) kept.push(series)
      else {
        apart.push(series)
        tally.skip(
          'shadowed',
          own.reduce((count, mark) => count + (mark === Mark.Shadowed ? 1 : 0), 0),
        )
      }
    }
    const edges = edgesOf(part, tally.minMs, tally.maxMs)
    for (let edge = 0; edge < edges.length; edge++) {
      const fromMs = edges[edge] as number
      const toMs = edge + 1 < edges.length ? (edges[edge + 1] as number) : Number.POSITIVE_INFINITY
      for (const series of [kept, apart]) {
        if (series.length === 0) continue
        filler.begin()
        addInfos(part.targets, series, edge === 0 ? tally.minMs : fromMs)
        addInfos(part.scopes, series, edge === 0 ? tally.minMs : fromMs)
        const infos = filler.request.seriesCount
        const items = series.map((one): Item => {
          const name = labelOf(one.labels, '__name__')
          const own = startsOf(one, name)
          return {
            series: one,
            name,
            place: filler.labels(one.labels, external),
            starts: created === undefined ? own : created.starts(one, own),
            isNative: hasNatives(one),
            marks: series === apart ? marks?.get(one) : undefined,
          }
        })
        entriesOf(items, fromMs, toMs, filler)
        if (filler.request.seriesCount > infos) send(items, tally)
      }
    }
    return tally.result(part.bytes, sum)
  }

  return {
    notes: notesOf(options.translate),
    wantsNames: renames,
    prepare(names) {
      if (!renames) return
      for (let at = 0; at < names.length; at += namesAtOnce) {
        translatePart({ series: names.slice(at, at + namesAtOnce).map(namesake), bytes: 0, where: 'names' })
      }
    },
    translate: translatePart,
  }
}
