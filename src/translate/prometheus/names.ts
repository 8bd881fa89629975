/** Names, units and scale of metrics, and names of labels: section 9 of the mapping. Pure; what has to be remembered is in {@link Claims}. */

import type { Claims } from './claims.ts'
import { shapeOf } from './metric-shape.ts'
import { MetricType } from './model.ts'
import { unitFromSuffix, unitOf, unitWord } from './units.ts'
import type { LabelMap, UserMapping } from './user-mapping.ts'

export interface NamesOptions {
  /** keep: verbatim; strip: without `_total` and unit; semconv: by the user's mapping, the rest verbatim. */
  readonly names: 'keep' | 'strip' | 'semconv'
  readonly unitFromSuffix: boolean
  /** Used by `semconv` alone. */
  readonly mapping?: UserMapping | undefined
}

/** A metric as it comes. */
export interface MetricQuery {
  /** Default: that of senders without one. */
  readonly tenant?: string | undefined
  /** The name it would have in OTLP unchanged: that of the family for histograms and summaries, of the series for all else. */
  readonly name: string
  /** One of {@link MetricType}. */
  readonly type: number
  /** Only time can tell whether it is a histogram, a summary or a gauge: `type` says nothing yet. */
  readonly undecided?: boolean | undefined
  /** As metadata says it: a word, or empty. */
  readonly unit: string
  /** Its points are native histograms, whose buckets cannot be multiplied: what the user's mapping says of a metric with a factor does not hold for it. */
  readonly exponential?: boolean | undefined
}

/** A metric as it goes out. */
export interface MetricName {
  /** Never empty. */
  readonly name: string
  /** UCUM, never `1`; empty: none. */
  readonly unit: string
  /**
   * What values are multiplied by; above 0. Gauges, counters and exemplars: the value. Histograms: sum and bounds, not the counts. Summaries:
   * sum and the values of quantiles, not the count.
   */
  readonly factor: number
  /** What becomes of its labels; those that are not in it stay as they are. */
  readonly labels: LabelMap
  /** False: it would have got another name, but that would not be its alone, or it could not be multiplied. It stays as it is then. */
  readonly renamed: boolean
}

export interface Names {
  /**
   * @param claims who has which name; without it nobody is looked out for, as for a dashboard, which meets the metrics one by one. When its
   * `generation` is another one afterwards, names given before have to be asked for again.
   */
  metric(query: MetricQuery, claims?: Claims): MetricName
  /** The attribute that a label becomes; undefined: it is left out. @param metric its name before renaming */
  label(metric: string, label: string): string | undefined
}

const unchanged: LabelMap = new Map()

/** True when something is left for a name: more than underscores, which backends drop. */
const isName = (text: string): boolean => /[^_]/.test(text)

const without = (name: string, suffix: string): string => {
  const short = name.endsWith(suffix) ? name.slice(0, -suffix.length) : name
  return isName(short) ? short : name
}

function strippedName(name: string, type: number, unit: string): string {
  const stem = type === MetricType.Counter ? without(name, '_total') : name
  const word = unitWord(unit)
  return word === '' ? stem : without(stem, `_${word}`)
}

export function createNames({ names, unitFromSuffix: readsSuffix, mapping }: NamesOptions): Names {
  const ownUnit = ({ name, unit }: MetricQuery): string => (unit === '' && readsSuffix ? unitFromSuffix(name) : unitOf(unit))

  /** Whether a metric may be renamed as wanted. Stripped names are never shared; those of the user's file are where type and unit agree. */
  const mayHave = (query: MetricQuery, target: string, unit: string, claims: Claims | undefined): boolean => {
    if (claims === undefined) return true
    const { tenant = '', name, type } = query
    if (query.undecided === true) return claims.peek({ tenant, name, target })
    const shape = names === 'strip' ? `${shapeOf(type)} ${unit} ${name}` : `${shapeOf(type)} ${unit}`
    return claims.take({ tenant, name, target, shape })
  }

  const keep = (query: MetricQuery, labels: LabelMap, renamed: boolean): MetricName => {
    return { name: query.name, unit: ownUnit(query), factor: 1, labels, renamed }
  }

  const strip = (query: MetricQuery, claims: Claims | undefined): MetricName => {
    const unit = ownUnit(query)
    const name = strippedName(query.name, query.type, unit)
    return mayHave(query, name, unit, claims) ? { name, unit, factor: 1, labels: unchanged, renamed: true } : keep(query, unchanged, false)
  }

  const map = (query: MetricQuery, rules: UserMapping, claims: Claims | undefined): MetricName => {
    const found = rules.metric(query.name)
    const applies = found !== undefined && (found.factor === 1 || query.exponential !== true)
    const unit = (applies ? found.unit : undefined) ?? ownUnit(query)
    const name = (applies ? found.metric : undefined) ?? query.name
    const free = mayHave(query, name, unit, claims)
    if (applies && free) return { name, unit, factor: found.factor, labels: found.labels, renamed: true }
    return keep(query, rules.labels, found === undefined)
  }

  return {
    metric(query, claims) {
      if (names === 'strip') return strip(query, claims)
      return names === 'semconv' && mapping !== undefined ? map(query, mapping, claims) : keep(query, unchanged, true)
    },
    label(metric, label) {
      if (names !== 'semconv' || mapping === undefined) return label
      const target = (mapping.metric(metric)?.labels ?? mapping.labels).get(label)
      return target === undefined ? label : (target ?? undefined)
    },
  }
}
