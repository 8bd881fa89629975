/** Zipkin's binary encodings by the official libraries: protobufjs, and Apache Thrift's own protocols. */

import { createRequire } from 'node:module'
import protobuf from 'protobufjs'

const field = (type: string, id: number, rule?: string): object => (rule === undefined ? { type, id } : { type, id, rule })

/** The messages of zipkin.proto3, by their field numbers. */
const { ListOfSpans } = protobuf.Root.fromJSON({
  nested: {
    Endpoint: { fields: { serviceName: field('string', 1), ipv4: field('bytes', 2), ipv6: field('bytes', 3), port: field('int32', 4) } },
    Annotation: { fields: { timestamp: field('fixed64', 1), value: field('string', 2) } },
    Span: {
      fields: {
        traceId: field('bytes', 1),
        parentId: field('bytes', 2),
        id: field('bytes', 3),
        kind: field('int32', 4),
        name: field('string', 5),
        timestamp: field('fixed64', 6),
        duration: field('uint64', 7),
        localEndpoint: field('Endpoint', 8),
        remoteEndpoint: field('Endpoint', 9),
        annotations: field('Annotation', 10, 'repeated'),
        tags: { keyType: 'string', type: 'string', id: 11 },
        debug: field('bool', 12),
        shared: field('bool', 13),
      },
    },
    ListOfSpans: { fields: { spans: field('Span', 1, 'repeated') } },
  },
} as protobuf.INamespace) as unknown as { ListOfSpans: protobuf.Type }

/** A ListOfSpans; ids and addresses are bytes, `kind` is the enum's number. */
export function encodeProto(spans: readonly object[]): Uint8Array {
  return ListOfSpans.encode(ListOfSpans.fromObject({ spans })).finish()
}

/** What Thrift's library offers a generated writer. It brings no types. */
interface Output {
  writeListBegin(type: number, count: number): void
  writeListEnd(): void
  writeStructBegin(name: string): void
  writeStructEnd(): void
  writeFieldBegin(name: string, type: number, id: number): void
  writeFieldEnd(): void
  writeFieldStop(): void
  writeBool(value: boolean): void
  writeI16(value: number): void
  writeI32(value: number): void
  writeI64(value: unknown): void
  writeString(value: string | Buffer): void
  flush(): void
}

interface Library {
  readonly TBufferedTransport: new (buffer: undefined, flushed: (bytes?: Buffer) => void) => object
  readonly TBinaryProtocol: new (transport: object) => Output
  readonly TCompactProtocol: new (transport: object) => Output
  readonly Int64: new (bytes: Buffer) => object
}

const thrift = createRequire(import.meta.url)('thrift') as Library

const Type = { Bool: 2, I16: 6, I32: 8, I64: 10, String: 11, Struct: 12, List: 15 } as const

/** One value with its type, in the order in which it is to be written. */
export type ThriftField = readonly [id: number, type: keyof typeof Type, value: unknown]
export type ThriftStruct = readonly ThriftField[]

/** A list of structs in the binary or the compact protocol, with nothing around it. */
export function encodeThrift(spans: readonly ThriftStruct[], protocol: 'binary' | 'compact'): Uint8Array {
  const chunks: Buffer[] = []
  const transport = new thrift.TBufferedTransport(undefined, (bytes) => {
    if (bytes !== undefined) chunks.push(Buffer.from(bytes))
  })
  const Protocol = protocol === 'binary' ? thrift.TBinaryProtocol : thrift.TCompactProtocol
  const output = new Protocol(transport)
  writeList(output, spans)
  output.flush()
  return Buffer.concat(chunks)
}

function writeList(output: Output, structs: readonly ThriftStruct[]): void {
  output.writeListBegin(Type.Struct, structs.length)
  for (const struct of structs) writeStruct(output, struct)
  output.writeListEnd()
}

function writeStruct(output: Output, struct: ThriftStruct): void {
  output.writeStructBegin('')
  for (const [id, type, value] of struct) {
    output.writeFieldBegin('', Type[type], id)
    writeValue(output, type, value)
    output.writeFieldEnd()
  }
  output.writeFieldStop()
  output.writeStructEnd()
}

function writeValue(output: Output, type: keyof typeof Type, value: unknown): void {
  switch (type) {
    case 'Bool':
      output.writeBool(value as boolean)
      break
    case 'I16':
      output.writeI16(value as number)
      break
    case 'I32':
      output.writeI32(value as number)
      break
    case 'I64':
      output.writeI64(int64(value as bigint))
      break
    case 'String':
      output.writeString(value as string | Buffer)
      break
    case 'Struct':
      writeStruct(output, value as ThriftStruct)
      break
    case 'List':
      writeList(output, value as readonly ThriftStruct[])
      break
  }
}

/** The library's 64-bit integer. */
function int64(value: bigint): unknown {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt.asIntN(64, value))
  return new thrift.Int64(bytes)
}
