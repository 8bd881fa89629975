/**
 * Reads Jaeger batches with Apache's own thrift library, field by field: an answer to compare with that shares no line with our decoder.
 */

import { createRequire } from 'node:module'

/** A thrift struct by field id. i64 are bigint, doubles and small integers number, binary and strings Buffer. */
export type Struct = ReadonlyMap<number, Value>
export type Value = Struct | readonly Value[] | Buffer | bigint | number | boolean

interface Header {
  readonly fname: string
  readonly mtype: number
  readonly rseqid: number
}

interface Protocol {
  readMessageBegin(): Header
  readStructBegin(): void
  readStructEnd(): void
  readFieldBegin(): { readonly ftype: number; readonly fid: number }
  readFieldEnd(): void
  readListBegin(): { readonly etype: number; readonly size: number }
  readListEnd(): void
  readBool(): boolean
  readByte(): number
  readI16(): number
  readI32(): number
  readI64(): { readonly buffer: Buffer; readonly offset?: number }
  readDouble(): number
  readBinary(): Buffer
}

interface Library {
  readonly TBufferedTransport: { receiver(done: (transport: object) => void, sequence: number): (bytes: Buffer) => void }
  readonly TBinaryProtocol: new (transport: object) => Protocol
  readonly TCompactProtocol: new (transport: object) => Protocol
}

// The library brings no types; the shape above is the part of it that is used.
const thrift = createRequire(import.meta.url)('thrift') as Library

const open = (bytes: Buffer, encoding: Encoding): Protocol => {
  let protocol: Protocol | undefined
  thrift.TBufferedTransport.receiver((transport) => {
    protocol = encoding === 'compact' ? new thrift.TCompactProtocol(transport) : new thrift.TBinaryProtocol(transport)
  }, 0)(bytes)
  if (protocol === undefined) throw new Error('cannot read thrift: the transport gave nothing')
  return protocol
}

const readValue = (protocol: Protocol, type: number): Value => {
  switch (type) {
    case 2:
      return protocol.readBool()
    case 3:
      return protocol.readByte()
    case 4:
      return protocol.readDouble()
    case 6:
      return protocol.readI16()
    case 8:
      return protocol.readI32()
    case 10: {
      const { buffer, offset = 0 } = protocol.readI64()
      return buffer.readBigInt64BE(offset)
    }
    case 11:
      return protocol.readBinary()
    case 12:
      return readStruct(protocol)
    case 14:
    case 15: {
      const { etype, size } = protocol.readListBegin()
      const items = Array.from({ length: size }, () => readValue(protocol, etype))
      protocol.readListEnd()
      return items
    }
    default:
      throw new Error(`cannot read thrift: type ${type} is not used by Jaeger`)
  }
}

const readStruct = (protocol: Protocol): Struct => {
  const fields = new Map<number, Value>()
  protocol.readStructBegin()
  for (;;) {
    const { ftype, fid } = protocol.readFieldBegin()
    if (ftype === 0) break
    fields.set(fid, readValue(protocol, ftype))
    protocol.readFieldEnd()
  }
  protocol.readStructEnd()
  return fields
}

export type Encoding = 'binary' | 'compact'

/** The `Batch` in the body of a POST to `/api/traces`. */
export function readBatch(body: Buffer): Struct {
  return readStruct(open(body, 'binary'))
}

/** The message in a datagram to the agent: its method, its message type and the `Batch` that is its one argument. */
export function readDatagram(datagram: Buffer): {
  readonly encoding: Encoding
  readonly method: string
  readonly type: number
  readonly batch: Struct
} {
  const encoding = datagram[0] === 0x82 ? 'compact' : 'binary'
  const protocol = open(datagram, encoding)
  const { fname, mtype } = protocol.readMessageBegin()
  const batch = readStruct(protocol).get(1)
  if (!(batch instanceof Map)) throw new Error(`cannot read ${fname}: no batch in it`)
  return { encoding, method: fname, type: mtype, batch }
}
