/** What a document is: a log record, a span of Elastic APM, or metrics. Section 7 of the mapping. */

import { ValueType } from '../../otlp/model.ts'
import { IndexKind } from './index-names.ts'
import type { Leaves } from './model.ts'
import type { FieldPlan } from './plans.ts'
import { Marker, Role } from './rules.ts'

export const DocumentKind = { Log: 0, Span: 1, Metrics: 2 } as const

const telling = Marker.Processor | Marker.Metricset | Marker.DataStream

const words = {
  transaction: Buffer.from('transaction'),
  span: Buffer.from('span'),
  metric: Buffer.from('metric'),
  error: Buffer.from('error'),
  metrics: Buffer.from('metrics'),
  traces: Buffer.from('traces'),
} as const

/**
 * The kind of the document in the leaves: what it says itself goes before what its index does.
 * @param indexKind one of `IndexKind` @param markers bits of `Marker` that the document has
 */
export function documentKind(indexKind: number, markers: number, leaves: Leaves, source: Uint8Array): number {
  const own = (markers & telling) === 0 ? undefined : saidKind(leaves, source)
  if (own !== undefined) return own
  switch (indexKind) {
    case IndexKind.ApmTraces:
      return DocumentKind.Span
    case IndexKind.Metrics:
    case IndexKind.ApmMetrics:
      return DocumentKind.Metrics
    default:
      return DocumentKind.Log
  }
}

function saidKind(leaves: Leaves, source: Uint8Array): number | undefined {
  const { fields, types, a, b, count } = leaves
  const is = (row: number, word: Uint8Array): boolean => {
    const start = a[row] as number
    if (types[row] !== ValueType.Text || (b[row] as number) - start !== word.length) return false
    for (let i = 0; i < word.length; i++) if (source[start + i] !== word[i]) return false
    return true
  }
  let kind: number | undefined
  for (let row = 0; row < count; row++) {
    const { rule } = (fields[row] as { plan: FieldPlan }).plan
    if (rule.role === Role.ProcessorEvent) {
      if (is(row, words.transaction) || is(row, words.span)) return DocumentKind.Span
      if (is(row, words.metric)) return DocumentKind.Metrics
      if (is(row, words.error)) return DocumentKind.Log
    } else if (rule.role === Role.MetricsetName) kind = DocumentKind.Metrics
    else if (rule.role === Role.DataStream && rule.rank === 0) {
      if (is(row, words.metrics)) kind = DocumentKind.Metrics
      else if (is(row, words.traces)) kind = DocumentKind.Span
    }
  }
  return kind
}
