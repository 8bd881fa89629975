/**
 * OTLP/JSON → protobuf request, along the table of messages, in one pass from bytes to bytes.
 *
 * Names of fields are taken in lowerCamelCase and as the `.proto` has them, enums as numbers and by name, 64-bit integers
 * and doubles as numbers and in quotes, exactly. `null` is absent, unknown fields are stepped over. A field that comes
 * twice is written twice: protobuf says that the last one holds, or that lists and messages join.
 * @see opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding, protobuf.dev/programming-guides/json
 */

import { BridgeError, isBridgeError } from '../../errors.ts'
import type { Signal } from '../intake.ts'
import { allMessages, type Field, Kind, type Message, requestOf } from '../messages.ts'
import type { Words } from '../time.ts'
import { writeBytes } from './bytes.ts'
import { JsonCursor, words as jsonWords } from './cursor.ts'
import { readDouble, readInt32, readInt64, readUint32, readUint64 } from './numbers.ts'
import { ProtoOutput } from './proto-output.ts'

const Quote = 0x22

/** The fields of a message by the length of their names in JSON. */
type Names = readonly (readonly { readonly name: Uint8Array; readonly field: Field }[] | undefined)[]

interface Transcoding {
  readonly cursor: JsonCursor
  readonly out: ProtoOutput
  readonly words: Words
  readonly maxDepth: number
  /** Where in the JSON we are, for errors: a field and its index (−1: no list) a level. */
  readonly fields: (Field | undefined)[]
  readonly indexes: number[]
  level: number
}

let names: readonly Names[] | undefined

function compileNames(): readonly Names[] {
  return allMessages().map(({ fields }) => {
    const byLength: { name: Uint8Array; field: Field }[][] = []
    for (const field of fields) {
      for (const name of new Set([field.name, field.protoName])) (byLength[name.length] ??= []).push({ name: Buffer.from(name), field })
    }
    return Array.from(byLength, (list) => list)
  })
}

/** Bytes that the lengths of each message took last time: the next ones are likely to take as many. */
const widths = new Uint8Array(256).fill(1)

/**
 * A request in protobuf. Throws OB_DECODE_JSON with the path of the fault, OB_LIMIT_DEPTH for values nested deeper than
 * `maxDepth`. The result is at most some four times as long as the body.
 */
export function jsonToRequest(signal: Signal, body: Uint8Array, maxDepth: number): Uint8Array {
  names ??= compileNames()
  const state: Transcoding = {
    cursor: new JsonCursor(body),
    out: new ProtoOutput(body.length >>> 1),
    words: { hi: 0, lo: 0 },
    maxDepth,
    fields: [],
    indexes: [],
    level: 0,
  }
  const { cursor, out } = state
  try {
    writeObject(state, requestOf(signal), 0)
    if (cursor.peek() !== -1) cursor.fail('something behind the end of the request')
  } catch (error) {
    if (!isBridgeError(error)) throw error
    const path = pathOf(state)
    throw new BridgeError(error.code, `${error.message} in ${path}`, { place: path })
  }
  return out.bytes.subarray(0, out.at)
}

function pathOf({ fields, indexes, level }: Transcoding): string {
  let path = '$'
  for (let i = 0; i <= level && fields[i] !== undefined; i++) {
    path += `.${fields[i]?.name}${(indexes[i] ?? -1) < 0 ? '' : `[${indexes[i]}]`}`
  }
  return path
}

/** The field that the name at the cursor means; undefined for one that OTLP does not know. */
function fieldOf(message: Message, { source, start, stop }: JsonCursor): Field | undefined {
  const candidates = names?.[message.id]?.[stop - start]
  if (candidates === undefined) return undefined
  for (let i = 0; i < candidates.length; i++) {
    const { name, field } = candidates[i] as { name: Uint8Array; field: Field }
    let same = 0
    while (same < name.length && source[start + same] === name[same]) same++
    if (same === name.length) return field
  }
  return undefined
}

function writeObject(state: Transcoding, message: Message, depth: number): void {
  const { cursor, fields, indexes, level } = state
  if (depth > state.maxDepth) {
    throw new BridgeError(
      'OB_LIMIT_DEPTH',
      `cannot read JSON: values nested deeper than ${state.maxDepth} (limits.depth) at byte ${cursor.at}`,
    )
  }
  fields[level] = undefined
  if (!cursor.open(0x7b, 0x7d)) return
  do {
    cursor.string()
    const field = fieldOf(message, cursor)
    cursor.expect(0x3a)
    if (field === undefined) {
      cursor.skip(state.maxDepth)
      continue
    }
    fields[level] = field
    indexes[level] = -1
    if (cursor.peek() === 0x6e && cursor.word(jsonWords.null)) continue
    if (field.repeated) writeList(state, field, depth)
    else if (field.kind === Kind.Message) writeChild(state, field, depth)
    else writeScalar(state, field, true, !field.presence)
    fields[level] = undefined
  } while (cursor.more(0x7d))
}

function writeList(state: Transcoding, field: Field, depth: number): void {
  const { cursor, out, indexes, level } = state
  if (!cursor.open(0x5b, 0x5d)) return
  let width = 0
  let from = 0
  if (field.packed) {
    out.ensure(2)
    out.tag(field.tag)
    width = 2
    from = out.begin(width)
  }
  let index = 0
  do {
    indexes[level] = index++
    if (field.kind === Kind.Message) writeChild(state, field, depth)
    else writeScalar(state, field, !field.packed, false)
  } while (cursor.more(0x5d))
  if (field.packed) out.end(from, width)
}

/** A message as a field; `null` in a list is an empty one, so that its neighbours keep their places. */
function writeChild(state: Transcoding, field: Field, depth: number): void {
  const { cursor, out } = state
  const message = field.message as Message
  const width = widths[message.id] as number
  out.ensure(2)
  out.tag(field.tag)
  const from = out.begin(width)
  if (cursor.peek() !== 0x6e || !cursor.word(jsonWords.null)) {
    state.level++
    writeObject(state, message, message.name === 'AnyValue' ? depth + 1 : depth)
    state.level--
  }
  widths[message.id] = out.end(from, width)
}

/** Any other field. @param tagged false within a packed list @param omitZero leave the default value out */
function writeScalar(state: Transcoding, field: Field, tagged: boolean, omitZero: boolean): void {
  const { cursor, out, words } = state
  const { kind } = field
  switch (kind) {
    case Kind.String:
      cursor.string()
      if (omitZero && cursor.start === cursor.stop) return
      out.ensure(2)
      out.tag(field.tag)
      out.delimited(cursor.source, cursor.start, cursor.stop)
      return
    case Kind.TraceId:
    case Kind.SpanId:
      writeId(state, field, kind === Kind.TraceId ? 16 : 8)
      return
    case Kind.Bytes:
      writeBytes(cursor, out, field.tag)
      return
    case Kind.Double:
      readDouble(cursor, words)
      break
    case Kind.Fixed64:
    case Kind.Uint64:
      readUint64(cursor, words)
      break
    case Kind.Sfixed64:
    case Kind.Int64:
      readInt64(cursor, words)
      break
    case Kind.Bool:
      words.hi = 0
      words.lo = readBool(cursor)
      break
    case Kind.Enum:
      words.lo = readEnum(state, field)
      words.hi = words.lo >> 31
      break
    case Kind.Sint32: {
      const value = readInt32(cursor, words)
      words.lo = (value << 1) ^ (value >> 31)
      words.hi = 0
      break
    }
    default:
      words.lo = readUint32(cursor, words)
      words.hi = 0
  }
  if (omitZero && (words.hi | words.lo) === 0) return
  out.ensure(12)
  if (tagged) out.tag(field.tag)
  if (kind === Kind.Double || kind === Kind.Fixed64 || kind === Kind.Sfixed64) out.fixed64(words.hi, words.lo)
  else if (kind === Kind.Fixed32) out.fixed32(words.lo)
  else out.varint64(words.hi, words.lo)
}

function readBool(cursor: JsonCursor): number {
  cursor.peek()
  if (cursor.word(jsonWords.true)) return 1
  if (cursor.word(jsonWords.false)) return 0
  return cursor.fail('expected true or false')
}

function readEnum({ cursor, words }: Transcoding, field: Field): number {
  if (cursor.peek() !== Quote) return readInt32(cursor, words)
  const { at } = cursor
  cursor.string()
  const known = field.names?.get(cursor.text())
  if (known !== undefined) return known
  cursor.at = at
  const first = cursor.bytes[at + 1] as number
  return first === 0x2d || (first >= 0x30 && first <= 0x39) ? readInt32(cursor, words) : cursor.fail('unknown name of an enum value')
}

const hexValue = (byte: number): number =>
  byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : byte >= 0x41 && byte <= 0x46 ? byte - 0x37 : -1

/** Hex digits of either case; an empty id is absent. */
function writeId({ cursor, out }: Transcoding, field: Field, width: number): void {
  const { at } = cursor
  cursor.string()
  const { source, start, stop } = cursor
  if (start === stop) return
  out.ensure(2 + 1 + width)
  out.tag(field.tag)
  out.byte(width)
  let seen = stop - start === width * 2 ? 0 : -1
  for (let i = start; seen >= 0 && i < stop; i += 2) {
    const high = hexValue(source[i] as number)
    const low = hexValue(source[i + 1] as number)
    seen |= high | low
    out.byte((high << 4) | low)
  }
  if (seen >= 0) return
  cursor.at = at
  cursor.fail(`expected ${width * 2} hex digits`)
}
