/** Explains the translation of Zipkin spans (see ../explain.ts). */

import { textToString } from '../../otlp/attributes.ts'
import type { KeyValue, Span } from '../../otlp/model.ts'
import { createExplainer, type ExplainedItem, type Explanation } from '../explain.ts'
import { type PlacedSpan, placedSpans } from '../explain-fields.ts'
import type { ZipkinTranslateConfig } from './config.ts'
import { sourceOf, type ZipkinEncoding, type ZipkinPair } from './leaves.ts'
import type { ZipkinSpan, ZipkinSpans, ZipkinV1Span } from './model.ts'
import type { SemconvNames } from './names.ts'
import { zipkinRejections, zipkinRules } from './rules.ts'
import { zipkinSentences } from './sentences.ts'
import { zipkinToTraces } from './to-otlp.ts'
import { convertV1Span } from './v1-to-v2.ts'

const noNotes = { otherVersion: 0, unreadableFields: 0 }

/** The explanation of spans as {@link zipkinToTraces} translates them with the same arguments. Items are made as they are asked for. */
export function explainZipkin(
  decoded: ZipkinSpans,
  config: ZipkinTranslateConfig,
  receivedAtMs: number,
  encoding: ZipkinEncoding,
  names: SemconvNames = 'stable',
): Explanation {
  const { data, notes } = zipkinToTraces(decoded, config, receivedAtMs, names)
  const explain = createExplainer(zipkinRules, data)
  const { spans, rejected } = decoded

  const onlySpan = (span: ZipkinSpan): PlacedSpan => {
    const [placed] = placedSpans(zipkinToTraces({ spans: [span], rejected: [], notes: noNotes }, config, receivedAtMs, names).data)
    if (placed === undefined) throw new Error('BUG: a span was translated into none')
    return placed
  }

  const itemOf = (span: ZipkinSpan | ZipkinV1Span, index: number): ExplainedItem => {
    const parts = span.version === 2 ? [span] : convertV1Span(span)
    const source = sourceOf(span, parts, encoding, config)
    const results = parts.map((part) => {
      const placed = onlySpan(part)
      source.results.push(placed.span)
      const ask = (tags: readonly KeyValue[]): Span => onlySpan({ ...part, tags }).span
      const pair: ZipkinPair = { source, part, resource: placed.resource, span: placed.span, ask }
      return { placed, pair }
    })
    return explain({ source, index, title: textToString(span.name), leaves: source.leaves, results })
  }

  /** Rejected spans are not among the others: they stand where the input had them. */
  const items = function* (): Generator<ExplainedItem> {
    const byPlace = new Map(rejected.map((one) => [one.index, one]))
    const total = spans.length + rejected.length
    for (let index = 0, next = 0; index < total; index++) {
      const bad = byPlace.get(index)
      if (bad === undefined) yield itemOf(spans[next++] as ZipkinSpan | ZipkinV1Span, index)
      else {
        const why = { rule: zipkinRejections[bad.reason] ?? '', reason: bad.reason, example: bad.text }
        yield { index, title: '', spans: [], leftovers: [], rejected: why }
      }
    }
  }

  return {
    sentences: zipkinSentences,
    items: items(),
    leftovers: [],
    notes,
    rejected: rejected.length,
    received: spans.length + rejected.length,
  }
}
