/** Queues for tests: a folder that vanishes, batches that can be told apart, draining. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createDiskQueue, type DiskQueueOptions } from '../../../src/emit/queue/disk.ts'
import type { Lane, LaneOptions, Queue } from '../../../src/emit/queue/queue.ts'
import { silentLog } from '../../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts'
import { batch, numberOf, type OneLane, oneLane, onlyLane } from '../../crash/numbered.ts'

export { batch, numberOf, oneLane, onlyLane } from '../../crash/numbered.ts'

/** A state folder that is removed when the test ends. */
export function stateFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'otlp-bridge-test-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export interface OpenQueue {
  readonly queue: OneLane
  readonly metrics: Metrics
}

/** Opens a disk queue that is closed when the test ends. Without ballast, so that it opens fast. */
export async function openDisk(path: string, options: Partial<DiskQueueOptions> = {}): Promise<OpenQueue> {
  const metrics = createMetrics()
  const settings: DiskQueueOptions = {
    path,
    lanes: onlyLane,
    maxSize: 2 ** 30,
    ack: 'durable',
    memoryTail: 2 ** 24,
    ballast: 0,
    adoptEveryMs: 200,
    ...options,
  }
  const queue = await createDiskQueue(settings, { metrics, log: silentLog, nowMs: Date.now })
  onTestFinished(() => queue.close())
  return { queue: oneLane(queue), metrics }
}

export interface OpenLanes {
  readonly queue: Queue
  readonly metrics: Metrics
  /** Lines of the log, with what stands beside them. */
  readonly lines: string[]
  lane(name: string): Lane
  /** For all lanes, or for those at these places. */
  put(number: number, bytes?: number, lanes?: readonly number[]): Promise<void>
}

/** A lane by its destination. */
export function laneOf(queue: Queue, name: string): Lane {
  const found = queue.lanes.find((one) => one.destination === name)
  if (found === undefined) throw new Error(`no lane ${name}`)
  return found
}

/** Destinations by name; a name that ends with `?` drops when it is full. */
export const lanesNamed = (...names: readonly string[]): LaneOptions[] =>
  names.map((name) => ({ destination: name.replace('?', ''), whenFull: name.endsWith('?') ? 'drop' : 'refuse' }))

/** A disk queue with several destinations, closed when the test ends. What is put counts as received. */
export async function openLanes(path: string, names: readonly string[], options: Partial<DiskQueueOptions> = {}): Promise<OpenLanes> {
  const metrics = createMetrics()
  const lines: string[] = []
  const line = (fields: object, text: string): void => void lines.push(`${text} ${JSON.stringify(fields)}`)
  const log = { trace: line, debug: line, info: line, warn: line, error: line }
  const queue = await createDiskQueue(
    { path, lanes: lanesNamed(...names), maxSize: 2 ** 30, ack: 'durable', memoryTail: 2 ** 24, ballast: 0, adoptEveryMs: 200, ...options },
    { metrics, log, nowMs: Date.now },
  )
  onTestFinished(() => queue.close())
  return { queue, metrics, lines, lane: (name) => laneOf(queue, name), put: countedPut(queue, metrics) }
}

/** Puts numbered batches as a listener does: they count as received, and as refused when they are not taken. */
export function countedPut(queue: Queue, metrics: Metrics): OpenLanes['put'] {
  return async (number, bytes = 1000, lanes = [...queue.lanes.keys()]) => {
    const one = batch(number, bytes)
    const books = metrics.books(one.format, one.signal)
    books.received.value++
    try {
      await queue.put([{ batch: one, lanes }])
    } catch (error) {
      books.refused('queue').value++
      throw error
    }
  }
}

/** The books of each destination: its name and what of it is not 0. */
export const booksByDestination = (metrics: Metrics): Record<string, Record<string, number>> =>
  Object.fromEntries(
    metrics
      .sums()
      .map(({ format, signal, destination, ...sums }) => [
        destination,
        Object.fromEntries(Object.entries(sums).filter(([, value]) => value !== 0)),
      ]),
  )

/** Takes and settles all that waits; the numbers in the order they came. */
export async function drain(queue: Pick<Lane, 'take' | 'settle'>): Promise<number[]> {
  const numbers: number[] = []
  const settled: Promise<void>[] = []
  for (;;) {
    const taken = await queue.take({ maxItems: 100, maxBytes: 2 ** 22 })
    if (taken.length === 0) break
    numbers.push(...taken.map(numberOf))
    settled.push(queue.settle(taken))
  }
  await Promise.all(settled)
  return numbers
}

export const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at)

/** Waits until it holds; for what happens on another thread or in another process. */
export async function until(holds: () => boolean | Promise<boolean>, withinMs = 8000): Promise<void> {
  const end = Date.now() + withinMs
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`it did not come to be within ${withinMs} ms: ${holds}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
