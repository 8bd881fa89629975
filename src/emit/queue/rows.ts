/** The statements of the queue on an open store. Synchronous: for the worker. */

import type { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import type { Signal } from '../../otlp/intake.ts'
import { type FoundSource, putColumn, putColumns, type RoundRequest, type Row } from './protocol.ts'

/** Owners whose rows one source of the main thread reads, with their marks. */
export type Owners = ReadonlyMap<number, number>

export interface Rows {
  /** Carries out a round within the open transaction; with `removalsOnly` without its puts. Returns the first id given. */
  write(round: RoundRequest, slab: SharedArrayBuffer, floorId: number, removalsOnly: boolean): { firstId: number; lastId: number }
  page(owners: Owners, afterId: number, limit: number): Row[]
  /** The value, checked; undefined when it is gone, `damaged` when its checksum does not hold. */
  read(id: number): Uint8Array | 'damaged' | undefined
  /** Moves a row to the damaged ones, in a transaction of its own. */
  setAside(id: number): void
  sums(owners: Owners): Omit<FoundSource, 'source'>
  deadItems(): number
  usedBytes(): number
  freeBytes(): number
}

/** The checksum covers the value alone: a count that cannot be one must not make the books unreadable. */
const saneItems = "(CASE WHEN typeof(items) = 'integer' AND items BETWEEN 0 AND 1000000000 THEN items ELSE 0 END)"

const deadColumns = 'format, signal, items, bytes, queued_at, crc'

const inList = (owners: Iterable<number>): string => [...owners].join(',')

/** @param mine every owner of this process: no other rows are ever removed */
export function prepareRows(db: DatabaseSync, owner: number, mine: Iterable<number>): Rows {
  const own = inList(mine)
  // A row put back under its old id yields to another process's row of that id; it is still in the memory of its owner.
  const insert = db.prepare(
    'INSERT OR IGNORE INTO batches (id, owner, format, signal, items, bytes, queued_at, crc, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const remove = db.prepare(`DELETE FROM batches WHERE id = ? AND owner IN (${own})`)
  const bury = db.prepare(
    `INSERT INTO dead (${deadColumns}, died_at, reason, message, data) SELECT ${deadColumns}, ?, ?, ?, data FROM batches WHERE id = ? AND owner IN (${own})`,
  )
  const highest = db.prepare('SELECT max(id) AS id FROM batches')
  const select = db.prepare('SELECT crc, data FROM batches WHERE id = ?')
  const damage = db.prepare(
    `INSERT OR REPLACE INTO damaged (id, ${deadColumns}, data) SELECT id, ${deadColumns}, data FROM batches WHERE id = ?`,
  )
  const dead = db.prepare('SELECT total(items) AS items FROM dead')
  const pageCount = db.prepare('PRAGMA page_count')
  const freeCount = db.prepare('PRAGMA freelist_count')
  const pageSize = Number(db.prepare('PRAGMA page_size').get()?.['page_size'])

  const put = (round: RoundRequest, slab: SharedArrayBuffer, floorId: number): { firstId: number; lastId: number } => {
    const { puts, names } = round
    const values = new Uint8Array(round.large ?? slab)
    const firstId = Math.max(Number(highest.get()?.['id'] ?? 0), floorId) + 1
    let nextId = firstId
    for (let at = 0; at < puts.length; at += putColumns) {
      const column = (name: keyof typeof putColumn): number => puts[at + putColumn[name]] as number
      const offset = column('offset')
      const data = values.subarray(offset, offset + column('length'))
      const id = column('id') === 0 ? nextId++ : column('id')
      const format = names[column('format')] as string
      const signal = names[column('signal')] as string
      insert.run(id, owner, format, signal, column('items'), data.length, column('queuedAtMs'), crc32(data), data)
    }
    return { firstId, lastId: nextId - 1 }
  }

  return {
    write(round, slab, floorId, removalsOnly) {
      for (const id of round.deletes) remove.run(id)
      for (const burial of round.buries) {
        for (const id of burial.ids) {
          bury.run(burial.diedAtMs, burial.reason, burial.message, id)
          remove.run(id)
        }
      }
      return removalsOnly || round.puts.length === 0 ? { firstId: floorId + 1, lastId: floorId } : put(round, slab, floorId)
    },
    page(owners, afterId, limit) {
      // The value is the last column: SQLite does not touch its pages here.
      const found = db
        .prepare(
          `SELECT id, owner, format, signal, ${saneItems} AS items, length(data) AS bytes, queued_at FROM batches WHERE id > ? AND owner IN (${inList(owners.keys())}) ORDER BY id LIMIT ?`,
        )
        .all(afterId, limit)
      return found.map((row) => ({
        id: Number(row['id']),
        format: String(row['format']),
        signal: String(row['signal']) as Signal,
        items: Number(row['items']),
        bytes: Number(row['bytes']),
        queuedAtMs: Number(row['queued_at']),
        maybeSent: Number(row['id']) <= (owners.get(Number(row['owner'])) ?? Number.POSITIVE_INFINITY),
      }))
    },
    read(id) {
      const row = select.get(id)
      const data = row?.['data']
      if (row === undefined) return undefined
      return data instanceof Uint8Array && crc32(data) === row['crc'] ? data : 'damaged'
    },
    setAside(id) {
      db.exec('BEGIN IMMEDIATE')
      damage.run(id)
      remove.run(id)
      db.exec('COMMIT')
    },
    sums(owners) {
      const found = db
        .prepare(
          `SELECT format, signal, count(*) AS batches, sum(${saneItems}) AS items, sum(length(data)) AS bytes, min(queued_at) AS oldest, max(id) AS maxId
           FROM batches WHERE owner IN (${inList(owners.keys())}) GROUP BY format, signal`,
        )
        .all()
      return {
        sums: found.map((row) => ({
          format: String(row['format']),
          signal: String(row['signal']) as Signal,
          batches: Number(row['batches']),
          items: Number(row['items']),
          bytes: Number(row['bytes']),
        })),
        oldestAtMs: Math.min(...found.map((row) => Number(row['oldest']))),
        maxId: Math.max(0, ...found.map((row) => Number(row['maxId']))),
      }
    },
    deadItems: () => Number(dead.get()?.['items'] ?? 0),
    usedBytes: () => (Number(pageCount.get()?.['page_count']) - Number(freeCount.get()?.['freelist_count'])) * pageSize,
    freeBytes: () => Number(freeCount.get()?.['freelist_count']) * pageSize,
  }
}
