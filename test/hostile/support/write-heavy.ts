/** Remote-write that is made to take memory or time: many small things, few things that are referred to often, what grows when it is laid out. */

import { snappyBody } from '../../support/remote-write.ts'
import type { WriteCase } from './throw-write.ts'
import { double, field, integer, nowMs, rawLabels, rawSample, times } from './writes.ts'

const mebi = 2 ** 20
const body = 128 * mebi

/** What a body at the limit may take beside itself: the body, its compressed form, and the columns it is read into. */
const atLimitMiB = 420

const symbolsOf = (...texts: readonly (string | Uint8Array)[]): Buffer => Buffer.concat(texts.map((one) => field(4, one)))

const list = <T>(count: number, of: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => of(at))

/** Series of 2.0, as many as asked for. @param of the content of each */
const seriesOf = (count: number, of: (at: number) => readonly Uint8Array[]): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, at) => field(5, ...of(at))))

const padded = (at: number): string => at.toString(36).padStart(5, '0')

/** Symbols 0 to 3, and from 4 on a number each. */
const numbered = (count: number, name: string, ...more: readonly (string | Uint8Array)[]): Buffer =>
  Buffer.concat([symbolsOf('', '__name__', name, 'i'), ...list(count, (at) => field(4, padded(at))), symbolsOf(...more)])

const sample = rawSample()

const series1 = (name: string, count: number): Buffer => {
  const label = (key: string, value: string): Buffer => field(1, field(1, key), field(2, value))
  const metric = label('__name__', name)
  return Buffer.concat(Array.from({ length: count }, (_, at) => field(1, metric, label('i', padded(at)), sample)))
}

/** Refused before anything of it is kept. */
const tooMany = (name: string, version: 1 | 2, plain: () => Uint8Array, text: RegExp): WriteCase => ({
  name: `${version}.0: ${name}`,
  version,
  body: () => snappyBody(plain()),
  status: 413,
  text,
  reasons: { limit_items: 1 },
  written: version === 2 ? [0, 0, 0] : undefined,
  riseMiB: atLimitMiB,
})

/** A message of so many bytes of one small piece. @param head tag of the field that holds it all; none: pieces stand by themselves */
const full = (piece: string, head?: number): Buffer => {
  const bytes = Buffer.from(piece, 'hex')
  const content = times(bytes, Math.floor((body - 16) / bytes.length))
  return head === undefined ? content : field(head, content)
}

const tinyThings: readonly WriteCase[] = [
  tooMany('128 MiB of empty series', 2, () => full('2a00'), /more than 200000 series/),
  tooMany('128 MiB of empty series', 1, () => full('0a00'), /more than 200000 series/),
  tooMany('128 MiB of empty symbols', 2, () => full('2200'), /more than 1000000 symbols/),
  tooMany('128 MiB of references', 2, () => field(5, full('00', 1)), /more than 2000000 labels/),
  tooMany('128 MiB of references that are not packed', 2, () => full('0800', 5), /more than 2000000 labels/),
  tooMany('128 MiB of empty labels', 1, () => full('0a00', 1), /more than 2000000 labels/),
  tooMany('128 MiB of empty samples', 2, () => full('1200', 5), /more than 500000 samples/),
  tooMany('128 MiB of empty samples', 1, () => full('1200', 1), /more than 500000 samples/),
  tooMany('128 MiB of empty exemplars', 2, () => full('2200', 5), /more than 500000 samples/),
  tooMany('128 MiB of empty exemplars', 1, () => full('1a00', 1), /more than 500000 samples/),
  tooMany('128 MiB of empty histograms', 2, () => full('1a00', 5), /more than 100000 native histograms/),
  tooMany('128 MiB of empty metadata', 1, () => full('1a00'), /more than 500000 samples/),
  tooMany('128 MiB of fields nobody knows', 2, () => full('f80100'), /more than 1000000 unknown fields/),
  tooMany('500,001 samples in a series', 2, () => field(5, times(sample, 500_001)), /more than 500000 samples/),
  tooMany('200,001 series', 1, () => series1('too_many', 200_001), /more than 200000 series/),
  tooMany(
    'native histograms of 16,000 buckets, 200 of them',
    2,
    () =>
      Buffer.concat([symbolsOf('', '__name__', 'h'), seriesOf(200, () => [rawLabels(1, 2), field(3, field(12, new Uint8Array(16_000)))])]),
    /more than 2000000 spans, buckets and bounds/,
  ),
  {
    name: '2.0: 60 MiB of empty spans in one histogram',
    version: 2,
    body: () =>
      snappyBody(
        Buffer.concat([
          symbolsOf('', '__name__', 'spans'),
          field(5, rawLabels(1, 2), field(3, times(Buffer.from('5a00', 'hex'), 30 * mebi))),
        ]),
      ),
    status: 400,
    text: /1 sample refused \(histogram_too_many_buckets\)|too_many_buckets/,
    written: [0, 0, 0],
    riseMiB: atLimitMiB,
  },
  {
    name: '2.0: 100 MiB of types of one series',
    version: 2,
    body: () =>
      snappyBody(
        Buffer.concat([
          symbolsOf('', '__name__', 'one_type'),
          field(5, rawLabels(1, 2), field(5, times(Buffer.of(8, 1), 50 * mebi)), sample),
        ]),
      ),
    status: 204,
    written: [1, 0, 0],
    arrive: { one_type: 1 },
    riseMiB: atLimitMiB,
  },
]

const large = 'v'.repeat(65_536)
/** Bytes of labels of one of {@link numbered} with `large`. */
const largeBytes = '__name__'.length + 'large'.length + 'i'.length + 5 + 'big'.length + 65_536
const fitting = Math.floor((32 * mebi) / largeBytes)

const many: readonly WriteCase[] = [
  {
    name: '2.0: 100,000 series',
    version: 2,
    body: () =>
      snappyBody(
        Buffer.concat([numbered(100_000, 'hundred_thousand_two'), seriesOf(100_000, (at) => [rawLabels(1, 2, 3, 4 + at), sample])]),
      ),
    status: 204,
    written: [100_000, 0, 0],
    arrive: { hundred_thousand_two: 100_000 },
    riseMiB: 256,
  },
  {
    name: '1.0: 100,000 series',
    version: 1,
    body: () => snappyBody(series1('hundred_thousand_one', 100_000)),
    status: 204,
    arrive: { hundred_thousand_one: 100_000 },
    riseMiB: 256,
  },
  {
    name: '2.0: 200,000 families with a name each',
    version: 2,
    body: () =>
      snappyBody(
        Buffer.concat([
          symbolsOf('', '__name__'),
          ...list(200_000, (at) => field(4, `family_${padded(at)}_total`)),
          seriesOf(200_000, (at) => [rawLabels(1, 2 + at), sample]),
        ]),
      ),
    status: 204,
    written: [200_000, 0, 0],
    arrive: { family_00000_total: 1 },
    riseMiB: 450,
  },
  {
    name: '2.0: 200,000 series with a value of 64 KiB, sent once',
    version: 2,
    body: () =>
      snappyBody(
        Buffer.concat([
          numbered(200_000, 'large', 'big', large),
          seriesOf(200_000, (at) => [rawLabels(1, 2, 3, 4 + at, 200_004, 200_005), sample]),
        ]),
      ),
    status: 400,
    text: /refused \(request_labels_too_large\): series \d+ \{__name__="large", i="[0-9a-z]{5}", big="v+…\}: the labels of new series/,
    reasons: { request_labels_too_large: 200_000 - fitting },
    written: [fitting, 0, 0],
    arrive: { large: fitting },
    riseMiB: 420,
  },
  {
    name: '2.0: 200,000 targets with an instance of 64 KiB each, sent once',
    version: 2,
    body: () =>
      snappyBody(
        Buffer.concat([
          symbolsOf('', '__name__', 'targets', 'instance', 'job', large),
          ...list(200_000, (at) => field(4, padded(at))),
          seriesOf(200_000, (at) => [rawLabels(1, 2, 3, 5, 4, 6 + at), sample]),
        ]),
      ),
    status: 400,
    text: /request_labels_too_large/,
    written: 'some',
    riseMiB: 600,
  },
  {
    name: '2.0: 200,000 series with target_info of 64 KiB each, sent once',
    version: 2,
    body: () =>
      snappyBody(
        Buffer.concat([
          symbolsOf('', '__name__', 'target_info', 'k8s', 'job', large),
          ...list(200_000, (at) => field(4, padded(at))),
          seriesOf(200_000, (at) => [rawLabels(1, 2, 3, 5, 4, 6 + at), sample]),
        ]),
      ),
    status: 400,
    text: /request_labels_too_large/,
    written: 'some',
    riseMiB: 420,
  },
  {
    name: '2.0: 500,000 samples of a series with 64 KiB of labels',
    version: 2,
    body: () =>
      snappyBody(
        Buffer.concat([
          symbolsOf('', '__name__', 'repeated', 'big', large),
          field(5, rawLabels(1, 2, 3, 4), Buffer.concat(list(499_999, (at) => rawSample(at, nowMs - at)))),
          field(5, rawLabels(1, 2), sample),
        ]),
      ),
    status: 400,
    text: /^499999 samples refused \(request_points_too_large\): series 0 .*: the points of this request would have more than 134217728 bytes/,
    reasons: { request_points_too_large: 499_999 },
    written: [1, 0, 0],
    arrive: { repeated: 1 },
    riseMiB: 420,
  },
  {
    name: '2.0: 1,000 series of 499 samples with 1 KiB of labels',
    version: 2,
    body: () =>
      snappyBody(
        Buffer.concat([
          numbered(1000, 'kilobyte', 'k', 'x'.repeat(1000)),
          seriesOf(1000, (at) => [
            rawLabels(1, 2, 3, 4 + at, 1004, 1005),
            ...Array.from({ length: 499 }, (_, i) => rawSample(i, nowMs - i)),
          ]),
        ]),
      ),
    status: 400,
    text: /refused \(request_points_too_large\)/,
    written: 'some',
    riseMiB: 600,
  },
  {
    name: '2.0: a help of 60 MiB that 100,000 series refer to',
    version: 2,
    body: () =>
      snappyBody(
        Buffer.concat([
          numbered(100_000, 'helped', Buffer.alloc(60 * mebi, 'h')),
          seriesOf(100_000, (at) => [
            rawLabels(1, 2, 3, 4 + at),
            sample,
            field(5, integer(1, 2), integer(3, 100_004), integer(4, 100_004)),
          ]),
        ]),
      ),
    status: 204,
    written: [100_000, 0, 0],
    arrive: { helped: 100_000 },
    riseMiB: 500,
  },
  {
    name: '1.0: 30 entries of metadata with 4 MiB of help',
    version: 1,
    body: () =>
      snappyBody(
        Buffer.concat(
          Array.from({ length: 30 }, (_, at) => field(3, integer(1, 1), field(2, `helped_${at}`), field(4, Buffer.alloc(4 * mebi, 'h')))),
        ),
      ),
    status: 204,
    riseMiB: 420,
  },
  {
    name: '2.0: a value of 60 MiB that 100,000 series refer to',
    version: 2,
    body: () =>
      snappyBody(
        Buffer.concat([
          numbered(100_000, 'too_long', 'big', Buffer.alloc(60 * mebi, 'v')),
          seriesOf(100_000, (at) => [rawLabels(1, 2, 3, 4 + at, 100_004, 100_005), sample]),
        ]),
      ),
    status: 400,
    text: /^100000 samples refused \(label_value_too_long\)/,
    reasons: { label_value_too_long: 100_000 },
    written: [0, 0, 0],
    riseMiB: 420,
  },
]

const exemplarOf = (references: readonly number[], at: number): Buffer =>
  field(4, rawLabels(...references), double(2, at), integer(3, nowMs))

const exemplars: readonly WriteCase[] = [
  {
    name: '2.0: 499,000 exemplars of 4 KiB on one sample, sent once',
    version: 2,
    body: () =>
      snappyBody(
        Buffer.concat([
          symbolsOf('', '__name__', 'exemplary_total', 'e', 'x'.repeat(4000)),
          field(5, rawLabels(1, 2), sample, Buffer.concat(list(499_000, (at) => exemplarOf([3, 4], at)))),
        ]),
      ),
    status: 400,
    text: /refused \(exemplars_too_many\): series 0 .*\n.*refused \(exemplars_too_large\)/,
    written: [1, 0, 128],
    arrive: { exemplary_total: 1 },
    riseMiB: 420,
  },
  {
    name: '2.0: 150,000 series with two exemplars of 4 KiB, sent once',
    version: 2,
    body: () =>
      snappyBody(
        Buffer.concat([
          numbered(150_000, 'exemplars_total', 'e', 'x'.repeat(4000)),
          seriesOf(150_000, (at) => [
            rawLabels(1, 2, 3, 4 + at),
            sample,
            exemplarOf([150_004, 150_005], 1),
            exemplarOf([150_004, 150_005], 2),
          ]),
        ]),
      ),
    status: 400,
    text: /refused \(exemplars_too_large\)/,
    written: 'some',
    arrive: { exemplars_total: 150_000 },
    riseMiB: 500,
  },
  {
    name: '2.0: exemplars of 4 KiB on 100,000 buckets that wait',
    version: 2,
    body: () =>
      snappyBody(
        Buffer.concat([
          numbered(100_000, 'waiting_bucket', 'e', 'x'.repeat(4000), 'le', '+Inf'),
          seriesOf(100_000, (at) => [rawLabels(1, 2, 3, 4 + at, 100_006, 100_007), sample, exemplarOf([100_004, 100_005], 1)]),
        ]),
      ),
    status: 400,
    text: /refused \(exemplars_too_large\)/,
    written: 'some',
    riseMiB: 500,
  },
]

/** A native histogram with so many empty buckets between two. */
const gap = (buckets: number, schema: number): Buffer =>
  field(
    3,
    integer(1, 2),
    double(3, 1),
    integer(4, schema * 2),
    field(11, integer(1, 0), integer(2, 1)),
    field(11, integer(1, buckets * 2), integer(2, 1)),
    field(12, Buffer.of(2, 0)),
    integer(15, nowMs),
  )

const laidOut: readonly WriteCase[] = [
  {
    name: '2.0: 90,000 native histograms with 1,000 empty buckets between two',
    version: 2,
    body: () => snappyBody(Buffer.concat([numbered(90_000, 'gaps'), seriesOf(90_000, (at) => [rawLabels(1, 2, 3, 4 + at), gap(1000, 0)])])),
    status: 400,
    text: /refused \(request_points_too_large\)/,
    written: 'some',
    riseMiB: 500,
  },
  {
    name: '2.0: a gap of 20,000 buckets',
    version: 2,
    body: () => snappyBody(Buffer.concat([numbered(10, 'wide_gaps'), seriesOf(10, (at) => [rawLabels(1, 2, 3, 4 + at), gap(20_000, 8)])])),
    status: 400,
    text: /^10 samples refused \(histogram_too_many_buckets\)/,
    written: [0, 0, 0],
  },
]

/** Buckets: `families` of them with `bounds` bounds each, at `at` times. */
const buckets = (families: number, bounds: number, at: number): Buffer => {
  const base = 5 + bounds
  return Buffer.concat([
    symbolsOf(
      '',
      '__name__',
      'grown_bucket',
      'le',
      'i',
      ...Array.from({ length: bounds }, (_, bound) => `${bound + 1}`),
      ...Array.from({ length: families }, (_, family) => padded(family)),
    ),
    ...Array.from({ length: families }, (_, family) =>
      Buffer.concat(
        Array.from({ length: bounds }, (_unused, bound) =>
          field(
            5,
            rawLabels(1, 2, 3, 5 + bound, 4, base + family),
            ...Array.from({ length: at }, (_never, t) => rawSample(1, nowMs - t * 1000)),
          ),
        ),
      ),
    ),
  ])
}

const assembled: readonly WriteCase[] = [
  {
    name: '2.0: 190 histograms with 1,000 bounds',
    version: 2,
    body: () => snappyBody(buckets(190, 1000, 1)),
    status: 204,
    written: [190_000, 0, 0],
    riseMiB: 500,
  },
  {
    name: '2.0: 400 times of 1,000 histograms with one bound',
    version: 2,
    body: () => snappyBody(buckets(1000, 1, 400)),
    status: 204,
    written: [400_000, 0, 0],
    riseMiB: 600,
  },
]

export const heavyWrites: readonly WriteCase[] = [...tinyThings, ...many, ...exemplars, ...laidOut, ...assembled]
