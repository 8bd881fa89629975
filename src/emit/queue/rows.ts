/** The statements of the queue on an open store. Synchronous: for the worker. */

import type { DatabaseSync, StatementResultingChanges } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import type { Held } from './accounts.ts'
import type { Cargo } from './outcomes.ts'
import {
  accountColumn,
  accountColumns,
  type DeadItems,
  type OwnerMark,
  putColumn,
  putColumns,
  type RoundRequest,
  type Row,
} from './protocol.ts'
import { createStatements } from './statements.ts'
import { addAccountTable, firstDeadAccount, hasAccountTable } from './store.ts'

/** What an owner has of one format and signal. */
export interface OwnerSums extends Held {
  readonly owner: number
  readonly batches: number
  readonly oldestAtMs: number
}

export interface Rows {
  /** Before a transaction that stores accounts: their table is made, in a transaction of its own, where it is not there. */
  beginAccounts(): void
  /**
   * Carries out a round within the open transaction; with `removalsOnly` without its puts. Returns the first id given.
   * @param bases see `StagedRows.bases`; undefined: nothing was staged
   */
  write(
    round: RoundRequest,
    slab: SharedArrayBuffer,
    floorId: number,
    removalsOnly: boolean,
    bases?: Float64Array,
  ): { firstId: number; lastId: number }
  /** Removes rows of ours, whatever their value is, within the open transaction. */
  remove(ids: readonly number[]): void
  page(owners: readonly OwnerMark[], afterId: number, limit: number): Row[]
  /** The value, checked; undefined when it is gone, `damaged` when its checksum does not hold. */
  read(id: number): Uint8Array | 'damaged' | undefined
  /** Moves a row to the damaged ones, in a transaction of its own. */
  setAside(id: number): void
  /** One pass over the table, however many owners. */
  sums(owners: readonly number[]): OwnerSums[]
  deadItems(): DeadItems[]
  usedBytes(): number
  freeBytes(): number
}

/** What a row says of its batch, in the stores' words. */
export const contentOf = (row: Readonly<Record<string, unknown>>) => ({
  format: String(row['format']),
  signal: String(row['signal']) as Cargo,
  items: Number(row['items']),
  bytes: Number(row['bytes']),
})

/** The checksum covers the value alone: a count that cannot be one must not make the books unreadable. */
const saneItems = "(CASE WHEN typeof(items) = 'integer' AND items BETWEEN 0 AND 1000000000 THEN items ELSE 0 END)"

/** A shared value is not touched for its length. */
const sizeOf =
  "(CASE typeof(data) WHEN 'integer' THEN (CASE WHEN bytes BETWEEN 0 AND 2147483647 THEN bytes ELSE 0 END) ELSE length(data) END)"

/** The value itself, wherever it stands; null when it is not there. */
const valueText = "(CASE typeof(data) WHEN 'integer' THEN (SELECT shared.data FROM shared WHERE shared.id = batches.data) ELSE data END)"

const noBytes = new Uint8Array()

const noAccounts = new Float64Array()

const rowColumns = 'format, signal, items, bytes, queued_at, crc'

/** Within a transaction: what has one id gets the account of another; nothing where that has none. See {@link firstDeadAccount}. */
export function copyAccount(db: DatabaseSync, from: number, to: number): void {
  db.prepare('INSERT OR REPLACE INTO accounts (id, account) SELECT ?, account FROM accounts WHERE id = ?').run(to, from)
}

export interface RowsOptions {
  /** Every owner of this process: no other rows are ever removed. */
  readonly mine: Iterable<number>
  /** The owner of what this run puts for a destination. Throws when there is none. */
  readonly ownerOf: (destination: string) => number
}

/** Prepares the statements; to be done again when `mine` changes. */
export function prepareRows(db: DatabaseSync, { mine, ownerOf }: RowsOptions): Rows {
  const own = [...mine].join(',')
  const { sql, inTransaction } = createStatements(db)
  let hasAccounts = hasAccountTable(db)
  // A row put back under its old id yields to another process's row of that id; it is still in the memory of its owner.
  const insert = db.prepare(
    'INSERT OR IGNORE INTO batches (id, owner, format, signal, items, bytes, queued_at, crc, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const remove = db.prepare(`DELETE FROM batches WHERE id = ? AND owner IN (${own})`)
  const removeSharing = db.prepare(
    `DELETE FROM batches WHERE id = ? AND owner IN (${own}) RETURNING CASE WHEN typeof(data) = 'integer' AND data BETWEEN 0 AND 9007199254740991 THEN data END AS shared`,
  )
  const share = db.prepare('INSERT INTO shared (id, data) VALUES (?, ?)')
  const unshare = db.prepare(
    "DELETE FROM shared WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM batches WHERE typeof(data) = 'integer' AND data = ?1)",
  )
  const bury = db.prepare(
    `INSERT INTO dead (destination, ${rowColumns}, died_at, reason, message, data)
     SELECT coalesce((SELECT destination FROM owners WHERE owners.id = owner), ''), ${rowColumns}, ?, ?, ?, coalesce(${valueText}, x'')
     FROM batches WHERE id = ? AND owner IN (${own})`,
  )
  const buryPart = db.prepare(
    `INSERT INTO dead (destination, format, signal, items, bytes, queued_at, crc, died_at, reason, message, data)
     SELECT coalesce((SELECT destination FROM owners WHERE owners.id = owner), ''), format, signal, ?, ?, queued_at, ?, ?, ?, ?, ?
     FROM batches WHERE id = ? AND owner IN (${own})`,
  )
  const highest = db.prepare('SELECT max(id) AS id FROM batches')
  const select = db.prepare(`SELECT crc, ${valueText} AS data FROM batches WHERE id = ?`)
  const damage = db.prepare(
    `INSERT OR REPLACE INTO damaged (id, ${rowColumns}, data) SELECT id, ${rowColumns}, coalesce(${valueText}, x'') FROM batches WHERE id = ?`,
  )
  const dead = db.prepare('SELECT destination, total(items) AS items FROM dead GROUP BY destination')
  const pageCount = db.prepare('PRAGMA page_count')
  const freeCount = db.prepare('PRAGMA freelist_count')
  const pageSize = Number(db.prepare('PRAGMA page_size').get()?.['page_size'])

  const put = (
    round: RoundRequest,
    slab: SharedArrayBuffer,
    floorId: number,
    bases: Float64Array | undefined,
  ): { firstId: number; lastId: number } => {
    const { puts, names, accounts = noAccounts } = round
    const values = new Uint8Array(round.large ?? slab)
    let accountAt = 0
    const firstId = Math.max(Number(highest.get()?.['id'] ?? 0), floorId) + 1
    let nextId = firstId
    for (let at = 0; at < puts.length; ) {
      const column = (name: keyof typeof putColumn): number => puts[at + putColumn[name]] as number
      const offset = column('offset')
      const length = column('length')
      const rows = column('sharedBy')
      const staged = column('crc') >= 0
      const base = bases?.[at / putColumns] ?? 0
      if (base === -1) {
        nextId += rows
        at += rows * putColumns
        continue
      }
      const data = staged ? noBytes : values.subarray(offset, offset + length)
      const crc = staged ? column('crc') : crc32(data)
      // A bigint is stored as an integer, a number would be a real: the column has no type of its own.
      const value = staged ? BigInt(base + offset) : rows === 1 ? data : BigInt(nextId)
      if (rows > 1 && !staged) share.run(nextId, data)
      for (const end = at + rows * putColumns; at < end; at += putColumns) {
        const id = column('id') === 0 ? nextId++ : column('id')
        const owner = ownerOf(names[column('destination')] as string)
        const format = names[column('format')] as string
        const signal = names[column('signal')] as string
        const { changes } = insert.run(id, owner, format, signal, column('items'), length, column('queuedAtMs'), crc, value)
        if (accountAt === accounts.length) continue
        const row = at / putColumns
        const account = (name: keyof typeof accountColumn): number => accounts[accountAt + accountColumn[name]] as number
        // Those of rows that are not put are passed over.
        while (account('row') < row) accountAt += accountColumns
        if (account('row') !== row) continue
        const from = account('offset')
        if (changes === 1) keepAccount(id, values.subarray(from, from + account('length')))
        accountAt += accountColumns
      }
    }
    return { firstId, lastId: nextId - 1 }
  }

  const keepAccount = (id: number, account: Uint8Array): void =>
    void sql('INSERT OR REPLACE INTO accounts (id, account) VALUES (?, ?)').run(id, account)

  /** Removes rows, and the values that then nobody has any more. */
  const removeAllSharing = (ids: Iterable<number>): void => {
    const left = new Set<number>()
    for (const id of ids) {
      const value = removeSharing.get(id)?.['shared']
      if (typeof value === 'number') left.add(value)
    }
    for (const value of left) unshare.run(value)
  }

  return {
    beginAccounts() {
      if (hasAccounts) return
      inTransaction(() => addAccountTable(db))
      hasAccounts = true
    },
    write(round, slab, floorId, removalsOnly, bases) {
      for (const id of round.deletes) remove.run(id)
      if (round.sharedDeletes.length > 0) removeAllSharing(round.sharedDeletes)
      for (const burial of round.buries) {
        const { ids, parts, diedAtMs } = burial
        const buried = ({ changes, lastInsertRowid }: StatementResultingChanges, id: number): void => {
          if (changes === 1 && hasAccounts) copyAccount(db, id, firstDeadAccount + Number(lastInsertRowid))
        }
        if (parts === undefined) for (const id of ids) buried(bury.run(diedAtMs, burial.reason, burial.message, id), id)
        const [first = 0] = ids
        for (const { data, items, reason, message } of parts ?? [])
          buried(buryPart.run(items, data.length, crc32(data), diedAtMs, reason, message, data, first), first)
        removeAllSharing(burial.ids)
      }
      return removalsOnly || round.puts.length === 0 ? { firstId: floorId + 1, lastId: floorId } : put(round, slab, floorId, bases)
    },
    remove: removeAllSharing,
    page(owners, afterId, limit) {
      // The value is the last column: SQLite does not touch its pages here.
      const marks = new Map(owners.map(({ id, mark }) => [id, mark]))
      const found = db
        .prepare(
          `SELECT id, owner, format, signal, ${saneItems} AS items, ${sizeOf} AS bytes, queued_at, typeof(data) = 'integer' AS shared,
             ${hasAccounts ? '(SELECT account FROM accounts WHERE accounts.id = batches.id)' : 'NULL'} AS account
           FROM batches WHERE id > ? AND owner IN (${[...marks.keys()].join(',')}) ORDER BY id LIMIT ?`,
        )
        .all(afterId, limit)
      return found.map((row) => ({
        ...contentOf(row),
        id: Number(row['id']),
        queuedAtMs: Number(row['queued_at']),
        maybeSent: Number(row['id']) <= (marks.get(Number(row['owner'])) ?? Number.POSITIVE_INFINITY),
        shared: row['shared'] === 1,
        account: row['account'] instanceof Uint8Array ? row['account'] : undefined,
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
      removeAllSharing([id])
      db.exec('COMMIT')
    },
    sums(owners) {
      const found = db
        .prepare(
          `SELECT owner, format, signal, count(*) AS batches, sum(${saneItems}) AS items, sum(${sizeOf}) AS bytes, min(queued_at) AS oldest
           FROM batches WHERE owner IN (${owners.join(',')}) GROUP BY owner, format, signal`,
        )
        .all()
      return found.map((row) => ({
        ...contentOf(row),
        owner: Number(row['owner']),
        batches: Number(row['batches']),
        oldestAtMs: Number(row['oldest']),
      }))
    },
    deadItems: () => dead.all().map((row) => ({ destination: String(row['destination']), items: Number(row['items']) })),
    usedBytes: () => (Number(pageCount.get()?.['page_count']) - Number(freeCount.get()?.['freelist_count'])) * pageSize,
    freeBytes: () => Number(freeCount.get()?.['freelist_count']) * pageSize,
  }
}
