/** Documents in files, as `otlp-bridge translate` takes them: bodies of `_bulk`, and documents or hits, one a line. */

import { BridgeError } from '../../errors.ts'
import type { Signal } from '../../otlp/intake.ts'
import type { ElasticsearchTranslateConfig } from '../../translate/elasticsearch/config.ts'
import { createOutcome, type Outcome } from '../../translate/outcome.ts'
import type { BodyTranslator, PlacedTranslator, TranslatedBody } from '../adapter.ts'
import { type DocumentBatcher, DocumentFate } from '../documents.ts'
import { createDuplicates } from '../duplicates.ts'
import { createDocumentBatcher, type DocumentBatcherOptions } from './batcher.ts'
import { BulkRun } from './bulk.ts'
import { BulkResults } from './bulk-results.ts'
import { documentLimitsOf, elasticsearchConfig } from './config.ts'
import { ActionReader, noDefaults } from './decode-action.ts'
import { ItemErrors } from './es-errors.ts'
import { IndexNames } from './index-name.ts'
import { itemReason } from './item-reason.ts'
import { eachElement, eachMember, endOfValue, type Place, skipSpace } from './object-members.ts'

export interface DocumentFileOptions {
  readonly translate: ElasticsearchTranslateConfig
  readonly fields: DocumentBatcherOptions['fields']
  /** Documents of a file; more is OB_LIMIT_ITEMS. */
  readonly maxItems: number
  /** Of actions that name none: a request has it in its path, which a file does not have. Default `unknown`. */
  readonly index?: string | undefined
}

/** Bytes that are translated at once. */
const pieceBytes = 1024 * 1024
/** The same of documents that lie where they lie, encoded. */
const mostWeight = 8 * 1024 * 1024
const noId = ''

/** What came of a file so far. */
class Gathered {
  readonly outcome: Outcome = createOutcome()
  received = 0
  private readonly data = new Map<Signal, { items: number; readonly parts: Uint8Array[] }>()

  /** Takes what the batcher has. */
  take(batcher: DocumentBatcher): void {
    for (const { signal, items, data } of batcher.take()) {
      let found = this.data.get(signal)
      if (found === undefined) this.data.set(signal, (found = { items: 0, parts: [] }))
      found.items += items
      found.parts.push(data)
    }
    for (const { reason, count } of batcher.notes()) this.note(reason, count)
  }

  note(reason: string, count: number): void {
    for (let left = count; left > 0; left--) this.outcome.note(reason)
  }

  /** All of it: two requests one after the other are one. */
  body(): TranslatedBody {
    const requests = [...this.data].map(([signal, { items, parts }]) => ({
      signal,
      items,
      data: parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts),
    }))
    const logs = requests.find(({ signal }) => signal === 'logs')
    return {
      received: this.received,
      items: logs?.items ?? 0,
      data: logs?.data ?? new Uint8Array(0),
      others: requests.filter((one) => one !== logs),
      drops: this.outcome.drops(),
      notes: this.outcome.notes(),
    }
  }
}

const tooMany = (maxItems: number): BridgeError =>
  new BridgeError('OB_LIMIT_ITEMS', `cannot translate file: it has more than ${maxItems} documents`)

const batcherOf = (options: DocumentFileOptions, nowMs: () => number): DocumentBatcher =>
  createDocumentBatcher({
    limits: documentLimitsOf(elasticsearchConfig.parse({}).limits),
    translate: options.translate,
    fields: options.fields,
    nowMs,
  })

/** Creates the translator of one form. */
export function createDocumentFile(form: 'es-bulk' | 'es-docs', options: DocumentFileOptions): BodyTranslator {
  const { limits, version } = elasticsearchConfig.parse({})
  const translateFile = form === 'es-bulk' ? translateBulk : translateDocuments
  const translator = (body: Uint8Array, receivedAtMs: number): TranslatedBody => {
    const batcher = batcherOf(options, () => receivedAtMs)
    const gathered = new Gathered()
    // A byte order mark.
    const start = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0
    const bytes = Buffer.from(body.buffer, body.byteOffset + start, body.byteLength - start)
    translateFile(bytes, batcher, gathered, { ...options, maxDocument: limits.document, version })
    return gathered.body()
  }
  return form === 'es-bulk' ? translator : Object.assign(translator, { placed: createPlacedDocuments(options) })
}

/** One batcher for all bodies: what it learns of fields is of use in the next one. */
function createPlacedDocuments(options: DocumentFileOptions): PlacedTranslator {
  let atMs = 0
  let made: DocumentBatcher | undefined
  return (body, { count, places, index: name }, receivedAtMs) => {
    if (count > options.maxItems) throw tooMany(options.maxItems)
    made ??= batcherOf(options, () => atMs)
    const batcher = made
    const gathered = new Gathered()
    const { outcome } = gathered
    const index = name === '' ? undefined : batcher.index(name)
    const id = { source: body, start: 0, end: 0 }
    const plain = { index, id, pipeline: '' }
    atMs = receivedAtMs
    gathered.received = count
    batcher.open(body)
    for (let i = 0, at = 0; i < count; i++, at += 4) {
      id.start = (places[at + 2] as number) + 1
      id.end = (places[at + 3] as number) - 1
      const hasPlainId = id.end > id.start && !hasBackslash(body, id.start, id.end)
      const meta = hasPlainId ? plain : { index, id: wordOf(body, id.start - 1, id.end + 1), pipeline: '' }
      const fate = batcher.add(places[at] as number, places[at + 1] as number, meta)
      if (fate === DocumentFate.Refused) outcome.drop(batcher.reason, i, batcher.message)
      else if (fate === DocumentFate.Discarded) outcome.note(batcher.reason)
      if (batcher.weight > mostWeight) {
        gathered.take(batcher)
        batcher.open(body)
      }
    }
    gathered.take(batcher)
    return gathered.body()
  }
}

const Backslash = 0x5c

function hasBackslash(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === Backslash) return true
  return false
}

interface FileMeans extends DocumentFileOptions {
  readonly maxDocument: number
  readonly version: string
}

/** Where a piece ends that begins at `from`: behind a line feed, or with the file. */
function pieceEnd(body: Buffer, from: number): number {
  if (body.length - from <= pieceBytes) return body.length
  const feed = body.indexOf(0x0a, from + pieceBytes)
  return feed < 0 ? body.length : feed + 1
}

function translateBulk(
  body: Buffer,
  batcher: DocumentBatcher,
  gathered: Gathered,
  { maxItems, maxDocument, version, index = 'unknown' }: FileMeans,
): void {
  const { outcome } = gathered
  const [major = 8] = version.split('.').map(Number)
  const results = new BulkResults()
  const forever = { ids: 200_000, ttlMs: Number.POSITIVE_INFINITY, nowMs: () => 0 }
  const run = new BulkRun(
    {
      // A file that lacks its last line feed was cut by an editor sooner than by a network.
      options: { maxItems, maxDocument, lenientNewline: true, upsert: 'append' },
      batcher,
      errors: new ItemErrors(version),
      names: new IndexNames(major),
      created: createDuplicates(forever),
      indexed: createDuplicates(forever),
      onRefused: (reason, place, error, number) => outcome.drop(reason, place, itemReason(error, noId, number)),
    },
    new ActionReader(major),
    results,
    { ...noDefaults, index },
  )
  let at = 0
  do {
    const end = pieceEnd(body, at)
    const piece = body.subarray(at, end)
    const read = run.read(piece, 0, end === body.length)
    if (run.fault === undefined && end === body.length) run.end()
    if (run.fault !== undefined)
      throw new BridgeError(run.fault.status === 413 ? 'OB_LIMIT_ITEMS' : 'OB_DECODE_JSON', `cannot read bulk request: ${run.fault.reason}`)
    gathered.take(batcher)
    at += read
  } while (at < body.length)
  gathered.received = results.count
  for (const counts of [run.tally.consumed, run.tally.notes]) for (const [reason, count] of counts) gathered.note(reason, count)
  const pipelines = [...run.tally.pipelines.values()].reduce((sum, count) => sum + count, 0)
  gathered.note('pipeline_ignored', pipelines)
}

/** A hit of a search: its document, and what is known of it beside that. */
interface Hit {
  readonly source: Place
  readonly index: string
  readonly id: string
}

const wordOf = (piece: Buffer, start: number, end: number): string => {
  try {
    const value: unknown = JSON.parse(piece.toString('utf8', start, end))
    return typeof value === 'string' ? value : ''
  } catch {
    return ''
  }
}

/** Undefined when the object is no hit: then it is a document itself. */
function hitOf(piece: Buffer, start: number, end: number): Hit | undefined {
  let source: Place | undefined
  let index: string | undefined
  let id = ''
  eachMember(piece, start, end, (name, valueStart, valueEnd) => {
    if (name === '_source' && piece[valueStart] === 0x7b) source = { start: valueStart, end: valueEnd }
    else if (name === '_index') index = wordOf(piece, valueStart, valueEnd)
    else if (name === '_id') id = wordOf(piece, valueStart, valueEnd)
  })
  return source === undefined || index === undefined ? undefined : { source, index, id }
}

/** The list of hits of an answer to a search; undefined when the object is none. */
function hitsOf(piece: Buffer, start: number, end: number): Place | undefined {
  let hits: Place | undefined
  eachMember(piece, start, end, (name, outerStart, outerEnd) => {
    if (name !== 'hits') return
    eachMember(piece, outerStart, outerEnd, (inner, valueStart, valueEnd) => {
      if (inner === 'hits' && piece[valueStart] === 0x5b) hits = { start: valueStart, end: valueEnd }
    })
  })
  return hits
}

function translateDocuments(body: Buffer, batcher: DocumentBatcher, gathered: Gathered, { maxItems }: FileMeans): void {
  const { outcome } = gathered
  let piece = body

  const document = (start: number, end: number): void => {
    const hit = hitOf(piece, start, end)
    const place = gathered.received++
    if (place >= maxItems) throw tooMany(maxItems)
    const index = hit === undefined || hit.index === '' ? undefined : batcher.index(hit.index)
    const fate = batcher.add(hit?.source.start ?? start, hit?.source.end ?? end, { index, id: hit?.id ?? '', pipeline: '' })
    if (fate === DocumentFate.Refused) outcome.drop(batcher.reason, place, batcher.message)
    else if (fate === DocumentFate.Discarded) outcome.note(batcher.reason)
  }

  const value = (start: number, end: number): void => {
    const first = skipSpace(piece, start, end)
    if (first === end) return
    const list = piece[first] === 0x5b ? { start: first, end } : hitsOf(piece, start, end)
    if (list === undefined) document(start, end)
    else if (!eachElement(piece, list.start, list.end, document)) document(start, end)
  }

  const open = (bytes: Buffer): void => {
    piece = bytes
    batcher.open(bytes)
  }

  const begin = skipSpace(body, 0, body.length)
  if (begin === body.length) throw new BridgeError('OB_DECODE_JSON', 'cannot read documents: the file is empty')
  const feed = body.indexOf(0x0a, begin)
  // One value over several lines: what a search answers with `pretty`.
  if (feed >= 0 && endOfValue(body, begin, body.length) > feed) {
    open(body)
    value(begin, body.length)
    gathered.take(batcher)
    return
  }
  for (let at = 0; at < body.length; ) {
    const end = pieceEnd(body, at)
    open(body.subarray(at, end))
    for (let from = 0; from < piece.length; ) {
      const next = piece.indexOf(0x0a, from)
      const stop = next < 0 ? piece.length : next
      value(from, stop)
      from = stop + 1
    }
    gathered.take(batcher)
    at = end
  }
}
