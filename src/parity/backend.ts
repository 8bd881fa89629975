/** Backends of spans, whatever their API, as one source of canonical spans. */

import { BridgeError } from '../errors.ts'
import { createJaegerApi } from '../read/jaeger-query.ts'
import type { OtlpJsonSpan } from '../read/otlp-json.ts'
import { createTempoApi } from '../read/tempo.ts'
import { createZipkinApi } from '../read/zipkin-api.ts'
import { type CanonicalSpan, canonicalSpan } from './canonical.ts'
import type { Side, Window } from './model.ts'
import type { Reader } from './traces-compare.ts'
import { createLegacyTranslation, jaegerSpans, type LegacySpan, type LegacyTranslation, type LegacyTranslator } from './traces-legacy.ts'

/** A span that a backend has. */
export interface StoredSpan {
  readonly span: CanonicalSpan
  /** What it was made of, where the backend keeps a legacy form. */
  readonly legacy: LegacySpan | undefined
}

export interface TraceSource {
  /** How its answers are read; known after the first. */
  reader(): Promise<Reader>
  services(window: Window): Promise<readonly string[]>
  /** True when one question covers all services. */
  readonly wholesale: boolean
  /** Spans of traces that have something of the service in the window, trace by trace whole, page by page. @param service undefined: of all */
  scan(window: Window, service: string | undefined): AsyncIterable<readonly StoredSpan[]>
  /** All spans of these traces. Ids are 32 hex digits. */
  fetch(ids: readonly string[], window: Window): Promise<readonly StoredSpan[]>
  /** Only for sources with a legacy form. */
  readonly translation: LegacyTranslation | undefined
}

const otlpStored = (spans: readonly OtlpJsonSpan[]): readonly StoredSpan[] =>
  spans.map((one) => ({ span: canonicalSpan(one), legacy: undefined }))

/** Above this many traces by id, Jaeger is asked for 50 at once by its older API. */
const fewIds = 40

/** Zipkin chooses traces by their beginning: so much earlier may a trace have begun that has spans in the window. */
const earlierMs = 60_000

async function* mapped<A, B>(pages: AsyncIterable<A>, map: (page: A) => B): AsyncGenerator<B, void, undefined> {
  for await (const page of pages) yield map(page)
}

function zipkinSource({ http }: Side, translation: LegacyTranslation): TraceSource {
  const api = createZipkinApi(http)
  const stored = (traces: readonly (readonly object[])[]): readonly StoredSpan[] =>
    traces.flat().flatMap((raw) => {
      const legacy: LegacySpan = { format: 'zipkin', span: raw as Readonly<Record<string, unknown>> }
      const span = translation.canonical(legacy)
      return span === undefined ? [] : [{ span, legacy }]
    })
  return {
    reader: () => Promise.resolve('zipkin'),
    services: () => api.services(),
    wholesale: true,
    scan: ({ fromMs, toMs }, service) => mapped(api.traces({ fromMs: fromMs - earlierMs, toMs }, service), stored),
    fetch: async (ids) => stored(await api.byIds(ids)),
    translation,
  }
}

function jaegerSource({ http, side }: Side, translation: LegacyTranslation): TraceSource {
  const api = createJaegerApi(http)
  const stored = (traces: readonly Readonly<Record<string, unknown>>[]): readonly StoredSpan[] =>
    traces.flatMap(jaegerSpans).flatMap((legacy) => {
      const span = translation.canonical(legacy)
      return span === undefined ? [] : [{ span, legacy }]
    })
  // The old side is read in its own form: it is what the census goes by.
  const v3 = (): Promise<boolean> => (side === 'old' ? Promise.resolve(false) : api.hasV3())
  return {
    reader: async () => ((await v3()) ? 'otlp' : 'jaeger-json'),
    services: () => api.services(),
    wholesale: false,
    async *scan({ fromMs, toMs }, service) {
      if (service === undefined) throw new BridgeError('OB_PARITY', 'cannot read all services of a Jaeger at once')
      if (await v3()) yield* mapped(api.tracesV3({ fromMs, toMs }, service), otlpStored)
      else yield* mapped(api.traces({ fromMs, toMs }, service), stored)
    },
    async fetch(ids) {
      if (!(await v3())) return stored(await api.byIds(ids))
      const there = ids.length <= 2 ? ids : (await api.byIds(ids)).map(({ traceID }) => String(traceID))
      if (there.length > fewIds) return stored(await api.byIds(there))
      return (await Promise.all(there.map(async (id) => otlpStored(await api.byIdV3(id))))).flat()
    },
    translation,
  }
}

function tempoSource({ http }: Side): TraceSource {
  const api = createTempoApi(http)
  const read = async (ids: readonly string[]): Promise<readonly StoredSpan[]> =>
    (await Promise.all(ids.map(async (id) => otlpStored(await api.byId(id))))).flat()
  return {
    reader: () => Promise.resolve('otlp'),
    services: (window) => api.services(window),
    wholesale: false,
    async *scan({ fromMs, toMs }, service) {
      for await (const ids of api.traceIds({ fromMs, toMs }, service ?? '')) yield await read(ids)
    },
    fetch: read,
    translation: undefined,
  }
}

/** @param over a translator in place of the bridge's, for tests */
export async function createTraceSource(side: Side, translate: unknown, over?: LegacyTranslator): Promise<TraceSource> {
  if (side.kind === 'zipkin') return zipkinSource(side, await createLegacyTranslation('zipkin', translate, over))
  if (side.kind === 'jaeger')
    return jaegerSource(side, await createLegacyTranslation('jaeger', translate, side.side === 'old' ? over : undefined))
  if (side.kind === 'tempo') return tempoSource(side)
  throw new BridgeError('OB_PARITY', `cannot read spans from a backend of the kind ${side.kind}`)
}
