/**
 * The Zipkin model that all of Zipkin's encodings are decoded into: v2 JSON and proto3 give {@link ZipkinSpan}, v1 JSON
 * and Thrift give {@link ZipkinV1Span}, which `v1-to-v2.ts` turns into the former.
 *
 * Tags are OTLP attributes already, since Zipkin's values are a subset of OTLP's, so that nothing is built twice. Their
 * keys come out of a KeyTable made with `createZipkinRoles`. 64-bit values and ids are int32 words, high word first
 * (otlp/time.ts, otlp/ids.ts). Text is a slice of the body wherever it can be (otlp/model.ts).
 * @see zipkin2/Span.java and zipkin2/v1/V1Span.java in openzipkin/zipkin; zipkin2-api.yaml in openzipkin/zipkin-api
 */

import { createKey } from '../../otlp/keys.ts'
import type { Key, KeyValue, Slice, Text } from '../../otlp/model.ts'

/** The network context of a node in the service graph. */
export interface ZipkinEndpoint {
  /**
   * Logical name of the service, `favstar`, in the sender's own case; the empty key when unknown. Names are interned like
   * tag keys, because spans are grouped by them.
   */
  readonly serviceName: Key
  /** The `ipv4` field as text, such as `192.168.1.1`; '' when absent. What stands here need not be an address. */
  readonly ipv4: Text
  /** The `ipv6` field as text, such as `2001:db8::c001`; '' when absent. What stands here need not be an address. */
  readonly ipv6: Text
  /** IPv4 address in one word, where the encoding has it so (proto3, Thrift); 0 when absent. */
  readonly ipv4Word: number
  /** IPv6 address in 16 bytes, where the encoding has it so (proto3, Thrift). */
  readonly ipv6Bytes: Slice | undefined
  /** Port of the connection; ≤ 0: unknown. Above 65535 is a sender's mistake that is kept. */
  readonly port: number
}

/** An event that explains latency with a time. */
export interface ZipkinAnnotation {
  /** uint64 microseconds since the epoch; 0 when absent, zero or negative */
  readonly timeHi: number
  readonly timeLo: number
  /** Usually a short name of the event: `ws`, `cache miss`. '' carries nothing. */
  readonly value: Text
  /** v1 only: the host that recorded it; {@link noEndpoint} when absent. An all-empty one is another object. */
  readonly endpoint: ZipkinEndpoint
}

/** What spans of both versions have. */
interface Identity {
  /** The 128 bits of the trace id; shorter ones are padded with zeros on the left. */
  readonly trace0: number
  readonly trace1: number
  readonly trace2: number
  readonly trace3: number
  readonly span0: number
  readonly span1: number
  /** All zero: a root span. */
  readonly parent0: number
  readonly parent1: number
  /** Logical operation, `get /api`, in the sender's own case; '' when unknown. */
  readonly name: Text
  /** uint64 microseconds since the epoch at which the span began; 0 when absent, zero or negative: the v2 span was then
   *  incomplete or shared, and its start is inferred. */
  readonly timestampHi: number
  readonly timestampLo: number
  /** uint64 microseconds of the critical path; 0 when absent, zero or negative. */
  readonly durationHi: number
  readonly durationLo: number
  /** In recorded order; neither sorted nor freed of duplicates. */
  readonly annotations: readonly ZipkinAnnotation[]
  /** v2: tags. v1: binary annotations that have a value. A key may stand twice; the last one counts. */
  readonly tags: readonly KeyValue[]
  /** A request to store the span whatever the sampling says. */
  readonly debug: boolean
}

export interface ZipkinSpan extends Identity {
  readonly version: 2
  /** SpanKind.Client, Server, Producer or Consumer; SpanKind.Unspecified when absent or not one of these words. */
  readonly kind: number
  /** The word that stood for `kind` where it is none of Zipkin's; '' otherwise. */
  readonly kindWord: Text
  /** The host that recorded the span; {@link noEndpoint} when absent. */
  readonly localEndpoint: ZipkinEndpoint
  /** The other side of the connection; {@link noEndpoint} when absent. */
  readonly remoteEndpoint: ZipkinEndpoint
  /** True when the span continues one begun by another tracer, with the same id. */
  readonly shared: boolean
}

export interface ZipkinV1Span extends Identity {
  readonly version: 1
  /** Host of each of `tags`, by index; {@link noEndpoint} when absent. */
  readonly tagEndpoints: readonly ZipkinEndpoint[]
  /** The other side of the connection: hosts of the address annotations `ca`, `sa` and `ma`; undefined when not there. */
  readonly clientAddress: ZipkinEndpoint | undefined
  readonly serverAddress: ZipkinEndpoint | undefined
  readonly messageAddress: ZipkinEndpoint | undefined
}

/** Why spans are rejected; label values of the drop counters. */
export type ZipkinRejection = 'not_a_span' | 'trace_id' | 'span_id' | 'parent_id'

/** A span that cannot be taken. */
export interface RejectedSpan {
  /** Its place in the list, counted from 0. */
  readonly index: number
  readonly reason: ZipkinRejection
  /** What Zipkin says of it: `traceId is all zeros`. */
  readonly text: string
}

/** What was noticed in the values, by kind. */
export interface DecodeNotes {
  /** Spans of the other version than the path's. */
  readonly otherVersion: number
  /** Fields whose value is of a type that cannot be read: taken as absent. */
  readonly unreadableFields: number
}

/** A list of spans. */
export interface ZipkinSpans {
  readonly spans: readonly (ZipkinSpan | ZipkinV1Span)[]
  readonly rejected: readonly RejectedSpan[]
  readonly notes: DecodeNotes
}

/** The name of a service that has none. */
export const noName: Key = createKey('')

/** Stands for an endpoint that is not there; compare by identity. */
export const noEndpoint: ZipkinEndpoint = {
  serviceName: noName,
  ipv4: '',
  ipv6: '',
  ipv4Word: 0,
  ipv6Bytes: undefined,
  port: 0,
}

export const noAnnotations: readonly ZipkinAnnotation[] = []
export const noEndpoints: readonly ZipkinEndpoint[] = []
