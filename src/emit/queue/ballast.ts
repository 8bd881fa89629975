/** A file that keeps room back: given up when the disk is full, so that removals, which need room too, go on. */

import { randomFillSync } from 'node:crypto'
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export interface Ballast {
  /**
   * Writes the file when it is not there; true when it is there afterwards. On a small disk the first one is at most a
   * quarter of what is free. @param freeInsideBytes what the store could take without growing
   */
  take(freeInsideBytes: number): boolean
  /** True when there should be one and is not. */
  isGivenUp(): boolean
  /** Removes the file. */
  give(): void
  /** What is kept back, or was and is wanted again. */
  readonly bytes: number
}

/** Room left beside the ballast at the least. */
const spareBytes = 2 ** 19

/** @param path state folder @param wantedBytes size, 0: no ballast is wanted and `take` is always true */
export function createBallast(path: string, wantedBytes: number): Ballast {
  const file = join(path, 'ballast')
  let bytes = wantedBytes
  let first = true

  const sizeOf = (): number => statSync(file, { throwIfNoEntry: false })?.size ?? -1

  const write = (): void => {
    // Not zeros: a file system that compresses would keep nothing back.
    const chunk = randomFillSync(new Uint8Array(Math.min(bytes, 2 ** 20)))
    const fd = openSync(file, 'w')
    try {
      for (let at = 0; at < bytes; at += chunk.length) writeSync(fd, chunk, 0, Math.min(chunk.length, bytes - at))
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  }

  return {
    take(freeInsideBytes) {
      // Another process may have found another size to fit: any is good.
      if (bytes === 0 || sizeOf() > 0) return true
      const { bavail, bsize } = statfsSync(path)
      const free = bavail * bsize
      if (first) bytes = Math.min(wantedBytes, Math.max(2 ** 18, Math.floor(free / 4)))
      first = false
      if (free < bytes + spareBytes || free - bytes + freeInsideBytes < bytes) return false
      try {
        write()
        return true
      } catch {
        // The room went while we wrote; whoever asks tries again later.
        rmSync(file, { force: true })
        return false
      }
    },
    isGivenUp: () => bytes > 0 && sizeOf() <= 0,
    give() {
      rmSync(file, { force: true })
    },
    get bytes() {
      return bytes
    },
  }
}
