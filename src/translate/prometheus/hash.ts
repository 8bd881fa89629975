/**
 * What a stream is known by: 96 bits over its labels and its tenant, in whatever order the labels come. The hash is seeded, so that nobody
 * who does not know the seed can make two streams look like one; by accident two of a million do with a chance of 10⁻¹⁷.
 */

import type { WriteRequest } from './model.ts'

/** Four random words; the same as long as what is stored under hashes is to be found again. */
export type Seed = readonly [number, number, number, number]

/** A hash of three words, or a sum of them. */
export interface Hash {
  a: number
  b: number
  c: number
}

/** The two words that stand for a text. */
export interface TextHash {
  readonly one: number
  readonly two: number
}

const encoder = new TextEncoder()

/** Spreads every bit of a word over all of it (the finalizer of MurmurHash3). */
function spread(word: number): number {
  let h = word ^ (word >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}

const noText: TextHash = { one: 0, two: 0 }

/** Hashes the texts `starts[i]` to `ends[i]` of what `view` is of into `one` and `two`. True when one of them is `text`. */
function hashTexts(
  seed: Seed,
  view: DataView,
  count: number,
  starts: Int32Array,
  ends: Int32Array,
  one: Int32Array,
  two: Int32Array,
  text: TextHash,
): boolean {
  const first = seed[0]
  const second = seed[1]
  const textOne = text.one
  const textTwo = text.two
  let found = false
  for (let at = 0; at < count; at++) {
    const start = starts[at] as number
    const end = ends[at] as number
    const length = end - start
    let p = first ^ length
    let q = second + length
    let word = 0
    if (length >= 4) {
      const last = end - 4
      for (let i = start; i < last; i += 4) {
        word = view.getInt32(i, true)
        p = Math.imul(p ^ word, 0x9e3779b1)
        p ^= p >>> 15
        q = Math.imul(q + word, 0x85ebca77)
        q ^= q >>> 13
      }
      word = view.getInt32(last, true)
    } else for (let i = start; i < end; i++) word = (word << 8) | view.getUint8(i)
    p = spread(Math.imul(p ^ word, 0x9e3779b1))
    q = spread(Math.imul(q + word, 0x85ebca77))
    one[at] = p
    two[at] = q
    if (p === textOne && q === textTwo) found = true
  }
  return found
}

/** Hashes texts and sums them up into hashes of streams. Holds the scratch memory of one request. */
export class Hasher {
  /** Of symbol `i` of the request that was given last. */
  one = new Int32Array(1024)
  two = new Int32Array(1024)
  private scratch = new Uint8Array(1024)
  private scratchView = new DataView(this.scratch.buffer)
  /** The columns of a text by itself. */
  private readonly single = { start: new Int32Array(1), end: new Int32Array(1), one: new Int32Array(1), two: new Int32Array(1) }
  /** To be changed only before anything was hashed with it. */
  seed: Seed

  constructor(seed: Seed) {
    this.seed = seed
  }

  /** Hashes all symbols of a request. True when one of them is `text`: worth knowing before the series are looked at. */
  symbols(request: WriteRequest, text: TextHash): boolean {
    const { symbolCount, symbolStart, symbolEnd, body } = request
    if (this.one.length < symbolCount) {
      this.one = new Int32Array(Math.max(symbolCount, this.one.length * 2))
      this.two = new Int32Array(this.one.length)
    }
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
    return hashTexts(this.seed, view, symbolCount, symbolStart, symbolEnd, this.one, this.two, text)
  }

  /** The hash of a text, the same as that of a symbol with its bytes. */
  text(text: string): TextHash {
    const { single } = this
    single.end[0] = this.encode(text)
    hashTexts(this.seed, this.scratchView, 1, single.start, single.end, single.one, single.two, noText)
    return { one: single.one[0] as number, two: single.two[0] as number }
  }

  /** Puts a text into the scratch memory as UTF-8. Returns its length. */
  private encode(text: string): number {
    const { length } = text
    if (length * 3 > this.scratch.length) {
      this.scratch = new Uint8Array(length * 3)
      this.scratchView = new DataView(this.scratch.buffer)
    }
    const { scratch } = this
    for (let at = 0; at < length; at++) {
      const code = text.charCodeAt(at)
      if (code > 0x7f) return encoder.encodeInto(text, scratch).written
      scratch[at] = code
    }
    return length
  }

  /** The hash of no labels at all of a tenant: what the others are added to. */
  tenant(tenant: string): Hash {
    const { one, two } = this.text(tenant)
    return { a: spread(one ^ this.seed[2]), b: spread(two ^ this.seed[3]), c: spread(one + two) }
  }
}

/** Adds a label to a hash. Adding is the same in any order, and {@link removeLabel} undoes it. */
export function addLabel(hash: Hash, name: TextHash, value: TextHash): void {
  hash.a = (hash.a + labelA(name.one, value.one)) | 0
  hash.b = (hash.b + labelB(name.two, value.two)) | 0
  hash.c = (hash.c + labelC(name.one, value.two)) | 0
}

/** Takes a label out of a hash. */
export function removeLabel(hash: Hash, name: TextHash, value: TextHash): void {
  hash.a = (hash.a - labelA(name.one, value.one)) | 0
  hash.b = (hash.b - labelB(name.two, value.two)) | 0
  hash.c = (hash.c - labelC(name.one, value.two)) | 0
}

/** The three words that a label adds; each of two words of the hashes of its name and value. */
export function labelA(name: number, value: number): number {
  return spread(name ^ Math.imul(value, 0x27d4eb2f))
}

export function labelB(name: number, value: number): number {
  return spread(name + Math.imul(value, 0x165667b1))
}

export function labelC(name: number, value: number): number {
  return spread(Math.imul(name, 0x9e3779b1) ^ value)
}
