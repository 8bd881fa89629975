/** Legacy spans as backends store them → canonical spans and rule traces, by the bridge's own decoders and translators. */

import { BridgeError } from '../errors.ts'
import { defaultDecodeLimits } from '../ingest/limits.ts'
import { decodeTraces } from '../otlp/decode/traces.ts'
import { tracesToPlain } from '../otlp/encode/json.ts'
import { isJson, type Json, listOf, otlpSpans } from '../read/otlp-json.ts'
import type { ExplainedItem } from '../translate/explain.ts'
import { jaegerTranslateConfig } from '../translate/jaeger/config.ts'
import { zipkinTranslateConfig } from '../translate/zipkin/config.ts'
import { type CanonicalSpan, canonicalSpan } from './canonical.ts'
import { type Atom, jaegerAtoms, zipkinAtoms } from './legacy-atoms.ts'

/** One span as the old backend stores it. */
export type LegacySpan =
  | { readonly format: 'zipkin'; readonly span: Json }
  | { readonly format: 'jaeger'; readonly span: Json; readonly process: Json }

/** Bytes of a legacy request → bytes of an OTLP request. */
export type LegacyTranslator = (body: Uint8Array) => Uint8Array

export interface LegacyTranslation {
  /** One span, or none when translation refuses it. */
  canonical(legacy: LegacySpan): CanonicalSpan | undefined
  explain(legacy: LegacySpan): ExplainedItem | undefined
  atoms(legacy: LegacySpan): readonly Atom[]
}

/** An OTLP request as canonical spans. */
export const canonicalSpansOf = (request: Uint8Array): readonly CanonicalSpan[] =>
  [...otlpSpans(tracesToPlain(decodeTraces(request)))].map(canonicalSpan)

/** Spans without a time are given that of receipt: none that we could know. */
const receivedAtMs = 0

/** UI JSON carries no spans of Zipkin's. */
const noZipkin = (): never => {
  throw new BridgeError('OB_INTERNAL', 'cannot translate spans of Zipkin: a query API of Jaeger does not carry them')
}

const bodyOf = (legacy: LegacySpan): Uint8Array =>
  Buffer.from(
    JSON.stringify(
      legacy.format === 'zipkin'
        ? [legacy.span]
        : { data: [{ traceID: legacy.span['traceID'], spans: [{ ...legacy.span, processID: 'p' }], processes: { p: legacy.process } }] },
    ),
  )

/**
 * @param translate section `translate` of the configuration; what it does not have is as by default
 * @param over a translator in place of the bridge's, for tests
 */
export async function createLegacyTranslation(
  format: LegacySpan['format'],
  translate: unknown,
  over?: LegacyTranslator,
): Promise<LegacyTranslation> {
  const section = isJson(translate) ? translate : {}
  const semconv = section['semconv']
  const names = semconv === 'legacy' || semconv === 'both' ? semconv : 'stable'
  const limits = defaultDecodeLimits
  const means = async () => {
    if (format === 'zipkin') {
      const config = zipkinTranslateConfig.parse(section['zipkin'] ?? {})
      const { createZipkinTranslators } = await import('../ingest/zipkin/translators.ts')
      const { createZipkinExplainers } = await import('../ingest/zipkin/explain.ts')
      return {
        body: createZipkinTranslators({ limits, translate: config, names }).v2Json,
        explainer: createZipkinExplainers(config, limits, names).json,
      }
    }
    const config = jaegerTranslateConfig.parse(section['jaeger'] ?? {})
    const { createJaegerTranslators } = await import('../ingest/jaeger/translators.ts')
    const { createJaegerExplainers } = await import('../ingest/jaeger/explain.ts')
    return {
      body: createJaegerTranslators({ limits, translate: config, zipkinList: noZipkin }).uiJson,
      explainer: createJaegerExplainers(config, limits).uiJson,
    }
  }
  const { body, explainer } = await means()
  const translator: LegacyTranslator = over ?? ((bytes) => body(bytes, receivedAtMs).data)
  return {
    canonical: (legacy) => canonicalSpansOf(translator(bodyOf(legacy)))[0],
    explain: (legacy) => [...explainer(bodyOf(legacy), receivedAtMs).items][0],
    atoms: (legacy) => (legacy.format === 'zipkin' ? zipkinAtoms(legacy.span) : jaegerAtoms(legacy.span, legacy.process)),
  }
}

/** The spans of a trace in UI JSON, each with its process. */
export function jaegerSpans(trace: Json): readonly LegacySpan[] {
  const processes = isJson(trace['processes']) ? trace['processes'] : {}
  return listOf(trace['spans']).map((span) => {
    const process = isJson(span['process']) ? span['process'] : processes[String(span['processID'])]
    return { format: 'jaeger', span, process: isJson(process) ? process : {} }
  })
}
