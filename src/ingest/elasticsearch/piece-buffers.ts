/** Memory of pieces of bodies, used again: powers of two up to 1 MiB. */

/** A piece of a large body. */
export const pieceBytes = 1024 * 1024

const smallestBuffer = 128 * 1024
const keptPerSize = 4

export interface PieceBuffers {
  /** A buffer of so many bytes or more. */
  take(bytes: number): Buffer
  /** Nobody may read it any more. Buffers of other sizes than those of `take` are left to the collector. */
  give(buffer: Buffer): void
}

/** Creates the memory of a listener. */
export function createPieceBuffers(): PieceBuffers {
  const kept = new Map<number, Buffer[]>()
  return {
    take(bytes) {
      if (bytes > pieceBytes) return Buffer.allocUnsafeSlow(bytes)
      let size = smallestBuffer
      while (size < bytes) size *= 2
      return kept.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size)
    },
    give(buffer) {
      const size = buffer.length
      if (size < smallestBuffer || size > pieceBytes || buffer.buffer.byteLength !== size || (size & (size - 1)) !== 0) return
      let list = kept.get(size)
      if (list === undefined) kept.set(size, (list = []))
      if (list.length < keptPerSize) list.push(buffer)
    },
  }
}
