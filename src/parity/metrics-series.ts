/** Which series of the new side one of the old side becomes: `map()` and `back()` of the Prometheus mapping, section 12, and what else may stand there. */

import type { SeriesLabels } from '../read/prometheus-api.ts'
import { Member } from '../translate/prometheus/assembler.ts'
import { back, type Strategy, strategies } from '../translate/prometheus/back.ts'
import { type MapOptions, type Mapped, mapSeries } from '../translate/prometheus/mapping.ts'
import { MetricType } from '../translate/prometheus/model.ts'
import type { Label } from '../translate/prometheus/series-labels.ts'
import { suffixOf, typeOfWord } from '../translate/prometheus/type-rules.ts'
import type { Types } from '../translate/prometheus/types.ts'

/** What a series of the old side is expected to be on the new side. */
export interface Predicted {
  /** Of the old side, as the bridge was sent it: with external labels, without the replica's. */
  readonly sent: SeriesLabels
  readonly name: string
  /** All labels, `__name__` among them. */
  readonly labels: SeriesLabels
  /** What values are multiplied by. */
  readonly factor: number
  /** One of `Member`; 0: a metric of its own. */
  readonly member: number
  /** Name of a histogram whose classic series this is one of, as the new side would have a native one. */
  readonly base: string
  /** `created` and `target_info` have no samples of their own on the new side. */
  readonly special: 'created' | 'target_info' | undefined
  /** Rule of the mapping when the name differs: empty where it does not. */
  readonly renamed: string
  /** `le` as a number, after the factor. */
  readonly bound: number | undefined
  /** Labels that rules take away or put where a series does not show them. */
  readonly hidden: ReadonlySet<string>
}

/**
 * Labels of the sent series whose values are on none of the new one, though no rule takes them away: the second path of the comparison, which
 * knows no names. A translator that loses a label alike in the bridge and here is found by it.
 */
export function unaccountedLabels({ sent, hidden }: Predicted, found: SeriesLabels): string[] {
  // Backends join values of labels that become one.
  const values = new Set(Object.entries(found).flatMap(([name, value]) => [labelText(name, value), ...value.split(';')]))
  return Object.keys(sent).filter((name) => {
    const value = sent[name] ?? ''
    return name !== '__name__' && value !== '' && !hidden.has(name) && !values.has(labelText(name, value)) && !values.has(value)
  })
}

export interface PredictOptions {
  readonly types: Types
  readonly map: MapOptions
  /** `translate.prometheus.histograms` */
  readonly histograms: 'assemble' | 'passthrough'
  /** `translate.prometheus.created` */
  readonly created: 'consume' | 'keep'
  /** Added by remote-write: see `PrometheusApi.externalLabels`. */
  readonly external: SeriesLabels
  /** Removed when pairs of replicas are elected from: the first that a series has. */
  readonly replicaLabels: readonly string[]
}

const boundValue = (text: string): number => Number(text.replace(/^([+-]?)Inf$/, '$1Infinity'))

/** Bounds and quantiles are numbers: Prometheus 2 writes `1`, Prometheus 3 `1.0`. */
const labelText = (name: string, value: string): string => {
  if (name !== 'le' && name !== 'quantile') return value
  const number = boundValue(value)
  return Number.isNaN(number) ? value : String(number)
}

/** A series as text: name, then labels in the order of their names. Equal for equal series of both sides. */
export function seriesKey(labels: SeriesLabels): string {
  const names = Object.keys(labels)
    .filter((name) => name !== '__name__' && labels[name] !== '')
    .sort()
  return `${labels['__name__'] ?? ''}{${names.map((name) => `${name}=${JSON.stringify(labelText(name, labels[name] ?? ''))}`).join(',')}}`
}

/** The labels without one of them. */
export const withoutLabel = (labels: SeriesLabels, label: string): SeriesLabels =>
  Object.fromEntries(Object.entries(labels).filter(([name]) => name !== label))

/** What remote-write sends of a series: external labels where it has none of that name, and no replica's. */
export function sentLabels(
  labels: SeriesLabels,
  { external, replicaLabels }: Pick<PredictOptions, 'external' | 'replicaLabels'>,
): SeriesLabels {
  const all = { ...external, ...labels }
  const replica = replicaLabels.find((label) => all[label] !== undefined)
  return replica === undefined ? all : withoutLabel(all, replica)
}

/** Bounds and quantiles are compared by the pairing, as numbers that may have a factor. */
const alwaysHidden = ['le', 'quantile', '__type__', '__unit__'] as const

function hiddenBy({ dropped, scope }: Mapped, { map }: PredictOptions): ReadonlySet<string> {
  const ofScope =
    scope === undefined
      ? []
      : ['otel_scope_name', 'otel_scope_version', 'otel_scope_schema_url', ...scope.attributes.map(([key]) => `otel_scope_${key}`)]
  return new Set([...alwaysHidden, ...dropped, ...map.resourceLabels.keys(), ...ofScope])
}

function factorOf(member: number, factor: number): number {
  return member === Member.Bucket || member === Member.Count ? 1 : factor
}

/**
 * What a series becomes. Undefined: the new side drops it.
 * @param metadataType of its family as the old side says it
 */
export function predict(labels: SeriesLabels, strategy: Strategy, options: PredictOptions): Predicted | undefined {
  const { types } = options
  const sent = sentLabels(labels, options)
  const name = sent['__name__'] ?? ''
  const pairs: Label[] = Object.entries(sent)
  const said = types.said('', name)
  const le = sent['le'] ?? (suffixOf(name) === '_bucket' ? '+Inf' : undefined)
  const quantile = sent['quantile'] ?? (said === MetricType.Summary ? '0.5' : undefined)
  // A series that has the name of its histogram is a native one.
  const native = said === MetricType.Histogram && sent['le'] === undefined
  const query = { name, le, quantile, native, declared: 0, typeLabel: sent['__type__'], unitLabel: sent['__unit__'] }
  const resolved = types.resolve('', query, 0)
  const asIs = options.histograms === 'passthrough' && resolved.member !== 0
  const metadata = asIs
    ? { ...resolved, family: name, member: 0, type: resolved.type === MetricType.Summary ? MetricType.Gauge : MetricType.Counter }
    : resolved
  const mapped = mapSeries(pairs, metadata, options.map)
  const shown = back(mapped, strategy)
  if (shown === undefined) return undefined
  const all: Record<string, string> = { ...Object.fromEntries(shown.labels), __name__: shown.name }
  const special =
    resolved.special === 'target_info'
      ? 'target_info'
      : resolved.special === 'created' && options.created === 'consume'
        ? 'created'
        : undefined
  if (special === 'target_info') Object.assign(all, sent)
  const suffix = suffixOf(shown.name)
  return {
    sent,
    name: shown.name,
    labels: all,
    factor: factorOf(mapped.member, mapped.factor),
    member: mapped.member,
    base:
      mapped.member === 0 || mapped.member === Member.Quantile || suffix === undefined ? shown.name : shown.name.slice(0, -suffix.length),
    special,
    renamed: shown.name === name ? '' : mapped.metric === mapped.family ? `12.1 ${strategy}` : '9 names',
    hidden: hiddenBy(mapped, options),
    bound: mapped.member === Member.Bucket && all['le'] !== undefined ? boundValue(all['le']) : undefined,
  }
}

/** Teaches types what the old side says of its families. */
export function learnMetadata(
  types: Types,
  metadata: Iterable<readonly [string, { readonly type: string; readonly help: string; readonly unit: string }]>,
): void {
  for (const [family, { type, help, unit }] of metadata) types.learn('', family, typeOfWord(type), help, unit, 0)
  types.settle()
}

/**
 * The strategy by which most names of the old side are found on the new one. Of several that find as many the one that changes least.
 * @param names of the old side
 * @param there names of the new side
 */
export function findStrategy(names: Iterable<string>, there: ReadonlySet<string>, options: PredictOptions): Strategy {
  const found = new Map<Strategy, number>(strategies.map((strategy) => [strategy, 0]))
  for (const name of names) {
    for (const strategy of strategies) {
      const predicted = predict({ __name__: name }, strategy, options)
      const hit = predicted !== undefined && (there.has(predicted.name) || (predicted.member !== 0 && there.has(predicted.base)))
      if (hit) found.set(strategy, (found.get(strategy) ?? 0) + 1)
    }
  }
  // The last of them changes nothing, and so on backwards.
  let best: Strategy = 'NoTranslation'
  for (const strategy of strategies.toReversed()) if ((found.get(strategy) ?? 0) > (found.get(best) ?? 0)) best = strategy
  return best
}
