/** `otlp-bridge backfill status | report | retry-failed`: looks into the ledgers, also while a run is going on. */

import { alignedTable, grouped, minuteText, plainWords } from '../backfill/figures.ts'
import type { DeadRecord, Ledger, SliceRecord } from '../backfill/ledger.ts'
import type { SliceState } from '../backfill/model.ts'
import { partDone } from '../backfill/progress-view.ts'
import { type BackfillReport, reportOf, resultOf } from '../backfill/report.ts'
import { printReport } from '../backfill/report-text.ts'
import { listRuns, openRun } from '../backfill/runs.ts'
import { type Config, loadBridgeConfig } from '../config/compose.ts'
import { BridgeError } from '../errors.ts'
import { createLog } from '../telemetry/log.ts'
import { ledgerFolder } from './backfill-begin.ts'
import { destinationOf } from './backfill-destination.ts'
import type { BackfillOptions } from './backfill-flags.ts'
import { type Io, interruptedCode } from './io.ts'

export interface StatusOptions extends BackfillOptions {
  readonly dead?: boolean
}

export interface RetryOptions extends BackfillOptions {
  readonly dead?: boolean
  readonly reason?: string
}

const pageSize = 500

/** Rows of a table; all of them with `--json`. */
const mostRows = 500

async function* slicesOf(ledger: Ledger): AsyncGenerator<SliceRecord> {
  let after: number | undefined
  for (;;) {
    const page = await ledger.slices({ limit: pageSize, ...(after === undefined ? {} : { after }) })
    yield* page
    after = page.at(-1)?.order
    if (page.length < pageSize || after === undefined) return
  }
}

async function* deadOf(ledger: Ledger): AsyncGenerator<DeadRecord> {
  let after: number | undefined
  for (;;) {
    // Each may hold a whole request.
    const page = await ledger.dead({ limit: 20, ...(after === undefined ? {} : { after }) })
    yield* page
    after = page.at(-1)?.id
    if (page.length < 20 || after === undefined) return
  }
}

const sliceJson = ({ counts, fromMs, toMs, startedMs, endedMs, ...slice }: SliceRecord): object => {
  const iso = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : new Date(ms).toISOString())
  const { srcSum, ackSum, minMs, maxMs, ...rest } = counts
  const hex = (sum: bigint): string => sum.toString(16).padStart(32, '0')
  return {
    ...slice,
    from: iso(fromMs),
    to: iso(toMs),
    started: iso(startedMs),
    ended: iso(endedMs),
    counts: { ...rest, srcSum: hex(srcSum), ackSum: hex(ackSum), min: iso(minMs), max: iso(maxMs) },
  }
}

const textOf = (raw: Uint8Array): { readonly text: string } | { readonly base64: string } => {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(raw) }
  } catch {
    return { base64: Buffer.from(raw).toString('base64') }
  }
}

const deadJson = ({ raw, signal, ...letter }: DeadRecord): object => ({
  ...letter,
  ...(signal === undefined ? {} : { signal }),
  // A request is bytes; an item of a source is text, as a rule.
  ...(raw === undefined ? {} : signal === undefined ? { raw: textOf(raw) } : { raw: { base64: Buffer.from(raw).toString('base64') } }),
})

async function showDead(ledger: Ledger, json: boolean, io: Io): Promise<void> {
  const rows: (readonly string[])[] = []
  let count = 0
  for await (const letter of deadOf(ledger)) {
    count++
    if (json) {
      io.out(`${JSON.stringify(deadJson(letter))}\n`)
      await io.drained()
    } else if (rows.length < mostRows) {
      const { id, group, page, reason, items, where, message } = letter
      rows.push([String(id), group, String(page), reason, grouped(items), where, message.slice(0, 200)])
    }
  }
  if (json) return
  const right = true
  const columns = [
    { title: 'id', right },
    { title: 'part' },
    { title: 'page', right },
    { title: 'reason' },
    { title: 'items', right },
    { title: 'where' },
    { title: 'message' },
  ]
  io.out(count === 0 ? 'No dead letters.\n' : alignedTable(columns, rows))
  if (count > rows.length) io.out(`and ${grouped(count - rows.length)} more: --json prints all\n`)
}

async function showSlices(ledger: Ledger, json: boolean, io: Io): Promise<void> {
  if (json) {
    for await (const slice of slicesOf(ledger)) {
      io.out(`${JSON.stringify(sliceJson(slice))}\n`)
      await io.drained()
    }
    return
  }
  const rows: (readonly string[])[] = []
  let count = 0
  for await (const { id, group, fromMs, toMs, state, counts, items, reason, error } of slicesOf(ledger)) {
    count++
    if (rows.length >= mostRows) continue
    const message = reason === '' ? error : `${reason}: ${error}`
    rows.push([
      id,
      group,
      minuteText(fromMs),
      minuteText(toMs),
      state,
      grouped(counts.read),
      items === 0 ? '?' : grouped(items),
      message.slice(0, 120),
    ])
  }
  const right = true
  const columns = [
    { title: 'slice' },
    { title: 'part' },
    { title: 'from' },
    { title: 'to' },
    { title: 'state' },
    { title: 'read', right },
    { title: 'planned', right },
    { title: 'why' },
  ]
  io.out(alignedTable(columns, rows))
  if (count > rows.length) io.out(`and ${grouped(count - rows.length)} more: --json prints all\n`)
}

async function showRuns(folder: string, json: boolean, io: Io): Promise<number> {
  let unreadable = 0
  const runs = await listRuns(folder, (run, message) => {
    unreadable++
    io.err(`run ${run}: ${message}\n`)
  })
  if (json) {
    const shown = runs.map(({ meta, summary }) => ({
      ...meta,
      state: resultOf(summary),
      slices: summary.slices,
      read: summary.counts.read,
      planned: summary.planned,
    }))
    io.out(`${JSON.stringify({ runs: shown }, null, 2)}\n`)
  } else if (runs.length === 0) io.out(`No runs in ${folder}.\n`)
  else {
    const rows = runs.map(({ meta, summary }) => [
      meta.run,
      minuteText(meta.createdMs),
      `${meta.source.kind} ${meta.source.name}`,
      meta.destination,
      resultOf(summary),
      `${Math.floor(partDone(summary) * 100)} %`,
      grouped(summary.counts.read),
      grouped(summary.slices.failed),
    ])
    const right = true
    io.out(
      alignedTable(
        [
          { title: 'run' },
          { title: 'begun' },
          { title: 'source' },
          { title: 'destination' },
          { title: 'state' },
          { title: 'done', right },
          { title: 'read', right },
          { title: 'failed', right },
        ],
        rows,
      ),
    )
  }
  return unreadable === 0 ? 0 : 1
}

/** Of the folder, or of the Redis of several machines. */
export async function openAnyRun(options: BackfillOptions, config: Config, mode: 'own' | 'read'): Promise<Ledger> {
  if (options.workers === undefined) return openRun(ledgerFolder(options, config), options.run, mode)
  return (await import('../backfill/redis/open.ts')).openRedisRun(options.workers, options.run)
}

async function withRun<T>(
  options: BackfillOptions,
  io: Io,
  mode: 'own' | 'read',
  use: (ledger: Ledger, config: Config) => Promise<T>,
): Promise<T> {
  const config = await loadBridgeConfig(options, io.env)
  const ledger = await openAnyRun(options, config, mode)
  try {
    return await use(ledger, config)
  } finally {
    await ledger.close()
  }
}

/** All runs; with `--run` the slices of one, with `--dead` its dead letters. */
export async function backfillStatus(options: StatusOptions, io: Io): Promise<number> {
  const json = options.json === true
  if (options.run === undefined && options.dead !== true && options.workers === undefined) {
    return showRuns(ledgerFolder(options, await loadBridgeConfig(options, io.env)), json, io)
  }
  return withRun(options, io, 'read', async (ledger) => {
    await (options.dead === true ? showDead : showSlices)(ledger, json, io)
    return 0
  })
}

/** Exit code of a report that is asked for: 1 while something is missing. */
export const reportCode = (result: BackfillReport['result']): 0 | 1 => (result === 'complete' ? 0 : 1)

/** The report of a run, as it stands now. */
export function backfillReport(options: BackfillOptions, io: Io): Promise<number> {
  return withRun(options, io, 'read', async (ledger) => {
    const report = await reportOf(ledger)
    io.out(options.json === true ? `${JSON.stringify(report, null, 2)}\n` : printReport(report))
    return reportCode(report.result)
  })
}

/** Dead letters that are requests go out once more, each alone; those that are taken leave the ledger. */
async function sendDead(ledger: Ledger, config: Config, options: RetryOptions, io: Io): Promise<number> {
  const { destination } = ledger.meta
  if (destination.startsWith('file:'))
    throw new BridgeError('OB_CONFIG', 'cannot send dead letters again: the run writes files', { place: '--dead' })
  const stop = io.takeSignals()
  const log = createLog({ ...config.log, terminal: io.terminal, fields: { part: 'backfill' } })
  const { unpaced } = await import('../backfill/pacing.ts')
  const target = await destinationOf({ config, file: undefined, program: undefined, pace: unpaced, log, boundary: () => {} })
  if (target.name !== destination) {
    await target.close()
    throw new BridgeError(
      'OB_CONFIG',
      `cannot send dead letters to ${target.name}: those of run ${ledger.meta.run} are for ${destination}`,
      { place: 'emit.endpoint' },
    )
  }
  const sink = await target.open(ledger.meta.run)
  let [sent, refused, other] = [0, 0, 0]
  try {
    for await (const { id, slice, page, reason, signal, items, raw } of deadOf(ledger)) {
      if (options.reason !== undefined && reason !== options.reason) continue
      if (signal === undefined || raw === undefined) {
        other++
        continue
      }
      const { acked, said } = await sink.deliver(slice, page, [{ signal, items, data: raw }], stop)
      if (acked === items) {
        await ledger.removeDead([id])
        sent += items
      } else {
        refused += items
        for (const one of said) io.err(`${plainWords(one)}\n`)
      }
    }
  } catch (error) {
    if (stop.aborted) return interruptedCode
    throw error
  } finally {
    await sink.close()
  }
  io.out(`${grouped(sent)} items sent, ${grouped(refused)} refused again`)
  io.out(other === 0 ? '\n' : `; ${grouped(other)} dead letters are items of the source, which are not sent: see backfill status --dead\n`)
  return refused === 0 ? 0 : 1
}

/** Slices that failed or do not match go back to where they stood, or the dead letters are sent again. */
export function backfillRetry(options: RetryOptions, io: Io): Promise<number> {
  return withRun(options, io, 'own', async (ledger, config) => {
    if (options.dead === true) return sendDead(ledger, config, options, io)
    // What lost something is done again, from its beginning, only where somebody names the loss: the rest of it is sent twice.
    const states: readonly SliceState[] = options.reason === undefined ? ['failed', 'mismatch'] : ['failed', 'mismatch', 'done_with_losses']
    const count = await ledger.retry({ states, ...(options.reason === undefined ? {} : { reason: options.reason }) })
    io.out(`${grouped(count)} ${count === 1 ? 'slice' : 'slices'} of run ${ledger.meta.run} to be done again: start its command\n`)
    return 0
  })
}
