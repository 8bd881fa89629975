/**
 * Identities of samples, summed up: (labels, time, value bits) → 128 bits, added mod 2^128, so that order and pages do not matter. For counting
 * the same twice, not against somebody who wants two sums alike.
 */

import type { NativeHistogram } from '../../translate/prometheus/model.ts'
import type { LabelText, PageSeries } from './prometheus-series.ts'

const two32 = 4_294_967_296

const spread = (word: number): number => {
  let h = word ^ (word >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by))

/** A sum of identities. Words are summed apart and carried when the sum is asked for. */
export class SampleSum {
  /** Of the series that was begun last. */
  private a = 0
  private b = 0
  private c = 0
  private d = 0
  private sum0 = 0
  private sum1 = 0
  private sum2 = 0
  private sum3 = 0
  private whole = 0n
  private added = 0

  /** What follows belongs to this series. Empty labels are absent ones. */
  begin(labels: readonly LabelText[]): void {
    this.a = 0x239b961b
    this.b = 0x38b34ae5
    this.c = 0x52dce729
    this.d = 0x78dde6e4
    for (let at = 0; at < labels.length; at += 2) {
      const value = labels[at + 1] as LabelText
      if (value.length === 0) continue
      this.text(labels[at] as LabelText)
      this.text(value)
    }
  }

  /** @param hi words of the value */
  add(ms: number, hi: number, lo: number): void {
    let h1 = this.a ^ rotate(Math.imul(ms | 0, 0x239b961b), 15)
    let h2 = this.b ^ rotate(Math.imul(Math.floor(ms / two32) | 0, 0xab0e9789 | 0), 16)
    let h3 = this.c ^ rotate(Math.imul(lo, 0x38b34ae5), 17)
    let h4 = this.d ^ rotate(Math.imul(hi, 0xa1e38b93 | 0), 18)
    h1 = (h1 + h2 + h3 + h4) | 0
    h2 = (h2 + h1) | 0
    h3 = (h3 + h1) | 0
    h4 = (h4 + h1) | 0
    h1 = spread(h1)
    h2 = spread(h2)
    h3 = spread(h3)
    h4 = spread(h4)
    h1 = (h1 + h2 + h3 + h4) | 0
    this.sum0 += h1 >>> 0
    this.sum1 += (h2 + h1) >>> 0
    this.sum2 += (h3 + h1) >>> 0
    this.sum3 += (h4 + h1) >>> 0
    // Far below what a double holds exactly.
    if (++this.added === 1_000_000) this.carry()
  }

  /** Of a native histogram: bits of its sum, and its count. */
  histogram({ timeMs, sumHi, sumLo, countHi, countLo, countFloat, hasFloats }: NativeHistogram): void {
    const high = hasFloats ? Math.floor(countFloat / two32) | 0 : countHi
    const low = hasFloats ? countFloat | 0 : countLo
    this.add(timeMs, sumHi ^ spread(high + 1), sumLo ^ spread(low + 0x9e3779b1))
  }

  /** All samples of a page's series. */
  series({ labels, samples, from, to }: Pick<PageSeries, 'labels' | 'samples' | 'from' | 'to'>): void {
    this.begin(labels)
    const { ms, hi, lo, natives } = samples
    for (let at = from; at < to; at++) {
      const native = natives[at]
      if (native === undefined) this.add(ms[at] as number, hi[at] as number, lo[at] as number)
      else this.histogram(native)
    }
  }

  /** The sum so far, which then begins anew. */
  take(): bigint {
    this.carry()
    const sum = this.whole
    this.whole = 0n
    return sum
  }

  private carry(): void {
    const sum = (BigInt(this.sum3) << 96n) + (BigInt(this.sum2) << 64n) + (BigInt(this.sum1) << 32n) + BigInt(this.sum0)
    this.whole = BigInt.asUintN(128, this.whole + sum)
    this.sum0 = this.sum1 = this.sum2 = this.sum3 = this.added = 0
  }

  private text(text: LabelText): void {
    if (typeof text !== 'string') {
      this.bytes(text, 0)
      return
    }
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code > 0x7f) {
        // As bytes, so that a text is the same in both forms.
        this.bytes(Buffer.from(text), at)
        return
      }
      this.mix(code)
    }
    this.mix(0x100 + text.length)
  }

  /** @param from where the part begins that is not mixed in yet */
  private bytes(bytes: Uint8Array, from: number): void {
    for (let at = from; at < bytes.length; at++) this.mix(bytes[at] as number)
    this.mix(0x100 + bytes.length)
  }

  private mix(word: number): void {
    this.a = Math.imul(rotate(this.a, 5) ^ word, 0x9e3779b1)
    this.b = Math.imul(rotate(this.b, 7) + word, 0x85ebca77)
    this.c = (Math.imul(rotate(this.c, 11) ^ word, 0xc2b2ae3d) + this.a) | 0
    this.d = (Math.imul(rotate(this.d, 13) + word, 0x27d4eb2f) ^ this.b) | 0
  }
}
