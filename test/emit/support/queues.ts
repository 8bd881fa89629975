/** Queues for tests: a folder that vanishes, batches that can be told apart, draining. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createDiskQueue, type DiskQueueOptions } from '../../../src/emit/queue/disk.ts'
import type { Lane } from '../../../src/emit/queue/queue.ts'
import { silentLog } from '../../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts'
import { numberOf, type OneLane, oneLane, onlyLane } from '../../crash/numbered.ts'

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
