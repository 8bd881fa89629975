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
import type { Signal } from '../../otlp/intake.ts'
import type { DeadLetter } from './queue.ts'
import { openStore, storeFile } from './store.ts'

/** What waits in the store, of all processes, by format and signal. */
export interface WaitingSummary {
  readonly format: string
  readonly signal: Signal
  readonly batches: number
  readonly items: number
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
  /** Batches whose checksum did not hold, kept apart. */
  damaged(): { readonly batches: number; readonly items: number }
  close(): void
}

const columns = 'id, format, signal, items, bytes, reason, message, queued_at, died_at'

const letterOf = (row: Record<string, unknown>): DeadLetter => ({
  id: Number(row['id']),
  format: String(row['format']),
  signal: String(row['signal']) as Signal,
  items: Number(row['items']),
  bytes: Number(row['bytes']),
  reason: String(row['reason']),
  message: String(row['message']),
  queuedAtMs: Number(row['queued_at']),
  diedAtMs: Number(row['died_at']),
})

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

/**
 * Opens the store of a state folder (`queue.path`). Throws OB_INPUT when there is none or it cannot be read; it is never
 * set aside or changed by looking at it.
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
        // An owner without a lock: whichever bridge looks next adopts its rows.
        const name = `retry-${randomBytes(8).toString('hex')}`
        const owner = db.prepare('INSERT INTO owners (born, run, mark) VALUES (?, ?, 0)').run(name, name).lastInsertRowid
        const move = db.prepare(
          `INSERT INTO batches (owner, format, signal, items, bytes, queued_at, crc, data)
           SELECT ?, format, signal, items, bytes, queued_at, crc, data FROM dead WHERE id = ?`,
        )
        const remove = removeOne()
        let moved = 0
        for (const id of ids) {
          move.run(owner, id)
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
          `SELECT format, signal, count(*) AS batches, sum(items) AS items, sum(bytes) AS bytes, min(queued_at) AS oldest
           FROM batches GROUP BY format, signal ORDER BY format, signal`,
        )
        .all()
        .map((row) => ({
          format: String(row['format']),
          signal: String(row['signal']) as Signal,
          batches: Number(row['batches']),
          items: Number(row['items']),
          bytes: Number(row['bytes']),
          oldestQueuedAtMs: Number(row['oldest']),
        })),
    damaged() {
      const row = db.prepare('SELECT count(*) AS batches, total(items) AS items FROM damaged').get()
      return { batches: Number(row?.['batches'] ?? 0), items: Number(row?.['items'] ?? 0) }
    },
    close: () => db.close(),
  }
}
