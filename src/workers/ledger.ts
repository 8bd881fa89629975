/** What a bridge with several workers counts and says of itself: its own cells, those of the living, and what stays of the dead. */

import type { DestinationStatus, QueueStatus } from '../admin/status.ts'
import { ownUsage, type ProcessUsage } from '../telemetry/exposition.ts'
import { createBooksCheck, createHealth, type Health } from '../telemetry/health.ts'
import { createMetrics, type Metrics } from '../telemetry/metrics.ts'
import { joinDestinations, joinQueues, joinReasons, joinUsage } from './gather.ts'
import { createInheritance } from './inheritance.ts'
import type { PlainSeries, WorkerReport } from './protocol.ts'
import { countersOf, joinSeries, plainSeries } from './series.ts'

export interface LedgerDeps {
  /** False for a queue in memory. */
  readonly survives: boolean
  readonly living: () => readonly { readonly worker: number; readonly report: WorkerReport }[]
  readonly nowMs: () => number
}

export interface Ledger {
  /** Counting goes to cells of this process; reading gives the sum over all of them. */
  readonly metrics: Metrics
  /** Its own parts, and what the workers say of theirs. */
  readonly health: Health
  queue(): QueueStatus
  destinations(): readonly DestinationStatus[]
  usage(): ProcessUsage
  /** A process ended, and this is what it said last. */
  died(last: WorkerReport): void
}

const noQueue: QueueStatus = { type: '', ack: '', batches: 0, items: 0, bytes: 0, maxBytes: 0, deadItems: 0 }

/** Creates the ledger of a bridge whose workers have not started yet. */
export function createLedger({ survives, living, nowMs }: LedgerDeps): Ledger {
  const own = createMetrics()
  const inheritance = createInheritance(survives, nowMs)
  let ofTheDead: PlainSeries = []
  let cpuOfTheDead = 0
  let lastQueue: QueueStatus = noQueue
  let lastDestinations: readonly DestinationStatus[] = []

  const destinations = (): readonly DestinationStatus[] => {
    const lists = living().map(({ report }) => report.destinations)
    if (lists.length > 0) lastDestinations = joinDestinations(lists, survives)
    return lastDestinations
  }

  const joined = (): Metrics => {
    const parts = [plainSeries(own.collect()), ofTheDead, ...living().map(({ report }) => report.series)]
    const all = joinSeries(
      parts,
      destinations().map(({ name }) => name),
    )
    inheritance.correct(all)
    return all
  }

  const metrics: Metrics = { ...own, collect: () => joined().collect(), sums: () => joined().sums(), total: (name) => joined().total(name) }
  const parts = createHealth()
  parts.watch('books', createBooksCheck(metrics.sums, nowMs))

  return {
    metrics,
    health: {
      ...parts,
      reasons: () => [...parts.reasons(), ...joinReasons(living(), ({ reasons }) => reasons)],
      warnings: () => [...parts.warnings(), ...joinReasons(living(), ({ warnings }) => warnings)],
    },
    queue() {
      lastQueue = joinQueues(living().map(({ report }) => report.queue)) ?? lastQueue
      return lastQueue
    },
    destinations,
    usage() {
      const all = joinUsage([ownUsage(), ...living().map(({ report }) => report.usage)])
      return { ...all, cpuSeconds: all.cpuSeconds + cpuOfTheDead }
    },
    died(last) {
      inheritance.died(
        joinSeries(
          [last.series],
          last.destinations.map(({ name }) => name),
        ).sums(),
      )
      const none = [] as const
      ofTheDead = plainSeries(joinSeries([ofTheDead, countersOf(last.series)], none).collect())
      cpuOfTheDead += last.usage.cpuSeconds
    },
  }
}
