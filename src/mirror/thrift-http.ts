/**
 * A datagram of a Jaeger client as an old collector takes it over HTTP: the batch in it, as binary Thrift. It goes by the types that stand in the
 * bytes and knows no field of a span, so that what is in there is what comes out.
 * @see thrift-binary-protocol.md and thrift-compact-protocol.md in the Apache Thrift specification
 */

import { BridgeError } from '../errors.ts'

/** Types as the binary protocol numbers them. */
const T = { Stop: 0, Bool: 2, Byte: 3, Double: 4, I16: 6, I32: 8, I64: 10, String: 11, Struct: 12, Map: 13, Set: 14, List: 15 } as const

/** Of the compact protocol's nibbles; 1 and 2 are both bool. */
const compactTypes: readonly number[] = [0, 2, 2, 3, 6, 8, 10, 4, 11, 15, 14, 13, 12]

/** Nesting of an honest client's batch is six. */
const maxDepth = 32

/** Reads move `at`; what would be two values is left in fields. */
interface Source {
  readonly bytes: Buffer
  at: number
  type: number
  id: number
  /** Of a map: type of the values. */
  valueType: number
  count: number
  /** False at the end of the struct. */
  field(previous: number): boolean
  list(): void
  map(): void
  bool(inField: boolean): boolean
  integer16(): number
  integer32(): number
  /** High and low half in `high`, `low`. */
  integer64(): void
  double(): void
  high: number
  low: number
  /** A string or binary. */
  binary(): Buffer
  /** A message header; returns its method. */
  message(): string
}

function fail(cause: string, at: number): never {
  throw new BridgeError('OB_DECODE_THRIFT', `cannot read datagram: ${cause}`, { place: `byte ${at}` })
}

abstract class Cursor {
  readonly bytes: Buffer
  at = 0
  type = 0
  id = 0
  valueType = 0
  count = 0
  high = 0
  low = 0

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Moves on by so many bytes. Returns where they begin. */
  protected skip(count: number): number {
    const { at } = this
    if (count < 0 || count > this.bytes.length - at) fail(`${count} bytes wanted, ${this.bytes.length - at} left`, at)
    this.at = at + count
    return at
  }

  protected byte(): number {
    return this.bytes[this.skip(1)] as number
  }

  /** Every element takes a byte at least. */
  protected counted(count: number): void {
    if (count < 0 || count > this.bytes.length - this.at) fail(`${count} elements in ${this.bytes.length - this.at} bytes`, this.at)
    this.count = count
  }

  protected slice(length: number): Buffer {
    const at = this.skip(length)
    return this.bytes.subarray(at, at + length)
  }
}

class BinarySource extends Cursor implements Source {
  field(_previous: number): boolean {
    this.type = this.byte()
    if (this.type === T.Stop) return false
    this.id = this.integer16()
    return true
  }

  list(): void {
    this.type = this.byte()
    this.counted(this.integer32())
  }

  map(): void {
    this.type = this.byte()
    this.valueType = this.byte()
    this.counted(this.integer32())
  }

  bool(_inField: boolean): boolean {
    return this.byte() !== 0
  }

  integer16(): number {
    return this.bytes.readInt16BE(this.skip(2))
  }

  integer32(): number {
    return this.bytes.readInt32BE(this.skip(4))
  }

  integer64(): void {
    this.high = this.integer32()
    this.low = this.integer32()
  }

  double(): void {
    this.integer64()
  }

  binary(): Buffer {
    return this.slice(this.integer32())
  }

  message(): string {
    const first = this.integer32()
    // The old form begins with the name's length, the strict one with a version.
    const name = first >= 0 ? this.slice(first) : this.binary()
    if (first < 0 && first >>> 16 !== 0x8001) fail(`version ${(first >>> 16).toString(16)}`, 0)
    if (first >= 0) this.byte()
    this.integer32()
    return name.toString()
  }
}

class CompactSource extends Cursor implements Source {
  private isTrue = false

  private typeOf(nibble: number): number {
    return compactTypes[nibble] ?? fail(`type ${nibble}`, this.at)
  }

  /** Modulo 2^32. */
  private varint(): number {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.byte()
      if (shift < 32) value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    return fail('varint of more than 10 bytes', this.at)
  }

  field(previous: number): boolean {
    const header = this.byte()
    if ((header & 0x0f) === 0) return false
    this.type = this.typeOf(header & 0x0f)
    this.isTrue = (header & 0x0f) === 1
    this.id = header >>> 4 === 0 ? this.integer16() : previous + (header >>> 4)
    return true
  }

  list(): void {
    const header = this.byte()
    this.type = this.typeOf(header & 0x0f)
    this.counted(header >>> 4 === 15 ? this.varint() : header >>> 4)
  }

  map(): void {
    const count = this.varint()
    // An empty map has no types.
    const types = count === 0 ? 0 : this.byte()
    this.type = this.typeOf(types >>> 4)
    this.valueType = this.typeOf(types & 0x0f)
    this.counted(count)
  }

  bool(inField: boolean): boolean {
    return inField ? this.isTrue : this.byte() === 1
  }

  integer16(): number {
    return this.integer32()
  }

  integer32(): number {
    const value = this.varint()
    return (value >>> 1) ^ -(value & 1)
  }

  integer64(): void {
    let low = 0
    let high = 0
    for (let shift = 0, byte = 0x80; byte >= 0x80; shift += 7) {
      if (shift === 70) fail('varint of more than 10 bytes', this.at)
      byte = this.byte()
      const bits = byte & 0x7f
      if (shift < 28) low |= bits << shift
      else if (shift === 28) {
        low |= bits << 28
        high = bits >>> 4
      } else high |= shift < 63 ? bits << (shift - 32) : (bits & 1) << 31
    }
    const sign = -(low & 1)
    this.low = ((low >>> 1) | (high << 31)) ^ sign
    this.high = (high >>> 1) ^ sign
  }

  double(): void {
    const at = this.skip(8)
    this.low = this.bytes.readInt32LE(at)
    this.high = this.bytes.readInt32LE(at + 4)
  }

  binary(): Buffer {
    return this.slice(this.varint())
  }

  message(): string {
    if (this.byte() !== 0x82) fail('it does not begin as a message', 0)
    if ((this.byte() & 0x1f) !== 1) fail('unknown version', 1)
    this.varint()
    return this.binary().toString()
  }
}

/** Grows as it is written to. */
class BinarySink {
  private bytes: Buffer
  private at = 0

  constructor(expected: number) {
    this.bytes = Buffer.allocUnsafe(Math.max(64, expected))
  }

  private room(count: number): number {
    const { at } = this
    this.at = at + count
    if (this.at > this.bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.at, this.bytes.length * 2))
      this.bytes.copy(larger, 0, 0, at)
      this.bytes = larger
    }
    return at
  }

  byte(value: number): void {
    const at = this.room(1)
    this.bytes[at] = value
  }

  integer16(value: number): void {
    const at = this.room(2)
    // A field id beyond its 16 bits is kept to them, as the protocol's own writers do.
    this.bytes.writeInt16BE((value << 16) >> 16, at)
  }

  integer32(value: number): void {
    const at = this.room(4)
    this.bytes.writeInt32BE(value, at)
  }

  binary(value: Uint8Array): void {
    this.integer32(value.length)
    const at = this.room(value.length)
    this.bytes.set(value, at)
  }

  result(): Uint8Array {
    return this.bytes.subarray(0, this.at)
  }
}

function copyStruct(from: Source, to: BinarySink, depth: number): void {
  for (let previous = 0; from.field(previous); ) {
    const { type, id } = from
    to.byte(type)
    to.integer16(id)
    copyValue(type, from, to, depth - 1, true)
    previous = id
  }
  to.byte(T.Stop)
}

/** One value from here to there. */
function copyValue(type: number, from: Source, to: BinarySink, depth: number, inField: boolean): void {
  if (depth < 0) throw new BridgeError('OB_LIMIT_DEPTH', 'cannot read datagram: nested too deep', { place: `byte ${from.at}` })
  switch (type) {
    case T.Bool:
      to.byte(from.bool(inField) ? 1 : 0)
      return
    case T.Byte:
      to.byte(from.bytes[from.at++] ?? fail('a byte is missing', from.at))
      return
    case T.I16:
      to.integer16(from.integer16())
      return
    case T.I32:
      to.integer32(from.integer32())
      return
    case T.I64:
    case T.Double:
      if (type === T.I64) from.integer64()
      else from.double()
      to.integer32(from.high)
      to.integer32(from.low)
      return
    case T.String:
      to.binary(from.binary())
      return
    case T.Struct:
      copyStruct(from, to, depth)
      return
    case T.Set:
    case T.List: {
      from.list()
      const { type: element, count } = from
      to.byte(element)
      to.integer32(count)
      for (let at = 0; at < count; at++) copyValue(element, from, to, depth - 1, false)
      return
    }
    case T.Map: {
      from.map()
      const { type: key, valueType, count } = from
      to.byte(key)
      to.byte(valueType)
      to.integer32(count)
      for (let at = 0; at < count; at++) {
        copyValue(key, from, to, depth - 1, false)
        copyValue(valueType, from, to, depth - 1, false)
      }
      return
    }
    default:
      fail(`type ${type}`, from.at)
  }
}

export interface ReframedBatch {
  /** `emitBatch`, `emitZipkinBatch` */
  readonly method: string
  /** The call's first argument as binary Thrift: a `Batch`, or a list of Zipkin's spans. */
  readonly body: Uint8Array
}

/**
 * The batch in a datagram. Throws OB_DECODE_THRIFT for what is no such call, and OB_LIMIT_DEPTH.
 * @param datagram of either protocol: a compact message begins with 0x82, which no binary one does
 */
export function reframeDatagram(datagram: Uint8Array): ReframedBatch {
  const from: Source = datagram[0] === 0x82 ? new CompactSource(datagram) : new BinarySource(datagram)
  const to = new BinarySink(datagram.length * 2)
  const method = from.message()
  for (let previous = 0; from.field(previous); ) {
    const { type, id } = from
    if (id === 1) {
      copyValue(type, from, to, maxDepth, true)
      return { method, body: to.result() }
    }
    copyValue(type, from, new BinarySink(0), maxDepth, true)
    previous = id
  }
  return fail(`${method.slice(0, 100)} has no first argument`, from.at)
}
