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

/** Queues of workers: on disk they are one store with one limit, in memory each has its own. Undefined when no worker runs. */
export function joinQueues(queues: readonly QueueStatus[]): QueueStatus | undefined {
  const [first] = queues
  if (first === undefined) return undefined
  const shared = first.type === 'disk'
  const oldestMs = largest(queues, (one) => one.oldestMs)
  const fault = queues.find((one) => one.fault !== undefined)?.fault
  const { oldestMs: _, fault: __, ...rest } = first
  return {
    ...rest,
    batches: total(queues, (one) => one.batches),
    items: total(queues, (one) => one.items),
    bytes: total(queues, (one) => one.bytes),
    maxBytes: shared ? first.maxBytes : total(queues, (one) => one.maxBytes),
    deadItems: shared ? Math.max(...queues.map((one) => one.deadItems)) : total(queues, (one) => one.deadItems),
    ...(oldestMs === undefined ? {} : { oldestMs }),
    ...(fault === undefined ? {} : { fault }),
  }
}

const joinLanes = (lanes: readonly LaneStatus[]): LaneStatus | undefined => {
  const [first] = lanes
  if (first === undefined) return undefined
  const oldestMs = largest(lanes, (one) => one.oldestMs)
  return {
    batches: total(lanes, (one) => one.batches),
    items: total(lanes, (one) => one.items),
    bytes: total(lanes, (one) => one.bytes),
    maxBytes: first.maxBytes,
    deadItems: Math.max(...lanes.map((one) => one.deadItems)),
    ...(oldestMs === undefined ? {} : { oldestMs }),
  }
}

/** Destinations by name, in the first worker's order; the first fault of each, and what waits for it in all. */
export function joinDestinations(lists: readonly (readonly DestinationStatus[])[]): DestinationStatus[] {
  const found = new Map<string, DestinationStatus>()
  for (const one of lists.flat()) {
    const same = found.get(one.name)
    if (same === undefined || (same.fault === undefined && one.fault !== undefined)) found.set(one.name, one)
  }
  return [...found.values()].map((one) => {
    const queue = joinLanes(lists.flat().flatMap((other) => (other.name === one.name ? (other.queue ?? []) : [])))
    return queue === undefined ? one : { ...one, queue }
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
