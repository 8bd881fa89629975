/**
 * What a body was on the wire, for its mirror: bytes are copied as they come, before anything inflates them, and handed out in blocks, so that of a
 * body of 100 MiB no more than one or two are in memory.
 */

import { freeWhole } from '../../otlp/encode/chunks.ts'

/** Bytes of a block: with its head, an envelope of one fits into a MiB, which is memory that is used again. */
export const blockBytes = 960 * 1024
const firstBytes = 64 * 1024

export class WireTap {
  /** Whole blocks that nobody has taken yet. */
  private readonly blocks: Buffer[] = []
  private block: Buffer = nothing
  private filled = 0

  /** Takes bytes; they are copied. */
  data(chunk: Uint8Array): void {
    let from = 0
    while (from < chunk.length) {
      const wanted = Math.min(blockBytes - this.filled, chunk.length - from)
      this.reserve(this.filled + wanted)
      this.block.set(chunk.subarray(from, from + wanted), this.filled)
      this.filled += wanted
      from += wanted
      if (this.filled === blockBytes) {
        this.blocks.push(this.block)
        this.block = nothing
        this.filled = 0
      }
    }
  }

  /** Blocks that are full; the caller's from now on. Those that stay the last of a body are handed out by `rest` alone. */
  take(): Buffer[] {
    return this.filled > 0 ? this.blocks.splice(0) : this.blocks.splice(0, Math.max(0, this.blocks.length - 1))
  }

  /** All there is, at the end of the body: one block at least. */
  rest(): Buffer[] {
    const all = this.blocks.splice(0)
    if (this.filled > 0 || all.length === 0) all.push(this.block.subarray(0, this.filled))
    this.block = nothing
    this.filled = 0
    return all
  }

  clear(): void {
    for (const block of this.blocks) freeWhole(block)
    this.blocks.length = 0
    freeWhole(this.block)
    this.block = nothing
    this.filled = 0
  }

  /** The blocks were copied. */
  free(blocks: readonly Buffer[]): void {
    for (const block of blocks) freeWhole(block)
  }

  private reserve(bytes: number): void {
    if (bytes <= this.block.length) return
    const bigger = Buffer.allocUnsafeSlow(Math.min(blockBytes, Math.max(bytes, 4 * this.block.length, firstBytes)))
    bigger.set(this.block.subarray(0, this.filled))
    freeWhole(this.block)
    this.block = bigger
  }
}

const nothing = Buffer.alloc(0)
