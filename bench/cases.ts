/** What is measured: each stage between a body and its OTLP request, and all of them as a listener calls them. */

import type { BodyTranslator } from '../src/ingest/adapter.ts'
import { createJaegerProtoDecoder } from '../src/ingest/jaeger/decode-proto.ts'
import { createThriftBatchDecoder } from '../src/ingest/jaeger/decode-thrift.ts'
import { createJaegerTranslators } from '../src/ingest/jaeger/translators.ts'
import { defaultDecodeLimits } from '../src/ingest/limits.ts'
import { createOtlpTranslators } from '../src/ingest/otlp/translators.ts'
import { BinaryReader, CompactReader } from '../src/ingest/thrift.ts'
import { createZipkinJsonDecoder } from '../src/ingest/zipkin/decode-json.ts'
import { createZipkinProtoDecoder } from '../src/ingest/zipkin/decode-proto.ts'
import { createZipkinThriftDecoder } from '../src/ingest/zipkin/decode-thrift.ts'
import { createZipkinTranslators } from '../src/ingest/zipkin/translators.ts'
import { createInspector } from '../src/otlp/decode/inspect.ts'
import { type ChunkPool, createChunkPool, ownsChunk } from '../src/otlp/encode/chunks.ts'
import { encodeTraces } from '../src/otlp/encode/traces.ts'
import { createSizeGuess, ReverseWriter } from '../src/otlp/encode/writer.ts'
import { requestToJson } from '../src/otlp/json/to-json.ts'
import { jsonToRequest } from '../src/otlp/json/to-proto.ts'
import { createKeyTable } from '../src/otlp/keys.ts'
import { SpanKind, type Traces } from '../src/otlp/model.ts'
import { jaegerTranslateConfig } from '../src/translate/jaeger/config.ts'
import { jaegerRoleOf } from '../src/translate/jaeger/keys.ts'
import type { JaegerBatch } from '../src/translate/jaeger/model.ts'
import { jaegerToTraces } from '../src/translate/jaeger/to-otlp.ts'
import { zipkinTranslateConfig } from '../src/translate/zipkin/config.ts'
import { createZipkinRoles } from '../src/translate/zipkin/keys.ts'
import type { ZipkinSpans } from '../src/translate/zipkin/model.ts'
import { zipkinToTraces } from '../src/translate/zipkin/to-otlp.ts'
import type { Format } from './bodies.ts'

export const stages = ['decode', 'translate', 'encode', 'whole'] as const
export type Stage = (typeof stages)[number]

/** OTLP is not translated: protobuf is looked through, JSON transcoded. */
const otlpStages: Readonly<Record<OtlpFormat, readonly Stage[]>> = {
  'otlp-proto': ['decode', 'whole'],
  'otlp-json': ['decode', 'encode', 'whole'],
}

/** The stages that a format is measured in. */
export const stagesOf = (format: Format): readonly Stage[] => (isOtlp(format) ? otlpStages[format] : stages)

export interface BenchCase {
  /** `translate/zipkin-proto/100-spans` */
  readonly name: string
  /** Spans a call, the mean of all bodies. */
  readonly spans: number
  /** Bytes read a call, where the stage reads bytes. */
  readonly bytesIn: number | undefined
  /** Bytes written a call, where it writes some. */
  readonly bytesOut: number | undefined
  /** Does the stage once, with the next of the bodies. */
  readonly run: () => void
}

/** A format as its three stages and as what listeners call. */
interface Chain<Decoded> {
  readonly decode: (body: Uint8Array) => Decoded
  readonly translate: (decoded: Decoded) => Traces
  readonly whole: BodyTranslator
}

const limits = defaultDecodeLimits
const receivedAtMs = 1_795_000_100_000

type JaegerFormat = Extract<Format, `jaeger-${string}`>
type OtlpFormat = Extract<Format, `otlp-${string}`>
type ZipkinFormat = Exclude<Format, JaegerFormat | OtlpFormat>

const zipkinChain = (format: ZipkinFormat, chunks: ChunkPool): Chain<ZipkinSpans> => {
  const keys = createKeyTable(createZipkinRoles())
  const names = createKeyTable(() => 0, 1024)
  const config = zipkinTranslateConfig.parse({})
  const translators = createZipkinTranslators({ limits, translate: config, chunks })
  const translate = (decoded: ZipkinSpans): Traces => zipkinToTraces(decoded, config, receivedAtMs).data
  if (format === 'zipkin-proto') return { decode: createZipkinProtoDecoder(keys, names, limits), translate, whole: translators.v2Proto }
  if (format === 'zipkin-thrift') {
    const decode = createZipkinThriftDecoder(keys, names, limits)
    return { decode: (body) => decode(new BinaryReader(body)), translate, whole: translators.v1Thrift }
  }
  const decode = createZipkinJsonDecoder(keys, names, limits)
  const version = format === 'zipkin-json-v1' ? 1 : 2
  return {
    decode: (body) => decode(body, { version, detect: true }),
    translate,
    whole: version === 1 ? translators.v1Json : translators.v2Json,
  }
}

const jaegerChain = (format: JaegerFormat, chunks: ChunkPool): Chain<JaegerBatch> => {
  const decode = createThriftBatchDecoder(createKeyTable(jaegerRoleOf), limits)
  const noZipkin = () => {
    throw new Error('BUG: Zipkin spans in a Jaeger datagram')
  }
  const translators = createJaegerTranslators({ limits, translate: jaegerTranslateConfig.parse({}), zipkinList: noZipkin, chunks })
  const options = { absentKind: SpanKind.Internal, httpStatusFallback: true, mapExceptions: false }
  const translate = (batch: JaegerBatch): Traces => jaegerToTraces(batch, options).data
  if (format === 'jaeger-thrift-binary')
    return { decode: (body) => decode(new BinaryReader(body)), translate, whole: translators.httpBinary }
  if (format === 'jaeger-proto') {
    const proto = createJaegerProtoDecoder(createKeyTable(jaegerRoleOf), limits)
    return { decode: proto.postSpans, translate, whole: translators.postSpans }
  }
  return {
    decode(datagram) {
      const reader = new CompactReader(datagram)
      reader.message()
      // The batch is the first and only argument of `emitBatch`.
      reader.field(0)
      return decode(reader)
    },
    translate,
    whole: translators.agent,
  }
}

const total = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0)

/** The cases of a chain. Throws when the stages one by one do not make what the listener's call makes: then they would measure something else. */
function casesOf<Decoded>(format: Format, bodies: readonly Uint8Array[], chain: Chain<Decoded>, chunks: ChunkPool): BenchCase[] {
  const writer = new ReverseWriter(chunks)
  const guess = createSizeGuess()
  const encode = (data: Traces, bodyBytes: number): Uint8Array => {
    const bytes = encodeTraces(data, writer, guess.expected(bodyBytes))
    guess.learn(bodyBytes, bytes.length)
    return bytes
  }
  /** As emit does once a request was delivered. */
  const release = (data: Uint8Array): void => {
    if (ownsChunk(data)) chunks.give(data.buffer)
  }

  const prepared = bodies.map((body) => {
    const decoded = chain.decode(body)
    const traces = chain.translate(decoded)
    const whole = chain.whole(body, receivedAtMs)
    const { received, items, data } = whole
    if (items === 0 || received !== items)
      throw new Error(`cannot measure ${format}: ${received - items} of ${received} spans were dropped`)
    if (Buffer.compare(data, encode(traces, body.length)) !== 0)
      throw new Error(`cannot measure ${format}: its stages differ from the whole`)
    return { body, decoded, traces, items, bytesOut: data.length }
  })
  const mean = (of: (one: (typeof prepared)[0]) => number): number => total(prepared.map(of)) / prepared.length
  const [spans, bytesIn, bytesOut] = [mean((one) => one.items), mean((one) => one.body.length), mean((one) => one.bytesOut)]

  return stagesInTurn(
    format,
    prepared,
    { spans, bytesIn, bytesOut },
    {
      decode: ({ body }) => void chain.decode(body),
      translate: ({ decoded }) => void chain.translate(decoded),
      encode: ({ traces, body }) => release(encode(traces, body.length)),
      whole: ({ body }) => release(chain.whole(body, receivedAtMs).data),
    },
  )
}

/** One case a stage that has something to run; each takes the bodies in turn. */
function stagesInTurn<Prepared>(
  format: Format,
  prepared: readonly Prepared[],
  { spans, bytesIn, bytesOut }: { readonly spans: number; readonly bytesIn: number; readonly bytesOut: number },
  runs: Readonly<Partial<Record<Stage, (one: Prepared) => void>>>,
): BenchCase[] {
  return stagesOf(format).map((stage) => {
    const run = runs[stage]
    let next = 0
    return {
      name: `${stage}/${format}/${Math.round(spans)}-spans`,
      spans,
      bytesIn: stage === 'decode' || stage === 'whole' ? bytesIn : undefined,
      bytesOut: stage === 'encode' || stage === 'whole' ? bytesOut : undefined,
      run() {
        const one = prepared[next]
        if (one !== undefined) run?.(one)
        next = next + 1 === prepared.length ? 0 : next + 1
      },
    }
  })
}

/** Of protobuf, `decode` is the walk through the request; of JSON it is the way to protobuf, and `encode` the way back. */
function otlpCases(format: OtlpFormat, bodies: readonly Uint8Array[], chunks: ChunkPool): BenchCase[] {
  const translators = createOtlpTranslators({ limits, chunks })
  const whole = format === 'otlp-json' ? translators.json.traces : translators.proto.traces
  const inspect = createInspector('traces', limits)
  const prepared = bodies.map((body) => {
    const { items, data } = whole(body, receivedAtMs)
    return { body, items, request: new Uint8Array(data) }
  })
  const mean = (of: (one: (typeof prepared)[0]) => number): number => total(prepared.map(of)) / prepared.length
  const sizes = { spans: mean((one) => one.items), bytesIn: mean((one) => one.body.length), bytesOut: mean((one) => one.request.length) }
  const cases = stagesInTurn(format, prepared, sizes, {
    decode: format === 'otlp-json' ? ({ body }) => void jsonToRequest('traces', body, limits.maxDepth) : ({ body }) => void inspect(body),
    encode: ({ request }) => void requestToJson('traces', request),
    whole({ body }) {
      const { data } = whole(body, receivedAtMs)
      if (ownsChunk(data)) chunks.give(data.buffer)
    },
  })
  return cases.map((one) => (one.name.startsWith('encode/') ? { ...one, bytesOut: sizes.bytesIn } : one))
}

const isJaeger = (format: Format): format is JaegerFormat => format.startsWith('jaeger-')
const isOtlp = (format: Format): format is OtlpFormat => format.startsWith('otlp-')
const isZipkin = (format: Format): format is ZipkinFormat => !isJaeger(format) && !isOtlp(format)

/** Every stage of a format over the bodies given, with caches and memory of its own. Throws for bodies that lose a span. */
export function createCases(format: Format, bodies: readonly Uint8Array[]): BenchCase[] {
  const chunks = createChunkPool()
  if (isZipkin(format)) return casesOf(format, bodies, zipkinChain(format, chunks), chunks)
  if (isOtlp(format)) return otlpCases(format, bodies, chunks)
  return casesOf(format, bodies, jaegerChain(format, chunks), chunks)
}
