/** Explains the translation of a Jaeger batch (see ../explain.ts). */

import { textToString } from '../../otlp/attributes.ts'
import type { KeyValue, Span } from '../../otlp/model.ts'
import { createExplainer, type ExplainedItem, type Explanation, type Leaf, type Leftover } from '../explain.ts'
import { type PlacedSpan, placedSpans } from '../explain-fields.ts'
import { type JaegerEncoding, type JaegerOrigins, sourceOf } from './leaves.ts'
import type { JaegerBatch, JaegerSpan } from './model.ts'
import { jaegerRejections, jaegerRules } from './rules.ts'
import { jaegerSentences } from './sentences.ts'
import { type JaegerTranslateOptions, jaegerToTraces } from './to-otlp.ts'

/**
 * The explanation of a batch as {@link jaegerToTraces} translates it with the same options. Items are made as they are asked for.
 * @param origins of tags that a JSON form has elsewhere than among the tags
 */
export function explainJaeger(
  batch: JaegerBatch,
  options: JaegerTranslateOptions,
  encoding: JaegerEncoding,
  origins: JaegerOrigins = new Map(),
): Explanation {
  const { data, drops, notes } = jaegerToTraces(batch, options)
  const explain = createExplainer(jaegerRules, data)

  const alone = (span: JaegerSpan) => jaegerToTraces({ ...batch, spans: [span] }, options)
  const onlySpan = (span: JaegerSpan): PlacedSpan | undefined => placedSpans(alone(span).data)[0]

  const itemOf = (span: JaegerSpan, index: number): ExplainedItem => {
    const title = textToString(span.operationName)
    const placed = onlySpan(span)
    if (placed === undefined) {
      const [drop] = alone(span).drops
      const reason = drop?.reason ?? ''
      const rejected = { rule: jaegerRejections[reason] ?? '', reason, example: `span ${index}: ${reason}` }
      return { index, title, spans: [], leftovers: [], rejected }
    }
    const source = sourceOf(span, batch.process, batch.nanosPerTick, encoding, options, origins)
    const ask = (tags: readonly KeyValue[]): Span => onlySpan({ ...span, tags })?.span ?? placed.span
    const pair = { source, resource: placed.resource, span: placed.span, ask }
    return explain({ source, index, title, leaves: source.leaves, results: [{ placed, pair }] })
  }

  return {
    sentences: jaegerSentences,
    items: (function* () {
      for (let i = 0; i < batch.spans.length; i++) yield itemOf(batch.spans[i] as JaegerSpan, i)
    })(),
    leftovers: batchLeaves(batch),
    notes,
    rejected: drops.reduce((sum, { count }) => sum + count, 0),
    received: batch.spans.length,
  }
}

/** What a batch says beside its spans. */
function batchLeaves({ seqNo, stats }: JaegerBatch): readonly Leftover[] {
  const leaves: Leaf[] = []
  if (seqNo !== undefined) leaves.push({ name: 'seqNo', value: seqNo.toString() })
  for (const [name, value] of Object.entries(stats ?? {})) leaves.push({ name: `stats.${name}`, value: String(value) })
  return leaves.map((leaf) => ({ leaf, rules: ['J-U9'], fate: 'lost' }))
}
