/**
 * `node bench/staging.ts [PARTS=100] [BYTES=1000000] [ROUNDS=5] [durable|written]`: one request of many parts, staged and committed, beside as
 * many puts one after the other and four at a time; then what it takes to empty the queue. Medians. The state folder is below the system's
 * temporary folder and removed.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDiskQueue } from '../src/emit/queue/disk.ts'
import type { Queue, RoutedBatch } from '../src/emit/queue/queue.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { createMetrics } from '../src/telemetry/metrics.ts'

const [parts = 100, bytes = 1_000_000, rounds = 5] = process.argv.slice(2, 5).map(Number)
const ack = process.argv[5] === 'written' ? 'written' : 'durable'

const part = (): RoutedBatch => ({ batch: { format: 'bench', signal: 'logs', items: 1, data: new Uint8Array(bytes).fill(7) }, lanes: [0] })

interface Way {
  fill(queue: Queue): Promise<void>
  /** How long the last step took, in milliseconds. */
  readonly lastMs: number
}

const ways: Record<string, () => Way> = {
  'put, one by one': () => ({
    async fill(queue) {
      for (let at = 0; at < parts; at++) await queue.put([part()])
    },
    lastMs: 0,
  }),
  'put, four at a time': () => ({
    async fill(queue) {
      let left = parts
      const putter = async (): Promise<void> => {
        while (left-- > 0) await queue.put([part()])
      }
      await Promise.all([putter(), putter(), putter(), putter()])
    },
    lastMs: 0,
  }),
  'staged, one commit': () => {
    const way = {
      lastMs: 0,
      async fill(queue: Queue) {
        const staging = queue.stage()
        for (let at = 0; at < parts; at++) await staging.add([part()])
        const beganMs = performance.now()
        await staging.commit()
        way.lastMs = performance.now() - beganMs
      },
    }
    return way
  },
  'staged, discarded': () => {
    const way = {
      lastMs: 0,
      async fill(queue: Queue) {
        const staging = queue.stage()
        for (let at = 0; at < parts; at++) await staging.add([part()])
        const beganMs = performance.now()
        staging.discard()
        // Behind the removal.
        await queue.put([part()])
        way.lastMs = performance.now() - beganMs
      },
    }
    return way
  },
}

const drain = async (queue: Queue): Promise<void> => {
  const [lane] = queue.lanes
  const settled: Promise<void>[] = []
  for (;;) {
    const taken = (await lane?.take({ maxItems: 64, maxBytes: 4 * 2 ** 20 })) ?? []
    if (taken.length === 0) break
    settled.push(lane?.settle(taken) ?? Promise.resolve())
  }
  await Promise.all(settled)
}

const timed = async (work: () => Promise<void>) => {
  const cpu = process.cpuUsage()
  const beganMs = performance.now()
  await work()
  const wallMs = performance.now() - beganMs
  const used = process.cpuUsage(cpu)
  return { wallMs, cpuMs: (used.user + used.system) / 1000 }
}

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
const shown = (numbers: readonly number[]): number => Math.round(median(numbers) * 10) / 10

const only = process.argv[6]
for (const [name, create] of Object.entries(ways)) {
  if (only !== undefined && !name.includes(only)) continue
  const seen = {
    fillWall: [] as number[],
    fillCpu: [] as number[],
    last: [] as number[],
    drainWall: [] as number[],
    drainCpu: [] as number[],
  }
  let rss = 0
  const watch = setInterval(() => void (rss = Math.max(rss, process.memoryUsage.rss())), 5)
  for (let round = 0; round < rounds; round++) {
    const path = mkdtempSync(join(tmpdir(), 'otlp-bridge-bench-'))
    const queue = await createDiskQueue(
      { path, lanes: [{ destination: 'first', whenFull: 'refuse' }], maxSize: 2 ** 33, ack, memoryTail: 16 * 2 ** 20, ballast: 0 },
      { metrics: createMetrics(), log: silentLog, nowMs: Date.now },
    )
    const way = create()
    const filled = await timed(() => way.fill(queue))
    const drained = await timed(() => drain(queue))
    seen.fillWall.push(filled.wallMs)
    seen.fillCpu.push(filled.cpuMs)
    seen.last.push(way.lastMs)
    seen.drainWall.push(drained.wallMs)
    seen.drainCpu.push(drained.cpuMs)
    await queue.close()
    rmSync(path, { recursive: true, force: true })
  }
  clearInterval(watch)
  console.log(
    `${name.padEnd(20)}  stored in ${shown(seen.fillWall)} ms (${shown(seen.fillCpu)} ms CPU, the last step ${shown(seen.last)} ms), emptied in ${shown(seen.drainWall)} ms (${shown(seen.drainCpu)} ms CPU), ${Math.round(rss / 1e6)} MB at the most`,
  )
}
