/** One window: how many events are to come, which number acknowledges it, and what its events have become. */

import type { Client } from '../../otlp/intake.ts'
import type { RequestIds } from '../duplicates.ts'
import type { BeatName } from './beat-name.ts'
import { createGathered } from './gather.ts'
import type { OldWindow } from './old-side.ts'
import type { Piece } from './piece.ts'
import type { Storing } from './store.ts'

export class Window implements Storing {
  /** 1 or 2, as its acks must have it. */
  readonly version: number
  /** Events that it was opened for. */
  readonly count: number
  /** Monotonic. */
  readonly beganMs: number
  readonly piece: Piece
  /** Ids that its events bring, remembered once it is stored. */
  readonly ids: RequestIds
  readonly gathered = createGathered()
  spilled: Storing['spilled'] = undefined
  /** Undefined when nothing of it goes to an old side. */
  readonly old: OldWindow | undefined
  events = 0
  /** What its first event says of itself; undefined until it was looked at. */
  beat: BeatName | undefined = undefined
  /** Who sends it. */
  client: Client | undefined = undefined
  /** Highest sequence number seen, over a roll-over too: what the final ack says. */
  highest = 0
  private last = 0

  constructor(version: number, count: number, beganMs: number, ids: RequestIds, piece: Piece, old?: OldWindow) {
    this.version = version
    this.count = count
    this.beganMs = beganMs
    this.ids = ids
    this.piece = piece
    this.old = old
  }

  get isWhole(): boolean {
    return this.events === this.count
  }

  /** Bytes of memory that it holds. */
  get bytes(): number {
    return this.piece.bytes.length + this.gathered.bytes + (this.old?.events.bytes ?? 0)
  }

  /**
   * Counts an event. False for a number that is not above the one before it.
   *
   * Numbers begin again after 2^32 − 1, and clients that count on from window to window wait for the last one that they sent. So of two
   * numbers the higher one is that which is less than half of all numbers ahead.
   */
  take(sequence: number): boolean {
    const rises = this.events === 0 || isAhead(sequence, this.last)
    if (this.events === 0 || isAhead(sequence, this.highest)) this.highest = sequence
    this.last = sequence
    this.events++
    return rises
  }
}

const isAhead = (one: number, other: number): boolean => {
  const distance = (one - other) >>> 0
  return distance > 0 && distance < 2 ** 31
}
