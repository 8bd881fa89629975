/** The file `books.db`: opened when there is something to write, set aside when it cannot be read. */

import { chmodSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { Logger } from '../telemetry/log.ts'
import { columnNames } from './columns.ts'

/** Version of the layout, in `user_version`. A file of a later one is set aside. */
const booksVersion = 1

/** A value of a row that was read. */
export type Value = null | number | bigint | string | Uint8Array

/** The file while it is open. */
export interface OpenFile {
  run(sql: string, ...values: SQLInputValue[]): void
  all(sql: string, ...values: SQLInputValue[]): Record<string, Value>[]
  get(sql: string, ...values: SQLInputValue[]): Record<string, Value> | undefined
  /** Bytes that are used of it. */
  size(): number
}

export interface BooksFile {
  /** False: in memory only, and gone with the process. */
  readonly lasting: boolean
  /** Whether it was opened already. */
  readonly open: boolean
  /** True when there is something to be read without making it. */
  readonly present: boolean
  /**
   * Does work in one transaction; what cannot be done is undone, logged once, and answered with false: the caller keeps what it has and comes again. A
   * file that cannot be read is renamed to `books.bad-<time>`, and a new one begins.
   */
  write(work: (file: OpenFile) => void): boolean
  /** Reads; undefined when it cannot be read now. Opens it. */
  read<T>(work: (file: OpenFile) => T): T | undefined
  /** Called after every opening of a file, in the transaction that follows: tables of others. */
  onOpen(prepare: (file: OpenFile) => void): void
  /** Why nothing can be written; undefined when all is well. */
  readonly trouble: string | undefined
  close(): void
}

export interface BooksFileDeps {
  /** Folder; undefined: in memory. */
  readonly path: string | undefined
  readonly nowMs: () => number
  readonly log: Logger
}

const counts = columnNames.map((name) => `${name} INTEGER NOT NULL DEFAULT 0`).join(', ')

const schema = `
CREATE TABLE IF NOT EXISTS keys (id INTEGER PRIMARY KEY, endpoint TEXT NOT NULL, format TEXT NOT NULL, key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS groups (id INTEGER PRIMARY KEY, endpoint TEXT NOT NULL, format TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS minutes (at INTEGER NOT NULL, id INTEGER NOT NULL, ${counts}, PRIMARY KEY (at, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hours (at INTEGER NOT NULL, id INTEGER NOT NULL, ${counts}, PRIMARY KEY (at, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totals (at INTEGER NOT NULL, id INTEGER NOT NULL, ${counts}, PRIMARY KEY (at, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS total_hours (at INTEGER NOT NULL, id INTEGER NOT NULL, ${counts}, PRIMARY KEY (at, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reasons (at INTEGER NOT NULL, id INTEGER NOT NULL, what TEXT NOT NULL, items INTEGER NOT NULL,
  PRIMARY KEY (at, id, what)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gauges (at INTEGER NOT NULL, endpoint TEXT NOT NULL, items REAL NOT NULL, age REAL NOT NULL,
  PRIMARY KEY (at, endpoint)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks (at INTEGER NOT NULL, why TEXT NOT NULL, PRIMARY KEY (at, why)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alive (at INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS processes (run INTEGER PRIMARY KEY, pid INTEGER NOT NULL, host TEXT NOT NULL, beat INTEGER NOT NULL);
`

const faultOf = (error: unknown): number =>
  typeof error === 'object' && error !== null && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : 0

/** SQLITE_CORRUPT, SQLITE_NOTADB, and a table that is not what it should be (SQLITE_ERROR). */
const isDamage = (error: unknown): boolean => [11, 26, 1].includes(faultOf(error))

/** Tries in a row that found the file locked by another, one a second, before that is told. */
const mostBusy = 30

interface Handle {
  readonly db: DatabaseSync
  readonly file: OpenFile
}

/** Creates the way to the file; nothing is opened before the first write or read. */
export function createBooksFile({ path, nowMs, log }: BooksFileDeps): BooksFile {
  const name = path === undefined ? ':memory:' : join(path, 'books.db')
  const preparers: ((file: OpenFile) => void)[] = []
  let handle: Handle | undefined
  let trouble: string | undefined
  let busy = 0
  let hasUnwritten = false
  let closed = false

  const connect = (): Handle => {
    // Loaded when it is needed: a bridge that nobody sends to has no use for it.
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
    if (path !== undefined) mkdirSync(path, { recursive: true, mode: 0o700 })
    const db = new DatabaseSync(name, { timeout: 50 })
    try {
      // Samples of what was received are in it; what SQLite puts beside it gets the same mode.
      if (path !== undefined) chmodSync(name, 0o600)
      // Short: this thread receives. What others hold is tried again a second later.
      if (path !== undefined) db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 8388608')
      db.exec('PRAGMA cache_size = -2000')
      const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
      if (version > booksVersion) throw Object.assign(new Error(`layout ${version} is of a later version`), { errcode: 26 })
      db.exec(`BEGIN IMMEDIATE; ${schema} PRAGMA user_version = ${booksVersion}; COMMIT`)
    } catch (error) {
      db.close()
      throw error
    }
    const prepared = new Map<string, StatementSync>()
    const sql = (text: string): StatementSync => {
      let found = prepared.get(text)
      if (found === undefined) prepared.set(text, (found = db.prepare(text)))
      return found
    }
    const file: OpenFile = {
      run: (text, ...values) => void sql(text).run(...values),
      all: (text, ...values) => sql(text).all(...values) as Record<string, Value>[],
      get: (text, ...values) => sql(text).get(...values) as Record<string, Value> | undefined,
      size() {
        const pragma = (what: string): number => Number(Object.values(file.get(`PRAGMA ${what}`) ?? {})[0] ?? 0)
        return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size')
      },
    }
    const made = { db, file }
    transact(made, () => {
      for (const prepare of preparers) prepare(file)
    })
    return made
  }

  const transact = ({ db, file }: Handle, work: (file: OpenFile) => void): void => {
    db.exec('BEGIN IMMEDIATE')
    try {
      work(file)
      db.exec('COMMIT')
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK')
      throw error
    }
  }

  const drop = (): void => {
    try {
      handle?.db.close()
    } catch {
      // It is of no use any more, closed or not.
    }
    handle = undefined
  }

  /** Renames what cannot be read, with what belongs to it. */
  const setAside = (error: unknown): void => {
    drop()
    const stamp = new Date(nowMs()).toISOString().replace(/[:.]/g, '-')
    const to = path === undefined ? '' : join(path, `books.bad-${stamp}`)
    log.error({ error, file: name, to }, 'cannot read the books: the file is set aside, and new books begin')
    if (path === undefined) return
    if (existsSync(name)) renameSync(name, to)
    for (const suffix of ['-wal', '-shm']) rmSync(`${name}${suffix}`, { force: true })
  }

  const attempt = <T>(work: (open: Handle) => T, writes = false): { readonly value: T } | undefined => {
    if (closed) return undefined
    for (let again = 0; again < 2; again++) {
      try {
        handle ??= connect()
        const value = work(handle)
        // That it can be read says nothing of a disk that is full.
        if (!writes && hasUnwritten) return { value }
        trouble = undefined
        hasUnwritten = false
        if (writes) busy = 0
        return { value }
      } catch (error) {
        if (isDamage(error) && again === 0) {
          try {
            setAside(error)
            continue
          } catch (cause) {
            log.error({ error: cause, file: name }, 'cannot set the books aside')
          }
        }
        const why = `cannot write the books: ${error instanceof Error ? error.message : String(error)}`
        // Busy is another process that writes: it is tried again a second later. One that never ends is no process that writes.
        busy = faultOf(error) === 5 ? busy + 1 : 0
        hasUnwritten ||= writes
        if (busy > 0 && busy < mostBusy) return undefined
        if (trouble === undefined) log.warn({ error, file: name }, why)
        trouble = why
        return undefined
      }
    }
    return undefined
  }

  return {
    lasting: path !== undefined,
    get open() {
      return handle !== undefined
    },
    get present() {
      return handle !== undefined || (path !== undefined && existsSync(name))
    },
    write: (work) => attempt((open) => transact(open, work), true) !== undefined,
    read: (work) => attempt(({ file }) => work(file))?.value,
    onOpen(prepare) {
      preparers.push(prepare)
      if (handle !== undefined) transact(handle, prepare)
    },
    get trouble() {
      return trouble
    },
    close() {
      drop()
      closed = true
    },
  }
}
