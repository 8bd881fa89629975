/**
 * What shippers set up before they send: templates, policies, pipelines, data streams, indices, aliases. Nothing here acts on them; a shipper that
 * asks later finds what it put. One SQLite file beside the queue, which all workers share; without a disk queue all of it is in memory:
 *
 *     entry (kind, name, size, line, changed, used, revision, body)     at most so many, and so many bytes of bodies
 *     meta (key, value)                                                   `uuid`: what the installation calls itself
 *
 * When it is full, the entry that was not asked for the longest goes, and is counted: its shipper asks, is told 404, and puts it anew. To refuse
 * the new one would keep Beats from sending at all. For the same reason no fault of the disk stops anything: what cannot be kept in the file
 * is kept in memory, and the file is tried again after a minute. All of it may be lost; it is worth a moment of set-up, never data.
 */

import { createHash, randomBytes } from 'node:crypto'
import { mkdir, rename } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Logger } from '../../telemetry/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'

/** What entries are. An alias is one entry for each index it stands for, by the name `alias/index`. */
export type EntryKind = 'template' | 'index_template' | 'component_template' | 'ilm_policy' | 'pipeline' | 'data_stream' | 'index' | 'alias'

/** An entry without its body. */
export interface EntryHead {
  readonly name: string
  /** Bytes of the body. */
  readonly size: number
  /** What `_cat` shows of it, as JSON; empty where it shows nothing. */
  readonly line: string
  /** Wall clock in milliseconds. */
  readonly changedMs: number
  /** How often it was put. */
  readonly revision: number
}

export interface RegistryOptions {
  /** The file; made with its folder when it is not there. Undefined: memory. */
  readonly path: string | undefined
  /** Most entries, and most bytes of bodies. */
  readonly entries: number
  readonly bytes: number
  /** Tells this installation from others on the machine while there is no file: its port. */
  readonly salt: string
  readonly nowMs: () => number
  readonly log: Logger
  readonly metrics: Metrics
}

/** All of it is synchronous, and small: an entry is read or written within a millisecond. Nothing throws. */
export interface Registry {
  head(kind: EntryKind, name: string): EntryHead | undefined
  /** All of a kind, by name. */
  heads(kind: EntryKind): readonly EntryHead[]
  /** The body: JSON text of an object. Undefined when there is no such entry. Keeps it from being the next to go. */
  body(kind: EntryKind, name: string): string | undefined
  put(kind: EntryKind, name: string, body: string, line?: string): void
  /** False when there was none. */
  remove(kind: EntryKind, name: string): boolean
  /** 22 characters, the same for as long as the file is there. */
  readonly uuid: string
  /** Why nothing is kept on disk now, for warnings; undefined when all is well. */
  fault(): string | undefined
  close(): void
}

const layout = 1

/** How old the time of the last use may be: reading does not write each time. */
const usedResolutionMs = 60_000
const retryMs = 60_000

/** Sixteen bytes as Elasticsearch writes them. */
const shortId = (bytes: Buffer): string => bytes.subarray(0, 16).toString('base64url')

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** SQLite's codes of a file that is damaged, or no database; the higher bits are details. */
const isDamaged = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && [11, 26].includes(error.errcode & 0xff)

class OtherLayout extends Error {}

interface Row {
  readonly name: string
  readonly size: number
  readonly line: string
  readonly changed: number
  readonly used: number
  readonly revision: number
}

/** One database that is open, with its statements. */
class Store {
  readonly #database: DatabaseSync
  readonly #head: StatementSync
  readonly #heads: StatementSync
  readonly #body: StatementSync
  readonly #touch: StatementSync
  readonly #put: StatementSync
  readonly #remove: StatementSync
  readonly #sums: StatementSync
  readonly #oldest: StatementSync

  constructor(database: DatabaseSync) {
    this.#database = database
    try {
      // Its pages are few. Flushed at checkpoints alone: a power cut may cost the last entries, and damages nothing.
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -512')
      const found = database.prepare('PRAGMA user_version').get()?.['user_version']
      if (found !== 0 && found !== layout) throw new OtherLayout(`it is of layout ${found}`)
      database.exec(`
        BEGIN IMMEDIATE;
        CREATE TABLE IF NOT EXISTS entry (
          kind TEXT NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL, line TEXT NOT NULL, changed INTEGER NOT NULL, used INTEGER NOT NULL,
          revision INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE (kind, name)
        );
        CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        PRAGMA user_version = ${layout};
        COMMIT`)
      const columns = 'name, size, line, changed, used, revision'
      this.#head = database.prepare(`SELECT ${columns} FROM entry WHERE kind = ? AND name = ?`)
      this.#heads = database.prepare(`SELECT ${columns} FROM entry WHERE kind = ? ORDER BY name`)
      this.#body = database.prepare('SELECT body FROM entry WHERE kind = ? AND name = ?')
      this.#touch = database.prepare('UPDATE entry SET used = ? WHERE kind = ? AND name = ?')
      this.#put = database.prepare(`
        INSERT INTO entry (kind, name, size, line, changed, used, revision, body) VALUES (?, ?, ?, ?, ?, ?, 1, ?)
        ON CONFLICT (kind, name) DO UPDATE SET size = excluded.size, line = excluded.line, changed = excluded.changed, used = excluded.used,
          revision = revision + 1, body = excluded.body`)
      this.#remove = database.prepare('DELETE FROM entry WHERE kind = ? AND name = ?')
      this.#sums = database.prepare('SELECT count(*) AS entries, total(size) AS bytes FROM entry')
      this.#oldest = database.prepare('SELECT kind, name FROM entry WHERE NOT (kind = ? AND name = ?) ORDER BY used, rowid LIMIT 1')
    } catch (error) {
      database.close()
      throw error
    }
  }

  uuid(make: () => string): string {
    this.#database.prepare("INSERT INTO meta (key, value) VALUES ('uuid', ?) ON CONFLICT (key) DO NOTHING").run(make())
    return String(this.#database.prepare("SELECT value FROM meta WHERE key = 'uuid'").get()?.['value'])
  }

  head(kind: EntryKind, name: string): Row | undefined {
    return this.#head.get(kind, name) as Row | undefined
  }

  heads(kind: EntryKind): Row[] {
    return this.#heads.all(kind) as unknown as Row[]
  }

  body(kind: EntryKind, name: string): string | undefined {
    return this.#body.get(kind, name)?.['body'] as string | undefined
  }

  touch(kind: EntryKind, name: string, nowMs: number): void {
    this.#touch.run(nowMs, kind, name)
  }

  remove(kind: EntryKind, name: string): boolean {
    return Number(this.#remove.run(kind, name).changes) > 0
  }

  /** Puts an entry, and takes away what is too much; says of which kinds. */
  put(entry: { kind: EntryKind; name: string; body: string; line: string; nowMs: number }, entries: number, bytes: number): string[] {
    const { kind, name, body, line, nowMs } = entry
    const evicted: string[] = []
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      this.#put.run(kind, name, Buffer.byteLength(body), line, nowMs, nowMs, body)
      for (;;) {
        const sums = this.#sums.get() as { entries: number; bytes: number }
        if (sums.entries <= entries && sums.bytes <= bytes) break
        const oldest = this.#oldest.get(kind, name) as { kind: EntryKind; name: string } | undefined
        if (oldest === undefined) break
        this.#remove.run(oldest.kind, oldest.name)
        evicted.push(oldest.kind)
      }
      this.#database.exec('COMMIT')
    } catch (error) {
      // SQLite may have rolled it back by itself.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
    return evicted
  }

  close(): void {
    this.#database.close()
  }
}

/** Opens the registry. Never rejects: where the file cannot be used it is in memory, and `fault` says so. */
export async function openRegistry(options: RegistryOptions): Promise<Registry> {
  const { path, log, metrics, nowMs } = options
  const { DatabaseSync } = await import('node:sqlite')
  let fault: string | undefined
  let store: Store
  let inMemory = true
  let retryAtMs = 0

  const inMemoryStore = (): Store => {
    inMemory = true
    return new Store(new DatabaseSync(':memory:'))
  }

  const setFault = (error: unknown): void => {
    metrics.counter('otlp_bridge_elasticsearch_registry_faults_total').value++
    retryAtMs = nowMs() + retryMs
    const message = `what shippers set up is kept in memory only: ${messageOf(error)}`
    if (fault === undefined) log.warn({ path, error }, message)
    fault = message
  }

  const openFile = (file: string): Store => {
    const opened = new Store(new DatabaseSync(file, { timeout: 250 }))
    inMemory = false
    if (fault !== undefined) log.info({ path }, 'what shippers set up is kept on disk again')
    fault = undefined
    return opened
  }

  /** A file that cannot be read is set aside, so that the next start has one that can. */
  const openAtStart = async (file: string): Promise<Store> => {
    await mkdir(dirname(file), { recursive: true })
    try {
      return openFile(file)
    } catch (error) {
      if (!isDamaged(error) && !(error instanceof OtherLayout)) throw error
      metrics.counter('otlp_bridge_elasticsearch_registry_faults_total').value++
      log.warn({ path, error }, `cannot read what shippers set up: ${messageOf(error)}; it is set aside, they set it up anew`)
      for (const tail of ['', '-wal', '-shm']) await rename(file + tail, `${file}.aside${tail}`).catch(() => undefined)
      return openFile(file)
    }
  }

  const derived = (): string => shortId(createHash('sha256').update(`otlp-bridge ${hostname()} ${options.salt}`).digest())
  let uuid = derived()

  try {
    store = path === undefined ? inMemoryStore() : await openAtStart(path)
    if (path !== undefined) uuid = store.uuid(() => shortId(randomBytes(16)))
  } catch (error) {
    setFault(error)
    store = inMemoryStore()
  }

  /** Does it in the file; when that fails, in memory. */
  const use = <T>(work: (on: Store) => T): T => {
    if (path !== undefined && inMemory && nowMs() >= retryAtMs) {
      try {
        const opened = openFile(path)
        store.close()
        store = opened
      } catch (error) {
        setFault(error)
      }
    }
    try {
      return work(store)
    } catch (error) {
      if (inMemory) throw error
      setFault(error)
      const broken = store
      store = inMemoryStore()
      try {
        broken.close()
      } catch (cause) {
        log.debug({ path, cause }, 'a registry that cannot be written cannot be closed either')
      }
      return work(store)
    }
  }

  const headOf = ({ name, size, line, changed, revision }: Row): EntryHead => ({ name, size, line, changedMs: changed, revision })

  /** Keeps what is asked for from being the next to go. */
  const touch = (on: Store, kind: EntryKind, row: Row): void => {
    const now = nowMs()
    if (now - row.used <= usedResolutionMs) return
    try {
      on.touch(kind, row.name, now)
    } catch (error) {
      // It is there to be read all the same.
      log.debug({ path, error }, 'the registry cannot be written')
    }
  }

  return {
    get uuid() {
      return uuid
    },
    head: (kind, name) =>
      use((on) => {
        const row = on.head(kind, name)
        if (row !== undefined) touch(on, kind, row)
        return row === undefined ? undefined : headOf(row)
      }),
    heads: (kind) => use((on) => on.heads(kind).map(headOf)),
    body: (kind, name) => use((on) => on.body(kind, name)),
    put(kind, name, body, line = '') {
      const evicted = use((on) => on.put({ kind, name, body, line, nowMs: nowMs() }, options.entries, options.bytes))
      for (const one of evicted) metrics.counter('otlp_bridge_elasticsearch_registry_evicted_total', { kind: one }).value++
    },
    remove: (kind, name) => use((on) => on.remove(kind, name)),
    fault: () => fault,
    close() {
      try {
        store.close()
      } catch (error) {
        log.debug({ path, error }, 'the registry could not be closed')
      }
    },
  }
}
