/** One block, open: index, chunks, tombstones. */

import { join } from 'node:path'
import { type ChunkFiles, openChunks } from './chunk-files.ts'
import type { FileCache } from './file-cache.ts'
import { type IndexFile, openIndex } from './index-file.ts'
import type { BlockMeta } from './meta.ts'
import { type Intervals, readTombstones } from './tombstones.ts'

export interface Block {
  readonly meta: BlockMeta
  readonly index: IndexFile
  readonly chunks: ChunkFiles
  /** By reference of the series. */
  readonly tombstones: ReadonlyMap<number, Intervals>
  close(): void
}

/** Throws OB_SOURCE when the block as a whole cannot be read. */
export function openBlock(cache: FileCache, meta: BlockMeta): Block {
  const chunks = openChunks(cache, join(meta.folder, 'chunks'))
  try {
    const file = cache.open(join(meta.folder, 'index'))
    try {
      const tombstones = readTombstones(cache, join(meta.folder, 'tombstones'))
      const index = openIndex(file)
      return {
        meta,
        index,
        chunks,
        tombstones,
        close() {
          index.close()
          chunks.close()
        },
      }
    } catch (error) {
      file.close()
      throw error
    }
  } catch (error) {
    chunks.close()
    throw error
  }
}
