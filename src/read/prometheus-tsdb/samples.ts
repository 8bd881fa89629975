/** Samples of one series in columns, used again: no object per float. */

import type { NativeHistogram } from '../../translate/prometheus/model.ts'

const initial = 256
/** Columns that a pool keeps, and how long each may be. */
const pooled = 256
const largestPooled = 16_384

/** `count` says how much of the columns holds. Floats are the words of a double, so that markers of staleness stay what they are. */
export class Samples {
  count = 0
  ms = new Float64Array(initial)
  hi = new Int32Array(initial)
  lo = new Int32Array(initial)
  /** 0: not set. */
  startMs = new Float64Array(initial)
  /** Undefined, or behind the end: the sample is a float. Of a histogram `hi` and `lo` are the words of its sum. */
  natives: (NativeHistogram | undefined)[] = []

  clear(): void {
    this.count = 0
    if (this.natives.length > 0) this.natives.length = 0
  }

  ensure(count: number): void {
    if (count <= this.ms.length) return
    const size = Math.max(count, this.ms.length * 2)
    this.ms = grown(this.ms, new Float64Array(size))
    this.hi = grown(this.hi, new Int32Array(size))
    this.lo = grown(this.lo, new Int32Array(size))
    this.startMs = grown(this.startMs, new Float64Array(size))
  }

  push(ms: number, hi: number, lo: number, startMs: number, native: NativeHistogram | undefined): void {
    const at = this.count++
    if (at >= this.ms.length) this.ensure(at + 1)
    this.ms[at] = ms
    this.hi[at] = hi
    this.lo[at] = lo
    this.startMs[at] = startMs
    if (native !== undefined) this.setNative(at, native)
  }

  /** Appends samples `from` to `to` of another. */
  append(other: Samples, from: number, to: number): void {
    const at = this.count
    this.ensure(at + to - from)
    this.ms.set(other.ms.subarray(from, to), at)
    this.hi.set(other.hi.subarray(from, to), at)
    this.lo.set(other.lo.subarray(from, to), at)
    this.startMs.set(other.startMs.subarray(from, to), at)
    for (let one = from; one < Math.min(to, other.natives.length); one++) {
      const native = other.natives[one]
      if (native !== undefined) this.setNative(at + one - from, native)
    }
    this.count = at + to - from
  }

  /** Puts a sample in an earlier one's place. */
  move(from: number, to: number): void {
    if (from === to) return
    this.ms[to] = this.ms[from] as number
    this.hi[to] = this.hi[from] as number
    this.lo[to] = this.lo[from] as number
    this.startMs[to] = this.startMs[from] as number
    if (this.natives.length > to) this.natives[to] = this.natives[from]
  }

  /** Lets go of all but the first ones. */
  cut(count: number): void {
    this.count = count
    if (this.natives.length > count) this.natives.length = count
  }

  /** Lets go of the first ones. */
  drop(count: number): void {
    if (count === 0) return
    const { count: all } = this
    this.ms.copyWithin(0, count, all)
    this.hi.copyWithin(0, count, all)
    this.lo.copyWithin(0, count, all)
    this.startMs.copyWithin(0, count, all)
    if (this.natives.length > 0) this.natives.splice(0, count)
    this.count = all - count
  }

  private setNative(at: number, native: NativeHistogram): void {
    const { natives } = this
    while (natives.length < at) natives.push(undefined)
    natives[at] = native
  }
}

/** Columns that are used again: of each series two are needed while it is read. */
export class SamplesPool {
  private readonly free: Samples[] = []

  take(): Samples {
    return this.free.pop() ?? new Samples()
  }

  /** Whoever gives them back does not look at them any more. */
  give(samples: Samples): void {
    if (this.free.length >= pooled || samples.ms.length > largestPooled) return
    samples.clear()
    this.free.push(samples)
  }
}

function grown<Column extends Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer>>(column: Column, larger: Column): Column {
  larger.set(column)
  return larger
}
