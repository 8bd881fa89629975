/** Tags of Jaeger's api_v2, and what bounds its messages: most of a batch's bytes are tags. */

import { BridgeError } from '../../errors.ts'
import { keyValue, slice } from '../../otlp/attributes.ts'
import type { ProtoReader } from '../../otlp/decode/reader.ts'
import { createKey, type KeyTable } from '../../otlp/keys.ts'
import { type Key, type KeyValue, type Text, ValueType } from '../../otlp/model.ts'
import type { Words } from '../../otlp/time.ts'
import type { DecodeLimits } from '../limits.ts'

/** model.proto's ValueType; not the order of Thrift's. */
const VType = { String: 0, Bool: 1, Int64: 2, Float64: 3, Binary: 4 } as const

/** OTLP's types by v_type. */
const valueTypes = [ValueType.Text, ValueType.Bool, ValueType.Int, ValueType.Double, ValueType.Bytes] as const

/**
 * Fewest bytes of a tag, log or reference that says anything. We read empty ones too, but not more of them in all than
 * could have come with content: 4 MB of empty logs would take 200 MB.
 */
const smallestElement = 5

/** Elements that any batch may have, however small. */
const freeElements = 10_000

/** Different keys of one batch beyond those in the key table: no honest batch has them, and each costs much more than its bytes. */
const maxLooseKeys = 100_000

/** Where tags stand: each kind has places of its own, by which their keys are foreseen. */
export const Place = { Span: 0, Log: 64, Process: 80 } as const
const placesOf = { [Place.Span]: 64, [Place.Log]: 16, [Place.Process]: 16 } as const
const allPlaces = 96

const emptyKey = createKey('')

/** Reads tags and what else all messages have, within the limits of one batch at a time. Throws OB_DECODE_PROTO and OB_LIMIT_*. */
export interface ProtoParts {
  /** Begins a body. */
  begin(bodyBytes: number): void
  /** Refuses the batch. */
  limit(reader: ProtoReader, code: 'OB_LIMIT_ITEMS' | 'OB_LIMIT_LENGTH', cause: string): never
  /** Takes elements of lists out of what the batch may have. */
  spend(reader: ProtoReader, count: number): void
  /**
   * A list for the fields that begin here, of the right size from the start, with those that it has had before. `reader` is
   * behind the first one's tag. @param most fields it may have
   */
  room<T>(reader: ProtoReader, tag: number, had: readonly T[], most: number, what: string): T[]
  /** A string field; '' when empty. */
  text(reader: ProtoReader): Text
  /** Skips a field nobody knows. */
  unknown(reader: ProtoReader, tag: number): void
  /** Bounds the reader to the message that begins here; gives back the bound to set again behind it. */
  open(reader: ProtoReader): number
  /** Tags that stand side by side, behind those there are already; the first one's field tag has been read. @param place one of {@link Place} */
  tags(reader: ProtoReader, tag: number, had: readonly KeyValue[], place: keyof typeof placesOf, what: string): readonly KeyValue[]
}

/** @param keys made with `jaegerRoleOf`, and kept between bodies, of which only one is in use at a time */
export function createProtoParts(keys: KeyTable, limits: DecodeLimits): ProtoParts {
  const { maxAttributes, maxItems, maxStringBytes } = limits
  const words: Words = { hi: 0, lo: 0 }
  /** Elements of lists that may still come; see {@link smallestElement}. */
  let elementsLeft = 0
  /** Longest key that `usualTag` takes: its length is one byte. */
  const shortKey = Math.min(0x7f, maxStringBytes)
  /** The two keys seen last at each place. */
  const newest = new Array<Key | undefined>(allPlaces).fill(undefined)
  const older = new Array<Key | undefined>(allPlaces).fill(undefined)

  const limit = (reader: ProtoReader, code: 'OB_LIMIT_ITEMS' | 'OB_LIMIT_LENGTH', cause: string): never => {
    throw new BridgeError(code, `cannot read batch: ${cause}`, { place: `byte ${reader.at}` })
  }

  /** Counts fields of one number that stand side by side, the first of whose tags has been read; they are not read. */
  const run = (reader: ProtoReader, tag: number): number => {
    const { bytes, end } = reader
    let { at } = reader
    let count = 1
    while (true) {
      let length = bytes[at++] as number
      if (length > 0x7f) {
        length = (length & 0x7f) | ((bytes[at++] as number) << 7)
        if (length > 0x3fff) length = (length & 0x3fff) | ((bytes[at++] as number) << 14)
        // Longer ones come one by one.
        if (length > 0x1fffff) return count
      }
      at += length
      // Beyond the end bytes are undefined, and every comparison with them is false.
      if (!(at < end) || bytes[at] !== tag) return count
      at++
      count++
    }
  }

  /** Takes `count` elements out of what the batch may have. */
  const spend = (reader: ProtoReader, count: number): void => {
    elementsLeft -= count
    if (elementsLeft < 0) limit(reader, 'OB_LIMIT_LENGTH', 'more tags, logs and references than fit into its bytes')
  }

  /** A list for the fields that begin here, of the right size from the start, or the one there was. @param had fields of the list so far */
  const room = <T>(reader: ProtoReader, tag: number, had: readonly T[], most: number, what: string): T[] => {
    const more = run(reader, tag)
    if (had.length + more > most) limit(reader, 'OB_LIMIT_LENGTH', `${had.length + more} ${what} > limit ${most}`)
    spend(reader, more)
    if (had.length === 0) return new Array<T>(more)
    const list = had.slice() as T[]
    list.length = had.length + more
    return list
  }

  /** End of a string or bytes field. */
  const textEnd = (reader: ProtoReader): number => {
    const end = reader.length()
    if (end - reader.at > maxStringBytes) {
      limit(reader, 'OB_LIMIT_LENGTH', `string of ${end - reader.at} bytes > limit ${maxStringBytes}`)
    }
    return end
  }

  const text = (reader: ProtoReader): Text => {
    const end = textEnd(reader)
    const start = reader.at
    reader.at = end
    return start === end ? '' : slice(reader.bytes, start, end)
  }

  const unknown = (reader: ProtoReader, tag: number): void => {
    if (tag >>> 3 === 0) reader.fail('field number 0')
    reader.skip(tag)
  }

  const open = (reader: ProtoReader): number => {
    const outer = reader.end
    reader.end = reader.length()
    return outer
  }

  /** The key of the bytes `start` to `end`, of which the two before are its field's tag and length: mostly one seen at this place before. */
  const keyOf = (reader: ProtoReader, start: number, end: number, place: number): Key => {
    const { bytes, view } = reader
    if (place < 0) return keys.find(bytes, view, start, end)
    const first = newest[place]
    if (first !== undefined && isKey(first, view, start, end)) return first
    const second = older[place]
    const key = second !== undefined && isKey(second, view, start, end) ? second : keys.find(bytes, view, start, end)
    if (key.interned) {
      older[place] = first
      newest[place] = key
    }
    return key
  }

  const tagValue = (
    key: KeyValue['key'],
    vType: number,
    bytes: Uint8Array,
    textStart: number,
    textStop: number,
    boolean: number,
    hi: number,
    lo: number,
  ): KeyValue => {
    switch (vType) {
      case VType.String:
        return keyValue(key, ValueType.Text, textStart, textStop, bytes)
      case VType.Bool:
        return keyValue(key, ValueType.Bool, boolean, 0, null)
      case VType.Int64:
        return keyValue(key, ValueType.Int, hi, lo, null)
      case VType.Float64:
        return keyValue(key, ValueType.Double, hi, lo, null)
      case VType.Binary:
        return keyValue(key, ValueType.Bytes, textStart, textStop, bytes)
      default:
        return keyValue(key, ValueType.Empty, 0, 0, null)
    }
  }

  /** A tag in any layout. Only the value that v_type names counts; with an unknown v_type the last one set. */
  const anyTag = (reader: ProtoReader): KeyValue => {
    const { bytes, view } = reader
    const outer = open(reader)
    const { end } = reader
    let key = emptyKey
    let vType = 0
    let seen = -1
    let textStart = 0
    let textStop = 0
    let binaryStart = 0
    let binaryStop = 0
    let boolean = 0
    let intHi = 0
    let intLo = 0
    let doubleHi = 0
    let doubleLo = 0
    while (reader.at < end) {
      const tag = reader.varint32()
      switch (tag) {
        case 0x0a: {
          const stop = textEnd(reader)
          key = stop === reader.at ? emptyKey : keys.find(bytes, view, reader.at, stop)
          reader.at = stop
          break
        }
        case 0x10:
          vType = reader.varint32() | 0
          break
        case 0x1a:
          textStop = textEnd(reader)
          textStart = reader.at
          reader.at = textStop
          seen = VType.String
          break
        case 0x20:
          reader.varint64(words)
          boolean = (words.hi | words.lo) === 0 ? 0 : 1
          seen = VType.Bool
          break
        case 0x28:
          reader.varint64(words)
          intHi = words.hi
          intLo = words.lo
          seen = VType.Int64
          break
        case 0x31:
          reader.fixed64(words)
          doubleHi = words.hi
          doubleLo = words.lo
          seen = VType.Float64
          break
        case 0x3a:
          binaryStop = textEnd(reader)
          binaryStart = reader.at
          reader.at = binaryStop
          seen = VType.Binary
          break
        default:
          unknown(reader, tag)
      }
    }
    reader.end = outer
    if (vType < 0 || vType > VType.Binary) vType = seen
    if (vType === VType.Binary) return tagValue(key, vType, bytes, binaryStart, binaryStop, 0, 0, 0)
    if (vType === VType.Float64) return tagValue(key, vType, bytes, 0, 0, 0, doubleHi, doubleLo)
    return tagValue(key, vType, bytes, textStart, textStop, boolean, intHi, intLo)
  }

  /**
   * A tag as every serializer lays it out: key, v_type, the one value, what is zero left out, and shorter than 16 KiB.
   * Anything else: undefined, and the reader has not moved. Half of a batch's bytes are tags, and this reads one with two
   * loads beside those of its key and value.
   */
  const usualTag = (reader: ProtoReader, place: number): KeyValue | undefined => {
    const { bytes, view } = reader
    // With the field's tag, which the reader is behind: tag, length, 0a, length of the key; or a length of two bytes.
    const start = reader.at - 1
    if (start + 8 > reader.end) return undefined
    const head = view.getInt32(start, true)
    let end: number
    let keyStart: number
    let keyLength: number
    if ((head & 0x00ff8000) === 0x000a0000) {
      end = start + 2 + ((head >>> 8) & 0x7f)
      keyStart = start + 4
      keyLength = head >>> 24
    } else if ((head & 0xff808000) === 0x0a008000) {
      end = start + 3 + (((head >>> 8) & 0x7f) | ((head >>> 9) & 0x3f80))
      keyStart = start + 5
      keyLength = bytes[start + 4] as number
    } else return undefined
    const keyEnd = keyStart + keyLength
    if (end > reader.end || keyLength === 0 || keyLength > shortKey || keyEnd + 4 > bytes.length) return undefined
    // What stands there when the tag ends with its key is another field's; then no end of a value is where it must be.
    const header = view.getInt32(keyEnd, true)
    if ((header & 0xff) === 0x1a) {
      const at = (header & 0x8000) === 0 ? keyEnd + 2 : keyEnd + 3
      const length = (header & 0x8000) === 0 ? (header >>> 8) & 0x7f : ((header >>> 8) & 0x7f) | ((header >>> 9) & 0x3f80)
      if (at + length !== end || length > maxStringBytes || (header & 0x808000) === 0x808000) return undefined
      reader.at = end
      return { key: keyOf(reader, keyStart, keyEnd, place), type: ValueType.Text, a: at, b: end, ref: bytes }
    }
    switch (header & 0xffffff) {
      case 0x280210: {
        // The third byte may be the next field's; reading on from it could run into the end of all.
        if (keyEnd + 3 >= end) break
        const at = reader.at
        reader.at = keyEnd + 3
        reader.varint64(words)
        if (reader.at !== end) {
          reader.at = at
          return undefined
        }
        return { key: keyOf(reader, keyStart, keyEnd, place), type: ValueType.Int, a: words.hi, b: words.lo, ref: null }
      }
      case 0x200110: {
        const value = header >>> 24
        if (keyEnd + 4 !== end || value > 1) return undefined
        reader.at = end
        return { key: keyOf(reader, keyStart, keyEnd, place), type: ValueType.Bool, a: value, b: 0, ref: null }
      }
      case 0x310310: {
        const at = keyEnd + 3
        if (at + 8 !== end) return undefined
        reader.at = end
        const key = keyOf(reader, keyStart, keyEnd, place)
        return { key, type: ValueType.Double, a: view.getInt32(at + 4, true), b: view.getInt32(at, true), ref: null }
      }
      case 0x3a0410: {
        const at = keyEnd + 4
        if (at + (header >>> 24) !== end || end - at > shortKey) return undefined
        reader.at = end
        return { key: keyOf(reader, keyStart, keyEnd, place), type: ValueType.Bytes, a: at, b: end, ref: bytes }
      }
    }
    const vType = (header >>> 8) & 0xff
    if (keyEnd + 2 !== end || (header & 0xff) !== 0x10 || vType < VType.Bool || vType > VType.Float64) return undefined
    reader.at = end
    return { key: keyOf(reader, keyStart, keyEnd, place), type: valueTypes[vType] as number, a: 0, b: 0, ref: null }
  }

  const tags: ProtoParts['tags'] = (reader, tag, had, place, what) => {
    const list = room(reader, tag, had, maxAttributes, what)
    const places = placesOf[place]
    const last = list.length - 1
    for (let i = had.length; i <= last; i++) {
      list[i] = usualTag(reader, i < places ? place + i : -1) ?? anyTag(reader)
      if (i < last) reader.at++
    }
    if (keys.loose > maxLooseKeys) limit(reader, 'OB_LIMIT_LENGTH', `more than ${maxLooseKeys} different keys`)
    return list
  }

  return {
    begin(bodyBytes) {
      keys.renew()
      // What is foreseen must be in the table: one key a text.
      newest.fill(undefined)
      older.fill(undefined)
      elementsLeft = maxItems + Math.max(freeElements, Math.floor(bodyBytes / smallestElement))
    },
    limit,
    spend,
    room,
    text,
    unknown,
    open,
    tags,
  }
}

/** True when the key has the bytes `start` to `end`, before which its field's tag and length stand. */
function isKey(key: Key, view: DataView, start: number, end: number): boolean {
  const { words, fieldBytes } = key
  if (fieldBytes !== end - start + 2 || start < 5) return false
  let at = end - 4
  for (let i = words.length - 1; i > 0; i--, at -= 4) if (view.getInt32(at, true) !== words[i]) return false
  // Of the first word only the last bytes count.
  const shift = (-fieldBytes & 3) * 8
  return view.getInt32(at, true) >>> shift === (words[0] as number) >>> shift
}
