/** Bytes → OTLP bytes for Zipkin's encodings: decode, translate, encode in one call. */

import { countServices } from '../../otlp/batch.ts'
import type { ChunkPool } from '../../otlp/encode/chunks.ts'
import { encodeTraces } from '../../otlp/encode/traces.ts'
import { createSizeGuess, ReverseWriter, type SizeGuess } from '../../otlp/encode/writer.ts'
import { createKeyTable } from '../../otlp/keys.ts'
import type { ZipkinTranslateConfig } from '../../translate/zipkin/config.ts'
import { createZipkinRoles } from '../../translate/zipkin/keys.ts'
import type { ZipkinSpans } from '../../translate/zipkin/model.ts'
import type { SemconvNames } from '../../translate/zipkin/names.ts'
import { zipkinToTraces } from '../../translate/zipkin/to-otlp.ts'
import type { BodyTranslator, TranslatedBody } from '../adapter.ts'
import type { DecodeLimits } from '../limits.ts'
import { BinaryReader, type ThriftReader } from '../thrift.ts'
import { createZipkinJsonDecoder } from './decode-json.ts'
import { createZipkinProtoDecoder } from './decode-proto.ts'
import { createZipkinThriftDecoder } from './decode-thrift.ts'
import type { JsonVersion } from './json-reading.ts'
import { createMessageTranslator } from './message.ts'

export interface ZipkinTranslatorOptions {
  readonly limits: DecodeLimits
  readonly translate: ZipkinTranslateConfig
  /** Names of the semantic conventions for what an endpoint says. */
  readonly names?: SemconvNames
  /** Spans are of the version that the path says, whatever they look like. */
  readonly strict?: boolean
  /** Where requests get their memory. */
  readonly chunks?: ChunkPool | undefined
}

export interface ZipkinTranslators {
  /** Body of POST /api/v2/spans. Unless `strict`, spans that bear the marks of v1 are read as such and noted (Z-H8). */
  readonly v2Json: BodyTranslator
  /** Body of POST /api/v1/spans, likewise. */
  readonly v1Json: BodyTranslator
  /** A JSON list from a file or a topic: each span by its own marks, v2 where it has none. */
  readonly json: BodyTranslator
  /** A `ListOfSpans` of Zipkin's proto3. */
  readonly v2Proto: BodyTranslator
  /** A list of v1 spans in the binary Thrift protocol; bytes behind it are ignored and noted. */
  readonly v1Thrift: BodyTranslator
  /** The value of a message on Zipkin's Kafka topic: any of these, by its first bytes, or a single span. */
  readonly message: BodyTranslator
  /** A list of v1 spans at the reader's place, in either protocol: what `emitZipkinBatch` carries. */
  readonly thriftList: (reader: ThriftReader, receivedAtMs: number) => TranslatedBody
  /** How many keys the tables hold, and whether they are full. */
  readonly keys: { readonly size: number; readonly cap: number }
  readonly serviceNames: { readonly size: number; readonly cap: number }
}

const noSpans: ZipkinSpans = { spans: [], rejected: [], notes: { otherVersion: 0, unreadableFields: 0 } }

const noRole = (): number => 0

export function createZipkinTranslators(options: ZipkinTranslatorOptions): ZipkinTranslators {
  const { limits, translate, strict = false } = options
  const keys = createKeyTable(createZipkinRoles())
  const serviceNames = createKeyTable(noRole, 1024)
  const decodeJson = createZipkinJsonDecoder(keys, serviceNames, limits)
  const decodeProto = createZipkinProtoDecoder(keys, serviceNames, limits)
  const decodeThrift = createZipkinThriftDecoder(keys, serviceNames, limits)
  const writer = new ReverseWriter(options.chunks)

  const jsonGuess = createSizeGuess()
  const protoGuess = createSizeGuess()
  const thriftGuess = createSizeGuess()

  const encode = (decoded: ZipkinSpans, bodyBytes: number, receivedAtMs: number, guess: SizeGuess): TranslatedBody => {
    const { data, drops, notes, spans } = zipkinToTraces(decoded, translate, receivedAtMs, options.names)
    const bytes = encodeTraces(data, writer, guess.expected(bodyBytes))
    guess.learn(bodyBytes, bytes.length)
    return { received: spans + decoded.rejected.length, items: spans, data: bytes, drops, notes, services: countServices(data) }
  }

  const json =
    (version: JsonVersion): BodyTranslator =>
    (body, receivedAtMs) =>
      encode(decodeJson(body, version), body.length, receivedAtMs, jsonGuess)

  const thriftList = (reader: ThriftReader, receivedAtMs: number): TranslatedBody => {
    const start = reader.at
    const decoded = decodeThrift(reader)
    return encode(decoded, reader.at - start, receivedAtMs, thriftGuess)
  }

  const v1Thrift: BodyTranslator = (body, receivedAtMs) => {
    // Zipkin's reporters send nothing but a list; no body at all is an empty one (Z-H5).
    if (body.length === 0) return encode(noSpans, 0, receivedAtMs, thriftGuess)
    const reader = new BinaryReader(body)
    const result = thriftList(reader, receivedAtMs)
    return reader.at === reader.end ? result : { ...result, notes: [...result.notes, { reason: 'bytes_after_list', count: 1 }] }
  }

  const lists = {
    json: json({ version: 2, detect: true }),
    v2Proto: (body: Uint8Array, receivedAtMs: number) => encode(decodeProto(body), body.length, receivedAtMs, protoGuess),
    v1Thrift,
  }

  return {
    v2Json: json({ version: 2, detect: !strict }),
    v1Json: json({ version: 1, detect: !strict }),
    ...lists,
    message: createMessageTranslator(lists),
    thriftList,
    keys,
    serviceNames,
  }
}
