/**
 * The queue alone: putters that wait for each answer, one taker that settles what it takes.
 * `node bench/queue.ts [seconds per row]` prints a table; CPU is of the whole process, both threads, put and removal.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Ack } from '../src/emit/config.ts'
import { createDiskQueue } from '../src/emit/queue/disk.ts'
import { createMemoryQueue } from '../src/emit/queue/memory.ts'
import type { Queue } from '../src/emit/queue/queue.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { createMetrics } from '../src/telemetry/metrics.ts'

interface Case {
  readonly mode: 'memory queue' | `disk ${Ack}`
  readonly bytes: number
  readonly putters: number
}

const seconds = Number(process.argv[2] ?? 2)

const cases: Case[] = []
for (const mode of ['memory queue', 'disk durable', 'disk written', 'disk memory'] as const) {
  for (const bytes of [80_000, 4000]) for (const putters of [4, 16]) cases.push({ mode, bytes, putters })
}

const openQueue = (mode: Case['mode'], path: string): Promise<Queue> => {
  const deps = { metrics: createMetrics(), log: silentLog, nowMs: Date.now }
  if (mode === 'memory queue') return Promise.resolve(createMemoryQueue({ maxSize: 2 ** 30, ack: 'memory' }, deps))
  const ack = mode.slice('disk '.length) as Ack
  return createDiskQueue({ path, maxSize: 2 ** 33, ack, memoryTail: 16 * 2 ** 20, ballast: 0 }, deps)
}

const run = async ({ mode, bytes, putters }: Case) => {
  const path = mkdtempSync(join(tmpdir(), 'otlp-bridge-bench-'))
  const queue = await openQueue(mode, path)
  let stopped = false
  let puts = 0
  let waitedMs = 0
  const put = async (): Promise<void> => {
    while (!stopped) {
      const before = performance.now()
      // As an encoder would hand it over: fresh bytes each time.
      const data = new Uint8Array(bytes)
      data.fill(puts & 0xff)
      await queue.put({ format: 'bench', signal: 'traces', items: 1, data })
      waitedMs += performance.now() - before
      puts++
      if (mode !== 'disk durable' && mode !== 'disk written' && (puts & 15) === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const take = async (): Promise<void> => {
    while (!stopped || queue.stats().batches > 0) {
      const taken = await queue.take({ maxItems: 64, maxBytes: 4 * 2 ** 20 })
      if (taken.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      else void queue.settle(taken)
    }
  }
  const startedMs = performance.now()
  const cpu = process.cpuUsage()
  let lateMs = 0
  let tick = performance.now()
  const lag = setInterval(() => {
    lateMs = Math.max(lateMs, performance.now() - tick - 5)
    tick = performance.now()
  }, 5)
  const all = [take(), ...Array.from({ length: putters }, put)]
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  stopped = true
  await Promise.all(all)
  const elapsed = (performance.now() - startedMs) / 1000
  const used = process.cpuUsage(cpu)
  clearInterval(lag)
  await queue.close()
  rmSync(path, { recursive: true, force: true })
  return {
    mode,
    bytes,
    putters,
    'puts/s': Math.round(puts / elapsed),
    'MB/s': Math.round((puts * bytes) / elapsed / 1e6),
    'CPU ms/put': ((used.user + used.system) / 1000 / puts).toFixed(3),
    'latency ms': (waitedMs / puts).toFixed(2),
    'loop late ms': lateMs.toFixed(0),
    'RSS MB': Math.round(process.memoryUsage.rss() / 1e6),
  }
}

const rows = []
for (const one of cases) rows.push(await run(one))
console.table(rows)
