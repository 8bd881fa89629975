/** The queue alone: putters that wait for each answer, for each living destination one taker that settles what it takes. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Ack } from '../src/emit/config.ts'
import { createDiskQueue } from '../src/emit/queue/disk.ts'
import { createMemoryQueue } from '../src/emit/queue/memory.ts'
import type { Lane, Queue } from '../src/emit/queue/queue.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { createMetrics } from '../src/telemetry/metrics.ts'

export interface QueueCase {
  /** `queue/disk-durable/80-kB/4-putters` */
  readonly name: string
  /** `memory` is a queue in memory, the others are disk queues by what they acknowledge. */
  readonly mode: 'memory' | `disk-${Ack}`
  readonly bytes: number
  readonly putters: number
  /** Of two destinations both take what they get, or only the first does; absent: there is one. */
  readonly second?: 'alive' | 'dead'
  /** Beside each batch an envelope of as many bytes for a mirror, which takes them, and an account of 24 bytes for both. */
  readonly mirrored?: boolean
}

export interface QueueRow {
  readonly name: string
  readonly putsPerSecond: number
  readonly megabytesPerSecond: number
  /** CPU of the whole process, both threads, put and removal. */
  readonly cpuMsPerPut: number
  /** From the put to its answer, the mean. */
  readonly latencyMs: number
  /** From the put until the first destination is handed the batch, the mean, to the millisecond. */
  readonly handedOutMs: number
  /** The longest the event loop was late. */
  readonly loopLateMs: number
  readonly rssMegabytes: number
}

const oneDestination: readonly QueueCase[] = (['memory', 'disk-durable', 'disk-written', 'disk-memory'] as const).flatMap((mode) =>
  [80_000, 4000].flatMap((bytes) =>
    [4, 16].map((putters) => ({ name: `queue/${mode}/${bytes / 1000}-kB/${putters}-putters`, mode, bytes, putters })),
  ),
)

const twoDestinations: readonly QueueCase[] = (['memory', 'disk-durable'] as const).flatMap((mode) =>
  [80_000, 4000].flatMap((bytes) =>
    (['alive', 'dead'] as const).map((second) => ({
      name: `queue/${mode}/${bytes / 1000}-kB/4-putters/2-destinations-${second === 'alive' ? 'both-alive' : 'one-dead'}`,
      mode,
      bytes,
      putters: 4,
      second,
    })),
  ),
)

const mirrored: readonly QueueCase[] = (['memory', 'disk-durable', 'disk-memory'] as const).flatMap((mode) =>
  [80_000, 4000].map((bytes) => ({
    name: `queue/${mode}/${bytes / 1000}-kB/4-putters/with-envelope`,
    mode,
    bytes,
    putters: 4,
    mirrored: true,
  })),
)

export const queueCases: readonly QueueCase[] = [...oneDestination, ...twoDestinations, ...mirrored]

const mirror = 'mirror.bench'

const openQueue = (mode: QueueCase['mode'], path: string, destinations: readonly string[]): Promise<Queue> => {
  const lanes = destinations.map((destination) => ({ destination, whenFull: 'refuse' as const, mirror: destination === mirror }))
  const deps = { metrics: createMetrics(), log: silentLog, nowMs: Date.now }
  if (mode === 'memory') return Promise.resolve(createMemoryQueue({ lanes, maxSize: 2 ** 31, ack: 'memory' }, deps))
  const ack = mode.slice('disk-'.length) as Ack
  return createDiskQueue({ path, lanes, maxSize: 2 ** 33, ack, memoryTail: 16 * 2 ** 20, ballast: 0 }, deps)
}

/** Puts for `seconds`, then drains. The state folder is below the system's temporary folder and removed. */
export async function measureQueue(
  { name, mode, bytes, putters, second, mirrored = false }: QueueCase,
  seconds: number,
): Promise<QueueRow> {
  const path = mkdtempSync(join(tmpdir(), 'otlp-bridge-bench-'))
  const destinations = second === undefined ? ['first'] : ['first', 'second']
  const queue = await openQueue(mode, path, mirrored ? [...destinations, mirror] : destinations)
  const everyone = [...destinations.keys()]
  const answeredAtOnce = mode === 'memory' || mode === 'disk-memory'
  const account = new Uint8Array(24)
  let stopped = false
  let puts = 0
  let waitedMs = 0
  let ageMs = 0
  const put = async (): Promise<void> => {
    while (!stopped) {
      const before = performance.now()
      // As an encoder would hand it over: fresh bytes each time.
      const data = new Uint8Array(bytes)
      data.fill(puts & 0xff)
      const otlp = { format: 'bench', signal: 'traces' as const, items: 1, data }
      if (mirrored) {
        const envelope = { ...otlp, signal: 'legacy' as const, mirror, data: new Uint8Array(data), account }
        await queue.put([
          { batch: { ...otlp, account }, lanes: everyone },
          { batch: envelope, lanes: [everyone.length] },
        ])
      } else await queue.put([{ batch: otlp, lanes: everyone }])
      waitedMs += performance.now() - before
      puts++
      if (answeredAtOnce && (puts & 15) === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const take = async (lane: Lane, isFirst: boolean): Promise<void> => {
    while (!stopped || lane.stats().batches > 0) {
      const taken = await lane.take({ maxItems: 64, maxBytes: 4 * 2 ** 20 })
      if (isFirst) for (const { queuedAtMs } of taken) ageMs += Date.now() - queuedAtMs
      if (taken.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      else void lane.settle(taken)
    }
  }
  const startedMs = performance.now()
  const cpu = process.cpuUsage()
  let loopLateMs = 0
  let tick = performance.now()
  const lag = setInterval(() => {
    loopLateMs = Math.max(loopLateMs, performance.now() - tick - 5)
    tick = performance.now()
  }, 5)
  const takers = queue.lanes
    .filter(({ destination }) => destination !== 'second' || second === 'alive')
    .map((lane, at) => take(lane, at === 0))
  const all = [...takers, ...Array.from({ length: putters }, put)]
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  stopped = true
  await Promise.all(all)
  const elapsed = (performance.now() - startedMs) / 1000
  const used = process.cpuUsage(cpu)
  clearInterval(lag)
  await queue.close()
  rmSync(path, { recursive: true, force: true })
  return {
    name,
    putsPerSecond: puts / elapsed,
    megabytesPerSecond: (puts * bytes) / elapsed / 1e6,
    cpuMsPerPut: (used.user + used.system) / 1000 / puts,
    latencyMs: waitedMs / puts,
    handedOutMs: ageMs / puts,
    loopLateMs,
    rssMegabytes: process.memoryUsage.rss() / 1e6,
  }
}
