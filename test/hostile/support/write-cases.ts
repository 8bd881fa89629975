/** Remote-write that can be read, and says what cannot be: labels, values, times, histograms, exemplars. Each among good neighbours. */

import type { Version } from '../../support/remote-write.ts'
import type { WriteCase } from './throw-write.ts'
import { type Content, caseOf, invalid, overlong, repeated, stale, surrogate } from './write-content.ts'
import { classicContents, exemplarContents, nativeContents } from './write-histogram-cases.ts'
import { type Labels, nativeOf, nowMs, type Series } from './writes.ts'

const versions: readonly Version[] = [1, 2]

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

export const writeCases: readonly WriteCase[] = [
  ...labelContents,
  ...valueContents,
  ...nativeContents,
  ...classicContents,
  ...exemplarContents,
].flatMap((content, at) =>
  versions.filter((version) => (content.only ?? version) === version).map((version) => caseOf(content, version, at)),
)
