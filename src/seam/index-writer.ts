/** Identities, or streams, of one format on their way to a file: in memory for a second, then appended. One file a process. */

import { closeSync, fdatasync, openSync, readdirSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Signal } from '../otlp/intake.ts'
import { indexFile, isIndexFile, mostIdentities, recordBytes, seamFolder } from './layout.ts'

/** Bytes in memory, after which they are written at once. */
const bufferBytes = 64 * 1024

export interface IndexWriter {
  /** Words of records: two an identity, four a stream. Throws what the file system throws; what was not written is gone then. */
  add(words: Int32Array, count: number): void
  /** Writes what waits, and asks the system to bring it to the disk. Throws as `add`. */
  flush(): void
  /** Whether all processes together have written as much as is kept. Looks at the folder. */
  isFull(): boolean
  /** Flushes and closes. */
  close(): void
}

/** @param owner of this process alone */
export function createIndexWriter(dataPath: string, signal: Signal, format: string, owner: string): IndexWriter {
  const folder = seamFolder(dataPath)
  const buffer = Buffer.allocUnsafe(bufferBytes)
  let used = 0
  let file: number | undefined
  let unsynced = false

  const write = (): void => {
    if (used === 0) return
    file ??= openSync(join(folder, indexFile(signal, format, owner)), 'a', 0o600)
    const bytes = used
    // Not tried again: half of it may be there, and the next record must begin at its place.
    used = 0
    for (let at = 0; at < bytes; ) at += writeSync(file, buffer, at, bytes - at)
    unsynced = true
  }

  const sync = (): void => {
    if (!unsynced || file === undefined) return
    unsynced = false
    fdatasync(file, () => {})
  }

  return {
    add(words, count) {
      for (let at = 0; at < count; at++) {
        if (used === bufferBytes) write()
        buffer.writeInt32LE(words[at] as number, used)
        used += 4
      }
    },
    flush() {
      write()
      sync()
    },
    isFull() {
      let bytes = 0
      for (const name of readdirSync(folder)) {
        if (!isIndexFile(name, signal, format)) continue
        bytes += statSync(join(folder, name)).size
      }
      return bytes >= mostIdentities * recordBytes(signal)
    },
    close() {
      try {
        write()
      } finally {
        if (file !== undefined) closeSync(file)
        file = undefined
      }
    },
  }
}
