/** One stream of hits in order out of an index: all of its shards, or one. Opens its context again when that is lost, and goes on where it was. */

import { askElasticsearch, partialPauseMs, partialTries, type SearchFault, searchError, searchFaultOf } from './elasticsearch-ask.ts'
import { type ContextKind, closeContext, keepAlive, openContext } from './elasticsearch-context.ts'
import { HitColumn, HitTable, type ShardReport } from './elasticsearch-hits.ts'
import type { Tail } from './elasticsearch-position.ts'
import { type ElasticsearchStore, indexPath, type TimeField } from './elasticsearch-store.ts'
import { Hash64 } from './hash64.ts'
import { faultWord } from './patient-client.ts'

/** What is read of an index. */
export interface DocumentQuery {
  readonly index: string
  /** All of them must hold. */
  readonly filters: readonly object[]
  /** Documents come by it, ascending; all that are asked for have it. Undefined: in no order. */
  readonly order: TimeField | undefined
  /** One part of several, told apart by the value of the field: the same in every context. */
  readonly slice?: { readonly field: string; readonly id: number; readonly max: number } | undefined
  /** True: whole documents; a list: members of them; false: ids alone. */
  readonly source: boolean | readonly string[]
  /** Members of a document whose places are wanted. */
  readonly wanted: readonly string[]
  /** More members of the search: `docvalue_fields`, `fields`. */
  readonly more?: Readonly<Record<string, unknown>> | undefined
}

/** What happened while reading. */
export interface LaneNotes {
  contextsLost: number
  /** Documents that are read again, because too many share one time to remember them all. */
  readAgain: number
}

/** How large answers are asked for, by index. */
export interface PageSizes {
  /** Bytes of a document on average, as seen last. */
  readonly weight: Map<string, number>
  /** The most at once that an index can answer. */
  readonly most: Map<string, number>
}

export const createPageSizes = (): PageSizes => ({ weight: new Map(), most: new Map() })

/** Indices that sizes are remembered of. */
const mostSizes = 10_000

/** An answer above this is asked for in halves from then on. */
const largeAnswerBytes = 32 * 2 ** 20

/** Before an index has shown how large its documents are. */
const firstSize = 500

const lostTries = 5

const isWhole = ({ failed, successful, skipped, total }: ShardReport): boolean => failed === 0 && successful + skipped >= total

/** Behind the first element of the list of sort values: of texts, the quotation mark that ends it. */
export function firstSortEnd(body: Buffer, start: number, end: number): number {
  let at = start + 1
  if (body[at] === 0x22) {
    for (at++; at < end && body[at] !== 0x22; at++) if (body[at] === 0x5c) at++
    return at + 1
  }
  while (at < end && body[at] !== 0x2c && body[at] !== 0x5d) at++
  return at
}

const isoNanos = (digits: string): string => {
  const isNegative = digits.startsWith('-')
  const nanos = BigInt(digits)
  const ms = Number(nanos / 1_000_000n) - (isNegative && nanos % 1_000_000n !== 0n ? 1 : 0)
  const rest = nanos - BigInt(ms) * 1_000_000n
  return `${new Date(ms).toISOString().slice(0, -1)}${String(rest).padStart(6, '0')}Z`
}

/** "At or behind this sort value", as a filter. */
export function fromOn(field: TimeField, t: string): object {
  const { name, kind } = field
  if (kind === 'keyword') return { range: { [name]: { gte: JSON.parse(t) as string } } }
  if (kind === 'number') return { range: { [name]: { gte: t } } }
  if (kind === 'date') return { range: { [name]: { gte: t, format: 'epoch_millis' } } }
  return { range: { [name]: { gte: isoNanos(t), format: 'strict_date_optional_time_nanos' } } }
}

const unmappedType = { date: 'date', date_nanos: 'date', number: 'long', keyword: 'keyword' } as const

export class Lane {
  /** Answer in hand; undefined: none. */
  table: HitTable | undefined
  /** Next row of it. */
  row = 0
  isOver = false
  private readonly hash = new Hash64()
  private readonly store: ElasticsearchStore
  private readonly query: DocumentQuery
  private readonly kind: ContextKind
  private readonly hasShardDoc: boolean
  private readonly shard: number | undefined
  private readonly sizes: PageSizes
  private readonly notes: LaneNotes
  private context: string | undefined
  private after = ''
  /** All that was fetched, whether taken or not. */
  private readonly tail: Tail
  /** What a context that was just opened gives again. */
  private known: Tail | undefined
  /** Sort value that the context was opened at; undefined: at the beginning. */
  private from: string | undefined
  private lost = 0
  private partial = 0
  /** Rows of the answer in hand that were taken before. */
  private dropped = new Set<number>()

  constructor(
    query: DocumentQuery,
    mode: { readonly kind: ContextKind; readonly hasShardDoc: boolean; readonly shard: number | undefined },
    tail: Tail,
    means: { readonly store: ElasticsearchStore; readonly sizes: PageSizes; readonly notes: LaneNotes },
  ) {
    this.query = query
    this.kind = mode.kind
    this.hasShardDoc = mode.hasShardDoc
    this.shard = mode.shard
    this.tail = tail
    this.store = means.store
    this.sizes = means.sizes
    this.notes = means.notes
  }

  /** Whether there is a row in hand that counts. */
  get hasRow(): boolean {
    while (this.dropped.size > 0 && this.dropped.has(this.row)) this.row++
    return this.table !== undefined && this.row < this.table.count
  }

  /** Fetches until there is a row, or nothing more. @param most documents @param bytes that an answer should have */
  async fill(most: number, bytes: number, abort: AbortSignal): Promise<void> {
    while (!this.hasRow && !this.isOver) {
      this.table = undefined
      await this.fetch(most, bytes, abort)
    }
  }

  /** Lets go of the context; the next fetch opens one again. */
  async rest(): Promise<void> {
    const { context } = this
    if (context === undefined) return
    this.context = undefined
    await closeContext(this.store, this.kind, context)
  }

  private async fetch(most: number, bytes: number, abort: AbortSignal): Promise<void> {
    const { index } = this.query
    const size = this.size(most, bytes)
    let fault: SearchFault | undefined
    let table: HitTable | undefined
    try {
      const answer = await this.ask(size, abort)
      fault = 'kind' in answer ? answer : searchFaultOf(answer)
      if (fault === undefined && 'body' in answer) {
        table = new HitTable(answer.body, this.query.wanted)
        if (answer.body.length > largeAnswerBytes && size > 1) this.halve(size)
      }
    } catch (error) {
      if (faultWord(error) !== 'too_large') throw error
      fault = { kind: 'too_large', message: error instanceof Error ? error.message : '' }
    }
    if (table !== undefined) {
      const { timedOut, shards } = table.head
      if (!table.hasHits) fault = { kind: 'partial', message: 'the answer has no hits' }
      else if (timedOut) fault = { kind: 'partial', message: 'the search took too long' }
      else if (!isWhole(shards)) {
        const isLost = shards.failure.includes('search_context_missing')
        fault = {
          kind: isLost ? 'lost' : 'partial',
          message: shards.failure || `${shards.total - shards.successful} shards did not answer`,
        }
      }
    }
    if (fault !== undefined) {
      await this.recover(fault, size, index)
      return
    }
    if (table !== undefined) this.take(table, size)
  }

  private size(most: number, bytes: number): number {
    const { index } = this.query
    const { weight, most: limits } = this.sizes
    const average = weight.get(index)
    const fitting = average === undefined ? firstSize : Math.max(1, Math.floor(bytes / average))
    return Math.max(1, Math.min(most, fitting, limits.get(index) ?? most))
  }

  private halve(size: number): void {
    const { most } = this.sizes
    if (most.size < mostSizes) most.set(this.query.index, Math.max(1, size >> 1))
  }

  private async recover(fault: SearchFault, size: number, index: string): Promise<void> {
    if (fault.kind === 'too_large' && size > 1) {
      this.halve(size)
      // The size of a scroll is fixed when it is opened.
      if (this.kind === 'scroll') await this.rest()
      return
    }
    if (fault.kind === 'lost') {
      this.context = undefined
      this.notes.contextsLost++
      if (++this.lost >= lostTries) throw searchError(fault, index, this.lost)
      return
    }
    if (fault.kind !== 'partial') throw searchError(fault, index)
    if (++this.partial >= partialTries) throw searchError(fault, index, this.partial)
    // A context is bound to the copies of shards that it was opened on.
    await this.rest()
    await this.store.sleep(partialPauseMs(this.partial - 1))
  }

  private filters(): readonly object[] {
    const { filters, order } = this.query
    const { from } = this
    return order === undefined || from === undefined ? filters : [...filters, fromOn(order, from)]
  }

  private body(size: number): Record<string, unknown> {
    const { order, slice, source, more } = this.query
    const byTime = order === undefined ? [] : [{ [order.name]: { order: 'asc', unmapped_type: unmappedType[order.kind] } }]
    const tie = this.hasShardDoc ? { _shard_doc: 'asc' } : { _doc: 'asc' }
    return {
      size,
      query: { bool: { filter: this.filters() } },
      sort: [...byTime, tie],
      _source: source,
      ...more,
      ...(slice === undefined ? {} : { slice }),
    }
  }

  private async ask(size: number, abort: AbortSignal) {
    const { store, kind } = this
    const { index } = this.query
    const isNew = this.context === undefined
    if (isNew) {
      this.after = ''
      this.known = this.tail.count > 0 ? this.tail.copy() : undefined
      this.from = this.known?.t
      if (this.known !== undefined && !this.known.isWhole) this.notes.readAgain += this.known.count
    }
    const query = [['allow_partial_search_results', 'false']] as const
    if (kind === 'scroll') {
      if (!isNew) {
        return askElasticsearch(
          store.client,
          { path: '/_search/scroll', body: JSON.stringify({ scroll: keepAlive, scroll_id: this.context }) },
          abort,
        )
      }
      const { major, distribution } = await store.info(abort)
      const isOld = distribution === 'elasticsearch' && major < 7
      return askElasticsearch(
        store.client,
        {
          path: `/${indexPath(index)}/_search`,
          query: [['scroll', keepAlive], ...(isOld ? [] : query)],
          body: JSON.stringify(this.body(size)),
        },
        abort,
      )
    }
    if (this.context === undefined) {
      const opened = await openContext(store, kind, index, this.shard, abort)
      if (typeof opened !== 'string') return opened
      this.context = opened
    }
    // What was sorted by is given back byte for byte: nanoseconds are beyond what a number holds.
    const after = this.after === '' ? '' : `,"search_after":${this.after}`
    const pit = { id: this.context, keep_alive: keepAlive }
    const body = `${JSON.stringify({ ...this.body(size), pit, track_total_hits: false }).slice(0, -1)}${after}}`
    return askElasticsearch(store.client, { path: '/_search', query, body }, abort)
  }

  private take(table: HitTable, size: number): void {
    const { count, head } = table
    const { query, hash } = this
    this.context = head.pitId ?? head.scrollId ?? this.context
    // A scroll may give less than was asked for.
    this.isOver = this.kind === 'scroll' ? count === 0 : count < size
    if (count === 0) return
    this.lost = 0
    this.partial = 0
    this.after = table.bytes(count - 1, HitColumn.Sort).toString()
    const { weight } = this.sizes
    if (weight.size < mostSizes || weight.has(query.index)) weight.set(query.index, table.body.length / count)
    this.table = table
    this.row = 0
    this.dropped = new Set()
    this.dropKnown(table)
    // Only the last instant of the answer matters: from the first row that shares it.
    let from = count
    const last = this.timeOf(table, count - 1)
    while (from > this.row && (query.order === undefined || this.timeOf(table, from - 1) === last)) from--
    for (; from < count; from++) {
      if (!this.dropped.has(from)) {
        this.tail.add(last, hash.of(table.body, table.start(from, HitColumn.Id), table.end(from, HitColumn.Id)))
      }
    }
  }

  /** The sort value as JSON; undefined where there is no order. */
  timeOf(table: HitTable, row: number): string | undefined {
    if (this.query.order === undefined) return undefined
    const start = table.start(row, HitColumn.Sort)
    return table.body.toString('utf8', start + 1, firstSortEnd(table.body, start, table.end(row, HitColumn.Sort)))
  }

  /** Marks rows that were taken before the context was lost. */
  private dropKnown(table: HitTable): void {
    const { known, hash, dropped } = this
    if (known === undefined) return
    for (let row = 0; row < table.count; row++) {
      if (this.timeOf(table, row) !== known.t) {
        this.known = undefined
        return
      }
      if (known.has(hash.of(table.body, table.start(row, HitColumn.Id), table.end(row, HitColumn.Id)))) dropped.add(row)
    }
  }
}
