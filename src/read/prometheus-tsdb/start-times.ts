/** Start timestamps in chunks of encodings 4, 5 and 6. Declared unstable by their authors: chunks are held against their times in the index. */

import type { Bits } from './bits.ts'

/** Of one chunk; used again for the next. */
export class StartTimes {
  startMs = 0
  private atFirst = false
  private from = 0
  private difference = 0

  /** @param header bit 7: sample 0 has one; the others: the first sample from which on a field is written, 0: none */
  begin(header: number): void {
    this.startMs = 0
    this.difference = 0
    this.atFirst = header >= 0x80
    this.from = header & 0x7f
  }

  /** Behind sample 0. */
  first(bits: Bits, ms: number): void {
    if (this.atFirst) this.startMs = ms - bits.varint()
  }

  /** Behind sample `index`. @param beforeMs time of the sample before it */
  next(bits: Bits, index: number, beforeMs: number): void {
    if (this.from === 0 || index < this.from) return
    this.difference = index === this.from ? bits.int() : this.difference + bits.int()
    this.startMs = beforeMs - this.difference
  }
}
