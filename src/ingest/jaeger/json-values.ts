/** JSON values → what the Jaeger model holds: integers to the last digit, ids, typed tag values. */

import { boolValue, doubleValue, keyValue } from '../../otlp/attributes.ts'
import { hexToWords } from '../../otlp/ids.ts'
import { type Key, type KeyValue, ValueType } from '../../otlp/model.ts'
import { fromBigInt, type Words } from '../../otlp/time.ts'
import { isJsonList, isJsonObject, JsonNumber, type JsonValue, jsonText } from '../exact-json.ts'

const decimal = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/
/** As Go's FormatFloat and protobuf-JSON write doubles that JSON has no number for. */
const notNumbers = new Map([
  ['NaN', Number.NaN],
  ['+Inf', Number.POSITIVE_INFINITY],
  ['Inf', Number.POSITIVE_INFINITY],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Inf', Number.NEGATIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
])

const maxInt64 = 2n ** 63n - 1n
const minInt64 = -(2n ** 63n)

/** A number as text, as it stands in JSON with or without quotes; undefined for every other value. */
function numberText(value: JsonValue | undefined): string | undefined {
  if (value instanceof JsonNumber) return value.text
  return typeof value === 'string' ? value : undefined
}

/** The whole part of a decimal number, and whether that is all of it. */
function wholePart(text: string): { readonly value: bigint; readonly exact: boolean } | undefined {
  // Longer ones are not within 64 bits, unless somebody writes zeros for fun.
  if (text.length > 64) return undefined
  const [, sign, whole = '', fraction = '', exponent = '0'] = decimal.exec(text) ?? []
  if (sign === undefined) return undefined
  const shift = Number(exponent) - fraction.length
  const digits = BigInt(whole + fraction)
  const factor = 10n ** BigInt(Math.abs(shift))
  const value = shift >= 0 ? digits * factor : digits / factor
  return { value: sign === '-' ? -value : value, exact: shift >= 0 || value * factor === digits }
}

/** An int64 to the last digit, quoted or not; undefined when the value is none. */
export function int64Of(value: JsonValue | undefined): bigint | undefined {
  const text = numberText(value)
  if (text === undefined) return undefined
  const found = wholePart(text)
  return found?.exact === true && found.value <= maxInt64 && found.value >= minInt64 ? found.value : undefined
}

/** A time in ticks into `out`: a fraction is cut off, what is beyond int64 is clamped. False when the value is no number. */
export function ticksOf(value: JsonValue | undefined, out: Words): boolean {
  const text = numberText(value)
  const found = text === undefined ? undefined : wholePart(text)
  if (found === undefined) return false
  clampInto(found.value, out)
  return true
}

/** Words of a bigint, clamped to int64. */
export function clampInto(value: bigint, out: Words): void {
  fromBigInt(value > maxInt64 ? maxInt64 : value < minInt64 ? minInt64 : value, out)
}

/** A double, quoted or not; undefined when the value is none, or one that no double can hold. */
export function doubleOf(value: JsonValue | undefined): number | undefined {
  const text = numberText(value)
  if (text === undefined) return undefined
  const special = notNumbers.get(text)
  if (special !== undefined) return special
  const number = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : Number.NaN
  return Number.isFinite(number) ? number : undefined
}

/** A boolean, quoted or not. */
export function boolOf(value: JsonValue | undefined): boolean | undefined {
  if (typeof value === 'boolean') return value
  const word = typeof value === 'string' ? value.toLowerCase() : ''
  return word === 'true' ? true : word === 'false' ? false : undefined
}

/** Bytes in base64 (either alphabet, padded or not) or hex; undefined when the text is not that. */
export function bytesOf(value: JsonValue | undefined, form: 'base64' | 'hex'): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined
  if (form === 'hex') return value.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(value) ? Buffer.from(value, 'hex') : undefined
  return /^[A-Za-z0-9+/_-]*={0,2}$/.test(value) && value.replace(/=+$/, '').length % 4 !== 1 ? Buffer.from(value, 'base64') : undefined
}

/** Text of any value: strings as they are, everything else as JSON. */
export function textOfJson(value: JsonValue): string {
  return typeof value === 'string' ? value : jsonText(value)
}

/** What an id that is there but cannot be read is told apart by. */
export type IdReading = 'absent' | 'read' | 'unreadable'

/** Hex id, padded with zeros on the left; `out` is all zero unless it could be read. */
export function hexId(value: JsonValue | undefined, out: Int32Array): IdReading {
  out.fill(0)
  if (value === undefined || value === null || value === '') return 'absent'
  const bytes = typeof value === 'string' ? Buffer.from(value) : undefined
  if (bytes !== undefined && hexToWords(bytes, 0, bytes.length, out)) return 'read'
  out.fill(0)
  return 'unreadable'
}

/** Base64 id of at most 4 × `out.length` bytes, likewise. */
export function base64Id(value: JsonValue | undefined, out: Int32Array): IdReading {
  out.fill(0)
  if (value === undefined || value === null || value === '') return 'absent'
  const bytes = bytesOf(value, 'base64')
  if (bytes === undefined || bytes.length === 0 || bytes.length > out.length * 4) return 'unreadable'
  const padded = Buffer.alloc(out.length * 4)
  padded.set(bytes, padded.length - bytes.length)
  for (let i = 0; i < out.length; i++) out[i] = padded.readInt32BE(i * 4)
  return 'read'
}

const words: Words = { hi: 0, lo: 0 }

export function stringTag(key: Key, text: string): KeyValue {
  return keyValue(key, ValueType.String, 0, 0, text)
}

export function int64Tag(key: Key, value: bigint): KeyValue {
  fromBigInt(value, words)
  return keyValue(key, ValueType.Int, words.hi, words.lo, null)
}

export function bytesTag(key: Key, bytes: Uint8Array): KeyValue {
  return keyValue(key, ValueType.Bytes, 0, bytes.length, bytes)
}

/**
 * A value by its JSON type alone: whole numbers are int (1.0 too), others double, lists and objects their JSON as text.
 * Undefined for null.
 */
export function untypedTag(key: Key, value: JsonValue): KeyValue | undefined {
  if (value === null) return undefined
  if (typeof value === 'string') return stringTag(key, value)
  if (typeof value === 'boolean') return boolValue(key, value)
  if (isJsonList(value) || isJsonObject(value)) return stringTag(key, jsonText(value))
  const whole = int64Of(value)
  if (whole !== undefined) return int64Tag(key, whole)
  const number = doubleOf(value)
  return number === undefined ? stringTag(key, value.text) : doubleValue(key, number)
}

/** Types of tags as UI and Elasticsearch name them. */
export type TagType = 'string' | 'bool' | 'int64' | 'float64' | 'binary'

/** The zero value of a type: the type is there, its value is not. */
function zeroTag(key: Key, type: TagType): KeyValue {
  switch (type) {
    case 'bool':
      return boolValue(key, false)
    case 'int64':
      return int64Tag(key, 0n)
    case 'float64':
      return doubleValue(key, 0)
    case 'binary':
      return bytesTag(key, new Uint8Array(0))
    default:
      return stringTag(key, '')
  }
}

/** A value of the type named; undefined when it is not of that type. No value is the type's zero. */
export function typedTag(key: Key, type: TagType, value: JsonValue | undefined, binary: 'base64' | 'hex'): KeyValue | undefined {
  if (value === undefined || value === null) return zeroTag(key, type)
  switch (type) {
    case 'bool': {
      const read = boolOf(value)
      return read === undefined ? undefined : boolValue(key, read)
    }
    case 'int64': {
      const read = int64Of(value)
      return read === undefined ? undefined : int64Tag(key, read)
    }
    case 'float64': {
      const read = doubleOf(value)
      return read === undefined ? undefined : doubleValue(key, read)
    }
    case 'binary': {
      const read = bytesOf(value, binary)
      return read === undefined ? undefined : bytesTag(key, read)
    }
    default:
      return typeof value === 'string' ? stringTag(key, value) : undefined
  }
}
