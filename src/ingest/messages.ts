/** The values of messages of a topic, by encoding: what a carrier of messages is handed of the formats it carries. */

import type { Signal } from '../otlp/intake.ts'
import type { BodyTranslator, OtlpTranslators } from './adapter.ts'
import type { ZipkinMessageFormat } from './zipkin/message.ts'

/** Encodings of one message, as the configuration names them. */
export const messageEncodings = [
  'jaeger-proto',
  'jaeger-json',
  'zipkin',
  'zipkin-json',
  'zipkin-proto',
  'zipkin-thrift',
  'otlp-proto',
  'otlp-json',
] as const

export type MessageEncoding = (typeof messageEncodings)[number]

/** Reads the messages of one topic. */
export interface MessageTranslator {
  /** Format label of a message. */
  formatOf(body: Uint8Array): string
  readonly signal: Signal
  readonly translate: BodyTranslator
}

/** The translators that an encoding may need. */
export interface MessageSources {
  readonly jaeger: { readonly protoSpan: BodyTranslator; readonly jsonSpan: BodyTranslator }
  readonly zipkin: {
    readonly json: BodyTranslator
    readonly v2Proto: BodyTranslator
    readonly v1Thrift: BodyTranslator
    readonly message: BodyTranslator
  }
  /** Format of a Zipkin message by its first bytes; undefined when it is none. */
  readonly zipkinFormat: (body: Uint8Array) => ZipkinMessageFormat | undefined
  readonly otlp: OtlpTranslators
}

/** Picks the translator of an encoding. @param signal what the messages hold; only OTLP may hold others than traces */
export function messageTranslator(encoding: MessageEncoding, signal: Signal, sources: MessageSources): MessageTranslator {
  const traces = (translate: BodyTranslator, format: string = encoding): MessageTranslator => ({
    formatOf: () => format,
    signal: 'traces',
    translate,
  })
  switch (encoding) {
    case 'jaeger-proto':
      return traces(sources.jaeger.protoSpan)
    case 'jaeger-json':
      return traces(sources.jaeger.jsonSpan)
    case 'zipkin-json':
      return traces(sources.zipkin.json)
    case 'zipkin-proto':
      return traces(sources.zipkin.v2Proto)
    case 'zipkin-thrift':
      return traces(sources.zipkin.v1Thrift)
    case 'zipkin':
      return { formatOf: (body) => sources.zipkinFormat(body) ?? 'zipkin-json', signal: 'traces', translate: sources.zipkin.message }
    case 'otlp-proto':
      return { formatOf: () => 'otlp-proto', signal, translate: sources.otlp.proto[signal] }
    case 'otlp-json':
      return { formatOf: () => 'otlp-json', signal, translate: sources.otlp.json[signal] }
  }
}
