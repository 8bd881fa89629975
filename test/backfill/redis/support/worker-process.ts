/**
 * A worker in a process of its own, over numbers: `node worker-process.ts '{"url":…}'`. What arrives is a line of the file: `slice page number number …`.
 * Says `slice page` on stdout before each page goes out.
 */

import { appendFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { createPace } from '../../../../src/backfill/pace.ts'
import { connectRedis } from '../../../../src/backfill/redis/connect.ts'
import { findRun } from '../../../../src/backfill/redis/control.ts'
import { createSharedPace } from '../../../../src/backfill/redis/shared-pace.ts'
import { runWorker } from '../../../../src/backfill/redis/worker.ts'
import type { Sink } from '../../../../src/backfill/sink.ts'
import { sleepFor } from '../../../../src/backfill/sleep.ts'
import { silentLog } from '../../../../src/telemetry/log.ts'
import { numbersIn, numbersSource } from '../../support/numbers-source.ts'

export interface WorkerProcessOptions {
  readonly url: string
  readonly arrived: string
  readonly slices: number
  readonly perSlice: number
  readonly perPage: number
  readonly pageMs: number
  readonly lockMs: number
  readonly parallel: number
}

const options = JSON.parse(process.argv[2] ?? '{}') as WorkerProcessOptions

const sink: Sink = {
  name: 'memory',
  position: () => undefined,
  restore: async () => false,
  async deliver(slice, page, requests) {
    const numbers = requests.flatMap(({ data }) => numbersIn(data))
    process.stdout.write(`${slice} ${page}\n`)
    await wait(options.pageMs)
    appendFileSync(options.arrived, `${slice} ${page} ${numbers.join(' ')}\n`)
    return { acked: numbers.length, rejected: {}, dead: [], ambiguous: 0, bytesOut: 0, said: [] }
  },
  async finish() {},
  async close() {},
}

const abort = new AbortController()
process.on('SIGINT', () => abort.abort())
const connection = await connectRedis(options.url)
const meta = await findRun(connection.redis, undefined, connection.name)
const clocks = { monotonicMs: () => performance.now(), nowMs: Date.now, sleep: sleepFor }
const pace = createSharedPace({ redis: connection.redis, run: meta.run, own: createPace({}, clocks), log: silentLog, sleep: sleepFor })
const { end, error } = await runWorker({
  connection,
  meta,
  deps: { source: numbersSource(options), sink, pace, log: silentLog, ...clocks },
  owner: `worker-${process.pid}`,
  parallel: options.parallel,
  abort: abort.signal,
  say: () => {},
  lockMs: options.lockMs,
  refused: () => undefined,
  noteMs: 100,
})
await connection.close()
process.stderr.write(`${end} ${error?.message ?? ''}\n`)
process.exitCode = end === 'closed' ? 0 : 1
