/**
 * Protobuf request → OTLP/JSON, along the table of messages: hex ids, enum numbers, lowerCamelCase, 64-bit integers as
 * strings. Fields that are not in the request are not in the JSON; fields that OTLP does not know are left out.
 * Text that is not UTF-8 gets U+FFFD, but such an attribute value becomes bytes.
 * @see opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */

import { BridgeError } from '../../errors.ts'
import { ProtoReader } from '../decode/reader.ts'
import type { Signal } from '../intake.ts'
import { allMessages, type Field, Kind, type Message, requestOf, wireTypeOf } from '../messages.ts'
import { toDouble, type Words } from '../time.ts'
import { JsonOutput } from './output.ts'

/** Messages inside of each other: some hundred attribute values, far more than any endpoint reads. */
const maxDepth = 400

/** `"name":` of every field, by message and index. */
let keys: readonly (readonly Uint8Array[])[] | undefined
const bytesValueKey = Buffer.from('"bytesValue":')

const keysOf = (): readonly (readonly Uint8Array[])[] => {
  keys ??= allMessages().map(({ fields }) => fields.map(({ name }) => Buffer.from(`"${name}":`)))
  return keys
}

interface Transcoding {
  readonly reader: ProtoReader
  readonly out: JsonOutput
  readonly words: Words
  readonly keys: readonly (readonly Uint8Array[])[]
  /** Where each field of the messages under way is found: its last value, or its first where it is repeated; −1 nowhere. */
  places: Int32Array
  used: number
}

/** A request as UTF-8 JSON, in one line. Throws OB_DECODE_PROTO when it is none, OB_LIMIT_DEPTH when it is nested too deep. */
export function requestToJson(signal: Signal, request: Uint8Array): Uint8Array {
  const state: Transcoding = {
    reader: new ProtoReader(request),
    out: new JsonOutput(request.length * 3),
    words: { hi: 0, lo: 0 },
    keys: keysOf(),
    places: new Int32Array(512),
    used: 0,
  }
  writeMessage(state, requestOf(signal), request.length, 0)
  return state.out.finish()
}

/**
 * Writes the message from `reader.at` to `end`. Two passes: the first finds the fields, since protobuf lets a field
 * come twice (the last one holds) and the elements of a list stand apart, and JSON allows neither.
 */
function writeMessage(state: Transcoding, message: Message, end: number, depth: number): void {
  const { reader, out } = state
  if (depth > maxDepth) throw new BridgeError('OB_LIMIT_DEPTH', 'cannot write JSON: messages nested deeper than the limit')
  const { fields, byNumber } = message
  const base = state.used
  const outer = reader.end
  reader.end = end
  if (base + fields.length > state.places.length) {
    const bigger = new Int32Array(state.places.length * 2)
    bigger.set(state.places)
    state.places = bigger
  }
  state.used = base + fields.length
  const { places } = state
  for (let i = base; i < state.used; i++) places[i] = -1
  let oneof = -1
  while (reader.at < end) {
    const tag = reader.varint32()
    const number = tag >>> 3
    const field = number < byNumber.length ? byNumber[number] : undefined
    if (field !== undefined && accepts(field, tag & 7)) {
      const place = base + field.index
      if (field.oneof) {
        if (oneof >= 0) places[oneof] = -1
        oneof = place
      }
      if (!field.repeated || places[place] === -1) places[place] = reader.at - (tag < 0x80 ? 1 : 2)
    }
    reader.skip(tag)
  }
  out.byte(0x7b)
  const ownKeys = state.keys[message.id] as readonly Uint8Array[]
  let first = true
  for (let i = 0; i < fields.length; i++) {
    // Not `places`: it may have been replaced by a larger one.
    const place = state.places[base + i] as number
    if (place < 0) continue
    const field = fields[i] as Field
    if (first) first = false
    else out.byte(0x2c)
    reader.at = place
    const keyAt = out.at
    out.ascii(ownKeys[i] as Uint8Array)
    if (field.repeated) writeList(state, field, end, depth)
    else {
      reader.varint32()
      if (field.kind === Kind.String && field.oneof) writeTextValue(state, keyAt)
      else writeValue(state, field, depth)
    }
  }
  out.byte(0x7d)
  state.used = base
  reader.end = outer
  reader.at = end
}

const accepts = (field: Field, wireType: number): boolean =>
  wireType === (field.tag & 7) || (field.packed && wireType === wireTypeOf(field.kind))

/** The elements of a list, wherever they are between `reader.at` and `end`. */
function writeList(state: Transcoding, field: Field, end: number, depth: number): void {
  const { reader, out } = state
  let first = true
  out.byte(0x5b)
  while (reader.at < end) {
    const tag = reader.varint32()
    if (tag >>> 3 !== field.number || !accepts(field, tag & 7)) {
      reader.skip(tag)
      continue
    }
    const packed = field.packed && (tag & 7) === 2
    const stop = packed ? reader.length() : reader.at + 1
    do {
      if (packed && reader.at === stop) break
      if (first) first = false
      else out.byte(0x2c)
      writeValue(state, field, depth)
    } while (packed && reader.at < stop)
    if (packed && reader.at !== stop) reader.fail('a list of numbers does not end with its last number')
  }
  out.byte(0x5d)
}

/** `stringValue`; `bytesValue` in its place when the text is not UTF-8. */
function writeTextValue({ reader, out }: Transcoding, keyAt: number): void {
  const stop = reader.length()
  if (!out.string(reader.bytes, reader.at, stop)) {
    out.at = keyAt
    out.ascii(bytesValueKey)
    out.base64(reader.bytes, reader.at, stop)
  }
  reader.at = stop
}

/** The value at `reader.at`, behind its tag. */
function writeValue(state: Transcoding, field: Field, depth: number): void {
  const { reader, out, words } = state
  switch (field.kind) {
    case Kind.Message: {
      const stop = reader.length()
      writeMessage(state, field.message as Message, stop, depth + 1)
      return
    }
    case Kind.String: {
      const stop = reader.length()
      out.stringRepaired(reader.bytes, reader.at, stop)
      reader.at = stop
      return
    }
    case Kind.Bytes: {
      const stop = reader.length()
      out.base64(reader.bytes, reader.at, stop)
      reader.at = stop
      return
    }
    case Kind.TraceId:
    case Kind.SpanId: {
      const stop = reader.length()
      out.hex(reader.bytes, reader.at, stop)
      reader.at = stop
      return
    }
    case Kind.Bool:
      reader.varint64(words)
      out.ascii((words.hi | words.lo) === 0 ? no : yes)
      return
    case Kind.Double:
      reader.fixed64(words)
      out.number(toDouble(words.hi, words.lo))
      return
    case Kind.Fixed64:
    case Kind.Sfixed64:
      reader.fixed64(words)
      out.integer(words.hi, words.lo, field.kind === Kind.Sfixed64)
      return
    case Kind.Int64:
    case Kind.Uint64:
      reader.varint64(words)
      out.integer(words.hi, words.lo, field.kind === Kind.Int64)
      return
    case Kind.Uint32:
      out.number(reader.varint32())
      return
    case Kind.Enum:
      out.number(reader.varint32() | 0)
      return
    case Kind.Sint32: {
      const value = reader.varint32()
      out.number((value >>> 1) ^ -(value & 1))
      return
    }
    case Kind.Fixed32:
      out.number(reader.fixed32() >>> 0)
      return
  }
}

const yes = Buffer.from('true')
const no = Buffer.from('false')
