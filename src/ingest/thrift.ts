/**
 * Bounded cursors over Thrift's binary and compact protocols, for Jaeger and Zipkin alike.
 *
 * Every length and count is checked against the bytes left (counts against the smallest size an element can have)
 * before anything is allocated, and nesting is bounded, so that no datagram of 20 bytes costs megabytes.
 * Failures are OB_DECODE_THRIFT, nesting beyond the limit OB_LIMIT_DEPTH, with the byte offset.
 * @see thrift-binary-protocol.md and thrift-compact-protocol.md in the Apache Thrift specification
 */

import { BridgeError } from '../errors.ts'
import type { Words } from '../otlp/time.ts'

/** Types as the binary protocol numbers them; the compact reader gives the same numbers. */
export const ThriftType = {
  Stop: 0,
  Bool: 2,
  Byte: 3,
  Double: 4,
  I16: 6,
  I32: 8,
  I64: 10,
  String: 11,
  Struct: 12,
  Map: 13,
  Set: 14,
  List: 15,
} as const

/** Kinds of message. */
export const MessageType = { Call: 1, Reply: 2, Exception: 3, Oneway: 4 } as const

/**
 * What both protocols offer a decoder. Reads move `at`; results that would be two values are left in fields.
 * A struct is read as `for (let id = 0; reader.field(id); id = reader.fieldId) …`.
 */
export interface ThriftReader {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Next byte to read. */
  at: number
  /** First byte that may not be read. */
  readonly end: number
  /** Set by `field`: type and id of the field whose value comes next. */
  fieldType: number
  fieldId: number
  /** Set by `binary`: where the bytes of the value are. */
  sliceStart: number
  sliceEnd: number
  /** Set by `list`. */
  elementType: number
  count: number
  /** Set by `message`: type, sequence number; the name is in the slice. */
  messageType: number
  sequence: number
  /** Reads a field header; false at the end of the struct. @param previousId id of the field before, 0 at the start */
  field(previousId: number): boolean
  /** The value of a bool field, or of an element of a list of bools when `inList`. */
  bool(inList?: boolean): boolean
  i16(): number
  i32(): number
  i64(out: Words): void
  double(out: Words): void
  /** A string or binary: sets `sliceStart` and `sliceEnd`. */
  binary(): void
  /** A list or set header: sets `elementType` and `count`. */
  list(): void
  /** A message header: sets `messageType`, `sequence` and the slice (the method's name). */
  message(): void
  /** Skips a value of a type, nested at most `depth` deep. */
  skip(type: number, depth: number): void
  fail(cause: string): never
}

/** Fewest bytes a value of a type can take in the binary protocol; 0: not a type. */
const binaryMinimum = [0, 0, 1, 1, 8, 0, 2, 0, 4, 0, 8, 4, 1, 6, 5, 5]

function truncated(reader: ThriftReader, length: number): never {
  return reader.fail(`Truncated: length ${length} > bytes available ${reader.end - reader.at}`)
}

function tooDeep(reader: ThriftReader): never {
  throw new BridgeError('OB_LIMIT_DEPTH', 'structs or lists nested deeper than the limit', { place: `byte ${reader.at}` })
}

function failAt(cause: string, at: number): never {
  throw new BridgeError('OB_DECODE_THRIFT', cause, { place: `byte ${at}` })
}

/** TBinaryProtocol: big-endian, strict and old message headers. */
export class BinaryReader implements ThriftReader {
  readonly bytes: Uint8Array
  readonly view: DataView
  at = 0
  readonly end: number
  fieldType = 0
  fieldId = 0
  sliceStart = 0
  sliceEnd = 0
  elementType = 0
  count = 0
  messageType = 0
  sequence = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.end = bytes.length
  }

  fail(cause: string): never {
    return failAt(cause, this.at)
  }

  field(_previousId: number): boolean {
    const { at } = this
    if (at >= this.end) truncated(this, 1)
    const type = this.bytes[at] as number
    if (type === ThriftType.Stop) {
      this.at = at + 1
      return false
    }
    if (at + 3 > this.end) truncated(this, 3)
    this.fieldType = type
    this.fieldId = this.view.getInt16(at + 1)
    this.at = at + 3
    return true
  }

  bool(): boolean {
    if (this.at >= this.end) truncated(this, 1)
    return this.bytes[this.at++] !== 0
  }

  i32(): number {
    const { at } = this
    if (at + 4 > this.end) truncated(this, 4)
    this.at = at + 4
    return this.view.getInt32(at)
  }

  i16(): number {
    const { at } = this
    if (at + 2 > this.end) truncated(this, 2)
    this.at = at + 2
    return this.view.getInt16(at)
  }

  i64(out: Words): void {
    const { at } = this
    if (at + 8 > this.end) truncated(this, 8)
    out.hi = this.view.getInt32(at)
    out.lo = this.view.getInt32(at + 4)
    this.at = at + 8
  }

  double(out: Words): void {
    this.i64(out)
  }

  binary(): void {
    const { at, end } = this
    if (at + 4 > end) truncated(this, 4)
    const length = this.view.getInt32(at)
    this.at = at + 4
    if (length < 0) this.fail(`negative length ${length}`)
    if (length > end - at - 4) truncated(this, length)
    this.sliceStart = at + 4
    this.at = this.sliceEnd = at + 4 + length
  }

  list(): void {
    const { at } = this
    if (at + 5 > this.end) truncated(this, 5)
    this.elementType = this.bytes[at] as number
    this.count = this.view.getInt32(at + 1)
    this.at = at + 5
    this.checkCount(binaryMinimum[this.elementType] ?? 0)
  }

  private checkCount(minimum: number): void {
    if (this.count === 0) return
    if (this.count < 0) this.fail(`negative count ${this.count}`)
    if (minimum === 0) this.fail(`element type ${this.elementType}`)
    if (this.count > (this.end - this.at) / minimum) truncated(this, this.count * minimum)
  }

  message(): void {
    const first = this.i32()
    if (first < 0) {
      if (first >>> 16 !== 0x8001) this.fail(`protocol version ${(first >>> 16).toString(16)}`)
      this.messageType = first & 0xff
      this.binary()
    } else {
      this.at -= 4
      this.binary()
      if (this.at >= this.end) truncated(this, 1)
      this.messageType = this.bytes[this.at++] as number
    }
    const { sliceStart, sliceEnd } = this
    this.sequence = this.i32()
    this.sliceStart = sliceStart
    this.sliceEnd = sliceEnd
  }

  skip(type: number, depth: number): void {
    switch (type) {
      case ThriftType.Bool:
      case ThriftType.Byte:
        this.advance(1)
        return
      case ThriftType.I16:
        this.advance(2)
        return
      case ThriftType.I32:
        this.advance(4)
        return
      case ThriftType.Double:
      case ThriftType.I64:
        this.advance(8)
        return
      case ThriftType.String:
        this.binary()
        return
      case ThriftType.Struct:
        if (depth <= 0) tooDeep(this)
        while (this.field(0)) this.skip(this.fieldType, depth - 1)
        return
      case ThriftType.Set:
      case ThriftType.List: {
        if (depth <= 0) tooDeep(this)
        this.list()
        const { elementType, count } = this
        for (let i = 0; i < count; i++) this.skip(elementType, depth - 1)
        return
      }
      case ThriftType.Map: {
        if (depth <= 0) tooDeep(this)
        if (this.at + 6 > this.end) truncated(this, 6)
        const keyType = this.bytes[this.at] as number
        const valueType = this.bytes[this.at + 1] as number
        this.at += 2
        this.count = this.i32()
        this.elementType = keyType
        const key = binaryMinimum[keyType] ?? 0
        const value = binaryMinimum[valueType] ?? 0
        this.checkCount(key === 0 || value === 0 ? 0 : key + value)
        for (let i = this.count; i > 0; i--) {
          this.skip(keyType, depth - 1)
          this.skip(valueType, depth - 1)
        }
        return
      }
      default:
        this.fail(`field type ${type}`)
    }
  }

  private advance(count: number): void {
    if (this.end - this.at < count) truncated(this, count)
    this.at += count
  }
}

/** Types of the compact protocol's nibbles → ThriftType; 1 and 2 are both bool; −1: not a type. */
const compactTypes = [0, 2, 2, 3, 6, 8, 10, 4, 11, 15, 14, 13, 12, -1, -1, -1]
/** Fewest bytes of a list element by ThriftType in the compact protocol. */
const compactMinimum = [0, 0, 1, 1, 8, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1]

/** TCompactProtocol: zig-zag varints, field ids as differences, bool values in the field header, doubles little-endian. */
export class CompactReader implements ThriftReader {
  readonly bytes: Uint8Array
  readonly view: DataView
  at = 0
  readonly end: number
  fieldType = 0
  fieldId = 0
  sliceStart = 0
  sliceEnd = 0
  elementType = 0
  count = 0
  messageType = 0
  sequence = 0
  private fieldBool = false

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.end = bytes.length
  }

  fail(cause: string): never {
    return failAt(cause, this.at)
  }

  field(previousId: number): boolean {
    if (this.at >= this.end) truncated(this, 1)
    const header = this.bytes[this.at++] as number
    const nibble = header & 0x0f
    if (nibble === 0) {
      // Stop is a whole zero byte; a non-zero difference with type 0 is a fault that Go and Java read as a stop too.
      return false
    }
    const type = compactTypes[nibble] as number
    if (type < 0) this.fail(`field type ${nibble}`)
    this.fieldType = type
    this.fieldBool = nibble === 1
    const difference = header >>> 4
    this.fieldId = difference === 0 ? this.i32() : previousId + difference
    return true
  }

  bool(inList = false): boolean {
    if (!inList) return this.fieldBool
    if (this.at >= this.end) truncated(this, 1)
    return this.bytes[this.at++] === 1
  }

  /** An unsigned varint, modulo 2^32. */
  private varint(): number {
    const { at } = this
    if (at >= this.end) truncated(this, 1)
    const first = this.bytes[at] as number
    if (first < 0x80) {
      this.at = at + 1
      return first
    }
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at >= this.end) truncated(this, 1)
      const byte = this.bytes[this.at++] as number
      if (shift < 32) value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    return this.fail('varint longer than 10 bytes')
  }

  i32(): number {
    const value = this.varint()
    return (value >>> 1) ^ -(value & 1)
  }

  i16(): number {
    return this.i32()
  }

  i64(out: Words): void {
    let lo = 0
    let hi = 0
    let shift = 0
    let byte = 0x80
    while (byte >= 0x80) {
      if (this.at >= this.end) truncated(this, 1)
      if (shift === 70) this.fail('varint longer than 10 bytes')
      byte = this.bytes[this.at++] as number
      const bits = byte & 0x7f
      if (shift < 28) lo |= bits << shift
      else if (shift === 28) {
        lo |= bits << 28
        hi = bits >>> 4
      } else if (shift < 63) hi |= bits << (shift - 32)
      else hi |= (bits & 1) << 31
      shift += 7
    }
    const sign = -(lo & 1)
    out.lo = ((lo >>> 1) | (hi << 31)) ^ sign
    out.hi = (hi >>> 1) ^ sign
  }

  double(out: Words): void {
    const { at } = this
    if (at + 8 > this.end) truncated(this, 8)
    out.lo = this.view.getInt32(at, true)
    out.hi = this.view.getInt32(at + 4, true)
    this.at = at + 8
  }

  binary(): void {
    const length = this.varint()
    if (length > this.end - this.at) truncated(this, length)
    this.sliceStart = this.at
    this.at = this.sliceEnd = this.at + length
  }

  list(): void {
    if (this.at >= this.end) truncated(this, 1)
    const header = this.bytes[this.at++] as number
    const type = compactTypes[header & 0x0f] as number
    this.elementType = type
    this.count = header >>> 4 === 15 ? this.varint() : header >>> 4
    if (this.count === 0) return
    this.checkCount(type)
  }

  private checkCount(type: number): void {
    const minimum = compactMinimum[type] ?? 0
    if (minimum === 0) this.fail(`element type ${type}`)
    if (this.count > (this.end - this.at) / minimum) truncated(this, this.count * minimum)
  }

  message(): void {
    if (this.end - this.at < 2) truncated(this, 2)
    if (this.bytes[this.at] !== 0x82) this.fail(`protocol id ${(this.bytes[this.at] as number).toString(16)}`)
    const second = this.bytes[this.at + 1] as number
    if ((second & 0x1f) !== 1) this.fail(`protocol version ${second & 0x1f}`)
    this.messageType = second >>> 5
    this.at += 2
    this.sequence = this.varint()
    this.binary()
  }

  skip(type: number, depth: number): void {
    this.skipValue(type, depth, false)
  }

  private skipValue(type: number, depth: number, inList: boolean): void {
    switch (type) {
      case ThriftType.Bool:
        if (inList) this.advance(1)
        return
      case ThriftType.Byte:
        this.advance(1)
        return
      case ThriftType.I16:
      case ThriftType.I32:
      case ThriftType.I64:
        this.varint()
        return
      case ThriftType.Double:
        this.advance(8)
        return
      case ThriftType.String:
        this.binary()
        return
      case ThriftType.Struct: {
        if (depth <= 0) tooDeep(this)
        for (let id = 0; this.field(id); ) {
          id = this.fieldId
          this.skipValue(this.fieldType, depth - 1, false)
        }
        return
      }
      case ThriftType.Set:
      case ThriftType.List: {
        if (depth <= 0) tooDeep(this)
        this.list()
        const { elementType, count } = this
        for (let i = 0; i < count; i++) this.skipValue(elementType, depth - 1, true)
        return
      }
      case ThriftType.Map: {
        if (depth <= 0) tooDeep(this)
        this.count = this.varint()
        const { count } = this
        if (count === 0) return
        if (this.at >= this.end) truncated(this, 1)
        const types = this.bytes[this.at++] as number
        const keyType = compactTypes[types >>> 4] as number
        const valueType = compactTypes[types & 0x0f] as number
        this.checkCount(keyType)
        this.checkCount(valueType)
        for (let i = 0; i < count; i++) {
          this.skipValue(keyType, depth - 1, true)
          this.skipValue(valueType, depth - 1, true)
        }
        return
      }
      default:
        this.fail(`field type ${type}`)
    }
  }

  private advance(count: number): void {
    if (this.end - this.at < count) truncated(this, count)
    this.at += count
  }
}
