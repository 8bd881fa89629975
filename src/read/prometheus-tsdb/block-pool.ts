/** Blocks that are open, shared by all who read them; a few stay open for the next one. */

import { type Block, openBlock } from './block.ts'
import type { FileCache } from './file-cache.ts'
import type { BlockMeta } from './meta.ts'

export interface BlockPool {
  /** Throws OB_SOURCE when it cannot be read. To be given back with `release`. */
  acquire(meta: BlockMeta): Block
  release(block: Block): void
  close(): void
}

interface Held {
  readonly block: Block
  users: number
}

/** @param idle blocks that stay open though nobody reads them */
export function createBlockPool(cache: FileCache, idle = 3): BlockPool {
  // In order of last use.
  const held = new Map<string, Held>()

  const trim = (keep: number): void => {
    let unused = 0
    for (const { users } of held.values()) if (users === 0) unused++
    for (const [ulid, one] of held) {
      if (unused <= keep) return
      if (one.users > 0) continue
      held.delete(ulid)
      one.block.close()
      unused--
    }
  }

  return {
    acquire(meta) {
      const found = held.get(meta.ulid)
      const one = found ?? { block: openBlock(cache, meta), users: 0 }
      one.users++
      held.delete(meta.ulid)
      held.set(meta.ulid, one)
      return one.block
    },
    release(block) {
      const one = held.get(block.meta.ulid)
      if (one === undefined) return
      one.users--
      trim(idle)
    },
    close: () => {
      for (const { block } of held.values()) block.close()
      held.clear()
    },
  }
}
