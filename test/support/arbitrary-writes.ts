/** Requests of remote-write as a hostile, forgetful and repetitive sender makes them: few streams, few times, every fault. */

import fc from 'fast-check'
import { nowMs, type PlainMetadata, type PlainSeries, stale, type Value } from './writing.ts'

const bounds = ['0.1', '1', '1.0', '5', '+Inf', 'Inf', 'NaN', 'x'] as const
const names = ['app', 'app_total', 'kube_count', 'up', 'a:b', 'app_info', 'process_start_time_seconds'] as const
const members = ['lat_sum', 'lat_count', 'app_created', 'lat_created', 'lat_total', 'gh_gcount', 'gh_gsum'] as const

const extra = fc.constantFrom('', ',job="j"', ',job="ns/k",instance="i:1"', ',cluster="c",__replica__="a"', ',cluster="c",__replica__="b"')

const plainLabels = fc.oneof(
  fc.tuple(fc.constantFrom(...names, ...members), extra).map(([name, more]) => `${name}{x="1"${more}}`),
  fc
    .tuple(fc.constantFrom('lat_bucket', 'gh_bucket', 'lat'), fc.constantFrom(...bounds), extra)
    .map(([name, le, more]) => `${name}{le="${le}",x="1"${more}}`),
  fc
    .tuple(fc.constantFrom('lat', 'rpc'), fc.constantFrom('0.5', '0.9', '2', 'NaN'), extra)
    .map(([name, quantile, more]) => `${name}{quantile="${quantile}",x="1"${more}}`),
  fc.tuple(fc.constantFrom('target_info', 'otel_scope_info'), extra).map(([name, more]) => `${name}{y="2",otel_scope_name="s"${more}}`),
)

const badLabels: fc.Arbitrary<PlainSeries['labels']> = fc.constantFrom<PlainSeries['labels']>(
  '{x="1"}',
  [['__name__', '']],
  [
    ['__name__', 'twice'],
    ['a', '1'],
    ['a', '2'],
  ],
  [
    ['__name__', 'nameless'],
    ['', 'x'],
  ],
)

const time = fc.constantFrom(
  ...[0, 1000, 2000, 15_000, 15_000, 30_000].map((ago) => nowMs - ago),
  nowMs + 5000,
  nowMs + 1_000_000,
  -5,
  2 ** 53,
)
const value: fc.Arbitrary<Value> = fc.constantFrom<Value>(
  0,
  0,
  1,
  1,
  2,
  3,
  2.5,
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  stale,
  nowMs / 1000 - 60,
)
const samples = fc.array(fc.tuple(time, value), { minLength: 1, maxLength: 3 })

const histogram = fc
  .record({
    timestamp: time.map(String),
    count: fc.constantFrom(0, 1, 3),
    schema: fc.constantFrom(0, 3, -53, 100),
    reset_hint: fc.constantFrom(0, 0, 1, 3),
    float: fc.boolean(),
  })
  .map(({ count, schema, float, ...rest }) => ({
    ...rest,
    schema,
    ...(float ? { count_float: bits(count + 0.5) } : { count_int: String(count) }),
    ...(count === 0 ? {} : { positive_spans: [{ offset: 0, length: 1 }], positive_deltas: [String(count)] }),
  }))

const bits = (value: number): string => {
  const buffer = Buffer.alloc(8)
  buffer.writeDoubleBE(value)
  return buffer.readBigUInt64BE().toString()
}

const exemplar = fc.record({
  labels: fc.constantFrom<Record<string, string>>(
    {},
    { trace_id: 'x' },
    { trace_id: '0af7651916cd43dd8448eb211c80319c' },
    { a: 'b', '': 'c' },
  ),
  value: fc.constantFrom(1, 2),
  timeMs: fc.constantFrom(0, nowMs, -5),
})

const metadata = { type: fc.constantFrom(0, 0, 1, 2, 3, 4, 5, 6, 7, 9), help: fc.constantFrom('', 'h'), unit: fc.constantFrom('', 's') }

const series: fc.Arbitrary<PlainSeries> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ labels: plainLabels, samples, ...metadata }) },
  { weight: 2, arbitrary: fc.record({ labels: plainLabels, samples, exemplars: fc.array(exemplar, { maxLength: 2 }), ...metadata }) },
  {
    weight: 2,
    arbitrary: fc.record({ labels: plainLabels, histograms: fc.array(histogram, { minLength: 1, maxLength: 2 }), ...metadata }),
  },
  { weight: 1, arbitrary: fc.record({ labels: plainLabels, exemplars: fc.array(exemplar, { minLength: 1, maxLength: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ labels: plainLabels, samples, histograms: fc.array(histogram, { minLength: 1, maxLength: 1 }) }) },
  { weight: 1, arbitrary: fc.record({ labels: badLabels, samples }) },
)

/** One request. */
export const arbitrarySeries: fc.Arbitrary<PlainSeries[]> = fc.array(series, { maxLength: 8 })

export const arbitraryMetadata: fc.Arbitrary<PlainMetadata[]> = fc.array(
  fc.record({ family: fc.constantFrom('app', 'lat', 'rpc', 'kube_count', 'gh', 'app_total'), ...metadata }),
  { maxLength: 2 },
)

/** Float samples and native histograms of a request. */
export function countOf(list: readonly PlainSeries[]): { readonly floats: number; readonly histograms: number } {
  let floats = 0
  let histograms = 0
  for (const one of list) {
    floats += one.samples?.length ?? 0
    histograms += one.histograms?.length ?? 0
  }
  return { floats, histograms }
}

/** Options of all kinds, as they stand in a file. */
export const arbitraryOptions: fc.Arbitrary<object> = fc.record(
  {
    histograms: fc.constantFrom('assemble', 'assemble', 'passthrough'),
    assembler: fc.record({
      window: fc.constantFrom(0, 1000, 10_000),
      incomplete: fc.constantFrom('derive', 'drop', 'passthrough'),
      maxPending: fc.constantFrom(1, 3, 1000),
    }),
    rw1: fc.record({ typePolicy: fc.constantFrom('heuristic', 'hold'), metadataWait: fc.constantFrom(500, 20_000) }),
    targetInfo: fc.record({ wait: fc.constantFrom(0, 0, 3000), max: fc.constantFrom(1, 100), dotted: fc.boolean() }),
    late: fc.constantFrom('drop', 'reemit'),
    stale: fc.constantFrom('flag', 'drop'),
    conflict: fc.constantFrom('last', 'reject'),
    outOfOrder: fc.constantFrom('forward', 'reject'),
    duplicates: fc.constantFrom('drop', 'forward'),
    created: fc.constantFrom('consume', 'keep'),
    zeroSample: fc.constantFrom('forward', 'start'),
    startTime: fc.constantFrom('unset', 'first_seen', 'true_reset', 'process_start'),
    firstSeen: fc.record({ subtract: fc.boolean() }),
    gaugehistogram: fc.constantFrom('gauges', 'drop'),
    floatHistograms: fc.constantFrom('exact', 'round', 'drop'),
    names: fc.constantFrom('keep', 'strip'),
    ha: fc.record({ enabled: fc.boolean() }),
    streams: fc.record({ max: fc.constantFrom(1, 4, 1000) }),
    preferNative: fc.boolean(),
    resourceLabels: fc.constantFrom([], ['x']),
    types: fc.constantFrom({}, { lat: 'histogram' }, { 'kube_*': 'gauge' }),
  },
  { requiredKeys: [] },
)
