/**
 * The tables of a ledger file, and rows as records. Every row that decides something carries a CRC over what it says, since SQLite does not notice a
 * changed byte within a value.
 */

import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { BridgeError } from '../errors.ts'
import { countsFromJson, countsToJson } from './counts.ts'
import { canonicalJson, sumFromHex, sumToHex } from './identity.ts'
import type { Intent, RunMeta, SliceRecord } from './ledger.ts'
import type { Json, SliceSpec, SliceState } from './model.ts'

/** In `user_version`. A file of another layout is refused. */
export const ledgerLayout = 1

/** A slice without a time comes before all that have one. */
const noTime = -1e15

const schema = `
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS plans (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS slices (
  ord INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, starts REAL NOT NULL, ends REAL NOT NULL, spec TEXT NOT NULL,
  state TEXT NOT NULL, cursor TEXT, page INTEGER NOT NULL, epoch INTEGER NOT NULL, owner TEXT NOT NULL, attempts INTEGER NOT NULL,
  reason TEXT NOT NULL, error TEXT NOT NULL, started REAL, ended REAL, counts TEXT NOT NULL, crc INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS slices_by_time ON slices (state, starts, ord);
CREATE TABLE IF NOT EXISTS intents (
  slice TEXT PRIMARY KEY, page INTEGER NOT NULL, read INTEGER NOT NULL, produced INTEGER NOT NULL, sum TEXT NOT NULL, at REAL NOT NULL,
  sink TEXT, crc INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead (
  id INTEGER PRIMARY KEY, slice TEXT NOT NULL, grp TEXT NOT NULL, page INTEGER NOT NULL, ordinal INTEGER NOT NULL, reason TEXT NOT NULL,
  place TEXT NOT NULL, message TEXT NOT NULL, signal TEXT, items INTEGER NOT NULL, raw BLOB);
CREATE INDEX IF NOT EXISTS dead_by_slice ON dead (slice, id);
`

export type Row = Record<string, SQLOutputValue>

/** Sets up a file that is open: flushed at each commit, its tables there. Throws OB_LEDGER for another layout. */
export function prepareLedger(db: DatabaseSync): void {
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF;')
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
  if (version !== 0 && version !== ledgerLayout) {
    throw new BridgeError('OB_LEDGER', `cannot read the ledger: it is of layout ${version}, this version knows ${ledgerLayout}`)
  }
  db.exec(`BEGIN IMMEDIATE; ${schema} PRAGMA user_version = ${ledgerLayout}; COMMIT`)
}

/** What is wrong with a row. The file is not to be believed any more. */
export class DamagedRow extends Error {}

const damaged = (what: string): DamagedRow => new DamagedRow(`${what} is not what was written`)

/** A slice as it is kept: the record, and the row's texts. */
export interface SliceRow {
  readonly record: SliceRecord
  readonly spec: string
}

const number = (value: SQLOutputValue | undefined): number => (typeof value === 'number' ? value : Number(value ?? 0))

const optional = (value: SQLOutputValue | undefined): number | undefined => (typeof value === 'number' ? value : undefined)

const text = (value: SQLOutputValue | undefined): string => (typeof value === 'string' ? value : '')

const crcOf = (...parts: readonly (string | number)[]): number => crc32(parts.join('\u0000'))

const specJson = (spec: SliceSpec): string =>
  canonicalJson({
    key: spec.key,
    group: spec.group,
    fromMs: spec.fromMs ?? null,
    toMs: spec.toMs ?? null,
    items: spec.items,
    bytes: spec.bytes,
  })

const sliceCrc = (id: string, spec: string, record: SliceRecord, cursor: string, counts: string): number =>
  crcOf(id, spec, record.state, cursor, record.page, record.epoch, record.attempts, record.reason, counts)

/** Column values of a slice, in the order of {@link insertSlice} and {@link updateSlice}. */
const values = (record: SliceRecord, spec: string): (string | number | null)[] => {
  const counts = countsToJson(record.counts)
  const cursor = record.cursor === undefined ? null : canonicalJson(record.cursor)
  return [
    record.state,
    cursor,
    record.page,
    record.epoch,
    record.owner,
    record.attempts,
    record.reason,
    record.error,
    record.startedMs ?? null,
    record.endedMs ?? null,
    counts,
    sliceCrc(record.id, spec, record, cursor ?? '', counts),
  ]
}

const mutable = ['state', 'cursor', 'page', 'epoch', 'owner', 'attempts', 'reason', 'error', 'started', 'ended', 'counts', 'crc']

/** SQL. Ignores a slice that is there. */
export const insertSlice = `INSERT INTO slices (id, starts, ends, spec, ${mutable.join(', ')})
  VALUES (?, ?, ?, ?${', ?'.repeat(mutable.length)}) ON CONFLICT (id) DO NOTHING`

/** SQL. */
export const updateSlice = `UPDATE slices SET ${mutable.map((name) => `${name} = ?`).join(', ')} WHERE id = ?`

/** Values for {@link insertSlice}. Its order is the row's. */
export function sliceToInsert(record: Omit<SliceRecord, 'order'>): (string | number | null)[] {
  const spec = specJson(record)
  const whole = { ...record, order: 0 }
  return [record.id, record.fromMs ?? noTime, record.toMs ?? -noTime, spec, ...values(whole, spec)]
}

/** Values for {@link updateSlice}. */
export function sliceToUpdate({ record, spec }: SliceRow): (string | number | null)[] {
  return [...values(record, spec), record.id]
}

/** A row of `slices`. Throws {@link DamagedRow}. */
export function rowToSlice(row: Row): SliceRow {
  const id = text(row['id'])
  const spec = text(row['spec'])
  const cursor = text(row['cursor'])
  const counts = text(row['counts'])
  try {
    const { fromMs, toMs, ...rest } = JSON.parse(spec) as Omit<SliceSpec, 'fromMs' | 'toMs'> & {
      fromMs: number | null
      toMs: number | null
    }
    const record: SliceRecord = {
      ...rest,
      fromMs: fromMs ?? undefined,
      toMs: toMs ?? undefined,
      id,
      order: number(row['ord']),
      state: text(row['state']) as SliceState,
      cursor: row['cursor'] === null ? undefined : (JSON.parse(cursor) as Json),
      page: number(row['page']),
      epoch: number(row['epoch']),
      owner: text(row['owner']),
      attempts: number(row['attempts']),
      reason: text(row['reason']),
      error: text(row['error']),
      startedMs: optional(row['started']),
      endedMs: optional(row['ended']),
      counts: countsFromJson(counts),
    }
    if (sliceCrc(id, spec, record, cursor, counts) === number(row['crc'])) return { record, spec }
  } catch {
    // What cannot be parsed is damaged as well.
  }
  throw damaged(`slice ${id}`)
}

/** SQL. */
export const putIntent = `INSERT INTO intents (slice, page, read, produced, sum, at, sink, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (slice) DO UPDATE SET page = excluded.page, read = excluded.read, produced = excluded.produced, sum = excluded.sum,
  at = excluded.at, sink = excluded.sink, crc = excluded.crc`

const intentCrc = (slice: string, intent: Intent, sink: string): number =>
  crcOf(slice, intent.page, intent.read, intent.produced, sumToHex(intent.sum), sink)

/** Values for {@link putIntent}. */
export function intentToRow(slice: string, intent: Intent): (string | number | null)[] {
  const sink = intent.sink === undefined ? null : canonicalJson(intent.sink)
  const { page, read, produced, sum, atMs } = intent
  return [slice, page, read, produced, sumToHex(sum), atMs, sink, intentCrc(slice, intent, sink ?? '')]
}

/** A row of `intents`. Throws {@link DamagedRow}. */
export function rowToIntent(row: Row): Intent {
  const slice = text(row['slice'])
  const sink = text(row['sink'])
  try {
    const intent: Intent = {
      page: number(row['page']),
      read: number(row['read']),
      produced: number(row['produced']),
      sum: sumFromHex(text(row['sum'])),
      atMs: number(row['at']),
      sink: row['sink'] === null ? undefined : (JSON.parse(sink) as Json),
    }
    if (intentCrc(slice, intent, sink) === number(row['crc'])) return intent
  } catch {
    // As above.
  }
  throw damaged(`the intent of slice ${slice}`)
}

/** What stands in `meta` under `run`. Throws {@link DamagedRow}. */
export function readMeta(db: DatabaseSync): RunMeta | undefined {
  const row = db.prepare('SELECT value FROM meta WHERE name = ?').get('run')
  if (row === undefined) return undefined
  try {
    return JSON.parse(text(row['value'])) as RunMeta
  } catch {
    throw damaged('the description of the run')
  }
}
