/** Memory for messages under way, used again: each would otherwise leave 128 KiB outside the heap, which the engine answers with full collections. */

import { BridgeError } from '../errors.ts'

const smallest = 4 * 1024

/** Buffers kept for reuse by size, and the largest that are: a few MiB in all. */
const keptPerSize = 4
const largestKept = 1024 * 1024

export interface BufferPool {
  /** At least so many bytes, contents undefined. Throws OB_LIMIT_PENDING when all that is out would be over the limit. */
  take(bytes: number): Buffer
  /** Nobody may hold on to it any more. */
  give(buffer: Buffer): void
  /** Bytes that are out. */
  readonly outBytes: number
}

/** @param maxBytes that may be out at once. @param limitKey key of the configuration that holds the limit, for messages */
export function createBufferPool(maxBytes: number, limitKey: string): BufferPool {
  const kept = new Map<number, Buffer[]>()
  let outBytes = 0
  return {
    take(bytes) {
      let size = smallest
      while (size < bytes) size *= 2
      if (outBytes + size > maxBytes) {
        throw new BridgeError(
          'OB_LIMIT_PENDING',
          `cannot take message: more than ${maxBytes} bytes are on their way in already (${limitKey})`,
          {
            retryAfterSeconds: 1,
          },
        )
      }
      outBytes += size
      return kept.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size)
    },
    give(buffer) {
      const size = buffer.length
      outBytes -= size
      if (size > largestKept) return
      let list = kept.get(size)
      if (list === undefined) kept.set(size, (list = []))
      if (list.length < keptPerSize) list.push(buffer)
    },
    get outBytes() {
      return outBytes
    },
  }
}
