/** What counters grew by within the last 24 hours, hour by hour. */

const hourMs = 3_600_000
const hoursKept = 24

export interface DayCounts {
  /** @param total the counter as it is now; it begins at 0 with the process. Returns its growth within the last 24 to 26 hours or, where nobody looked then, since the look before. */
  growth(key: string, total: number): number
}

export function createDayCounts(nowMs: () => number): DayCounts {
  /** Totals as they were when somebody looked last in an hour. */
  const notes = new Map<string, Map<number, number>>()
  const firstHour = Math.floor(nowMs() / hourMs)
  return {
    growth(key, total) {
      const hour = Math.floor(nowMs() / hourMs)
      let known = notes.get(key)
      if (known === undefined) notes.set(key, (known = new Map([[firstHour - 1, 0]])))
      known.set(hour, total)
      // Where nobody looked at the right time the last look before it has to do: rather too much than too little.
      const before = [...known.keys()].filter((one) => one < hour - hoursKept)
      const base = before.length === 0 ? Math.min(...known.keys()) : Math.max(...before)
      for (const one of before) if (one !== base) known.delete(one)
      return total - (known.get(base) ?? 0)
    },
  }
}
