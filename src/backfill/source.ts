/** What every source of history is: it plans slices, and reads each in one fixed order from any page on. */

import type { BodyTranslator } from '../ingest/adapter.ts'
import type { FileFormat, TranslateConfig } from '../ingest/index.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Json, Page, Plan, SliceSpec } from './model.ts'

/** What a source is asked for. */
export interface SourceFilter {
  /** Items in `[sinceMs, untilMs)`, by their own time. */
  readonly sinceMs: number | undefined
  readonly untilMs: number | undefined
  /** Empty: all. */
  readonly services: readonly string[]
  /** The source's own filter: query DSL, selector. */
  readonly query: string | undefined
}

/** What a source is made with. */
export interface SourceDeps {
  readonly filter: SourceFilter
  readonly log: Logger
  /** Wall clock, ms. */
  readonly nowMs: () => number
  readonly monotonicMs: () => number
  /** Section `translate`, parsed. */
  readonly translate: TranslateConfig
  /** The translator that `otlp-bridge translate --from` has, too; for payloads that the live endpoints know as well. */
  translator(format: FileFormat): Promise<BodyTranslator>
  /** How large a page is at the most. */
  readonly page: { readonly items: number; readonly bytes: number }
  /** What the source says about its load: a 429, a circuit breaker, a time-out. Ends nothing. @param retryAfterMs 0: it did not say */
  readonly distress: (reason: string, retryAfterMs: number) => void
  /** Waits; ends early, with OB_STOPPING, when the run stops. */
  readonly sleep: (ms: number) => Promise<void>
}

/** A slice that is being read. Not for two pages at a time. */
export interface SliceReader {
  /**
   * The next page; undefined only where a slice has no page at all behind the cursor. Rejects with OB_SOURCE for what ends the slice (its message is
   * shown, its `place` the index, file or partition), with OB_STOPPING when `abort` was given. What can be waited out is waited out in it.
   */
  next(abort: AbortSignal): Promise<Page | undefined>
  /** Lets go of what costs the source something while there is a pause: a point in time. The next `next` opens it again. */
  rest(): Promise<void>
  close(): Promise<void>
}

/** What is in a slice now, to be held against what was read. */
export interface SliceCount {
  readonly items: number
  /** As `TranslatedPage.sum`, over all items that are there; undefined where that was not asked for. */
  readonly sum: bigint | undefined
}

/** A source that is open. Reads only. */
export interface Source {
  /** `jaeger-es` */
  readonly kind: string
  /** What it reads from, without secrets: `http://es:9200`. */
  readonly name: string
  /** What makes it this source and no other: cluster UUID, ULIDs, URL and tenant. Part of the run's id. */
  readonly identity: string
  /** What an item is called: `span`, `document`, `sample`, `record`. */
  readonly unit: string
  /** True when its data is not what was stored (`query_range`, adjusted by the query service); said in the report. */
  readonly approximate: string | undefined
  /** Needs the same files at the same path on every machine. */
  readonly isLocal: boolean
  plan(abort: AbortSignal): Promise<Plan>
  /** @param cursor of the last page that was acknowledged; undefined: from the beginning. */
  open(slice: SliceSpec, cursor: Json | undefined): SliceReader
  /** Counts again for `verify`. @param deep reads identities, too. Undefined: it cannot count but by reading (`deep`). Rejects with OB_SOURCE. */
  count(slice: SliceSpec, deep: boolean, abort: AbortSignal): Promise<SliceCount | undefined>
  close(): Promise<void>
}
