/** A MySQL or MariaDB that is read whole: some connections, one short transaction at a time on each; faults that pass are waited out, for ever. */

import type { Pool, PoolConnection, PoolOptions } from 'mysql2'
import { BridgeError } from '../../errors.ts'
import { type SourceDeps, sourceFault } from '../source.ts'
import { readSourceTls } from './sign-in.ts'

/** How to reach it. */
export interface MysqlConnection {
  /** mysql://host:3306/database, user and password in it or in `user`. */
  readonly url: string
  /** name:password */
  readonly user: string | undefined
  readonly tls: boolean
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly timeoutMs: number
}

/** Columns in the order of the query: text, numbers, Buffers, null. Integers of 64 bits are text. */
export type SqlRow = readonly unknown[]

/** Asks within a transaction. Rejects with {@link tooMuch} when the answer is more than 32 MiB. */
export type AskSql = (sql: string) => Promise<readonly SqlRow[]>

/** Thrown where an answer was cut off because of its size: ask for less. */
export const tooMuch: Error = new Error('BUG: an answer of the database was more than was wanted')

export interface MysqlStore {
  /** `mysql://host:3306/zipkin` */
  readonly name: string
  readonly database: string
  /**
   * Runs `work` in one transaction that sees one state of the database (REPEATABLE READ), from its beginning again after faults that pass. Rejects with
   * OB_STOPPING, {@link tooMuch}, and OB_SOURCE: `unauthorised`, `vanished` (no such table any more), `source_error`.
   * @param slow true for counts over a whole table: they take the time they take
   */
  read<T>(place: string, slow: boolean, abort: AbortSignal, work: (ask: AskSql) => Promise<T>): Promise<T>
  close(): Promise<void>
}

type Library = typeof import('mysql2')

const maxAnswerBytes = 32 * 2 ** 20
const connections = 16
const firstTries = 4
const pauseMs = (attempt: number): number => Math.min(30_000, 250 * 2 ** Math.min(attempt, 7))

const notAllowed: ReadonlySet<string> = new Set([
  'ER_ACCESS_DENIED_ERROR',
  'ER_ACCESS_DENIED_NO_PASSWORD_ERROR',
  'ER_DBACCESS_DENIED_ERROR',
  'ER_TABLEACCESS_DENIED_ERROR',
  'ER_COLUMNACCESS_DENIED_ERROR',
  'ER_MUST_CHANGE_PASSWORD',
  'ER_ACCOUNT_HAS_BEEN_LOCKED',
  'ER_NOT_SUPPORTED_AUTH_MODE',
])
const gone: ReadonlySet<string> = new Set(['ER_NO_SUCH_TABLE', 'ER_BAD_DB_ERROR'])
/** What the server says of its load, of others' work, or when it goes. */
const passing: ReadonlySet<string> = new Set([
  'ER_CON_COUNT_ERROR',
  'ER_TOO_MANY_USER_CONNECTIONS',
  'ER_USER_LIMIT_REACHED',
  'ER_SERVER_SHUTDOWN',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_LOCK_DEADLOCK',
  'ER_QUERY_INTERRUPTED',
  'ER_QUERY_TIMEOUT',
  'ER_STATEMENT_TIMEOUT',
  'ER_CONNECTION_KILLED',
  'ER_TABLE_DEF_CHANGED',
  'ER_OUT_OF_RESOURCES',
  'ER_CLIENT_INTERACTION_TIMEOUT',
])

/** What a fault of the driver means. */
export function sqlFault(error: unknown): { readonly kind: 'wait' | 'unauthorised' | 'vanished' | 'fatal'; readonly word: string } {
  const { code, fatal } = (error ?? {}) as { code?: unknown; fatal?: unknown }
  if (typeof code !== 'string') return { kind: 'fatal', word: 'source_error' }
  if (notAllowed.has(code)) return { kind: 'unauthorised', word: code }
  if (gone.has(code)) return { kind: 'vanished', word: code }
  // Without ER_: of the socket or of the protocol.
  if (passing.has(code) || !code.startsWith('ER_')) return { kind: 'wait', word: code.toLowerCase() }
  return fatal === true ? { kind: 'wait', word: code.toLowerCase() } : { kind: 'fatal', word: code }
}

const messageOf = (error: unknown): string => {
  const { message, code } = (error ?? {}) as { message?: string; code?: string }
  return (message === undefined || message === '' ? (code ?? String(error)) : message).slice(0, 300)
}

async function load(): Promise<Library> {
  try {
    const loaded = (await import('mysql2')) as Library & { readonly default?: Library }
    return loaded.default ?? loaded
  } catch (cause) {
    throw new BridgeError('OB_CONFIG', 'cannot read MySQL: its driver is not installed; npm install mysql2', { place: 'mysql2', cause })
  }
}

/** Name for messages and ids: no user, no password. */
export function publicMysqlUrl(url: string): string {
  const { hostname, port, pathname } = new URL(url)
  return `mysql://${hostname}:${port === '' ? '3306' : port}${pathname}`
}

async function optionsOf(given: MysqlConnection): Promise<PoolOptions> {
  const { user, timeoutMs } = given
  const tls = await readSourceTls(given, given.tls)
  const { hostname, port, pathname, username, password } = new URL(given.url)
  const [name = '', ...secret] = user?.split(':') ?? []
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? 3306 : Number(port),
    database: decodeURIComponent(pathname.slice(1)),
    user: username === '' ? name : decodeURIComponent(username),
    password: username === '' ? secret.join(':') : decodeURIComponent(password),
    ...(tls === undefined ? {} : { ssl: { rejectUnauthorized: true, ...tls.pem } }),
    charset: 'utf8mb4',
    supportBigNumbers: true,
    bigNumberStrings: true,
    connectionLimit: connections,
    connectTimeout: Math.min(timeoutMs, 10_000),
    enableKeepAlive: true,
  }
}

/** Asks; the rows are counted as they come, so that no answer takes more memory than it may. */
function ask(connection: PoolConnection, sql: string, timeout: number | undefined): Promise<readonly SqlRow[]> {
  return new Promise((resolve, reject) => {
    const rows: SqlRow[] = []
    let bytes = 0
    const query = connection.query({ sql, rowsAsArray: true, ...(timeout === undefined ? {} : { timeout }) })
    query.on('result', (row: unknown) => {
      if (!Array.isArray(row)) return
      bytes += 64
      for (const value of row) if (typeof value === 'string' || value instanceof Uint8Array) bytes += value.length
      if (bytes > maxAnswerBytes) {
        // What still comes would only be thrown away.
        connection.destroy()
        reject(tooMuch)
      } else rows.push(row)
    })
    query.on('error', reject)
    query.on('end', () => resolve(rows))
  })
}

const take = (pool: Pool): Promise<PoolConnection> =>
  new Promise((resolve, reject) => {
    pool.getConnection((error, connection) => (error === null ? resolve(connection) : reject(error)))
  })

/** Connects. Rejects with OB_CONFIG (no driver, TLS files), OB_SOURCE (nobody there, not allowed). */
export async function openMysql(given: MysqlConnection, deps: Pick<SourceDeps, 'sleep' | 'distress'>): Promise<MysqlStore> {
  const library = await load()
  const options = await optionsOf(given)
  const pool = library.createPool(options)
  const name = publicMysqlUrl(given.url)
  let hasAnswered = false

  const once = async <T>(slow: boolean, work: (ask: AskSql) => Promise<T>): Promise<T> => {
    const connection = await take(pool)
    const timeout = slow ? undefined : given.timeoutMs
    try {
      await ask(connection, 'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ', timeout)
      await ask(connection, 'START TRANSACTION WITH CONSISTENT SNAPSHOT', timeout)
      const result = await work((sql) => ask(connection, sql, timeout))
      await ask(connection, 'COMMIT', timeout)
      connection.release()
      hasAnswered = true
      return result
    } catch (error) {
      // In the middle of an answer, or of a transaction: nobody else shall have it.
      connection.destroy()
      throw error
    }
  }

  return {
    name,
    database: options.database ?? '',
    async read(place, slow, abort, work) {
      for (let attempt = 1; ; attempt++) {
        if (abort.aborted) throw new BridgeError('OB_STOPPING', 'cannot read on: the run is stopping')
        try {
          return await once(slow, work)
        } catch (error) {
          if (error === tooMuch || error instanceof BridgeError) throw error
          const { kind, word } = sqlFault(error)
          const fault = `cannot read ${place}: ${messageOf(error)}`
          if (kind === 'unauthorised' || kind === 'vanished') throw sourceFault(kind, fault, { place, cause: error })
          if (kind === 'fatal' || (!hasAnswered && attempt >= firstTries)) throw sourceFault('source_error', fault, { place, cause: error })
          deps.distress(word, 0)
          await deps.sleep(pauseMs(attempt))
        }
      }
    },
    close: () =>
      new Promise((resolve) => {
        pool.end(() => resolve())
      }),
  }
}
