/**
 * Points of metrics → protobuf `ExportMetricsServiceRequest`, in one pass backwards (see writer.ts) over groups (see metric-groups.ts).
 * Two results concatenated are one request.
 *
 *     ExportMetricsServiceRequest  resource_metrics 1
 *     ResourceMetrics   resource 1  scope_metrics 2  schema_url 3
 *     ScopeMetrics      scope 1  metrics 2  schema_url 3
 *     Metric            name 1  description 2  unit 3  gauge 5  sum 7  histogram 9  exponential_histogram 10  summary 11  metadata 12
 *     Gauge, Summary    data_points 1
 *     Histogram, ExponentialHistogram   data_points 1  aggregation_temporality 2
 *     Sum               data_points 1  aggregation_temporality 2  is_monotonic 3
 *     NumberDataPoint   start fixed64 2  time fixed64 3  as_double 4  exemplars 5  attributes 7  flags 8
 *     HistogramDataPoint             start fixed64 2  time fixed64 3  count fixed64 4  sum double 5  bucket_counts fixed64 6
 *                                    explicit_bounds double 7  exemplars 8  attributes 9  flags 10
 *     ExponentialHistogramDataPoint  attributes 1  start fixed64 2  time fixed64 3  count fixed64 4  sum double 5  scale sint32 6
 *                                    zero_count fixed64 7  positive 8  negative 9  flags 10  exemplars 11  zero_threshold double 14
 *     Buckets           offset sint32 1  bucket_counts uint64 2
 *     SummaryDataPoint  start fixed64 2  time fixed64 3  count fixed64 4  sum double 5  quantile_values 6  attributes 7  flags 8
 *     ValueAtQuantile   quantile double 1  value double 2
 *     Exemplar          time fixed64 2  as_double 3  span_id 4  trace_id 5  filtered_attributes 7
 */

import {
  attributeTag,
  type Counts,
  type EncodedExemplar,
  type EncodedMetric,
  type ExplicitBody,
  type ExponentialBody,
  MetricData,
  type MetricPoints,
  noRecordedValue,
  type SummaryBody,
} from '../metrics.ts'
import { fromBigInt, type Words } from '../time.ts'
import { MetricGroups } from './metric-groups.ts'
import type { ReverseWriter } from './writer.ts'

/** `AGGREGATION_TEMPORALITY_CUMULATIVE` */
const cumulative = 2

/** What a number point has beside attributes and exemplars, its own tag and length included, at the most. */
const numberMost = 48
const two32 = 4294967296

const groups = new MetricGroups()
const words: Words = { hi: 0, lo: 0 }
const nothing = new Uint8Array(0)

/**
 * Encodes into `writer` and returns the request's bytes; none when there are no points. Points of one resource, scope and metric, each known
 * by its object, stand together, groups in the order of their first points. A point flagged `noRecordedValue` has no value; a body is
 * written as it is. Exemplars of summaries are left out, since OTLP has no place for them. @param expectedBytes see ReverseWriter.begin
 */
export function encodeMetrics(points: MetricPoints, writer: ReverseWriter, expectedBytes: number): Uint8Array {
  if (points.count === 0) return nothing
  groups.group(points)
  writer.begin(expectedBytes)
  const { resources, scopes, metrics } = groups
  let point = points.count
  let metric = metrics.count
  let scope = scopes.count
  for (let resource = resources.count - 1; resource >= 0; resource--) {
    const before = writer.written()
    for (const first = startOf(resources.ends, resource); scope > first; ) {
      scope--
      const beforeScope = writer.written()
      const { bytes, schemaUrl } = scopes.owners[scope] as (typeof scopes.owners)[0]
      if (schemaUrl.length > 0) writeBlock(writer, schemaUrl, 0x1a)
      for (const firstMetric = startOf(scopes.ends, scope); metric > firstMetric; ) {
        metric--
        const from = startOf(metrics.ends, metric)
        writeMetric(writer, points, metrics.owners[metric] as EncodedMetric, from, point)
        point = from
      }
      writeBlock(writer, bytes, 0x0a)
      writer.field(0x12, beforeScope)
    }
    writeBlock(writer, (resources.owners[resource] as (typeof resources.owners)[0]).bytes, 0x0a)
    writer.field(0x0a, before)
  }
  groups.clear()
  return writer.finish()
}

/** Where a group's children begin: where those of the group before it end. */
const startOf = (ends: Int32Array, group: number): number => (group === 0 ? 0 : (ends[group - 1] as number))

/** A field whose value is encoded already. */
function writeBlock(writer: ReverseWriter, bytes: Uint8Array, tag: number): void {
  writer.block(bytes)
  writer.ensure(6)
  writer.varint(bytes.length)
  writer.byte(tag)
}

/** A metric with the points `from` to `to` of the order. */
function writeMetric(writer: ReverseWriter, points: MetricPoints, metric: EncodedMetric, from: number, to: number): void {
  const { order } = groups
  const before = writer.written()
  const { data } = metric
  writer.ensure(4)
  if (data === MetricData.Sum && metric.monotonic) {
    writer.byte(1)
    writer.byte(0x18)
  }
  if (data !== MetricData.Gauge && data !== MetricData.Summary) {
    writer.byte(cumulative)
    writer.byte(0x10)
  }
  switch (data) {
    case MetricData.Gauge:
    case MetricData.Sum:
      for (let at = to - 1; at >= from; at--) writeNumber(writer, points, order[at] as number)
      break
    case MetricData.Histogram:
      for (let at = to - 1; at >= from; at--) writeExplicit(writer, points, order[at] as number)
      break
    case MetricData.ExponentialHistogram:
      for (let at = to - 1; at >= from; at--) writeExponential(writer, points, order[at] as number)
      break
    default:
      for (let at = to - 1; at >= from; at--) writeSummary(writer, points, order[at] as number)
  }
  writer.field((data << 3) | 2, before)
  writer.block(metric.head)
  writer.field(0x12, before)
}

function writeNumber(writer: ReverseWriter, points: MetricPoints, i: number): void {
  const start = points.attributesStart[i] as number
  const end = points.attributesEnd[i] as number
  writer.ensure(end - start + numberMost)
  const before = writer.written()
  const flags = points.flags[i] as number
  if (flags !== 0) writeFlags(writer, flags, 0x40)
  writer.copy(points.attributes[i] as DataView, start, end)
  const exemplars = points.exemplars[i]
  if (exemplars !== undefined) {
    writeExemplars(writer, exemplars, 0x2a)
    writer.ensure(numberMost)
  }
  if ((flags & noRecordedValue) === 0) {
    writer.fixed64(points.valueHi[i] as number, points.valueLo[i] as number)
    writer.byte(0x21)
  }
  writeTimes(writer, points, i)
  writer.varint(writer.written() - before)
  writer.byte(0x0a)
}

/** Room for 18 bytes must have been ensured. */
function writeTimes(writer: ReverseWriter, points: MetricPoints, i: number): void {
  writeFixed64(writer, points.timeHi[i] as number, points.timeLo[i] as number, 0x19)
  writeFixed64(writer, points.startHi[i] as number, points.startLo[i] as number, 0x11)
}

/** A fixed64 that proto3 leaves out when it is 0. Room for 9 bytes must have been ensured. */
function writeFixed64(writer: ReverseWriter, hi: number, lo: number, tag: number): void {
  if ((hi | lo) === 0) return
  writer.fixed64(hi, lo)
  writer.byte(tag)
}

/** Flags below 256. Room for 3 bytes must have been ensured. */
function writeFlags(writer: ReverseWriter, flags: number, tag: number): void {
  if (flags === 0) return
  writer.varint(flags)
  writer.byte(tag)
}

/** A double that proto3 leaves out when all its bits are 0. Room for 9 bytes must have been ensured. */
function writeDouble(writer: ReverseWriter, value: number, tag: number): void {
  if (Object.is(value, 0)) return
  writer.double(value)
  writer.byte(tag)
}

/** Attributes, each with this tag. */
function writeAttributes(writer: ReverseWriter, points: MetricPoints, i: number, tag: number): void {
  const start = points.attributesStart[i] as number
  const end = points.attributesEnd[i] as number
  writer.ensure(end - start + 8)
  writer.copy(points.attributes[i] as DataView, start, end)
  if (tag === attributeTag) return
  const { bytes } = writer
  const stop = writer.at + end - start
  for (let at = writer.at; at < stop; ) {
    bytes[at++] = tag
    let length = 0
    let shift = 0
    let byte: number
    do {
      byte = bytes[at++] as number
      length |= (byte & 0x7f) << shift
      shift += 7
    } while (byte > 0x7f)
    at += length
  }
}

function writeCount(writer: ReverseWriter, count: number | bigint, tag: number): void {
  setWords(count)
  writer.ensure(9)
  writeFixed64(writer, words.hi, words.lo, tag)
}

function setWords(count: number | bigint): void {
  if (typeof count === 'bigint') fromBigInt(count, words)
  else {
    words.hi = (count / two32) | 0
    words.lo = count | 0
  }
}

/** What the compiler cannot know: a metric has points of its own kind only. */
function bodyOf<T extends 'explicit' | 'exponential' | 'summary'>(points: MetricPoints, i: number, kind: T) {
  const body = points.bodies[i]
  if (body?.kind !== kind) throw new Error(`BUG: a point of a metric that has ${kind} points has a body that is ${body?.kind}`)
  return body
}

function writeExplicit(writer: ReverseWriter, points: MetricPoints, i: number): void {
  const body = bodyOf(points, i, 'explicit') as ExplicitBody
  const before = writer.written()
  writer.ensure(numberMost)
  writeFlags(writer, points.flags[i] as number, 0x50)
  writeAttributes(writer, points, i, 0x4a)
  const exemplars = points.exemplars[i]
  if (exemplars !== undefined) writeExemplars(writer, exemplars, 0x42)
  writeDoubles(writer, body.bounds, 0x3a)
  writeFixedCounts(writer, body.counts, 0x32)
  writer.ensure(numberMost)
  writeSum(writer, body)
  writeCount(writer, body.count, 0x21)
  writeTimes(writer, points, i)
  writer.field(0x0a, before)
}

function writeExponential(writer: ReverseWriter, points: MetricPoints, i: number): void {
  const body = bodyOf(points, i, 'exponential') as ExponentialBody
  const before = writer.written()
  writer.ensure(numberMost)
  writeDouble(writer, body.zeroThreshold, 0x71)
  const exemplars = points.exemplars[i]
  if (exemplars !== undefined) writeExemplars(writer, exemplars, 0x5a)
  writer.ensure(numberMost)
  writeFlags(writer, points.flags[i] as number, 0x50)
  writeBuckets(writer, body.negativeOffset, body.negativeCounts, 0x4a)
  writeBuckets(writer, body.positiveOffset, body.positiveCounts, 0x42)
  writer.ensure(numberMost)
  writeCount(writer, body.zeroCount, 0x39)
  if (body.scale !== 0) writeSigned(writer, body.scale, 0x30)
  writer.ensure(numberMost)
  writeSum(writer, body)
  writeCount(writer, body.count, 0x21)
  writeTimes(writer, points, i)
  writeAttributes(writer, points, i, 0x0a)
  writer.field(0x0a, before)
}

function writeSummary(writer: ReverseWriter, points: MetricPoints, i: number): void {
  const body = bodyOf(points, i, 'summary') as SummaryBody
  const before = writer.written()
  writer.ensure(numberMost)
  writeFlags(writer, points.flags[i] as number, 0x40)
  writeAttributes(writer, points, i, attributeTag)
  for (let quantile = body.quantiles.length - 1; quantile >= 0; quantile--) {
    const beforeOne = writer.written()
    writer.ensure(20)
    writeDouble(writer, body.values[quantile] as number, 0x11)
    writeDouble(writer, body.quantiles[quantile] as number, 0x09)
    writer.varint(writer.written() - beforeOne)
    writer.byte(0x32)
  }
  writer.ensure(numberMost)
  writeDouble(writer, body.sum, 0x29)
  writeCount(writer, body.count, 0x21)
  writeTimes(writer, points, i)
  writer.field(0x0a, before)
}

/** The sum of a histogram, which has presence. Room for 9 bytes must have been ensured. */
function writeSum(writer: ReverseWriter, body: ExplicitBody | ExponentialBody): void {
  if (!body.hasSum) return
  writer.fixed64(body.sumHi, body.sumLo)
  writer.byte(0x29)
}

/** A side of an exponential histogram; left out when there is nothing to say. */
function writeBuckets(writer: ReverseWriter, offset: number, counts: Counts, tag: number): void {
  const { length } = counts
  if (length === 0 && offset === 0) return
  const before = writer.written()
  for (let i = length - 1; i >= 0; i--) {
    const count = counts[i] as number | bigint
    writer.ensure(10)
    if (typeof count === 'number' && count < two32) writer.varint(count)
    else {
      setWords(count)
      writer.varint64(words.hi, words.lo)
    }
  }
  if (length > 0) writer.field(0x12, before)
  if (offset !== 0) writeSigned(writer, offset, 0x08)
  writer.field(tag, before)
}

/** A sint32. */
function writeSigned(writer: ReverseWriter, value: number, tag: number): void {
  writer.ensure(6)
  writer.varint(((value << 1) ^ (value >> 31)) >>> 0)
  writer.byte(tag)
}

/** Packed doubles. */
function writeDoubles(writer: ReverseWriter, values: ArrayLike<number>, tag: number): void {
  const { length } = values
  if (length === 0) return
  writer.ensure(length * 8 + 6)
  for (let i = length - 1; i >= 0; i--) writer.double(values[i] as number)
  writer.varint(length * 8)
  writer.byte(tag)
}

/** Packed fixed64. */
function writeFixedCounts(writer: ReverseWriter, counts: Counts, tag: number): void {
  const { length } = counts
  if (length === 0) return
  writer.ensure(length * 8 + 6)
  for (let i = length - 1; i >= 0; i--) {
    setWords(counts[i] as number | bigint)
    writer.fixed64(words.hi, words.lo)
  }
  writer.varint(length * 8)
  writer.byte(tag)
}

function writeExemplars(writer: ReverseWriter, exemplars: readonly EncodedExemplar[], tag: number): void {
  for (let i = exemplars.length - 1; i >= 0; i--) {
    const { timeHi, timeLo, valueHi, valueLo, traceId, spanId, attributes } = exemplars[i] as EncodedExemplar
    const before = writer.written()
    writer.block(attributes)
    if (traceId.length > 0) writeBlock(writer, traceId, 0x2a)
    if (spanId.length > 0) writeBlock(writer, spanId, 0x22)
    writer.ensure(24)
    writer.fixed64(valueHi, valueLo)
    writer.byte(0x19)
    writeFixed64(writer, timeHi, timeLo, 0x11)
    writer.field(tag, before)
  }
}
