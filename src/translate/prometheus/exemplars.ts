/** Exemplars: section 7.5 of the mapping. Which point they belong to is decided elsewhere. */

import { isUtf8 } from 'node:buffer'
import { sliceToString } from '../../otlp/attributes.ts'
import { hexDigits } from '../../otlp/ids.ts'
import { attributeTag, type EncodedExemplar } from '../../otlp/metrics.ts'
import { millisToNanos, toDouble, type Words } from '../../otlp/time.ts'
import type { WriteRequest } from './model.ts'

/** Bytes of all names and values of an exemplar. Prometheus keeps none with more than 128 characters. */
export const maxExemplarBytes = 4096

/** Labels of an exemplar. */
export const maxExemplarLabels = 32

export type ExemplarRefusalReason =
  | 'exemplar_too_large'
  | 'exemplar_too_many_labels'
  | 'exemplar_label_empty'
  | 'exemplar_label_twice'
  | 'exemplar_not_utf8'
  | 'exemplar_timestamp'

export interface ExemplarRefusal {
  readonly refused: ExemplarRefusalReason
  /** Half a sentence, without anything of the payload but numbers. */
  readonly why: string
}

const none = new Uint8Array(0)

const TraceId = 1
const SpanId = 2

/** Labels that hold an id, in the spellings of client libraries. */
const idNames = new Map<string, number>([
  ['trace_id', TraceId],
  ['traceID', TraceId],
  ['traceId', TraceId],
  ['TraceID', TraceId],
  ['trace.id', TraceId],
  ['span_id', SpanId],
  ['spanID', SpanId],
  ['spanId', SpanId],
  ['SpanID', SpanId],
  ['span.id', SpanId],
])

/** Labels in order of their names, then those that become attributes. Scratch. */
const order = new Int32Array(maxExemplarLabels)
const time: Words = { hi: 0, lo: 0 }

/** The last millisecond whose nanoseconds are a uint64. */
const lastMs = 18_446_744_073_709

/**
 * Exemplar `exemplar` of a request, or why it is refused. Time: ms → ns; 0 is not set, and becomes that of the sample. The value keeps its bits.
 *
 * A label `trace_id` with 32 hex digits, `span_id` with 16, of either case and not all zero, is the id; the first one, where several
 * spellings are there. Everything else is an attribute with its name as it is, ids that are none too. Labels with an empty value are left out,
 * as of series: to Prometheus they do not exist. Attributes stand in order of their names, so that equal exemplars have equal bytes.
 *
 * What is returned is a copy: nothing of the request's body is kept.
 */
export function encodeExemplar(request: WriteRequest, exemplar: number, sampleMs: number): EncodedExemplar | ExemplarRefusal {
  const { body, symbolStart, symbolEnd, labelName, labelValue } = request
  const from = request.exemplarLabels[exemplar] as number
  const count = (request.exemplarLabelsEnd[exemplar] as number) - from
  if (count > maxExemplarLabels) return refusal('exemplar_too_many_labels', `it has ${count} labels, more than ${maxExemplarLabels}`)
  const ms = (request.exemplarMs[exemplar] as number) || sampleMs
  if (!(ms >= 0 && ms <= lastMs)) return refusal('exemplar_timestamp', `its time is ${ms} ms`)
  const fault = putInOrder(request, from, count)
  if (fault !== undefined) return fault

  let traceId = none
  let spanId = none
  let kept = 0
  let size = 0
  for (let i = 0; i < count; i++) {
    const label = order[i] as number
    const name = labelName[label] as number
    const value = labelValue[label] as number
    const nameStart = symbolStart[name] as number
    const nameBytes = (symbolEnd[name] as number) - nameStart
    const valueStart = symbolStart[value] as number
    const valueBytes = (symbolEnd[value] as number) - valueStart
    if (valueBytes === 0) continue
    const kind = nameBytes < 6 || nameBytes > 8 ? undefined : idNames.get(sliceToString(body, nameStart, nameStart + nameBytes))
    if (kind === TraceId && traceId === none) {
      traceId = idOf(body, valueStart, valueBytes, 16)
      if (traceId !== none) continue
    } else if (kind === SpanId && spanId === none) {
      spanId = idOf(body, valueStart, valueBytes, 8)
      if (spanId !== none) continue
    }
    order[kept++] = label
    const inner = keyValueBytes(nameBytes, valueBytes)
    size += 1 + varintBytes(inner) + inner
  }
  millisToNanos(ms, time)
  return {
    timeHi: time.hi,
    timeLo: time.lo,
    valueHi: request.exemplarHi[exemplar] as number,
    valueLo: request.exemplarLo[exemplar] as number,
    traceId,
    spanId,
    attributes: size === 0 ? none : encodeAttributes(request, kept, size),
  }
}

const refusal = (refused: ExemplarRefusalReason, why: string): ExemplarRefusal => ({ refused, why })

/** Fills `order`, and looks at names and values. */
function putInOrder(request: WriteRequest, from: number, count: number): ExemplarRefusal | undefined {
  const { body, symbolStart, symbolEnd, labelName, labelValue } = request
  let bytes = 0
  for (let i = 0; i < count; i++) {
    const label = from + i
    order[i] = label
    const name = labelName[label] as number
    const value = labelValue[label] as number
    const nameBytes = (symbolEnd[name] as number) - (symbolStart[name] as number)
    if (nameBytes === 0) return refusal('exemplar_label_empty', 'a label has no name')
    bytes += nameBytes + (symbolEnd[value] as number) - (symbolStart[value] as number)
  }
  if (bytes > maxExemplarBytes) return refusal('exemplar_too_large', `its labels have ${bytes} bytes, more than ${maxExemplarBytes}`)

  const compare = (left: number, right: number): number => {
    const a = labelName[left] as number
    const b = labelName[right] as number
    return compareBytes(body, symbolStart[a] as number, symbolEnd[a] as number, symbolStart[b] as number, symbolEnd[b] as number)
  }
  let sorted = true
  for (let i = 1; i < count && sorted; i++) sorted = compare(from + i - 1, from + i) < 0
  if (!sorted) {
    order.subarray(0, count).sort(compare)
    for (let i = 1; i < count; i++)
      if (compare(order[i - 1] as number, order[i] as number) === 0)
        return refusal('exemplar_label_twice', 'a label is there more than once')
  }
  for (let label = from; label < from + count; label++) {
    const name = labelName[label] as number
    const value = labelValue[label] as number
    if (!isText(body, symbolStart[name] as number, symbolEnd[name] as number))
      return refusal('exemplar_not_utf8', 'the name of a label is not UTF-8')
    if (!isText(body, symbolStart[value] as number, symbolEnd[value] as number))
      return refusal('exemplar_not_utf8', 'the value of a label is not UTF-8')
  }
  return undefined
}

function compareBytes(body: Uint8Array, aStart: number, aEnd: number, bStart: number, bEnd: number): number {
  const end = aStart + Math.min(aEnd - aStart, bEnd - bStart)
  for (let a = aStart, b = bStart; a < end; a++, b++) {
    const difference = (body[a] as number) - (body[b] as number)
    if (difference !== 0) return difference
  }
  return aEnd - aStart - (bEnd - bStart)
}

function isText(body: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((body[at] as number) > 0x7f) return isUtf8(body.subarray(start, end))
  return true
}

/** An id of `size` bytes out of as many pairs of hex digits; `none` when that is not what is there, or when all are zero. */
function idOf(body: Uint8Array, start: number, length: number, size: number): Uint8Array<ArrayBuffer> {
  if (length !== size * 2) return none
  const id = new Uint8Array(size)
  let seen = 0
  for (let i = 0; i < size; i++) {
    const high = hexDigits[body[start + 2 * i] as number] as number
    const low = hexDigits[body[start + 2 * i + 1] as number] as number
    if (high < 0 || low < 0) return none
    id[i] = (high << 4) | low
    seen |= high | low
  }
  return seen === 0 ? none : id
}

/** Lengths here are below 2^14: see `maxExemplarBytes`. */
const varintBytes = (length: number): number => (length < 0x80 ? 1 : 2)

const anyValueBytes = (valueBytes: number): number => 1 + varintBytes(valueBytes) + valueBytes

function keyValueBytes(nameBytes: number, valueBytes: number): number {
  const value = anyValueBytes(valueBytes)
  return 1 + varintBytes(nameBytes) + nameBytes + 1 + varintBytes(value) + value
}

/** KeyValue: key 1, value 2 { string_value 1 }, for the first `kept` labels of `order`. */
function encodeAttributes(
  { body, symbolStart, symbolEnd, labelName, labelValue }: WriteRequest,
  kept: number,
  size: number,
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(size)
  let at = 0
  for (let i = 0; i < kept; i++) {
    const label = order[i] as number
    const name = labelName[label] as number
    const value = labelValue[label] as number
    const nameStart = symbolStart[name] as number
    const nameEnd = symbolEnd[name] as number
    const valueStart = symbolStart[value] as number
    const valueEnd = symbolEnd[value] as number
    at = writeHead(out, at, attributeTag, keyValueBytes(nameEnd - nameStart, valueEnd - valueStart))
    at = writeHead(out, at, 0x0a, nameEnd - nameStart)
    for (let byte = nameStart; byte < nameEnd; byte++) out[at++] = body[byte] as number
    at = writeHead(out, at, 0x12, anyValueBytes(valueEnd - valueStart))
    at = writeHead(out, at, 0x0a, valueEnd - valueStart)
    for (let byte = valueStart; byte < valueEnd; byte++) out[at++] = body[byte] as number
  }
  return out
}

function writeHead(out: Uint8Array, start: number, tag: number, length: number): number {
  let at = start
  out[at++] = tag
  if (length < 0x80) out[at++] = length
  else {
    out[at++] = (length & 0x7f) | 0x80
    out[at++] = length >> 7
  }
  return at
}

/** Whether two exemplars have the same time, value, ids and labels: one of them is enough. */
export function sameExemplar(a: EncodedExemplar, b: EncodedExemplar): boolean {
  return (
    a.timeLo === b.timeLo &&
    a.timeHi === b.timeHi &&
    a.valueHi === b.valueHi &&
    a.valueLo === b.valueLo &&
    sameBytes(a.traceId, b.traceId) &&
    sameBytes(a.spanId, b.spanId) &&
    sameBytes(a.attributes, b.attributes)
  )
}

/** In which bucket a value lies: the number of bounds below it. NaN lies in the last. */
function bucketOf(value: number, bounds: ArrayLike<number>): number {
  let bucket = 0
  while (bucket < bounds.length && !(value <= (bounds[bucket] as number))) bucket++
  return bucket
}

/**
 * Exemplars of a histogram as its backend wants to read them: bucket by bucket, and in order of time within one. Prometheus goes through bounds and
 * exemplars side by side, and would give one that stands too late to a bucket above its own.
 * @see github.com/prometheus/prometheus v0.315.0: storage/remote/otlptranslator/prometheusremotewrite/helper.go, addHistogramDataPoints
 */
export function inBuckets(exemplars: readonly EncodedExemplar[], bounds: ArrayLike<number>): readonly EncodedExemplar[] {
  if (exemplars.length < 2) return exemplars
  const sorted = exemplars.map((exemplar) => ({ exemplar, bucket: bucketOf(toDouble(exemplar.valueHi, exemplar.valueLo), bounds) }))
  sorted.sort(
    (a, b) =>
      a.bucket - b.bucket || (a.exemplar.timeHi >>> 0) - (b.exemplar.timeHi >>> 0) || (a.exemplar.timeLo >>> 0) - (b.exemplar.timeLo >>> 0),
  )
  return sorted.map(({ exemplar }) => exemplar)
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
