/** Which items came, and how often, in bounded memory: 64 bits of each item's identity in a table. */

/** Makes 64-bit keys out of the parts of an identity; `hi` and `lo` are valid after `end`. Strangers share a key once in 10^7 runs of a million. */
export class ItemKey {
  hi = 0
  lo = 0

  begin(): void {
    this.hi = 0x9e3779b9
    this.lo = 0x85ebca6b
  }

  bytes(bytes: Uint8Array, from = 0, to = bytes.length): void {
    let { hi, lo } = this
    for (let at = from; at < to; at++) {
      const byte = bytes[at] as number
      hi = Math.imul(hi ^ byte, 0x9e3779b1)
      hi ^= hi >>> 15
      lo = Math.imul(lo ^ byte, 0x5f356495)
      lo ^= lo >>> 13
    }
    // Where a part ends is part of the key.
    this.hi = Math.imul(hi ^ (to - from), 0x2c1b3c6d)
    this.lo = Math.imul(lo ^ (to - from), 0x297a2d39)
  }

  text(text: string): void {
    this.bytes(Buffer.from(text))
  }

  end(): void {
    const mix = (value: number, other: number): number => {
      let h = Math.imul(value ^ (value >>> 16), 0x85ebca6b) ^ Math.imul(other ^ (other >>> 13), 0xc2b2ae35)
      h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d)
      return (h ^ (h >>> 14)) >>> 0
    }
    const { hi, lo } = this
    this.hi = mix(hi, lo)
    this.lo = mix(lo, hi)
  }
}

/** How often each key was added. 10 bytes for each place, at least twice as many places as keys. */
export class KeyCounts {
  /** Different keys. */
  unique = 0
  /** Additions of keys that were there. */
  repeats = 0
  private places = 1 << 16
  private hi = new Uint32Array(this.places)
  private lo = new Uint32Array(this.places)
  /** 0: the place is free. */
  private times = new Uint16Array(this.places)

  add({ hi, lo }: Pick<ItemKey, 'hi' | 'lo'>): void {
    if (this.unique * 2 >= this.places) this.grow()
    const at = this.placeOf(hi, lo)
    if (this.times[at] === 0) {
      this.hi[at] = hi
      this.lo[at] = lo
      this.unique++
    } else this.repeats++
    this.times[at] = Math.min((this.times[at] as number) + 1, 0xffff)
  }

  /** How often a key was added. */
  count({ hi, lo }: Pick<ItemKey, 'hi' | 'lo'>): number {
    return this.times[this.placeOf(hi, lo)] as number
  }

  private placeOf(hi: number, lo: number): number {
    const mask = this.places - 1
    let at = hi & mask
    while (this.times[at] !== 0 && (this.hi[at] !== hi || this.lo[at] !== lo)) at = (at + 1) & mask
    return at
  }

  private grow(): void {
    const { hi, lo, times } = this
    this.places *= 2
    this.hi = new Uint32Array(this.places)
    this.lo = new Uint32Array(this.places)
    this.times = new Uint16Array(this.places)
    for (let from = 0; from < times.length; from++) {
      if (times[from] === 0) continue
      const at = this.placeOf(hi[from] as number, lo[from] as number)
      this.hi[at] = hi[from] as number
      this.lo[at] = lo[from] as number
      this.times[at] = times[from] as number
    }
  }
}

/** Which items are looked at field by field: the same on both sides, for it is their key that decides. */
export const isSampled = ({ lo }: Pick<ItemKey, 'lo'>, wanted: number, items: number): boolean => lo < (wanted / items) * 2 ** 32
