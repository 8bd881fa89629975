/**
 * What a Prometheus-compatible backend shows of an OTLP metric: sections 12.1 and 12.2 of the mapping. Dashboards are rewritten by mapping a
 * selector as live traffic is mapped, and then this.
 *
 * The rules are those of Prometheus 3, measured and read.
 * @see github.com/prometheus/otlptranslator v1.0.0: metric_namer.go, label_namer.go, unit_namer.go
 */

import { Member } from './assembler.ts'
import { boundText } from './bound-text.ts'
import { type MapOptions, type Mapped, mapSeries } from './mapping.ts'
import { shapeOf } from './metric-shape.ts'
import { MetricType } from './model.ts'
import { boundOf, type Label } from './series-labels.ts'
import { suffixOf } from './type-rules.ts'
import type { Types } from './types.ts'
import { unitWord } from './units.ts'

/** `otlp.translation_strategy` of Prometheus. */
export const strategies = [
  'UnderscoreEscapingWithSuffixes',
  'UnderscoreEscapingWithoutSuffixes',
  'NoUTF8EscapingWithSuffixes',
  'NoTranslation',
] as const

export type Strategy = (typeof strategies)[number]

/** What is set at the backend; defaults are those of Prometheus. */
export interface BackendOptions {
  /** Resource attributes that it puts on every series. */
  readonly promoteResourceAttributes?: readonly string[] | 'all' | undefined
  /** Whether it puts the scope on every series. */
  readonly promoteScopeMetadata?: boolean | undefined
  /** Whether `service.*` is on `target_info`, too. */
  readonly keepIdentifyingResourceAttributes?: boolean | undefined
}

/** A series as the backend shows it. Labels ascend by name, `__name__` is not among them. */
export interface BackendSeries {
  readonly name: string
  readonly labels: readonly Label[]
  /** Labels of the `target_info` that the backend makes of the resource; undefined: none. */
  readonly targetInfo: readonly Label[] | undefined
}

const escapes = (strategy: Strategy): boolean => strategy.startsWith('Underscore')
const addsSuffixes = (strategy: Strategy): boolean => strategy.endsWith('WithSuffixes')

/** Where the words of the backend are not those of the metadata. */
const backendWords: ReadonlyMap<string, string> = new Map([
  ['TiBy', 'tibibytes'],
  ['KBy', 'kilobytes'],
  ['kBy', 'kBy'],
])

const perWords: ReadonlyMap<string, string> = new Map([
  ['s', 'second'],
  ['m', 'minute'],
  ['h', 'hour'],
  ['d', 'day'],
  ['w', 'week'],
  ['mo', 'month'],
  ['y', 'year'],
])

/** What a unit adds to a name: `By/s` is `bytes` and `per_second`. Parts in braces add nothing. */
function unitParts(unit: string): { main: string; per: string } {
  const slash = unit.indexOf('/')
  const mainCode = (slash < 0 ? unit : unit.slice(0, slash)).trim()
  const perCode = slash < 0 ? '' : unit.slice(slash + 1).trim()
  const plain = (code: string): boolean => code !== '' && !/[{}]/.test(code)
  return {
    main: plain(mainCode) ? (backendWords.get(mainCode) ?? unitWord(mainCode)) : '',
    per: plain(perCode) ? `per_${perWords.get(perCode) ?? perCode}` : '',
  }
}

const cleanUnit = (word: string): string => word.replace(/[^A-Za-z0-9:]+/g, '_').replace(/^_/, '')

const withoutEnd = (text: string, end: string): string => (text.endsWith(end) ? text.slice(0, -end.length) : text)

const leadingDigit = (name: string): string => (/^[0-9]/.test(name) ? `_${name}` : name)

function byTokens(name: string, unit: string, isCounter: boolean, isGauge: boolean): string {
  let tokens = name.split(/[^A-Za-z0-9:]+/).filter((token) => token !== '')
  const parts = unitParts(unit)
  let main = cleanUnit(parts.main)
  let per = withoutEnd(cleanUnit(parts.per), '_')
  if (tokens.includes(main)) main = ''
  if (per === 'per' || tokens.includes(per)) per = ''
  if (per !== '') main = withoutEnd(main, '_')
  tokens.push(...[main, per].filter((token) => token !== ''))
  if (isCounter) tokens = [...tokens.filter((token) => token !== 'total'), 'total']
  if (unit === '1' && isGauge) tokens = [...tokens.filter((token) => token !== 'ratio'), 'ratio']
  return leadingDigit(tokens.join('_'))
}

/** Takes a word off the end of a name, and the character before it. */
const cutWord = (name: string, word: string): string =>
  name.endsWith(word) && name.length > word.length + 1 ? name.slice(0, -(word.length + 1)) : name

function byEnd(name: string, unit: string, isCounter: boolean, isGauge: boolean): string {
  const { main, per } = unitParts(unit)
  let stem = name
  let end = ''
  if (unit === '1' && isGauge) {
    stem = cutWord(stem, 'ratio')
    end = '_ratio'
  }
  if (isCounter) {
    stem = cutWord(stem, 'total')
    end = `_total${end}`
  }
  if (per !== '') {
    stem = cutWord(stem, per)
    end = `_${per}${end}`
  }
  if (main !== '' && !stem.endsWith(main)) stem = `${stem}_${main}`
  return stem + end
}

/** The name of a metric at the backend, without suffixes of members. Undefined: nothing is left of it, and the backend drops it. @param type `MetricType` */
export function backName(metric: string, unit: string, type: number, strategy: Strategy): string | undefined {
  const shape = shapeOf(type)
  const isCounter = shape === 'counter'
  const isGauge = shape === 'gauge'
  if (!escapes(strategy)) return addsSuffixes(strategy) ? byEnd(metric, unit, isCounter, isGauge) : metric
  const name = addsSuffixes(strategy)
    ? byTokens(metric, unit, isCounter, isGauge)
    : leadingDigit(
        metric
          .split(/[^A-Za-z0-9:_]+/)
          .filter((part) => part !== '')
          .join('_'),
      )
  return name !== '' && (name === metric || /[^_]/.test(name)) ? name : undefined
}

/** The label of an attribute at the backend. Undefined: nothing is left of it, and the backend drops the point. */
export function backLabel(attribute: string, strategy: Strategy): string | undefined {
  if (!escapes(strategy)) return attribute
  const plain = attribute.replace(/[^A-Za-z0-9_]/gu, '_')
  const name = /^[0-9]/.test(plain) ? `key_${plain}` : /^_(?!_)/.test(plain) ? `key${plain}` : plain
  return /[^_]/.test(name) ? name : undefined
}

const byName = ([left]: Label, [right]: Label): number => (left < right ? -1 : left > right ? 1 : 0)

/** Attributes as labels; of those that become one the values stand side by side. Undefined: one of them cannot be a label. */
function labelsOf(attributes: readonly Label[], strategy: Strategy): Map<string, string> | undefined {
  const labels = new Map<string, string>()
  for (const [key, value] of attributes.toSorted(byName)) {
    if (key === '__name__') continue
    const label = backLabel(key, strategy)
    if (label === undefined) return undefined
    const other = labels.get(label)
    labels.set(label, other === undefined || !escapes(strategy) ? value : `${other};${value}`)
  }
  return labels
}

const identifying = ['service.namespace', 'service.name', 'service.instance.id']

/** `job` and `instance` of a resource. */
function identityOf(resource: ReadonlyMap<string, string>): Label[] {
  const namespace = resource.get('service.namespace')
  const name = resource.get('service.name')
  const instance = resource.get('service.instance.id')
  const labels: Label[] = []
  if (name !== undefined) labels.push(['job', namespace === undefined ? name : `${namespace}/${name}`])
  if (instance !== undefined) labels.push(['instance', instance])
  return labels
}

const memberSuffix: Readonly<Record<number, string>> = { [Member.Bucket]: '_bucket', [Member.Sum]: '_sum', [Member.Count]: '_count' }

function targetInfoOf({ resource }: Mapped, strategy: Strategy, options: BackendOptions): readonly Label[] | undefined {
  const others = resource.filter(([key]) => !identifying.includes(key))
  const identity = identityOf(new Map(resource))
  if (others.length === 0 || identity.length === 0) return undefined
  const labels = labelsOf(options.keepIdentifyingResourceAttributes === true ? resource : others, strategy)
  if (labels === undefined) return undefined
  for (const [label, value] of identity) labels.set(label, value)
  return [...labels].sort(byName)
}

/**
 * The series that a backend shows of one that was mapped: under its own name, or the one of the member that it is. Undefined: the backend drops
 * it. Bounds and quantiles are multiplied as the values are, and written as the backend does.
 */
export function back(mapped: Mapped, strategy: Strategy, options: BackendOptions = {}): BackendSeries | undefined {
  const { metric, unit, type, member, resource, scope, attributes, bound, factor } = mapped
  const name = backName(metric, unit, member === 0 ? type : MetricType.Histogram, strategy)
  const labels = labelsOf(attributes, strategy)
  if (name === undefined || labels === undefined) return undefined
  const promoted = options.promoteResourceAttributes ?? []
  for (const [key, value] of resource) {
    const label = promoted === 'all' || promoted.includes(key) ? backLabel(key, strategy) : undefined
    if (label !== undefined && !labels.has(label)) labels.set(label, value)
  }
  for (const [label, value] of identityOf(new Map(resource))) labels.set(label, value)
  if (options.promoteScopeMetadata === true && scope !== undefined && scope.name !== '') {
    for (const [key, value] of scope.attributes) {
      const label = backLabel(`otel_scope_${key}`, strategy)
      if (label !== undefined) labels.set(label, value)
    }
    labels.set('otel_scope_name', scope.name)
    if (scope.version !== '') labels.set('otel_scope_version', scope.version)
    if (scope.schemaUrl !== '') labels.set('otel_scope_schema_url', scope.schemaUrl)
  }
  if (bound !== undefined) {
    const value = boundOf(bound[1])
    const scaled = value === undefined || member !== Member.Bucket ? value : value * factor
    labels.set(bound[0], scaled === undefined ? bound[1] : boundText(scaled))
  }
  return {
    name: name + (memberSuffix[member] ?? ''),
    labels: [...labels].sort(byName),
    targetInfo: targetInfoOf(mapped, strategy, options),
  }
}

/**
 * Maps a series that is known by name and some of its labels, as in a selector: its type is what metadata says, else what its name does. A bucket
 * without `le` and a summary without `quantile` are taken for what they are all the same.
 */
export function forward(name: string, labels: readonly Label[], types: Types, options: MapOptions, tenant = ''): Mapped {
  const labelled = (label: string): string | undefined => labels.find(([key]) => key === label)?.[1]
  const le = labelled('le') ?? (suffixOf(name) === '_bucket' ? '+Inf' : undefined)
  const quantile = labelled('quantile') ?? (types.said(tenant, name) === MetricType.Summary ? '0.5' : undefined)
  const query = { name, le, quantile, native: false, declared: 0, typeLabel: labelled('__type__'), unitLabel: labelled('__unit__') }
  return mapSeries(labels, { ...types.resolve(tenant, query, 0), tenant }, options)
}
