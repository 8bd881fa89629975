/** What looks at some of the requests: the page that shows them, the samples of the parity check, the list of clients. Types alone. */

import type { Client, Signal } from '../otlp/intake.ts'

/** A request that was translated, before and after. Its memory is the endpoint's: whoever keeps something copies it before returning. */
export interface Seen {
  /** `zipkin`, `jaeger.http` */
  readonly endpoint: string
  readonly format: string
  readonly signal: Signal
  readonly atMs: number
  readonly client: Client | undefined
  /** `POST /api/v2/spans`, or the path of a gRPC method; empty for datagrams. */
  readonly request: string
  /** Names and values in turn; credentials are still in them. */
  readonly headers: readonly string[]
  /** The body before it was translated, decompressed. */
  readonly body: Uint8Array
  /** An `Export…ServiceRequest`; empty when nothing came of it. */
  readonly otlp: Uint8Array
  readonly items: number
  /** Why it, or some of it, was refused; undefined when all was taken. */
  readonly refused: string | undefined
}

/** Handed to every endpoint; undefined where nobody looks. */
export interface Observer {
  /** Whether somebody wants this one: true for a few a second at the most, so that looking costs nothing to speak of. */
  wants(endpoint: string): boolean
  /** Never throws. */
  see(seen: Seen): void
}
