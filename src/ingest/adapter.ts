/** What every ingest adapter is, and what it is handed. Ingest never imports emit: it awaits an injected {@link Intake}. */

import type { Server } from 'node:net'
import type { ServiceCount } from '../otlp/batch.ts'
import type { ChunkPool } from '../otlp/encode/chunks.ts'
import type { Intake, Signal } from '../otlp/intake.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Explanation } from '../translate/explain.ts'
import type { Drop, Note } from '../translate/outcome.ts'
import type { PlacedItems } from './json-scan.ts'
import type { MirrorDoors } from './mirror-door.ts'
import type { Observer } from './observe.ts'

export interface AdapterDeps {
  readonly intake: Intake
  readonly metrics: Metrics
  readonly log: Logger
  /** Wall clock in milliseconds, injected for tests. */
  readonly nowMs: () => number
  /** Where encoded requests get their memory; emit gives it back. */
  readonly chunks?: ChunkPool | undefined
  /** Several processes of one bridge share every port; the kernel spreads connections and datagrams over them. */
  readonly reusePort?: boolean | undefined
  /** The listener that the one about to start replaces, by section: it may hand over its sockets. */
  readonly before?: ((section: string) => Listener | undefined) | undefined
  /** Folder of the disk queue; undefined with another queue, which leaves nothing on this machine. */
  readonly dataPath?: string | undefined
  /** The name that `emit` sends along as `x-otlp-bridge`: what comes in under it went out here. */
  readonly instanceId?: string | undefined
  /** The ways to the old backends; undefined where there is none. */
  readonly mirrors?: MirrorDoors | undefined
  /** What looks at some of the requests. */
  readonly observer?: Observer | undefined
}

/** Pages of a listener, by path below `/api/`. @param query the last value of each key. */
export type ListenerPages = Readonly<Record<string, (query: Readonly<Record<string, string>>) => unknown>>

/** A started listener. */
export interface Listener {
  /** For the start-up table and for tests: `http://127.0.0.1:9411`, `udp://127.0.0.1:6831`. */
  readonly addresses: readonly string[]
  /** Stops accepting and resolves when requests under way are answered, or after the time given. */
  stop(deadlineMs: number): Promise<void>
  /** Sentences about what is not well with it, for health: an expired certificate, say. Empty when all is. */
  readonly trouble?: (() => readonly string[]) | undefined
  /** Sentences about what somebody should look at although it works. */
  readonly warnings?: (() => readonly string[]) | undefined
  /** What it shows on the admin port, as JSON below `/api/`, by path: `metrics/types`. Asked with the query of the request. */
  readonly pages?: ListenerPages | undefined
  /** The server that listens on an address of it, for its successor to take the socket; undefined when there is none. */
  readonly handOver?: ((address: string, port: number) => Server | undefined) | undefined
}

/** One body after decode, translate and encode: what every listener hands on, whatever the format. */
export interface TranslatedBody {
  /** Items found in the body: `items` plus those in `drops` (a v1 span that becomes two counts as what comes out). */
  readonly received: number
  /** Items in `data`. */
  readonly items: number
  /** The encoded request; empty when `items` is 0. The caller owns it. */
  readonly data: Uint8Array
  readonly drops: readonly Drop[]
  readonly notes: readonly Note[]
  /** Whose items those in `data` are. */
  readonly services?: readonly ServiceCount[]
  /** Requests of other signals than the format's own that came of the same body. Only files have them. */
  readonly others?: readonly OtherRequest[]
}

/** An encoded request of a signal that is not the format's own. */
export interface OtherRequest {
  readonly signal: Signal
  readonly items: number
  readonly data: Uint8Array
}

/**
 * Bytes in, OTLP bytes out: one per wire encoding. Synchronous and pure but for bounded caches of its own.
 * Throws `OB_DECODE_*` or `OB_LIMIT_*` when the body as a whole cannot be read; never throws for one bad item.
 * Does not keep `body`. @param receivedAtMs wall clock at receipt, for spans that carry no time
 */
export interface BodyTranslator {
  (body: Uint8Array, receivedAtMs: number): TranslatedBody
  /** The same for items that lie in a body among other things, so that nobody has to put them together first. Few formats have it. */
  readonly placed?: PlacedTranslator | undefined
}

/** As {@link BodyTranslator}; `indexes` of drops are places in the list. The request is in memory of its own. */
export type PlacedTranslator = (body: Buffer, items: PlacedItems, receivedAtMs: number) => TranslatedBody

/** Translators of OTLP requests, or of `TracesData`, `MetricsData` and `LogsData`, which are the same bytes. */
export interface OtlpTranslators {
  readonly proto: Readonly<Record<Signal, BodyTranslator>>
  readonly json: Readonly<Record<Signal, BodyTranslator>>
}

/** Bytes in, reasons out: as the {@link BodyTranslator} of the same form, of which it throws the errors. */
export type BodyExplainer = (body: Uint8Array, receivedAtMs: number) => Explanation
