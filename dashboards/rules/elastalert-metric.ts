/** What all kinds of ElastAlert rules ask with, and the numbers that some of them compare. */

import { allOf, type Filter, isThere } from '../filters/model.ts'
import type { Aggregate } from '../logql/query.ts'
import type { Findings } from './alert-rule.ts'
import { secondsOfDelta } from './durations.ts'
import type { ElastalertRule } from './elastalert-read.ts'
import type { LogPieces, Question } from './log-pieces.ts'
import { isYes, memberOf, numberOf, wordOf } from './plain.ts'

/** What a kind is made of. */
export interface TypeInput {
  readonly rule: ElastalertRule
  /** All of the rule's filters. */
  readonly filter: Filter
  readonly pieces: LogPieces
  readonly findings: Findings
  /** Reads a list beside the rule; undefined: not there. */
  readonly beside: (path: string) => string | undefined
  /** A filter in the query DSL. */
  readonly filterFrom: (clauses: readonly unknown[]) => Filter
}

/** The expression; undefined: none, which the findings say. */
export type TypeConverter = (input: TypeInput) => string | undefined

/** Says that a key is missing. */
export const missing = ({ findings, rule }: TypeInput, key: string): undefined => {
  findings.note('OBD-A-018', `a rule of type ${rule.type} needs ${key}`, 'unsupported')
  return undefined
}

/** Kinds that count documents without their query_key together; others ask Elasticsearch for groups, which leaves them out. */
const keepsMissing: ReadonlySet<string> = new Set(['any', 'frequency', 'spike', 'flatline', 'blacklist', 'whitelist', 'cardinality'])

/** What is asked when nothing else is said. */
export const asked = ({ rule, filter }: TypeInput, window: number, more: readonly Filter[] = []): Omit<Question, 'value'> => ({
  index: rule.index === '' ? undefined : rule.index,
  filter: allOf([filter, ...more]),
  by: rule.queryKey,
  missing: keepsMissing.has(rule.type) && !isYes(memberOf(rule.all, 'use_terms_query')),
  window,
  offset: rule.delay,
})

/** Window of metric aggregations: a bucket, a run, or the buffer. */
export function metricWindow({ rule, findings }: TypeInput): number {
  const bucket = secondsOfDelta(memberOf(rule.all, 'bucket_interval'))
  if (bucket !== undefined) {
    findings.note('OBD-A-030', 'of the buckets of time that the old rule looked at, the one that ends now is looked at')
    return bucket
  }
  return isYes(memberOf(rule.all, 'use_run_every_query_size')) ? rule.runEvery : rule.bufferTime
}

/** What `metric_agg_type` makes of the field; undefined: unknown. */
export function aggregateOf(rule: ElastalertRule): Aggregate | undefined {
  const field = wordOf(memberOf(rule.all, 'metric_agg_key'))
  const op = wordOf(memberOf(rule.all, 'metric_agg_type'))
  if (op === undefined || field === undefined) return undefined
  if (op === 'min' || op === 'max' || op === 'avg' || op === 'sum') return { kind: 'aggregate', op, field }
  if (op === 'cardinality') return { kind: 'aggregate', op: 'unique', field }
  if (op === 'value_count') return { kind: 'aggregate', op: 'count', field }
  const percent = numberOf(memberOf(rule.all, 'percentile_range'))
  return op === 'percentiles' && percent !== undefined ? { kind: 'aggregate', op: 'percentile', field, percent } : undefined
}

/** The metric of metric aggregations over a window. */
export function metricOf(input: TypeInput, window: number, offset = 0): string | undefined {
  if (memberOf(input.rule.all, 'metric_agg_script') !== undefined) {
    input.findings.note('OBD-A-009', 'metric_agg_script is a program', 'unsupported')
    return undefined
  }
  const value = aggregateOf(input.rule)
  if (value === undefined) return missing(input, 'metric_agg_key and a known metric_agg_type')
  const base = { ...asked(input, window), offset: input.rule.delay + offset }
  if (value.op === 'unique') return input.pieces.unique(base, value.field ?? '')
  if (value.op === 'count') return input.pieces.count({ ...base, filter: allOf([base.filter, isThere(value.field ?? '')]) })
  return input.pieces.ask({ ...base, value })
}
