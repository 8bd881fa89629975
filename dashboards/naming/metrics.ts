/** Old names of metrics and labels → those that the new backend shows: sections 6.1, 6.2 of the reference, and 12 of the Prometheus mapping. */

import { Member } from '../../src/translate/prometheus/assembler.ts'
import { type BackendOptions, back, backLabel, backName, forward } from '../../src/translate/prometheus/back.ts'
import { dottedName } from '../../src/translate/prometheus/dotted.ts'
import type { MapOptions } from '../../src/translate/prometheus/mapping.ts'
import { MetricType } from '../../src/translate/prometheus/model.ts'
import { type Reason, suffixOf } from '../../src/translate/prometheus/type-rules.ts'
import type { Types } from '../../src/translate/prometheus/types.ts'
import type { Targets } from '../targets.ts'

/** What became of a label. */
export type LabelTarget =
  | { readonly kind: 'kept' }
  | { readonly kind: 'renamed'; readonly to: string }
  /** Only on `target_info` now, under this name. */
  | { readonly kind: 'resource'; readonly to: string }
  /** Nowhere: why. */
  | { readonly kind: 'gone'; readonly why: string }

/** What became of the series of one name. */
export interface MetricTarget {
  /** Undefined: there is no such series any more; `why` says it. */
  readonly name: string | undefined
  readonly why?: string | undefined
  /** New value = old value × factor. */
  readonly factor: number
  /** New bound = old bound × this, of a series of a histogram. Default: 1 of all that has none. */
  readonly bounds?: number | undefined
  /** Of a member of a classic histogram that is stored natively now: which, and `name` is the histogram's own. */
  readonly native?: 'bucket' | 'sum' | 'count' | undefined
  /** The backend stores it as deltas: `rate` is a sum over time there. */
  readonly isDelta?: boolean | undefined
  /** The label's fate; `__name__`, `le` and `quantile` are not asked. */
  label(name: string): LabelTarget
  /** A value of a label, by its old name, as it is spelled now; where it is absent values stay. */
  value?(label: string, value: string): string
  /** A type or unit that nobody said was taken for granted, and the name depends on it. */
  readonly guessed: boolean
}

export interface MetricNaming {
  /** Of the name of a series, with its suffix, as it stands in a selector. */
  metric(name: string): MetricTarget
  /** Of a label of unknown metrics. */
  label(name: string): LabelTarget
  /** Names of series that are known to exist, for patterns; undefined: unknown. */
  readonly known: ReadonlySet<string> | undefined
  /** Labels, by old name, that may be another thing on one metric than on the next; undefined: unknown. */
  readonly moved?: ReadonlySet<string> | undefined
  /** Whether everything keeps its name: nothing has to be looked at twice then. */
  readonly isIdentity: boolean
}

/** What names are made with: the options of the bridge and those of the backend. */
export interface MetricNamingOptions {
  /** As live traffic is mapped. */
  readonly map: MapOptions
  readonly types: Types
  readonly targets: Targets['metrics']
  /** `translate.prometheus.created`. */
  readonly created: 'consume' | 'keep'
  /** `translate.prometheus.targetInfo.dotted`. */
  readonly dotted: boolean
  /** `translate.prometheus.names`. */
  readonly names: 'keep' | 'strip' | 'semconv'
  /** Names of families of which metadata is there; undefined: none is. */
  readonly families?: ReadonlyMap<string, string> | undefined
  /** Labels that a user's mapping renames or leaves out, of whatever metric. */
  readonly mappedLabels?: Iterable<string> | undefined
}

const kept: LabelTarget = { kind: 'kept' }
const probe = 'otlp-bridge-probe'

/** Reasons that are somebody's word, and no guess of ours. */
const sure: ReadonlySet<Reason> = new Set<Reason>([
  ...(['override', 'native', 'metadata 2.0', 'metadata 1.0', 'label __type__', 'recording rule', 'h1', 'h2', 'h3'] as const),
  ...(['h6', 'h8', 'h9', 'h11'] as const),
])

/** Names of series of a family by its type, as metadata says it. */
export function seriesOf(family: string, type: string): string[] {
  if (type === 'histogram') return [family, `${family}_bucket`, `${family}_sum`, `${family}_count`]
  if (type === 'summary') return [family, `${family}_sum`, `${family}_count`]
  if (type === 'counter' && !family.endsWith('_total')) return [family, `${family}_total`]
  return [family]
}

/** Names are asked again and again: answers are kept, as many as a conversion can meet. */
const mostAnswers = 200_000

export function createMetricNaming(options: MetricNamingOptions): MetricNaming {
  const { map, types, targets, created, dotted, names, families } = options
  const { strategy } = targets
  const backend: BackendOptions = { promoteResourceAttributes: targets.promoted, promoteScopeMetadata: targets.scope_labels }
  const addsSuffixes = strategy.endsWith('WithSuffixes')
  const known = families === undefined ? undefined : new Set([...families].flatMap(([family, type]) => seriesOf(family, type)))
  const answers = new Map<string, MetricTarget>()

  const labelOf = (metric: string, label: string): LabelTarget => {
    if (metric === 'target_info') return ofTargetInfo(label)
    const labels: [string, string][] = [[label, probe]]
    if (label !== 'job') labels.push(['job', 'j'])
    if (label !== 'instance') labels.push(['instance', 'i'])
    const shown = back(forward(metric, labels, types, map), strategy, backend)
    if (shown === undefined) return { kind: 'gone', why: 'nothing is left of its name' }
    const here = shown.labels.find(([, value]) => value === probe)?.[0]
    if (here !== undefined) return here === label ? kept : { kind: 'renamed', to: here }
    const there = shown.targetInfo?.find(([, value]) => value === probe)?.[0]
    // What a rule at the new backend records has labels as the rule gives them, and no resource.
    if (there !== undefined)
      return metric.includes(':') ? (there === label ? kept : { kind: 'renamed', to: there }) : { kind: 'resource', to: there }
    return { kind: 'gone', why: label.startsWith('otel_scope_') ? 'the backend does not show the scope' : 'the mapping leaves it out' }
  }

  const ofTargetInfo = (label: string): LabelTarget => {
    if (label === 'job' || label === 'instance') return kept
    const to = backLabel(dotted ? dottedName(label) : label, strategy)
    if (to === undefined) return { kind: 'gone', why: 'nothing is left of its name' }
    return to === label ? kept : { kind: 'renamed', to }
  }

  /** The member of a histogram that a series is; of one that only time could tell by what is known to be beside it. */
  const nativeOf = (name: string, member: number, type: number, family: string): MetricTarget['native'] => {
    if (!targets.native_histograms) return undefined
    const isHistogram = type === MetricType.Histogram || (type === MetricType.Unknown && known?.has(`${family}_bucket`) === true)
    if (!isHistogram || name === family) return undefined
    return member === Member.Bucket ? 'bucket' : member === Member.Sum ? 'sum' : member === Member.Count ? 'count' : undefined
  }

  const find = (name: string): MetricTarget => {
    const labels = new Map<string, LabelTarget>()
    const label = (key: string): LabelTarget => {
      const found = labels.get(key) ?? labelOf(name, key)
      if (labels.size < mostAnswers) labels.set(key, found)
      return found
    }
    if (name === 'target_info') return { name, factor: 1, label, guessed: false }
    const suffix = suffixOf(name)
    const bound = { le: suffix === '_bucket' ? '+Inf' : undefined, native: false, declared: 0 }
    const resolved = types.resolve('', { name, ...bound, quantile: types.said('', name) === MetricType.Summary ? '0.5' : undefined }, 0)
    if (resolved.special === 'created' && created === 'consume') {
      const stem = resolved.of
      const has = known === undefined || ['', '_total', '_bucket', '_count'].some((end) => known.has(stem + end))
      if (has)
        return { name: undefined, why: 'its values became start times of the metric that it is of', factor: 1, label, guessed: false }
    }
    const mapped = forward(name, [['job', 'j']], types, map)
    const shown = back(mapped, strategy, backend)
    if (shown === undefined) return { name: undefined, why: 'nothing is left of its name', factor: 1, label, guessed: false }
    const { member, type, factor, metric, unit } = mapped
    const native = nativeOf(name, member, type, mapped.family)
    const hasBounds = member === Member.Bucket || member === Member.Count || member === Member.Sum
    const isCounted = member === Member.Bucket || member === Member.Count
    const ownName = native === undefined ? shown.name : (backName(metric, unit, MetricType.Histogram, strategy) ?? shown.name)
    const isSure = sure.has(resolved.why)
    const other = (as: number): boolean => backName(metric, unit, as, strategy) !== backName(metric, unit, type, strategy)
    return {
      name: ownName,
      factor: isCounted ? 1 : factor,
      bounds: hasBounds ? factor : undefined,
      native,
      isDelta: targets.deltas && type === MetricType.Counter && member === 0 ? true : undefined,
      label,
      guessed:
        (addsSuffixes && !isSure && member === 0 && (other(MetricType.Counter) || other(MetricType.Gauge))) ||
        (targets.native_histograms && native === undefined && member !== 0 && type === MetricType.Unknown && !isSure),
    }
  }

  const metric = (name: string): MetricTarget => {
    const answer = answers.get(name)
    if (answer !== undefined) return answer
    const found = find(name)
    if (answers.size < mostAnswers) answers.set(name, found)
    return found
  }

  return {
    metric,
    label: (name) => labelOf('otlp_bridge_any', name),
    known,
    moved: new Set([...(options.mappedLabels ?? []), ...map.resourceLabels.keys()]),
    isIdentity:
      names === 'keep' &&
      map.resourceLabels.size === 0 &&
      !addsSuffixes &&
      !targets.native_histograms &&
      !targets.scope_labels &&
      !targets.deltas,
  }
}
