import { describe, expect, it } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import { defaultWriteLimits, type WriteLimits } from '../../../src/ingest/prometheus/decode-limits.ts'
import { decodeWriteV1 } from '../../../src/ingest/prometheus/decode-v1.ts'
import { decodeWriteV2 } from '../../../src/ingest/prometheus/decode-v2.ts'
import { SeriesFault, WriteRequest } from '../../../src/translate/prometheus/model.ts'
import { encodeWrite, type Version } from '../../support/remote-write.ts'

const decoders = { 1: decodeWriteV1, 2: decodeWriteV2 }
const versions: readonly Version[] = [1, 2]

const decode = (version: Version, body: Uint8Array, limits: Partial<WriteLimits> = {}): WriteRequest => {
  const into = new WriteRequest()
  decoders[version](body, { ...defaultWriteLimits, ...limits }, into)
  return into
}

const messageOf = (work: () => unknown): string => {
  try {
    work()
    return 'no error'
  } catch (error) {
    return error instanceof BridgeError ? `${error.code}: ${error.message}` : `not a BridgeError: ${String(error)}`
  }
}

const series = (version: Version, own: object, labels = 1): object =>
  version === 1
    ? { labels: Array.from({ length: labels }, (_, at) => ({ name: `l${at}`, value: 'v' })), ...own }
    : { labels_refs: Array.from({ length: labels * 2 }, () => 1), ...own }

const encode = (version: Version, timeseries: readonly object[], more: object = {}): Uint8Array =>
  encodeWrite(version, { symbols: ['', 'x'], timeseries, ...more })

const exemplar = (version: Version, labels: number): object => ({ exemplars: [series(version, {}, labels)] })
const ones = (length: number): string[] => Array.from({ length }, () => '1')

describe.each(versions)('bounds of a request %i.0', (version) => {
  it.each([
    ['series', { maxSeries: 2 }, 'series', {}, 1],
    ['samples', { maxSamples: 2 }, 'samples', { samples: [{}] }, 1],
    ['histograms as samples', { maxSamples: 2 }, 'samples', { histograms: [{}] }, 1],
    ['histograms', { maxHistograms: 2 }, 'native histograms', { histograms: [{}] }, 1],
    ['exemplars as samples', { maxSamples: 2 }, 'samples', { exemplars: [{}] }, 1],
    ['labels', { maxRequestLabels: 2 }, 'labels', {}, 1],
    ['labels that are not stored', { maxRequestLabels: 10, maxLabels: 1 }, 'labels', {}, 5],
    ['labels of exemplars', { maxRequestLabels: 2 }, 'labels', exemplar(version, 1), 0],
    [
      'buckets',
      { maxRequestBuckets: 8 },
      'spans, buckets and bounds of native histograms',
      { histograms: [{ positive_deltas: ones(4) }] },
      1,
    ],
  ])('refuses more %s than the limit, and takes as many', (_name, limits, what, own, labels) => {
    const [limit] = Object.values(limits)
    const body = (count: number): Uint8Array =>
      encode(
        version,
        Array.from({ length: count }, () => series(version, own, labels)),
      )
    expect(messageOf(() => decode(version, body(2), limits))).toBe('no error')
    expect(messageOf(() => decode(version, body(3), limits))).toBe(
      `OB_LIMIT_ITEMS: cannot read a remote-write request: more than ${limit} ${what}`,
    )
  })

  it('takes 100,000 series and refuses 1,000,000', () => {
    const body = (count: number): Uint8Array => Buffer.from((version === 1 ? '0a00' : '2a00').repeat(count), 'hex')
    expect(decode(version, body(100_000)).seriesCount).toBe(100_000)
    expect(messageOf(() => decode(version, body(1_000_000)))).toContain('OB_LIMIT_ITEMS')
  })

  it('marks a series with too many labels, and no other', () => {
    const sample = { samples: [{ timestamp: '5' }] }
    const body = encode(
      version,
      [3, 4, 3].map((labels) => series(version, sample, labels)),
    )
    const into = decode(version, body, { maxLabels: 3 })
    expect(Array.from(into.seriesFault.subarray(0, 3))).toEqual([SeriesFault.None, SeriesFault.TooManyLabels, SeriesFault.None])
    expect(Array.from(into.seriesLabels.subarray(0, 4))).toEqual([0, 3, 6, 9])
    expect(Array.from(into.seriesSamples.subarray(0, 4))).toEqual([0, 1, 2, 3])
  })

  it('marks a series one of whose exemplars has too many labels', () => {
    const body = encode(
      version,
      [3, 4].map((labels) => series(version, exemplar(version, labels))),
    )
    const into = decode(version, body, { maxLabels: 3 })
    expect(Array.from(into.seriesFault.subarray(0, 2))).toEqual([SeriesFault.None, SeriesFault.TooManyLabels])
    expect([into.exemplarLabels[1], into.exemplarLabelsEnd[1]]).toEqual([5, 8])
  })

  it.each([
    [{ positive_deltas: ones(3) }],
    [{ negative_deltas: [...ones(2), '9007199254740993'] }],
    [{ positive_counts: ones(3) }],
    [{ negative_counts: ones(3) }],
    [{ custom_values: ones(3) }],
    [{ positive_spans: [{}, {}, {}] }],
    [{ negative_spans: [{}, {}, {}] }],
    [{ positive_spans: [{}], positive_deltas: ['1'], custom_values: ['1'] }],
  ])('marks a series whose histogram has too many entries: %j', (histogram) => {
    const timed = { ...histogram, timestamp: '7' }
    for (const layout of ['packed', 'unpacked'] as const) {
      const timeseries = [{}, timed, {}].map((one) => series(version, { histograms: [one] }))
      const body = encodeWrite(version, { symbols: ['', 'x'], timeseries }, layout)
      const into = decode(version, body, { maxBuckets: 2 })
      expect(Array.from(into.seriesFault.subarray(0, 3))).toEqual([SeriesFault.None, SeriesFault.TooManyBuckets, SeriesFault.None])
      const one = into.histograms[1]
      const lists = [one?.positiveDeltas, one?.negativeDeltas, one?.positiveCounts, one?.negativeCounts, one?.customValues]
      const spans = (one?.positiveSpans.length ?? 0) + (one?.negativeSpans.length ?? 0)
      expect(lists.reduce((sum, list) => sum + (list?.length ?? 0), 0) + spans / 2).toBe(2)
      expect(one?.timeMs).toBe(7)
      expect(Array.from(decode(version, body, { maxBuckets: 3 }).seriesFault.subarray(0, 3))).toEqual([0, 0, 0])
    }
  })

  // Bodies as large as the listener lets in, of the smallest things there are: refused, and by far not as large as they are.
  it.each([
    ['empty series', { 1: '0a00', 2: '2a00' }, ''],
    ['empty symbols', { 1: '1a00', 2: '2200' }, ''],
    ['empty labels or references', { 1: '0a00', 2: '0a020101' }, 'series'],
    ['references of a byte', { 1: '0a00', 2: '01' }, 'list'],
    ['unknown fields', { 1: '1000', 2: '0800' }, ''],
    ['empty samples', { 1: '1200', 2: '1200' }, 'series'],
    ['empty histograms', { 1: '2200', 2: '1a00' }, 'series'],
    ['empty exemplars', { 1: '1a00', 2: '2200' }, 'series'],
  ])('refuses a body of nothing but %s in little memory', (_name, hex, inside) => {
    const bytes = 16 * 1024 * 1024
    const one = Buffer.from(hex[version], 'hex')
    const content = Buffer.alloc(bytes - (bytes % one.length), one)
    const list = inside === 'list' && version === 2 ? wrapped(0x0a, content) : content
    const body = inside === '' ? list : wrapped(version === 1 ? 0x0a : 0x2a, list)
    const into = new WriteRequest()
    expect(messageOf(() => decoders[version](body, defaultWriteLimits, into))).toContain('OB_LIMIT_ITEMS')
    expect(columnBytes(into)).toBeLessThan(48 * 1024 * 1024)
  })

  it('refuses very many buckets spread over many histograms', () => {
    const deltas = Buffer.concat([Buffer.from([0x62, 0x80, 0x80, 0x01]), Buffer.alloc(16_384, 2)])
    const histogram = wrapped(version === 1 ? 0x22 : 0x1a, deltas)
    const body = wrapped(version === 1 ? 0x0a : 0x2a, Buffer.concat(Array.from({ length: 250 }, () => histogram)))
    expect(messageOf(() => decode(version, body))).toContain('OB_LIMIT_ITEMS')
  })
})

/** A field of wire type 2. */
function wrapped(tag: number, content: Uint8Array): Uint8Array {
  const head = [tag]
  let length = content.length
  for (; length > 0x7f; length >>>= 7) head.push((length & 0x7f) | 0x80)
  return Buffer.concat([Buffer.from([...head, length]), content])
}

const columnBytes = (request: WriteRequest): number =>
  Object.values(request).reduce((sum, one) => sum + (ArrayBuffer.isView(one) && one !== request.body ? one.byteLength : 0), 0)

describe('bounds of symbols and metadata', () => {
  it('counts symbols of 2.0', () => {
    const body = (count: number): Uint8Array => encodeWrite(2, { symbols: ['', ...ones(count - 1)] })
    expect(decode(2, body(3), { maxSymbols: 3 }).symbolCount).toBe(3)
    expect(messageOf(() => decode(2, body(4), { maxSymbols: 3 }))).toContain(
      'OB_LIMIT_ITEMS: cannot read a remote-write request: more than 3 symbols',
    )
  })

  it('counts metadata of 1.0 among the samples', () => {
    const body = encode(1, [series(1, { samples: [{}] })], { metadata: [{}, {}] })
    expect(decode(1, body, { maxSamples: 3 }).metadata.length).toBe(2)
    expect(messageOf(() => decode(1, body, { maxSamples: 2 }))).toContain('OB_LIMIT_ITEMS')
  })
})
