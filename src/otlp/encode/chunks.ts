/**
 * Memory for encoded messages, used again once a message was delivered. Without it every request would leave some
 * 100 kB outside the heap, which the engine answers with full collections.
 */

const unit = 16 * 1024
const largestKept = 1024 * 1024
/** Memory from here on belongs to nobody else: smaller pieces may be of a slab that buffers share. */
const freedFrom = 64 * 1024

/** The size of memory for a message: multiples of 16 KiB, above 128 KiB four steps a doubling, so that sizes meet again. */
function sizeFor(bytes: number): number {
  let step = unit
  while (bytes > step * 8) step *= 2
  return Math.max(1, Math.ceil(bytes / step)) * step
}

/** True when a message has its chunk to itself (it covers half of it or more): it may be kept, transferred or given back whole. */
export function ownsChunk(message: Uint8Array): boolean {
  return message.byteLength * 2 >= message.buffer.byteLength
}

export interface ChunkPool {
  /** Memory of at least the size asked for, contents undefined. */
  take(bytes: number): ArrayBuffer
  /** Gives memory back, at once where it is not kept. Nobody may read or write it any more, and none of it may be on its way to a socket or a thread. */
  give(memory: ArrayBufferLike): void
  /** Bytes kept for reuse. */
  readonly keptBytes: number
}

/**
 * Gives the memory of a buffer back to the system's allocator, which the collector does when 32 to 64 MB of it lie about. Nobody may read or write
 * it any more, and none of it may be on its way to a socket or a thread: the buffer has no bytes from then on.
 */
export function freeNow(memory: ArrayBuffer): void {
  // Not in Node.js 20: there the collector does it.
  memory.transfer?.(0)
}

/** Smaller pieces are not worth it, and may be of a slab that buffers share. */
const freedWholeFrom = 16 * 1024

/** Frees the memory of bytes that nobody needs any more, such as those of a socket that were copied, unless others are in the same memory. */
export function freeWhole({ buffer, byteLength }: Uint8Array): void {
  if (byteLength >= freedWholeFrom && buffer.byteLength === byteLength && buffer instanceof ArrayBuffer) freeNow(buffer)
}

/** Frees the memory of a message that owns its chunk, once nobody needs it any more; small ones are left to the collector. */
export function freeMessage(message: Uint8Array): void {
  const { buffer } = message
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= freedWholeFrom && ownsChunk(message)) freeNow(buffer)
}

/** Creates a pool that keeps at most `cap` bytes; what is given beyond it is freed. */
export function createChunkPool(cap = 8 * 1024 * 1024): ChunkPool {
  const kept = new Map<number, ArrayBuffer[]>()
  let keptBytes = 0
  return {
    take(bytes) {
      const size = sizeFor(bytes)
      const found = kept.get(size)?.pop()
      if (found !== undefined) {
        keptBytes -= found.byteLength
        return found
      }
      // allocUnsafeSlow: neither zeroed nor out of a pool that other buffers share
      return Buffer.allocUnsafeSlow(size).buffer as ArrayBuffer
    },
    give(memory) {
      const size = memory.byteLength
      if (!(memory instanceof ArrayBuffer) || size === 0) return
      if (size > largestKept || sizeFor(size) !== size || keptBytes + size > cap) {
        if (size >= freedFrom) freeNow(memory)
        return
      }
      let list = kept.get(size)
      if (list === undefined) kept.set(size, (list = []))
      list.push(memory)
      keptBytes += size
    },
    get keptBytes() {
      return keptBytes
    },
  }
}
