/**
 * The writer of a ledger file: collects what is asked for, and stores it in one flushed transaction, at most one in 20 ms (I3). In a worker thread for a
 * run, so that a slow disk holds up nothing else; in the thread of a command that only looks.
 */

import { DatabaseSync } from 'node:sqlite'
import { isBridgeError } from '../errors.ts'
import type { RunMeta } from './ledger.ts'
import type { LedgerFault, LedgerRequest, Opened, Outcome, ServiceMessage, ServiceOptions } from './ledger-protocol.ts'
import { DamagedRow, prepareLedger, readMeta } from './ledger-schema.ts'
import { createLedgerStore, type LedgerStore } from './ledger-store.ts'

export interface LedgerService {
  /** Answered with a `done` of the same number. */
  ask(number: number, request: LedgerRequest): void
  /** Stores what waits, and closes. */
  close(): void
}

const reads: ReadonlySet<string> = new Set(['planned', 'summary', 'slices', 'dead', 'mirrored'])

/** Bytes of a file up to which all of its pages are checked at the start. */
const checkedBytes = 256 * 2 ** 20

const retryMs = 1000

const sqliteFault = (error: unknown): number =>
  typeof error === 'object' && error !== null && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : 0

/** Full, I/O error, busy, locked, read only for now, cannot open: it may pass. */
const passing = new Set([13, 10, 5, 6, 8, 14])

/** Corrupt, not a database, a table that is not what it should be. */
const isDamage = (error: unknown): boolean => error instanceof DamagedRow || [11, 26, 1].includes(sqliteFault(error))

const toFault = (error: unknown): LedgerFault => {
  const message = (error instanceof Error ? error.message : String(error)).replaceAll('\n', ' ')
  if (isBridgeError(error)) return { code: error.code, message, damaged: false }
  return { code: 'OB_LEDGER', message: `cannot read or write the ledger: ${message}`, damaged: isDamage(error) }
}

/** Within a transaction: what a new file says of its run, and that nobody has a slice, since this process is alone. */
function enter(db: DatabaseSync, create: RunMeta | undefined, rebuilt: boolean): void {
  const put = db.prepare('INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING')
  if (create !== undefined) put.run('run', JSON.stringify(create))
  if (rebuilt) put.run('rebuilt', 'true')
}

/** Opens or makes the file. Throws what SQLite throws, and `DamagedRow`. */
function openFile(options: ServiceOptions): { db: DatabaseSync; opened: Opened } {
  const db = new DatabaseSync(options.file, { timeout: 1000 })
  try {
    if (options.readOnly) db.exec('PRAGMA query_only = ON')
    else prepareLedger(db)
    const size = db.prepare('SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()').get()
    if (Number(size?.['bytes'] ?? 0) < checkedBytes) {
      const checked = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
      if (checked !== 'ok') throw new DamagedRow(`the check of its pages says: ${String(checked)}`)
    }
    if (!options.readOnly) {
      db.exec('BEGIN IMMEDIATE')
      enter(db, options.create, options.rebuilt)
      db.exec('COMMIT')
    }
    const meta = readMeta(db)
    if (meta === undefined) throw new DamagedRow('there is no description of the run')
    return { db, opened: { meta, rebuilt: db.prepare('SELECT 1 FROM meta WHERE name = ?').get('rebuilt') !== undefined } }
  } catch (error) {
    db.close()
    throw error
  }
}

/** Opens the file and says so, or why not, with the first message. */
export function createLedgerService(options: ServiceOptions, send: (message: ServiceMessage) => void): LedgerService {
  let db: DatabaseSync | undefined
  let store: LedgerStore | undefined
  let waiting: { readonly number: number; readonly request: LedgerRequest }[] = []
  let timer: NodeJS.Timeout | undefined
  let flushedAt = Number.NEGATIVE_INFINITY
  let inTrouble = false

  const done = (number: number, outcome: Outcome): void => send({ kind: 'done', number, outcome })

  const trouble = (message: string | undefined): void => {
    inTrouble = message !== undefined
    send({ kind: 'trouble', message })
  }

  /** All of it, or none: each request by itself within. Throws when nothing could be stored. */
  const storeAll = (open: DatabaseSync, tables: LedgerStore): Outcome[] => {
    const undoAll = tables.mark()
    const outcomes: Outcome[] = []
    try {
      open.exec('BEGIN IMMEDIATE')
      for (const { request } of waiting) {
        const undo = tables.mark()
        open.exec('SAVEPOINT request')
        try {
          outcomes.push({ answer: tables.run(request) })
        } catch (error) {
          if (passing.has(sqliteFault(error))) throw error
          open.exec('ROLLBACK TO request')
          undo()
          outcomes.push({ fault: toFault(error) })
        }
        open.exec('RELEASE request')
      }
      open.exec('COMMIT')
      return outcomes
    } catch (error) {
      undoAll()
      // SQLite has rolled back a full disk by itself.
      if (open.isTransaction) open.exec('ROLLBACK')
      throw error
    }
  }

  const flush = (): void => {
    timer = undefined
    if (db === undefined || store === undefined || waiting.length === 0) return
    flushedAt = performance.now()
    let outcomes: Outcome[]
    try {
      outcomes = storeAll(db, store)
    } catch (error) {
      const fault = toFault(error)
      if (passing.has(sqliteFault(error))) {
        trouble(fault.message)
        timer = setTimeout(flush, retryMs)
        return
      }
      outcomes = waiting.map(() => ({ fault }))
    }
    const asked = waiting
    waiting = []
    if (inTrouble) trouble(undefined)
    asked.forEach(({ number }, at) => {
      const outcome = outcomes[at]
      if (outcome !== undefined) done(number, outcome)
    })
  }

  try {
    const file = openFile(options)
    db = file.db
    store = createLedgerStore(db, { nowMs: Date.now, deadBytes: options.deadBytes, readOnly: options.readOnly })
    if (!options.readOnly) freeSlices(db, store)
    send({ kind: 'opened', opened: file.opened })
  } catch (error) {
    db?.close()
    db = undefined
    send({ kind: 'failed', fault: toFault(error) })
  }

  return {
    ask(number, request) {
      if (db === undefined || store === undefined) {
        done(number, { fault: { code: 'OB_LEDGER', message: 'cannot use the ledger: it is closed', damaged: false } })
        return
      }
      if (reads.has(request.kind)) {
        try {
          done(number, { answer: store.run(request) })
        } catch (error) {
          done(number, { fault: toFault(error) })
        }
        return
      }
      if (options.readOnly) {
        done(number, { fault: { code: 'OB_LEDGER', message: 'cannot write the ledger: it was opened to be looked at', damaged: false } })
        return
      }
      waiting.push({ number, request })
      timer ??= setTimeout(flush, Math.max(0, flushedAt + options.flushMs - performance.now()))
    },
    close() {
      clearTimeout(timer)
      flush()
      clearTimeout(timer)
      const fault: LedgerFault = {
        code: 'OB_LEDGER',
        message: 'cannot write the ledger: it was closed while it could not be written',
        damaged: false,
      }
      for (const { number } of waiting.splice(0)) done(number, { fault })
      db?.close()
      db = undefined
    },
  }
}

/** Slices that were under way when the process before ended go back to pending, with their intents. */
function freeSlices(db: DatabaseSync, store: LedgerStore): void {
  const running = store.run({ kind: 'slices', filter: { states: ['running'], limit: 1_000_000 } })
  if (!Array.isArray(running) || running.length === 0) return
  db.exec('BEGIN IMMEDIATE')
  for (const { id, epoch } of running) store.run({ kind: 'release', id, epoch, how: { intent: 'keep' } })
  db.exec('COMMIT')
}
