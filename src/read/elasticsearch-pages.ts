/**
 * All documents of an index that a query takes, ascending in time, page by page, each once: by point in time, by one point in time for each shard where
 * the server has no order of its own among documents of one time, or by scroll. A page ends at a position that a later reading goes on from.
 */

import { type ContextKind, probeMode, type ReadingMode } from './elasticsearch-context.ts'
import { HitColumn, type HitTable } from './elasticsearch-hits.ts'
import { createPageSizes, type DocumentQuery, firstSortEnd, Lane, type LaneNotes, type PageSizes } from './elasticsearch-lane.ts'
import { type StoredPosition, Tail } from './elasticsearch-position.ts'
import type { ElasticsearchStore, TimeField } from './elasticsearch-store.ts'
import { Hash64, HashSet64 } from './hash64.ts'

/** The documents of a page, as places in answers. */
export interface DocumentPage {
  readonly count: number
  /** Answer that document `i` is in. */
  table(i: number): HitTable
  /** Its row there. */
  row(i: number): number
  /** ms of the sort value; NaN where it is no number. */
  timeMs(i: number): number
  /** It stands there already, under another id, at the same time. */
  isDuplicate(i: number): boolean
  /** Of the documents. */
  readonly bytes: number
  readonly position: StoredPosition
  readonly last: boolean
  /** Since the page before. */
  readonly notes: Readonly<LaneNotes> & { readonly duplicatesUnchecked: number }
  /** Gives back the memory of its answers. Nothing of the page may be looked at any more. */
  release(): void
}

export interface DocumentReader {
  /** Undefined when nothing is behind the position. Rejects with OB_SOURCE, OB_STOPPING. */
  next(items: number, bytes: number, abort: AbortSignal): Promise<DocumentPage | undefined>
  rest(): Promise<void>
}

/** Readers of one store: what they learn of it, they learn once. */
export interface DocumentReaders {
  /** Asks the server once. @param index one that is there */
  mode(index: string, abort: AbortSignal): Promise<ReadingMode>
  /** @param shards of the index @param duplicates equal documents of one time are marked */
  open(query: DocumentQuery, shards: number, from: StoredPosition | undefined, duplicates: boolean): DocumentReader
}

/** Equal documents of one instant are looked for among so many. */
const mostSeen = 250_000

/** Numbers in order, however many digits; texts as JavaScript orders them. */
function isBefore(a: string, b: string): boolean {
  if (a.startsWith('"') || b.startsWith('"')) return a < b
  if (a.startsWith('-') || b.startsWith('-')) return Number(a) < Number(b)
  return a.length === b.length ? a < b : a.length < b.length
}

/** Equal bytes; of numbers that follow each other the last digits differ first. */
const same = (a: Buffer, aStart: number, aEnd: number, b: Buffer, bStart: number, bEnd: number): boolean => {
  if (aEnd - aStart !== bEnd - bStart) return false
  for (let i = aEnd - 1, j = bEnd - 1; i >= aStart; i--, j--) if (a[i] !== b[j]) return false
  return true
}

class PageRows implements DocumentPage {
  count = 0
  bytes = 0
  position: StoredPosition = {}
  last = false
  notes = { contextsLost: 0, readAgain: 0, duplicatesUnchecked: 0 }
  duplicates: Set<number> | undefined
  /** Of answers that have no rows for another page. */
  onRelease: (tables: ReadonlySet<HitTable>) => void = () => {}
  private readonly order: TimeField | undefined
  /** Of the first one; and of each, where there are several. */
  private first: HitTable | undefined
  private tables: HitTable[] | undefined
  private rows = new Int32Array(256)

  constructor(order: TimeField | undefined) {
    this.order = order
  }

  push(table: HitTable, row: number): void {
    const at = this.count++
    if (at === this.rows.length) {
      const larger = new Int32Array(at * 2)
      larger.set(this.rows)
      this.rows = larger
    }
    this.rows[at] = row
    this.first ??= table
    if (this.tables === undefined && table !== this.first) this.tables = new Array<HitTable>(at).fill(this.first)
    this.tables?.push(table)
  }

  table(i: number): HitTable {
    return (this.tables === undefined ? this.first : this.tables[i]) as HitTable
  }

  row(i: number): number {
    return this.rows[i] as number
  }

  timeMs(i: number): number {
    const { order } = this
    if (order === undefined || order.kind === 'keyword') return Number.NaN
    const { body } = this.table(i)
    const start = this.table(i).start(this.row(i), HitColumn.Sort) + 1
    let value = 0
    let at = start
    if (body[at] === 0x2d) at++
    for (let digit = (body[at] as number) - 48; digit >= 0 && digit <= 9; digit = (body[++at] as number) - 48) value = value * 10 + digit
    const perMs = order.kind === 'date_nanos' ? 1_000_000 : order.perMs
    return Math.floor((body[start] === 0x2d ? -value : value) / perMs)
  }

  isDuplicate(i: number): boolean {
    return this.duplicates?.has(i) === true
  }

  release(): void {
    this.onRelease(new Set(this.tables ?? (this.first === undefined ? [] : [this.first])))
  }
}

class Reader implements DocumentReader {
  private readonly query: DocumentQuery
  private readonly marksDuplicates: boolean
  private readonly tail: Tail
  private readonly seen = new HashSet64()
  private readonly hash = new Hash64()
  private readonly notes: LaneNotes = { contextsLost: 0, readAgain: 0 }
  private readonly lanesOf: (from: Tail, notes: LaneNotes, abort: AbortSignal) => Promise<readonly Lane[]>
  private lanes: readonly Lane[] | undefined
  /** The document before, and where its time ends. */
  private beforeTable: HitTable | undefined
  private beforeRow = 0
  private beforeEnd = 0
  private isSeenBefore = false

  constructor(
    query: DocumentQuery,
    from: StoredPosition | undefined,
    duplicates: boolean,
    lanesOf: (from: Tail, notes: LaneNotes, abort: AbortSignal) => Promise<readonly Lane[]>,
  ) {
    this.query = query
    this.marksDuplicates = duplicates && query.order !== undefined
    this.tail = new Tail(from)
    if (from?.seen !== undefined) this.seen.unpack(from.seen)
    this.lanesOf = lanesOf
  }

  async next(items: number, bytes: number, abort: AbortSignal): Promise<DocumentPage | undefined> {
    this.lanes ??= await this.lanesOf(this.tail, this.notes, abort)
    const { lanes } = this
    const page = new PageRows(this.query.order)
    const share = Math.max(1, Math.ceil(items / lanes.length))
    while (page.count < items) {
      await this.fill(lanes, share, bytes / lanes.length, abort)
      if (!this.takeAll(page, lanes, items, bytes)) break
    }
    page.last = lanes.every((lane) => lane.isOver && !lane.hasRow)
    page.notes = { ...this.notes, duplicatesUnchecked: page.notes.duplicatesUnchecked }
    this.notes.contextsLost = 0
    this.notes.readAgain = 0
    if (page.count === 0) return undefined
    this.settle(page)
    page.onRelease = (tables) => this.release(tables)
    return page
  }

  private release(tables: ReadonlySet<HitTable>): void {
    // All that is needed of it is in the tail.
    this.beforeTable = undefined
    for (const table of tables) if (this.lanes?.some((lane) => lane.table === table && lane.hasRow) !== true) table.release()
  }

  async rest(): Promise<void> {
    await Promise.all((this.lanes ?? []).map((lane) => lane.rest()))
  }

  private async fill(lanes: readonly Lane[], most: number, bytes: number, abort: AbortSignal): Promise<void> {
    for (const lane of lanes) if (!lane.hasRow && !lane.isOver) await lane.fill(most, bytes, abort)
  }

  /** Takes rows until a lane has none, and must be asked for more. False: the page is full, or nothing is left. */
  private takeAll(page: PageRows, lanes: readonly Lane[], items: number, bytes: number): boolean {
    while (page.count < items) {
      const lane = this.first(lanes)
      if (lane?.table === undefined || !this.take(page, lane, lane.table, bytes)) return false
      if (!lane.hasRow && !lane.isOver) return true
    }
    return false
  }

  /** The lane whose next document is the earliest; of equal ones the first. */
  private first(lanes: readonly Lane[]): Lane | undefined {
    if (lanes.length === 1) return lanes[0]?.hasRow === true ? lanes[0] : undefined
    let found: Lane | undefined
    let least: string | undefined
    for (const lane of lanes) {
      if (!lane.hasRow || lane.table === undefined) continue
      const t = lane.timeOf(lane.table, lane.row)
      if (found === undefined || (t !== undefined && least !== undefined && isBefore(t, least))) {
        found = lane
        least = t
      }
    }
    return found
  }

  /** Takes rows of a lane: one, or all it has where it is alone. False when the page is full. */
  private take(page: PageRows, lane: Lane, table: HitTable, bytes: number): boolean {
    const { row } = lane
    const column = table.has(row, HitColumn.Source) ? HitColumn.Source : HitColumn.Fields
    const size = table.end(row, column) - table.start(row, column)
    if (page.count > 0 && page.bytes + size > bytes) return false
    if (this.marksDuplicates) this.mark(page, table, row)
    page.push(table, row)
    page.bytes += size
    lane.row++
    return true
  }

  /** Only documents of one time can be equal: the others are not even hashed. */
  private mark(page: PageRows, table: HitTable, row: number): void {
    const { beforeTable, beforeRow, beforeEnd, seen, tail } = this
    const start = table.start(row, HitColumn.Sort)
    const end = firstSortEnd(table.body, start, table.end(row, HitColumn.Sort))
    const isSame =
      beforeTable === undefined
        ? tail.count > 0 && this.timeText(table, row) === tail.t
        : same(beforeTable.body, beforeTable.start(beforeRow, HitColumn.Sort), beforeEnd, table.body, start, end)
    this.beforeTable = table
    this.beforeRow = row
    this.beforeEnd = end
    if (!isSame) {
      seen.clear()
      this.isSeenBefore = false
      return
    }
    if (beforeTable !== undefined && !this.isSeenBefore) seen.add(this.hashOf(beforeTable, beforeRow))
    this.isSeenBefore = true
    if (seen.size >= mostSeen) page.notes.duplicatesUnchecked++
    else if (!seen.add(this.hashOf(table, row))) {
      page.duplicates ??= new Set()
      page.duplicates.add(page.count)
    }
  }

  private hashOf(table: HitTable, row: number): Hash64 {
    return this.hash.of(table.body, table.start(row, HitColumn.Source), table.end(row, HitColumn.Source))
  }

  private timeText(table: HitTable, row: number): string | undefined {
    if (this.query.order === undefined) return undefined
    const start = table.start(row, HitColumn.Sort)
    return table.body.toString('utf8', start + 1, firstSortEnd(table.body, start, table.end(row, HitColumn.Sort)))
  }

  private sameTime(a: HitTable, aRow: number, b: HitTable, bRow: number): boolean {
    const aStart = a.start(aRow, HitColumn.Sort)
    const bStart = b.start(bRow, HitColumn.Sort)
    const aEnd = firstSortEnd(a.body, aStart, a.end(aRow, HitColumn.Sort))
    return same(a.body, aStart, aEnd, b.body, bStart, firstSortEnd(b.body, bStart, b.end(bRow, HitColumn.Sort)))
  }

  /** Moves the position behind the page: from the first document that shares the last one's time. */
  private settle(page: PageRows): void {
    const { tail, hash } = this
    const lastTable = page.table(page.count - 1)
    const last = this.timeText(lastTable, page.row(page.count - 1))
    let from = page.count - 1
    while (
      from > 0 &&
      (this.query.order === undefined || this.sameTime(page.table(from - 1), page.row(from - 1), lastTable, page.row(page.count - 1)))
    ) {
      from--
    }
    for (let i = from; i < page.count; i++) {
      const table = page.table(i)
      tail.add(last, hash.of(table.body, table.start(page.row(i), HitColumn.Id), table.end(page.row(i), HitColumn.Id)))
    }
    // The last one may have an equal behind the end of the page.
    if (this.marksDuplicates && !this.isSeenBefore) {
      this.seen.add(this.hashOf(lastTable, page.row(page.count - 1)))
      this.isSeenBefore = true
    }
    page.position = tail.stored(this.marksDuplicates ? this.seen : undefined)
  }
}

/** @param forced for tests of what servers do that are not at hand */
export function createDocumentReaders(store: ElasticsearchStore, forced?: ReadingMode): DocumentReaders {
  const sizes: PageSizes = createPageSizes()
  let asked: Promise<ReadingMode> | undefined

  const mode = (index: string, abort: AbortSignal): Promise<ReadingMode> => {
    if (forced !== undefined) return Promise.resolve(forced)
    asked ??= probeMode(store, index, abort).catch((error: unknown) => {
      asked = undefined
      throw error
    })
    return asked
  }

  return {
    mode,
    open(query, shards, from, duplicates) {
      return new Reader(query, from, duplicates, async (tail, notes, abort) => {
        const { context, hasShardDoc } = await mode(query.index, abort)
        const lane = (kind: ContextKind, shard: number | undefined): Lane =>
          new Lane(query, { kind, hasShardDoc, shard }, tail.copy(), { store, sizes, notes })
        if (context === 'scroll' || hasShardDoc || shards === 1) return [lane(context, undefined)]
        return Array.from({ length: shards }, (_, shard) => lane(context, shard))
      })
    },
  }
}
