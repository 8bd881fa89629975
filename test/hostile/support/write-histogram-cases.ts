/** Histograms that cannot be, native and classic, and exemplars. */

import { bitsOf } from '../../support/remote-write.ts'
import { type Content, invalid, repeated, stale } from './write-content.ts'
import { type Labels, nativeOf, type Series } from './writes.ts'

const span = (offset: number, length: number): object => ({ offset, length })
const withCounts = (...counts: readonly number[]): object => {
  const { positive_deltas: _deltas, count_int: _count, zero_count_int: _zero, ...rest } = nativeOf() as Record<string, unknown>
  return {
    ...rest,
    count_float: bitsOf(counts.reduce((sum, one) => sum + one, 0)),
    zero_count_float: bitsOf(0),
    positive_counts: counts.map(bitsOf),
  }
}

/** Native histograms that cannot be, by reason. */
const badNatives: readonly (readonly [name: string, reason: string, histogram: object])[] = [
  ['schema 100', 'schema', nativeOf({ schema: 100 })],
  ['schema −2^31', 'schema', nativeOf({ schema: -(2 ** 31) })],
  ['schema 53', 'schema', nativeOf({ schema: 53 })],
  ['schema −10', 'schema', nativeOf({ schema: -10 })],
  ['running counts below zero', '', nativeOf({ positive_deltas: ['1', '-5'] })],
  ['deltas at the end of int64', '', nativeOf({ positive_deltas: [(2n ** 63n - 1n).toString(), (2n ** 63n - 1n).toString()] })],
  ['a span that sums up beyond int32', '', nativeOf({ positive_spans: [span(2 ** 31 - 1, 1), span(2 ** 31 - 1, 1)] })],
  ['a span of length 2^32 − 1', '', nativeOf({ positive_spans: [span(0, 2 ** 32 - 1)] })],
  ['a gap of 2^31 − 1 between spans', '', nativeOf({ positive_spans: [span(0, 1), span(2 ** 31 - 1, 1)] })],
  ['a negative gap', '', nativeOf({ positive_spans: [span(0, 1), span(-1, 1)] })],
  ['fewer deltas than spans say', '', nativeOf({ positive_deltas: ['1'] })],
  ['more deltas than spans say', '', nativeOf({ positive_deltas: ['1', '1', '1'] })],
  ['counts of both kinds', '', nativeOf({ positive_counts: [bitsOf(1), bitsOf(1)] })],
  ['a count of NaN', '', withCounts(Number.NaN, 1)],
  ['a negative count', '', withCounts(-1, 3)],
  ['an infinite count', '', withCounts(Number.POSITIVE_INFINITY, 1)],
  ['half a count', '', withCounts(0.5, 1)],
  ['a zero threshold of NaN', '', nativeOf({ zero_threshold: bitsOf(Number.NaN) })],
  ['a negative zero threshold', '', nativeOf({ zero_threshold: bitsOf(-1) })],
  ['custom bounds that fall', '', nativeOf({ schema: -53, custom_values: [bitsOf(2), bitsOf(1)] })],
  ['custom bounds of NaN', '', nativeOf({ schema: -53, custom_values: [bitsOf(Number.NaN)] })],
  ['custom buckets without bounds', '', nativeOf({ schema: -53 })],
  ['more custom buckets than bounds', '', nativeOf({ schema: -53, positive_spans: [span(5, 2)], custom_values: [bitsOf(1)] })],
  ['a gauge', '', nativeOf({ reset_hint: 3 })],
]

export const nativeContents: readonly Content[] = [
  ...badNatives.map(
    ([name, reason, histogram], at): Content => ({
      name: `a native histogram with ${name}`,
      series: [
        { labels: [['__name__', `bad_native_${at}`]], histograms: [histogram] },
        { labels: [['__name__', `good_native_${at}`]], histograms: [nativeOf()] },
      ],
      isRefused: true,
      written: [0, 1, 0],
      text: new RegExp(
        `^1 sample refused \\(histogram_${reason === '' ? '[a-z_]+' : reason}\\): series 1 .*bad_native_${at}.*cannot take histogram: `,
      ),
      arrive: { [`bad_native_${at}`]: 0, [`good_native_${at}`]: 1 },
    }),
  ),
  {
    name: 'a native histogram with 100,000 buckets',
    series: [
      {
        labels: [['__name__', 'many_buckets']],
        histograms: [
          nativeOf({ positive_spans: [span(0, 100_000)], positive_deltas: new Array<string>(100_000).fill('0'), count_int: '0' }),
        ],
      },
    ],
    isRefused: true,
    written: [0, 0, 0],
    text: /many_buckets/,
  },
  {
    name: 'a native histogram that is stale, and one whose sum is NaN',
    series: [
      { labels: [['__name__', 'native_stale']], histograms: [nativeOf({ sum: stale })] },
      { labels: [['__name__', 'native_nan']], histograms: [nativeOf({ sum: bitsOf(Number.NaN) })] },
    ],
    written: [0, 2, 0],
    arrive: { native_stale: 1, native_nan: 1 },
  },
  {
    name: 'native histograms of times 0, −1 and the ends of int64',
    series: [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)].map((time, i) => ({
      labels: [
        ['__name__', 'native_times'],
        ['i', `${i}`],
      ],
      histograms: [nativeOf({ timestamp: time.toString() })],
    })),
    refused: { negative_timestamp: 2, too_far_in_future: 1 },
    written: [0, 1, 0],
    arrive: { native_times: 1 },
  },
]

const bucket = (name: string, le: string, value: number): Series => ({
  labels: [
    ['__name__', `${name}_bucket`],
    ['le', le],
  ],
  samples: [[value]],
  metadata: [3, '', ''],
})
const part = (name: string, value: number): Series => ({ labels: [['__name__', name]], samples: [[value]], metadata: [3, '', ''] })

export const classicContents: readonly Content[] = [
  {
    name: 'classic buckets that fall',
    series: [
      bucket('falling', '1', 5),
      bucket('falling', '2', 3),
      bucket('falling', '+Inf', 10),
      part('falling_sum', 1),
      part('falling_count', 10),
    ],
    written: [5, 0, 0],
    arrive: { falling: 1 },
  },
  {
    name: 'classic buckets of NaN and below zero',
    series: [
      bucket('odd', '1', Number.NaN),
      bucket('odd', '2', -3),
      bucket('odd', '+Inf', 10),
      part('odd_sum', Number.NaN),
      part('odd_count', 10),
    ],
    written: [5, 0, 0],
  },
  {
    name: 'a bound that is no number',
    series: [bucket('unbound', 'abc', 1), bucket('unbound', 'NaN', 1), bucket('unbound', '', 1)],
    refused: { invalid_bound: 1 },
    written: [2, 0, 0],
    arrive: { unbound_bucket: 2 },
    only: 2,
  },
  {
    name: '1,500 bounds of one histogram',
    series: Array.from({ length: 1500 }, (_, i) => bucket('bounds', `${i + 1}`, i)),
    refused: { histogram_member: 500 },
    written: [1000, 0, 0],
    only: 2,
  },
]

const ofExemplars = (...all: readonly Labels[]): NonNullable<Series['exemplars']> => all.map((labels) => ({ labels }))

export const exemplarContents: readonly Content[] = [
  {
    name: 'an exemplar with labels of 1 MB',
    series: [
      { labels: [['__name__', 'with_large_exemplar']], samples: [[1]], exemplars: ofExemplars([['a', 'x'.repeat(1e6)]], [['b', 'ok']]) },
    ],
    refused: { exemplar_too_large: 0 },
    written: [1, 0, 1],
    text: /refused \(exemplar_too_large\): series 1 .*with_large_exemplar.*1000001 bytes, more than 4096/,
    arrive: { with_large_exemplar: 1 },
  },
  {
    name: 'an exemplar with 100 labels, with a label twice, with no name, that is not UTF-8',
    series: [
      {
        labels: [['__name__', 'bad_exemplars']],
        samples: [[1]],
        exemplars: ofExemplars(
          repeated(100),
          [
            ['a', '1'],
            ['a', '2'],
          ],
          [['', 'x']],
          [['p', 'PLACE']],
        ),
      },
    ],
    exchange: ['PLACE', Buffer.concat([invalid, Buffer.from('x')])],
    refused: { exemplar_too_many_labels: 0, exemplar_label_twice: 0, exemplar_label_empty: 0, exemplar_not_utf8: 0 },
    written: [1, 0, 0],
    arrive: { bad_exemplars: 1 },
  },
  {
    name: 'an exemplar with more labels than a series may have',
    series: [{ labels: [['__name__', 'exemplar_of_labels']], samples: [[1]], exemplars: ofExemplars(repeated(2000)) }],
    refused: { too_many_labels: 1 },
    written: [0, 0, 0],
  },
  {
    name: 'exemplars of times before 1970 and at the end of int64',
    series: [
      {
        labels: [['__name__', 'exemplar_times']],
        samples: [[1]],
        exemplars: [
          { labels: [['a', '1']], timeMs: -1 },
          { labels: [['a', '2']], timeMs: Number.MAX_SAFE_INTEGER },
          { labels: [['a', '3']], timeMs: 0 },
        ],
      },
    ],
    refused: { exemplar_timestamp: 0 },
    written: [1, 0, 1],
    arrive: { exemplar_times: 1 },
  },
  {
    name: 'an exemplar of a series that nobody knows',
    series: [{ labels: [['__name__', 'orphan']], exemplars: ofExemplars([['a', '1']]) }],
    refused: { exemplar_without_sample: 0 },
    written: [0, 0, 0],
    only: 2,
  },
]
