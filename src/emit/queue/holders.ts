/** Memory that several lanes have in common: it is used again when the last of them lets go. */

import { ownsChunk } from '../../otlp/encode/chunks.ts'

/** The lanes that have the same bytes. */
export interface Holders {
  left: number
  /** False once somebody let go who could not say that nobody reads them any more. */
  free: boolean
}

/** Takes memory back: `ChunkPool.give`. */
export type Recycle = (memory: ArrayBufferLike) => void

/** Gives memory that will be taken back: `ChunkPool.take`. */
export type TakeMemory = (bytes: number) => ArrayBuffer

/** What lets go of its bytes. */
interface Held {
  data: Uint8Array | undefined
  holders: Holders | undefined
}

/** Holders for so many lanes; undefined when there is one, who need not ask. */
export function holdersOf(lanes: number): Holders | undefined {
  return lanes > 1 ? { left: lanes, free: true } : undefined
}

/**
 * Drops the bytes of a batch in one lane, and gives the memory back with the last.
 * @param isFree false: a connection may still be reading them
 */
export function letGo(one: Held, isFree: boolean, recycle: Recycle | undefined): void {
  const { data, holders } = one
  one.data = undefined
  one.holders = undefined
  if (data === undefined) return
  if (holders !== undefined) {
    if (!isFree) holders.free = false
    if (--holders.left > 0 || !holders.free) return
  } else if (!isFree) return
  if (recycle !== undefined && ownsChunk(data)) recycle(data.buffer)
}
