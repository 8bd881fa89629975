/** `backfill SOURCE … --workers redis://…`: plans a run for several machines, hands out its slices, and watches until it is done. */

import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FileLedger } from '../backfill/ledger-file.ts'
import { countOf } from '../backfill/options.ts'
import { connectRedis } from '../backfill/redis/connect.ts'
import { createPlanner } from '../backfill/redis/planner.ts'
import type { RunResult } from '../backfill/run.ts'
import { BridgeError } from '../errors.ts'
import type { Begun } from './backfill-begin.ts'
import type { BackfillOptions } from './backfill-flags.ts'
import { serveRunMetrics } from './backfill-metrics.ts'
import { createRunScreen } from './backfill-screen.ts'
import type { Io } from './io.ts'

export interface WithWorkers {
  readonly begun: Begun
  /** With the plan in it. */
  readonly file: FileLedger
  readonly url: string
  readonly options: BackfillOptions
  /** Prints what it came to; its exit code. @param more what the command had behind its source */
  readonly finish: (result: RunResult, more: string) => Promise<number>
  readonly io: Io
  readonly stop: AbortSignal
}

const slackMs = 30 * 60_000

/** Beside the ledger while what is in Redis may be ahead of it: the name of the Redis. */
const elsewhereFile = (folder: string, run: string): string => join(folder, `${run}.workers`)

/** Rejects with OB_LEDGER for a run that workers may still be doing. */
export function refuseElsewhere(folder: string, run: string): void {
  const file = elsewhereFile(folder, run)
  if (!existsSync(file)) return
  throw new BridgeError(
    'OB_LEDGER',
    `cannot go on with run ${run} alone: workers may be doing it; --workers goes on with them, and where they are gone for good, remove ${file}`,
    { place: file },
  )
}

/** To the end, or until somebody says stop: then workers let go of their slices. Exit codes as of `backfill`. */
export async function runWithWorkers({ begun, file, url, options, finish, io, stop }: WithWorkers): Promise<number> {
  const only = begun.windows.text
  const connection = await connectRedis(url, {
    onTrouble: (message) => io.err(message === undefined ? 'Redis answers again.\n' : `${message}\n`),
  })
  const mark = elsewhereFile(begun.folder, file.meta.run)
  writeFileSync(mark, `${connection.name}\n`)
  try {
    let say = (text: string): void => io.err(text)
    const planner = createPlanner({
      connection,
      file,
      control: { order: begun.order, slackMs, only, skipRefused: options.skipRefused === true },
      rate: begun.rate,
      rateBytes: begun.rateBytes,
      clean: options.clean === true,
      abort: stop,
      nowMs: Date.now,
      monotonicMs: () => performance.now(),
      sleep: begun.sleep,
      say: (text) => say(`${text}\n`),
    })
    const served =
      options.metricsPort === undefined
        ? undefined
        : await serveRunMetrics({
            port: countOf('--metrics-port', options.metricsPort, 0, 65_535),
            source: begun.source.kind,
            metrics: begun.metrics,
            ledger: file,
            progress: () => planner.progress(),
          })
    if (served !== undefined) io.err(`metrics: ${served.url}\n`)
    io.err(
      `slices are handed out at ${connection.name}: \`otlp-bridge backfill worker ${connection.name}\` takes them, on as many machines as you like\n`,
    )
    const screen = createRunScreen({
      io,
      source: begun.source.kind,
      ledger: file,
      progress: () => planner.progress(),
      columns: () => process.stderr.columns || 80,
    })
    say = (text) => screen.say(text)
    const onStop = (): void => say('Stopping: workers let go of their slices. Once more leaves at once, which is safe as well.\n')
    stop.addEventListener('abort', onStop, { once: true })
    try {
      const result = await planner.start()
      stop.removeEventListener('abort', onStop)
      await screen.end()
      const { summary } = result
      if (summary !== undefined && summary.slices.running === 0 && result.end !== 'ledger') rmSync(mark, { force: true })
      return await finish(result, `--workers ${connection.name}`)
    } finally {
      await served?.close()
    }
  } finally {
    await connection.close()
  }
}
