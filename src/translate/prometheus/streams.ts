/**
 * What is remembered of each stream (a set of labels of one tenant), one row a stream: bounded, found by hash, on its way to disk and back.
 * A row is {@link rowWords} int32 words in one array, one cache line, because a look-up then touches one line and the index.
 *
 *     0 1 2   hash, three words: 96 bits, seeded, so that two streams of a million share one about never and nobody can make them
 *     3 4     time of the last point, ms since the epoch, high word first
 *     5 6     bits of its value (histograms: of its sum)
 *     7 8     start time, ms; 0: unknown
 *     9       when it was seen last: seconds since the epoch; 0 in a row that was read from disk and not seen since
 *     10      generation of what words 11 to 15 say; 0: they say nothing, the series has to be looked at again
 *     11      kind, as the translator numbers them
 *     12 13   two words of the translator's (ids of what it shares between streams)
 *     14 15   where the stream's encoded attributes are in the arena, and how many bytes; 0 bytes: nowhere
 */

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

export interface StreamsOptions {
  /** `streams.max`: rows. */
  readonly max: number
  /** Bytes of encoded attributes; beyond it the least recently seen go. */
  readonly maxBytes: number
  /** Called for each row that is about to be removed, with its place: ids of words 12 and 13 are let go of. */
  readonly onEvict: (at: number) => void
}

/** Bytes of the arena, to be read and not kept. */
export interface Place {
  view: DataView
  start: number
  end: number
}

export interface Streams {
  /** All rows; a row's place is the index of its first word. Another array after `insert`: read it anew. */
  readonly words: Int32Array
  readonly count: number
  /** Rows evicted since the start because of `max` or `maxBytes`. */
  readonly evicted: number
  /** The place of a row; -1: unknown. */
  find(a: number, b: number, c: number): number
  /** Adds a row, all other words 0. Evicts the least recently seen first, some at a time, when there are too many; never one whose `Seen` is `now`, unless all are. */
  insert(a: number, b: number, c: number, nowSeconds: number): number
  /** Keeps a copy of encoded attributes for a row; those it had are let go. Longer than 64 KiB: not kept, false. May evict others. */
  setAttributes(at: number, bytes: Uint8Array, start: number, end: number): boolean
  /** Where the attributes of a row are, until the next `insert` or `setAttributes`. */
  attributes(at: number, out: Place): void
  remove(at: number): void
  /** Places of all rows. */
  places(): IterableIterator<number>
}
