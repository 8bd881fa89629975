/**
 * Who is who: ids of runs and slices that any machine computes alike, and the sum over the identities of items, by which two readings are compared.
 *
 * A sum is Σ hash128(identity) mod 2^128: free of order, can be merged and taken apart (I5). `hash128` is MurmurHash3 (x86, 128 bits, seed 0): 0.15 µs
 * for 64 bytes, where MD5 takes 2 µs. It tells readings apart, not liars. Both are stored in ledgers: they never change.
 */

import { createHash } from 'node:crypto'
import type { Json } from './model.ts'

/** JSON with sorted keys and without spaces; properties that are undefined are left out. Throws for numbers that are not finite, and below 64 levels. */
export function canonicalJson(value: Json | undefined): string {
  return write(value ?? null, 0)
}

const write = (value: Json, depth: number): string => {
  if (depth > 64) throw new RangeError('cannot write canonical JSON: nested deeper than 64 levels')
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new RangeError(`cannot write canonical JSON: ${value} is not a number of JSON`)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (isList(value)) return `[${value.map((one) => write(one, depth + 1)).join(',')}]`
  const parts: string[] = []
  for (const key of Object.keys(value).sort()) {
    const one = value[key]
    if (one !== undefined) parts.push(`${JSON.stringify(key)}:${write(one, depth + 1)}`)
  }
  return `{${parts.join(',')}}`
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value)

const shortHash = (value: Json): string => createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 16)

/** First 16 hex digits of SHA-256 over kind, identity, key and plan version, as canonical JSON. No clock and no order of discovery is in it. */
export function sliceId(source: { readonly kind: string; readonly identity: string }, key: Json, planVersion: number): string {
  return shortHash([source.kind, source.identity, key, planVersion])
}

/** What makes a run this run. The same command finds the same run; a changed mapping is another one. */
export interface RunIdentity {
  readonly source: { readonly kind: string; readonly identity: string }
  /** Filters and options of the source, without secrets and without what changes no item (`--parallel`, `--rate`). */
  readonly options: { readonly [name: string]: Json }
  readonly destination: string
  readonly mappingHash: string
}

/** First 16 hex digits of SHA-256 over all of it, as canonical JSON. */
export function runId({ source, options, destination, mappingHash }: RunIdentity): string {
  return shortHash([source.kind, source.identity, options, destination, mappingHash])
}

const mask128 = (1n << 128n) - 1n

/** a + b mod 2^128. */
export function addSum(a: bigint, b: bigint): bigint {
  return (a + b) & mask128
}

/** a − b mod 2^128. */
export function subtractSum(a: bigint, b: bigint): bigint {
  return (a - b) & mask128
}

/** 32 lower-case hex digits. */
export function sumToHex(sum: bigint): string {
  return (sum & mask128).toString(16).padStart(32, '0')
}

/** Throws for anything but 32 hex digits. */
export function sumFromHex(hex: string): bigint {
  if (!/^[0-9a-f]{32}$/.test(hex)) throw new SyntaxError(`cannot read a sum: "${hex.slice(0, 40)}" is not 32 hex digits`)
  return BigInt(`0x${hex}`)
}

const c1 = 0x239b961b
const c2 = 0xab0e9789 | 0
const c3 = 0x38b34ae5
const c4 = 0xa1e38b93 | 0

const mix = (value: number): number => {
  let h = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** A hash reads whole blocks: so many bytes behind an identity must be there, and are made 0. */
const blockBytes = 16

/** Writes the four words of the hash of the first `length` bytes to `out`, the least significant first. There must be {@link blockBytes} more. */
function hashInto(view: DataView, length: number, out: Uint32Array): void {
  let h1 = 0
  let h2 = 0
  let h3 = 0
  let h4 = 0
  let at = 0
  for (const end = length & ~15; at < end; at += 16) {
    let k = Math.imul(view.getInt32(at, true), c1)
    h1 ^= Math.imul((k << 15) | (k >>> 17), c2)
    h1 = (((h1 << 19) | (h1 >>> 13)) + h2) | 0
    h1 = (Math.imul(h1, 5) + 0x561ccd1b) | 0
    k = Math.imul(view.getInt32(at + 4, true), c2)
    h2 ^= Math.imul((k << 16) | (k >>> 16), c3)
    h2 = (((h2 << 17) | (h2 >>> 15)) + h3) | 0
    h2 = (Math.imul(h2, 5) + 0x0bcaa747) | 0
    k = Math.imul(view.getInt32(at + 8, true), c3)
    h3 ^= Math.imul((k << 17) | (k >>> 15), c4)
    h3 = (((h3 << 15) | (h3 >>> 17)) + h4) | 0
    h3 = (Math.imul(h3, 5) + 0x96cd1c35) | 0
    k = Math.imul(view.getInt32(at + 12, true), c4)
    h4 ^= Math.imul((k << 18) | (k >>> 14), c1)
    h4 = (((h4 << 13) | (h4 >>> 19)) + h1) | 0
    h4 = (Math.imul(h4, 5) + 0x32ac3b17) | 0
  }
  if (at < length) {
    for (let i = 0; i < blockBytes; i += 4) view.setInt32(length + i, 0, true)
    let k = Math.imul(view.getInt32(at + 12, true), c4)
    h4 ^= Math.imul((k << 18) | (k >>> 14), c1)
    k = Math.imul(view.getInt32(at + 8, true), c3)
    h3 ^= Math.imul((k << 17) | (k >>> 15), c4)
    k = Math.imul(view.getInt32(at + 4, true), c2)
    h2 ^= Math.imul((k << 16) | (k >>> 16), c3)
    k = Math.imul(view.getInt32(at, true), c1)
    h1 ^= Math.imul((k << 15) | (k >>> 17), c2)
  }
  h1 = ((h1 ^ length) + (h2 ^ length) + (h3 ^ length) + (h4 ^ length)) | 0
  h2 = ((h2 ^ length) + h1) | 0
  h3 = ((h3 ^ length) + h1) | 0
  h4 = ((h4 ^ length) + h1) | 0
  h1 = mix(h1)
  h2 = mix(h2)
  h3 = mix(h3)
  h4 = mix(h4)
  h1 = (h1 + h2 + h3 + h4) | 0
  out[0] = h1
  out[1] = h2 + h1
  out[2] = h3 + h1
  out[3] = h4 + h1
}

const toBigint = (words: Uint32Array | Float64Array): bigint =>
  BigInt(words[0] ?? 0) | (BigInt(words[1] ?? 0) << 32n) | (BigInt(words[2] ?? 0) << 64n) | (BigInt(words[3] ?? 0) << 96n)

/** The hash of one identity. For a page use {@link createIdentitySum}: it makes no bigint for each item. */
export function hash128(bytes: Uint8Array): bigint {
  const out = new Uint32Array(4)
  const padded = new Uint8Array(bytes.length + blockBytes)
  padded.set(bytes)
  hashInto(new DataView(padded.buffer), bytes.length, out)
  return toBigint(out)
}

/** Sums identities; the parts of one are appended, `item` ends it. Parts are told apart: text and bytes carry their length. */
export interface IdentitySum {
  /** UTF-8. */
  text(value: string): void
  bytes(value: Uint8Array): void
  /** The same of bytes from `start` up to `end`. */
  part(bytes: DataView, start: number, end: number): void
  /** A number as a double, 8 bytes. */
  number(value: number): void
  /** 64 bits as two halves, each taken mod 2^32. */
  u64(low: number, high: number): void
  /** The identity is whole: its hash is added. */
  item(): void
  /** Forgets the parts of an identity that is not whole. */
  drop(): void
  /** The sum so far, mod 2^128. */
  value(): bigint
  /** Items so far. */
  readonly items: number
  /** Back to 0. */
  clear(): void
}

const encoder = new TextEncoder()

/** Creates a sum of no items. One for each slice that is read; `value` and `clear` at the edge of each page. */
export function createIdentitySum(): IdentitySum {
  let buffer = new Uint8Array(512)
  let view = new DataView(buffer.buffer)
  let length = 0
  let items = 0
  const hash = new Uint32Array(4)
  // Words of the sum; each below 2^53 for 2 million additions, then carried. In an array: variables of a closure that hold large numbers are new
  // objects each time.
  const sums = new Float64Array(4)
  let pending = 0

  const room = (bytes: number): void => {
    if (length + bytes + blockBytes <= buffer.length) return
    const larger = new Uint8Array(Math.max(buffer.length * 2, length + bytes + blockBytes))
    larger.set(buffer.subarray(0, length))
    buffer = larger
    view = new DataView(buffer.buffer)
  }

  const carry = (): void => {
    let over = 0
    for (let i = 0; i < 4; i++) {
      const sum = (sums[i] ?? 0) + over
      over = Math.floor(sum / 2 ** 32)
      sums[i] = sum - over * 2 ** 32
    }
    pending = 0
  }

  return {
    text(value) {
      room(4 + value.length * 3)
      const { written } = encoder.encodeInto(value, buffer.subarray(length + 4))
      view.setUint32(length, written, true)
      length += 4 + written
    },
    bytes(value) {
      room(4 + value.length)
      view.setUint32(length, value.length, true)
      buffer.set(value, length + 4)
      length += 4 + value.length
    },
    part(bytes, start, end) {
      const size = end - start
      room(size + 8)
      view.setUint32(length, size, true)
      length += 4
      let to = length
      let at = start
      for (const last = end - 4; at <= last; at += 4, to += 4) view.setInt32(to, bytes.getInt32(at, true), true)
      for (; at < end; at++) view.setUint8(to++, bytes.getUint8(at))
      length = to
    },
    number(value) {
      room(8)
      view.setFloat64(length, value, true)
      length += 8
    },
    u64(low, high) {
      room(8)
      view.setUint32(length, low, true)
      view.setUint32(length + 4, high, true)
      length += 8
    },
    item() {
      hashInto(view, length, hash)
      length = 0
      items++
      for (let i = 0; i < 4; i++) sums[i] = (sums[i] as number) + (hash[i] as number)
      if (++pending === 1_000_000) carry()
    },
    drop() {
      length = 0
    },
    value() {
      carry()
      return toBigint(sums)
    },
    get items() {
      return items
    },
    clear() {
      length = items = pending = 0
      sums.fill(0)
    },
  }
}
