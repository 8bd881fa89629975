/** Payloads: good ones that must always arrive, and the hostile ones of the list that the bridge is tried with. */

import { createGzip, gzipSync } from 'node:zlib'
import { i32, i64, list, messageBytes, type Struct, string, struct, structBytes } from '../../support/thrift-writer.ts'

export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))
export const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

export const jsonType = { 'content-type': 'application/json' }
export const thriftType = { 'content-type': 'application/x-thrift' }
export const protoType = { 'content-type': 'application/x-protobuf' }

/** A Zipkin v2 span as an object. */
export const zipkinSpan = (name: string, change: object = {}): object => ({
  traceId: '463ac35c9f6413ad48485a3953bb6124',
  id: 'a2fb4a1d1a96d312',
  name,
  timestamp: 1_472_470_996_199_000,
  duration: 207_000,
  localEndpoint: { serviceName: 'frontend' },
  ...change,
})

export const zipkinJson = (...spans: readonly object[]): string => JSON.stringify(spans)

/** A Jaeger span as a Thrift struct. */
export const jaegerSpan = (name: string, id = 7n): Struct =>
  struct([
    [1, i64(0x1234n)],
    [2, i64(0x5678n)],
    [3, i64(id)],
    [4, i64(0n)],
    [5, string(name)],
    [7, i32(1)],
    [8, i64(1_485_467_191_639_875n)],
    [9, i64(22_938n)],
  ])

export const jaegerBatch = (...spans: readonly Struct[]): Struct =>
  struct([
    [1, struct([[1, string('svc')]])],
    [2, list('struct', spans)],
  ])

export const jaegerBody = (...spans: readonly Struct[]): Uint8Array => structBytes(jaegerBatch(...spans), 'binary')

export const emitBatch = (encoding: 'compact' | 'binary' | 'binary-old', ...spans: readonly Struct[]): Uint8Array =>
  messageBytes('emitBatch', struct([[1, jaegerBatch(...spans)]]), encoding)

/** A Zipkin v1 span as a Thrift struct. */
export const zipkinThriftSpan = (name: string, id = 5n): Struct =>
  struct([
    [1, i64(0x99n)],
    [3, string(name)],
    [4, i64(id)],
    [10, i64(1_472_470_996_199_000n)],
    [11, i64(207_000n)],
  ])

export const emitZipkinBatch = (encoding: 'compact' | 'binary', ...spans: readonly Struct[]): Uint8Array =>
  messageBytes('emitZipkinBatch', struct([[1, list('struct', spans)]]), encoding)

/** gzip of `count` times `piece`, without ever holding what it expands to. */
export async function gzipRepeated(piece: string, count: number, before = '', after = ''): Promise<Uint8Array> {
  const gzip = createGzip({ level: 9 })
  const parts: Buffer[] = []
  gzip.on('data', (part: Buffer) => parts.push(part))
  const ended = new Promise((resolve) => gzip.on('end', resolve))
  const block = Buffer.from(piece.repeat(1000))
  gzip.write(before)
  for (let i = 0; i < count / 1000; i++) if (!gzip.write(block)) await new Promise((resolve) => gzip.once('drain', resolve))
  gzip.end(after)
  await ended
  return concat(...parts)
}

export const gzip = (data: string | Uint8Array): Uint8Array => new Uint8Array(gzipSync(data))

/** A list field of the binary protocol. */
export const listHeader = (id: number, count: number): Uint8Array => {
  const bytes = Buffer.from([0x0f, 0, id, 0x0c, 0, 0, 0, 0])
  bytes.writeInt32BE(count, 4)
  return new Uint8Array(bytes)
}

/** A batch of spans each with 10,000 elements of one byte, as many as fit into `bytes`. @param id 6 references, 10 tags, 11 logs */
export const emptyElements = (id: number, bytes: number): Uint8Array => {
  const ids = hex('0a0001 0000000000000005 0a0003 0000000000000005')
  const one = concat(ids, listHeader(id, 10_000), new Uint8Array(10_001))
  const count = Math.floor((bytes - 9) / one.length)
  return concat(listHeader(2, count), ...new Array<Uint8Array>(count).fill(one), new Uint8Array(1))
}

/** A batch whose tags all have different keys, 10,000 a span. */
export const manyKeys = (keys: number): Uint8Array => {
  const ids = hex('0a0001 0000000000000005 0a0003 0000000000000005')
  const spans: Uint8Array[] = []
  for (let from = 0; from < keys; from += 10_000) {
    const tags: Uint8Array[] = []
    for (let i = from; i < from + 10_000; i++) {
      const key = Buffer.from(i.toString(36).padStart(5, '-'))
      tags.push(concat(hex('0b0001 00000005'), key, hex('080002 00000002 020005 01 00')))
    }
    spans.push(concat(ids, listHeader(10, 10_000), ...tags, new Uint8Array(1)))
  }
  return concat(listHeader(2, spans.length), ...spans, new Uint8Array(1))
}
