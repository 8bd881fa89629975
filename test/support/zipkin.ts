/** Zipkin spans through the real decoders and translator, in forms that tests compare. */

import { defaultDecodeLimits } from '../../src/ingest/limits.ts'
import { createZipkinTranslators } from '../../src/ingest/zipkin/translators.ts'
import { textToString, valueToString } from '../../src/otlp/attributes.ts'
import { decodeTraces } from '../../src/otlp/decode/traces.ts'
import { tracesToPlain } from '../../src/otlp/encode/json.ts'
import { spanIdToHex, traceIdToHex } from '../../src/otlp/ids.ts'
import { type KeyValue, type Text, ValueType } from '../../src/otlp/model.ts'
import { toBigInt } from '../../src/otlp/time.ts'
import { zipkinTranslateConfig } from '../../src/translate/zipkin/config.ts'
import { noEndpoint, type ZipkinEndpoint, type ZipkinSpan, type ZipkinV1Span } from '../../src/translate/zipkin/model.ts'
import { normalizeOtlp } from './normalize.ts'

/** A span of OTLP/JSON with attributes by key, as `normalizeOtlp` leaves it. */
export interface PlainSpan {
  readonly [field: string]: unknown
  readonly attributes?: Readonly<Record<string, unknown>>
}

export interface PlainResult {
  readonly resources: readonly {
    readonly attributes: Readonly<Record<string, unknown>>
    readonly scopes: readonly { scope: unknown; spans: PlainSpan[] }[]
  }[]
  /** All spans in order. */
  readonly spans: readonly PlainSpan[]
  readonly drops: readonly unknown[]
  readonly notes: readonly unknown[]
}

/** Receive time of all tests, ms. */
export const now = 1_700_000_000_000

/** A v2 span with ids and times; `more` is laid over it. */
export const spanOf = (more: object = {}): object => ({
  traceId: '463ac35c9f6413ad48485a3953bb6124',
  id: 'a2fb4a1d1a96d312',
  name: 'x',
  timestamp: 1_472_470_996_199_000,
  duration: 207_000,
  ...more,
})

/** Translates a JSON body, or anything that is to be one. @param config what differs from the defaults of `translate.zipkin` */
export function translateJson(body: unknown, version: 1 | 2 = 2, config: object = {}): PlainResult {
  const translators = createZipkinTranslators({ limits: defaultDecodeLimits, translate: zipkinTranslateConfig.parse(config) })
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  const { data, drops, notes } = (version === 1 ? translators.v1Json : translators.v2Json)(bytes, now)
  return plainResult(data, drops, notes)
}

export function plainResult(data: Uint8Array, drops: readonly unknown[], notes: readonly unknown[]): PlainResult {
  const { resourceSpans = [] } = normalizeOtlp(tracesToPlain(decodeTraces(data))) as unknown as {
    resourceSpans?: { resource: { attributes: Record<string, unknown> }; scopeSpans: { scope?: unknown; spans: PlainSpan[] }[] }[]
  }
  const resources = resourceSpans.map(({ resource, scopeSpans }) => ({
    attributes: resource.attributes,
    scopes: scopeSpans.map(({ scope = {}, spans }) => ({ scope, spans })),
  }))
  return { resources, spans: resources.flatMap(({ scopes }) => scopes.flatMap(({ spans }) => spans)), drops, notes }
}

/** A span of the model as strings, bigints and arrays. */
export function plainModel(span: ZipkinSpan | ZipkinV1Span): object {
  const common = {
    version: span.version,
    traceId: traceIdToHex(span.trace0, span.trace1, span.trace2, span.trace3),
    id: spanIdToHex(span.span0, span.span1),
    parentId: spanIdToHex(span.parent0, span.parent1),
    name: textToString(span.name),
    timestamp: toBigInt(span.timestampHi, span.timestampLo),
    duration: toBigInt(span.durationHi, span.durationLo),
    annotations: span.annotations.map(({ timeHi, timeLo, value, endpoint }) => [
      toBigInt(timeHi, timeLo),
      textToString(value),
      plainEndpoint(endpoint),
    ]),
    tags: span.tags.map(plainTag),
    debug: span.debug,
  }
  if (span.version === 1) {
    return {
      ...common,
      tagEndpoints: span.tagEndpoints.map(plainEndpoint),
      addresses: [span.clientAddress, span.serverAddress, span.messageAddress].map((one) =>
        one === undefined ? undefined : plainEndpoint(one),
      ),
    }
  }
  return {
    ...common,
    kind: span.kind,
    kindWord: textToString(span.kindWord),
    localEndpoint: plainEndpoint(span.localEndpoint),
    remoteEndpoint: plainEndpoint(span.remoteEndpoint),
    shared: span.shared,
  }
}

const text = (value: Text): string => textToString(value)

function plainEndpoint(endpoint: ZipkinEndpoint): unknown {
  if (endpoint === noEndpoint) return undefined
  return { serviceName: endpoint.serviceName.text, ipv4: text(endpoint.ipv4), ipv6: text(endpoint.ipv6), port: endpoint.port }
}

function plainTag(tag: KeyValue): readonly [string, string, string] {
  const type = tag.type === ValueType.Text ? ValueType.String : tag.type
  const name = Object.entries(ValueType).find(([, number]) => number === type)?.[0] ?? ''
  return [tag.key.text, name, valueToString(tag)]
}
