/** Jaeger's model in a line or two, and what became of it as plain OTLP/JSON. */

import { boolValue, doubleValue, intValue, keyValue, textValue } from '../../src/otlp/attributes.ts'
import { tracesToPlain } from '../../src/otlp/encode/json.ts'
import { createKeyTable } from '../../src/otlp/keys.ts'
import { type KeyValue, SpanKind, ValueType } from '../../src/otlp/model.ts'
import { fromBigInt, type Words } from '../../src/otlp/time.ts'
import { jaegerRoleOf } from '../../src/translate/jaeger/keys.ts'
import type { JaegerLog, JaegerProcess, JaegerReference, JaegerSpan } from '../../src/translate/jaeger/model.ts'
import { type JaegerTranslateOptions, jaegerToTraces } from '../../src/translate/jaeger/to-otlp.ts'
import type { Drop, Note } from '../../src/translate/outcome.ts'

const keys = createKeyTable(jaegerRoleOf)

/** A tag: text is a slice as decoders give it, whole numbers are long, others double; bytes are binary; undefined has no value. */
export function tag(name: string, value: string | number | bigint | boolean | Uint8Array | undefined): KeyValue {
  const key = keys.ofText(name)
  if (typeof value === 'string') {
    const bytes = new TextEncoder().encode(`<${value}>`)
    return textValue(key, { source: bytes, start: 1, end: bytes.length - 1 })
  }
  if (typeof value === 'boolean') return boolValue(key, value)
  if (typeof value === 'bigint') return intValue(key, value)
  if (typeof value === 'number') return Number.isInteger(value) ? intValue(key, value) : doubleValue(key, value)
  if (value === undefined) return keyValue(key, ValueType.Empty, 0, 0, null)
  return keyValue(key, ValueType.Bytes, 0, value.length, value)
}

/** Tags of an object, in the order in which its keys stand. */
export function tags(values: Readonly<Record<string, string | number | bigint | boolean | Uint8Array>>): KeyValue[] {
  return Object.entries(values).map(([name, value]) => tag(name, value))
}

const wordsOf = (value: bigint): Words => {
  const words = { hi: 0, lo: 0 }
  fromBigInt(value, words)
  return words
}

/** The trace id of every span here, unless a test says otherwise: its last 64 bits. */
export const traceLow = 0xabcn

/** A reference to a span in the same trace; `trace` is the low half of another one. */
export function reference(refType: number, span: bigint, trace: bigint = traceLow): JaegerReference {
  const low = wordsOf(trace)
  const id = wordsOf(span)
  return { refType, trace0: 0, trace1: 0, trace2: low.hi, trace3: low.lo, span0: id.hi, span1: id.lo }
}

/** A log. @param micros its time */
export function log(micros: bigint, fields: readonly KeyValue[]): JaegerLog {
  const time = wordsOf(micros)
  return { timeHi: time.hi, timeLo: time.lo, fields }
}

export interface SpanParts {
  readonly trace?: bigint
  readonly id?: bigint
  readonly parent?: bigint
  readonly name?: string
  readonly flags?: number
  /** µs */
  readonly start?: bigint
  readonly duration?: bigint
  readonly tags?: readonly KeyValue[]
  readonly references?: readonly JaegerReference[]
  readonly logs?: readonly JaegerLog[]
  readonly process?: JaegerProcess
  readonly warnings?: readonly string[]
  readonly invalid?: string
}

/** A span with id 1 in {@link traceLow}, from 1000 µs for 10 µs, with nothing on it unless given. */
export function span(parts: SpanParts = {}): JaegerSpan {
  const trace = wordsOf(parts.trace ?? traceLow)
  const id = wordsOf(parts.id ?? 1n)
  const parent = wordsOf(parts.parent ?? 0n)
  const start = wordsOf(parts.start ?? 1000n)
  const duration = wordsOf(parts.duration ?? 10n)
  return {
    trace0: 0,
    trace1: 0,
    trace2: trace.hi,
    trace3: trace.lo,
    span0: id.hi,
    span1: id.lo,
    parent0: parent.hi,
    parent1: parent.lo,
    operationName: parts.name ?? 'op',
    references: parts.references ?? [],
    flags: parts.flags ?? 0,
    startHi: start.hi,
    startLo: start.lo,
    durationHi: duration.hi,
    durationLo: duration.lo,
    tags: parts.tags ?? [],
    logs: parts.logs ?? [],
    process: parts.process,
    warnings: parts.warnings ?? [],
    invalid: parts.invalid,
  }
}

export const defaults: JaegerTranslateOptions = { absentKind: SpanKind.Internal, httpStatusFallback: true, mapExceptions: false }

type PlainAttributes = Readonly<Record<string, unknown>>

/** A span of OTLP/JSON with its attributes by key. */
export interface PlainSpan {
  readonly [name: string]: unknown
  readonly attributes: PlainAttributes
  readonly links: readonly { readonly traceId: string; readonly spanId: string; readonly attributes: PlainAttributes }[]
  readonly events: readonly { readonly name: string; readonly timeUnixNano: string; readonly attributes: PlainAttributes }[]
}

export interface PlainResource {
  readonly attributes: PlainAttributes
  readonly scopes: readonly { readonly scope: unknown; readonly spans: readonly PlainSpan[] }[]
}

const byKey = (owner: unknown): PlainAttributes => {
  const { attributes = [] } = owner as { attributes?: { key: string; value: Record<string, unknown> }[] }
  const found: Record<string, unknown> = {}
  for (const { key, value } of attributes) {
    if (key in found) throw new Error(`key ${key} comes twice`)
    found[key] = Object.values(value)[0]
  }
  return found
}

interface Json {
  readonly [name: string]: unknown
}
const listOf = (owner: Json, name: string): Json[] =>
  ((owner[name] as Json[] | undefined) ?? []).map((one) => ({ ...one, attributes: byKey(one) }))

/** Translates spans of one process and gives the resources, with attributes by key. Throws when a key comes twice. */
export function translate(
  spans: readonly JaegerSpan[],
  options: Partial<JaegerTranslateOptions> = {},
  process?: JaegerProcess,
  nanosPerTick = 1000,
): { readonly resources: readonly PlainResource[]; readonly drops: readonly Drop[]; readonly notes: readonly Note[] } {
  const { data, drops, notes } = jaegerToTraces(
    { nanosPerTick, process, spans, seqNo: undefined, stats: undefined },
    { ...defaults, ...options },
  )
  const { resourceSpans } = tracesToPlain(data) as { resourceSpans: { resource: Json; scopeSpans: { scope: unknown; spans: Json[] }[] }[] }
  const resources = resourceSpans.map(({ resource, scopeSpans }) => ({
    attributes: byKey(resource),
    scopes: scopeSpans.map(({ scope, spans: list }) => ({
      scope,
      spans: list.map(
        (one) => ({ ...one, attributes: byKey(one), links: listOf(one, 'links'), events: listOf(one, 'events') }) as unknown as PlainSpan,
      ),
    })),
  }))
  return { resources, drops, notes }
}

/** The one span that comes out of one span. */
export function translateOne(parts: SpanParts, options: Partial<JaegerTranslateOptions> = {}): PlainSpan {
  const [resource] = translate([span(parts)], options).resources
  const found = resource?.scopes[0]?.spans[0]
  if (found === undefined) throw new Error('nothing came out')
  return found
}
