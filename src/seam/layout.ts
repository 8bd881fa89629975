/**
 * Where the bridge notes what it took first, beside its queue: for a back-fill that goes up to there (`--until cutover`).
 *
 * ```
 * <queue.path>/seam/seam.db                 when each format was first taken, when each service; see the schema
 * <queue.path>/seam/<signal>.<format>.<process>.ids       traces, logs: 8 bytes an item, its identity (low, high; little-endian)
 * <queue.path>/seam/<signal>.<format>.<process>.streams   metrics: 16 bytes a stream, its identity and its first time (ms, double)
 * ```
 * An identity or a stream may stand there twice; a file may end within a record, after a crash.
 */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { BridgeError } from '../errors.ts'
import type { Signal } from '../otlp/intake.ts'
import { identityVersion } from '../otlp/seam-identity.ts'

/** How long after its first request a format's items are kept: twice the widest band on one side, 15 minutes. */
export const keptMs = 30 * 60_000

/** The same for streams of metrics. */
export const streamsKeptMs = 3_600_000

/** Identities of one format, or streams, at the most. */
export const mostIdentities = 5_000_000

/** Services of one format that are told apart. */
export const mostKeys = 10_000

const schemaVersion = 1

const schema = `
CREATE TABLE IF NOT EXISTS formats (format TEXT NOT NULL, signal TEXT NOT NULL, first REAL NOT NULL, least REAL, kept REAL NOT NULL,
  "full" INTEGER NOT NULL DEFAULT 0, identity INTEGER NOT NULL, PRIMARY KEY (format, signal)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keys (format TEXT NOT NULL, key TEXT NOT NULL, first REAL NOT NULL, PRIMARY KEY (format, key)) WITHOUT ROWID;
`

/** What is known of a format. */
export interface FormatNote {
  readonly format: string
  readonly signal: Signal
  /** When the first request that was acknowledged came in, ms. */
  readonly firstMs: number
  /** The least time of an item in what came within `keptMs` after that; undefined: no item has one. */
  readonly leastMs: number | undefined
  readonly keptMs: number
  /** There was more than could be kept: not everything that was taken is in the index. */
  readonly full: boolean
  /** {@link identityVersion} of the bridge that wrote it. */
  readonly identity: number
}

/** When a service of a format was first taken. */
export interface KeyNote {
  readonly format: string
  readonly key: string
  readonly firstMs: number
}

/** The folder below that of the queue. */
export const seamFolder = (dataPath: string): string => join(dataPath, 'seam')

const fileName = 'seam.db'

/** Whether anything was noted there. */
export const hasSeam = (dataPath: string): boolean => existsSync(join(seamFolder(dataPath), fileName))

/** Opens the file, making it where it may. Throws what SQLite throws, and OB_CONFIG for a layout of a later version. */
export function openSeamFile(dataPath: string, mode: 'read' | 'write'): DatabaseSync {
  // Loaded when it is needed: a bridge that nobody sends to has no use for it.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  const file = join(seamFolder(dataPath), fileName)
  const db = new DatabaseSync(file, { timeout: 250, readOnly: mode === 'read' })
  try {
    const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
    if (version > schemaVersion)
      throw new BridgeError('OB_CONFIG', `cannot read ${file}: its layout ${version} is of a later version of the bridge`, { place: file })
    if (mode === 'write') {
      db.exec('PRAGMA synchronous = FULL; PRAGMA cache_size = -500')
      if (version < schemaVersion) db.exec(`BEGIN IMMEDIATE; ${schema} PRAGMA user_version = ${schemaVersion}; COMMIT`)
    }
  } catch (error) {
    db.close()
    throw error
  }
  return db
}

const signals: readonly Signal[] = ['traces', 'metrics', 'logs']

/** What was noted of formats, of all processes and runs of the bridge. */
export function readFormats(db: DatabaseSync): readonly FormatNote[] {
  return db
    .prepare('SELECT format, signal, first, least, kept, "full" AS isFull, identity FROM formats ORDER BY first')
    .all()
    .flatMap((row) => {
      const signal = signals.find((one) => one === row['signal'])
      if (signal === undefined) return []
      return {
        format: String(row['format']),
        signal,
        firstMs: Number(row['first']),
        leastMs: row['least'] === null ? undefined : Number(row['least']),
        keptMs: Number(row['kept']),
        full: row['isFull'] === 1,
        identity: Number(row['identity']),
      }
    })
}

/** Services of a format, and when each was first taken. */
export function readKeys(db: DatabaseSync, format: string): readonly KeyNote[] {
  return db
    .prepare('SELECT key, first FROM keys WHERE format = ?')
    .all(format)
    .map((row) => ({ format, key: String(row['key']), firstMs: Number(row['first']) }))
}

/** The earliest of all processes stays. */
export function writeFormat(db: DatabaseSync, note: Omit<FormatNote, 'identity'>): void {
  const { format, signal, firstMs, leastMs, keptMs: kept, full } = note
  db.prepare(
    `INSERT INTO formats (format, signal, first, least, kept, "full", identity) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET first = min(first, excluded.first), "full" = max("full", excluded."full"),
       least = CASE WHEN least IS NULL THEN excluded.least WHEN excluded.least IS NULL THEN least ELSE min(least, excluded.least) END`,
  ).run(format, signal, firstMs, leastMs ?? null, kept, full ? 1 : 0, identityVersion)
}

/** The earliest stays. */
export function writeKey(db: DatabaseSync, { format, key, firstMs }: KeyNote): void {
  db.prepare('INSERT INTO keys (format, key, first) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET first = min(first, excluded.first)').run(
    format,
    key,
    firstMs,
  )
}

/** Bytes of one record. */
export const recordBytes = (signal: Signal): number => (signal === 'metrics' ? 16 : 8)

/** Formats are made of letters, digits and hyphens; what is not becomes one. */
const plain = (format: string): string => format.replace(/[^a-zA-Z0-9-]/g, '-')

/** The file of one process. */
export const indexFile = (signal: Signal, format: string, owner: string): string =>
  `${signal}.${plain(format)}.${owner}.${signal === 'metrics' ? 'streams' : 'ids'}`

/** Whether a file in the folder is one of this format. */
export const isIndexFile = (name: string, signal: Signal, format: string): boolean =>
  name.startsWith(`${signal}.${plain(format)}.`) && /\.(?:ids|streams)$/.test(name)
