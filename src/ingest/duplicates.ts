/**
 * Ids of documents that were taken, so that a batch that is sent again becomes no second record. What is remembered is a digest of 128 bits under
 * seeds of this process: an id of any length costs the same, some 40 bytes. The least recently seen go first.
 */

import { randomFillSync } from 'node:crypto'
import type { Text } from '../otlp/model.ts'

export interface DuplicatesOptions {
  /** Ids remembered at most; 0 is none: then nothing is ever a duplicate. */
  readonly ids: number
  /** How long an id is remembered after it was last seen. */
  readonly ttlMs: number
  /** Wall clock in milliseconds. */
  readonly nowMs: () => number
  /** Called when ids are forgotten before their time because there are too many. */
  readonly onFull?: (() => void) | undefined
}

/** The ids of one request: they are remembered when all of it was taken, or not at all. */
export interface RequestIds {
  /** Whether a taken request, or this one, had the id. @param space what ids are unique in: the name of an index */
  has(space: string, id: Text): boolean
  /** The id that was asked for last belongs to a document that is good. */
  keep(): void
  /** The request was taken. The object must not be used any more, as after `discard`. */
  commit(): void
  /** It was not. */
  discard(): void
}

export interface Duplicates {
  /** Begins a request. */
  begin(): RequestIds
  /** Ids remembered now. */
  readonly size: number
}

const smallest = 64
/** Ids of requests that are done with, kept for the next ones. */
const keptRequests = 8
/** One that has grown further is left to the collector. */
const largestKept = 4096

const noIds: RequestIds = {
  has: () => false,
  keep() {},
  commit() {},
  discard() {},
}

/** Creates the memory of one listener, or of several that share it. */
export function createDuplicates({ ids: cap, ttlMs, nowMs, onFull }: DuplicatesOptions): Duplicates {
  if (cap === 0) return { begin: () => noIds, size: 0 }
  const digest = createDigest()
  const taken = new Digests(cap)
  const spare: Digests[] = []

  const isTaken = (words: Int32Array, now: number): boolean => {
    const row = taken.find(words)
    if (row < 0 || taken.until(row) <= now) return false
    taken.put(words, now + ttlMs)
    return true
  }

  const begin = (): RequestIds => {
    let own: Digests | undefined
    const last = new Int32Array(4)
    return {
      has(space, id) {
        digest(space, id, last)
        return (own !== undefined && own.find(last) >= 0) || isTaken(last, nowMs())
      },
      keep() {
        own ??= spare.pop() ?? new Digests(cap)
        own.put(last, 0)
      },
      commit() {
        if (own === undefined) return
        const until = nowMs() + ttlMs
        let full = false
        own.each((words) => {
          full = taken.put(words, until) || full
        })
        if (full) onFull?.()
        this.discard()
      },
      discard() {
        if (own === undefined) return
        if (spare.length < keptRequests && own.room <= largestKept) {
          own.clear()
          spare.push(own)
        }
        own = undefined
      },
    }
  }

  return {
    begin,
    get size() {
      return taken.count
    },
  }
}

/** Digests by their bits, in the order in which they were put; of more than the cap the first ones are forgotten. */
class Digests {
  count = 0
  readonly #cap: number
  /** Four words a row. */
  #words = new Int32Array(smallest * 4)
  #until = new Float64Array(smallest)
  /** Heads of the chains of rows with the same low bits, and the row that follows; both from 1 on, 0 is none. */
  #heads = new Int32Array(smallest * 2)
  #chain = new Int32Array(smallest)
  /** The order, from the oldest to the newest; from 1 on as well. */
  #older = new Int32Array(smallest)
  #newer = new Int32Array(smallest)
  #oldest = 0
  #newest = 0

  constructor(cap: number) {
    this.#cap = cap
  }

  /** Rows that there is memory for. */
  get room(): number {
    return this.#until.length
  }

  clear(): void {
    this.count = 0
    this.#heads.fill(0)
    this.#oldest = 0
    this.#newest = 0
  }

  /** The row of a digest, -1 when it is not here. */
  find(digest: Int32Array): number {
    const words = this.#words
    let row = this.#heads[(digest[0] as number) & (this.#heads.length - 1)] as number
    for (; row !== 0; row = this.#chain[row - 1] as number) {
      const at = (row - 1) * 4
      if (words[at] === digest[0] && words[at + 1] === digest[1] && words[at + 2] === digest[2] && words[at + 3] === digest[3]) {
        return row - 1
      }
    }
    return -1
  }

  until(row: number): number {
    return this.#until[row] as number
  }

  /** Puts one in, or makes it the newest. Returns true when another one was forgotten for it. */
  put(digest: Int32Array, until: number): boolean {
    let row = this.find(digest)
    if (row >= 0) {
      this.#leaveOrder(row)
    } else if (this.count < this.#cap) {
      if (this.count === this.#until.length) this.#grow()
      row = this.count++
      this.#write(row, digest)
    } else {
      row = this.#oldest - 1
      this.#leaveOrder(row)
      this.#leaveChain(row)
      this.#write(row, digest)
      this.#join(row, until)
      return true
    }
    this.#join(row, until)
    return false
  }

  /** Calls with each digest, oldest first; the words are used again. */
  each(visit: (digest: Int32Array) => void): void {
    const digest = new Int32Array(4)
    for (let row = this.#oldest; row !== 0; row = this.#newer[row - 1] as number) {
      digest.set(this.#words.subarray((row - 1) * 4, row * 4))
      visit(digest)
    }
  }

  #write(row: number, digest: Int32Array): void {
    this.#words.set(digest, row * 4)
    this.#joinChain(row)
  }

  #joinChain(row: number): void {
    const bucket = (this.#words[row * 4] as number) & (this.#heads.length - 1)
    this.#chain[row] = this.#heads[bucket] as number
    this.#heads[bucket] = row + 1
  }

  #leaveChain(row: number): void {
    const bucket = (this.#words[row * 4] as number) & (this.#heads.length - 1)
    const next = this.#chain[row] as number
    let at = this.#heads[bucket] as number
    if (at === row + 1) {
      this.#heads[bucket] = next
      return
    }
    while ((this.#chain[at - 1] as number) !== row + 1) at = this.#chain[at - 1] as number
    this.#chain[at - 1] = next
  }

  #join(row: number, until: number): void {
    this.#until[row] = until
    this.#older[row] = this.#newest
    this.#newer[row] = 0
    if (this.#newest === 0) this.#oldest = row + 1
    else this.#newer[this.#newest - 1] = row + 1
    this.#newest = row + 1
  }

  #leaveOrder(row: number): void {
    const older = this.#older[row] as number
    const newer = this.#newer[row] as number
    if (older === 0) this.#oldest = newer
    else this.#newer[older - 1] = newer
    if (newer === 0) this.#newest = older
    else this.#older[newer - 1] = older
  }

  #grow(): void {
    const size = Math.min(this.#cap, this.#until.length * 2)
    const longer = (old: Int32Array, length: number): Int32Array<ArrayBuffer> => {
      const array = new Int32Array(length)
      array.set(old)
      return array
    }
    this.#words = longer(this.#words, size * 4)
    this.#chain = longer(this.#chain, size)
    this.#older = longer(this.#older, size)
    this.#newer = longer(this.#newer, size)
    const until = new Float64Array(size)
    until.set(this.#until)
    this.#until = until
    if (this.#heads.length < size * 2) {
      this.#heads = new Int32Array(this.#heads.length * 2)
      for (let row = 0; row < this.count; row++) this.#joinChain(row)
    }
  }
}

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits))

/** Spreads every bit over the word. @see the finalizer of MurmurHash3 */
const finish = (word: number): number => {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** Writes the digest of an id within a space: four independent ones of 32 bits. */
function createDigest(): (space: string, id: Text, into: Int32Array) => void {
  const seeds = randomFillSync(new Int32Array(4))
  const ofSpace = new Int32Array(4)
  let lastSpace: string | undefined
  let scratch = Buffer.allocUnsafe(1024)

  const mix = (bytes: Uint8Array, start: number, end: number, from: Int32Array, into: Int32Array): void => {
    let a = from[0] as number
    let b = from[1] as number
    let c = from[2] as number
    let d = from[3] as number
    for (let at = start; at < end; at += 4) {
      // Past the end of the id other bytes stand.
      const left = end - at
      let word = bytes[at] as number
      if (left > 1) word |= (bytes[at + 1] as number) << 8
      if (left > 2) word |= (bytes[at + 2] as number) << 16
      if (left > 3) word |= (bytes[at + 3] as number) << 24
      a = Math.imul(rotate(a ^ word, 15), 0xcc9e2d51)
      b = Math.imul(rotate(b ^ word, 16), 0x1b873593)
      c = Math.imul(rotate(c ^ word, 17), 0x38b34ae5)
      d = Math.imul(rotate(d ^ word, 18), 0xa1e38b93)
    }
    const length = end - start
    into[0] = finish(a ^ length)
    into[1] = finish(b ^ length)
    into[2] = finish(c ^ length)
    into[3] = finish(d ^ length)
  }

  const mixText = (text: Text, from: Int32Array, into: Int32Array): void => {
    if (typeof text !== 'string') {
      mix(text.source, text.start, text.end, from, into)
      return
    }
    if (scratch.length < text.length * 3) scratch = Buffer.allocUnsafe(text.length * 3)
    mix(scratch, 0, scratch.write(text), from, into)
  }

  return (space, id, into) => {
    if (space !== lastSpace) {
      mixText(space, seeds, ofSpace)
      lastSpace = space
    }
    mixText(id, ofSpace, into)
  }
}
