/** Events one after the other in one piece of memory, as a batcher of documents takes them. */

import { freeWhole } from '../../otlp/encode/chunks.ts'
import { pairsToJson, roomForPairs } from './decode-pairs.ts'

/** Bytes that are kept for the next windows, by all connections of a listener together. */
const keptPieces = 4
/** Size of pieces that are kept; longer ones are freed. */
const keptBytes = 1024 * 1024 + 256 * 1024
/** Smaller ones are made anew each time. */
const smallBytes = 64 * 1024

/** Memory for pieces, used again. */
export interface PieceMemory {
  take(bytes: number): Uint8Array
  /** Nobody may read it any more. */
  give(memory: Uint8Array): void
}

/** Creates the memory of a listener. */
export function createPieceMemory(): PieceMemory {
  const kept: Uint8Array[] = []
  return {
    take: (bytes) =>
      bytes > smallBytes && bytes <= keptBytes ? (kept.pop() ?? Buffer.allocUnsafeSlow(keptBytes)) : Buffer.allocUnsafeSlow(bytes),
    give(memory) {
      if (memory.length === keptBytes && kept.length < keptPieces) kept.push(memory)
      else freeWhole(memory)
    },
  }
}

const brace = 0x7b
const braceEnd = 0x7d
const isBlank = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/** First place from `at` on that is no blank. */
const afterBlanks = (bytes: Uint8Array, at: number, end: number): number => {
  let place = at
  while (place < end && isBlank(bytes[place])) place++
  return place
}

export class Piece {
  /** Where documents begin and end in `bytes`. */
  readonly starts: number[] = []
  readonly ends: number[] = []
  /** Of each document: how many bytes behind its `{` were added to it. */
  readonly added: number[] = []
  bytes: Uint8Array
  length = 0

  private readonly memory: PieceMemory
  private readonly members: Uint8Array

  /** @param members text of JSON members, each with a comma behind it, that every object gets in front of its own; mostly empty */
  constructor(memory: PieceMemory, members: Uint8Array) {
    this.memory = memory
    this.members = members
    this.bytes = noBytes
  }

  get documents(): number {
    return this.starts.length
  }

  /** Adds the text of a document. */
  addJson(bytes: Uint8Array, start: number, end: number): void {
    const { members } = this
    this.reserve(end - start + members.length)
    this.starts.push(this.length)
    let from = start
    let added = 0
    if (members.length > 0) {
      const open = afterBlanks(bytes, start, end)
      if (bytes[open] === brace) {
        this.copy(bytes, start, open + 1)
        from = open + 1
        const empty = bytes[afterBlanks(bytes, from, end)] === braceEnd
        added = empty ? members.length - 1 : members.length
        this.copy(members, 0, added)
      }
    }
    this.copy(bytes, from, end)
    this.ends.push(this.length)
    this.added.push(added)
  }

  /** Adds the pairs of a D frame as a document. */
  addPairs(bytes: Uint8Array, start: number, end: number): void {
    const { members } = this
    this.reserve(roomForPairs(bytes, start, end) + members.length)
    this.starts.push(this.length)
    this.bytes[this.length++] = brace
    this.copy(members, 0, members.length)
    this.length = pairsToJson(bytes, start, end, this.bytes, this.length)
    this.bytes[this.length++] = braceEnd
    this.ends.push(this.length)
    this.added.push(0)
  }

  /** Where document `at` begins without what was added to it; its bytes are put together again for that. */
  bareStart(at: number): number {
    const start = this.starts[at] as number
    const added = this.added[at] as number
    if (added === 0) return start
    const open = afterBlanks(this.bytes, start, this.ends[at] as number)
    this.bytes.copyWithin(start + added, start, open + 1)
    return start + added
  }

  /** Lets go of the documents and of the memory. */
  clear(): void {
    this.memory.give(this.bytes)
    this.bytes = noBytes
    this.length = 0
    this.starts.length = this.ends.length = this.added.length = 0
  }

  private copy(bytes: Uint8Array, start: number, end: number): void {
    this.bytes.set(bytes.subarray(start, end), this.length)
    this.length += end - start
  }

  private reserve(bytes: number): void {
    const need = this.length + bytes
    if (need <= this.bytes.length) return
    const grown = this.memory.take(Math.max(need, Math.min(2 * this.bytes.length, keptBytes), 4096))
    grown.set(this.bytes.subarray(0, this.length))
    this.memory.give(this.bytes)
    this.bytes = grown
  }
}

const noBytes = new Uint8Array(0)
