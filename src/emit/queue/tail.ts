/** Data of stored batches that is kept in memory as well, up to a budget, so that it need not be read from the disk again. */

import type { Entry } from './waiting.ts'

export interface Tail {
  /** Keeps the data with its entry if there is room; the disk has it anyway. */
  keep(entry: Entry, data: Uint8Array): void
  /** Data that was read back because its turn has come: kept whatever the budget. */
  readBack(entry: Entry, data: Uint8Array): void
  drop(entry: Entry): void
  isOver(): boolean
}

/** @param budgetBytes what is kept at the most, what is under way not counted */
export function createTail(budgetBytes: number): Tail {
  let bytes = 0
  const hold = (entry: Entry, data: Uint8Array): void => {
    entry.data = data
    bytes += entry.bytes
  }
  return {
    keep(entry, data) {
      if (bytes + entry.bytes > budgetBytes) entry.data = undefined
      else hold(entry, data)
    },
    readBack: hold,
    drop(entry) {
      if (entry.stored && entry.data !== undefined) bytes -= entry.bytes
      entry.data = undefined
    },
    isOver: () => bytes > budgetBytes,
  }
}
