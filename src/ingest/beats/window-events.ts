/** Events of a window as they came, for its mirror: payloads one behind the other, in blocks, with their lengths. */

import { freeWhole } from '../../otlp/encode/chunks.ts'
import { pairsToJson, roomForPairs } from './decode-pairs.ts'

/** Bytes of a block, one MiB with the head of its envelope; one that an event does not fit into is as long as that. */
const blockBytes = 960 * 1024
const firstBytes = 16 * 1024

export interface EventBlock {
  /** Payloads, one behind the other. */
  readonly bytes: Uint8Array
  readonly lengths: readonly number[]
}

export class WindowEvents {
  /** Bytes of memory that it holds. */
  bytes = 0
  /** Bytes of payloads. */
  length = 0
  private full: EventBlock[] = []
  private block: Uint8Array = nothing
  private filled = 0
  private lengths: number[] = []

  /** Adds the payload of a J. */
  addJson(bytes: Uint8Array, start: number, end: number): void {
    this.reserve(end - start)
    this.block.set(bytes.subarray(start, end), this.filled)
    this.added(end - start)
  }

  /** Adds the pairs of a D as JSON: the old side gets windows of version 2 alone. */
  addPairs(bytes: Uint8Array, start: number, end: number): void {
    this.reserve(roomForPairs(bytes, start, end) + 2)
    const { block, filled } = this
    block[filled] = brace
    const at = pairsToJson(bytes, start, end, block, filled + 1)
    block[at] = braceEnd
    this.added(at + 1 - filled)
  }

  /** What is there, a block at a time; stays as it is until `clear`. */
  blocks(): readonly EventBlock[] {
    if (this.filled === 0) return this.full
    return [...this.full, { bytes: this.block.subarray(0, this.filled), lengths: this.lengths }]
  }

  /** Every payload by itself, for an envelope that holds all of them. */
  payloads(): Uint8Array[] {
    const all: Uint8Array[] = []
    for (const { bytes, lengths } of this.blocks()) {
      let at = 0
      for (const length of lengths) all.push(bytes.subarray(at, (at += length)))
    }
    return all
  }

  clear(): void {
    for (const { bytes } of this.full) freeWhole(bytes)
    freeWhole(this.block)
    this.full = []
    this.block = nothing
    this.lengths = []
    this.filled = this.bytes = this.length = 0
  }

  private added(bytes: number): void {
    this.filled += bytes
    this.length += bytes
    this.lengths.push(bytes)
  }

  private reserve(bytes: number): void {
    const needed = this.filled + bytes
    if (needed <= this.block.length) return
    if (this.filled > 0 && needed > blockBytes) {
      this.full.push({ bytes: this.block.subarray(0, this.filled), lengths: this.lengths })
      this.block = nothing
      this.lengths = []
      this.filled = 0
      this.reserve(bytes)
      return
    }
    const bigger = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(blockBytes, Math.max(4 * this.block.length, firstBytes))))
    bigger.set(this.block.subarray(0, this.filled))
    this.bytes += bigger.length - this.block.length
    freeWhole(this.block)
    this.block = bigger
  }
}

const nothing = new Uint8Array(0)
const brace = 0x7b
const braceEnd = 0x7d
