/** How many items a second each worker receives, over the last seconds. */

import type { WorkerReport } from './protocol.ts'

export interface Rates {
  note(worker: number, report: WorkerReport): void
  /** Items a second; 0 until two reports of one process are known. */
  of(worker: number): number
}

const windowMs = 5000

const receivedIn = ({ series }: WorkerReport): number => {
  let sum = 0
  for (const [name, cells] of series) {
    if (name !== 'otlp_bridge_received_items_total') continue
    for (const cell of cells) if ('value' in cell) sum += cell.value
  }
  return sum
}

/** Starts with nothing known. */
export function createRates(nowMs: () => number): Rates {
  const seen = new Map<number, { atMs: number; items: number }[]>()
  return {
    note(worker, report) {
      let points = seen.get(worker)
      if (points === undefined) seen.set(worker, (points = []))
      const items = receivedIn(report)
      // A new process of the same worker begins at nothing.
      if (items < (points.at(-1)?.items ?? 0)) points.length = 0
      points.push({ atMs: nowMs(), items })
      while (points.length > 2 && nowMs() - (points[0]?.atMs ?? 0) > windowMs) points.shift()
    },
    of(worker) {
      const points = seen.get(worker) ?? []
      const [first, last] = [points[0], points.at(-1)]
      if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0
      return Math.round(((last.items - first.items) * 1000) / (last.atMs - first.atMs))
    },
  }
}
