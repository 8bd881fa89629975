/**
 * Rows of `zipkin_spans` and `zipkin_annotations` → a v1 span in binary Thrift, as Zipkin's reporters sent it (mapping/backfill.md 2.13, zipkin.md 9): it
 * has a type for every value that the tables have, which JSON has not.
 *
 *     Span              trace_id i64 1  name 3  id i64 4  parent_id i64 5  annotations list 6  binary_annotations list 8
 *                       debug bool 9  timestamp i64 10  duration i64 11  trace_id_high i64 12
 *     Annotation        timestamp i64 1  value 2  host 3
 *     BinaryAnnotation  key 1  value binary 2  annotation_type i32 3  host 4
 *     Endpoint          ipv4 i32 1  port i16 2  service_name 3  ipv6 binary 4
 */

/** 64 bits as the database's HEX() writes them: up to 16 digits, no sign. Empty: NULL. */
export type HexWord = string

/** A row of `zipkin_spans`. */
export interface SpanRow {
  /** `0` where the schema has no such column. */
  readonly traceHigh: HexWord
  readonly trace: HexWord
  readonly id: HexWord
  readonly parent: HexWord
  readonly name: string
  readonly debug: boolean
  readonly start: HexWord
  readonly duration: HexWord
}

/** A row of `zipkin_annotations`. */
export interface AnnotationRow {
  readonly key: string
  readonly value: Uint8Array | null
  /** −1: an annotation, whose value is `key`; else a type of Thrift. */
  readonly type: number
  readonly time: HexWord
  readonly ipv4: number | null
  readonly ipv6: Uint8Array | null
  readonly port: number | null
  readonly service: string | null
}

const Field = { Bool: 2, I16: 6, I32: 8, I64: 10, Text: 11, Struct: 12, List: 15 } as const

/** Grows; one for a source. */
export class ThriftBuffer {
  private buffer = Buffer.allocUnsafe(64 * 1024)
  private length = 0

  /** What was written, as bytes of their own; begins anew. */
  take(): Buffer {
    const taken = Buffer.from(this.buffer.subarray(0, this.length))
    this.length = 0
    return taken
  }

  stop(): void {
    this.room(1)
    this.buffer[this.length++] = 0
  }

  bool(id: number, value: boolean): void {
    this.head(Field.Bool, id)
    this.buffer[this.length++] = value ? 1 : 0
  }

  i16(id: number, value: number): void {
    this.head(Field.I16, id)
    this.length = this.buffer.writeUInt16BE(value & 0xffff, this.length)
  }

  i32(id: number, value: number): void {
    this.head(Field.I32, id)
    this.length = this.buffer.writeInt32BE(value | 0, this.length)
  }

  /** NULL writes nothing. */
  i64(id: number, word: HexWord): void {
    if (word === '') return
    this.head(Field.I64, id)
    this.length = this.buffer.writeUInt32BE(highOf(word), this.length)
    this.length = this.buffer.writeUInt32BE(lowOf(word), this.length)
  }

  text(id: number, value: string): void {
    this.room(16 + value.length * 3)
    this.head(Field.Text, id)
    const at = this.length
    this.length += 4
    this.length += this.buffer.write(value, this.length)
    this.buffer.writeInt32BE(this.length - at - 4, at)
  }

  bytes(id: number, value: Uint8Array): void {
    this.room(16 + value.length)
    this.head(Field.Text, id)
    this.length = this.buffer.writeInt32BE(value.length, this.length)
    this.buffer.set(value, this.length)
    this.length += value.length
  }

  struct(id: number): void {
    this.head(Field.Struct, id)
  }

  list(id: number, count: number): void {
    this.head(Field.List, id)
    this.buffer[this.length++] = Field.Struct
    this.length = this.buffer.writeInt32BE(count, this.length)
  }

  private head(type: number, id: number): void {
    this.room(16)
    this.buffer[this.length++] = type
    this.length = this.buffer.writeUInt16BE(id, this.length)
  }

  private room(more: number): void {
    if (this.length + more <= this.buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + more))
    this.buffer.copy(larger, 0, 0, this.length)
    this.buffer = larger
  }
}

const highOf = (word: HexWord): number => (word.length <= 8 ? 0 : Number.parseInt(word.slice(0, -8), 16))
const lowOf = (word: HexWord): number => Number.parseInt(word.slice(-8), 16)

/** As a signed number; beyond 2^53 the last digits are lost. NaN for NULL. */
export const numberOfWord = (word: HexWord): number => (word === '' ? Number.NaN : (highOf(word) | 0) * 4294967296 + lowOf(word))

/** Signed digits, as the database takes them. */
export const decimalOf = (word: HexWord): string => String(BigInt.asIntN(64, BigInt(`0x${word}`)))

/** The two words, the higher first, as 16 hex digits in small letters. */
export const paddedWord = (word: HexWord): string => word.toLowerCase().padStart(16, '0')

function writeHost(out: ThriftBuffer, id: number, { ipv4, ipv6, port, service }: AnnotationRow): void {
  if (ipv4 === null && ipv6 === null && port === null && service === null) return
  out.struct(id)
  if (ipv4 !== null && ipv4 !== 0) out.i32(1, ipv4)
  if (port !== null && port !== 0) out.i16(2, port)
  out.text(3, service ?? '')
  if (ipv6 !== null) out.bytes(4, ipv6)
  out.stop()
}

/** In the order in which Zipkin reads them: by time, then by key; NULL times first. */
function inOrder(a: AnnotationRow, b: AnnotationRow): number {
  const byTime = a.time.length - b.time.length || (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)
  return byTime || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0) || a.type - b.type || Buffer.compare(a.value ?? none, b.value ?? none)
}

const none = new Uint8Array(0)

/** The span as an element of a list. */
export function writeV1Span(out: ThriftBuffer, span: SpanRow, annotations: readonly AnnotationRow[]): Buffer {
  const ordered = [...annotations].sort(inOrder)
  const events = ordered.filter(({ type }) => type === -1)
  const tags = ordered.filter(({ type }) => type !== -1)
  out.i64(1, span.trace)
  out.text(3, span.name)
  out.i64(4, span.id)
  out.i64(5, span.parent)
  if (events.length > 0) {
    out.list(6, events.length)
    for (const one of events) {
      out.i64(1, one.time)
      out.text(2, one.key)
      writeHost(out, 3, one)
      out.stop()
    }
  }
  if (tags.length > 0) {
    out.list(8, tags.length)
    for (const one of tags) {
      out.text(1, one.key)
      out.bytes(2, one.value ?? none)
      out.i32(3, one.type)
      writeHost(out, 4, one)
      out.stop()
    }
  }
  if (span.debug) out.bool(9, true)
  out.i64(10, span.start)
  out.i64(11, span.duration)
  if (span.traceHigh !== '0') out.i64(12, span.traceHigh)
  out.stop()
  return out.take()
}

/** Spans as a list. */
export function joinV1Spans(payloads: readonly Uint8Array[]): Uint8Array {
  const head = Buffer.alloc(5)
  head[0] = Field.Struct
  head.writeInt32BE(payloads.length, 1)
  return Buffer.concat([head, ...payloads])
}
