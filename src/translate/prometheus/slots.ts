/**
 * Values of groups: one array for all, in blocks of 8 slots or a power of two times that, used again. A slot holds the bits of a double, so that
 * the stale marker stays what it is, or says that there is nothing in it.
 */

import { staleHi, staleLo } from './model.ts'

/** Both words of an empty slot: a signalling NaN that nobody sends; received, it is stored as an ordinary NaN. */
export const emptyWord = 0x7ff7fff7

/** Where the words of a double stand in memory. */
export const hiWord = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0
export const loWord = 1 - hiWord

const smallest = 8
const ordinaryNanHi = 0x7ff80000

const classOf = (slots: number): number => (slots <= smallest ? 0 : 32 - Math.clz32((slots - 1) >> 3))

export class Slots {
  /** Words, two a slot: see {@link hiWord}. The same memory as `doubles`. */
  words: Int32Array
  doubles: Float64Array
  /** Slots of blocks in use. */
  used = 0
  private end = 0
  /** First free block by size; the first word of a free block is the next. */
  private readonly free: number[] = []

  constructor() {
    this.doubles = new Float64Array(1024)
    this.words = new Int32Array(this.doubles.buffer)
  }

  /** A block of empty slots: the place of its first. */
  take(slots: number): number {
    const size = classOf(slots)
    this.used += smallest << size
    let block = this.free[size] ?? -1
    if (block >= 0) this.free[size] = this.words[2 * block] as number
    else {
      block = this.end
      this.end += smallest << size
      if (this.end > this.doubles.length) this.grow()
    }
    this.words.fill(emptyWord, 2 * block, 2 * (block + slots))
    return block
  }

  /** @param slots as they were asked for */
  give(block: number, slots: number): void {
    const size = classOf(slots)
    this.used -= smallest << size
    this.words[2 * block] = this.free[size] ?? -1
    this.free[size] = block
  }

  isEmpty(slot: number): boolean {
    const { words } = this
    return words[2 * slot + hiWord] === emptyWord && words[2 * slot + loWord] === emptyWord
  }

  isStale(slot: number): boolean {
    const { words } = this
    return words[2 * slot + hiWord] === staleHi && words[2 * slot + loWord] === staleLo
  }

  /** True when this very value is there. */
  holds(slot: number, hi: number, lo: number): boolean {
    const { words } = this
    return words[2 * slot + hiWord] === hi && words[2 * slot + loWord] === lo
  }

  set(slot: number, hi: number, lo: number): void {
    const { words } = this
    const odd = hi === emptyWord && lo === emptyWord
    words[2 * slot + hiWord] = odd ? ordinaryNanHi : hi
    words[2 * slot + loWord] = odd ? 0 : lo
  }

  private grow(): void {
    const larger = new Float64Array(Math.max(this.end, this.doubles.length * 2))
    larger.set(this.doubles)
    this.doubles = larger
    this.words = new Int32Array(larger.buffer)
  }
}
