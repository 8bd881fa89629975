/** Streams of metrics that were met already, and the first time of each: so that a stream is written down once, not with every point. */

/** Slots at the beginning and at the most; 16 bytes each, 16 MiB at the most. Beyond that streams push each other out, and are written again. */
const [fewest, most] = [1 << 10, 1 << 20]
/** Neighbours that are looked at. */
const probes = 8

/** Created empty; grows with what is put in. */
export class FirstSeen {
  #slots = fewest
  #used = 0
  #lows = new Int32Array(fewest)
  #highs = new Int32Array(fewest)
  /** NaN: nobody is there. */
  #times = new Float64Array(fewest).fill(Number.NaN)

  /** True when the stream is not known, or only from a later time on. */
  isNews(low: number, high: number, timeMs: number): boolean {
    const mask = this.#slots - 1
    for (let at = 0; at < probes; at++) {
      const slot = (low + at) & mask
      const known = this.#times[slot] as number
      if (Number.isNaN(known)) return true
      if (this.#lows[slot] === low && this.#highs[slot] === high) return timeMs < known
    }
    return true
  }

  put(low: number, high: number, timeMs: number): void {
    if (this.#used * 2 >= this.#slots && this.#slots < most) this.#grow()
    const mask = this.#slots - 1
    for (let at = 0; at < probes; at++) {
      const slot = (low + at) & mask
      const known = this.#times[slot] as number
      const isFree = Number.isNaN(known)
      if (!isFree && (this.#lows[slot] !== low || this.#highs[slot] !== high)) continue
      if (isFree) this.#used++
      this.#set(slot, low, high, isFree ? timeMs : Math.min(known, timeMs))
      return
    }
    this.#set(low & mask, low, high, timeMs)
  }

  #set(slot: number, low: number, high: number, timeMs: number): void {
    this.#lows[slot] = low
    this.#highs[slot] = high
    this.#times[slot] = timeMs
  }

  #grow(): void {
    const [lows, highs, times] = [this.#lows, this.#highs, this.#times]
    this.#slots *= 2
    this.#used = 0
    this.#lows = new Int32Array(this.#slots)
    this.#highs = new Int32Array(this.#slots)
    this.#times = new Float64Array(this.#slots).fill(Number.NaN)
    for (let at = 0; at < times.length; at++) {
      const time = times[at] as number
      if (!Number.isNaN(time)) this.put(lows[at] as number, highs[at] as number, time)
    }
  }
}
