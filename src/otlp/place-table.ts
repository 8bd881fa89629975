/**
 * Places in a list, found by hashes of what stands there. Hashes that senders make equal on purpose are looked through up to a point: what is beyond
 * it is not found again, and whoever asks makes another one of it.
 */

/** Slots that are looked at for one hash. */
const longestProbe = 64

/** Open addressing with linear probing. Nothing is taken out but everything. */
export class PlaceTable {
  /** Places, from 1 on; 0 is an empty slot. */
  #places: Int32Array
  #hashes: Int32Array
  #used = 0
  readonly #slots: number
  #hash = 0
  #slot = 0
  #probes = 0

  /** @param slots a power of two: what there is memory for at the start, and after `clear` */
  constructor(slots: number) {
    this.#slots = slots
    this.#places = new Int32Array(slots)
    this.#hashes = new Int32Array(slots)
  }

  /** Begins to look for a hash: `next` gives what has it. */
  seek(hash: number): void {
    this.#hash = hash
    this.#slot = hash & (this.#places.length - 1)
    this.#probes = 0
  }

  /** The next place with the hash; −1 when there is no further one. */
  next(): number {
    const places = this.#places
    const hashes = this.#hashes
    const mask = places.length - 1
    while (this.#probes < longestProbe) {
      const slot = this.#slot
      const place = places[slot] as number
      if (place === 0) return -1
      this.#probes++
      this.#slot = (slot + 1) & mask
      if (hashes[slot] === this.#hash) return place - 1
    }
    return -1
  }

  add(hash: number, place: number): void {
    if ((this.#used + 1) * 2 > this.#places.length) this.#grow()
    this.#put(hash, place + 1)
  }

  clear(): void {
    if (this.#used === 0) return
    this.#used = 0
    if (this.#places.length === this.#slots) this.#places.fill(0)
    else {
      this.#places = new Int32Array(this.#slots)
      this.#hashes = new Int32Array(this.#slots)
    }
  }

  #put(hash: number, place: number): void {
    const places = this.#places
    const mask = places.length - 1
    let slot = hash & mask
    for (let probes = 0; places[slot] !== 0; probes++, slot = (slot + 1) & mask) if (probes === longestProbe) return
    places[slot] = place
    this.#hashes[slot] = hash
    this.#used++
  }

  #grow(): void {
    const places = this.#places
    const hashes = this.#hashes
    this.#places = new Int32Array(places.length * 2)
    this.#hashes = new Int32Array(places.length * 2)
    this.#used = 0
    for (let slot = 0; slot < places.length; slot++) {
      if (places[slot] !== 0) this.#put(hashes[slot] as number, places[slot] as number)
    }
  }
}
