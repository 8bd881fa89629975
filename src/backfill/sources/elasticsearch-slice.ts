/** Slices of an Elasticsearch as pages: documents are found, put together as a payload, and translated as the live endpoints do. */

import type { BodyTranslator, PlacedTranslator, TranslatedBody } from '../../ingest/adapter.ts'
import type { Signal } from '../../otlp/intake.ts'
import { HitColumn, type HitTable } from '../../read/elasticsearch-hits.ts'
import type { DocumentPage, DocumentReader } from '../../read/elasticsearch-pages.ts'
import type { StoredPosition } from '../../read/elasticsearch-position.ts'
import { createIdentitySum, type IdentitySum } from '../identity.ts'
import type { Json, Page, TranslatedPage } from '../model.ts'
import type { SliceReader, SourceDeps } from '../source.ts'
import { PayloadBuffer, type PayloadForm, writePayload } from './elasticsearch-payload.ts'
import { createPageBuilder, type PageBuilder, refusalOf } from './payload-page.ts'

/** What documents of a source are. */
export interface DocumentForm {
  readonly signal: Signal
  readonly payload: PayloadForm
  readonly translate: BodyTranslator
  /** Takes documents where they lie, in the place of `payload` and `translate`: for those that are taken as they are. */
  readonly placed?: { readonly translate: PlacedTranslator; readonly index: string } | undefined
  /** Why a document is left out before it is translated; empty: it is not. */
  refuse(table: HitTable, row: number): string
  /** Columns of members that are part of a document's identity, beside index and id. */
  readonly identity: readonly number[]
  /** For documents that bring no time of their own, ms. */
  readonly receivedAtMs: number
}

/** Documents that are translated at once: what is made of more outlives the collector's young generation, which costs a tenth. */
const bodyItems = 500

/** Notes of translators that stand for documents left out on purpose. */
const discarded: ReadonlySet<string> = new Set(['system_index', 'apm_docs', 'metrics_docs'])

/** Line of a fault: `_index/_id`. */
const whereOf = (table: HitTable, row: number): string => `${table.text(row, HitColumn.Index)}/${table.text(row, HitColumn.Id)}`

/** What stands between the quotation marks of a text. */
function addText(sum: IdentitySum, table: HitTable, row: number, column: number): void {
  const start = table.start(row, column)
  const marks = table.body[start] === 0x22 ? 1 : 0
  sum.part(table.view, start + marks, table.end(row, column) - marks)
}

/** Adds who a document is: index, id, and what its form names. */
export function addIdentity(sum: IdentitySum, table: HitTable, row: number, columns: readonly number[]): void {
  addText(sum, table, row, HitColumn.Index)
  addText(sum, table, row, HitColumn.Id)
  for (let i = 0; i < columns.length; i++) addText(sum, table, row, columns[i] as number)
  sum.item()
}

/** Memory for places; kept from page to page. */
class PlaceBuffer {
  private places = new Int32Array(0)

  of(count: number): Int32Array {
    if (this.places.length < count) this.places = new Int32Array(count)
    return this.places
  }
}

interface Means {
  readonly form: DocumentForm
  readonly out: PayloadBuffer
  readonly places: PlaceBuffer
  readonly sum: IdentitySum
}

const messages: Readonly<Record<string, string>> = {
  not_a_span: 'the document has no ids or no time of a span',
  duplicate_in_source: 'an equal document with another id stands there already',
  filtered: 'its time is outside of what was asked for',
  no_source: 'the document has no _source',
}

/** The answer that all of the documents lie in; undefined: there are several. */
function onlyTable(page: DocumentPage, chosen: Int32Array): HitTable | undefined {
  const table = page.table(chosen[0] as number)
  for (let i = 1; i < chosen.length; i++) if (page.table(chosen[i] as number) !== table) return undefined
  return table
}

/** Documents where they lie in one answer; those of several are copied together first. Both give the same bytes. */
function translatePlaced(
  page: DocumentPage,
  chosen: Int32Array,
  { form: { receivedAtMs }, out, places }: Means,
  { translate, index }: NonNullable<DocumentForm['placed']>,
): TranslatedBody {
  const found = places.of(chosen.length * 4)
  const only = onlyTable(page, chosen)
  if (only === undefined) out.clear()
  for (let i = 0, at = 0; i < chosen.length; i++) {
    const place = chosen[i] as number
    const table = page.table(place)
    const row = page.row(place)
    for (let column = HitColumn.Source as number; ; column = HitColumn.Id) {
      const start = table.start(row, column)
      const end = table.end(row, column)
      found[at++] = only === undefined ? out.length : start
      if (only === undefined) out.copy(table.body, start, end)
      found[at++] = only === undefined ? out.length : end
      if (column === HitColumn.Id) break
    }
  }
  return translate(only?.body ?? out.bytes, { count: chosen.length, places: found, index }, receivedAtMs)
}

/** Translates documents; where one of them is more than the translator takes, in halves, until it stands alone. */
function translateRows(page: DocumentPage, chosen: Int32Array, means: Means, builder: PageBuilder): void {
  const { form, out, sum } = means
  if (chosen.length === 0) return
  let body: TranslatedBody
  try {
    body =
      form.placed === undefined
        ? form.translate(writePayload(out, page, chosen, form.payload), form.receivedAtMs)
        : translatePlaced(page, chosen, means, form.placed)
  } catch (error) {
    const { reason, message } = refusalOf(error)
    if (chosen.length > 1) {
      const half = chosen.length >> 1
      translateRows(page, chosen.subarray(0, half), means, builder)
      translateRows(page, chosen.subarray(half), means, builder)
      return
    }
    const place = chosen[0] as number
    const table = page.table(place)
    const row = page.row(place)
    builder.skip(reason, 1, { where: whereOf(table, row), message, raw: table.bytes(row, HitColumn.Source) })
    return
  }
  builder.request(form.signal, body.items, body.data, true)
  for (const { signal, items, data } of body.others ?? []) builder.request(signal, items, data, true)
  for (const { reason, count } of body.notes) {
    if (discarded.has(reason)) builder.skip(reason, count)
    else builder.note(reason, count)
  }
  let dropped: Set<number> | undefined
  for (const { reason, count, example, indexes } of body.drops) {
    dropped ??= new Set()
    for (const at of indexes) {
      dropped.add(at)
      const place = chosen[at] as number
      const table = page.table(place)
      const row = page.row(place)
      builder.skip(reason, 1, { where: whereOf(table, row), message: example, raw: table.bytes(row, HitColumn.Source) })
    }
    if (count > indexes.length) builder.skip(reason, count - indexes.length)
  }
  for (let i = 0; i < chosen.length; i++) {
    if (dropped?.has(i) === true) continue
    const place = chosen[i] as number
    addIdentity(sum, page.table(place), page.row(place), form.identity)
  }
}

/** A page of documents as OTLP. */
export function translatePage(page: DocumentPage, means: Means): TranslatedPage {
  const { form, sum } = means
  const builder = createPageBuilder()
  builder.read = page.count
  builder.bytes = page.bytes
  const places = new Int32Array(page.count)
  let count = 0
  for (let i = 0; i < page.count; i++) {
    const table = page.table(i)
    const row = page.row(i)
    const reason = page.isDuplicate(i) ? 'duplicate_in_source' : form.refuse(table, row)
    if (reason === '') places[count++] = i
    else {
      const message = messages[reason] ?? reason
      builder.skip(reason, 1, { where: whereOf(table, row), message, raw: table.bytes(row, HitColumn.Source) })
    }
  }
  const chosen = places.subarray(0, count)
  // They come by their time, or have none.
  for (const place of count === 0 ? [] : [chosen[0] as number, chosen[count - 1] as number]) {
    const ms = page.timeMs(place)
    if (!Number.isNaN(ms)) builder.time(ms)
  }
  sum.clear()
  // Where they lie nothing is made of each.
  const most = form.placed === undefined ? bodyItems : Math.max(1, chosen.length)
  for (let from = 0; from < chosen.length; from += most) translateRows(page, chosen.subarray(from, from + most), means, builder)
  const { contextsLost, readAgain, duplicatesUnchecked } = page.notes
  if (contextsLost > 0) builder.note('pit_lost', contextsLost)
  if (readAgain > 0) builder.note('instant_read_again', readAgain)
  if (duplicatesUnchecked > 0) builder.note('duplicates_unchecked', duplicatesUnchecked)
  return builder.page(sum.value())
}

/** A slice that is opened with its first page: what has to be asked before is asked then. */
export function createSliceReader(
  open: (abort: AbortSignal) => Promise<{ readonly reader: DocumentReader; readonly form: DocumentForm }>,
  limits: SourceDeps['page'],
): SliceReader {
  const out = new PayloadBuffer()
  const places = new PlaceBuffer()
  const sum = createIdentitySum()
  let opened: { readonly reader: DocumentReader; readonly form: DocumentForm } | undefined
  const rest = async (): Promise<void> => {
    await opened?.reader.rest()
  }
  return {
    async next(abort): Promise<Page | undefined> {
      opened ??= await open(abort)
      const { reader, form } = opened
      const page = await reader.next(limits.items, limits.bytes, abort)
      if (page === undefined) {
        await rest()
        return undefined
      }
      if (page.last) await rest()
      return {
        cursor: { ...page.position } satisfies { [name: string]: Json },
        last: page.last,
        translate() {
          const translated = translatePage(page, { form, out, places, sum })
          page.release()
          return translated
        },
      }
    },
    rest,
    close: rest,
  }
}

/** A cursor as the reader takes it. */
export const positionOf = (cursor: Json | undefined): StoredPosition | undefined =>
  typeof cursor === 'object' && cursor !== null && !Array.isArray(cursor) ? (cursor as StoredPosition) : undefined
