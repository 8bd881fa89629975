/**
 * What a jaeger-agent makes of the batches that clients hand it: PostSpans requests to the collector's gRPC port. The agent itself is gone from
 * Jaeger's releases; this converts as its code did (thrift to the domain model: the parent id becomes the first reference).
 */

import { encodeJaeger } from '../support/jaeger-proto.ts'
import type { Struct, Value } from './thrift-oracle.ts'

const struct = (value: Value | undefined): Struct => {
  if (value instanceof Map) return value
  throw new Error('cannot convert a batch: no struct where one must be')
}
const structs = (value: Value | undefined): Struct[] => (Array.isArray(value) ? value.map(struct) : [])
const words = (value: Value | undefined): string => (Buffer.isBuffer(value) ? value.toString() : '')
const long = (value: Value | undefined): bigint => (typeof value === 'bigint' ? value : 0n)

const idBytes = (...parts: readonly bigint[]): Buffer => {
  const bytes = Buffer.alloc(parts.length * 8)
  for (const [index, part] of parts.entries()) bytes.writeBigInt64BE(part, index * 8)
  return bytes
}

const moment = (micros: bigint): object => ({ seconds: micros / 1_000_000n, nanos: Number(micros % 1_000_000n) * 1000 })

// Thrift: STRING 0, DOUBLE 1, BOOL 2, LONG 3, BINARY 4. Proto: STRING 0, BOOL 1, INT64 2, FLOAT64 3, BINARY 4.
const tagOf = (tag: Struct): object => {
  const key = words(tag.get(1))
  switch (Number(tag.get(2))) {
    case 1:
      return { key, vType: 3, vFloat64: tag.get(4) }
    case 2:
      return { key, vType: 1, vBool: tag.get(5) }
    case 3:
      return { key, vType: 2, vInt64: long(tag.get(6)) }
    case 4:
      return { key, vType: 4, vBinary: tag.get(7) }
    default:
      return { key, vType: 0, vStr: words(tag.get(3)) }
  }
}

const spanOf = (span: Struct): object => {
  const traceId = idBytes(long(span.get(2)), long(span.get(1)))
  const parent = long(span.get(4))
  const references = structs(span.get(6)).map((reference) => ({
    refType: Number(reference.get(1)),
    traceId: idBytes(long(reference.get(3)), long(reference.get(2))),
    spanId: idBytes(long(reference.get(4))),
  }))
  const own = { refType: 0, traceId, spanId: idBytes(parent) }
  const named = references.some((one) => one.traceId.equals(traceId) && one.spanId.equals(own.spanId))
  return {
    traceId,
    spanId: idBytes(long(span.get(3))),
    operationName: words(span.get(5)),
    references: parent === 0n || named ? references : [own, ...references],
    flags: Number(span.get(7)),
    startTime: moment(long(span.get(8))),
    duration: moment(long(span.get(9))),
    tags: structs(span.get(10)).map(tagOf),
    logs: structs(span.get(11)).map((log) => ({ timestamp: moment(long(log.get(1))), fields: structs(log.get(2)).map(tagOf) })),
  }
}

/** A `PostSpansRequest` with the spans and the process of a thrift `Batch`. */
export function postSpansOf(batch: Struct): Uint8Array {
  const process = struct(batch.get(1))
  return encodeJaeger('PostSpansRequest', {
    batch: {
      process: { serviceName: words(process.get(1)), tags: structs(process.get(2)).map(tagOf) },
      spans: structs(batch.get(2)).map(spanOf),
    },
  })
}
