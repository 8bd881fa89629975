/**
 * Answers of an OTLP endpoint, protobuf and JSON.
 *
 * ```proto
 * message ExportTraceServiceResponse { ExportTracePartialSuccess partial_success = 1; }   // the same for metrics and logs
 * message ExportTracePartialSuccess { int64 rejected_spans = 1; string error_message = 2; }
 * message Status { int32 code = 1; string message = 2; repeated Any details = 3; }         // google.rpc, body of 4xx and 5xx
 * message Any { string type_url = 1; bytes value = 2; }
 * message RetryInfo { Duration retry_delay = 1; }                                          // google.rpc, among the details
 * message Duration { int64 seconds = 1; int32 nanos = 2; }
 * ```
 */

import type { Words } from '../time.ts'
import { ProtoReader, textField, WireType } from './reader.ts'

/** What an endpoint did not take of a request it otherwise took. `rejectedItems` is never below 0. */
export interface PartialSuccessResponse {
  readonly rejectedItems: number
  readonly errorMessage: string
}

const text = new TextDecoder()

/** `Export…ServiceResponse` → its partial success; undefined when it has none. Throws OB_DECODE_PROTO. */
export function decodePartialSuccess(body: Uint8Array): PartialSuccessResponse | undefined {
  const reader = new ProtoReader(body)
  const words: Words = { hi: 0, lo: 0 }
  let found: PartialSuccessResponse | undefined
  while (reader.at < reader.end) {
    const tag = reader.varint32()
    if (tag !== ((1 << 3) | WireType.Bytes)) {
      reader.skip(tag)
      continue
    }
    let rejectedItems = 0
    let errorMessage = ''
    reader.fields(reader.length(), (inner) => {
      if (inner === ((1 << 3) | WireType.Varint)) {
        reader.varint64(words)
        rejectedItems = Math.max(0, words.hi * 4294967296 + (words.lo >>> 0))
      } else if (inner === ((2 << 3) | WireType.Bytes)) {
        const stop = reader.length()
        errorMessage = text.decode(body.subarray(reader.at, stop))
        reader.at = stop
      } else return false
      return true
    })
    found = { rejectedItems, errorMessage }
  }
  return found
}

/** The `message` of a `google.rpc.Status`, empty when it has none. Throws OB_DECODE_PROTO. */
export function decodeStatusMessage(body: Uint8Array): string {
  return textField(body, 2)
}

const retryInfoType = /(^|\/)google\.rpc\.RetryInfo$/

/** `RetryInfo` → its delay in seconds, never below 0. */
function readRetryDelay(value: Uint8Array): number {
  const reader = new ProtoReader(value)
  const words: Words = { hi: 0, lo: 0 }
  let seconds = 0
  let nanos = 0
  while (reader.at < reader.end) {
    const tag = reader.varint32()
    if (tag !== ((1 << 3) | WireType.Bytes)) {
      reader.skip(tag)
      continue
    }
    reader.fields(reader.length(), (inner) => {
      if (inner === ((1 << 3) | WireType.Varint)) {
        reader.varint64(words)
        seconds = words.hi * 4294967296 + (words.lo >>> 0)
      } else if (inner === ((2 << 3) | WireType.Varint)) {
        reader.varint64(words)
        nanos = words.lo
      } else return false
      return true
    })
  }
  return Math.max(0, seconds + nanos / 1e9)
}

/** The delay of the `RetryInfo` in a `google.rpc.Status`, in seconds; undefined when it has none. Throws OB_DECODE_PROTO. */
export function decodeRetryDelay(status: Uint8Array): number | undefined {
  const reader = new ProtoReader(status)
  let delay: number | undefined
  while (reader.at < reader.end) {
    const tag = reader.varint32()
    if (tag !== ((3 << 3) | WireType.Bytes)) {
      reader.skip(tag)
      continue
    }
    let type = ''
    let value: Uint8Array | undefined
    reader.fields(reader.length(), (inner) => {
      if (inner !== ((1 << 3) | WireType.Bytes) && inner !== ((2 << 3) | WireType.Bytes)) return false
      const stop = reader.length()
      const bytes = status.subarray(reader.at, stop)
      if (inner >> 3 === 1) type = text.decode(bytes)
      else value = bytes
      reader.at = stop
      return true
    })
    if (retryInfoType.test(type)) delay = readRetryDelay(value ?? new Uint8Array())
  }
  return delay
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

const rejectedKeys = [
  'rejectedSpans',
  'rejectedDataPoints',
  'rejectedLogRecords',
  'rejected_spans',
  'rejected_data_points',
  'rejected_log_records',
]

/** The JSON form of {@link decodePartialSuccess}; the count may be a string, as 64-bit integers are in protobuf JSON. */
export function partialSuccessFromJson(value: unknown): PartialSuccessResponse | undefined {
  if (!isRecord(value)) return undefined
  const partial = value['partialSuccess'] ?? value['partial_success']
  if (!isRecord(partial)) return undefined
  const count = rejectedKeys.map((key) => partial[key]).find((one) => one !== undefined)
  const rejected = typeof count === 'number' || typeof count === 'string' ? Number(count) : 0
  const message = partial['errorMessage'] ?? partial['error_message']
  return { rejectedItems: rejected > 0 ? Math.floor(rejected) : 0, errorMessage: typeof message === 'string' ? message : '' }
}
