/** What a series is by its type, or by its name where nobody says one: the rules of section 4 of the mapping. Nothing is remembered here. */

import { Member } from './assembler.ts'
import { MetricType } from './model.ts'
import { boundOf } from './series-labels.ts'

/** Why a series is taken for what it is, as it is shown to people. */
export const reasons = {
  override: 'translate.prometheus.types',
  native: 'native histogram',
  'metadata 2.0': 'metadata of remote-write 2.0',
  'metadata 1.0': 'metadata of remote-write 1.0',
  'label __type__': 'label __type__',
  'recording rule': 'colon in the name: a recording rule',
  h1: 'h1: _bucket with le',
  h2: 'h2: _sum or _count beside buckets or quantiles',
  h3: 'h3: _sum and _count without buckets',
  h4: 'h4: _count or _sum alone',
  h5: 'h5: quantile',
  h6: 'h6: _total',
  h7: 'h7: _created',
  h8: 'h8: target_info',
  h9: 'h9: otel_scope_info',
  h10: 'h10: _info',
  h11: 'h11: made by Prometheus',
  undecided: '_sum or _count, and no metadata: it shows in time',
  nothing: 'nothing known',
} as const

export type Reason = keyof typeof reasons

/** Series that are no metric of their own. `created`: only where the metric that it is of is there, too; otherwise a gauge. */
export type Special = 'target_info' | 'otel_scope_info' | 'created'

/** What is known of a series before anything that is remembered is asked. */
export interface TypeQuery {
  /** Value of `__name__`, not empty. */
  readonly name: string
  /** Value of label `le`; undefined: it has none. */
  readonly le?: string | undefined
  /** Value of label `quantile`. */
  readonly quantile?: string | undefined
  /** True: its samples are native histograms; false: they are floats. */
  readonly native: boolean
}

/** What a series is. */
export interface Placed {
  /** Name of the OTLP metric before renaming: of the family for members, else of the series. */
  readonly family: string
  /** One of `Member` of assembler.ts; 0: a metric of its own. */
  readonly member: number
  /** One of {@link MetricType}. Unknown: a gauge, and for members `Sum` and `Count` that only time can tell. */
  readonly type: number
  readonly special: Special | undefined
  /** Of `created`: what it is the start of, without suffix. Otherwise empty. */
  readonly of: string
  /** `le` or `quantile` is NaN: the series has to be refused. */
  readonly badBound: boolean
}

const suffixes = ['_bucket', '_sum', '_count', '_total', '_created', '_info', '_gcount', '_gsum'] as const

export type Suffix = (typeof suffixes)[number]

/** The suffix of a member that a name ends in, with something before it; no name has two. */
export function suffixOf(name: string): Suffix | undefined {
  return suffixes.find((suffix) => name.endsWith(suffix) && name.length > suffix.length)
}

/** How a type came to be that of a series: said of exactly its name, of its name without suffix, or by the series itself. */
export type Via = 'exact' | 'stem' | 'series'

const placed = (family: string, member: number, type: number): Placed => ({
  family,
  member,
  type,
  special: undefined,
  of: '',
  badBound: false,
})

const single = (name: string, type: number): Placed => placed(name, 0, type)

const special = (name: string, what: Special, of: string): Placed => ({ ...single(name, MetricType.Unknown), special: what, of })

const isNaNText = (text: string | undefined): boolean => text !== undefined && /^[+-]?nan$/i.test(text)

function bucket(query: TypeQuery, family: string): Placed {
  if (isNaNText(query.le)) return { ...placed(family, Member.Bucket, MetricType.Histogram), badBound: true }
  const usable = query.le !== undefined && boundOf(query.le) !== undefined
  return usable ? placed(family, Member.Bucket, MetricType.Histogram) : single(query.name, MetricType.Unknown)
}

function quantile(query: TypeQuery): Placed {
  if (isNaNText(query.quantile)) return { ...placed(query.name, Member.Quantile, MetricType.Summary), badBound: true }
  const value = query.quantile === undefined ? undefined : boundOf(query.quantile)
  const usable = value !== undefined && value >= 0 && value <= 1
  return usable ? placed(query.name, Member.Quantile, MetricType.Summary) : single(query.name, MetricType.Unknown)
}

/**
 * What a series is whose type is said. Undefined: that type has no such member, so that what was said is not about this series (`via: 'stem'`
 * alone). Floats under the very name of a histogram or summary are a gauge: that is no member of one.
 */
export function placeByType(query: TypeQuery, type: number, via: Via): Placed | undefined {
  const { name } = query
  const suffix = via === 'exact' ? undefined : suffixOf(name)
  const stem = suffix === undefined ? name : name.slice(0, -suffix.length)
  const isStem = via === 'stem'
  const nothing = single(name, MetricType.Unknown)
  switch (type) {
    case MetricType.Histogram:
      if (suffix === '_bucket') return bucket(query, stem)
      if (suffix === '_sum' || suffix === '_count') return placed(stem, suffix === '_sum' ? Member.Sum : Member.Count, type)
      if (suffix === '_created') return special(name, 'created', stem)
      return isStem ? undefined : nothing
    case MetricType.Summary:
      if (!isStem && query.quantile !== undefined) return quantile(query)
      if (suffix === '_sum' || suffix === '_count') return placed(stem, suffix === '_sum' ? Member.Sum : Member.Count, type)
      if (suffix === '_created') return special(name, 'created', stem)
      return isStem ? undefined : nothing
    case MetricType.Counter:
      if (suffix === '_created') return special(name, 'created', stem)
      return isStem && suffix !== '_total' ? undefined : single(name, type)
    case MetricType.GaugeHistogram:
      return isStem && suffix !== '_bucket' && suffix !== '_gcount' && suffix !== '_gsum' ? undefined : single(name, type)
    case MetricType.Info:
      return isStem && suffix !== '_info' ? undefined : single(name, type)
    default:
      return isStem ? undefined : single(name, type)
  }
}

/** What a series of native histograms is: always a metric of its own. */
export function placeNative(query: TypeQuery, type: number): Placed {
  return single(query.name, type === MetricType.GaugeHistogram ? type : MetricType.Histogram)
}

const ofPrometheus = /^(up|ALERTS|ALERTS_FOR_STATE|scrape_.*)$/s

/** What a series is of whose type nobody says anything: rules 4 to 6, h1 to h11. `undecided`: a member that only time can tell, h2 to h4. */
export function placeByName(query: TypeQuery): readonly [Placed, Reason] {
  const { name } = query
  const suffix = suffixOf(name)
  const stem = suffix === undefined ? name : name.slice(0, -suffix.length)
  if (name.includes(':')) return [single(name, MetricType.Unknown), 'recording rule']
  if (suffix === '_bucket' && query.le !== undefined) {
    const found = bucket(query, stem)
    if (found.member !== 0) return [found, 'h1']
  }
  if (query.quantile !== undefined) {
    const found = quantile(query)
    if (found.member !== 0) return [found, 'h5']
  }
  if (suffix === '_sum') return [placed(stem, Member.Sum, MetricType.Unknown), 'undecided']
  if (suffix === '_count') return [placed(stem, Member.Count, MetricType.Unknown), 'undecided']
  if (suffix === '_total') return [single(name, MetricType.Counter), 'h6']
  if (suffix === '_created') return [special(name, 'created', stem), 'h7']
  if (suffix === '_info') return [single(name, MetricType.Unknown), 'h10']
  if (ofPrometheus.test(name)) return [single(name, MetricType.Unknown), 'h11']
  return [single(name, MetricType.Unknown), 'nothing']
}

/** The two series that say something of others, whatever their type. */
export function placeByRole(query: TypeQuery): readonly [Placed, Reason] | undefined {
  if (query.native) return undefined
  if (query.name === 'target_info') return [special(query.name, 'target_info', ''), 'h8']
  if (query.name === 'otel_scope_info') return [special(query.name, 'otel_scope_info', ''), 'h9']
  return undefined
}

const typeWords: readonly string[] = ['unknown', 'counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset']

/** The type of a word as in label `__type__`; words that are none: Unknown. */
export function typeOfWord(word: string): number {
  return Math.max(0, typeWords.indexOf(word))
}

/** The word of a type; numbers that are none: `unknown`. */
export function wordOfType(type: number): string {
  return typeWords[type] ?? 'unknown'
}
