/** Puts documents of a page together as a payload of a format that the live endpoints know: bytes are copied, never decoded. */

import { HitColumn, type HitTable } from '../../read/elasticsearch-hits.ts'
import type { DocumentPage } from '../../read/elasticsearch-pages.ts'

/** Grows; kept from page to page. */
export class PayloadBuffer {
  length = 0
  private buffer = Buffer.allocUnsafe(256 * 1024)

  clear(): void {
    this.length = 0
  }

  byte(value: number): void {
    this.room(1)
    this.buffer[this.length++] = value
  }

  text(value: string): void {
    this.room(value.length * 3)
    this.length += this.buffer.write(value, this.length)
  }

  copy(bytes: Buffer, start: number, end: number): void {
    this.room(end - start)
    bytes.copy(this.buffer, this.length, start, end)
    this.length += end - start
  }

  /** Line feeds since `from` become blanks: none can be in a text of JSON, and a payload of lines has one a document. */
  unbreak(from: number): void {
    const { buffer, length } = this
    for (let at = buffer.indexOf(0x0a, from); at >= 0 && at < length; at = buffer.indexOf(0x0a, at + 1)) buffer[at] = 0x20
  }

  /** Until the next change. */
  get bytes(): Buffer {
    return this.buffer.subarray(0, this.length)
  }

  private room(more: number): void {
    if (this.length + more <= this.buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + more))
    this.buffer.copy(larger, 0, 0, this.length)
    this.buffer = larger
  }
}

/** One document: its table and row, written at the end of the payload. */
export type WriteDocument = (out: PayloadBuffer, table: HitTable, row: number) => void

export interface PayloadForm {
  readonly before: string
  readonly between: string
  readonly after: string
  readonly write: WriteDocument
}

/** The payload of some documents of a page. @param chosen places in the page */
export function writePayload(
  out: PayloadBuffer,
  page: DocumentPage,
  chosen: readonly number[] | Int32Array,
  { before, between, after, write }: PayloadForm,
): Buffer {
  out.clear()
  out.text(before)
  for (let i = 0; i < chosen.length; i++) {
    if (i > 0) out.text(between)
    const place = chosen[i] as number
    write(out, page.table(place), page.row(place))
  }
  out.text(after)
  return out.bytes
}

const feeds = new WeakMap<HitTable, boolean>()

/** Whether the answer has line feeds at all: documents that were indexed in several lines come back so. */
const hasFeeds = (table: HitTable): boolean => {
  let found = feeds.get(table)
  if (found === undefined) feeds.set(table, (found = table.body.includes(0x0a)))
  return found
}

/** The document as it is, in one line. */
export function writeSource(out: PayloadBuffer, table: HitTable, row: number): void {
  const from = out.length
  out.copy(table.body, table.start(row, HitColumn.Source), table.end(row, HitColumn.Source))
  if (hasFeeds(table)) out.unbreak(from)
}

/** The document with members behind its own: `{…,"a":1}`. @param members without braces; empty: none */
export function writeSourceWith(out: PayloadBuffer, table: HitTable, row: number, members: string): void {
  const from = out.length
  if (!table.has(row, HitColumn.Source)) {
    out.text(`{${members}}`)
    return
  }
  const start = table.start(row, HitColumn.Source)
  let end = table.end(row, HitColumn.Source) - 1
  out.copy(table.body, start, end)
  if (members !== '') {
    const { body } = table
    while (end > start && (body[end - 1] as number) <= 0x20) end--
    out.text(body[end - 1] === 0x7b ? members : `,${members}`)
  }
  out.byte(0x7d)
  if (hasFeeds(table)) out.unbreak(from)
}
