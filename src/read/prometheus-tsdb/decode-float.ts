/** Chunks of floats: encodings 1 (XOR) and 4 (XOR2, with start timestamps). */

import { staleHi, staleLo } from '../../translate/prometheus/model.ts'
import { type Bits, XorValue } from './bits.ts'
import type { Samples } from './samples.ts'
import { StartTimes } from './start-times.ts'

const value = new XorValue()
const starts = new StartTimes()

/** Encoding 1. Appends its samples; throws OB_SOURCE for what cannot be one. @param bits at the beginning of the data */
export function decodeXor(bits: Bits, into: Samples): void {
  const count = bits.word(16)
  if (count === 0) bits.fail('no samples')
  into.ensure(into.count + count)
  let ms = bits.varint()
  value.first(bits)
  bits.check()
  into.push(ms, value.hi, value.lo, 0, undefined)
  if (count === 1) return
  let delta = bits.uvarint()
  for (let index = 1; index < count; index++) {
    if (index > 1) {
      const ones = bits.ones(4)
      if (ones > 0) delta += ones === 1 ? bits.signed(14) : ones === 2 ? bits.signed(17) : ones === 3 ? bits.signed(20) : bits.int64()
    }
    ms += delta
    value.next(bits)
    if (bits.at > bits.end) bits.fail('cut off')
    into.push(ms, value.hi, value.lo, 0, undefined)
  }
}

/** True where the last thing read says that the sample is a marker of staleness; `value` stays what it was then. */
function nextValue(bits: Bits): boolean {
  const ones = bits.ones(3)
  if (ones === 3) return true
  if (ones === 2) value.window(bits)
  if (ones > 0) value.difference(bits)
  return false
}

/** Encoding 4, as {@link decodeXor}. */
export function decodeXor2(bits: Bits, into: Samples): void {
  const count = bits.word(16)
  if (count === 0) bits.fail('no samples')
  into.ensure(into.count + count)
  starts.begin(bits.word(8))
  let ms = bits.varint()
  value.first(bits)
  let isStale = value.hi === staleHi && value.lo === staleLo
  if (isStale) value.reset()
  starts.first(bits, ms)
  bits.check()
  into.push(ms, isStale ? staleHi : value.hi, isStale ? staleLo : value.lo, starts.startMs, undefined)
  let delta = 0
  for (let index = 1; index < count; index++) {
    const before = ms
    isStale = false
    if (index === 1) {
      delta = bits.uvarint()
      isStale = nextValue(bits)
    } else {
      switch (bits.ones(5)) {
        case 0:
          break
        case 1:
          if (bits.bit() === 1) value.window(bits)
          value.difference(bits)
          break
        case 2:
          delta += bits.complement(13)
          isStale = nextValue(bits)
          break
        case 3:
          delta += bits.complement(20)
          isStale = nextValue(bits)
          break
        case 4:
          delta += bits.int64()
          isStale = nextValue(bits)
          break
        default:
          isStale = true
      }
    }
    ms += delta
    starts.next(bits, index, before)
    if (bits.at > bits.end) bits.fail('cut off')
    into.push(ms, isStale ? staleHi : value.hi, isStale ? staleLo : value.lo, starts.startMs, undefined)
  }
}
