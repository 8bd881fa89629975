/** How many bytes of pages are in memory: pages are made small before a run begins, and fewer slices go at a time while it runs (3.4). */

/** Of a run, by default. */
export const memoryBudget = 192 * 2 ** 20

/** Most items and bytes of a page. */
export const largestPage = { items: 2000, bytes: 4 * 2 ** 20 } as const

/** Most items where pages go into files: each costs a commit and a flush, and nobody minds its size. */
export const largestFilePage = 6000

const leastBytes = 256 * 2 ** 10

/** Per byte of a page that was read: its text, and the objects it becomes while it is translated, one page at a time. */
const decodedFactor = 8
/** Per byte read: what waits translated, and what is out, with its copy in the connection. */
const encodedFactor = 3

/**
 * How large pages may be for so many slices at a time: smaller pages before fewer slices. To be kept with the run (`RunMeta.page`): pages of another size
 * would not be the same pages after a stop. @param items the most of a page: {@link largestFilePage} for files
 */
export function pageLimits(
  parallel: number,
  budget: number = memoryBudget,
  items: number = largestPage.items,
): { readonly items: number; readonly bytes: number } {
  const bytes = Math.floor(budget / (decodedFactor + 2 * encodedFactor * Math.max(1, parallel)))
  return { items, bytes: Math.max(leastBytes, Math.min(largestPage.bytes, bytes)) }
}

export interface MemoryBudget {
  /** A page was translated: what it took. */
  measured(bytesIn: number, bytesOut: number): void
  /** How many slices fit, out of `most`; at least 1. */
  slots(most: number): number
}

/** Concurrency by the pages that were met: it falls at once for a large one, and rises again as large ones are forgotten. */
export function createMemoryBudget(budget: number = memoryBudget): MemoryBudget {
  let decoded = 0
  let encoded = 0
  return {
    measured(bytesIn, bytesOut) {
      decoded = Math.max(bytesIn * decodedFactor, decoded * 0.99)
      // One is out, the next waits; each is there once more in the connection.
      encoded = Math.max(bytesOut * 2 + Math.max(bytesIn, bytesOut), encoded * 0.99)
    },
    slots(most) {
      if (encoded === 0) return most
      return Math.max(1, Math.min(most, Math.floor((budget - Math.min(decoded, budget)) / encoded)))
    },
  }
}
