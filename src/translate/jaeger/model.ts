/**
 * The Jaeger model that all of Jaeger's encodings (Thrift, api_v2 protobuf, JSON) are decoded into.
 *
 * Tags are OTLP attributes already: Jaeger's five value types are a subset of OTLP's, so that nothing is built twice.
 * Keys come out of a KeyTable made with `jaegerRoleOf`. 64-bit values are int32 words, high word first (otlp/time.ts).
 * @see jaeger.thrift and model.proto in jaegertracing/jaeger-idl
 */

import type { KeyValue, Text } from '../../otlp/model.ts'

/** Values of SpanRef.refType, the same in Thrift and protobuf. */
export const ReferenceType = { ChildOf: 0, FollowsFrom: 1 } as const

export interface JaegerReference {
  /** One of {@link ReferenceType}; unknown numbers are read as FollowsFrom. */
  readonly refType: number
  readonly trace0: number
  readonly trace1: number
  readonly trace2: number
  readonly trace3: number
  readonly span0: number
  readonly span1: number
}

export interface JaegerLog {
  /** int64 ticks since the epoch */
  readonly timeHi: number
  readonly timeLo: number
  readonly fields: readonly KeyValue[]
}

export interface JaegerProcess {
  readonly serviceName: Text
  readonly tags: readonly KeyValue[]
}

export interface JaegerSpan {
  /** traceIdHigh and traceIdLow as sent: signed in Thrift, so only the bits count. All zero: invalid. */
  readonly trace0: number
  readonly trace1: number
  readonly trace2: number
  readonly trace3: number
  readonly span0: number
  readonly span1: number
  /** parentSpanId; all zero: none, look at the references. */
  readonly parent0: number
  readonly parent1: number
  readonly operationName: Text
  readonly references: readonly JaegerReference[]
  /** Bits: 1 sampled, 2 debug, 8 firehose. */
  readonly flags: number
  /** int64 ticks since the epoch; negative is a client's mistake */
  readonly startHi: number
  readonly startLo: number
  /** int64 ticks */
  readonly durationHi: number
  readonly durationLo: number
  readonly tags: readonly KeyValue[]
  readonly logs: readonly JaegerLog[]
  /** api_v2 and JSON: the span's own process, which wins over the batch's. */
  readonly process: JaegerProcess | undefined
  /** api_v2 and JSON: what Jaeger's own components noted. */
  readonly warnings: readonly Text[]
  /** Why the decoder holds this span unusable (an id of the wrong width); undefined: it is fine so far. */
  readonly invalid: string | undefined
}

/** What a client says it lost, totals since it started (agent.thrift ClientStats). */
export interface JaegerClientStats {
  readonly fullQueueDroppedSpans: bigint
  readonly tooLargeDroppedSpans: bigint
  readonly failedToEmitSpans: bigint
}

export interface JaegerBatch {
  /** Nanoseconds in a tick of all times in this batch: 1000 (Thrift, JSON) or 1 (api_v2). */
  readonly nanosPerTick: number
  readonly process: JaegerProcess | undefined
  readonly spans: readonly JaegerSpan[]
  /** Number of this batch since the client started; undefined where the client does not count. */
  readonly seqNo: bigint | undefined
  readonly stats: JaegerClientStats | undefined
}
