/** Data of stored batches that is kept in memory as well, up to a budget, so that it need not be read from the disk again. */

import { letGo, type Recycle } from './holders.ts'
import type { Entry } from './waiting.ts'

export interface Tail {
  /** Leaves the data with its entry if there is room; the disk has it anyway. */
  keep(entry: Entry): void
  /** Data that was read back because its turn has come: kept whatever the budget. */
  readBack(entry: Entry, data: Uint8Array): void
  /** @param isFree false: a connection may still be reading the data */
  drop(entry: Entry, isFree: boolean): void
  isOver(): boolean
}

/** @param budgetBytes what is kept at the most, what is under way not counted */
export function createTail(budgetBytes: number, recycle: Recycle | undefined): Tail {
  let bytes = 0
  return {
    keep(entry) {
      if (bytes + entry.bytes > budgetBytes) letGo(entry, true, recycle)
      else bytes += entry.bytes
    },
    readBack(entry, data) {
      entry.data = data
      bytes += entry.bytes
    },
    drop(entry, isFree) {
      if (entry.stored && entry.data !== undefined) bytes -= entry.bytes
      letGo(entry, isFree, recycle)
    },
    isOver: () => bytes > budgetBytes,
  }
}
