/** What a run of a test is made of: a ledger in a folder that vanishes, a sink that records, everything else plain. */

import { noCounts, sumReasons } from '../../../src/backfill/counts.ts'
import type { Counts, Ledger, RunMeta } from '../../../src/backfill/ledger.ts'
import { createFileLedger, type FileLedger, type FileLedgerOptions } from '../../../src/backfill/ledger-file.ts'
import { always, unpaced } from '../../../src/backfill/pacing.ts'
import { createRun, type RunDeps, type RunOptions } from '../../../src/backfill/run.ts'
import type { Delivered, Sink } from '../../../src/backfill/sink.ts'
import { sleepFor } from '../../../src/backfill/sleep.ts'
import { BridgeError } from '../../../src/errors.ts'
import { silentLog } from '../../../src/telemetry/log.ts'
import { type NumbersSource, numbersIn } from './numbers-source.ts'

export const runName = '0123456789abcdef'

export const metaOf = (run: string = runName): RunMeta => ({
  run,
  source: { kind: 'numbers', name: 'numbers', identity: 'test', unit: 'number' },
  options: {},
  destination: 'memory',
  mappingHash: 'none',
  page: { items: 2000, bytes: 4 * 2 ** 20 },
  createdMs: 0,
  planVersion: 1,
  toolVersion: 'test',
})

/** In this thread and without a pause between flushes, so that a copy of the folder is what a power cut leaves. */
export const openLedger = (folder: string, options: Partial<FileLedgerOptions> = {}): Promise<FileLedger> =>
  createFileLedger({ folder, run: runName, create: metaOf(), thread: false, flushMs: 0, ...options })

export interface RecordingSink extends Sink {
  /** How often each number has arrived. */
  readonly arrived: Map<number, number>
  readonly pages: { readonly slice: string; readonly page: number; readonly numbers: readonly number[] }[]
}

export interface SinkOptions {
  /** Before a page is stored; what it throws is thrown, and nothing is stored. */
  readonly before?: (slice: string, page: number, numbers: readonly number[], abort: AbortSignal) => Promise<void> | void
  /** After a page is stored: what it throws is thrown, and it is stored all the same. */
  readonly after?: (slice: string, page: number, numbers: readonly number[]) => Promise<void> | void
  /** Reason for refusing a number. */
  readonly refuses?: (number: number) => string | undefined
  readonly restores?: boolean
  readonly arrived?: Map<number, number>
}

export function recordingSink(options: SinkOptions = {}): RecordingSink {
  const arrived = options.arrived ?? new Map<number, number>()
  const pages: RecordingSink['pages'] = []
  return {
    name: 'memory',
    arrived,
    pages,
    position: () => (options.restores === true ? { at: pages.length } : undefined),
    restore: async () => options.restores === true,
    async deliver(slice, page, requests, abort): Promise<Delivered> {
      const numbers = requests.flatMap(({ data }) => numbersIn(data))
      await options.before?.(slice, page, numbers, abort)
      const rejected: Record<string, number> = {}
      let acked = 0
      for (const number of numbers) {
        const reason = options.refuses?.(number)
        if (reason !== undefined) rejected[reason] = (rejected[reason] ?? 0) + 1
        else {
          arrived.set(number, (arrived.get(number) ?? 0) + 1)
          acked++
        }
      }
      pages.push({ slice, page, numbers })
      await options.after?.(slice, page, numbers)
      return { acked, rejected, dead: [], ambiguous: 0, bytesOut: numbers.length * 4, said: Object.keys(rejected) }
    },
    async finish() {},
    async close() {},
  }
}

export interface TestRun {
  readonly source: NumbersSource
  readonly sink: Sink
  readonly ledger: Ledger
  readonly deps?: Partial<RunDeps>
  readonly options?: Partial<RunOptions>
}

/** Adds the slices of the source, and prepares a run of two slices at a time. */
export async function prepareRun({ source, sink, ledger, deps = {}, options = {} }: TestRun) {
  await ledger.add(source.specs)
  return createRun(
    {
      source,
      ledger,
      sink,
      pace: unpaced,
      windows: always,
      log: silentLog,
      nowMs: Date.now,
      monotonicMs: () => performance.now(),
      sleep: sleepFor,
      ...deps,
    },
    { owner: 'test', parallel: 2, order: 'any', abort: new AbortController().signal, ...options },
  )
}

/** As {@link prepareRun}, to its end. */
export const runAll = async (what: TestRun) => (await prepareRun(what)).start()

/** L1 of a run, from its slices. */
export function lawOne(counts: Counts): readonly [number, number] {
  return [
    counts.read - counts.translated - sumReasons(counts.skipped),
    counts.produced - counts.acked - sumReasons(counts.rejected) - sumReasons(counts.dead),
  ]
}

/** Counts without times, to be compared. */
export const plain = (counts: Counts): Counts => ({ ...counts, readMs: 0, translateMs: 0, sendMs: 0 })

export const nothing = noCounts

export const stopped = (): BridgeError => new BridgeError('OB_STOPPING', 'cannot send: stopping')
