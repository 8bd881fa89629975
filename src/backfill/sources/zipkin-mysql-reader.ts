/**
 * A slice of Zipkin's tables in MySQL: rows by start_ts and primary key, each with its annotations out of the same transaction (mapping/backfill.md 2.13).
 * The cursor is the last row of a page. Rows without start_ts are a slice by themselves, by primary key.
 */

import { BridgeError } from '../../errors.ts'
import type { Json, Page, TranslatedPage } from '../model.ts'
import { type SliceReader, type SourceDeps, sourceFault } from '../source.ts'
import type { RowItem } from './row-page.ts'
import {
  type AnnotationRow,
  decimalOf,
  numberOfWord,
  paddedWord,
  type SpanRow,
  type ThriftBuffer,
  writeV1Span,
} from './zipkin-mysql-span.ts'
import { type AskSql, type MysqlStore, type SqlRow, tooMuch } from './zipkin-mysql-store.ts'

/** What the schema is like: old ones lack columns and keys. */
export interface MysqlSchema {
  /** `trace_id_high` is there, in both tables. */
  readonly hasHigh: boolean
  readonly hasIpv6: boolean
  /** Index over start_ts; empty: none. */
  readonly index: string
}

/** Rows of which a slice is: µs as digits, half open; undefined: those without start_ts. */
export interface MysqlRange {
  readonly from: string
  readonly to: string
}

/** Where a page ends, signed digits. */
interface Position {
  readonly start: string
  readonly high: string
  readonly trace: string
  readonly id: string
}

const place = 'zipkin_spans'
const digits = /^-?\d{1,20}$/

function positionOf(cursor: Json | undefined): Position | undefined {
  if (cursor === undefined) return undefined
  const found = (typeof cursor === 'object' && cursor !== null ? cursor : {}) as Record<string, unknown>
  const { start, high, trace, id } = found
  // They become part of a query.
  if ([start, high, trace, id].some((one) => typeof one !== 'string' || !digits.test(one)))
    throw sourceFault('source_error', `cannot go on with ${place}: the cursor is none of this source`, { place })
  return found as unknown as Position
}

/** `(a, b, c) > (x, y, z)`, in words that databases use an index for. */
function behind(columns: readonly string[], values: readonly string[]): string {
  const [column, ...others] = columns
  const [value, ...rest] = values
  if (others.length === 0) return `${column} > ${value}`
  return `(${column} > ${value} OR (${column} = ${value} AND ${behind(others, rest)}))`
}

/** Rows of a slice. */
export function rangeClause(range: MysqlRange | undefined): string {
  return range === undefined ? 'start_ts IS NULL' : `start_ts >= ${range.from} AND start_ts < ${range.to}`
}

function spanQuery(schema: MysqlSchema, range: MysqlRange | undefined, after: Position | undefined, limit: number): string {
  const keys = schema.hasHigh ? ['trace_id_high', 'trace_id', 'id'] : ['trace_id', 'id']
  const conditions = [rangeClause(range)]
  if (after !== undefined) {
    const { start, high, trace, id } = after
    const values = schema.hasHigh ? [high, trace, id] : [trace, id]
    if (range !== undefined) conditions.push(`start_ts >= ${start}`, behind(['start_ts', ...keys], [start, ...values]))
    else conditions.push(`${keys[0]} >= ${values[0]}`, behind(keys, values))
  }
  const high = schema.hasHigh ? 'HEX(trace_id_high)' : "'0'"
  const columns = `${high}, HEX(trace_id), HEX(id), HEX(parent_id), name, debug + 0, HEX(start_ts), HEX(duration)`
  const force = schema.index === '' ? '' : ` FORCE INDEX (\`${schema.index}\`)`
  const order = [...(range === undefined ? [] : ['start_ts']), ...keys].join(', ')
  return `SELECT ${columns} FROM zipkin_spans${force} WHERE ${conditions.join(' AND ')} ORDER BY ${order} LIMIT ${limit}`
}

const word = (value: unknown): string => (typeof value === 'string' ? value : '')
const text = (value: unknown): string =>
  typeof value === 'string' ? value : value instanceof Uint8Array ? Buffer.from(value).toString() : ''
const count = (value: unknown): number | null => (value === null || value === undefined ? null : Number(value))
const blob = (value: unknown): Uint8Array | null =>
  value instanceof Uint8Array ? value : typeof value === 'string' ? Buffer.from(value) : null

const spanOf = ([high, trace, id, parent, name, debug, start, duration]: SqlRow): SpanRow => ({
  traceHigh: word(high) === '' ? '0' : word(high),
  trace: word(trace),
  id: word(id),
  parent: word(parent),
  name: text(name),
  debug: Number(debug ?? 0) !== 0,
  start: word(start),
  duration: word(duration),
})

/** Keys in one query: a list of them is joined, which every version looks up by index. */
const keysAtOnce = 200

/** Keys as a table of their own: n, h, t, i. */
function keyTable(spans: readonly SpanRow[], first: number): string {
  const rows = spans.map(({ traceHigh, trace, id }, index) => {
    const names = index === 0 ? ['n', 'h', 't', 'i'] : ['', '', '', '']
    const values = [String(first + index), decimalOf(traceHigh), decimalOf(trace), decimalOf(id)]
    return `SELECT ${values.map((value, at) => `${value} ${names[at] ?? ''}`.trimEnd()).join(', ')}`
  })
  return `(${rows.join(' UNION ALL ')}) k`
}

async function annotationsOf(ask: AskSql, schema: MysqlSchema, spans: readonly SpanRow[]): Promise<readonly AnnotationRow[][]> {
  const lists: AnnotationRow[][] = spans.map(() => [])
  const ipv6 = schema.hasIpv6 ? 'a.endpoint_ipv6' : 'NULL'
  const columns = `k.n, a.a_key, a.a_value, a.a_type, HEX(a.a_timestamp), a.endpoint_ipv4, ${ipv6}, a.endpoint_port, a.endpoint_service_name`
  const high = schema.hasHigh ? 'a.trace_id_high = k.h AND ' : ''
  for (let first = 0; first < spans.length; first += keysAtOnce) {
    const keys = keyTable(spans.slice(first, first + keysAtOnce), first)
    const on = `${high}a.trace_id = k.t AND a.span_id = k.i`
    for (const [n, key, value, type, time, ipv4, address, port, service] of await ask(
      `SELECT STRAIGHT_JOIN ${columns} FROM ${keys} JOIN zipkin_annotations a ON ${on}`,
    )) {
      lists[Number(n)]?.push({
        key: text(key),
        value: blob(value),
        type: Number(type),
        time: word(time),
        ipv4: count(ipv4),
        ipv6: blob(address),
        port: count(port),
        service: service === null ? null : text(service),
      })
    }
  }
  return lists
}

/** When the traces of spans began that say no time themselves, µs; NaN: nobody knows. */
async function traceTimes(ask: AskSql, schema: MysqlSchema, spans: readonly SpanRow[]): Promise<ReadonlyMap<SpanRow, number>> {
  const times = new Map<SpanRow, number>()
  for (let first = 0; first < spans.length; first += keysAtOnce) {
    const part = spans.slice(first, first + keysAtOnce)
    const on = `${schema.hasHigh ? 's.trace_id_high = k.h AND ' : ''}s.trace_id = k.t`
    const sql = `SELECT STRAIGHT_JOIN k.n, MIN(s.start_ts) FROM ${keyTable(part, 0)} JOIN zipkin_spans s ON ${on} WHERE s.start_ts > 0 GROUP BY k.n`
    for (const [n, start] of await ask(sql)) {
      const span = part[Number(n)]
      if (span !== undefined) times.set(span, Number(start))
    }
  }
  return times
}

const earliest = (annotations: readonly AnnotationRow[]): number => {
  let least = Number.NaN
  for (const { time } of annotations) {
    const micros = numberOfWord(time)
    if (micros > 0 && !(micros >= least)) least = micros
  }
  return least
}

const noBytes = new Uint8Array(0)

/** What of the rows is wanted, and what they are written with. */
export interface MysqlMeans {
  readonly schema: MysqlSchema
  readonly filter: SourceDeps['filter']
  readonly out: ThriftBuffer
}

interface Fetched {
  readonly span: SpanRow
  readonly item: RowItem
}

function itemOf(span: SpanRow, annotations: readonly AnnotationRow[], traceStart: number, { filter, out }: MysqlMeans): RowItem {
  const { services, sinceMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY } = filter
  const trace = `${span.traceHigh === '0' ? '' : paddedWord(span.traceHigh)}${paddedWord(span.trace)}`
  const where = `${trace}/${paddedWord(span.id)}`
  const identity = Buffer.from(`${paddedWord(span.traceHigh)}${paddedWord(span.trace)}${paddedWord(span.id)}`, 'hex')
  const start = numberOfWord(span.start)
  const own = start > 0 ? start : earliest(annotations)
  const ms = Math.floor((Number.isNaN(own) ? traceStart : own) / 1000)
  // For one that says no time itself, that of its trace: the same whenever it is read.
  const receivedMs = Number.isNaN(own) && !Number.isNaN(ms) ? ms : 0
  const left = (skip: string, message = '', raw?: Uint8Array): RowItem => ({
    payload: noBytes,
    skip,
    message,
    raw,
    where,
    ms,
    receivedMs: 0,
    identity,
  })
  const payload = writeV1Span(out, span, annotations)
  if (Number.isNaN(ms)) return left('no_time', 'neither the span nor any other of its trace has a time', payload)
  if (ms < sinceMs || ms >= untilMs) return left('filtered')
  // Both halves of a span stand in one row: it is wanted when one of them is.
  if (services.length > 0 && !annotations.some(({ service }) => service !== null && services.includes(service)))
    return left('other_service')
  return { payload, skip: '', message: '', where, ms, receivedMs, identity }
}

/** Rows at a time: what fits into 4 MiB. */
const mostRows = 500
const aimBytes = 4 * 2 ** 20

/** Pages of a slice. */
export function createMysqlReader(
  store: MysqlStore,
  range: MysqlRange | undefined,
  cursor: Json | undefined,
  limits: SourceDeps['page'],
  means: MysqlMeans,
  translate: (items: readonly RowItem[]) => TranslatedPage,
): SliceReader {
  const { schema } = means
  let position = positionOf(cursor)
  let rows = 200
  let fetched: readonly Fetched[] = []
  let taken = 0
  let isOver = false

  const after = (): Position | undefined => {
    const last = fetched.at(-1)?.span
    return last === undefined ? position : placeOf(last)
  }

  const placeOf = ({ start, traceHigh, trace, id }: SpanRow): Position => ({
    start: start === '' ? '0' : decimalOf(start),
    high: decimalOf(traceHigh),
    trace: decimalOf(trace),
    id: decimalOf(id),
  })

  /** Rows with their annotations, as one state of the database has them. */
  const fetch = (limit: number, withAnnotations: boolean, abort: AbortSignal): Promise<readonly Fetched[]> =>
    store.read(place, false, abort, async (ask) => {
      const spans = (await ask(spanQuery(schema, range, after(), limit))).map(spanOf)
      const lists = withAnnotations ? await annotationsOf(ask, schema, spans) : spans.map(() => [])
      const timeless = spans.filter(({ start }, index) => !(numberOfWord(start) > 0) && Number.isNaN(earliest(lists[index] ?? [])))
      const times = timeless.length === 0 ? new Map<SpanRow, number>() : await traceTimes(ask, schema, timeless)
      return spans.map((span, index) => ({ span, item: itemOf(span, lists[index] ?? [], times.get(span) ?? Number.NaN, means) }))
    })

  const fill = async (abort: AbortSignal): Promise<void> => {
    const limit = rows
    try {
      const found = await fetch(limit, true, abort)
      isOver = found.length < limit
      let bytes = 0
      for (const { item } of found) bytes += item.payload.length + 256
      if (found.length > 0) rows = Math.max(1, Math.min(mostRows, limit * 2, Math.floor((aimBytes * found.length) / bytes)))
      fetched = found
      taken = 0
    } catch (error) {
      if (error !== tooMuch) throw error
      if (limit > 1) {
        rows = Math.max(1, limit >> 2)
        return
      }
      const [one] = await fetch(1, false, abort)
      isOver = one === undefined
      fetched =
        one === undefined
          ? []
          : [
              {
                span: one.span,
                item: { ...one.item, skip: 'too_large', message: 'its annotations are more than 32 MiB', raw: one.item.payload },
              },
            ]
      taken = 0
    }
  }

  const peek = async (abort: AbortSignal): Promise<Fetched | undefined> => {
    while (taken >= fetched.length) {
      if (isOver) return undefined
      if (abort.aborted) throw new BridgeError('OB_STOPPING', 'cannot read on: the run is stopping')
      await fill(abort)
    }
    return fetched[taken]
  }

  return {
    async next(abort): Promise<Page | undefined> {
      const items: RowItem[] = []
      let bytes = 0
      while (items.length < limits.items) {
        const one = await peek(abort)
        if (one === undefined) break
        bytes += one.item.payload.length
        if (bytes > limits.bytes && items.length > 0) break
        items.push(one.item)
        position = placeOf(one.span)
        taken++
      }
      if (items.length === 0 || position === undefined) return undefined
      const last = (await peek(abort)) === undefined
      return { cursor: { ...position }, last, translate: () => translate(items) }
    },
    async rest() {
      fetched = []
      taken = 0
      isOver = false
    },
    async close() {
      fetched = []
      taken = 0
    },
  }
}
