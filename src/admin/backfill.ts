/** Back-fills whose ledgers lie beside a bridge, for the page: read while they run, never written. */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Ledger } from '../backfill/ledger.ts'
import type { BackfillList, BackfillRun } from './api.ts'
import type { BackfillSource } from './sources.ts'

export interface BackfillSourceDeps {
  /** Of the ledgers: `backfill.ledger`. */
  readonly folder: () => string
  readonly nowMs: () => number
  /** Default: whether such a process is there. */
  readonly isAlive?: (pid: number) => boolean
}

/** Runs that are looked at, those that changed last first. */
const mostRuns = 20
/** A ledger is read so often at the most, while it changes and somebody looks. */
const readEveryMs = 5000
/** Slices that failed, of each run. */
const mostTrouble = 10

const iso = (ms: number): string => new Date(ms).toISOString()

const pattern = /^([0-9a-f]{16})\.db$/

interface File {
  readonly run: string
  /** Changes with every commit. */
  readonly stamp: string
  readonly changedMs: number
}

function stampOf(path: string): { readonly stamp: string; readonly changedMs: number } {
  let changedMs = 0
  const parts = ['', '-wal'].map((end) => {
    try {
      const { mtimeMs, size } = statSync(`${path}${end}`)
      changedMs = Math.max(changedMs, mtimeMs)
      return `${mtimeMs}/${size}`
    } catch {
      return ''
    }
  })
  return { stamp: parts.join(' '), changedMs }
}

function filesIn(folder: string): readonly File[] {
  let names: readonly string[]
  try {
    names = readdirSync(folder)
  } catch {
    // There is none yet.
    return []
  }
  return names
    .flatMap((name) => pattern.exec(name)?.[1] ?? [])
    .map((run) => ({ run, ...stampOf(join(folder, `${run}.db`)) }))
    .sort((a, b) => b.changedMs - a.changedMs)
    .slice(0, mostRuns)
}

const processIsThere = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Somebody else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Who has the run, by its own word. */
function holderOf(folder: string, run: string): number | undefined {
  try {
    const [, pid] = /^process (\d+)/.exec(readFileSync(join(folder, `${run}.pid`), 'utf8')) ?? []
    return pid === undefined ? undefined : Number(pid)
  } catch {
    return undefined
  }
}

interface Seen {
  readonly stamp: string
  readonly atMs: number
  readonly acked: number
  readonly run: BackfillRun
}

const sum = (reasons: Readonly<Record<string, number>>): number => Object.values(reasons).reduce((all, one) => all + one, 0)

async function look(ledger: Ledger, isRunning: boolean, before: Seen | undefined, atMs: number): Promise<BackfillRun> {
  const [{ partDone }, { resultOf }] = await Promise.all([import('../backfill/progress-view.ts'), import('../backfill/report.ts')])
  const { meta } = ledger
  const summary = await ledger.summary()
  const { counts, slices, failures } = summary
  const trouble = await ledger.slices({ states: ['failed', 'mismatch'], limit: mostTrouble })
  const passedMs = before === undefined ? 0 : atMs - before.atMs
  const result = resultOf(summary)
  return {
    run: meta.run,
    source: { kind: meta.source.kind, name: meta.source.name, unit: meta.source.unit },
    destination: meta.destination,
    created: iso(meta.createdMs),
    ...(meta.cutoverMs === undefined ? {} : { cutover: iso(meta.cutoverMs) }),
    state: isRunning ? 'running' : result === 'unfinished' ? 'stopped' : result,
    part: partDone(summary),
    slices: { ...slices },
    planned: summary.planned,
    read: counts.read,
    acknowledged: counts.acked,
    skipped: sum(counts.skipped),
    rejected: sum(counts.rejected),
    dead: sum(counts.dead),
    resent: counts.resent,
    ...(isRunning && before !== undefined && passedMs > 0
      ? { perSecond: Math.max(0, Math.round(((counts.acked - before.acked) * 1000) / passedMs)) }
      : {}),
    ...(counts.maxMs === undefined ? {} : { reached: iso(counts.maxMs) }),
    failures: { ...failures },
    trouble: trouble.map(({ id, group, state, reason, error }) => ({ slice: id, group, state, reason, text: error })),
  }
}

/** Creates the source; nothing is opened before somebody asks, and each ledger again only when it has changed. */
export function createBackfillSource({ folder, nowMs, isAlive = processIsThere }: BackfillSourceDeps): BackfillSource {
  const seen = new Map<string, Seen>()
  let reading: Promise<BackfillList> | undefined

  const runOf = async (file: File, where: string): Promise<BackfillRun> => {
    const before = seen.get(`${where} ${file.run}`)
    const atMs = nowMs()
    const pid = holderOf(where, file.run)
    const isRunning = pid !== undefined && isAlive(pid)
    if (
      before !== undefined &&
      ((before.stamp === file.stamp && (before.run.state === 'running') === isRunning) || atMs - before.atMs < readEveryMs)
    )
      return before.run
    const { createFileLedger } = await import('../backfill/ledger-file.ts')
    // In a thread: opening it reads all of it.
    const ledger = await createFileLedger({ folder: where, run: file.run, mode: 'read', thread: true })
    try {
      const run = await look(ledger, isRunning, before, atMs)
      seen.set(`${where} ${file.run}`, { stamp: file.stamp, atMs, acked: run.acknowledged, run })
      return run
    } finally {
      await ledger.close()
    }
  }

  const readAll = async (): Promise<BackfillList> => {
    const where = folder()
    const items: BackfillRun[] = []
    const faults: string[] = []
    for (const file of filesIn(where)) {
      try {
        items.push(await runOf(file, where))
      } catch (error) {
        faults.push(`${file.run}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    const order = (one: BackfillRun): number => (one.state === 'running' ? 0 : 1)
    return { folder: where, items: items.sort((a, b) => order(a) - order(b) || (a.created < b.created ? 1 : -1)), faults }
  }

  return {
    get some() {
      return filesIn(folder()).length > 0
    },
    list: () =>
      (reading ??= readAll().finally(() => {
        reading = undefined
      })),
  }
}
