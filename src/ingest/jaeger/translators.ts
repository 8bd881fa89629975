/** Bytes → OTLP bytes for Jaeger's encodings, Thrift, protobuf and JSON: decode, translate, encode in one call. */

import { sliceToString } from '../../otlp/attributes.ts'
import { countServices } from '../../otlp/batch.ts'
import type { ChunkPool } from '../../otlp/encode/chunks.ts'
import { TraceStream } from '../../otlp/encode/trace-stream.ts'
import { encodeTraces } from '../../otlp/encode/traces.ts'
import { createSizeGuess, ReverseWriter, type SizeGuess } from '../../otlp/encode/writer.ts'
import { createKeyTable } from '../../otlp/keys.ts'
import { SpanKind } from '../../otlp/model.ts'
import type { JaegerTranslateConfig } from '../../translate/jaeger/config.ts'
import { createFieldKey } from '../../translate/jaeger/field-keys.ts'
import { jaegerRoleOf } from '../../translate/jaeger/keys.ts'
import type { JaegerBatch, JaegerSpan } from '../../translate/jaeger/model.ts'
import { createJaegerTranslation, type JaegerTranslateOptions, jaegerToTraces } from '../../translate/jaeger/to-otlp.ts'
import type { BodyTranslator, TranslatedBody } from '../adapter.ts'
import type { PlacedItems } from '../json-scan.ts'
import type { DecodeLimits } from '../limits.ts'
import { BinaryReader, CompactReader, MessageType, type ThriftReader, ThriftType } from '../thrift.ts'
import { createEsReader } from './decode-es.ts'
import { createJsonpbDecoder } from './decode-jsonpb.ts'
import { createJaegerProtoDecoder } from './decode-proto.ts'
import { createThriftBatchDecoder } from './decode-thrift.ts'
import { createUiJsonDecoder } from './decode-ui-json.ts'
import type { JsonBatch } from './json-findings.ts'

export interface JaegerTranslatorOptions {
  readonly limits: DecodeLimits
  readonly translate: JaegerTranslateConfig
  /** Reads a list of Zipkin spans at the reader's place: what `emitZipkinBatch` carries. */
  readonly zipkinList: (reader: ThriftReader, receivedAtMs: number) => TranslatedBody
  /** Told of each batch that counts itself or its losses (agent.thrift). */
  readonly onClientStats?: ((batch: JaegerBatch) => void) | undefined
  /** Where requests get their memory. */
  readonly chunks?: ChunkPool | undefined
}

export interface JaegerTranslators {
  /** Body of POST /api/traces: one `Batch`, binary protocol. Bytes behind it are ignored and noted. */
  readonly httpBinary: BodyTranslator
  /** One `Batch` in the compact protocol, for files. */
  readonly batchCompact: BodyTranslator
  /** A datagram: `emitBatch` or `emitZipkinBatch`, compact or binary (strict or old header) by its first byte. */
  readonly agent: BodyTranslator
  /** An api_v2 `PostSpansRequest`. */
  readonly postSpans: BodyTranslator
  /** One api_v2 `Span` with its process: a message of Jaeger's topic in Kafka. */
  readonly protoSpan: BodyTranslator
  /** UI JSON: what the query API answers and what the UI saves. */
  readonly uiJson: BodyTranslator
  /** Documents of `jaeger-span-*` indices, one a line. */
  readonly esJson: BodyTranslator
  /** One api_v2 `Span` as protobuf-JSON: a message of Jaeger's topic in Kafka with `encoding: json`. */
  readonly jsonSpan: BodyTranslator
  /** How many keys the table holds, and whether it is full. */
  readonly keys: { readonly size: number; readonly cap: number }
}

/** The configuration as the translator takes it. */
export const jaegerOptionsOf = (config: JaegerTranslateConfig): JaegerTranslateOptions => ({
  absentKind: config.kind.absent === 'internal' ? SpanKind.Internal : SpanKind.Unspecified,
  httpStatusFallback: config.httpStatusFallback,
  mapExceptions: config.logs.exceptions === 'map',
})

export function createJaegerTranslators(options: JaegerTranslatorOptions): JaegerTranslators {
  const keys = createKeyTable(jaegerRoleOf)
  const decodeBatch = createThriftBatchDecoder(keys, options.limits)
  const decodeProto = createJaegerProtoDecoder(keys, options.limits)
  const { dotReplacement, wellKnown } = options.translate.tagsAsFields
  const decodeUi = createUiJsonDecoder(keys, options.limits)
  const readEs = createEsReader(keys, options.limits, createFieldKey(dotReplacement, wellKnown))
  const decodeJsonpb = createJsonpbDecoder(keys, options.limits)
  const translate = jaegerOptionsOf(options.translate)
  const writer = new ReverseWriter(options.chunks)
  const thriftGuess = createSizeGuess()
  const protoGuess = createSizeGuess()
  const jsonGuess = createSizeGuess()
  const esGuess = createSizeGuess()
  const stream = new TraceStream()

  const finish = (decoded: JaegerBatch, bodyBytes: number, guess: SizeGuess): TranslatedBody => {
    const { data, drops, notes } = jaegerToTraces(decoded, translate)
    let dropped = 0
    for (const drop of drops) dropped += drop.count
    const received = decoded.spans.length
    const bytes = encodeTraces(data, writer, guess.expected(bodyBytes))
    guess.learn(bodyBytes, bytes.length)
    return { received, items: received - dropped, data: bytes, drops, notes, services: countServices(data) }
  }

  const batch = (reader: ThriftReader): TranslatedBody => {
    const decoded = decodeBatch(reader)
    if (decoded.seqNo !== undefined || decoded.stats !== undefined) options.onClientStats?.(decoded)
    return finish(decoded, reader.end, thriftGuess)
  }

  const json =
    (decode: (body: Uint8Array) => JsonBatch): BodyTranslator =>
    (body) => {
      const decoded = decode(body)
      return withFindings(finish(decoded.batch, body.length, jsonGuess), decoded)
    }

  /** Pages of documents are large: spans are encoded one by one, so that they do not live until the last of them is read. */
  const documents = (bytes: number, read: (take: (span: JaegerSpan) => void) => Pick<JsonBatch, 'notes' | 'faults'>): TranslatedBody => {
    stream.begin(esGuess.expected(bytes))
    const translation = createJaegerTranslation({ nanosPerTick: 1000, process: undefined }, translate, stream)
    let received = 0
    const findings = read((span) => {
      received++
      translation.add(span)
    })
    const { drops, notes } = translation.outcome()
    let dropped = 0
    for (const drop of drops) dropped += drop.count
    const services = countServices(stream)
    const data = stream.finish(writer)
    esGuess.learn(bytes, data.length)
    return withFindings({ received, items: received - dropped, data, drops, notes, services }, findings)
  }

  const esJson: BodyTranslator = Object.assign((body: Uint8Array) => documents(body.length, (take) => readEs(body, take)), {
    placed: (body: Buffer, items: PlacedItems) => {
      let bytes = 0
      for (let i = 0, at = 0; i < items.count; i++, at += 4) bytes += (items.places[at + 1] as number) - (items.places[at] as number)
      return documents(bytes, (take) => readEs.placed(body, items, take))
    },
  })

  const whole = (reader: ThriftReader): TranslatedBody => {
    const body = batch(reader)
    return reader.at === reader.end ? body : { ...body, notes: [...body.notes, { reason: 'bytes_after_batch', count: 1 }] }
  }

  return {
    httpBinary: (body) => whole(new BinaryReader(body)),
    batchCompact: (body) => whole(new CompactReader(body)),
    agent: (datagram, receivedAtMs) => readAgent(datagram, receivedAtMs, batch, options),
    postSpans: (body) => finish(decodeProto.postSpans(body), body.length, protoGuess),
    protoSpan: (body) => finish(decodeProto.span(body), body.length, protoGuess),
    uiJson: json(decodeUi),
    esJson,
    jsonSpan: json(decodeJsonpb),
    keys,
  }
}

/** What was translated, and what its reader noticed. */
function withFindings(result: TranslatedBody, { notes, faults }: Pick<JsonBatch, 'notes' | 'faults'>): TranslatedBody {
  const noticed = [...notes].map(([reason, count]) => ({ reason, count }))
  const drops = result.drops.map((drop) => ({ ...drop, example: faults.get(drop.reason) ?? drop.example }))
  return { ...result, drops, notes: [...result.notes, ...noticed] }
}

/** All messages of a datagram; one that cannot be read does not cost those before it. */
function readAgent(
  datagram: Uint8Array,
  receivedAtMs: number,
  batch: (reader: ThriftReader) => TranslatedBody,
  options: JaegerTranslatorOptions,
): TranslatedBody {
  const reader = datagram[0] === 0x82 ? new CompactReader(datagram) : new BinaryReader(datagram)
  const first = readMessage(reader, receivedAtMs, batch, options)
  if (reader.at === reader.end) return first
  const all = [first]
  let note = 'several_messages_in_datagram'
  try {
    while (reader.at < reader.end) all.push(readMessage(reader, receivedAtMs, batch, options))
  } catch {
    // What stands behind the last whole message is not a message: the agent never looked at it either.
    note = 'bytes_after_message'
  }
  return {
    received: all.reduce((sum, one) => sum + one.received, 0),
    items: all.reduce((sum, one) => sum + one.items, 0),
    data: all.length === 1 ? first.data : Buffer.concat(all.map((one) => one.data)),
    drops: all.flatMap((one) => one.drops),
    services: all.flatMap((one) => one.services ?? []),
    notes: [...all.flatMap((one) => one.notes), { reason: note, count: 1 }],
  }
}

function readMessage(
  reader: ThriftReader,
  receivedAtMs: number,
  batch: (reader: ThriftReader) => TranslatedBody,
  options: JaegerTranslatorOptions,
): TranslatedBody {
  reader.message()
  if (reader.messageType !== MessageType.Oneway && reader.messageType !== MessageType.Call) {
    reader.fail(`message type ${reader.messageType}`)
  }
  const name = sliceToString(reader.bytes, reader.sliceStart, Math.min(reader.sliceEnd, reader.sliceStart + 64))
  const isBatch = name === 'emitBatch'
  if (!isBatch && name !== 'emitZipkinBatch') reader.fail('unknown method')
  let result: TranslatedBody | undefined
  for (let id = 0; reader.field(id); ) {
    id = reader.fieldId
    if (id === 1 && isBatch && reader.fieldType === ThriftType.Struct) result = batch(reader)
    else if (id === 1 && !isBatch && reader.fieldType === ThriftType.List) result = options.zipkinList(reader, receivedAtMs)
    else reader.skip(reader.fieldType, options.limits.maxDepth)
  }
  return result ?? reader.fail(`${name} without its argument`)
}
