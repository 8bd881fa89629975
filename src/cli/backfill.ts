/** `otlp-bridge backfill SOURCE`: plans a run, says what it will cost, and does it; the same command goes on where it stopped. */

import { hostname } from 'node:os'
import { type Estimate, estimate, estimateText } from '../backfill/estimate.ts'
import type { Ledger } from '../backfill/ledger.ts'
import { createFileLedger, type FileLedger } from '../backfill/ledger-file.ts'
import type { Plan } from '../backfill/model.ts'
import { countOf } from '../backfill/options.ts'
import { cutoverNote, planJson, planTable, storePlan, unreadableText } from '../backfill/plan.ts'
import { type BackfillReport, reportOf } from '../backfill/report.ts'
import { printReport } from '../backfill/report-text.ts'
import { createRun, type RunEnd, type RunResult } from '../backfill/run.ts'
import { maskedWords, sourceFlags } from '../backfill/source-options.ts'
import { loadBridgeConfig } from '../config/compose.ts'
import { BridgeError } from '../errors.ts'
import { guardSize } from '../telemetry/size-guard.ts'
import { type Begun, beginRun } from './backfill-begin.ts'
import type { BackfillOptions } from './backfill-flags.ts'
import { serveRunMetrics } from './backfill-metrics.ts'
import { createRunScreen } from './backfill-screen.ts'
import { type Chosen, chooseSource, readSourceWords, sourceHelp, sourcesHelp } from './backfill-source.ts'
import { type Io, interruptedCode } from './io.ts'

const isHelp = (words: readonly string[]): boolean => words.some((word) => word === '--help' || word === '-h')

/** What the exit code is made of: how it ended, and what is in the ledger then. */
export function backfillCode(end: RunEnd, result: BackfillReport['result']): number {
  if (end === 'interrupted') return interruptedCode
  if (end === 'destination' || end === 'refused') return 4
  if (end === 'source') return 3
  if (end === 'ledger') return 2
  return result === 'complete' ? 0 : 1
}

/** The run's ledger, new or old. Rejects with OB_LEDGER while another process has it. */
function ledgerOf({ folder, meta, isNew }: Begun, options: BackfillOptions, io: Io): Promise<FileLedger> {
  const onTrouble = (message: string | undefined): void => void (message === undefined ? undefined : io.err(`ledger: ${message}\n`))
  // One that is there and cannot be read is begun anew with `--rebuild` alone.
  const create = isNew || options.rebuild === true ? meta : undefined
  return createFileLedger({ folder, run: meta.run, create, rebuild: options.rebuild === true, onTrouble })
}

interface Planned {
  readonly plan: Plan
  readonly added: number
}

function tellPlan(begun: Begun, ledger: Ledger, { plan, added }: Planned, probe: Estimate | undefined, json: boolean, io: Io): void {
  const { source, destination } = begun
  if (json) {
    const { run, cutoverMs } = ledger.meta
    const cutover = cutoverMs === undefined ? undefined : new Date(cutoverMs).toISOString()
    io.out(
      `${JSON.stringify({ run, source: ledger.meta.source, destination, cutover, added, plan: planJson(plan), estimate: probe }, null, 2)}\n`,
    )
    return
  }
  io.out(planTable({ source, plan, note: cutoverNote(ledger.meta.cutoverMs) }))
  io.out(`${probe === undefined ? 'probe: nothing could be read' : estimateText(probe)}\n`)
  io.out(`run ${ledger.meta.run} → ${destination}${source.approximate === undefined ? '' : `\napproximate: ${source.approximate}`}\n`)
}

/** Prints what a run came to. @param words the command that goes on with it */
async function finishRun(
  begun: Begun,
  ledger: Ledger,
  result: RunResult,
  options: BackfillOptions,
  words: string,
  io: Io,
): Promise<number> {
  const { end, error, progress } = result
  if (error !== undefined) io.err(`${error.message}\n`)
  for (const [, one] of new Map(begun.refusals.map((refusal) => [refusal.reason, refusal]))) {
    const from = one.takenMs === undefined ? '' : `; it takes what is newer than ${new Date(one.takenMs).toISOString()}`
    io.err(`${one.destination} refuses old items (${one.reason})${from}. ${one.knob === '' ? one.said : one.knob}\n`)
  }
  if (end === 'ledger') return backfillCode(end, 'unfinished')
  const report = await reportOf(ledger, progress)
  if (options.json === true) io.out(`${JSON.stringify({ end, ...report }, null, 2)}\n`)
  else io.out(printReport(report))
  if (report.result === 'unfinished') {
    const pages = end === 'interrupted' ? 'Stopped. ' : ''
    io.err(`${pages}The same command goes on where it stands: ${words}\n`)
  }
  return backfillCode(end, report.result)
}

async function runIt(begun: Begun, ledger: Ledger, options: BackfillOptions, words: string, io: Io, stop: AbortSignal): Promise<number> {
  guardSize()
  const sink = await begun.openSink()
  try {
    const run = createRun(
      {
        source: begun.source,
        ledger,
        sink,
        pace: begun.pace,
        windows: begun.windows,
        log: begun.log,
        nowMs: Date.now,
        monotonicMs: () => performance.now(),
        sleep: begun.sleep,
      },
      {
        owner: `${hostname()}/${process.pid}`,
        parallel: begun.parallel,
        order: begun.order,
        skipRefused: options.skipRefused === true,
        abort: stop,
      },
    )
    const { metricsPort } = options
    const served =
      metricsPort === undefined
        ? undefined
        : await serveRunMetrics({
            port: countOf('--metrics-port', metricsPort, 0, 65_535),
            source: begun.source.kind,
            metrics: begun.metrics,
            ledger,
            progress: () => run.progress(),
          })
    if (served !== undefined) io.err(`metrics: ${served.url}\n`)
    const screen = createRunScreen({
      io,
      source: begun.source.kind,
      ledger,
      progress: () => run.progress(),
      // Some terminals say 0.
      columns: () => process.stderr.columns || 80,
    })
    const onStop = (): void =>
      screen.say('Stopping: the pages that are out are waited for. Once more leaves at once, which is safe as well.\n')
    stop.addEventListener('abort', onStop, { once: true })
    let result: RunResult
    try {
      result = await run.start()
    } finally {
      stop.removeEventListener('abort', onStop)
      await screen.end()
      await served?.close()
    }
    return await finishRun(begun, ledger, result, options, words, io)
  } finally {
    await sink.close()
  }
}

/** Throws OB_CONFIG for flags that do not go with several machines. */
function checkWorkerFlags({ workers, clean, toFile }: BackfillOptions): void {
  const fault = (flag: string, cause: string): BridgeError => new BridgeError('OB_CONFIG', `cannot use ${flag} ${cause}`, { place: flag })
  if (workers === undefined && clean === true) throw fault('--clean', 'without --workers')
  if (workers !== undefined && toFile !== undefined) throw fault('--to-file', 'with --workers: files are written by one process')
}

async function planAndRun(chosen: Chosen, words: readonly string[], options: BackfillOptions, io: Io): Promise<number> {
  const config = await loadBridgeConfig(options, io.env)
  const given = readSourceWords(chosen, words, io)
  const stop = io.takeSignals()
  let begun: Begun
  try {
    begun = await beginRun({ chosen, words: given, options, config, io, stop })
  } catch (error) {
    if (stop.aborted) return interruptedCode
    throw error
  }
  const line = ['otlp-bridge backfill', chosen.name, ...maskedWords(words, sourceFlags(chosen.kind)), '…'].join(' ')
  checkWorkerFlags(options)
  try {
    io.err(`planning ${begun.source.kind} ${begun.source.name}\n`)
    if (options.workers === undefined) (await import('./backfill-workers.ts')).refuseElsewhere(begun.folder, begun.meta.run)
    // Before there is a ledger: what cannot be planned leaves none behind.
    const plan = await begun.source.plan(stop)
    const ledger = await ledgerOf(begun, options, io)
    try {
      const planned: Planned = { plan, added: await storePlan(ledger, begun.source, plan) }
      if (options.plan === true) {
        const { parallel, rate, rateBytes } = begun
        const probe = await estimate(begun.source, {
          slices: plan.slices,
          parallel,
          rate,
          rateBytes,
          abort: stop,
          monotonicMs: () => performance.now(),
        })
        tellPlan(begun, ledger, planned, probe, options.json === true, io)
        return 0
      }
      const { slices } = await ledger.summary()
      const total = Object.values(slices).reduce((sum, count) => sum + count, 0)
      const word = total === 1 ? 'slice' : 'slices'
      const more = `${total} ${word}${planned.added === total || planned.added === 0 ? '' : `, ${planned.added} of them new`}`
      io.err(`run ${ledger.meta.run}: ${more}; ${begun.source.name} → ${begun.destination}\n`)
      for (const note of plan.notes) io.err(`note: ${note}\n`)
      const unreadable = unreadableText(plan)
      io.err(unreadable)
      if (total === 0) {
        io.err('Nothing was found to fill in.\n')
        return unreadable === '' ? 0 : 3
      }
      if (options.workers !== undefined) {
        const { runWithWorkers } = await import('./backfill-workers.ts')
        const finish = (result: RunResult, more: string): Promise<number> =>
          finishRun(begun, ledger, result, options, `${line} ${more}`, io)
        return await runWithWorkers({ begun, file: ledger, url: options.workers, options, finish, io, stop })
      }
      const code = await runIt(begun, ledger, options, line, io, stop)
      // The ledger knows only of what has slices.
      if (code === 0) io.err(unreadable)
      return code === 0 && unreadable !== '' ? 1 : code
    } finally {
      await ledger.close()
    }
  } catch (error) {
    if (stop.aborted) return interruptedCode
    throw error
  } finally {
    await begun.close()
  }
}

/** Help, a plan, or a run. 0 all done · 1 with losses · 2 usage · 3 source unreadable · 4 destination refuses · 130 interrupted. */
export async function backfill(name: string | undefined, words: readonly string[], options: BackfillOptions, io: Io): Promise<number> {
  if (name === undefined || name.startsWith('-')) {
    if (name !== undefined && !isHelp([name]))
      throw new BridgeError('OB_CONFIG', `cannot use ${name}: name a source first, as in backfill jaeger-es ${name}`, { place: 'backfill' })
    io.out(await sourcesHelp())
    return 0
  }
  const chosen = await chooseSource(name)
  if (isHelp(words)) {
    io.out(sourceHelp(chosen))
    return 0
  }
  return planAndRun(chosen, words, options, io)
}
