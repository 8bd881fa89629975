/**
 * Memory for the messages of a page until they are joined: a page of records is made of thousands of small ones, and left to the collector their chunks
 * would be most of what a run holds.
 */

import { type ChunkPool, createChunkPool } from '../../otlp/encode/chunks.ts'

/** Where the translators of one source get the memory of their messages. */
export interface PageMemory extends ChunkPool {
  /** All of these as one request, in memory of its own. */
  join(messages: readonly Uint8Array[]): Uint8Array
  /** A page is through, and its messages are joined: what was taken for them is used again. Nobody may read them any more. */
  reclaim(): void
}

/** Kept for the next pages. */
const mostKept = 4 * 1024 * 1024

/** Creates it, empty. */
export function createPageMemory(): PageMemory {
  const pool = createChunkPool(mostKept)
  let taken: ArrayBuffer[] = []
  return {
    take(bytes) {
      const memory = pool.take(bytes)
      taken.push(memory)
      return memory
    },
    give(memory) {
      taken = taken.filter((one) => one !== memory)
      pool.give(memory)
    },
    get keptBytes() {
      return pool.keptBytes
    },
    join(messages) {
      const whole = Buffer.allocUnsafeSlow(messages.reduce((all, { byteLength }) => all + byteLength, 0))
      let at = 0
      for (const message of messages) {
        whole.set(message, at)
        at += message.byteLength
      }
      return whole
    },
    reclaim() {
      // In the last one the writer goes on.
      const last = taken.pop()
      for (const memory of taken) pool.give(memory)
      taken = last === undefined ? [] : [last]
    },
  }
}
