/**
 * The user's own mapping file, its part about metrics: old names → new ones. One file serves live traffic, back-fill and dashboards, so that a
 * metric and the queries for it are renamed alike. It is read elsewhere; here is what it may say, and how it is looked up.
 */

import { z } from 'zod'
import { isPattern, matches } from '../patterns.ts'
import { metricTypes } from './config.ts'

const longestName = 1024

/** Patterns are tried one by one for each series that is met first. */
const maxPatterns = 1000

const labelTarget = z.string().min(1).max(longestName).nullable()

const labels = z.record(z.string().min(1).max(longestName), labelTarget)

const match = z
  .string()
  .min(1)
  .max(longestName)
  .describe(
    'Name of the metric as it comes, without _bucket, _sum and _count of histograms and summaries, with _total of counters. Or a pattern: `*` is any text, `?` one character. A name goes before patterns; of patterns the first that fits counts.',
  )

const newName = z.string().min(1).max(longestName).optional().describe('New name. Default: the old one.')

/** What both forms of the list say of a metric. */
const rule = {
  unit: z
    .string()
    .max(63)
    .refine((value) => value !== '1', {
      error: 'expected another unit or none: a backend that adds units to names turns a gauge x of unit 1 into x_ratio',
    })
    .optional()
    .describe('New unit, as UCUM code (`s`, `By`, `{request}`). Default: that of the metadata.'),
  factor: z
    .number()
    .positive()
    .default(1)
    .describe(
      'Values are multiplied by it: 0.001 makes seconds of milliseconds. Bounds, sums and quantiles of histograms and summaries are, too; counts are not. Native histograms cannot be multiplied: they keep name, unit and labels.',
    ),
  type: z
    .enum(metricTypes)
    .optional()
    .describe('Type of the metric as it comes. It wins over what senders say; `translate.prometheus.types` wins over it.'),
  labels: labels
    .default({})
    .describe(
      'Labels of this metric: new name of the attribute, or null to leave the label out. Series that differ in nothing else become one then.',
    ),
}

const metric = z.strictObject({ match, metric: newName, ...rule }).describe('One metric, or several that fit a pattern.')

const named = z.strictObject({ name: newName, ...rule }).describe('One metric, or several that fit a pattern, by its old name.')

type Metric = z.output<typeof metric>

/** Lists that were written as a section: places of faults in them go by the old name. */
const sections = new WeakSet<readonly Metric[]>()

function listOf(section: Readonly<Record<string, z.output<typeof named>>>): Metric[] {
  const list = Object.entries(section).map(([old, { name, ...rest }]): Metric => ({ match: old, metric: name, ...rest }))
  sections.add(list)
  return list
}

const tooMany = { error: 'expected at most 100,000 metrics' }

const metrics = z.union([
  z.array(metric).max(100_000),
  z
    .record(z.string().min(1).max(longestName), named)
    .refine((section) => Object.keys(section).length <= 100_000, tooMany)
    .transform(listOf),
])

/** Keys of the mapping file that are about metrics: what reads the whole file puts the keys of other formats beside them. */
export const metricMappingKeys = {
  metrics: metrics
    .default([])
    .describe(
      'Metrics that get another name, unit, scale, type or other labels: a list, or a section `old name: {name, unit, factor, type, labels}`.',
    ),
  labels: labels
    .default({})
    .describe('Labels of all metrics: new name of the attribute, or null to leave the label out. Labels of a metric go before these.'),
}

/** What is wrong in a mapping file although each of its values may stand there. */
interface MappingFault {
  readonly path: (string | number)[]
  readonly message: string
}

/** Labels that do not become attributes of the point, and where they go. */
const reserved: ReadonlyMap<string, string> = new Map([
  ['__name__', 'it is the name of the metric'],
  ['__type__', 'it is the type of the metric'],
  ['__unit__', 'it is the unit of the metric'],
  ['le', 'it is the bound of a bucket'],
  ['quantile', 'it is the quantile of a summary'],
  ['job', 'it becomes service.name of the resource'],
  ['instance', 'it becomes service.instance.id of the resource'],
])

const reservedWhy = (label: string): string | undefined =>
  reserved.get(label) ?? (label.startsWith('otel_scope_') && label !== 'otel_scope_' ? 'it becomes part of the scope' : undefined)

function labelFaults(
  own: Readonly<Record<string, string | null>>,
  inherited: Readonly<Record<string, string | null>>,
  path: (string | number)[],
) {
  const faults: MappingFault[] = []
  for (const label of Object.keys(own)) {
    const why = reservedWhy(label)
    if (why !== undefined) faults.push({ path: [...path, label], message: `cannot be renamed: ${why}` })
  }
  const from = new Map<string, string>()
  const all = new Map([...Object.entries(inherited), ...Object.entries(own)])
  for (const [label, target] of all) {
    if (target === null) continue
    const other = from.get(target)
    // Where both are inherited the fault is told there.
    const named = Object.hasOwn(own, label) ? label : other
    if (other !== undefined && named !== undefined && Object.hasOwn(own, named)) {
      faults.push({ path: [...path, named], message: `expected another attribute: ${label} and ${other} would both become ${target}` })
    }
    from.set(target, label)
  }
  return faults
}

function metricFaults(metrics: readonly Metric[]): MappingFault[] {
  const isSection = sections.has(metrics)
  const faults: MappingFault[] = []
  if (metrics.filter(({ match }) => isPattern(match)).length > maxPatterns) {
    faults.push({ path: ['metrics'], message: `expected at most ${maxPatterns} with a pattern` })
  }
  const byMatch = new Map<string, number>()
  const byTarget = new Map<string, { unit: string; match: string }>()
  for (const [at, { match, metric: target, unit }] of metrics.entries()) {
    const first = byMatch.get(match)
    if (first === undefined) byMatch.set(match, at)
    else faults.push({ path: ['metrics', at, 'match'], message: `expected each once: metrics.${first} has it already` })
    if (target === undefined || unit === undefined) continue
    const other = byTarget.get(target)
    if (other === undefined) byTarget.set(target, { unit, match })
    else if (other.unit !== unit) {
      const message = `expected the unit of ${other.match}, ${JSON.stringify(other.unit)}: both become ${target}`
      faults.push({ path: ['metrics', isSection ? match : at, 'unit'], message })
    }
  }
  return faults
}

/** The part of a mapping file that is about metrics, as each of its values was checked. */
interface CheckedMetrics {
  readonly metrics: readonly Metric[]
  readonly labels: Readonly<Record<string, string | null>>
}

/** Tells zod what contradicts itself in the file. Two that would become one by mistake are faults: labels to one attribute, metrics of different units to one name. */
export function checkMetricMapping(mapping: CheckedMetrics, context: z.core.$RefinementCtx): void {
  const faults = [
    ...labelFaults(mapping.labels, {}, ['labels']),
    ...metricFaults(mapping.metrics),
    ...mapping.metrics.flatMap((one, at) =>
      labelFaults(one.labels, mapping.labels, ['metrics', sections.has(mapping.metrics) ? one.match : at, 'labels']),
    ),
  ]
  for (const { path, message } of faults) context.addIssue({ code: 'custom', path, message })
}

/** The mapping file, as far as it is about metrics. */
export const userMappingSchema = z.strictObject(metricMappingKeys).superRefine(checkMetricMapping)

/** The mapping file as it was checked. */
export type UserMappingFile = z.output<typeof userMappingSchema>

/** What becomes of a label: another name, or null: it is left out. */
export type LabelMap = ReadonlyMap<string, string | null>

/** What the file says of one metric. */
export interface MetricMapping {
  /** Undefined: the old name. */
  readonly metric: string | undefined
  /** UCUM; undefined: that of the metadata. */
  readonly unit: string | undefined
  readonly factor: number
  /** Those of the metric and those of all. */
  readonly labels: LabelMap
}

export interface UserMapping {
  /** What holds for a metric, by its name without suffixes of members; undefined: nothing of its own. A name costs one look-up, patterns are tried one by one. */
  metric(name: string): MetricMapping | undefined
  /** Labels of metrics that have nothing of their own. */
  readonly labels: LabelMap
  /** Types by name or pattern, in the order in which they are tried: names first. */
  readonly types: Readonly<Record<string, string>>
  /** All labels that it says anything of, whatever the metric. */
  readonly labelNames: ReadonlySet<string>
}

/** Indexes a checked file. */
export function createUserMapping(file: UserMappingFile): UserMapping {
  const labels: LabelMap = new Map(Object.entries(file.labels))
  const byName = new Map<string, MetricMapping>()
  const patterns: { readonly pattern: string; readonly mapping: MetricMapping }[] = []
  const typed = file.metrics
    .filter(({ type }) => type !== undefined)
    .toSorted((one, other) => Number(isPattern(one.match)) - Number(isPattern(other.match)))
  for (const { match, metric: target, unit, factor, labels: own } of file.metrics) {
    const mapping = { metric: target, unit, factor, labels: new Map([...labels, ...Object.entries(own)]) }
    if (isPattern(match)) patterns.push({ pattern: match, mapping })
    else byName.set(match, mapping)
  }
  return {
    metric: (name) => byName.get(name) ?? patterns.find(({ pattern }) => matches(pattern, name))?.mapping,
    labels,
    types: Object.fromEntries(typed.map(({ match, type = 'unknown' }) => [match, type])),
    labelNames: new Set([...labels.keys(), ...file.metrics.flatMap(({ labels: own }) => Object.keys(own))]),
  }
}
