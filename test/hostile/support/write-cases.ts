/** Remote-write that can be read, and says what cannot be: labels, values, times, histograms, exemplars. Each among good neighbours. */

import { bitsOf, snappyBody, type Version } from '../../support/remote-write.ts'
import type { WriteCase, Written } from './throw-write.ts'
import { good, type Labels, nativeOf, nowMs, plainOf, type Series } from './writes.ts'

const versions: readonly Version[] = [1, 2]

interface Content {
  readonly name: string
  readonly series: readonly Series[]
  /** Reasons, with how many samples of each are refused. */
  readonly refused?: Readonly<Record<string, number>>
  /** Samples, histograms, exemplars that are written, without the neighbours. */
  readonly written: NonNullable<Written>
  /** Points of metrics of `series`. */
  readonly arrive?: Readonly<Record<string, number>>
  readonly text?: RegExp
  /** Of the reasons, those that are no samples: said to the sender, in no book of items. */
  readonly beside?: readonly string[]
  /** Bytes of the plain body that are exchanged: what no encoder would write. */
  readonly exchange?: readonly [text: string, bytes: Uint8Array]
  readonly only?: Version
}

const repeated = (count: number): Labels => Array.from({ length: count }, (_, i) => [`label_${i}`, 'x'] as const)

const invalid = Uint8Array.of(0xff, 0xfe, 0xc3, 0x28)
const overlong = Uint8Array.of(0xc0, 0x80, 0xc0, 0xaf)
const surrogate = Uint8Array.of(0xed, 0xa0, 0x80, 0x41)

const label = (name: string, more: Labels): Series => ({ labels: [['__name__', name], ...more], samples: [[1]] })

const labelContents: readonly Content[] = [
  {
    name: 'no metric name',
    series: [{ labels: [['job', 'x']], samples: [[1], [2, nowMs + 1]] }],
    refused: { no_name: 2 },
    written: [0, 0, 0],
    text: /2 samples refused \(no_name\): series 1 \{job="x"\}: /,
  },
  {
    name: 'no labels at all',
    series: [{ labels: [], samples: [[1]] }],
    refused: { no_name: 1 },
    written: [0, 0, 0],
    text: /series 1 \{\}/,
  },
  { name: 'an empty metric name', series: [{ labels: [['__name__', '']], samples: [[1]] }], refused: { no_name: 1 }, written: [0, 0, 0] },
  {
    name: 'two metric names',
    series: [label('twice_named', [['__name__', 'other']])],
    refused: { duplicate_label: 1 },
    written: [0, 0, 0],
    text: /label "__name__" twice/,
  },
  {
    name: 'a label twice, with one value and with two',
    series: [
      label('same_twice', [
        ['a', '1'],
        ['a', '1'],
      ]),
      label('other_twice', [
        ['a', '1'],
        ['a', '2'],
      ]),
    ],
    refused: { duplicate_label: 2 },
    written: [0, 0, 0],
    text: /^2 samples refused \(duplicate_label\): series 1 \{__name__="same_twice", a="1", a="1"\}: it has label "a" twice\n$/,
    arrive: { same_twice: 0, other_twice: 0 },
  },
  { name: 'an empty label name', series: [label('nameless', [['', 'v']])], refused: { empty_label_name: 1 }, written: [0, 0, 0] },
  { name: 'an empty label value', series: [label('valueless', [['a', '']])], written: [1, 0, 0], arrive: { valueless: 1 } },
  {
    name: 'labels in no order',
    series: [
      {
        labels: [
          ['z', '1'],
          ['__name__', 'unsorted'],
          ['a', '2'],
          ['job', 'j'],
        ],
        samples: [[1]],
      },
    ],
    written: [1, 0, 0],
    arrive: { unsorted: 1 },
  },
  {
    name: 'keys of objects as names',
    series: [
      label('prototypes', [
        ['__proto__', 'p'],
        ['constructor', 'c'],
        ['toString', 't'],
        ['hasOwnProperty', 'h'],
      ]),
      label('__proto__', []),
      label('constructor', []),
    ],
    written: [3, 0, 0],
    arrive: { prototypes: 1, ['__proto__']: 1, constructor: 1 },
  },
  {
    name: 'NUL, line feeds and terminal codes in names and values',
    series: [
      label('controls', [
        ['a\u0000b', '\u001b[31m\n\r\u2028'],
        ['le', 'no number\n'],
      ]),
    ],
    written: [1, 0, 0],
    arrive: { controls: 1 },
  },
  {
    name: 'a refusal whose series has line feeds and terminal codes in it',
    series: [label('bad\n\u001b[2J', [['\u0085x', '\u202e']]), label('bad\n\u001b[2J', [['', 'x\ny']])],
    refused: { empty_label_name: 1 },
    written: [1, 0, 0],
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may come back
    text: /^[^\u0000-\u0009\u000b-\u001f\u0080-\u009f]*\n$/,
  },
  ...(
    [
      ['in a value', 'invalid_value', [['a', 'PLACE']], invalid],
      ['in a name', 'invalid_name', [['PLACE', 'a']], invalid],
      ['in the metric name', 'PLACE', [], invalid],
      ['overlong', 'overlong', [['a', 'PLACE']], overlong],
      ['of a surrogate', 'surrogate', [['a', 'PLACE']], surrogate],
    ] as const
  ).map(
    ([where, name, more, bytes]): Content => ({
      name: `invalid UTF-8 ${where}`,
      series: [label(name, more)],
      exchange: ['PLACE', Buffer.concat([bytes, Buffer.from('x')])],
      refused: { invalid_utf8: 1 },
      written: [0, 0, 0],
      text: /a label is not UTF-8/,
    }),
  ),
  {
    name: '1,000 labels and 1,001',
    series: [label('thousand', repeated(999)), label('more', repeated(1000))],
    refused: { too_many_labels: 1 },
    written: [1, 0, 0],
    arrive: { thousand: 1, more: 0 },
  },
  { name: '10,000 labels', series: [label('ten_thousand', repeated(10_000))], refused: { too_many_labels: 1 }, written: [0, 0, 0] },
  {
    name: 'names of 1 KiB and a byte more, values of 64 KiB and a byte more',
    series: [
      label(`n${'x'.repeat(1023)}`, []),
      label(`n${'y'.repeat(1024)}`, []),
      label('long_label', [['l'.repeat(1024), 'x']]),
      label('longer_label', [['l'.repeat(1025), 'x']]),
      label('long_value', [['a', 'v'.repeat(65_536)]]),
      label('longer_value', [['a', 'v'.repeat(65_537)]]),
    ],
    refused: { name_too_long: 1, label_value_too_long: 1, label_name_too_long: 1 },
    written: [3, 0, 0],
    arrive: { [`n${'x'.repeat(1023)}`]: 1, long_label: 1, longer_label: 0, long_value: 1, longer_value: 0 },
  },
  {
    name: 'a value of 1 MB',
    series: [label('megabyte', [['a', 'v'.repeat(1e6)]])],
    refused: { label_value_too_long: 1 },
    written: [0, 0, 0],
  },
  { name: 'a metric name of 1 MB', series: [label('m'.repeat(1e6), [])], refused: { label_value_too_long: 1 }, written: [0, 0, 0] },
]

const stale = BigInt('0x7ff0000000000002').toString()
const nans = [
  '0x7ff8000000000001',
  '0xfff8000000000000',
  '0x7ff0000000000001',
  '0xffffffffffffffff',
  '0x7ff7fff77ff7fff7',
  '0xfff0000000000002',
]

const valueContents: readonly Content[] = [
  {
    name: 'NaN of every payload',
    series: nans.map((bits, i) => ({
      labels: [
        ['__name__', 'nans'],
        ['i', `${i}`],
      ],
      samples: [[BigInt(bits).toString()]],
    })),
    written: [nans.length, 0, 0],
    arrive: { nans: nans.length },
  },
  {
    name: 'the stale marker of a series that was never there',
    series: [{ labels: [['__name__', 'never_there']], samples: [[stale]] }],
    written: [1, 0, 0],
    arrive: { never_there: 1 },
  },
  {
    name: 'infinities, −0, the smallest and the largest number',
    series: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, Number.MIN_VALUE, Number.MAX_VALUE].map((value, i) => ({
      labels: [
        ['__name__', 'extremes'],
        ['i', `${i}`],
      ],
      samples: [[value]],
    })),
    written: [5, 0, 0],
    arrive: { extremes: 5 },
  },
  {
    name: 'times 0, −1 and the ends of int64',
    series: [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n, -(2n ** 53n)].map((time, i) => ({
      labels: [
        ['__name__', 'times'],
        ['i', `${i}`],
      ],
      samples: [[1, time]],
    })),
    refused: { negative_timestamp: 3, too_far_in_future: 2 },
    written: [1, 0, 0],
    arrive: { times: 1 },
  },
  {
    name: 'good and bad times in one series',
    series: [{ labels: [['__name__', 'mixed_times']], samples: [[1, -1n], [2, 2n ** 62n], [3], [4, nowMs + 1]] }],
    refused: { negative_timestamp: 1, too_far_in_future: 1 },
    written: [2, 0, 0],
    arrive: { mixed_times: 2 },
  },
  {
    name: 'samples in no order, and twice',
    series: [
      {
        labels: [['__name__', 'disorder']],
        samples: [
          [3, nowMs + 3],
          [1, nowMs + 1],
          [2, nowMs + 2],
          [1, nowMs + 1],
        ],
      },
    ],
    written: [4, 0, 0],
    arrive: { disorder: 3 },
  },
  {
    name: 'a series with nothing in it',
    series: [{ labels: [['__name__', 'empty_series']] }],
    written: [0, 0, 0],
    arrive: { empty_series: 0 },
  },
  {
    name: 'samples and histograms in one series',
    series: [{ labels: [['__name__', 'both']], samples: [[1]], histograms: [nativeOf()] }],
    refused: { samples_and_histograms: 2 },
    written: [0, 0, 0],
    arrive: { both: 0 },
  },
  {
    name: 'start times after the sample, negative, at the end of int64',
    series: [nowMs + 5000, -5, Number.MAX_SAFE_INTEGER].map((createdMs, i) => ({
      labels: [
        ['__name__', 'starts_total'],
        ['i', `${i}`],
      ],
      samples: [[1]],
      createdMs,
    })),
    written: [3, 0, 0],
    arrive: { starts_total: 3 },
    only: 2,
  },
  {
    name: 'types that nobody knows',
    series: [8, 200, 255, 2 ** 31 - 1].map((type) => ({
      labels: [['__name__', `type_of_${type}`]],
      samples: [[1]],
      metadata: [type, 'help', 'unit'],
    })),
    written: [4, 0, 0],
    arrive: { type_of_8: 1, type_of_200: 1, type_of_255: 1, [`type_of_${2 ** 31 - 1}`]: 1 },
    only: 2,
  },
]

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

const nativeContents: readonly Content[] = [
  ...badNatives.map(
    ([name, reason, histogram], at): Content => ({
      name: `a native histogram with ${name}`,
      series: [
        { labels: [['__name__', `bad_native_${at}`]], histograms: [histogram] },
        { labels: [['__name__', `good_native_${at}`]], histograms: [nativeOf()] },
      ],
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

const classicContents: readonly Content[] = [
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

const exemplarContents: readonly Content[] = [
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

const exchanged = (bytes: Uint8Array, change: Content['exchange']): Uint8Array => {
  if (change === undefined) return bytes
  const [text, other] = change
  const at = Buffer.from(bytes).indexOf(text)
  if (at < 0 || text.length !== other.length) throw new Error(`nothing to exchange for ${text}`)
  const copy = Buffer.from(bytes)
  copy.set(other, at)
  return copy
}

function caseOf(content: Content, version: Version, at: number): WriteCase {
  const { series, written, refused, exchange, arrive, text } = content
  const [before, after] = [`before_${version}_${at}`, `after_${version}_${at}`]
  const isRefused =
    refused !== undefined || text?.source.startsWith('^1 sample refused') === true || content.name.includes('100,000 buckets')
  const [samples, histograms, exemplars] = written
  const both = version === 2 && content.only === undefined ? 2 : 1
  return {
    name: `${version}.0: ${content.name}`,
    version,
    body: () => snappyBody(exchanged(plainOf(version, [good(before), ...series, good(after)]), exchange)),
    // Of another tenant: otherwise they would be duplicates of those in 1.0.
    headers: { 'x-scope-orgid': `version ${version}` },
    status: isRefused ? 400 : 204,
    written: version === 2 ? [samples + 2, histograms, exemplars] : undefined,
    reasons: Object.fromEntries(Object.entries(refused ?? {}).filter(([, count]) => count > 0)),
    arrive: { ...Object.fromEntries(Object.entries(arrive ?? {}).map(([name, count]) => [name, count * both])), [before]: 1, [after]: 1 },
    ...(text !== undefined && version === 1 ? { text } : {}),
  }
}

export const writeCases: readonly WriteCase[] = [
  ...labelContents,
  ...valueContents,
  ...nativeContents,
  ...classicContents,
  ...exemplarContents,
].flatMap((content, at) =>
  versions.filter((version) => (content.only ?? version) === version).map((version) => caseOf(content, version, at)),
)
