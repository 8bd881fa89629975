/**
 * The OTLP trace model as plain records, shaped for the hot path. It knows no legacy format.
 *
 * Two things are unusual, both measured in `bench/`:
 * - Text that nobody looks at stays a slice of the request's body ({@link Slice}), and an attribute holds its slice in
 *   place. Such text is unchecked: encoders write it as a string when it is valid UTF-8, otherwise as bytes (attribute
 *   values) or with U+FFFD in place of what is invalid (names).
 * - 64-bit integers, doubles and ids are int32 words, high word first: no bigint and no heap number per item.
 *   `otlp/time.ts` and `otlp/ids.ts` turn them into bigints, bytes and hex at the edges.
 *
 * Records are never mutated once built, and slices are valid only as long as the body is.
 * @see opentelemetry/proto/trace/v1/trace.proto, common/v1/common.proto (v1.9.0)
 */

/** An attribute key: text, wire bytes and what the format's translator makes of it. Made by `otlp/keys.ts`. */
export interface Key {
  readonly text: string
  /** `0a <length> <utf8>`, field 1 of KeyValue, as little-endian words; garbage fills the front up to a whole word. */
  readonly words: Int32Array
  /** Bytes of the field in `words`, counted from its end. */
  readonly fieldBytes: number
  /** 0: an attribute like any other. Else a number that the translator of the format gave it. */
  readonly role: number
  /** True when two keys of the same text are always this same object; false for keys made beyond the table's cap. */
  readonly interned: boolean
  /** Scratch of `lastWins`: the list in which the key was seen last. Says nothing to anybody else. */
  stamp: number
}

/** Bytes `start` to `end` of `source`: text as it was received. */
export interface Slice {
  readonly source: Uint8Array
  readonly start: number
  readonly end: number
}

export type Text = string | Slice

/** Kinds of {@link AnyValue}; the comment says where the value is. */
export const ValueType = {
  /** no value set */
  Empty: 0,
  /** `ref`: a JavaScript string */
  String: 1,
  /** `ref`: source, `a`: start, `b`: end; a slice of text */
  Text: 2,
  /** `a`: 0 or 1 */
  Bool: 3,
  /** `a`: high word, `b`: low word of an int64 */
  Int: 4,
  /** `a`: high word, `b`: low word of the IEEE 754 bits */
  Double: 5,
  /** `ref`: source, `a`: start, `b`: end */
  Bytes: 6,
  /** `ref`: readonly AnyValue[] */
  Array: 7,
  /** `ref`: readonly KeyValue[] */
  KvList: 8,
} as const

export interface AnyValue {
  /** One of {@link ValueType}. */
  readonly type: number
  readonly a: number
  readonly b: number
  readonly ref: string | Uint8Array | readonly AnyValue[] | readonly KeyValue[] | null
}

export interface KeyValue extends AnyValue {
  readonly key: Key
}

/** Values of Span.kind. */
export const SpanKind = { Unspecified: 0, Internal: 1, Server: 2, Client: 3, Producer: 4, Consumer: 5 } as const

/** Values of Status.code. */
export const StatusCode = { Unset: 0, Ok: 1, Error: 2 } as const

export interface Event {
  /** uint64 nanoseconds since the epoch */
  readonly timeHi: number
  readonly timeLo: number
  readonly name: Text
  readonly attributes: readonly KeyValue[]
  readonly droppedAttributesCount: number
}

export interface Link {
  readonly trace0: number
  readonly trace1: number
  readonly trace2: number
  readonly trace3: number
  readonly span0: number
  readonly span1: number
  readonly traceState: Text
  readonly attributes: readonly KeyValue[]
  readonly droppedAttributesCount: number
  readonly flags: number
}

export interface Span {
  /** The 16 bytes of the trace id as four big-endian words; never all zero. */
  readonly trace0: number
  readonly trace1: number
  readonly trace2: number
  readonly trace3: number
  /** The 8 bytes of the span id; never all zero. */
  readonly span0: number
  readonly span1: number
  /** The parent's span id; all zero: none. */
  readonly parent0: number
  readonly parent1: number
  readonly traceState: Text
  /** W3C trace flags in bits 0 to 7. */
  readonly flags: number
  readonly name: Text
  readonly kind: number
  /** uint64 nanoseconds since the epoch */
  readonly startHi: number
  readonly startLo: number
  readonly endHi: number
  readonly endLo: number
  readonly attributes: readonly KeyValue[]
  readonly droppedAttributesCount: number
  readonly events: readonly Event[]
  readonly droppedEventsCount: number
  readonly links: readonly Link[]
  readonly droppedLinksCount: number
  readonly statusCode: number
  readonly statusMessage: Text
}

export interface ScopeSpans {
  readonly scopeName: Text
  readonly scopeVersion: Text
  readonly spans: readonly Span[]
}

export interface ResourceSpans {
  readonly attributes: readonly KeyValue[]
  readonly scopeSpans: readonly ScopeSpans[]
}

/** An ExportTraceServiceRequest. */
export interface Traces {
  readonly resourceSpans: readonly ResourceSpans[]
}

/** For fields that hold nothing, so that every empty list is the same one. */
export const noAttributes: readonly KeyValue[] = []
export const noEvents: readonly Event[] = []
export const noLinks: readonly Link[] = []
