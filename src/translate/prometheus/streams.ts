/**
 * What is remembered of each stream (a set of labels of one tenant), one row a stream: bounded, found by hash, on its way to disk and back.
 * A row is {@link rowWords} int32 words in one array, one cache line, because a look-up then touches one line and the index.
 *
 *     0 1 2   hash, three words: 96 bits, seeded, so that two streams of a million share one about never and nobody can make them
 *     3 4     time of the last point, ms since the epoch, high word first
 *     5 6     bits of its value (histograms: of its sum)
 *     7 8     start time, ms; 0: unknown
 *     9       when it was seen last: seconds since the epoch (uint32); in a row that was read from disk the time that was stored with it
 *     10      generation of what words 11 to 15 say; 0: they say nothing, the series has to be looked at again
 *     11      kind, as the translator numbers them; 0 in a row that was just added or read from disk, so that a bit of it says whose time it is
 *     12 13   two words of the translator's (ids of what it shares between streams)
 *     14 15   where the stream's encoded attributes are in the arena, and how many bytes; 0 bytes: nowhere
 *
 * Words 0 to 2, 14 and 15 are written here alone. In a row that is free word 0 is the place of the next free one and word 9 is -1.
 *
 * Some 72 bytes a row, its share of the index included, and what its attributes take.
 */

import { ageBucketOf, ageBuckets } from './ages.ts'
import { createArena, maxEntryBytes, type Place, roundedBytes } from './arena.ts'

export type { Place } from './arena.ts'

/** Words of a row. */
export const rowWords = 16

/** Places of the words in a row. */
export const Row = {
  HashA: 0,
  HashB: 1,
  HashC: 2,
  TimeHi: 3,
  TimeLo: 4,
  ValueHi: 5,
  ValueLo: 6,
  StartHi: 7,
  StartLo: 8,
  Seen: 9,
  Generation: 10,
  Kind: 11,
  First: 12,
  Second: 13,
  Attributes: 14,
  AttributesBytes: 15,
} as const

/** The most rows there can be: places stay within an int32. */
export const maxRows = 2 ** 26

export interface StreamsOptions {
  /** `streams.max`: rows, at least 1, at most {@link maxRows}. */
  readonly max: number
  /** Bytes of encoded attributes, each rounded up to 8; beyond it the least recently seen go. With holes the memory is up to a third more. */
  readonly maxBytes: number
  /** Called for each row that is about to be removed, evicted or not, with its place: ids of words 12 and 13 are let go of. Must not add or remove. */
  readonly onEvict: (at: number) => void
}

export interface Streams {
  /** All rows; a row's place is the index of its first word and stays as long as the row. Another array after `insert`: read it anew. */
  readonly words: Int32Array
  readonly count: number
  /** Rows evicted since the start because of `max` or `maxBytes`. */
  readonly evicted: number
  /** Memory in use: rows, index, attributes with their holes. */
  readonly memoryBytes: number
  /** The place of a row; -1: unknown. Fastest for streams in the order in which they were added, which is the order senders keep. */
  find(a: number, b: number, c: number): number
  /** Makes room for so many rows at once, as far as there may be so many: growing step by step takes time. */
  reserve(rows: number): void
  /**
   * Adds a row that is not there yet, all words but the hash and `Seen` 0. Evicts the least recently seen first, about one of 64 at a time, when
   * there are too many; never one whose `Seen` is `now` or later, unless all are. Ages are told apart to a 64th of themselves.
   */
  insert(a: number, b: number, c: number, nowSeconds: number): number
  /**
   * Keeps a copy of encoded attributes for a row; those it had are let go. Longer than 64 KiB or `maxBytes`: not kept, false. May evict others
   * that have some, those whose `Seen` is older than this row's first.
   */
  setAttributes(at: number, bytes: Uint8Array, start: number, end: number): boolean
  /** Where the attributes of a row are. What is there never changes; a view that is kept holds on to 256 KiB. */
  attributes(at: number, out: Place): void
  remove(at: number): void
  /** Evicts an eighth of the rows, the least recently seen: what they share with others takes too much. */
  makeRoom(nowSeconds: number): void
  /** Places of all rows, oldest place first. Rows may come and go meanwhile: each that stays is given once. */
  places(): IterableIterator<number>
}

/** `Seen` of a free row. */
const free = -1

const firstRows = 1024
/** Beyond so many rows the array grows by more: memory that was never written costs nothing, and copying it does. */
const smallRows = 65_536
const largeStep = 16

/** One of so many rows, or bytes, goes at an eviction. */
const evictedShare = 1 / 64

/** Load of the index at which it is doubled. */
const fullIndex = 0.6

const nothing = new DataView(new ArrayBuffer(0))

/** Creates an empty store. */
export function createStreams(options: StreamsOptions): Streams {
  const max = Math.max(1, Math.min(options.max, maxRows))
  const arena = createArena()
  const ages = new Float64Array(ageBuckets)
  // An entry of the index: row number + 1 in the low bits, bits of the second hash word above, so that few other rows are looked at.
  const numberMask = 2 ** (32 - Math.clz32(max)) - 1
  const tagMask = ~numberMask

  let capacity = Math.min(max, firstRows)
  let words = new Int32Array(capacity * rowWords)
  let index = new Int32Array(firstRows * 2)
  let mask = index.length - 1
  /** End of the rows that were ever used. */
  let top = 0
  let firstFree = -1
  /** Where the row after the one that was found last begins. */
  let next = 0
  /** Where the last eviction stopped. */
  let hand = 0

  const growRows = (wanted: number): void => {
    capacity = Math.min(max, wanted)
    const larger = new Int32Array(capacity * rowWords)
    larger.set(words)
    words = larger
    streams.words = larger
  }

  const enter = (at: number): void => {
    let slot = (words[at] as number) & mask
    while (index[slot] !== 0) slot = (slot + 1) & mask
    index[slot] = (at / rowWords + 1) | ((words[at + 1] as number) & tagMask)
  }

  const growIndex = (size: number): void => {
    index = new Int32Array(size)
    mask = index.length - 1
    for (let at = 0; at < top; at += rowWords) if (words[at + Row.Seen] !== free) enter(at)
  }

  const placeOf = (entry: number): number => ((entry & numberMask) - 1) * rowWords

  /** Takes a row out of the index; those behind it move up, so that no probe meets a gap. */
  const leave = (at: number): void => {
    let hole = (words[at] as number) & mask
    while (placeOf(index[hole] as number) !== at) hole = (hole + 1) & mask
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const entry = index[slot] as number
      if (entry === 0) break
      const home = (words[placeOf(entry)] as number) & mask
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue
      index[hole] = entry
      hole = slot
    }
    index[hole] = 0
  }

  const freeAttributes = (at: number): void => {
    const bytes = words[at + Row.AttributesBytes] as number
    if (bytes === 0) return
    arena.free(words[at + Row.Attributes] as number, bytes)
    words[at + Row.AttributesBytes] = 0
  }

  const remove = (at: number): void => {
    options.onEvict(at)
    leave(at)
    freeAttributes(at)
    words[at] = firstFree
    words[at + Row.Seen] = free
    firstFree = at
    streams.count--
  }

  /**
   * Removes the rows that were seen longest ago: `wanted` of them, or with attributes of so many bytes. Those seen now go only when there are no
   * others.
   */
  const evict = (now: number, wanted: number, byBytes: boolean): void => {
    const weightOf = (at: number): number => (byBytes ? roundedBytes(words[at + Row.AttributesBytes] as number) : 1)
    ages.fill(0)
    for (let at = 0; at < top; at += rowWords) {
      const seen = words[at + Row.Seen] as number
      if (seen === free) continue
      const bucket = ageBucketOf(now - (seen >>> 0))
      ages[bucket] = (ages[bucket] as number) + weightOf(at)
    }
    let left = wanted
    let oldest = ageBuckets - 1
    for (; oldest > 0 && left > (ages[oldest] as number); oldest--) left -= ages[oldest] as number
    if (oldest === 0 && left < wanted) left = 0
    // All that is older than this bucket goes, and of the bucket itself what is left.
    let due = left
    for (let bucket = oldest + 1; bucket < ageBuckets; bucket++) due += ages[bucket] as number
    for (let looked = 0; looked < top && due > 0; looked += rowWords) {
      hand = hand + rowWords < top ? hand + rowWords : 0
      const seen = words[hand + Row.Seen] as number
      if (seen === free) continue
      const bucket = ageBucketOf(now - (seen >>> 0))
      const weight = weightOf(hand)
      if (bucket < oldest || weight === 0) continue
      if (bucket === oldest) {
        if (left <= 0) continue
        left -= weight
      }
      due -= weight
      remove(hand)
      streams.evicted++
    }
  }

  const newestSeen = (): number => {
    let newest = 0
    for (let at = 0; at < top; at += rowWords) {
      const seen = words[at + Row.Seen] as number
      if (seen !== free && seen >>> 0 > newest) newest = seen >>> 0
    }
    return newest
  }

  const cleanArena = (): void =>
    arena.clean((move) => {
      for (let at = 0; at < top; at += rowWords) {
        const bytes = words[at + Row.AttributesBytes] as number
        if (bytes !== 0) words[at + Row.Attributes] = move(words[at + Row.Attributes] as number, bytes)
      }
    })

  const streams = {
    words,
    count: 0,
    evicted: 0,

    get memoryBytes() {
      return (top + index.length) * 4 + arena.heldBytes
    },

    find(a: number, b: number, c: number): number {
      const guess = next
      if (words[guess] === a && words[guess + 1] === b && words[guess + 2] === c && guess < top && words[guess + Row.Seen] !== free) {
        next = guess + rowWords < top ? guess + rowWords : 0
        return guess
      }
      for (let slot = a & mask; ; slot = (slot + 1) & mask) {
        const entry = index[slot] as number
        if (entry === 0) return -1
        if (((entry ^ b) & tagMask) !== 0) continue
        const at = ((entry & numberMask) - 1) * rowWords
        if (words[at] === a && words[at + 1] === b && words[at + 2] === c) {
          next = at + rowWords < top ? at + rowWords : 0
          return at
        }
      }
    },

    reserve(rows: number): void {
      const wanted = Math.min(rows, max)
      if (wanted > capacity) growRows(wanted)
      let size = index.length
      while (wanted > size * fullIndex) size *= 2
      if (size > index.length) growIndex(size)
    },

    insert(a: number, b: number, c: number, nowSeconds: number): number {
      if (streams.count >= max) evict(nowSeconds, Math.ceil(max * evictedShare), false)
      if (streams.count + 1 > index.length * fullIndex) growIndex(index.length * 2)
      let at = firstFree
      if (at >= 0) {
        firstFree = words[at] as number
        words.fill(0, at, at + rowWords)
      } else {
        if (top === capacity * rowWords) growRows(capacity * (capacity < smallRows ? 2 : largeStep))
        at = top
        top += rowWords
      }
      words[at] = a
      words[at + 1] = b
      words[at + 2] = c
      words[at + Row.Seen] = nowSeconds
      enter(at)
      streams.count++
      next = at + rowWords < top ? at + rowWords : 0
      return at
    },

    setAttributes(at: number, bytes: Uint8Array, start: number, end: number): boolean {
      const length = end - start
      // A series that is looked at again mostly has what it had.
      const isKnown = length > 0 && words[at + Row.AttributesBytes] === length
      if (isKnown && arena.equals(words[at + Row.Attributes] as number, bytes, start, end)) return true
      freeAttributes(at)
      if (length === 0) return true
      const rounded = roundedBytes(length)
      if (length > maxEntryBytes || rounded > options.maxBytes) return false
      const over = arena.usedBytes + rounded - options.maxBytes
      if (over > 0) evict(newestSeen(), Math.max(over, options.maxBytes * evictedShare), true)
      // Those seen now are kept as long as others go; when that was too little they go as well.
      if (arena.usedBytes + rounded > options.maxBytes) evict(newestSeen(), arena.usedBytes + rounded - options.maxBytes, true)
      if (arena.isDirty) cleanArena()
      const place = arena.add(bytes, start, end)
      if (place < 0) return false
      words[at + Row.Attributes] = place
      words[at + Row.AttributesBytes] = length
      return true
    },

    attributes(at: number, out: Place): void {
      const bytes = words[at + Row.AttributesBytes] as number
      if (bytes === 0) {
        out.view = nothing
        out.start = 0
        out.end = 0
      } else arena.at(words[at + Row.Attributes] as number, bytes, out)
    },

    remove(at: number): void {
      if (words[at + Row.Seen] !== free) remove(at)
    },

    makeRoom: (nowSeconds: number) => evict(nowSeconds, Math.ceil(streams.count / 8), false),

    *places(): IterableIterator<number> {
      for (let at = 0; at < top; at += rowWords) if (words[at + Row.Seen] !== free) yield at
    },
  }
  return streams
}
