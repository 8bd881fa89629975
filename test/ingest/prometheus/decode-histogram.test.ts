import { describe, expect, it } from 'vitest'
import { defaultWriteLimits } from '../../../src/ingest/prometheus/decode-limits.ts'
import { decodeWriteV1 } from '../../../src/ingest/prometheus/decode-v1.ts'
import { type NativeHistogram, staleHi, staleLo, WriteRequest } from '../../../src/translate/prometheus/model.ts'
import { bitsOf, encodeWrite } from '../../support/remote-write.ts'

const into = new WriteRequest()
const decoded = (histogram: object): NativeHistogram => {
  decodeWriteV1(encodeWrite(1, { timeseries: [{ histograms: [histogram] }] }), defaultWriteLimits, into)
  return into.histograms[0] as NativeHistogram
}

const least = -(2n ** 63n)
const most = 2n ** 63n - 1n
const safe = BigInt(Number.MAX_SAFE_INTEGER)

describe('readHistogram', () => {
  it('reads a message without fields', () => {
    expect(decoded({})).toEqual({
      timeMs: 0,
      startMs: 0,
      hasFloats: false,
      hasInts: false,
      countHi: 0,
      countLo: 0,
      countFloat: 0,
      sumHi: 0,
      sumLo: 0,
      schema: 0,
      zeroThreshold: 0,
      zeroCountHi: 0,
      zeroCountLo: 0,
      zeroCountFloat: 0,
      resetHint: 0,
      negativeSpans: [],
      positiveSpans: [],
      negativeDeltas: [],
      positiveDeltas: [],
      negativeCounts: [],
      positiveCounts: [],
      customValues: [],
    })
  })

  it.each([
    [
      [0n, -1n, 1n, 63n, 64n, -64n, -65n],
      [0, -1, 1, 63, 64, -64, -65],
    ],
    [
      [safe, -safe],
      [Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER],
    ],
    [
      [1n, safe + 1n, -3n],
      [1n, safe + 1n, -3n],
    ],
    [[-safe - 1n], [-safe - 1n]],
    [
      [least, most],
      [least, most],
    ],
  ])('reads deltas %# as numbers where all are exact', (deltas, expected) => {
    const texts = deltas.map(String)
    expect(decoded({ positive_deltas: texts, negative_deltas: texts })).toMatchObject({
      positiveDeltas: expected,
      negativeDeltas: expected,
    })
  })

  it('joins deltas that are packed with others that are not', () => {
    // positive_deltas: packed 1, −1; then 2; then packed 2^53, 3
    const message = Buffer.from('6202020160046209' + '8080808080808020' + '06', 'hex')
    const series = Buffer.concat([Buffer.from([0x22, message.length]), message])
    decodeWriteV1(Buffer.concat([Buffer.from([0x0a, series.length]), series]), defaultWriteLimits, into)
    expect(into.histograms[0]?.positiveDeltas).toEqual([1n, -1n, 2n, 2n ** 53n, 3n])
  })

  it.each([
    [{ count_int: '0' }, true, false],
    [{ zero_count_int: '0' }, true, false],
    [{ negative_deltas: ['0'] }, true, false],
    [{ positive_deltas: ['0'] }, true, false],
    [{ count_float: '0' }, false, true],
    [{ zero_count_float: '0' }, false, true],
    [{ negative_counts: ['0'] }, false, true],
    [{ positive_counts: ['0'] }, false, true],
    [{ count_int: '1', positive_counts: ['0'] }, true, true],
    [{ sum: '1', schema: 1, positive_spans: [{}], custom_values: ['1'] }, false, false],
  ])('says whether %j has integers or floats', (histogram, hasInts, hasFloats) => {
    expect(decoded(histogram)).toMatchObject({ hasInts, hasFloats })
  })

  it('keeps the bits of the stale marker', () => {
    expect(decoded({ sum: String(0x7ff0000000000002n) })).toMatchObject({ sumHi: staleHi, sumLo: staleLo })
  })

  it('keeps counts of 64 bits', () => {
    expect(decoded({ count_int: String(2n ** 64n - 1n), zero_count_int: String(2n ** 63n) })).toMatchObject({
      countHi: -1,
      countLo: -1,
      zeroCountHi: -(2 ** 31),
      zeroCountLo: 0,
    })
  })

  it('reads both layouts of start times', () => {
    expect(decoded({ timestamp: '1767225600000', start_timestamp: '1767225599000' })).toMatchObject({
      timeMs: 1_767_225_600_000,
      startMs: 1_767_225_599_000,
    })
    expect(decoded({ timestamp: '1767225600000' }).startMs).toBe(0)
  })

  it('reads spans as they are, the widest too', () => {
    const spans = [{ offset: -(2 ** 31), length: 2 ** 32 - 1 }, { offset: 2 ** 31 - 1 }, { length: 7 }]
    expect(decoded({ positive_spans: spans }).positiveSpans).toEqual([-(2 ** 31), 2 ** 32 - 1, 2 ** 31 - 1, 0, 0, 7])
  })

  it('has one shape for every histogram', () => {
    const keys = Object.keys(decoded({}))
    expect(Object.keys(decoded({ count_float: bitsOf(1), positive_counts: [bitsOf(1)], custom_values: [bitsOf(2)] }))).toEqual(keys)
    expect(Object.keys(decoded({ count_int: '1', positive_deltas: ['1'] }))).toEqual(keys)
  })
})
