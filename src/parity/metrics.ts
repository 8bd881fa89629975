/**
 * Metrics as stored, old Prometheus against what speaks its API on the new side: cutover 3.5. By job: names and numbers of series on both
 * sides, then the samples of all of them with times of their own; or, with `--queries`, answers to queries (metrics-queries.ts).
 */

import { loadUserMapping } from '../config/user-mapping.ts'
import { BridgeError } from '../errors.ts'
import {
  createPrometheusApi,
  type FamilyMetadata,
  type PrometheusApi,
  quoted,
  type SeriesLabels,
  type StoredSeries,
  type TimeRange,
} from '../read/prometheus-api.ts'
import { Member } from '../translate/prometheus/assembler.ts'
import { type Strategy, strategies } from '../translate/prometheus/back.ts'
import { type PrometheusTranslateConfig, prometheusTranslateConfig, resourceLabelsOf } from '../translate/prometheus/config.ts'
import { createNames } from '../translate/prometheus/names.ts'
import { createTypes } from '../translate/prometheus/types.ts'
import { keyFilter } from './keys.ts'
import { createMetricFindings, type MetricFindings } from './metrics-findings.ts'
import { type OldSeries, type Pairing, pairSeries } from './metrics-pairing.ts'
import { matchersOf, namesSelector, planPieces } from './metrics-plan.ts'
import { compareQueries } from './metrics-queries.ts'
import { defaultTolerance, type FloatTolerance, intervalOf, joinedSeries } from './metrics-samples.ts'
import { findStrategy, learnMetadata, type PredictOptions, predict, seriesKey } from './metrics-series.ts'
import type { CompareDeps, Comparison, KeyResult, Window } from './model.ts'

/** Times at which ends of series are looked at in a window and job. */
const mostEnds = 20

/** How often is scraped, where nothing says it. */
const usualIntervalMs = 15_000

/** What is known of a run: asked once. */
interface Setting {
  readonly predict: PredictOptions
  readonly translate: PrometheusTranslateConfig
  readonly metadata: ReadonlyMap<string, FamilyMetadata>
  readonly newMetadata: ReadonlyMap<string, FamilyMetadata>
  readonly tolerance: FloatTolerance
}

/** A job and what both sides have of it. */
interface Job {
  readonly job: string
  readonly old: ReadonlyMap<string, number>
  readonly other: ReadonlyMap<string, number>
}

const rangeOf = ({ fromMs, toMs }: Window): TimeRange => ({ startMs: fromMs, endMs: toMs })

/** `abs` and `rel` of `--tolerance`. @throws OB_PARITY for what is no number */
function toleranceOf(given: ReadonlyMap<string, string>): FloatTolerance {
  const number = (name: string, fallback: number): number => {
    const text = given.get(name)
    if (text === undefined) return fallback
    const value = Number(text)
    if (text.trim() === '' || !(value >= 0))
      throw new BridgeError('OB_PARITY', `cannot use the tolerance ${name}=${text}: expected a number of 0 or more`)
    return value
  }
  return { abs: number('abs', defaultTolerance.abs), rel: number('rel', defaultTolerance.rel) }
}

/** `strategy` of `--tolerance`: undefined when it is to be found. @throws OB_PARITY for a word that is none */
function strategyOf(given: ReadonlyMap<string, string>): Strategy | undefined {
  const word = given.get('strategy')
  const found = strategies.find((one) => one === word)
  if (word !== undefined && found === undefined)
    throw new BridgeError('OB_PARITY', `cannot use the strategy ${word}: expected ${strategies.join(', ')}`)
  return found
}

const translateOf = ({ config }: CompareDeps): PrometheusTranslateConfig =>
  ((config.translate ?? {}) as { prometheus?: PrometheusTranslateConfig }).prometheus ?? prometheusTranslateConfig.parse({})

async function settingOf(deps: CompareDeps, old: PrometheusApi, other: PrometheusApi): Promise<Setting> {
  const translate = translateOf(deps)
  const mapping = translate.mapping === undefined ? undefined : (await loadUserMapping(translate.mapping, 'prometheus')).metrics
  const [metadata, external, newMetadata] = [await old.metadata(), await old.externalLabels(), await other.metadata()]
  const types = createTypes({ overrides: { ...mapping?.types, ...translate.types } })
  learnMetadata(types, metadata)
  return {
    translate,
    metadata,
    newMetadata,
    tolerance: toleranceOf(deps.options.tolerances),
    predict: {
      types,
      map: {
        names: createNames({ names: translate.names, unitFromSuffix: translate.unitFromSuffix, mapping }),
        jobSplit: translate.jobSplit,
        scrapeAttributes: translate.scrapeAttributes,
        resourceLabels: resourceLabelsOf(translate),
        tenantAttribute: translate.tenantAttribute,
      },
      histograms: translate.histograms,
      created: translate.created,
      external,
      replicaLabels: translate.ha.enabled ? translate.ha.replicaLabels : [],
    },
  }
}

/** All samples of a selector, one entry a series. */
async function read(api: PrometheusApi, selector: string, range: TimeRange, sliceMs: number): Promise<StoredSeries[]> {
  const pieces = new Map<string, StoredSeries[]>()
  for await (const found of api.stored(selector, range, sliceMs)) {
    for (const one of found) {
      const key = seriesKey(one.labels)
      const list = pieces.get(key)
      if (list === undefined) pieces.set(key, [one])
      else list.push(one)
    }
  }
  return [...pieces.values()].map(joinedSeries)
}

const lastOf = ({ times, histograms }: StoredSeries): number => Math.max(times.at(-1) ?? 0, histograms.at(-1)?.timeMs ?? 0)

/** The point that ends a histogram has no sum, so that Prometheus has nothing to end that series by. */
const endRule = ({ predicted }: OldSeries): string => (predicted.member === Member.Sum ? '5.3 sum unset' : '')

/**
 * Looks whether series that ended on the old side ended on the new one: a marker of the end that is lost shows as five minutes of the last
 * value.
 */
async function checkEnds(
  pairs: Pairing['pairs'],
  { endMs }: TimeRange,
  old: PrometheusApi,
  other: PrometheusApi,
  found: MetricFindings,
  dropsEnds: boolean,
) {
  const ends = new Map<number, Pairing['pairs'][number][]>()
  for (const pair of pairs) {
    const { series, predicted } = pair.old
    const interval = intervalOf(series.times)
    if (interval === undefined || interval > 120_000 || predicted.special !== undefined) continue
    const atMs = Math.ceil((lastOf(series) + 2 * interval) / 1000) * 1000
    if (atMs >= endMs) continue
    const list = ends.get(atMs)
    if (list === undefined) ends.set(atMs, [pair])
    else list.push(pair)
  }
  for (const [atMs, ended] of [...ends].slice(0, mostEnds)) {
    const names = (pick: (pair: Pairing['pairs'][number]) => SeriesLabels): string[] => [
      ...new Set(ended.map((pair) => pick(pair)['__name__'] ?? '')),
    ]
    const job = ended[0]?.old.series.labels['job'] ?? ''
    const matchers = `job=${quoted(job)}`
    const here = new Set(
      (
        await old.instant(
          namesSelector(
            names((pair) => pair.old.series.labels),
            matchers,
          ),
          atMs,
        )
      ).map((one) => seriesKey(one.labels)),
    )
    const gone = ended.filter((pair) => !here.has(seriesKey(pair.old.series.labels)))
    if (gone.length === 0) continue
    const there = await other.instant(
      namesSelector(
        names((pair) => pair.other.labels),
        matchers,
      ),
      atMs,
    )
    const still = new Set(there.map((one) => seriesKey(one.labels)))
    for (const pair of gone) {
      if (still.has(seriesKey(pair.other.labels))) found.goesOn(pair.old, atMs, dropsEnds ? '7.2 stale' : endRule(pair.old))
    }
  }
}

const isScopeLabel = (label: string): boolean => label.startsWith('otel_scope_')

/** Compares metrics as stored. Keys are jobs; series without one are compared with `--match` only. */
export function createMetricsComparison(deps: CompareDeps): Comparison {
  const old = createPrometheusApi(deps.old.http)
  const other = createPrometheusApi(deps.new.http)
  const { options, progress } = deps
  const wanted = keyFilter(options.keys)
  let setting: Promise<Setting> | undefined

  const matched = (): string => {
    if (options.match === undefined) return ''
    const matchers = matchersOf(options.match)
    if (matchers === undefined) throw new BridgeError('OB_PARITY', `cannot use ${options.match}: expected a selector such as {job="node"}`)
    return matchers
  }

  const jobsIn = async (range: TimeRange, more: string): Promise<Job[]> => {
    const all = await old.labelValues('job', more === '' ? [] : [`{${more}}`], range)
    const jobs: Job[] = []
    for (const job of all.filter(wanted)) {
      deps.signal.throwIfAborted()
      progress(`job ${job}: series`)
      const mine = `{${[`job=${quoted(job)}`, more].filter((one) => one !== '').join(',')}}`
      // Of the new side all of the job, since names may be others there.
      jobs.push({ job, old: await old.seriesCounts(mine, range), other: await other.seriesCounts(`{job=${quoted(job)}}`, range) })
    }
    return jobs.filter((one) => one.old.size > 0)
  }

  const compareTypes = (
    { metadata, newMetadata, predict: how }: Setting,
    strategy: Strategy,
    found: MetricFindings,
    names: Iterable<string>,
  ): void => {
    if (newMetadata.size === 0) return
    const told = new Set<string>()
    for (const name of names) {
      const predicted = predict({ __name__: name }, strategy, how)
      const family = metadata.has(name) ? name : name.replace(/_(bucket|sum|count|total|created|info)$/, '')
      const said = metadata.get(family)?.type
      const there =
        predicted === undefined
          ? undefined
          : (newMetadata.get(predicted.name) ?? newMetadata.get(predicted.base) ?? newMetadata.get(family))?.type
      if (said === undefined || there === undefined || said === 'unknown' || there === 'unknown' || said === there || told.has(family))
        continue
      told.add(family)
      // OTLP has fewer types: info and state set are sums that may fall, which Prometheus calls gauges.
      const alike = there === 'gauge' && ['info', 'stateset', 'gaugehistogram'].includes(said)
      if (!alike) found.otherType(family, said, there)
    }
  }

  const compareJob = async (
    one: Job,
    range: TimeRange,
    strategy: Strategy,
    more: string,
    how: Setting,
  ): Promise<Omit<KeyResult, 'format' | 'window'>> => {
    const { job } = one
    const matchers = `job=${quoted(job)}`
    const targetLabels = new Set<string>()
    const found = createMetricFindings(job, {
      tolerance: how.tolerance,
      ha: how.translate.ha.enabled,
      hasMapping: how.translate.mapping !== undefined,
      isForeignLabel: (label) => isScopeLabel(label) || targetLabels.has(label),
    })
    if (one.other.has('target_info')) {
      const { series } = await other.series([`target_info{${matchers}}`], range, 1000)
      for (const labels of series) for (const label of Object.keys(labels)) targetLabels.add(label)
    }
    // Whatever is scraped is so as often as `up` is written.
    const each = (await old.mostSamples(`up{${matchers}}`, range)) || Math.ceil((range.endMs - range.startMs) / usualIntervalMs)
    const known = new Set<string>()
    for (const { names, sliceMs } of planPieces(one.old, each, range.endMs - range.startMs)) {
      deps.signal.throwIfAborted()
      progress(`job ${job}: samples of ${names.length} metrics`)
      const here = await read(old, namesSelector(names, [matchers, more].filter((text) => text !== '').join(',')), range, sliceMs)
      const wantedNames = new Set<string>()
      const series: OldSeries[] = []
      for (const stored of here) {
        const predicted = predict(stored.labels, strategy, how.predict)
        if (predicted === undefined) continue
        wantedNames.add(predicted.name)
        if (predicted.member !== 0) wantedNames.add(predicted.base)
        series.push({ predicted, series: stored })
      }
      for (const name of wantedNames) known.add(name)
      const asked = [...wantedNames].filter((name) => one.other.has(name))
      const there = asked.length === 0 ? [] : await read(other, namesSelector(asked, matchers), range, sliceMs)
      const pairing = pairSeries(series, there)
      // With a selector the new side may have more of a name than was asked of the old one.
      found.take(more === '' ? pairing : { ...pairing, extra: [] })
      await checkEnds(pairing.pairs, range, old, other, found, how.translate.stale === 'drop')
    }
    if (more === '') for (const [name, many] of one.other) if (!known.has(name)) found.extraName(name, many, [...one.old.keys()])
    compareTypes(how, strategy, found, one.old.keys())
    return { key: job, unjudged: '', ...found.result() }
  }

  return {
    async compare(window) {
      const range = rangeOf(window)
      setting ??= settingOf(deps, old, other)
      const how = await setting
      if (options.queries.length > 0)
        return compareQueries({ old, other, queries: options.queries, window, tolerance: how.tolerance, deps })
      const more = matched()
      const jobs = await jobsIn(range, more)
      const strategy =
        strategyOf(options.tolerances) ??
        findStrategy(
          new Set(jobs.flatMap((one) => [...one.old.keys()])),
          new Set(jobs.flatMap((one) => [...one.other.keys()])),
          how.predict,
        )
      progress(`names as by ${strategy}`)
      const results: KeyResult[] = []
      for (const one of jobs) results.push({ format: 'prometheus', window, ...(await compareJob(one, range, strategy, more, how)) })
      return results
    },
  }
}
