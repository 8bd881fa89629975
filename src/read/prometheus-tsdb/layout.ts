/** What is said once for all histograms of a chunk: where its buckets lie. */

import { customBucketsSchema } from '../../translate/prometheus/model.ts'
import type { Bits } from './bits.ts'
import { tsdbError } from './faults.ts'

/** Buckets, spans or bounds of one histogram. Prometheus itself keeps to far fewer: 160 by default where it makes them. */
const maxEntries = 65_536
/** Bucket values of all samples of a chunk. */
const maxValues = 2_000_000

export interface Layout {
  readonly schema: number
  readonly zeroThreshold: number
  /** `offset, length` two by two. */
  readonly positiveSpans: readonly number[]
  readonly negativeSpans: readonly number[]
  readonly customValues: readonly number[]
  /** Lengths of the spans, all together. */
  readonly positive: number
  readonly negative: number
}

const words = new DataView(new ArrayBuffer(8))

/** The double of 64 bits. */
export function doubleOf(hi: number, lo: number): number {
  words.setInt32(0, hi)
  words.setInt32(4, lo)
  return words.getFloat64(0)
}

function readDouble(bits: Bits): number {
  bits.words64()
  return doubleOf(bits.hi, bits.lo)
}

function readSpans(bits: Bits): readonly [spans: readonly number[], buckets: number] {
  const count = bits.uint()
  if (count > maxEntries) throw tsdbError('too_large', `cannot decode a histogram of ${count} spans`)
  const spans: number[] = []
  let buckets = 0
  let index = 0
  for (let at = 0; at < count; at++) {
    const length = bits.uint()
    const offset = bits.int()
    bits.check()
    buckets += length
    index += offset + length
    if (Math.abs(index) > 0x7fffffff || (at > 0 && offset < 0)) bits.fail(`spans that go to ${index}`)
    if (buckets > maxEntries) throw tsdbError('too_large', `cannot decode a histogram of ${buckets} buckets`)
    spans.push(offset, length)
  }
  return [spans, buckets]
}

function readThreshold(bits: Bits): number {
  const exponent = bits.word(8)
  if (exponent === 0) return 0
  return exponent === 255 ? readDouble(bits) : 2 ** (exponent - 244)
}

function readBounds(bits: Bits): readonly number[] {
  const count = bits.uint()
  if (count > maxEntries) throw tsdbError('too_large', `cannot decode a histogram of ${count} bounds`)
  const bounds: number[] = []
  for (let at = 0; at < count; at++) {
    const word = bits.uint()
    bounds.push(word === 0 ? readDouble(bits) : (word - 1) / 1000)
    bits.check()
  }
  return bounds
}

/** @param samples of the chunk: what they hold together is bounded before it is read */
export function readLayout(bits: Bits, samples: number): Layout {
  const zeroThreshold = readThreshold(bits)
  const schema = bits.int()
  if (schema !== customBucketsSchema && (schema < -4 || schema > 8)) bits.fail(`schema ${schema}`)
  const [positiveSpans, positive] = readSpans(bits)
  const [negativeSpans, negative] = readSpans(bits)
  const customValues = schema === customBucketsSchema ? readBounds(bits) : []
  bits.check()
  if (samples * (positive + negative) > maxValues) {
    throw tsdbError('too_large', `cannot decode a chunk of ${samples} histograms with ${positive + negative} buckets each`)
  }
  return { schema, zeroThreshold, positiveSpans, negativeSpans, customValues, positive, negative }
}
