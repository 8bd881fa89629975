/** The store: one SQLite file in the state folder. Opening, setting aside, saving what can be read. Synchronous: for the worker. */

import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { type BrokenLog, findBrokenLog } from './log-damage.ts'

/** Version of the layout, in `user_version`. Layouts are public: a new one gets a new number and reads the old. */
export const formatVersion = 2

/** `OBst`: says whose file it is. */
export const applicationId = 0x4f427374

const schema = `
CREATE TABLE owners (id INTEGER PRIMARY KEY AUTOINCREMENT, born TEXT NOT NULL, run TEXT NOT NULL, mark REAL NOT NULL,
  destination TEXT NOT NULL DEFAULT '');
CREATE TABLE batches (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, format TEXT NOT NULL, signal TEXT NOT NULL,
  items INTEGER NOT NULL, bytes INTEGER NOT NULL, queued_at INTEGER NOT NULL, crc INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE dead (id INTEGER PRIMARY KEY, destination TEXT NOT NULL DEFAULT '', format TEXT NOT NULL, signal TEXT NOT NULL, items INTEGER NOT NULL, bytes INTEGER NOT NULL,
  queued_at INTEGER NOT NULL, crc INTEGER NOT NULL, died_at INTEGER NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE damaged (id INTEGER PRIMARY KEY, format TEXT NOT NULL, signal TEXT NOT NULL, items INTEGER NOT NULL, bytes INTEGER NOT NULL,
  queued_at INTEGER NOT NULL, crc INTEGER NOT NULL, data BLOB NOT NULL);
PRAGMA application_id = ${applicationId};
`

/** What version 2 has beside the tables of version 1. An integer in `batches.data` is the id of a value in `shared`. */
const sharing = `
CREATE TABLE shared (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE INDEX shared_by ON batches (data) WHERE typeof(data) = 'integer';
CREATE INDEX dead_items ON dead (destination, items);
PRAGMA user_version = ${formatVersion};
`

/**
 * Version 1 knew one destination: rows without one are taken by the first that is configured. The new columns stand behind
 * those that were there, and the rows are not rewritten.
 */
const fromVersion1 = `
ALTER TABLE owners ADD COLUMN destination TEXT NOT NULL DEFAULT '';
ALTER TABLE dead ADD COLUMN destination TEXT NOT NULL DEFAULT '';
DROP INDEX IF EXISTS dead_items;
`

const columnsOf = {
  owners: 'id, born, run, mark, destination',
  shared: 'id, data',
  batches: 'id, owner, format, signal, items, bytes, queued_at, crc, data',
  dead: 'id, destination, format, signal, items, bytes, queued_at, crc, died_at, reason, message, data',
  damaged: 'id, format, signal, items, bytes, queued_at, crc, data',
  keepers: 'id, born, run, name',
  kept: 'id, keeper, name, queued_at, crc, data',
  stagings: 'id, run',
  accounts: 'id, account',
} as const

/** Made by the first who keeps something: a file may have them or not, in version 2. */
const keeping = `
CREATE TABLE IF NOT EXISTS keepers (id INTEGER PRIMARY KEY AUTOINCREMENT, born TEXT NOT NULL, run TEXT NOT NULL, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS kept (id INTEGER PRIMARY KEY, keeper INTEGER NOT NULL, name TEXT NOT NULL, queued_at INTEGER NOT NULL,
  crc INTEGER NOT NULL, data BLOB NOT NULL);
`

/** Made by the first request that is stored in parts: a file may have it or not, in version 2. */
const staging = `
CREATE TABLE IF NOT EXISTS stagings (id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL);
`

/** Accounts of dead letters stand at their ids above it. */
export const firstDeadAccount = 2 ** 52

/**
 * Made by the first batch with an account: a file may have it or not, in version 2. An account goes with its row, whatever program removes that,
 * also one that does not know of accounts.
 */
const accounting = `
CREATE TABLE IF NOT EXISTS accounts (id INTEGER PRIMARY KEY, account BLOB NOT NULL);
CREATE TRIGGER IF NOT EXISTS accounts_of_batches AFTER DELETE ON batches BEGIN DELETE FROM accounts WHERE id = OLD.id; END;
CREATE TRIGGER IF NOT EXISTS accounts_of_dead AFTER DELETE ON dead BEGIN DELETE FROM accounts WHERE id = ${firstDeadAccount} + OLD.id; END;
`

/** Not in every file. */
const laterTables: readonly string[] = ['keepers', 'kept', 'stagings', 'accounts']

type Table = keyof typeof columnsOf

/** What a fault of SQLite or the file system means for us. */
export type StoreFault = 'damaged' | 'full' | 'io'

/** SQLITE_CORRUPT 11 and SQLITE_NOTADB 26 are damage, SQLITE_FULL 13 and ENOSPC are a full disk, all else is i/o. */
export function storeFaultOf(error: unknown): StoreFault {
  if (typeof error !== 'object' || error === null) return 'io'
  const primary = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : 0
  if (primary === 11 || primary === 26 || error instanceof ForeignFile) return 'damaged'
  const full = primary === 13 || ('code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT'))
  return full ? 'full' : 'io'
}

/** A readable SQLite file that is not a store of ours: handled as a damaged one. */
class ForeignFile extends Error {}

/** The store's file in a state folder. */
export function storeFile(path: string): string {
  return join(path, 'store.sqlite')
}

/** Identity of the file, to notice that another process has set it aside; 0 when there is none. */
export function fileIdentity(path: string): number {
  return statSync(storeFile(path), { throwIfNoEntry: false })?.ino ?? 0
}

const pragma = (db: DatabaseSync, name: string): number => Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0)

/**
 * Opens the store of a state folder, making it when there is none. Throws; {@link storeFaultOf} says what kind of fault
 * it is. A file of a newer layout is an `io` fault: it is left alone; one of an older layout becomes one of this.
 * @param onBrokenLog told of commits that its log has lost
 */
export function openStore(path: string, synchronous: 'FULL' | 'NORMAL', onBrokenLog?: (broken: BrokenLog) => void): DatabaseSync {
  mkdirSync(path, { recursive: true })
  const db = new DatabaseSync(storeFile(path), { timeout: 5000 })
  try {
    // page_size counts for a new file only; cache_size is KiB: one round of large values fits.
    db.exec(`PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; PRAGMA cache_size = -8192;
      PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 67108864;`)
    db.exec('BEGIN IMMEDIATE')
    const version = pragma(db, 'user_version')
    if (onBrokenLog !== undefined) {
      const broken = findBrokenLog(storeFile(path), pragma(db, 'page_size'), join(path, `damaged-${stampOf(Date.now())}.wal`))
      if (broken !== undefined) onBrokenLog(broken)
    }
    if (version > formatVersion) throw new Error(`it was written by a newer version (layout ${version}, this one knows ${formatVersion})`)
    if (version === 0) {
      if (db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() !== undefined) throw new ForeignFile('it is not a store of otlp-bridge')
      db.exec(schema + sharing)
    } else if (pragma(db, 'application_id') !== applicationId) throw new ForeignFile('it is not a store of otlp-bridge')
    else if (version === 1) {
      requireColumns(db, 'owners', 'id, born, run, mark')
      db.exec(fromVersion1 + sharing)
    }
    for (const [table, columns] of Object.entries(columnsOf))
      if (!laterTables.includes(table) || hasTable(db, table)) requireColumns(db, table, columns)
    db.exec('COMMIT')
    syncFolder(path)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

const hasTable = (db: DatabaseSync, name: string): boolean =>
  db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !== undefined

/** True when something was kept in this store once. */
export function hasKeptTables(db: DatabaseSync): boolean {
  return hasTable(db, 'kept')
}

/** True when a batch with an account was stored once. */
export function hasAccountTable(db: DatabaseSync): boolean {
  return hasTable(db, 'accounts')
}

/** Makes the table of accounts, where it is not there. */
export function addAccountTable(db: DatabaseSync): void {
  db.exec(accounting)
}

/** True when a request was stored in parts once. */
export function hasStagingTable(db: DatabaseSync): boolean {
  return hasTable(db, 'stagings')
}

/** Makes the table of requests that are stored in parts, where it is not there. */
export function addStagingTable(db: DatabaseSync): void {
  db.exec(staging)
}

/** Makes the tables for what is kept, where they are not there. */
export function addKeptTables(db: DatabaseSync): void {
  db.exec(keeping)
}

/** Within a transaction: what a keeper has that nobody knows, because its row was lost, is for whoever comes next. */
export function adoptLostKeepers(db: DatabaseSync): void {
  db.exec(`INSERT OR IGNORE INTO keepers (id, born, run, name)
    SELECT DISTINCT keeper, 'lost', 'retry-lost', name FROM kept WHERE keeper NOT IN (SELECT id FROM keepers)`)
}

const requireColumns = (db: DatabaseSync, table: string, columns: string): void => {
  const have = new Set(
    db
      .prepare(`PRAGMA table_info(${table})`)
      .all()
      .map((row) => String(row['name'])),
  )
  if (columns.split(', ').some((column) => !have.has(column))) throw new ForeignFile(`its table ${table} is not as it should be`)
}

/** A new file is safe only when the folder that names it is flushed too. */
const syncFolder = (path: string): void => {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

const stampOf = (nowMs: number): string => new Date(nowMs).toISOString().replace(/[:.]/g, '-')

/** Renames the file with its -wal and -shm; nothing is deleted. Returns its new name, undefined when there was none. */
export function setAsideStore(path: string, nowMs: number): string | undefined {
  const from = storeFile(path)
  if (!existsSync(from)) return undefined
  const stamp = stampOf(nowMs)
  let to = join(path, `damaged-${stamp}.sqlite`)
  for (let n = 2; existsSync(to); n++) to = join(path, `damaged-${stamp}-${n}.sqlite`)
  // The -wal first: a crash in between leaves a file that is whole up to its last checkpoint, not one with a foreign -wal.
  for (const suffix of ['-wal', '-shm', '']) if (existsSync(from + suffix)) renameSync(from + suffix, to + suffix)
  syncFolder(path)
  return to
}

/** What could be saved out of a set-aside file. */
export interface Salvage {
  readonly batches: number
  readonly dead: number
  /** Places where reading failed. */
  readonly faults: number
}

/** Between two readable rows at most so many ids are tried one by one. */
const maxProbes = 100_000

/** So many ids in a row that cannot be read are taken for the end. */
const maxMisses = 5000

const rowsPerCommit = 64

/** Copies every row that can be read out of a set-aside file into the new store, under its old id. Stops when the disk is full. */
export function salvageStore(from: string, to: DatabaseSync): Salvage {
  const counts = { batches: 0, dead: 0, faults: 0 }
  let old: DatabaseSync
  try {
    old = new DatabaseSync(from, { timeout: 1000, defensive: false })
    // Lets SQLite read a file that is shorter than its header says.
    old.exec('PRAGMA writable_schema = ON')
  } catch {
    // Not even a file: nothing to save.
    return { ...counts, faults: 1 }
  }
  try {
    for (const table of ['owners', 'shared', 'batches', 'dead', 'damaged'] as const) {
      const { rows, faults } = salvageTable(old, to, table)
      if (table === 'batches' || table === 'dead') counts[table] = rows
      counts.faults += faults
    }
    if (counts.faults > 0) salvageReferred(old, to)
    removeOrphans(to)
    counts.faults += salvageKept(old, to) + salvageAccounts(old, to)
  } finally {
    old.close()
  }
  return counts
}

/** What was kept; how often reading failed. */
const salvageKept = (old: DatabaseSync, to: DatabaseSync): number => {
  let faults = 0
  try {
    if (!hasKeptTables(old)) return faults
    addKeptTables(to)
    for (const table of ['keepers', 'kept'] as const) faults += salvageTable(old, to, table).faults
    adoptLostKeepers(to)
  } catch {
    // A schema that cannot be read, or a full disk: who kept it and lives still has it in memory.
    faults++
  }
  return faults
}

/** What batches and dead letters are known by; how often reading failed. */
const salvageAccounts = (old: DatabaseSync, to: DatabaseSync): number => {
  try {
    if (!hasAccountTable(old)) return 0
    addAccountTable(to)
    const { faults } = salvageTable(old, to, 'accounts')
    to.exec(`DELETE FROM accounts WHERE id NOT IN (SELECT id FROM batches) AND id - ${firstDeadAccount} NOT IN (SELECT id FROM dead)`)
    return faults
  } catch {
    // A schema that cannot be read, or a full disk: their batches are there all the same.
    return 1
  }
}

/** Values that were not come by in the order of their ids, but that a row names: those of large requests are far apart. */
const salvageReferred = (old: DatabaseSync, to: DatabaseSync): void => {
  let read: (id: number) => unknown
  try {
    const select = old.prepare('SELECT data FROM shared WHERE id = ?')
    read = (id) => select.get(id)?.['data']
  } catch {
    // There are none in it, or its schema cannot be read.
    return
  }
  try {
    const missing = to
      .prepare("SELECT DISTINCT data AS id FROM batches WHERE typeof(data) = 'integer' AND data NOT IN (SELECT id FROM shared)")
      .all()
      .map(({ id }) => Number(id))
    const insert = to.prepare('INSERT OR IGNORE INTO shared (id, data) VALUES (?, ?)')
    for (let from = 0; from < missing.length; from += rowsPerCommit) {
      to.exec('BEGIN IMMEDIATE')
      for (const id of missing.slice(from, from + rowsPerCommit)) {
        const value = readValue(read, id)
        if (value !== undefined) insert.run(id, value)
      }
      to.exec('COMMIT')
    }
  } catch (error) {
    if (to.isTransaction) to.exec('ROLLBACK')
    // On a full disk they stay in the old file: their rows count as damaged when their turn comes.
    if (storeFaultOf(error) === 'damaged') throw error
  }
}

const readValue = (read: (id: number) => unknown, id: number): Uint8Array | undefined => {
  try {
    const value = read(id)
    return value instanceof Uint8Array ? value : undefined
  } catch {
    return undefined
  }
}

/** Values whose every row was lost. */
const removeOrphans = (db: DatabaseSync): void => {
  try {
    db.exec("DELETE FROM shared WHERE id NOT IN (SELECT data FROM batches WHERE typeof(data) = 'integer')")
  } catch (error) {
    // On a full disk they stay: they cost room, nothing else.
    if (storeFaultOf(error) === 'damaged') throw error
  }
}

/** How a table of the old file names its columns: what a layout before this one did not have is empty. */
const selectedFrom = (old: DatabaseSync, table: Table): string => {
  const have = new Set(
    old
      .prepare(`PRAGMA table_info(${table})`)
      .all()
      .map((row) => String(row['name'])),
  )
  return columnsOf[table].replace(/\w+/g, (column) => (column === 'destination' && !have.has(column) ? "'' AS destination" : column))
}

const salvageTable = (old: DatabaseSync, to: DatabaseSync, table: Table): { rows: number; faults: number } => {
  const columns = columnsOf[table]
  const insert = to.prepare(`INSERT OR IGNORE INTO ${table} (${columns}) VALUES (${columns.replace(/\w+/g, '?')})`)
  let rows = 0
  let faults = 0
  let open = 0
  const prepared = new Map<string, StatementSync>()
  let selected: string = columns
  const select = (where: string): StatementSync => {
    let found = prepared.get(where)
    if (found === undefined) prepared.set(where, (found = old.prepare(`SELECT ${selected} FROM ${table} WHERE ${where}`)))
    return found
  }
  try {
    if (table === 'shared' && pragma(old, 'user_version') === 1) return { rows, faults }
    selected = selectedFrom(old, table)
    select('id = ?')
  } catch {
    // The schema itself cannot be read.
    return { rows, faults: 1 }
  }
  const keep = (row: Record<string, unknown>): void => {
    if (open === 0) to.exec('BEGIN IMMEDIATE')
    // A number would be bound as a real, and the id of a shared value has to stay an integer.
    if (typeof row['data'] === 'number') row['data'] = BigInt(row['data'])
    insert.run(...(Object.values(row) as SQLInputValue[]))
    rows++
    if (++open === rowsPerCommit) commit()
  }
  const commit = (): void => {
    if (open > 0) to.exec('COMMIT')
    open = 0
  }
  const lookUp = (id: number): Record<string, unknown> | undefined => {
    try {
      return select('id = ?').get(id)
    } catch {
      faults++
      return undefined
    }
  }
  /** Reads rows until there is none or one cannot be read; true when all were. */
  const walk = (where: string, next: (id: number) => readonly number[] | undefined, start: readonly number[]): boolean => {
    let at = start
    for (;;) {
      let row: Record<string, unknown> | undefined
      try {
        row = select(where).get(...at)
      } catch {
        faults++
        return false
      }
      if (row === undefined) return true
      const following = next(Number(row['id']))
      // Damaged pages may lead in a circle.
      if (following === undefined) {
        faults++
        return false
      }
      keep(row)
      at = following
    }
  }

  try {
    let last = -1
    const up = (id: number) => (id > last ? [(last = id)] : undefined)
    if (!walk('id > ? ORDER BY id LIMIT 1', up, [last])) {
      let first = Number.MAX_SAFE_INTEGER
      const down = (id: number) => (id < first && id > last ? [(first = id), last] : undefined)
      walk('id < ? AND id > ? ORDER BY id DESC LIMIT 1', down, [first, last])
      const end = Math.min(first, last + maxProbes)
      for (let id = last + 1, misses = 0; id < end && misses < maxMisses; id++) {
        const row = lookUp(id)
        misses = row === undefined ? misses + 1 : 0
        if (row !== undefined) keep(row)
      }
    }
    commit()
  } catch {
    // The new file cannot take more; what is left stays in the old one.
    faults++
    if (to.isTransaction) to.exec('ROLLBACK')
  }
  return { rows, faults }
}
