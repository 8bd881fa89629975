/** A Cassandra that is read whole: one client, faults that pass are waited out, for ever. */

import type { Client, ClientOptions } from 'cassandra-driver'
import { BridgeError } from '../../errors.ts'
import { type SourceDeps, sourceFault } from '../source.ts'
import { readSourceTls } from './sign-in.ts'

/** How to reach it. */
export interface CassandraConnection {
  /** host:port, several with commas. */
  readonly contactPoints: string
  readonly datacenter: string | undefined
  readonly consistency: 'one' | 'local_one' | 'quorum' | 'local_quorum' | 'all'
  readonly timeoutMs: number
  /** name:password */
  readonly user: string | undefined
  readonly tls: boolean
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
}

/** A row as the driver gives it: bigint is {@link Long64}, blob a Buffer, list an array, map a Map, a user type an object, null for what is not there. */
export type CqlRow = Readonly<Record<string, unknown>>

/** 64 bits as the driver has them. */
export interface Long64 {
  readonly high: number
  readonly low: number
}

/** Rows of one question, and where its next ones are; undefined: there are no more. */
export interface CqlPage {
  readonly rows: readonly CqlRow[]
  readonly state: string | undefined
}

/** One question. Values are bound, texts to uuids and Longs to bigints as the driver does. */
export interface CqlQuestion {
  readonly query: string
  readonly values: readonly unknown[]
}

/** A table, as the server describes it. */
export interface CqlTable {
  /** Given when it was created: another one of this name has another. */
  readonly id: string
  readonly columns: ReadonlySet<string>
  /** True for the clustering columns that stand in descending order. */
  readonly descending: ReadonlySet<string>
  /** Seconds after which rows die unless they say otherwise; 0: never. */
  readonly ttlSeconds: number
}

export interface CassandraStore {
  /** `cassandra://host:9042` */
  readonly name: string
  /**
   * Asks for a page. Waits out what passes, and asks for fewer rows where time does not suffice. Rejects with OB_STOPPING, and with OB_SOURCE:
   * `unauthorised`, `vanished` (no such table any more), `source_error`. Undefined: the server does not know `state`; ask anew.
   */
  ask(question: CqlQuestion, state: string | undefined, size: FetchSize, place: string, abort: AbortSignal): Promise<CqlPage | undefined>
  /** Undefined: there is none of this name. */
  table(keyspace: string, table: string, abort: AbortSignal): Promise<CqlTable | undefined>
  /** Keyspaces that have a table of this name, sorted. */
  keyspaces(table: string, abort: AbortSignal): Promise<readonly string[]>
  /** What the nodes think there is: partitions, and bytes; 0: they do not know yet. */
  estimate(keyspace: string, table: string): Promise<{ readonly partitions: number; readonly bytes: number }>
  /** 64 bits out of decimal digits, to be bound. */
  long(digits: string): Long64
  close(): Promise<void>
}

/** How many rows are asked for at a time: what fits into 4 MiB by the rows seen so far, and fewer after a time-out. */
export class FetchSize {
  rows = 200
  private ceiling = 2000

  learn(rows: number, bytes: number): void {
    if (rows === 0) return
    this.ceiling = Math.min(2000, this.ceiling * 2)
    this.rows = Math.max(1, Math.min(this.ceiling, Math.floor((4 * 2 ** 20 * rows) / Math.max(bytes, 1))))
  }

  /** False: one row is already all that is asked for. */
  halve(): boolean {
    if (this.rows <= 1) return false
    this.rows = this.ceiling = Math.max(1, this.rows >> 1)
    return true
  }
}

type Library = typeof import('cassandra-driver')

/** What the driver throws: told apart by name and code, since its classes are loaded late. */
export interface CqlFault {
  readonly kind: 'wait' | 'slow' | 'failing' | 'state' | 'unauthorised' | 'vanished' | 'fatal'
  readonly word: string
}

/** What a fault of the driver means. @param hasState whether a page state was sent */
export function cqlFault(error: unknown, hasState: boolean): CqlFault {
  const {
    name = '',
    code,
    message = '',
    innerErrors,
  } = (error ?? {}) as {
    name?: string
    code?: unknown
    message?: string
    innerErrors?: Readonly<Record<string, unknown>>
  }
  if (name === 'NoHostAvailableError') {
    const inner = Object.values(innerErrors ?? {}).map((one) => cqlFault(one, hasState))
    return inner.find(({ kind }) => kind === 'unauthorised') ?? { kind: 'wait', word: 'no_host' }
  }
  if (name === 'AuthenticationError') return { kind: 'unauthorised', word: 'authentication' }
  if (name === 'OperationTimedOutError') return { kind: 'slow', word: 'timeout' }
  if (name === 'ResponseError') {
    switch (code) {
      case 0x1000:
        return { kind: 'wait', word: 'unavailable' }
      case 0x1001:
        return { kind: 'wait', word: 'overloaded' }
      case 0x1002:
        return { kind: 'wait', word: 'bootstrapping' }
      case 0x1200:
        return { kind: 'slow', word: 'read_timeout' }
      case 0x0000:
      case 0x1300:
        return { kind: 'failing', word: code === 0 ? 'server_error' : 'read_failure' }
      case 0x000a:
        return hasState ? { kind: 'state', word: 'page_state' } : { kind: 'failing', word: 'protocol_error' }
      case 0x0100:
      case 0x2100:
        return { kind: 'unauthorised', word: 'unauthorised' }
      case 0x2200:
        if (/unconfigured table|does not exist/i.test(message)) return { kind: 'vanished', word: 'no_table' }
        return hasState ? { kind: 'state', word: 'page_state' } : { kind: 'fatal', word: 'invalid' }
      default:
        return { kind: 'fatal', word: 'source_error' }
    }
  }
  // Broken connections come as plain errors of the driver or of the socket.
  if (name === 'DriverError' || name === 'BusyConnectionError' || typeof code === 'string') return { kind: 'wait', word: 'connection' }
  return { kind: 'fatal', word: 'source_error' }
}

const pauseMs = (attempt: number): number => Math.min(30_000, 250 * 2 ** Math.min(attempt, 7))
/** A failure that may be of one node, or of one moment. */
const failingTries = 5
/** At first a wrong address is likelier than a fault that passes. */
const firstTries = 4

const messageOf = (error: unknown): string => {
  const { message, innerErrors } = (error ?? {}) as { message?: string; innerErrors?: Readonly<Record<string, { message?: string }>> }
  const inner = Object.entries(innerErrors ?? {}).map(([host, one]) => `${host}: ${one?.message ?? ''}`)
  return (inner.length === 0 ? (message ?? String(error)) : inner.slice(0, 3).join('; ')).slice(0, 300)
}

async function load(): Promise<Library> {
  try {
    const loaded = (await import('cassandra-driver')) as Library & { readonly default?: Library }
    return loaded.default ?? loaded
  } catch (cause) {
    throw new BridgeError('OB_CONFIG', 'cannot read Cassandra: its driver is not installed; npm install cassandra-driver', {
      place: 'cassandra-driver',
      cause,
    })
  }
}

async function optionsOf(library: Library, given: CassandraConnection): Promise<ClientOptions> {
  const { user } = given
  const tls = await readSourceTls(given, given.tls)
  const [name = '', ...password] = user?.split(':') ?? []
  const levels = library.types.consistencies
  const consistency = {
    one: levels.one,
    local_one: levels.localOne,
    quorum: levels.quorum,
    local_quorum: levels.localQuorum,
    all: levels.all,
  }[given.consistency]
  return {
    contactPoints: given.contactPoints.split(','),
    ...(user === undefined ? {} : { authProvider: new library.auth.PlainTextAuthProvider(name, password.join(':')) }),
    ...(tls === undefined ? {} : { sslOptions: { rejectUnauthorized: true, ...tls.pem } }),
    // Tags may be called __proto__, or 1.
    encoding: { map: Map },
    queryOptions: { consistency, prepare: true, isIdempotent: true },
    socketOptions: { readTimeout: given.timeoutMs, connectTimeout: Math.min(given.timeoutMs, 10_000) },
  }
}

async function connect(library: Library, options: ClientOptions, name: string, deps: Pick<SourceDeps, 'sleep'>): Promise<Client> {
  for (let attempt = 1; ; attempt++) {
    const client = new library.Client(options)
    try {
      await client.connect()
      return client
    } catch (cause) {
      await client.shutdown().catch(() => undefined)
      const { kind } = cqlFault(cause, false)
      if (kind === 'unauthorised')
        throw sourceFault('unauthorised', `cannot sign in at ${name}: ${messageOf(cause)}`, { place: name, cause })
      if (kind === 'fatal' || attempt >= firstTries)
        throw sourceFault('source_error', `cannot reach ${name}: ${messageOf(cause)}`, { place: name, cause })
      await deps.sleep(pauseMs(attempt))
    }
  }
}

/** Connects. Rejects with OB_CONFIG (no driver, TLS files), OB_SOURCE (nobody there, not allowed). */
export async function openCassandra(given: CassandraConnection, deps: Pick<SourceDeps, 'sleep' | 'distress'>): Promise<CassandraStore> {
  const library = await load()
  const name = `cassandra://${given.contactPoints.split(',')[0] ?? ''}`
  const options = await optionsOf(library, given)
  let { datacenter } = given
  if (datacenter === undefined) {
    // The driver wants to be told which data centre is near: that of the node that was named.
    const policies = { loadBalancing: new library.policies.loadBalancing.RoundRobinPolicy() }
    const first = await connect(library, { ...options, policies }, name, deps)
    const named = first.hosts.values().find(({ datacenter: one }) => typeof one === 'string' && one !== '')
    datacenter = named?.datacenter
    await first.shutdown()
  }
  const client = await connect(library, { ...options, localDataCenter: datacenter ?? 'datacenter1' }, name, deps)
  return createCassandraStore(client, name, (digits) => library.types.Long.fromString(digits), deps)
}

/** The part of the driver's client that is used. */
export type CqlClient = Pick<Client, 'execute' | 'shutdown'> & { readonly hosts: Pick<Client['hosts'], 'values'> }

/** A store over a client that is connected. */
export function createCassandraStore(
  client: CqlClient,
  name: string,
  long: (digits: string) => Long64,
  deps: Pick<SourceDeps, 'sleep' | 'distress'>,
): CassandraStore {
  const ask: CassandraStore['ask'] = async ({ query, values }, state, size, place, abort) => {
    let failures = 0
    for (let attempt = 1; ; attempt++) {
      if (abort.aborted) throw new BridgeError('OB_STOPPING', 'cannot read on: the run is stopping')
      try {
        const options = { prepare: true, fetchSize: size.rows, ...(state === undefined ? {} : { pageState: state }) }
        const answer = await client.execute(query, [...values], options)
        return { rows: answer.rows, state: answer.pageState ?? undefined }
      } catch (error) {
        const { kind, word } = cqlFault(error, state !== undefined)
        const fault = `cannot read ${place}: ${messageOf(error)}`
        if (kind === 'state') return undefined
        if (kind === 'unauthorised' || kind === 'vanished') throw sourceFault(kind, fault, { place, cause: error })
        if (kind === 'fatal' || (kind === 'failing' && ++failures >= failingTries))
          throw sourceFault('source_error', fault, { place, cause: error })
        if (kind !== 'wait') size.halve()
        deps.distress(word, 0)
        await deps.sleep(pauseMs(attempt))
      }
    }
  }

  const all = async (query: string, values: readonly unknown[], abort: AbortSignal): Promise<readonly CqlRow[]> => {
    const rows: CqlRow[] = []
    const size = new FetchSize()
    let state: string | undefined
    do {
      const page = await ask({ query, values }, state, size, name, abort)
      rows.push(...(page?.rows ?? []))
      state = page?.state
    } while (state !== undefined && rows.length < 100_000)
    return rows
  }

  return {
    name,
    ask,
    async table(keyspace, table, abort) {
      const where = 'WHERE keyspace_name = ? AND table_name = ?'
      const [head] = await all(`SELECT id, default_time_to_live FROM system_schema.tables ${where}`, [keyspace, table], abort)
      if (head === undefined) return undefined
      const columns = await all(`SELECT column_name, clustering_order FROM system_schema.columns ${where}`, [keyspace, table], abort)
      return {
        id: String(head['id']),
        columns: new Set(columns.map((one) => String(one['column_name']))),
        descending: new Set(columns.filter((one) => one['clustering_order'] === 'desc').map((one) => String(one['column_name']))),
        ttlSeconds: typeof head['default_time_to_live'] === 'number' ? head['default_time_to_live'] : 0,
      }
    },
    async keyspaces(table, abort) {
      const tables = await all('SELECT keyspace_name, table_name FROM system_schema.tables', [], abort)
      return tables
        .filter((one) => one['table_name'] === table)
        .map((one) => String(one['keyspace_name']))
        .sort()
    },
    async estimate(keyspace, table) {
      const hosts = client.hosts.values()
      let [partitions, bytes, asked] = [0, 0, 0]
      for (const host of hosts) {
        try {
          const query = 'SELECT mean_partition_size, partitions_count FROM system.size_estimates WHERE keyspace_name = ? AND table_name = ?'
          const { rows } = await client.execute(query, [keyspace, table], { prepare: true, fetchSize: 5000, host })
          asked++
          for (const row of rows) {
            const count = Number(row['partitions_count'] ?? 0)
            partitions += count
            bytes += count * Number(row['mean_partition_size'] ?? 0)
          }
        } catch {
          // A guess for the progress bar: nodes of other data centres are not asked, and one that is down tells nothing.
        }
      }
      const scale = asked === 0 ? 0 : hosts.length / asked
      return { partitions: Math.round(partitions * scale), bytes: Math.round(bytes * scale) }
    },
    long,
    close: () => client.shutdown(),
  }
}
