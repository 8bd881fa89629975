/** Attribute keys: made once, found again by their bytes. */

import type { Key } from './model.ts'

const encoder = new TextEncoder()

/**
 * Makes a key. Cheap in memory: beyond the cap of a table, a hostile body makes one of every attribute.
 * @param role see {@link Key.role}; translators' own keys have 0
 */
export function createKey(text: string, role = 0, interned = false): Key {
  const utf8Bytes = Buffer.byteLength(text)
  const lengthBytes = utf8Bytes < 0x80 ? 1 : utf8Bytes < 0x4000 ? 2 : utf8Bytes < 0x200000 ? 3 : 4
  const fieldBytes = 1 + lengthBytes + utf8Bytes
  const words = new Int32Array((fieldBytes + 3) >>> 2)
  let at = words.length * 4 - fieldBytes
  const put = (byte: number): void => {
    words[at >>> 2] = (words[at >>> 2] as number) | (byte << ((at & 3) * 8))
    at++
  }
  put(0x0a)
  let rest = utf8Bytes
  while (rest > 0x7f) {
    put((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  put(rest)
  if (utf8Bytes === text.length) for (let i = 0; i < utf8Bytes; i++) put(text.charCodeAt(i))
  else for (const byte of encoder.encode(text)) put(byte)
  return { text, words, fieldBytes, role, interned, stamp: 0 }
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
  /** Keys made beyond the cap since the last `renew`, each of which takes some 300 bytes: for the limits of decoders. */
  readonly loose: number
  /**
   * Called between two requests, when no key of this table is in use: empties it when it is full, so that one request
   * full of senseless keys does not make every later one slow.
   */
  renew(): void
}

const longestInterned = 128

/** Keys that fall on the same place, at most: whoever makes more of them on purpose gets keys that are not interned. */
const longestProbe = 32

/**
 * Creates a table that holds at most `cap` keys of at most 128 bytes (4096 keys unless told otherwise, about 1 MB).
 * Open addressing with linear probing; until `renew` no entry is removed, so that one object stands for one text.
 */
export function createKeyTable(roleOf: RoleOf, cap = 4096): KeyTable {
  let slots = 256
  let mask = slots - 1
  let keys = new Array<Key | undefined>(slots).fill(undefined)
  let hashes = new Int32Array(slots)
  let lengths = new Int32Array(slots)
  /** Where in `arena` a slot's words begin: every fourth byte on, then the last four bytes; nothing for shorter keys. */
  let offsets = new Int32Array(slots)
  // The bytes of all keys stand together: one look-up touches few cache lines.
  let arena = new Int32Array(1024)
  let arenaUsed = 0
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let size = 0
  let loose = 0

  /** Keys below four bytes are their own hash, so that equal hashes and lengths mean equal keys. */
  const hashOf = (view: DataView, start: number, end: number): number => {
    let hash = end - start
    if (hash < 4) {
      for (let at = start; at < end; at++) hash = (hash << 8) | view.getUint8(at)
      return hash
    }
    const last = end - 4
    for (let at = start; at < last; at += 4) hash = Math.imul(hash ^ view.getInt32(at, true), 0x5bd1e995) ^ (hash >>> 13)
    hash = Math.imul(hash ^ view.getInt32(last, true), 0x5bd1e995)
    return hash ^ (hash >>> 15)
  }

  const equal = (slot: number, view: DataView, start: number, end: number): boolean => {
    if (end - start < 4) return true
    const last = end - 4
    let from = offsets[slot] as number
    for (let at = start; at < last; at += 4) if (arena[from++] !== view.getInt32(at, true)) return false
    return arena[from] === view.getInt32(last, true)
  }

  const place = (key: Key, hash: number, offset: number, length: number): void => {
    let slot = hash & mask
    while (keys[slot] !== undefined) slot = (slot + 1) & mask
    keys[slot] = key
    hashes[slot] = hash
    offsets[slot] = offset
    lengths[slot] = length
  }

  const grow = (): void => {
    const old = { slots, keys, hashes, offsets, lengths }
    slots *= 2
    mask = slots - 1
    keys = new Array<Key | undefined>(slots).fill(undefined)
    hashes = new Int32Array(slots)
    offsets = new Int32Array(slots)
    lengths = new Int32Array(slots)
    for (let slot = 0; slot < old.slots; slot++) {
      const key = old.keys[slot]
      if (key !== undefined) place(key, old.hashes[slot] as number, old.offsets[slot] as number, old.lengths[slot] as number)
    }
  }

  /** Keeps the bytes as received: a key that is not UTF-8 must be found again too. */
  const store = (view: DataView, start: number, end: number): number => {
    const offset = arenaUsed
    if (end - start < 4) return offset
    if (arenaUsed + longestInterned / 4 > arena.length) {
      const larger = new Int32Array(arena.length * 2)
      larger.set(arena)
      arena = larger
    }
    const last = end - 4
    for (let at = start; at < last; at += 4) arena[arenaUsed++] = view.getInt32(at, true)
    arena[arenaUsed++] = view.getInt32(last, true)
    return offset
  }

  const add = (source: Uint8Array, view: DataView, start: number, end: number, hash: number, room: boolean): Key => {
    const text = decoder.decode(source.subarray(start, end))
    const key = createKey(text, roleOf(text), room)
    if (!room) {
      loose++
      return key
    }
    if ((size + 1) * 2 > slots) grow()
    place(key, hash, store(view, start, end), end - start)
    size++
    return key
  }

  const find = (source: Uint8Array, view: DataView, start: number, end: number): Key => {
    const hash = hashOf(view, start, end)
    const length = end - start
    let slot = hash & mask
    let probes = 0
    for (let key = keys[slot]; key !== undefined; key = keys[slot]) {
      if (hashes[slot] === hash && lengths[slot] === length && equal(slot, view, start, end)) return key
      if (++probes === longestProbe) break
      slot = (slot + 1) & mask
    }
    return add(source, view, start, end, hash, probes < longestProbe && length <= longestInterned && size < cap)
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
    get loose() {
      return loose
    },
    renew() {
      loose = 0
      if (size < cap) return
      keys.fill(undefined)
      size = 0
      arenaUsed = 0
    },
  }
}
