/** What the sources in a Cassandra have in common: options, the plan by ranges of tokens, counting again (mapping/backfill.md 2.12). */

import { z } from 'zod'
import { duration } from '../../config/units.ts'
import { BridgeError } from '../../errors.ts'
import type { Json, Plan, SliceSpec } from '../model.ts'
import { type Source, type SourceDeps, sourceFault } from '../source.ts'
import { createRowSource, createTokenReader, type TableForm, type TokenRange } from './cassandra-reader.ts'
import { type CassandraStore, type CqlRow, type CqlTable, FetchSize, openCassandra } from './cassandra-store.ts'
import { type RowItem, type RowPayload, translateRows } from './row-page.ts'
import { databaseUser, tlsFileKeys } from './sign-in.ts'

const name = /^[a-zA-Z0-9_]{1,48}$/

/** For `z.strictObject({ ...cassandraKeys, … })`. */
export const cassandraKeys = {
  contactPoints: z
    .string()
    .regex(/^[^\s,]+(,[^\s,]+)*$/, { error: 'expected host:port, several with commas' })
    .default('localhost:9042')
    .describe('Nodes to ask first, as host:port, several with commas; the others of the cluster are learned from them.'),
  datacenter: z.string().min(1).optional().describe('Data centre whose nodes are asked. Default: that of the first node that answers.'),
  consistency: z
    .enum(['one', 'local_one', 'quorum', 'local_quorum', 'all'])
    .default('local_quorum')
    .describe('How many replicas must agree on what is read. Fewer are faster, and may not have every row.'),
  slices: z
    .number()
    .int()
    .min(1)
    .max(65_536)
    .default(1024)
    .describe('Ranges that the ring of tokens is cut into. More of them for very large tables: each is read in one go.'),
  timeout: duration.default(30_000).describe('How long one request may take; what takes longer is asked again, for fewer rows.'),
  user: databaseUser,
  tls: z.boolean().default(false).describe('TLS to the nodes; --ca, --cert and --key say so as well.'),
  ...tlsFileKeys,
} as const

/** A keyspace as an option. */
export const keyspaceName = z.string().regex(name, { error: 'expected the name of a keyspace: letters, digits and `_`' })

export type CassandraOptions = z.output<z.ZodObject<typeof cassandraKeys>>

/** What tells one source from the other. */
export interface CassandraKind extends RowPayload {
  readonly kind: string
  /** Undefined: the one that has the table. */
  readonly keyspace: string | undefined
  readonly form: Omit<TableForm, 'keyspace' | 'columns'>
  /** Columns without which nothing can be read, beside the keys. */
  readonly needed: readonly string[]
  /** All others that are read where they are there: old schemas have fewer. */
  readonly wanted: readonly string[]
  /** A row as an item; `skip` is set where it is no span, or not what was asked for. */
  read(row: CqlRow): RowItem
}

const lowest = -(2n ** 63n)

/** Cuts the ring of tokens: `(from, to]` each, all together every token there is. */
export function tokenRanges(count: number): readonly TokenRange[] {
  const edge = (index: number): bigint => (index === count ? 2n ** 63n - 1n : lowest + (2n ** 64n * BigInt(index)) / BigInt(count))
  return Array.from({ length: count }, (_, index) => ({ from: String(edge(index)), to: String(edge(index + 1)) }))
}

function rangeOf({ key: { from, to } }: SliceSpec): TokenRange {
  if (typeof from !== 'string' || typeof to !== 'string') throw new Error('BUG: a slice without tokens')
  return { from, to }
}

async function findTable(store: CassandraStore, kind: CassandraKind, abort: AbortSignal) {
  const { table } = kind.form
  let { keyspace } = kind
  if (keyspace === undefined) {
    const found = await store.keyspaces(table, abort)
    if (found.length > 1)
      throw new BridgeError(
        'OB_CONFIG',
        `cannot choose among several keyspaces with a table ${table}: --keyspace names one: ${found.join(', ')}`,
        {
          place: 'keyspace',
        },
      )
    keyspace = found[0]
  }
  const shape = keyspace === undefined ? undefined : await store.table(keyspace, table, abort)
  if (keyspace === undefined || shape === undefined) {
    const place = keyspace === undefined ? table : `${keyspace}.${table}`
    throw sourceFault('source_error', `cannot find table ${place} in ${store.name}`, { place })
  }
  const { partition, clustering } = kind.form
  const missing = [partition, ...clustering, ...kind.needed].filter((one) => !shape.columns.has(one))
  if (missing.length > 0)
    throw sourceFault('source_error', `cannot read ${keyspace}.${table}: it has no column ${missing.join(', ')}`, {
      place: `${keyspace}.${table}`,
    })
  return { keyspace, shape }
}

const days = (seconds: number): string => `${Math.round(seconds / 8640) / 10} days`

/** Rows of a few partitions, to tell how many there are in one; 0: the table is empty. */
async function rowsAPartition(store: CassandraStore, form: TableForm, abort: AbortSignal): Promise<number> {
  const { partition } = form
  const place = `${form.keyspace}.${form.table}`
  const partitions = new Set<string>()
  const size = new FetchSize()
  let rows = 0
  let state: string | undefined
  do {
    const page = await store.ask({ query: `SELECT ${partition} FROM ${place}`, values: [] }, state, size, place, abort)
    for (const row of page?.rows ?? []) partitions.add(form.keys[0].text(row[partition]))
    rows += page?.rows.length ?? 0
    state = page?.state
  } while (state !== undefined && rows < 2000)
  return partitions.size === 0 ? 0 : rows / partitions.size
}

async function plan(
  store: CassandraStore,
  form: TableForm,
  shape: CqlTable,
  slices: number,
  { filter }: SourceDeps,
  wanted: readonly string[],
  abort: AbortSignal,
): Promise<Plan> {
  const group = `${form.keyspace}.${form.table}`
  const { partitions, bytes } = await store.estimate(form.keyspace, form.table)
  const items = Math.round(partitions * (await rowsAPartition(store, form, abort)))
  const ranges = tokenRanges(slices)
  const absent = wanted.filter((one) => !shape.columns.has(one))
  const notes = [
    'Rows stand by token, not by time: they go out in no order. A destination that wants order gets them by --to-file and the source files.',
    ...(filter.sinceMs === undefined && filter.untilMs === undefined
      ? []
      : ['A Cassandra cannot be asked by time: the whole table is read, and what is of other times is left out here.']),
    ...(shape.ttlSeconds > 0 ? [`Rows die ${days(shape.ttlSeconds)} after they were written: what dies before it is read is gone.`] : []),
    ...(absent.length > 0 ? [`An older schema: the table has no column ${absent.join(', ')}.`] : []),
    ...(items === 0 && partitions === 0 ? ['How much there is is not known: the nodes count once they have flushed the table.'] : []),
  ]
  const { sinceMs: fromMs, untilMs: toMs } = filter
  return {
    groups: [{ name: group, items, bytes, fromMs, toMs, note: `${slices} ranges of tokens` }],
    slices: ranges.map(({ from, to }) => ({
      key: { table: group, from, to },
      group,
      fromMs: undefined,
      toMs: undefined,
      items: Math.round(items / slices),
      bytes: Math.round(bytes / slices),
    })),
    notes,
  }
}

/** Opens it over a store; closes that with it, also when it rejects: with OB_CONFIG, OB_SOURCE. */
export async function openCassandraSource(kind: CassandraKind, store: CassandraStore, slices: number, deps: SourceDeps): Promise<Source> {
  const never = new AbortController().signal
  let found: Awaited<ReturnType<typeof findTable>>
  try {
    found = await findTable(store, kind, never)
  } catch (error) {
    await store.close()
    throw error
  }
  const { keyspace, shape } = found
  const { partition, clustering } = kind.form
  const columns = [partition, ...clustering, ...kind.needed, ...kind.wanted.filter((one) => shape.columns.has(one))]
  const form: TableForm = { ...kind.form, keyspace, columns }

  const open = (slice: SliceSpec, cursor: Json | undefined) =>
    createTokenReader(
      createRowSource(store, form, shape, rangeOf(slice), cursor),
      deps.page,
      (row) => kind.read(row),
      (items) => translateRows(items, kind),
    )

  return {
    kind: kind.kind,
    name: `${store.name}/${keyspace}`,
    // Of the table itself, the same on every node: one that was made anew is another source.
    identity: `${keyspace}.${kind.form.table} ${shape.id}`,
    unit: 'span',
    approximate: undefined,
    isLocal: false,
    plan: (abort) => plan(store, form, shape, slices, deps, kind.wanted, abort),
    open,
    async count(slice, deep, abort) {
      if (deep) return undefined
      const rows = createRowSource(store, form, shape, rangeOf(slice), undefined, [partition, ...clustering])
      let items = 0
      while ((await rows.next(abort)) !== undefined) items++
      return { items, sum: undefined }
    },
    close: () => store.close(),
  }
}

/** Connects with the options of the command line. */
export function connectCassandra(given: CassandraOptions, deps: SourceDeps): Promise<CassandraStore> {
  const { timeout: timeoutMs, user, contactPoints, datacenter, consistency, tls, ca, cert, key } = given
  const env = process.env['OTLP_BRIDGE_SOURCE_USER']
  return openCassandra({ contactPoints, datacenter, consistency, timeoutMs, user: user ?? env, tls, ca, cert, key }, deps)
}

/** True when the time is in what was asked for. */
export const isWithin = (ms: number, { sinceMs, untilMs }: SourceDeps['filter']): boolean =>
  (sinceMs === undefined || ms >= sinceMs) && (untilMs === undefined || ms < untilMs)
