/** Writes Thrift with Apache's own library: bytes that share no line with our readers. */

import { createRequire } from 'node:module'

/** A value with its Thrift type. i64 are bigint; strings may be bytes, which need not be UTF-8. */
export type Value =
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'byte' | 'i16' | 'i32' | 'double'; readonly value: number }
  | { readonly type: 'i64'; readonly value: bigint }
  | { readonly type: 'string'; readonly value: string | Uint8Array }
  | { readonly type: 'struct'; readonly fields: readonly Field[] }
  | { readonly type: 'list' | 'set'; readonly of: TypeName; readonly items: readonly Value[] }
  | { readonly type: 'map'; readonly keys: TypeName; readonly values: TypeName; readonly entries: readonly (readonly [Value, Value])[] }

export type TypeName = Value['type']

/** A field of a struct; written in the order given. */
export interface Field {
  readonly id: number
  readonly value: Value
}

export type Struct = Extract<Value, { type: 'struct' }>

/** `binary-old` differs from `binary` in message headers alone: no version. */
export type Encoding = 'binary' | 'binary-old' | 'compact'

interface Protocol {
  writeMessageBegin(name: string, type: number, sequence: number): void
  writeMessageEnd(): void
  writeStructBegin(name: string): void
  writeStructEnd(): void
  writeFieldBegin(name: string, type: number, id: number): void
  writeFieldEnd(): void
  writeFieldStop(): void
  writeMapBegin(keyType: number, valueType: number, size: number): void
  writeMapEnd(): void
  writeListBegin(type: number, size: number): void
  writeListEnd(): void
  writeSetBegin(type: number, size: number): void
  writeSetEnd(): void
  writeBool(value: boolean): void
  writeByte(value: number): void
  writeI16(value: number): void
  writeI32(value: number): void
  writeI64(value: object): void
  writeDouble(value: number): void
  writeString(value: string | Uint8Array): void
  flush(): void
}

interface Library {
  readonly TBufferedTransport: new (buffer: undefined, done: (bytes: Buffer) => void) => object
  readonly TBinaryProtocol: new (transport: object, strictRead: boolean, strictWrite: boolean) => Protocol
  readonly TCompactProtocol: new (transport: object) => Protocol
  readonly Int64: new (bytes: Buffer) => object
}

// The library brings no types; the shape above is the part of it that is used.
const thrift = createRequire(import.meta.url)('thrift') as Library

const typeNumbers: Readonly<Record<TypeName, number>> = {
  bool: 2,
  byte: 3,
  double: 4,
  i16: 6,
  i32: 8,
  i64: 10,
  string: 11,
  struct: 12,
  map: 13,
  set: 14,
  list: 15,
}

function writeI64(protocol: Protocol, value: bigint): void {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  protocol.writeI64(new thrift.Int64(bytes))
}

function writeValue(protocol: Protocol, value: Value): void {
  switch (value.type) {
    case 'bool':
      protocol.writeBool(value.value)
      return
    case 'byte':
      protocol.writeByte(value.value)
      return
    case 'i16':
      protocol.writeI16(value.value)
      return
    case 'i32':
      protocol.writeI32(value.value)
      return
    case 'i64':
      writeI64(protocol, value.value)
      return
    case 'double':
      protocol.writeDouble(value.value)
      return
    case 'string':
      protocol.writeString(typeof value.value === 'string' ? value.value : Buffer.from(value.value))
      return
    case 'struct':
      writeFields(protocol, value.fields)
      return
    case 'list':
      protocol.writeListBegin(typeNumbers[value.of], value.items.length)
      for (const item of value.items) writeValue(protocol, item)
      protocol.writeListEnd()
      return
    case 'set':
      protocol.writeSetBegin(typeNumbers[value.of], value.items.length)
      for (const item of value.items) writeValue(protocol, item)
      protocol.writeSetEnd()
      return
    case 'map':
      protocol.writeMapBegin(typeNumbers[value.keys], typeNumbers[value.values], value.entries.length)
      for (const [key, inner] of value.entries) {
        writeValue(protocol, key)
        writeValue(protocol, inner)
      }
      protocol.writeMapEnd()
      return
  }
}

function writeFields(protocol: Protocol, fields: readonly Field[]): void {
  protocol.writeStructBegin('')
  for (const { id, value } of fields) {
    protocol.writeFieldBegin('', typeNumbers[value.type], id)
    writeValue(protocol, value)
    protocol.writeFieldEnd()
  }
  protocol.writeFieldStop()
  protocol.writeStructEnd()
}

function written(encoding: Encoding, write: (protocol: Protocol) => void): Uint8Array {
  let bytes: Buffer | undefined
  const transport = new thrift.TBufferedTransport(undefined, (whole) => {
    bytes = whole
  })
  const protocol =
    encoding === 'compact' ? new thrift.TCompactProtocol(transport) : new thrift.TBinaryProtocol(transport, false, encoding === 'binary')
  write(protocol)
  protocol.flush()
  if (bytes === undefined) throw new Error('cannot write thrift: the transport gave nothing')
  return new Uint8Array(bytes)
}

/** The bytes of a struct alone. */
export function structBytes(struct: Struct, encoding: Encoding): Uint8Array {
  return written(encoding, (protocol) => writeFields(protocol, struct.fields))
}

/** A message: header and the struct of its arguments. @param type 1 call, 4 oneway */
export function messageBytes(name: string, args: Struct, encoding: Encoding, type = 4, sequence = 1): Uint8Array {
  return written(encoding, (protocol) => {
    protocol.writeMessageBegin(name, type, sequence)
    writeFields(protocol, args.fields)
    protocol.writeMessageEnd()
  })
}

/** Shorthands, so that a test's bytes read as what they are. */
export const bool = (value: boolean): Value => ({ type: 'bool', value })
export const i32 = (value: number): Value => ({ type: 'i32', value })
export const i64 = (value: bigint): Value => ({ type: 'i64', value })
export const double = (value: number): Value => ({ type: 'double', value })
export const string = (value: string | Uint8Array): Value => ({ type: 'string', value })
export const list = (of: TypeName, items: readonly Value[]): Value => ({ type: 'list', of, items })

/** A struct of fields by id, in the order in which they stand; undefined ones are absent. */
export function struct(fields: readonly (readonly [id: number, value: Value | undefined])[]): Struct {
  return { type: 'struct', fields: fields.flatMap(([id, value]) => (value === undefined ? [] : [{ id, value }])) }
}
