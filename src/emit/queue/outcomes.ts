/** What lies in the queue, and who is told what became of it. */

import type { Signal } from '../../otlp/intake.ts'

/** OTLP of a signal, or `legacy`: requests as they were received, for a mirror. */
export type Cargo = Signal | 'legacy'

/** A batch as whoever is told of its end knows it. */
export interface LeftBatch {
  readonly format: string
  /** `legacy`: an envelope. */
  readonly signal: Cargo
  readonly items: number
  /** As `EncodedBatch.account`. Undefined for a batch without one, and where bytes were lost that nobody can tell apart: then it may be several batches. */
  readonly account?: Uint8Array | undefined
}

/** Who is told what became of batches. */
export interface Outcomes {
  /**
   * A batch left a lane; called once for each, in any order, and only for batches whose `put` or `commit` resolved (with `ack: forwarded`: when it
   * does). A batch that is for several destinations leaves each of them; one that the router cut leaves in parts, each with its own items and the
   * account of the whole; so do the messages that a Kafka queue made of it. Must not throw.
   * @param destination empty: no destination takes it (`no_route`)
   * @param reason of `delivered` what whoever settled it said, mostly nothing; of `dead` and `dropped` as in the metrics
   * @param rejectedItems of `delivered`: items that the other side left out
   */
  left(destination: string, batch: LeftBatch, outcome: 'delivered' | 'dead' | 'dropped', reason: string, rejectedItems: number): void
}
