/** Documents of Elasticsearch, whatever protocol brings them: one by one in, encoded batches out. What the format hands to carriers. */

import type { ServiceCount } from '../otlp/batch.ts'
import type { Signal } from '../otlp/intake.ts'
import type { Text } from '../otlp/model.ts'
import type { Note } from '../translate/outcome.ts'

/** What became of a document. */
export const DocumentFate = {
  /** A log record of it is in the batch. */
  Log: 0,
  /** A span is. */
  Span: 1,
  /** Data points are. */
  Points: 2,
  /** Taken, and left out on purpose: `reason` says why. */
  Discarded: 3,
  /** Not taken: `reason` and `message` say why. */
  Refused: 4,
} as const

/** What an index is about, by its name. Made once a name by {@link DocumentBatcher.index}. */
export interface DocumentIndex {
  readonly name: string
}

/** What is known of a document beside itself. */
export interface DocumentMeta {
  readonly index: DocumentIndex | undefined
  /** The sender's own id of it; '' without one. A slice must be of the open piece. */
  readonly id: Text
  /** The ingest pipeline it was meant for; '' without one. */
  readonly pipeline: string
}

/** One encoded request of what gathered. */
export interface DocumentPart {
  readonly signal: Signal
  /** Log records, spans or data points in it. */
  readonly items: number
  /** Documents that it was made of. */
  readonly documents: number
  readonly data: Uint8Array
  readonly services: readonly ServiceCount[]
  /** The indices they were meant for, as far as they are known. */
  readonly indices?: readonly ServiceCount[] | undefined
}

/** Who remembers ids of documents, for those that bring theirs: `@metadata._id` with `op_type: create`. */
export interface DocumentIds {
  has(space: string, id: Text): boolean
  /** The id that was asked for last belongs to a document that was taken. */
  keep(): void
}

/** Gathers documents. Each listener has one; a piece is opened, its documents are added, and what came of it is taken. */
export interface DocumentBatcher {
  /** The index of a name; names are kept, a bounded number of them. */
  index(name: string): DocumentIndex
  /** Begins a piece of a body. Its bytes are the batcher's until `take`: text is unescaped in place. */
  open(piece: Uint8Array): void
  /** Documents added from now on whose own id is known there are `Discarded`, with the reason `duplicate`. Undefined: nobody remembers. */
  remember(ids: DocumentIds | undefined): void
  /** Adds the JSON object at bytes `start` to `end` of the piece. Never throws for what is in it. @returns one of {@link DocumentFate} */
  add(start: number, end: number, meta: DocumentMeta): number
  /**
   * Adds bytes that are no document: text as the body (bytes where it is not UTF-8), and why in an attribute.
   * @param attribute `beats.parse_error`, `elasticsearch.parse_error`
   */
  addRaw(start: number, end: number, meta: DocumentMeta, attribute: string, why: string): void
  /**
   * Bytes of what gathered once it is encoded, roughly. A name that stands once in a request may be in every record: who reads on takes what there is
   * when this becomes large.
   */
  readonly weight: number
  /** After `Refused` and `Discarded`: a word of a small, fixed set: `json`, `depth`, `length`, `fields`, `not_object`, `utf8`, `jaeger`, `system_index`, … */
  readonly reason: string
  /** After `Refused`: what is wrong and where, without payload. */
  readonly message: string
  /** What it did with documents since the last `take`, by reason: `timestamp_invalid`, `bigint_as_string`, `key_conflict`, … */
  notes(): readonly Note[]
  /** Encodes what gathered, one part a signal, and begins anew. Empty when nothing did. */
  take(): readonly DocumentPart[]
  /** Forgets what gathered. */
  clear(): void
}
