/** What several workers say, as if one had said it. */

import type { DestinationStatus, LaneStatus, QueueStatus } from '../admin/status.ts'
import type { ProcessUsage } from '../telemetry/exposition.ts'
import type { Reason } from '../telemetry/health.ts'
import type { WorkerReport } from './protocol.ts'

interface Said {
  readonly worker: number
  readonly report: WorkerReport
}

/** Two workers say the same a second apart, so figures do not count. */
const keyOf = ({ part, reason }: Reason): string => `${part}\n${reason.replace(/\d+/g, '0')}`

/** Each reason once; with the workers that give it, unless all do. */
export function joinReasons(said: readonly Said[], pick: (report: WorkerReport) => readonly Reason[]): Reason[] {
  const found = new Map<string, { reason: Reason; workers: number[] }>()
  for (const { worker, report } of said) {
    for (const reason of pick(report)) {
      const same = found.get(keyOf(reason))
      if (same === undefined) found.set(keyOf(reason), { reason, workers: [worker] })
      else if (!same.workers.includes(worker)) same.workers.push(worker)
    }
  }
  return [...found.values()].map(({ reason: { part, reason }, workers }) => {
    if (workers.length === said.length) return { part, reason }
    return { part, reason: `${reason} (${workers.length === 1 ? 'worker' : 'workers'} ${workers.join(', ')})` }
  })
}

const total = <T>(list: readonly T[], pick: (one: T) => number): number => list.reduce((sum, one) => sum + pick(one), 0)

const largest = <T>(list: readonly T[], pick: (one: T) => number | undefined): number | undefined => {
  const known = list.flatMap((one) => pick(one) ?? [])
  return known.length === 0 ? undefined : Math.max(...known)
}

/** @param shared true for one store on disk: each worker sees its limit and its dead letters */
function joinLanes<Lane extends LaneStatus>(first: Lane, lanes: readonly Lane[], shared: boolean): Lane {
  const oldestMs = largest(lanes, (one) => one.oldestMs)
  const { oldestMs: _, ...rest } = first
  return {
    ...(rest as Lane),
    batches: total(lanes, (one) => one.batches),
    items: total(lanes, (one) => one.items),
    bytes: total(lanes, (one) => one.bytes),
    maxBytes: shared ? first.maxBytes : total(lanes, (one) => one.maxBytes),
    deadItems: shared ? Math.max(...lanes.map((one) => one.deadItems)) : total(lanes, (one) => one.deadItems),
    ...(oldestMs === undefined ? {} : { oldestMs }),
  }
}

/** Queues of workers: on disk they are one store with one limit, in memory each has its own. Undefined when no worker runs. */
export function joinQueues(queues: readonly QueueStatus[]): QueueStatus | undefined {
  const [first] = queues
  if (first === undefined) return undefined
  const fault = queues.find((one) => one.fault !== undefined)?.fault
  return { ...joinLanes(first, queues, first.type === 'disk'), ...(fault === undefined ? {} : { fault }) }
}

/** Destinations by name, in the first worker's order, each with the first fault there is. @param shared as in {@link joinQueues} */
export function joinDestinations(lists: readonly (readonly DestinationStatus[])[], shared: boolean): DestinationStatus[] {
  const byName = Map.groupBy(lists.flat(), ({ name }) => name)
  return [...byName.values()].flatMap((list) => {
    const [first] = list
    if (first === undefined) return []
    const lanes = list.flatMap(({ queue }) => queue ?? [])
    const [lane] = lanes
    const fault = list.find((one) => one.fault !== undefined)?.fault
    return {
      ...first,
      ...(lane === undefined ? {} : { queue: joinLanes(lane, lanes, shared) }),
      ...(fault === undefined ? {} : { fault }),
    }
  })
}

/** Sum of what processes use. */
export function joinUsage(usages: readonly ProcessUsage[]): ProcessUsage {
  return {
    cpuSeconds: total(usages, (one) => one.cpuSeconds),
    residentBytes: total(usages, (one) => one.residentBytes),
    heapUsedBytes: total(usages, (one) => one.heapUsedBytes),
  }
}
