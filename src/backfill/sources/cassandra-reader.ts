/**
 * A slice of a Cassandra table, a range of tokens, row by row (mapping/backfill.md 2.12). The cursor is the last row of a page, by its keys: page states
 * of the driver only save time, and may be lost. In the middle of a wide partition reading goes on behind its clustering key.
 *
 *     SELECT … WHERE token(p) > ? AND token(p) <= ?                     from the beginning
 *     SELECT … WHERE p = ? AND c1 = ? AND c2 > ?                        the rest of a partition, where c1 has several rows
 *     SELECT … WHERE p = ? AND c1 > ?                                   and of the others; `<` where the column is in descending order
 *     SELECT DISTINCT p WHERE token(p) = token(?)                       partitions of one and the same token
 *     SELECT … WHERE token(p) > token(?) AND token(p) <= ?              what comes behind it
 */

import type { Json, Page, TranslatedPage } from '../model.ts'
import { type SliceReader, type SourceDeps, sourceFault } from '../source.ts'
import { type CassandraStore, type CqlQuestion, type CqlRow, type CqlTable, FetchSize } from './cassandra-store.ts'
import type { RowItem } from './row-page.ts'

/** Keys as they stand in a cursor, and as they are bound. */
export interface KeyForm {
  text(value: unknown): string
  bound(text: string, store: CassandraStore): unknown
}

/** What is read of a table. */
export interface TableForm {
  readonly keyspace: string
  readonly table: string
  readonly partition: string
  readonly clustering: readonly [string, string]
  readonly keys: readonly [KeyForm, KeyForm, KeyForm]
  readonly columns: readonly string[]
}

export interface TokenRange {
  /** Digits: tokens in `(from, to]`. */
  readonly from: string
  readonly to: string
}

/** The last row of a page. */
interface Position {
  readonly key: string
  readonly at: readonly [string, string]
}

const positionOf = (cursor: Json | undefined, place: string): Position | undefined => {
  if (cursor === undefined) return undefined
  const { key, at } = (typeof cursor === 'object' && cursor !== null ? cursor : {}) as Record<string, unknown>
  const [first, second] = Array.isArray(at) ? at : []
  if (typeof key !== 'string' || typeof first !== 'string' || typeof second !== 'string')
    throw sourceFault('source_error', `cannot go on with ${place}: the cursor is none of this source`, { place })
  return { key, at: [first, second] }
}

/** Roughly what a row takes, for the number of rows that are asked for. */
export function sizeOf(value: unknown, depth = 0): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null || depth > 8) return 8
  if (value instanceof Uint8Array) return value.length
  let all = 8
  if (Array.isArray(value)) for (const one of value) all += sizeOf(one, depth + 1)
  else if (value instanceof Map) for (const [key, one] of value) all += sizeOf(key) + sizeOf(one, depth + 1)
  else for (const key in value) all += sizeOf((value as Record<string, unknown>)[key], depth + 1)
  return all
}

export interface RowSource {
  /** The next row; undefined: there is none. */
  next(abort: AbortSignal): Promise<CqlRow | undefined>
  /** The same, without taking it. */
  peek(abort: AbortSignal): Promise<CqlRow | undefined>
  /** Forgets what was fetched. */
  forget(): void
  /** Keys of the last row that was taken. */
  position(): Json | undefined
}

/** The rows of a range in the order of the table. @param columns fewer than the form's where only some are wanted */
export function createRowSource(
  store: CassandraStore,
  form: TableForm,
  { descending }: Pick<CqlTable, 'descending'>,
  range: TokenRange,
  cursor: Json | undefined,
  columns: readonly string[] = form.columns,
): RowSource {
  const { partition, clustering, keys } = form
  const place = `${form.keyspace}.${form.table}`
  const select = `SELECT ${columns.join(', ')} FROM ${place} WHERE`
  const [first, second] = clustering
  const behind = (column: string): string => (descending.has(column) ? '<' : '>')
  const size = new FetchSize()
  let at = positionOf(cursor, place)
  let legs: CqlQuestion[] | undefined
  let state: string | undefined
  let rows: readonly CqlRow[] = []
  let taken = 0

  const key = (index: 0 | 1 | 2, text: string): unknown => keys[index].bound(text, store)

  /** What is to be asked to get from here to the end of the slice. */
  const route = async (abort: AbortSignal): Promise<CqlQuestion[]> => {
    const to = store.long(range.to)
    if (at === undefined)
      return [{ query: `${select} token(${partition}) > ? AND token(${partition}) <= ?`, values: [store.long(range.from), to] }]
    const own = key(0, at.key)
    const [c1, c2] = [key(1, at.at[0]), key(2, at.at[1])]
    const questions: CqlQuestion[] = [
      { query: `${select} ${partition} = ? AND ${first} = ? AND ${second} ${behind(second)} ?`, values: [own, c1, c2] },
      { query: `${select} ${partition} = ? AND ${first} ${behind(first)} ?`, values: [own, c1] },
    ]
    const query = `SELECT DISTINCT ${partition} FROM ${place} WHERE token(${partition}) = token(?)`
    const same = await store.ask({ query, values: [own] }, undefined, new FetchSize(), place, abort)
    // They stand in the order of their bytes, which is that of their text.
    const { key: mine } = at
    for (const { [partition]: one } of same?.rows ?? [])
      if (keys[0].text(one) > mine) questions.push({ query: `${select} ${partition} = ?`, values: [one] })
    questions.push({ query: `${select} token(${partition}) > token(?) AND token(${partition}) <= ?`, values: [own, to] })
    return questions
  }

  const forget = (): void => {
    legs = undefined
    state = undefined
    rows = []
    taken = 0
  }

  const fill = async (abort: AbortSignal): Promise<boolean> => {
    while (taken >= rows.length) {
      legs ??= await route(abort)
      const [leg] = legs
      if (leg === undefined) return false
      const page = await store.ask(leg, state, size, place, abort)
      if (page === undefined) {
        // The page state died with its node: from the last row on.
        forget()
        continue
      }
      rows = page.rows
      taken = 0
      state = page.state
      if (state === undefined) legs.shift()
      let bytes = 0
      for (const row of rows) bytes += sizeOf(row)
      size.learn(rows.length, bytes)
    }
    return true
  }

  return {
    async next(abort) {
      if (!(await fill(abort))) return undefined
      const row = rows[taken++] as CqlRow
      at = {
        key: keys[0].text(row[partition]),
        at: [keys[1].text(row[first]), keys[2].text(row[second])],
      }
      return row
    },
    async peek(abort) {
      return (await fill(abort)) ? rows[taken] : undefined
    },
    forget,
    position: () => (at === undefined ? undefined : { key: at.key, at: [...at.at] }),
  }
}

/** Pages of rows. @param read one row into the payload's form */
export function createTokenReader(
  source: RowSource,
  limits: SourceDeps['page'],
  read: (row: CqlRow) => RowItem,
  translate: (items: readonly RowItem[]) => TranslatedPage,
): SliceReader {
  /** A row that did not fit into the page before. */
  let kept: RowItem | undefined
  return {
    async next(abort): Promise<Page | undefined> {
      const items: RowItem[] = []
      let bytes = 0
      let cursor = source.position()
      for (;;) {
        let item = kept
        kept = undefined
        if (item === undefined) {
          const row = await source.next(abort)
          if (row === undefined) break
          item = read(row)
        }
        bytes += item.payload.length
        if (bytes > limits.bytes && items.length > 0) {
          kept = item
          break
        }
        items.push(item)
        cursor = source.position()
        if (items.length >= limits.items) break
      }
      if (items.length === 0 || cursor === undefined) return undefined
      const last = kept === undefined && (await source.peek(abort)) === undefined
      return { cursor, last, translate: () => translate(items) }
    },
    async rest() {
      // The row that waits is read already: it stays.
      source.forget()
    },
    async close() {
      source.forget()
      kept = undefined
    },
  }
}
