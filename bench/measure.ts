/** Measures one case: CPU in many short windows, then what it allocates. */

import { GCProfiler } from 'node:v8'
import type { BenchCase } from './cases.ts'

export interface Measured {
  readonly name: string
  /** CPU of the process a span, collections included: the best window, because whatever else runs only makes it slower. */
  readonly microsMin: number
  readonly microsMedian: number
  /** Out of all windows together. */
  readonly spansPerCpuSecond: number
  /** Absent where the stage reads, or writes, no bytes. */
  readonly bytesInPerSpan?: number
  readonly bytesOutPerSpan?: number
  /** On the heap of the engine; memory for bodies and encoded requests lies outside of it. */
  readonly allocatedBytesPerSpan: number
}

const windowMs = 50
const fewestWindows = 5

/** Share of a case's time that passes before anything is counted: the engine compiles. */
const warmShare = 0.3

/** CPU of this process so far in µs, user and system, all threads. */
const cpuMicros = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** Runs for a time; how often. */
function runFor(ms: number, run: () => void): number {
  let rounds = 0
  for (const end = performance.now() + ms; performance.now() < end; rounds++) run()
  return rounds
}

/** Bytes allocated on the heap meanwhile: what it grew by, and what collections took away in between. */
function allocatedBy(work: () => void): number {
  const profiler = new GCProfiler()
  const before = process.memoryUsage().heapUsed
  profiler.start()
  work()
  const grown = process.memoryUsage().heapUsed - before
  return profiler
    .stop()
    .statistics.reduce(
      (sum, { beforeGC, afterGC }) => sum + beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize,
      grown,
    )
}

/** Takes `seconds`, a third more for warming up, and at least a third of a second. */
export function measure(one: BenchCase, seconds: number): Measured {
  runFor(seconds * warmShare * 1000, one.run)
  const figures: number[] = []
  let [allMicros, allRounds] = [0, 0]
  for (let window = Math.max(fewestWindows, Math.round((seconds * 1000) / windowMs)); window > 0; window--) {
    const before = cpuMicros()
    const rounds = runFor(windowMs, one.run)
    const micros = cpuMicros() - before
    figures.push(micros / (rounds * one.spans))
    allMicros += micros
    allRounds += rounds
  }
  figures.sort((left, right) => left - right)
  let rounds = 0
  const allocated = allocatedBy(() => {
    rounds = runFor(windowMs * 2, one.run)
  })
  return {
    name: one.name,
    microsMin: figures[0] ?? Number.NaN,
    microsMedian: figures[figures.length >> 1] ?? Number.NaN,
    spansPerCpuSecond: (allRounds * one.spans * 1e6) / allMicros,
    ...(one.bytesIn === undefined ? {} : { bytesInPerSpan: one.bytesIn / one.spans }),
    ...(one.bytesOut === undefined ? {} : { bytesOutPerSpan: one.bytesOut / one.spans }),
    allocatedBytesPerSpan: allocated / (rounds * one.spans),
  }
}
