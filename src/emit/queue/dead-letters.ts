/**
 * A look into the store from outside, for the `queue` command: works while bridges are running on it, and while none is.
 * Everything is synchronous.
 */

import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { BridgeError } from '../../errors.ts'
import type { Cargo } from './outcomes.ts'
import { isRunning } from './owners.ts'
import type { DeadLetter } from './queue.ts'
import { contentOf, copyAccount, prepareRows } from './rows.ts'
import { firstDeadAccount, hasAccountTable, hasKeptTables, openStore, storeFile } from './store.ts'
import { closeEndedRuns, ownerlessText } from './tenure.ts'

/** What waits in the store, of all processes, by destination, format and signal. */
export interface WaitingSummary {
  /** Empty for rows of before there were several destinations: the first takes them. */
  readonly destination: string
  readonly format: string
  readonly signal: Cargo
  readonly batches: number
  readonly items: number
  readonly bytes: number
  readonly oldestQueuedAtMs: number
}

/** What is kept in the store beside the batches, of one name. */
export interface KeptSummary {
  readonly name: string
  /** False: of runs that have ended; the next start takes it over. */
  readonly running: boolean
  readonly values: number
  readonly bytes: number
  readonly oldestQueuedAtMs: number
}

/** A dead letter with its bytes: a whole `Export<Signal>ServiceRequest`. */
export interface DeadLetterContent extends DeadLetter {
  readonly data: Uint8Array
  /** False when the checksum does not hold: the bytes are not what was put. */
  readonly intact: boolean
}

export type Selection = readonly number[] | 'all'

export interface StoreInspection {
  /** Every dead letter, oldest first, without its bytes. */
  list(): DeadLetter[]
  /** Undefined when there is none with this id. */
  show(id: number): DeadLetterContent | undefined
  /** Back into the queue: a running bridge takes them within some seconds, otherwise the next start does. Returns how many. */
  retry(selection: Selection): number
  /** Removes them for good. Returns how many. */
  drop(selection: Selection): number
  /**
   * The bytes of a letter as an OTLP request; of several letters of one signal the bytes may be concatenated, and are one
   * request again. Throws OB_INPUT when there is none with this id, or its checksum does not hold.
   */
  export(id: number): Uint8Array
  /** What waits or is under way. */
  waiting(): WaitingSummary[]
  /**
   * Gives what waits for a destination to another: a running bridge takes it within some seconds. Returns how many batches; those that a
   * running bridge holds stay where they are.
   */
  move(from: string, to: string): number
  /** Removes what waits for a destination and no running bridge holds, for good. Returns how many batches and items. */
  dropWaiting(destination: string): { readonly batches: number; readonly items: number }
  /** What was answered and cannot be sent yet. */
  kept(): KeptSummary[]
  /** Batches whose checksum did not hold, kept apart. */
  damaged(): { readonly batches: number; readonly items: number }
  close(): void
}

const columns = 'id, destination, format, signal, items, bytes, reason, message, queued_at, died_at'

const letterOf = (row: Record<string, unknown>): DeadLetter => ({
  ...contentOf(row),
  id: Number(row['id']),
  destination: String(row['destination']),
  reason: String(row['reason']),
  message: String(row['message']),
  queuedAtMs: Number(row['queued_at']),
  diedAtMs: Number(row['died_at']),
})

/** Owners of a destination whose rows no running bridge holds. */
const freeOwners = `SELECT id FROM owners WHERE destination = ? AND ${ownerlessText}`

const inTransaction = <T>(db: DatabaseSync, work: () => T): T => {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

const rowsPerPiece = 1000

/** Removes the oldest rows of a destination that nobody holds, and the owners once they have none. */
const dropPiece = (db: DatabaseSync, destination: string): { batches: number; items: number } => {
  const mine = db.prepare(freeOwners).all(destination)
  const owners = mine.map((row) => Number(row['id']))
  const found = db.prepare(`SELECT id, items FROM batches WHERE owner IN (${owners.join(',')}) ORDER BY id LIMIT ${rowsPerPiece}`).all()
  if (found.length === 0) db.exec(`DELETE FROM owners WHERE id IN (${owners.join(',')})`)
  prepareRows(db, { mine: owners, ownerOf: () => -1 }).remove(found.map((row) => Number(row['id'])))
  return { batches: found.length, items: found.reduce((sum, row) => sum + Number(row['items']), 0) }
}

const readKept = (db: DatabaseSync, folder: string): KeptSummary[] => {
  if (!hasKeptTables(db)) return []
  const found = db
    .prepare(
      `SELECT kept.name AS name, coalesce(run, 'retry-lost') AS run, count(*) AS values_, sum(length(data)) AS bytes, min(queued_at) AS oldest
       FROM kept LEFT JOIN keepers ON keepers.id = keeper GROUP BY 1, 2`,
    )
    .all()
  const sums = new Map<string, KeptSummary>()
  for (const row of found) {
    const [name, running] = [String(row['name']), isRunning(folder, String(row['run']))]
    const key = `${name}\n${running}`
    const known = sums.get(key)
    sums.set(key, {
      name,
      running,
      values: (known?.values ?? 0) + Number(row['values_']),
      bytes: (known?.bytes ?? 0) + Number(row['bytes']),
      oldestQueuedAtMs: Math.min(known?.oldestQueuedAtMs ?? Number.POSITIVE_INFINITY, Number(row['oldest'])),
    })
  }
  return [...sums.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : Number(b.running) - Number(a.running)))
}

/**
 * Opens the store of a state folder (`queue.path`). Throws OB_INPUT when there is none or it cannot be read; it is never
 * set aside or changed by looking at it, but that a store of an older layout becomes one of this.
 */
export function openStoreForInspection(path: string): StoreInspection {
  const folder = resolve(path)
  if (!existsSync(storeFile(folder))) throw new BridgeError('OB_INPUT', `cannot open queue ${path}: there is no store in this folder`)
  let db: DatabaseSync
  try {
    db = openStore(folder, 'FULL')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new BridgeError('OB_INPUT', `cannot open queue ${path}: ${why}`, { cause })
  }
  const idsOf = (selection: Selection): number[] => {
    if (selection !== 'all') return [...selection]
    return db
      .prepare('SELECT id FROM dead ORDER BY id')
      .all()
      .map((row) => Number(row['id']))
  }
  const show = (id: number): DeadLetterContent | undefined => {
    const row = db.prepare(`SELECT ${columns}, crc, data FROM dead WHERE id = ?`).get(id)
    const data = row?.['data']
    if (row === undefined || !(data instanceof Uint8Array)) return undefined
    return { ...letterOf(row), data, intact: crc32(data) === row['crc'] }
  }
  const removeOne = (): ((id: number) => number) => {
    const remove = db.prepare('DELETE FROM dead WHERE id = ?')
    return (id) => Number(remove.run(id).changes)
  }

  return {
    list: () => db.prepare(`SELECT ${columns} FROM dead ORDER BY id`).all().map(letterOf),
    show,
    retry: (selection) =>
      inTransaction(db, () => {
        const ids = idsOf(selection)
        if (ids.length === 0) return 0
        // An owner without a lock: whichever bridge of the destination looks next adopts its rows.
        const name = `retry-${randomBytes(8).toString('hex')}`
        const destinationOf = db.prepare('SELECT destination FROM dead WHERE id = ?')
        const begin = db.prepare('INSERT INTO owners (born, run, mark, destination) VALUES (?, ?, 0, ?)')
        const owners = new Map<string, number | bigint>()
        const ownerOf = (id: number): number | bigint => {
          const destination = String(destinationOf.get(id)?.['destination'] ?? '')
          let owner = owners.get(destination)
          if (owner === undefined) owners.set(destination, (owner = begin.run(name, name, destination).lastInsertRowid))
          return owner
        }
        const move = db.prepare(
          `INSERT INTO batches (owner, format, signal, items, bytes, queued_at, crc, data)
           SELECT ?, format, signal, items, bytes, queued_at, crc, data FROM dead WHERE id = ?`,
        )
        const remove = removeOne()
        const hasAccounts = hasAccountTable(db)
        let moved = 0
        for (const id of ids) {
          const { changes, lastInsertRowid } = move.run(ownerOf(id), id)
          if (changes === 1 && hasAccounts) copyAccount(db, firstDeadAccount + id, Number(lastInsertRowid))
          moved += remove(id)
        }
        return moved
      }),
    drop: (selection) =>
      inTransaction(db, () => {
        const remove = removeOne()
        return idsOf(selection).reduce((count, id) => count + remove(id), 0)
      }),
    export(id) {
      const letter = show(id)
      if (letter === undefined) throw new BridgeError('OB_INPUT', `cannot export dead letter ${id}: there is none with this id`)
      if (!letter.intact) throw new BridgeError('OB_INPUT', `cannot export dead letter ${id}: its checksum does not hold`)
      return letter.data
    },
    waiting: () =>
      db
        .prepare(
          `SELECT coalesce((SELECT destination FROM owners WHERE owners.id = owner), '') AS destination, format, signal,
             count(*) AS batches, sum(items) AS items, sum(bytes) AS bytes, min(queued_at) AS oldest
           FROM batches GROUP BY destination, format, signal ORDER BY destination, format, signal`,
        )
        .all()
        .map((row) => ({
          destination: String(row['destination']),
          format: String(row['format']),
          signal: String(row['signal']) as Cargo,
          batches: Number(row['batches']),
          items: Number(row['items']),
          bytes: Number(row['bytes']),
          oldestQueuedAtMs: Number(row['oldest']),
        })),
    move(from, to) {
      return inTransaction(db, () => {
        closeEndedRuns(db, folder)
        const count = db.prepare(`SELECT count(*) AS batches FROM batches WHERE owner IN (${freeOwners})`).get(from)
        db.prepare(`UPDATE owners SET destination = ? WHERE id IN (${freeOwners})`).run(to, from)
        return Number(count?.['batches'] ?? 0)
      })
    },
    dropWaiting(destination) {
      inTransaction(db, () => closeEndedRuns(db, folder))
      const dropped = { batches: 0, items: 0 }
      for (;;) {
        // A piece at a time: a running bridge stores in between, and the log stays short.
        const piece = inTransaction(db, () => dropPiece(db, destination))
        if (piece.batches === 0) return dropped
        dropped.batches += piece.batches
        dropped.items += piece.items
      }
    },
    kept: () => readKept(db, folder),
    damaged() {
      const row = db.prepare('SELECT count(*) AS batches, total(items) AS items FROM damaged').get()
      return { batches: Number(row?.['batches'] ?? 0), items: Number(row?.['items'] ?? 0) }
    },
    close: () => db.close(),
  }
}
