/** What the parts of the JSON decoder share: one body's state, and values that may stand where text or a list should. */

import { BridgeError } from '../../errors.ts'
import { slice } from '../../otlp/attributes.ts'
import { type KeyValue, type Text, ValueType } from '../../otlp/model.ts'
import { noName, type RejectedSpan, type ZipkinEndpoint, type ZipkinSpan, type ZipkinV1Span } from '../../translate/zipkin/model.ts'
import type { JsonScanner } from '../json-scan.ts'
import type { DecodeLimits } from '../limits.ts'
import type { KeyFinder } from './decode-keys.ts'
import type { EndpointReader } from './json-endpoint.ts'
import { readTypedValue } from './json-values.ts'

/** What the sender claims, and whether to believe it. */
export interface JsonVersion {
  /** The version of the path; that of spans that bear marks of neither version, or of both. */
  readonly version: 1 | 2
  /** Whether a span's own marks (rule Z-H8) win over the path's version. */
  readonly detect: boolean
}

/** What one body's reading carries from span to span. */
export interface JsonReading {
  readonly scanner: JsonScanner
  readonly keys: KeyFinder
  readonly limits: DecodeLimits
  readonly endpoints: EndpointReader
  readonly version: JsonVersion
  readonly spans: (ZipkinSpan | ZipkinV1Span)[]
  readonly rejected: RejectedSpan[]
  otherVersion: number
  unreadable: number
  /** Set by `readAnnotations`: one of them had an endpoint. */
  hosted: boolean
  /** Set by `readBinaryAnnotations`. */
  tags: KeyValue[]
  tagEndpoints: ZipkinEndpoint[]
  clientAddress: ZipkinEndpoint | undefined
  serverAddress: ZipkinEndpoint | undefined
  messageAddress: ZipkinEndpoint | undefined
}

/** A string, or whatever stands in its place as text; '' for null. */
export function readText(reading: JsonReading, first: number): Text {
  const { scanner } = reading
  if (first === 0x22) {
    scanner.string()
    return scanner.start === scanner.stop ? '' : slice(scanner.bytes, scanner.start, scanner.stop)
  }
  const value = readTypedValue(scanner, noName, first, reading.limits.maxDepth - 1)
  if (value === undefined) return ''
  if (value.type === ValueType.Bool) return value.a === 1 ? 'true' : 'false'
  if (value.type === ValueType.String) return value.ref as string
  return value.type === ValueType.Text ? slice(scanner.bytes, value.a, value.b) : slice(scanner.bytes, scanner.start, scanner.stop)
}

export function tooMany(reading: JsonReading, what: string, limit: number): never {
  throw new BridgeError('OB_LIMIT_LENGTH', `cannot read a span: more than ${limit} ${what}`, { place: `byte ${reading.scanner.at}` })
}

/** Opens a list or object; 0 when it is empty, null or something else, which is skipped and counted. */
export function openOrSkip(reading: JsonReading, first: number, opening: number): number {
  const { scanner } = reading
  if (first === opening) return scanner.open(opening + 2)
  if (first === 0x6e) scanner.literal(first)
  else {
    scanner.skip(first, reading.limits.maxDepth - 1)
    reading.unreadable++
  }
  return 0
}
