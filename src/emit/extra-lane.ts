/** A lane of the queue that is not a destination's: what a mirror hands in. Who is told what became of batches is named here too. */

import type { EmitHealth } from './health.ts'
import type { Lane } from './queue/queue.ts'

export type { Cargo, LeftBatch, Outcomes } from './queue/outcomes.ts'

/**
 * A lane that somebody else empties. It gets the envelopes whose `mirror` is its name, and no OTLP; they lie in it with the signal `legacy`,
 * and are handed out oldest first, whatever their formats.
 */
export interface ExtraLane {
  /** `mirror.zipkin` */
  readonly name: string
  /** Bytes that may wait in it; with a memory queue at most `queue.maxSize`. */
  readonly maxSize: number
  /**
   * Read at each put: it changes with the phase. `refuse`: what is put must have room here too, and with `ack: forwarded` the sender waits for this
   * lane. `drop`: what has no room is counted as shed, and nobody waits.
   */
  readonly whenFull: 'refuse' | 'drop'
  /** With `ack: forwarded`: how long a sender waits for this lane, ms; undefined: as long as it takes. */
  readonly forwardMs?: number | undefined
  /** Begins to empty it. Called once for each time that the lane comes to be this object's. */
  start(lane: Lane): LaneRunner
}

/** Who empties an extra lane. */
export interface LaneRunner {
  health(): EmitHealth
  /** As `Destination.stop`: sends what can be sent, releases the rest, resolves at the latest after the time given. */
  stop(deadlineMs: number): Promise<void>
  /** As `Destination.handOver`: takes nothing more, finishes what is under way within the time given, releases the rest for another. */
  handOver(deadlineMs: number): Promise<void>
}
