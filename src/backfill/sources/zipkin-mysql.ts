/** `zipkin-mysql`: spans in the MySQL or MariaDB of a Zipkin, `STORAGE_TYPE=mysql` (mapping/backfill.md 2.13). */

import { z } from 'zod'
import { duration } from '../../config/units.ts'
import type { Json, Plan, SliceSpec } from '../model.ts'
import { type Source, type SourceDeps, sourceFault } from '../source.ts'
import type { SourceKind } from '../source-kind.ts'
import { type RowPayload, refuseQuery, translateRows } from './row-page.ts'
import { databaseUser, tlsFileKeys } from './sign-in.ts'
import { createMysqlReader, type MysqlRange, type MysqlSchema, rangeClause } from './zipkin-mysql-reader.ts'
import { joinV1Spans, ThriftBuffer } from './zipkin-mysql-span.ts'
import { type MysqlStore, openMysql, tooMuch } from './zipkin-mysql-store.ts'

const mysqlUrl = z
  .string()
  .refine((text) => URL.canParse(text) && /^(?:mysql|mariadb):$/.test(new URL(text).protocol) && new URL(text).pathname.length > 1, {
    error: 'expected a URL such as mysql://host:3306/zipkin',
  })

const options = z.strictObject({
  url: mysqlUrl
    .meta({ secret: true })
    .describe('Where it is: mysql://host:3306/zipkin, the database behind the slash. User and password in it are kept secret.'),
  user: databaseUser,
  tls: z.boolean().default(false).describe('TLS to the server; --ca, --cert and --key say so as well.'),
  ...tlsFileKeys,
  timeout: duration.default(60_000).describe('How long the server may be silent in the middle of an answer; then it is asked again.'),
})

type Options = z.output<typeof options>

const hourMicros = 3_600_000_000n
const hourMs = 3_600_000
/** Rows of a slice: hours are put together up to so many. */
const aim = 100_000
const group = 'zipkin_spans'

/** Looks at the tables. Rejects with OB_SOURCE when they are none of Zipkin's. */
async function schemaOf(store: MysqlStore, abort: AbortSignal): Promise<MysqlSchema> {
  return store.read(group, false, abort, async (ask) => {
    const schema = 'table_schema = DATABASE()'
    const rows = await ask(
      `SELECT table_name, column_name FROM information_schema.columns WHERE ${schema} AND table_name IN ('zipkin_spans', 'zipkin_annotations')`,
    )
    const columns = new Set(rows.map(([table, column]) => `${String(table).toLowerCase()}.${String(column).toLowerCase()}`))
    const missing = ['zipkin_spans.trace_id', 'zipkin_spans.id', 'zipkin_spans.start_ts', 'zipkin_annotations.span_id'].filter(
      (one) => !columns.has(one),
    )
    if (missing.length > 0)
      throw sourceFault('source_error', `cannot read ${store.name}: these are no tables of Zipkin, ${missing.join(', ')} is not there`, {
        place: group,
      })
    const [index] = await ask(
      `SELECT index_name FROM information_schema.statistics WHERE ${schema} AND table_name = 'zipkin_spans' AND column_name = 'start_ts' AND seq_in_index = 1 ORDER BY index_name LIMIT 1`,
    )
    return {
      hasHigh: columns.has('zipkin_spans.trace_id_high') && columns.has('zipkin_annotations.trace_id_high'),
      hasIpv6: columns.has('zipkin_annotations.endpoint_ipv6'),
      index: String(index?.[0] ?? '').replaceAll('`', ''),
    }
  })
}

/** µs as digits, clipped to what was asked for. */
function rangeOf({ key: { from, to } }: SliceSpec, { sinceMs, untilMs }: SourceDeps['filter']): MysqlRange | undefined {
  if (typeof from !== 'number' || typeof to !== 'number') return undefined
  let low = BigInt(from) * hourMicros
  let high = BigInt(to) * hourMicros
  if (sinceMs !== undefined && BigInt(Math.ceil(sinceMs)) * 1000n > low) low = BigInt(Math.ceil(sinceMs)) * 1000n
  if (untilMs !== undefined && BigInt(Math.ceil(untilMs)) * 1000n < high) high = BigInt(Math.ceil(untilMs)) * 1000n
  return { from: String(low), to: String(high) }
}

async function plan(store: MysqlStore, schema: MysqlSchema, { filter }: SourceDeps, abort: AbortSignal): Promise<Plan> {
  const { sinceMs, untilMs } = filter
  const bounds = [
    ...(sinceMs === undefined ? [] : [`start_ts >= ${Math.ceil(sinceMs)}000`]),
    ...(untilMs === undefined ? [] : [`start_ts < ${Math.ceil(untilMs)}000`]),
  ]
  const found = await store
    .read(group, true, abort, async (ask) => {
      const where = ['start_ts IS NOT NULL', ...bounds].join(' AND ')
      // Whole numbers alone: a quotient would be rounded.
      const hour = `start_ts DIV ${hourMicros} - (start_ts < 0 AND start_ts MOD ${hourMicros} <> 0)`
      return {
        hours: await ask(`SELECT ${hour} h, COUNT(*) FROM zipkin_spans WHERE ${where} GROUP BY h ORDER BY h`),
        timeless: await ask('SELECT COUNT(*) FROM zipkin_spans WHERE start_ts IS NULL'),
        sizes: await ask(
          "SELECT SUM(data_length) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name IN ('zipkin_spans', 'zipkin_annotations')",
        ),
      }
    })
    .catch((error: unknown) => {
      if (error !== tooMuch) throw error
      throw sourceFault(
        'too_large',
        `cannot plan ${store.name}: its times are spread over too many hours; narrow it with --since and --until`,
        { place: group },
      )
    })
  const slices: SliceSpec[] = []
  let [total, from, to, items] = [0, Number.NaN, 0, 0]
  const cut = (): void => {
    if (items > 0) slices.push({ key: { from, to }, group, fromMs: from * hourMs, toMs: to * hourMs, items, bytes: 0 })
    items = 0
  }
  for (const [hour, count] of found.hours) {
    const at = Number(hour)
    if (items > 0 && items + Number(count) > aim) cut()
    if (items === 0) from = at
    to = at + 1
    items += Number(count)
    total += Number(count)
  }
  cut()
  const timeless = Number(found.timeless[0]?.[0] ?? 0)
  if (timeless > 0) slices.unshift({ key: { untimed: true }, group, fromMs: undefined, toMs: undefined, items: timeless, bytes: 0 })
  const timed = slices.filter(({ fromMs }) => fromMs !== undefined)
  const notes = [
    'Rows of hours behind the last one are not read: what is written later is for the bridge.',
    ...(timeless > 0
      ? [`${timeless} rows have no start_ts (server halves whose client never reported): they have the time of their annotations.`]
      : []),
    ...(schema.hasHigh ? [] : ['An older schema without trace_id_high: trace ids have 64 bits.']),
    ...(schema.index === '' ? ['There is no index over start_ts: each page reads the whole table. Make one, or expect days.'] : []),
    ...(filter.services.length > 0 ? ['A row holds both halves of a span: with --service it comes whole when one of them is of it.'] : []),
  ]
  return {
    groups: [
      {
        name: group,
        items: total + timeless,
        bytes: Number(found.sizes[0]?.[0] ?? 0),
        fromMs: timed[0]?.fromMs,
        toMs: timed.at(-1)?.toMs,
        note: '',
      },
    ],
    slices,
    notes,
  }
}

async function open(given: Options, deps: SourceDeps): Promise<Source> {
  const { timeout: timeoutMs, user, url, tls, ca, cert, key } = given
  refuseQuery(deps, 'zipkin-mysql')
  const signed = user ?? process.env['OTLP_BRIDGE_SOURCE_USER']
  const store = await openMysql({ url, user: signed, tls, ca, cert, key, timeoutMs }, deps)
  try {
    return await createMysqlSource(store, deps)
  } catch (error) {
    await store.close()
    throw error
  }
}

/** The source over a store. Rejects with OB_SOURCE when there are no tables of Zipkin. */
export async function createMysqlSource(store: MysqlStore, deps: SourceDeps): Promise<Source> {
  const schema = await schemaOf(store, new AbortController().signal)
  const payload: RowPayload = { translate: await deps.translator('zipkin-thrift'), join: joinV1Spans }
  const filter = { ...deps.filter, services: deps.filter.services.map((name) => name.toLowerCase()) }
  const means = { schema, filter, out: new ThriftBuffer() }
  const read = (slice: SliceSpec, cursor: Json | undefined) =>
    createMysqlReader(store, rangeOf(slice, filter), cursor, deps.page, means, (items) => translateRows(items, payload))

  return {
    kind: 'zipkin-mysql',
    name: store.name,
    identity: store.name,
    unit: 'span',
    approximate: undefined,
    isLocal: false,
    plansOnce: 'whole',
    plan: (abort) => plan(store, schema, deps, abort),
    open: read,
    async count(slice, deep, abort) {
      // Identities are read by reading.
      if (deep) return undefined
      const [row] = await store.read(group, true, abort, (ask) =>
        ask(`SELECT COUNT(*) FROM zipkin_spans WHERE ${rangeClause(rangeOf(slice, filter))}`),
      )
      return { items: Number(row?.[0] ?? 0), sum: undefined }
    },
    close: () => store.close(),
  }
}

/** Command `otlp-bridge backfill zipkin-mysql --url mysql://db:3306/zipkin`. */
export const zipkinMysql: SourceKind = { options, open: (given, _args, deps) => open(options.parse(given), deps) }
