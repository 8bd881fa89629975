/** Which indices the items of a piece were meant for: the keys that the books of the cutover go by. */

import type { ServiceCount } from '../../otlp/batch.ts'

const none: readonly ServiceCount[] = []

/** Names that are told apart in one piece; items of further ones are not counted. */
const mostIndices = 1024

/** Items by index. Documents of one index mostly come one after the other. */
export class IndexCounts {
  private readonly counts = new Map<string, number>()
  private last: string | undefined = undefined
  private run = 0

  /** @param index undefined: not known, and not counted */
  add(index: string | undefined, items: number): void {
    if (index !== this.last) {
      this.close()
      this.last = index
    }
    this.run += items
  }

  /** What was counted; begins anew. */
  take(): readonly ServiceCount[] {
    this.close()
    if (this.counts.size === 0) return none
    const list = [...this.counts].map(([service, items]) => ({ service, items }))
    this.counts.clear()
    return list
  }

  clear(): void {
    this.counts.clear()
    this.last = undefined
    this.run = 0
  }

  private close(): void {
    const { counts, last, run } = this
    this.last = undefined
    this.run = 0
    if (last === undefined || run === 0) return
    const before = counts.get(last)
    if (before !== undefined || counts.size < mostIndices) counts.set(last, (before ?? 0) + run)
  }
}
