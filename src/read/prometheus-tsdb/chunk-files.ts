/** `chunks/000001…` of a block: `85 BD 40 DD 01 00 00 00`, then chunks: length, encoding, data, checksum of encoding and data. */

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ByteCursor, readU32 } from './bytes.ts'
import { crc32c } from './crc32c.ts'
import { decodeChunk, maxChunkBytes } from './decode-chunk.ts'
import { tsdbError } from './faults.ts'
import { type CachedFile, type FileCache, fileError } from './file-cache.ts'
import type { Samples } from './samples.ts'

const magic = 0x85bd40dd

export interface ChunkFiles {
  /** Decodes a chunk; see `decodeChunk`. Throws OB_SOURCE, its place `000001:8`. @param file from 0 */
  read(file: number, offset: number, minMs: number, maxMs: number, into: Samples): void
  close(): void
}

/** Throws OB_SOURCE when the folder is gone. Files are opened, and their heads looked at, when they are first needed. */
export function openChunks(cache: FileCache, folder: string): ChunkFiles {
  let names: string[]
  try {
    names = readdirSync(folder)
      .filter((name) => /^\d{6,}$/.test(name))
      .sort()
  } catch (error) {
    throw fileError('read', folder, error)
  }
  // All at once: a block that is compacted away stays readable to its end.
  const files = names.map((name) => cache.open(join(folder, name)))
  const byNumber = new Map(names.map((name, at) => [Number(name) - 1, files[at] as CachedFile]))
  const checked = new Set<number>()

  const fileOf = (number: number): CachedFile => {
    const file = byNumber.get(number)
    if (file === undefined) throw tsdbError('corrupt', `cannot find chunk file ${number + 1} in ${folder}`, folder)
    if (!checked.has(number)) {
      const head = file.read(0, 8)
      if (readU32(head, 0) !== magic || head[4] !== 1) {
        throw tsdbError('corrupt', `cannot read ${file.path}: it does not begin as a chunk file does`, file.path)
      }
      checked.add(number)
    }
    return file
  }

  return {
    read(number, offset, minMs, maxMs, into) {
      const file = fileOf(number)
      if (offset < 8 || offset >= file.size) throw tsdbError('corrupt', `cannot find a chunk at ${offset} of ${file.path}`, file.path)
      const head = new ByteCursor(file.read(offset, Math.min(10, file.size - offset)))
      const length = head.uvarint()
      const from = offset + head.at
      if (length > maxChunkBytes)
        throw tsdbError('too_large', `cannot read the chunk at ${offset} of ${file.path}: ${length} bytes`, file.path)
      if (length + 5 > file.size - from) {
        throw tsdbError('truncated', `cannot read the chunk at ${offset} of ${file.path}: ${length} bytes, the file ends before`, file.path)
      }
      const bytes = file.read(from, length + 5)
      if (crc32c(bytes, 0, length + 1) !== readU32(bytes, length + 1)) {
        throw tsdbError('corrupt', `cannot trust the chunk at ${offset} of ${file.path}: its checksum is wrong`, file.path)
      }
      decodeChunk(bytes[0] as number, bytes.subarray(1, length + 1), minMs, maxMs, into)
    },
    close() {
      for (const file of files) file.close()
    },
  }
}
