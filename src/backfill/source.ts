/** What every source of history is: it plans slices, and reads each in one fixed order from any page on. */

import { BridgeError } from '../errors.ts'
import type { BodyTranslator } from '../ingest/adapter.ts'
import type { UserMappingReader } from '../ingest/format.ts'
import type { FileFormat, TranslateConfig } from '../ingest/index.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Json, Page, Plan, SliceSpec } from './model.ts'

/**
 * Why a slice cannot be read, in a word: `failed: vanished (2)`. An OB_SOURCE error's message begins with it and a colon: `vanished: cannot read index a: …`.
 * Code of `read`, which knows nothing of this folder, writes the message so itself; others use {@link sourceFault}. Append, never rename.
 */
export const sourceReasons = [
  'vanished',
  'pit_lost',
  'truncated',
  'unknown_encoding',
  'corrupt',
  'partial_results',
  'unauthorised',
  'too_large',
  'source_error',
] as const

export type SourceReason = (typeof sourceReasons)[number]

/** An OB_SOURCE error. @param message "cannot <verb> <object>: <cause>" @param place the index, file or partition */
export function sourceFault(reason: SourceReason, message: string, options: { place?: string; cause?: unknown } = {}): BridgeError {
  return new BridgeError('OB_SOURCE', `${reason}: ${message}`, options)
}

/** The reason of what a source threw, and the sentence without it. Errors that name none are a `source_error`. */
export function readSourceFault(error: unknown): { readonly reason: SourceReason; readonly message: string } {
  const text = error instanceof Error ? error.message : String(error)
  const colon = text.indexOf(': ')
  const reason = sourceReasons.find((one) => one === text.slice(0, colon))
  return reason === undefined ? { reason: 'source_error', message: text } : { reason, message: text.slice(colon + 2) }
}

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
  /** Reads the user's mapping files of section `translate`. Left out: there are none. */
  readonly userMapping?: UserMappingReader | undefined
  /** Of the bridge: what live points say of their scope, and history has to say as well. */
  readonly version?: string | undefined
  /** The translator that `otlp-bridge translate --from` has, too; for payloads that the live endpoints know as well. */
  translator(format: FileFormat): Promise<BodyTranslator>
  /** How large a page is at the most: read anew for each slice that is opened. Fixed for the life of a run, since it decides the bytes of a page. */
  readonly page: { readonly items: number; readonly bytes: number }
  /** What the source says about its load: a 429, a circuit breaker, a time-out. Ends nothing. @param retryAfterMs 0: it did not say */
  readonly distress: (reason: string, retryAfterMs: number) => void
  /** Waits; ends early, with OB_STOPPING, when the run stops. */
  readonly sleep: (ms: number) => Promise<void>
}

/** A slice that is being read. Not for two pages at a time. */
export interface SliceReader {
  /**
   * The next page; undefined only where a slice has no page at all behind the cursor. Rejects with OB_SOURCE for what ends the slice (see
   * {@link sourceFault}; its `place` the index, file or partition), with OB_STOPPING when `abort` was given; whatever else is thrown ends the slice as a
   * `source_error`. What can be waited out is waited out in it. The page before is out, and not acknowledged, while this is called.
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
  /**
   * For a source that a second plan might cut in other places, so that its slices would overlap those of the first. `whole`: its history grows at its
   * end and nothing else says where to stop; a run that is gone on with keeps its first plan. `group`: what of a group came after its first plan is left to
   * `verify` to tell; groups that have appeared since are added. Undefined: it always cuts in the same places.
   */
  readonly plansOnce?: 'whole' | 'group' | undefined
  plan(abort: AbortSignal): Promise<Plan>
  /** @param cursor of the last page that was acknowledged; undefined: from the beginning. */
  open(slice: SliceSpec, cursor: Json | undefined): SliceReader
  /** Counts again for `verify`. @param deep reads identities, too. Undefined: it cannot count but by reading (`deep`). Rejects with OB_SOURCE. */
  count(slice: SliceSpec, deep: boolean, abort: AbortSignal): Promise<SliceCount | undefined>
  close(): Promise<void>
}
