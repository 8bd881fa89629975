/** Any remote-write request of either version, in the form `encodeWrite` takes, and a small one of each with something of everything. */

import fc from 'fast-check'
import { bitsOf, type Version } from './remote-write.ts'

const int64 = fc.oneof(
  fc.constantFrom(0n, -1n, 1n, 2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n), 1n - 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)),
  fc.bigInt({ min: 1_600_000_000_000n, max: 2_000_000_000_000n }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
)
const uint64 = fc.oneof(fc.constantFrom(0n, 1n, 2n ** 32n, 2n ** 64n - 1n), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
const decimal = (value: bigint): string => value.toString()

/** Bits of doubles: any, and those that tell. */
const bits = fc.oneof(
  fc
    .constantFrom(0x7ff0000000000002n, 0x7ff8000000000001n, 0xfff8000000000000n, 0x7ff0000000000000n, 0xfff0000000000000n, 1n << 63n)
    .map(decimal),
  fc.double().map(bitsOf),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(decimal),
)

const some = <T>(one: fc.Arbitrary<T>, maxLength = 4): fc.Arbitrary<T[]> => fc.array(one, { maxLength })
const text = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom('', '__name__', 'a'.repeat(127), 'b'.repeat(128), 'é'.repeat(9_000)))
const optional = { requiredKeys: [] }

const deltas = some(fc.oneof(fc.integer({ min: -70, max: 70 }).map(String), int64.map(decimal)), 20)
const spans = some(fc.record({ offset: fc.integer(), length: fc.nat(0xffffffff) }, optional))

const arbitraryHistogram = fc.record(
  {
    count_int: uint64.map(decimal),
    sum: bits,
    schema: fc.oneof(fc.constantFrom(-53, 0, 8), fc.integer()),
    zero_threshold: bits,
    zero_count_float: bits,
    negative_spans: spans,
    negative_deltas: deltas,
    negative_counts: some(bits),
    positive_spans: spans,
    positive_deltas: deltas,
    positive_counts: some(bits),
    reset_hint: fc.oneof(fc.nat(3), fc.integer()),
    timestamp: int64.map(decimal),
    custom_values: some(bits),
    start_timestamp: int64.map(decimal),
  },
  optional,
)

const floatHistogram = fc.record({ count_float: bits, zero_count_int: uint64.map(decimal), timestamp: int64.map(decimal) }, optional)
const histograms = some(fc.oneof(arbitraryHistogram, floatHistogram), 3)
const sample = { value: bits, timestamp: int64.map(decimal) }
const metricType = fc.oneof(fc.nat(7), fc.constantFrom(255))

function request1(): fc.Arbitrary<object> {
  const labels = some(fc.record({ name: text, value: text }, optional), 12)
  return fc.record({
    timeseries: some(
      fc.record(
        {
          labels,
          samples: some(fc.record(sample, optional)),
          exemplars: some(fc.record({ labels, ...sample }, optional), 2),
          histograms,
        },
        optional,
      ),
    ),
    metadata: some(fc.record({ type: fc.oneof(metricType, fc.integer()), metric_family_name: text, help: text, unit: text }, optional)),
  })
}

function request2(): fc.Arbitrary<object> {
  // Many and few: references take one byte, two and three.
  const tables = fc
    .tuple(some(text, 6), fc.constantFrom(0, 200, 17_000))
    .map(([own, more]) => ['', ...Array.from({ length: more }, (_, at) => `s${at}`), ...own])
  return tables.chain((symbols) => {
    const reference = fc.oneof(fc.nat(symbols.length - 1), fc.nat(Math.min(127, symbols.length - 1)))
    const labels_refs = some(fc.tuple(reference, reference), 12).map((pairs) => pairs.flat())
    return fc.record({
      symbols: fc.constant(symbols),
      timeseries: some(
        fc.record(
          {
            labels_refs,
            samples: some(fc.record({ ...sample, start_timestamp: int64.map(decimal) }, optional)),
            histograms,
            exemplars: some(fc.record({ labels_refs, ...sample }, optional), 2),
            metadata: fc.record({ type: metricType, help_ref: reference, unit_ref: reference }, optional),
            created_timestamp: int64.map(decimal),
          },
          optional,
        ),
      ),
    })
  })
}

/** Any request of a version, in the form {@link encodeWrite} takes. */
export const arbitraryWrite = (version: Version): fc.Arbitrary<object> => (version === 1 ? request1() : request2())

const at = 1_767_225_600_000

/** A request of either version with one of everything, small: for truncation and mutation. */
export const smallWrite: Readonly<Record<Version, object>> = {
  1: {
    timeseries: [
      {
        labels: [
          { name: '__name__', value: 'up' },
          { name: 'job', value: 'é' },
        ],
        samples: [{ value: bitsOf(1.5), timestamp: String(at) }],
        exemplars: [{ labels: [{ name: 'trace_id', value: 'ab' }], value: bitsOf(2), timestamp: String(at) }],
      },
      {
        labels: [{ name: '__name__', value: 'h' }],
        histograms: [
          {
            count_int: '3',
            sum: bitsOf(7),
            schema: 3,
            zero_threshold: bitsOf(0.001),
            zero_count_int: '1',
            positive_spans: [{ offset: -2, length: 2 }],
            positive_deltas: ['1', '-300'],
            custom_values: [bitsOf(1)],
            timestamp: String(at),
            start_timestamp: String(at - 1_000),
          },
        ],
      },
    ],
    metadata: [{ type: 1, metric_family_name: 'up', help: 'Is it?', unit: 's' }],
  },
  2: {
    symbols: ['', '__name__', 'up', 'trace_id', 'ab', 'help', 's'],
    timeseries: [
      {
        labels_refs: [1, 2],
        samples: [{ value: bitsOf(1.5), timestamp: String(at), start_timestamp: String(at - 1_000) }],
        exemplars: [{ labels_refs: [3, 4], value: bitsOf(2), timestamp: String(at) }],
        metadata: { type: 1, help_ref: 5, unit_ref: 6 },
        created_timestamp: String(at - 2_000),
      },
      {
        labels_refs: [1, 4],
        histograms: [
          {
            count_float: bitsOf(3),
            zero_count_float: bitsOf(1),
            negative_spans: [{ offset: 1, length: 1 }],
            negative_counts: [bitsOf(2)],
            timestamp: String(at),
          },
        ],
      },
    ],
  },
}
