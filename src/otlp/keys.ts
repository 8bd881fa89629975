/** Attribute keys: made once, found again by their bytes. */

import type { Key } from './model.ts'

const encoder = new TextEncoder()

/** Makes a key. @param role see {@link Key.role}; translators' own keys have 0 */
export function createKey(text: string, role = 0, interned = false): Key {
  const utf8 = encoder.encode(text)
  const lengthBytes = utf8.length < 0x80 ? 1 : utf8.length < 0x4000 ? 2 : utf8.length < 0x200000 ? 3 : 4
  const fieldBytes = 1 + lengthBytes + utf8.length
  const padded = new Uint8Array((fieldBytes + 3) & ~3)
  let at = padded.length - fieldBytes
  padded[at++] = 0x0a
  let rest = utf8.length
  while (rest > 0x7f) {
    padded[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  padded[at++] = rest
  padded.set(utf8, at)
  const view = new DataView(padded.buffer)
  const words = new Int32Array(padded.length / 4)
  for (let i = 0; i < words.length; i++) words[i] = view.getInt32(i * 4, true)
  return { text, utf8, words, fieldBytes, role, interned }
}

/** True when both keys have the same text. */
export function sameKey(left: Key, right: Key): boolean {
  return left === right || (!(left.interned && right.interned) && left.text === right.text)
}

/** What a key text means to a format's translator; called once for each distinct key. */
export type RoleOf = (text: string) => number

/** Finds keys by their UTF-8 bytes, without making a string of them. */
export interface KeyTable {
  /** The key of the bytes `start` to `end`; invalid UTF-8 becomes U+FFFD. `view` lies over the same bytes as `source`. */
  find(source: Uint8Array, view: DataView, start: number, end: number): Key
  /** The key of a string (a JSON key that held escapes). */
  ofText(text: string): Key
  /** Keys held; at `cap` further ones are made anew each time. */
  readonly size: number
  readonly cap: number
}

const longestInterned = 128

/**
 * Creates a table that holds at most `cap` keys of at most 128 bytes (4096 keys unless told otherwise, about 1 MB).
 * Open addressing with linear probing; entries are never removed, so that one object stands for one text.
 */
export function createKeyTable(roleOf: RoleOf, cap = 4096): KeyTable {
  const slots = 1 << Math.ceil(Math.log2(cap * 2 + 2))
  const mask = slots - 1
  const keys = new Array<Key | undefined>(slots).fill(undefined)
  const hashes = new Int32Array(slots)
  const views = new Array<DataView | undefined>(slots).fill(undefined)
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let size = 0

  const hashOf = (view: DataView, start: number, end: number): number => {
    let hash = end - start
    let at = start
    for (const last = end - 3; at < last; at += 4) hash = Math.imul(hash ^ view.getInt32(at, true), 0x5bd1e995) ^ (hash >>> 13)
    for (; at < end; at++) hash = Math.imul(hash ^ view.getUint8(at), 0x01000193)
    return hash ^ (hash >>> 15)
  }

  const equal = (stored: DataView, view: DataView, start: number, end: number): boolean => {
    const length = end - start
    if (stored.byteLength !== length) return false
    let at = 0
    for (const last = length - 3; at < last; at += 4) {
      if (stored.getInt32(at, true) !== view.getInt32(start + at, true)) return false
    }
    for (; at < length; at++) if (stored.getUint8(at) !== view.getUint8(start + at)) return false
    return true
  }

  const add = (source: Uint8Array, start: number, end: number, hash: number, slot: number): Key => {
    const text = decoder.decode(source.subarray(start, end))
    const room = size < cap && end - start <= longestInterned
    const key = createKey(text, roleOf(text), room)
    if (!room) return key
    // The stored bytes are those received: invalid UTF-8 must find its key again too.
    const copy = source.slice(start, end)
    keys[slot] = key
    hashes[slot] = hash
    views[slot] = new DataView(copy.buffer, copy.byteOffset, copy.byteLength)
    size++
    return key
  }

  const find = (source: Uint8Array, view: DataView, start: number, end: number): Key => {
    const hash = hashOf(view, start, end)
    let slot = hash & mask
    for (let key = keys[slot]; key !== undefined; key = keys[slot]) {
      if (hashes[slot] === hash && equal(views[slot] as DataView, view, start, end)) return key
      slot = (slot + 1) & mask
    }
    return add(source, start, end, hash, slot)
  }

  return {
    find,
    ofText(text) {
      const bytes = encoder.encode(text)
      return find(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length)
    },
    get size() {
      return size
    },
    cap,
  }
}
