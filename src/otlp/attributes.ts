/** Constructors of values and attributes. All give the same object shape, which keeps the encoder's reads monomorphic. */

import { createKey, sameKey } from './keys.ts'
import { type AnyValue, type Key, type KeyValue, type Slice, type Text, ValueType } from './model.ts'
import { fromBigInt, fromDouble, fromNumber, toDouble, toSignedBigInt, type Words } from './time.ts'

const words: Words = { hi: 0, lo: 0 }
const noKey = createKey('')

export function keyValue(key: Key, type: number, a: number, b: number, ref: AnyValue['ref']): KeyValue {
  return { key, type, a, b, ref }
}

/** A text attribute; slices stay slices. */
export function textValue(key: Key, text: Text): KeyValue {
  return typeof text === 'string'
    ? keyValue(key, ValueType.String, 0, 0, text)
    : keyValue(key, ValueType.Text, text.start, text.end, text.source)
}

export function boolValue(key: Key, value: boolean): KeyValue {
  return keyValue(key, ValueType.Bool, value ? 1 : 0, 0, null)
}

/** An int attribute of a whole number −2^53 < value < 2^53, or of a bigint modulo 2^64. */
export function intValue(key: Key, value: number | bigint): KeyValue {
  if (typeof value === 'bigint' || value < 0) fromBigInt(BigInt(value), words)
  else fromNumber(value, words)
  return keyValue(key, ValueType.Int, words.hi, words.lo, null)
}

export function doubleValue(key: Key, value: number): KeyValue {
  fromDouble(value, words)
  return keyValue(key, ValueType.Double, words.hi, words.lo, null)
}

export function arrayValue(key: Key, values: readonly AnyValue[]): KeyValue {
  return keyValue(key, ValueType.Array, 0, 0, values)
}

/** A value without a key, for arrays. */
export function bareValue(value: KeyValue): AnyValue {
  return keyValue(noKey, value.type, value.a, value.b, value.ref)
}

/** The same value under another key. */
export function rekeyed(key: Key, value: AnyValue): KeyValue {
  return keyValue(key, value.type, value.a, value.b, value.ref)
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** The string of a text; what is invalid UTF-8 becomes U+FFFD. */
export function textToString(text: Text): string {
  return typeof text === 'string' ? text : sliceToString(text.source, text.start, text.end)
}

export function sliceToString(source: Uint8Array, start: number, end: number): string {
  if (end - start < 24) {
    let text = ''
    for (let at = start; at < end; at++) {
      const byte = source[at] as number
      if (byte > 0x7f) return decoder.decode(source.subarray(start, end))
      text += String.fromCharCode(byte)
    }
    return text
  }
  return decoder.decode(source.subarray(start, end))
}

export function isEmptyText(text: Text): boolean {
  return typeof text === 'string' ? text === '' : text.start === text.end
}

/** The text of a String or Text value; undefined for every other type. */
export function textOf(value: AnyValue): Text | undefined {
  if (value.type === ValueType.String) return value.ref as string
  if (value.type === ValueType.Text) return { source: value.ref as Uint8Array, start: value.a, end: value.b }
  return undefined
}

/** A value as people write it: numbers in decimal, booleans as words, bytes as base64; '' for lists and empty values. */
export function valueToString(value: AnyValue): string {
  switch (value.type) {
    case ValueType.String:
      return value.ref as string
    case ValueType.Text:
      return sliceToString(value.ref as Uint8Array, value.a, value.b)
    case ValueType.Bool:
      return value.a === 1 ? 'true' : 'false'
    case ValueType.Int:
      return toSignedBigInt(value.a, value.b).toString()
    case ValueType.Double:
      return String(toDouble(value.a, value.b))
    case ValueType.Bytes:
      return Buffer.from((value.ref as Uint8Array).subarray(value.a, value.b)).toString('base64')
    default:
      return ''
  }
}

/** True when a String or Text value has exactly the ASCII text `expected` (case-sensitive). */
export function textIs(value: AnyValue, expected: string): boolean {
  if (value.type === ValueType.String) return value.ref === expected
  if (value.type !== ValueType.Text || value.b - value.a !== expected.length) return false
  const source = value.ref as Uint8Array
  for (let i = 0; i < expected.length; i++) if (source[value.a + i] !== expected.charCodeAt(i)) return false
  return true
}

/** uint32 of an Int value or of a String or Text of digits; −1 when it is neither or out of range. */
export function toUint32(value: AnyValue): number {
  if (value.type === ValueType.Int) return value.a === 0 ? value.b >>> 0 : -1
  if (value.type === ValueType.Text) return digitsOf(value.ref as Uint8Array, value.a, value.b)
  const text = value.type === ValueType.String ? valueToString(value) : ''
  if (!/^\d{1,10}$/.test(text)) return -1
  const number = Number(text)
  return number <= 0xffffffff ? number : -1
}

/** uint32 of one to ten digits; −1 for everything else. */
function digitsOf(source: Uint8Array, start: number, end: number): number {
  if (end === start || end - start > 10) return -1
  let number = 0
  for (let at = start; at < end; at++) {
    const digit = (source[at] as number) - 0x30
    if (digit < 0 || digit > 9) return -1
    number = number * 10 + digit
  }
  return number <= 0xffffffff ? number : -1
}

/** Slice of a part of the body. */
export function slice(source: Uint8Array, start: number, end: number): Slice {
  return { source, start, end }
}

/** More attributes than this are compared by a set instead of pair by pair. */
const pairwiseLimit = 48

/** Number of the list that `lastWins` is looking at. */
let stamp = 0

/** The list itself when all keys differ, else one in which only the last of each key is left, in its own place. */
export function lastWins(list: readonly KeyValue[]): readonly KeyValue[] {
  stamp = (stamp + 1) | 0
  for (let i = 0; i < list.length; i++) {
    const { key } = list[i] as KeyValue
    if (!key.interned || key.stamp === stamp) return lastWinsCompared(list)
    key.stamp = stamp
  }
  return list
}

/** The same for lists with keys that are not interned, or with one that comes twice. */
function lastWinsCompared(list: readonly KeyValue[]): readonly KeyValue[] {
  const { length } = list
  if (length > pairwiseLimit) return lastWinsBySet(list)
  for (let i = 1; i < length; i++) {
    const { key } = list[i] as KeyValue
    for (let j = 0; j < i; j++) if (sameKey((list[j] as KeyValue).key, key)) return lastWinsBySet(list)
  }
  return list
}

function lastWinsBySet(list: readonly KeyValue[]): readonly KeyValue[] {
  const seen = new Set<string>()
  const kept: KeyValue[] = []
  for (let i = list.length - 1; i >= 0; i--) {
    const one = list[i] as KeyValue
    if (seen.has(one.key.text)) continue
    seen.add(one.key.text)
    kept.push(one)
  }
  return kept.length === list.length ? list : kept.reverse()
}
