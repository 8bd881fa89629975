/**
 * ES|QL → a question to logs: `FROM … | WHERE … | STATS … BY … | SORT … | LIMIT n | KEEP …`, the row of section 8.3. Any other command, and conditions
 * on what was aggregated, are not understood.
 */

import { milliseconds } from '../logql/duration.ts'
import type { Aggregate, Bucket, LogQuery, Metric, Value } from '../logql/query.ts'
import { type EsqlToken, tokensOf } from './esql-tokens.ts'
import { expect, fail, isSign, isWord, peek, type Reader, readCondition, take, takeWord } from './esql-where.ts'
import { allOf, type Filter, longestQuery, SyntaxFault } from './model.ts'

/** What a text asks, or why it cannot be read. `remarks` are clauses that say what differs: more than none make the result approximate. */
export type EsqlParsed =
  | { readonly ok: true; readonly query: LogQuery; readonly fields: readonly string[]; readonly remarks: readonly string[] }
  | { readonly ok: false; readonly why: string; readonly at: number }

const aggregations: Readonly<Record<string, Aggregate['op']>> = {
  COUNT: 'count',
  COUNT_DISTINCT: 'unique',
  SUM: 'sum',
  AVG: 'avg',
  MIN: 'min',
  MAX: 'max',
  MEDIAN: 'median',
  PERCENTILE: 'percentile',
  STD_DEV: 'stddev',
  STDDEV: 'stddev',
  VARIANCE: 'variance',
  LAST: 'last',
}

const mostParts = 100
const deepest = 50
/** Rows that ES|QL gives when nobody says how many. */
const usualRows = 1000

interface Draft {
  index: string
  filters: Filter[]
  metrics: Metric[] | undefined
  buckets: Bucket[]
  /** Names of what was grouped or computed. */
  names: Map<string, 'time' | 'group' | 'metric'>
  times: Map<string, Bucket>
  sort: { readonly name: string; readonly direction: 'asc' | 'desc' } | undefined
  limit: number | undefined
  columns: string[] | undefined
  remarks: string[]
  uses: Set<string>
}

/** Reads a text. Takes time in proportion to its length. */
export function parseEsql(text: string): EsqlParsed {
  if (text.length > longestQuery) return { ok: false, why: `longer than ${longestQuery} characters`, at: longestQuery }
  try {
    return read(text)
  } catch (error) {
    if (error instanceof SyntaxFault) return { ok: false, why: error.message, at: error.at }
    throw error
  }
}

function read(text: string): EsqlParsed {
  const head = /^\s*FROM\s/i.exec(text)
  if (head === null) return { ok: false, why: 'only queries that begin with FROM are understood', at: 0 }
  const pipe = text.indexOf('|')
  const start = pipe < 0 ? text.length : pipe
  const words = text.slice(head[0].length, start).trim().split(/\s+/)
  const metadata = words.findIndex((one) => one.toUpperCase() === 'METADATA')
  const names = words.slice(0, metadata < 0 ? words.length : metadata)
  // Names are parted by commas, with blanks or without.
  const isList = names.every((one, at) => at === 0 || one.startsWith(',') || names[at - 1]?.endsWith(','))
  if (!isList) return { ok: false, why: 'the names of indices are not parted by commas', at: head[0].length }
  const draft: Draft = {
    index: names.join('').replaceAll('"', ''),
    filters: [],
    metrics: undefined,
    buckets: [],
    names: new Map(),
    times: new Map(),
    sort: undefined,
    limit: undefined,
    columns: undefined,
    remarks: [],
    uses: new Set(),
  }
  const reader: Reader = { tokens: tokensOf(text.slice(start)).map((one) => ({ ...one, at: one.at + start })), at: 0 }
  while (take(reader, '|')) command(reader, draft)
  if (peek(reader).kind !== 'end') fail(reader, `${peek(reader).text} is not expected here`)
  return { ok: true, query: queryOf(draft), fields: [...draft.uses], remarks: draft.remarks }
}

function command(reader: Reader, draft: Draft): void {
  const name = peek(reader)
  reader.at++
  const isAggregated = draft.metrics !== undefined
  switch (name.kind === 'name' ? name.text.toUpperCase() : '') {
    case 'WHERE':
      if (isAggregated) fail(reader, 'a condition on what was aggregated is not understood')
      if (draft.limit !== undefined) fail(reader, 'a condition behind LIMIT is not understood')
      draft.filters.push(readCondition(reader, draft.uses))
      return
    case 'STATS':
      if (isAggregated || draft.limit !== undefined) fail(reader, 'STATS behind another STATS or LIMIT is not understood')
      readStats(reader, draft)
      return
    case 'EVAL':
      readEval(reader, draft)
      return
    case 'SORT':
      readSort(reader, draft)
      return
    case 'LIMIT': {
      const number = peek(reader)
      if (number.kind !== 'number') fail(reader, 'a number is missing behind LIMIT')
      reader.at++
      draft.limit = Math.min(draft.limit ?? Number.POSITIVE_INFINITY, Math.max(1, Math.trunc(Number(number.text)) || 1))
      return
    }
    case 'KEEP':
      readKeep(reader, draft)
      return
    default:
      fail({ ...reader, at: reader.at - 1 }, `the command ${name.text === '' ? 'at the end' : name.text.toUpperCase()} is not understood`)
  }
}

/** `EVAL b = DATE_TRUNC(1 hour, @timestamp)`: a bucket of time with a name. */
function readEval(reader: Reader, draft: Draft): void {
  do {
    const name = peek(reader)
    reader.at++
    if (name.kind !== 'name' || !take(reader, '=')) fail(reader, 'EVAL is understood of buckets of time only')
    const bucket = timeBucket(reader)
    if (bucket === undefined || bucket.kind !== 'time') fail(reader, 'EVAL is understood of buckets of time only')
    draft.times.set(name.text, bucket as Bucket)
  } while (take(reader, ','))
}

function readSort(reader: Reader, draft: Draft): void {
  let isFirst = true
  do {
    const name = peek(reader)
    if (name.kind !== 'name') fail(reader, 'SORT by something computed is not understood')
    reader.at++
    const direction = takeWord(reader, 'DESC') ? 'desc' : 'asc'
    if (direction === 'asc') takeWord(reader, 'ASC')
    if (takeWord(reader, 'NULLS')) reader.at++
    if (isFirst) draft.sort = { name: name.text, direction }
    isFirst = false
  } while (take(reader, ','))
}

function readKeep(reader: Reader, draft: Draft): void {
  const columns: string[] = []
  do {
    const name = peek(reader)
    if (name.kind !== 'name' && !isSign(name, '*')) fail(reader, 'the name of a column is missing')
    reader.at++
    if (name.kind === 'name') columns.push(name.text)
    if (isSign(peek(reader), '*')) fail(reader, 'patterns of columns are not understood')
  } while (take(reader, ','))
  if (draft.metrics === undefined) {
    draft.columns = columns
    for (const one of columns) draft.uses.add(one)
  }
}

function readStats(reader: Reader, draft: Draft): void {
  const metrics: Metric[] = []
  if (!isWord(peek(reader), 'BY')) {
    do {
      if (metrics.length >= mostParts) fail(reader, `more than ${mostParts} numbers`)
      metrics.push(readMetric(reader, draft, metrics.length))
    } while (take(reader, ','))
  }
  draft.metrics = metrics
  if (!takeWord(reader, 'BY')) return
  do {
    if (draft.buckets.length >= mostParts) fail(reader, `more than ${mostParts} groups`)
    readGroup(reader, draft)
  } while (take(reader, ','))
}

/** The name before a `=`; undefined: there is none. */
function alias(reader: Reader): string | undefined {
  const name = peek(reader)
  if (name.kind !== 'name' || !isSign(reader.tokens[reader.at + 1] ?? name, '=')) return undefined
  reader.at += 2
  return name.text
}

function readMetric(reader: Reader, draft: Draft, place: number): Metric {
  const label = alias(reader)
  const first = reader.at
  let value = sum(reader, draft, 0)
  if (takeWord(reader, 'WHERE')) value = filtered(value, readCondition(reader, draft.uses))
  const shown = reader.tokens
    .slice(first, reader.at)
    .map((one) => one.text)
    .join('')
  const id = label ?? shown
  draft.names.set(id, 'metric')
  return { id: id === '' ? String(place) : id, label: label ?? shown, value }
}

/** Only documents that a condition holds for. */
function filtered(value: Value, filter: Filter): Value {
  if (value.kind === 'aggregate') return { ...value, filter: value.filter === undefined ? filter : allOf([value.filter, filter]) }
  if (value.kind !== 'arithmetic') return value
  return { ...value, left: filtered(value.left, filter), right: filtered(value.right, filter) }
}

function sum(reader: Reader, draft: Draft, depth: number): Value {
  let left = product(reader, draft, depth)
  for (;;) {
    const op = take(reader, '+') ? '+' : take(reader, '-') ? '-' : undefined
    if (op === undefined) return left
    left = { kind: 'arithmetic', op, left, right: product(reader, draft, depth) }
  }
}

function product(reader: Reader, draft: Draft, depth: number): Value {
  let left = atom(reader, draft, depth)
  for (;;) {
    const op = take(reader, '*') ? '*' : take(reader, '/') ? '/' : take(reader, '%') ? '%' : undefined
    if (op === undefined) return left
    left = { kind: 'arithmetic', op, left, right: atom(reader, draft, depth) }
  }
}

function atom(reader: Reader, draft: Draft, depth: number): Value {
  if (depth > deepest) fail(reader, `nested deeper than ${deepest}`)
  const token = peek(reader)
  if (take(reader, '(')) {
    const inner = sum(reader, draft, depth + 1)
    expect(reader, ')')
    return inner
  }
  if (take(reader, '-')) return { kind: 'arithmetic', op: '-', left: { kind: 'number', value: 0 }, right: atom(reader, draft, depth + 1) }
  reader.at++
  if (token.kind === 'number') return { kind: 'number', value: Number(token.text) || 0 }
  const word = token.text.toUpperCase()
  if (token.kind !== 'name' || !take(reader, '(')) return fail(reader, `${token.text === '' ? 'the end' : token.text} is no aggregation`)
  if (word === 'ROUND' || word === 'TO_DOUBLE') {
    const inner = sum(reader, draft, depth + 1)
    if (take(reader, ',')) {
      draft.remarks.push('numbers are rounded in the old one')
      reader.at++
    }
    expect(reader, ')')
    return inner
  }
  return aggregation(reader, draft, word)
}

function aggregation(reader: Reader, draft: Draft, word: string): Value {
  const op = aggregations[word]
  if (op === undefined) return fail(reader, `the function ${word} is not understood`)
  const field = peek(reader)
  let name: string | undefined
  if (field.kind === 'name') {
    name = field.text
    draft.uses.add(name)
    reader.at++
  } else if (!take(reader, '*') && word !== 'COUNT') fail(reader, `${word} of something computed is not understood`)
  let percent: number | undefined
  if (take(reader, ',')) {
    const number = peek(reader)
    if (number.kind !== 'number') fail(reader, 'a number is missing')
    if (op === 'percentile') percent = Number(number.text)
    reader.at++
  }
  expect(reader, ')')
  if (op !== 'count' && name === undefined) fail(reader, `${word} names no field`)
  return { kind: 'aggregate', op, field: name, percent }
}

function readGroup(reader: Reader, draft: Draft): void {
  const label = alias(reader)
  const bucket = timeBucket(reader)
  if (bucket !== undefined) {
    draft.buckets.push(bucket)
    draft.names.set(label ?? '', bucket.kind === 'time' ? 'time' : 'group')
    return
  }
  const name = peek(reader)
  if (name.kind !== 'name') fail(reader, 'a group that is computed is not understood')
  reader.at++
  if (isSign(peek(reader), '(')) fail(reader, `groups of ${name.text.toUpperCase()}() are not understood`)
  const time = draft.times.get(name.text)
  draft.names.set(label ?? name.text, time === undefined ? 'group' : 'time')
  if (time !== undefined) {
    draft.buckets.push(time)
    return
  }
  draft.uses.add(name.text)
  // Documents without the field are a group there.
  draft.buckets.push({ kind: 'terms', fields: [name.text], missing: true })
}

/** `BUCKET(@timestamp, 1 hour)`, `DATE_TRUNC(1 hour, @timestamp)`, `TBUCKET(1 hour)`, `BUCKET(f, 10)`; undefined: none begins here. */
function timeBucket(reader: Reader): Bucket | undefined {
  const name = peek(reader)
  const word = name.kind === 'name' ? name.text.toUpperCase() : ''
  if (!['BUCKET', 'DATE_TRUNC', 'TBUCKET', 'BIN'].includes(word) || !isSign(reader.tokens[reader.at + 1] ?? name, '(')) return undefined
  reader.at += 2
  const args: EsqlToken[][] = [[]]
  let open = 1
  for (;;) {
    const token = peek(reader)
    if (token.kind === 'end') fail(reader, 'a bracket is not closed')
    reader.at++
    if (isSign(token, '(')) open++
    if (isSign(token, ')') && --open === 0) break
    if (isSign(token, ',') && open === 1) args.push([])
    else args.at(-1)?.push(token)
  }
  const field = args
    .flat()
    .find((one) => one.kind === 'name' && !/^(year|month|quarter|week|day|hour|minute|second|millisecond)s?$/i.test(one.text))
  const span = args.map(spanOf).find((one) => one !== undefined)
  if (word === 'TBUCKET' || field?.text === '@timestamp')
    return { kind: 'time', interval: span, calendar: span !== undefined && /[Mqy]$/.test(span) }
  const step = args[1]?.length === 1 && args.length === 2 && args[1]?.[0]?.kind === 'number' ? Number(args[1][0].text) : undefined
  if (word !== 'BUCKET' || field === undefined || step === undefined) return fail(reader, 'buckets of this kind are not understood')
  return { kind: 'histogram', field: field.text, step }
}

/** `1 hour` or "1h" → `1h`. */
function spanOf(tokens: readonly EsqlToken[]): string | undefined {
  const [first, second] = tokens
  if (tokens.length === 1 && first?.kind === 'text') return milliseconds(first.text) === undefined ? undefined : first.text
  if (tokens.length !== 2 || first?.kind !== 'number' || second?.kind !== 'name') return undefined
  const word = second.text.toLowerCase()
  const unit =
    { ms: 'ms', s: 's', sec: 's', m: 'm', min: 'm', h: 'h', d: 'd', w: 'w', mo: 'M', q: 'q', y: 'y' }[word] ??
    { millisecond: 'ms', second: 's', minute: 'm', hour: 'h', day: 'd', week: 'w', month: 'M', quarter: 'q', year: 'y' }[
      word.replace(/s$/, '')
    ]
  return unit === undefined ? undefined : `${Number(first.text)}${unit}`
}

function queryOf(draft: Draft): LogQuery {
  const { metrics, sort, limit, remarks } = draft
  const common = { index: draft.index === '' ? undefined : draft.index, filter: allOf(draft.filters) }
  if (metrics === undefined) {
    if (sort !== undefined && sort.name !== '@timestamp') remarks.push(`rows are ordered by ${sort.name} in the old one`)
    return {
      ...common,
      metrics: [],
      buckets: [],
      shape: 'logs',
      limit: limit ?? usualRows,
      sort: { direction: sort?.direction ?? 'desc' },
      columns: draft.columns,
    }
  }
  const isTime = draft.buckets.some((one) => one.kind === 'time')
  const groups = draft.buckets.filter((one) => one.kind === 'terms')
  if (isTime && limit !== undefined && limit < usualRows) remarks.push(`only ${limit} rows are shown in the old one`)
  const canCut = !isTime && limit !== undefined && groups.length === draft.buckets.length && groups.length > 0
  const by = sort === undefined ? undefined : draft.names.get(sort.name) === 'metric' ? { metric: sort.name } : ('key' as const)
  if (canCut && sort === undefined) remarks.push(`any ${limit} groups are shown in the old one`)
  const only = metrics.length === 1 ? metrics[0] : undefined
  const isCount = by !== undefined && by !== 'key' && only?.id === by.metric && only.value.kind === 'aggregate' && only.value.op === 'count'
  const fields = groups.flatMap((one) => one.fields)
  const buckets: Bucket[] =
    canCut && sort !== undefined && by !== undefined
      ? [{ kind: 'terms', fields, size: limit, order: { by: isCount ? 'count' : by, direction: sort.direction }, missing: true }]
      : draft.buckets
  const shown = metrics.length > 0 ? metrics : [{ id: 'count', label: 'count', value: { kind: 'aggregate', op: 'count' } } satisfies Metric]
  return { ...common, metrics: shown, buckets, shape: isTime ? 'range' : 'instant' }
}
