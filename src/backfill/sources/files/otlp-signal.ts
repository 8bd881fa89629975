/** Which signal an OTLP request in protobuf holds. The three look alike from outside: an item says it. */

import type { Signal } from '../../../otlp/intake.ts'

/*
 * Export<Signal>ServiceRequest { repeated Resource<Signal> = 1 }
 * Resource<Signal>  { Resource resource = 1; repeated Scope<Signal> = 2; string schema_url = 3 }
 * Scope<Signal>     { Scope scope = 1; repeated <Item> = 2; string schema_url = 3 }
 * Span      { bytes trace_id = 1 (16); bytes span_id = 2 (8); … fixed64 start = 7 }
 * LogRecord { fixed64 time = 1; enum severity = 2; string text = 3; AnyValue body = 5; … fixed64 observed = 11 }
 * Metric    { string name = 1; …; Gauge = 5 | Sum = 7 | Histogram = 9 | ExponentialHistogram = 10 | Summary = 11 }
 */

interface Field {
  readonly number: number
  readonly wire: number
  readonly from: number
  /** As its length says; what was looked at may end before. */
  readonly to: number
}

/** Fields of a message as far as they are in what was looked at; ends at what is none. */
function* fieldsOf(bytes: Uint8Array, from: number, to: number): Generator<Field, void> {
  const end = Math.min(to, bytes.length)
  let at = from
  const varint = (): number => {
    let value = 0
    for (let shift = 0; at < end && shift < 35; shift += 7) {
      const byte = bytes[at++] as number
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    return -1
  }
  while (at < end) {
    const tag = varint()
    const [number, wire] = [tag >>> 3, tag & 7]
    if (tag <= 0 || number === 0) return
    const begin = at
    if (wire === 0) {
      if (varint() < 0 && at >= end) return
      // Longer than what is of use here.
      while (at < end && (bytes[at - 1] as number) >= 0x80) at++
    } else if (wire === 1) at += 8
    else if (wire === 5) at += 4
    else if (wire === 2) {
      const length = varint()
      if (length < 0) return
      yield { number, wire, from: at, to: at + length }
      at += length
      continue
    } else return
    yield { number, wire, from: begin, to: at }
  }
}

function ofItem(bytes: Uint8Array, { from, to }: Field): Signal | undefined {
  let [first, second]: (Field | undefined)[] = []
  for (const field of fieldsOf(bytes, from, to)) {
    const { number, wire } = field
    if (wire === 1) return number === 1 || number === 11 ? 'logs' : number === 7 || number === 8 ? 'traces' : undefined
    if (number === 1) first ??= field
    else if (number === 2) second ??= field
    if (first === undefined) return wire === 2 || number === 2 ? 'logs' : undefined
    const isSpan = first.to - first.from === 16 && second !== undefined && second.to - second.from === 8
    if (!isSpan && (number === 5 || number === 7 || number >= 9)) return 'metrics'
  }
  return undefined
}

/** Undefined: it is no such request, or has no item in what was looked at. @param head the beginning of a request */
export function otlpSignalOf(head: Uint8Array): Signal | undefined {
  for (const resource of fieldsOf(head, 0, head.length)) {
    if (resource.number !== 1 || resource.wire !== 2) return undefined
    for (const scope of fieldsOf(head, resource.from, resource.to)) {
      if (scope.wire !== 2) return undefined
      if (scope.number !== 2) continue
      for (const item of fieldsOf(head, scope.from, scope.to)) {
        if (item.wire !== 2) return undefined
        const found = item.number === 2 ? ofItem(head, item) : undefined
        if (found !== undefined) return found
      }
    }
  }
  return undefined
}
