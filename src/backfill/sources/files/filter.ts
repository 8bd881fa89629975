/** `--since`, `--until` and `--service` on records of files: by an item's own time, and by whose span it is. */

import { eachElement, eachMember, textOf } from '../../../ingest/elasticsearch/object-members.ts'
import type { SourceFilter } from '../../source.ts'
import { joined } from '../jaeger-query-answer.ts'
import type { FileKind } from './detect.ts'

/** What of a record is wanted: its bytes, fewer of them, or none; and how many items are left out. */
export type RecordFilter = (bytes: Uint8Array) => { readonly bytes: Uint8Array | undefined; readonly left: number }

/** What decides about one item. */
interface Facts {
  /** µs since 1970; undefined: it has no time, and is wanted. */
  readonly micros: number | undefined
  /** Undefined: it is nobody's, or it stands elsewhere. */
  readonly service: string | undefined
  readonly processId: string
}

/** Kinds whose records are looked at. */
export const isFiltered = (kind: FileKind): boolean =>
  kind === 'jaeger' || kind === 'jaeger-es' || kind === 'zipkin' || kind === 'es-docs' || kind === 'es-hits'

/** Times of spans are µs; below this they are those of documents, in ms. */
const leastMicros = 1e14

function stringOf(bytes: Uint8Array, from: number, to: number): string {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString())
    return typeof value === 'string' ? value : ''
  } catch {
    return ''
  }
}

function memberText(bytes: Uint8Array, from: number, to: number, wanted: string): string {
  let text = ''
  eachMember(bytes, from, to, (name, start, end) => {
    if (name === wanted) text = stringOf(bytes, start, end)
  })
  return text
}

/** `"2026-11-07T08:00:00Z"`, `1762500000000` (ms) or `1762500000000000` (µs). */
function microsOf(bytes: Uint8Array, from: number, to: number): number | undefined {
  const isText = bytes[from] === 0x22
  const number = isText ? Date.parse(stringOf(bytes, from, to)) : Number(textOf(bytes, from, to))
  if (!Number.isFinite(number) || number <= 0) return undefined
  return number >= leastMicros ? number : number * 1000
}

function factsOf(bytes: Uint8Array, from: number, to: number): Facts {
  let micros: number | undefined
  let ofDocument: number | undefined
  let service: string | undefined
  let processId = ''
  let inner: Facts | undefined
  eachMember(bytes, from, to, (name, start, end) => {
    if (name === '@timestamp') ofDocument = microsOf(bytes, start, end)
    else if (name === 'startTime' || name === 'timestamp') micros = microsOf(bytes, start, end)
    else if (name === 'process') service = memberText(bytes, start, end, 'serviceName')
    else if (name === 'localEndpoint') service = memberText(bytes, start, end, 'serviceName')
    else if (name === 'processID') processId = textOf(bytes, start + 1, end - 1)
    else if (name === '_source') inner = factsOf(bytes, start, end)
  })
  return inner ?? { micros: ofDocument ?? micros, service, processId }
}

/** Of a trace of Jaeger's UI: its spans apart, each with the process it names. */
function ofTrace(bytes: Uint8Array, isWanted: (facts: Facts) => boolean): ReturnType<RecordFilter> | undefined {
  const services = new Map<string, string>()
  let list: readonly [number, number] | undefined
  eachMember(bytes, 0, bytes.length, (name, from, to) => {
    if (name === 'spans') list = [from, to]
    else if (name === 'processes')
      eachMember(bytes, from, to, (id, start, end) => void services.set(id, memberText(bytes, start, end, 'serviceName')))
  })
  if (list === undefined) return undefined
  const [from, to] = list
  const kept: Uint8Array[] = []
  let left = 0
  eachElement(bytes, from, to, (start, end) => {
    const facts = factsOf(bytes, start, end)
    if (isWanted({ ...facts, service: facts.service ?? services.get(facts.processId) })) kept.push(bytes.subarray(start, end))
    else left++
  })
  if (left === 0) return { bytes, left }
  if (kept.length === 0) return { bytes: undefined, left }
  const parts = [bytes.subarray(0, from), Buffer.from('['), joined(kept), Buffer.from(']'), bytes.subarray(to)]
  return { bytes: Buffer.concat(parts), left }
}

/** Undefined where everything is wanted, and for kinds that are read whole; see {@link isFiltered}. */
export function createRecordFilter(kind: FileKind, { sinceMs, untilMs, services }: SourceFilter): RecordFilter | undefined {
  if (!isFiltered(kind) || (sinceMs === undefined && untilMs === undefined && services.length === 0)) return undefined
  const [from, to] = [(sinceMs ?? Number.NEGATIVE_INFINITY) * 1000, (untilMs ?? Number.POSITIVE_INFINITY) * 1000]
  const names = new Set(services.flatMap((name) => [name, name.toLowerCase()]))
  // Of documents nobody says here whose they are.
  const isWanted = ({ micros, service }: Facts): boolean =>
    (micros === undefined || (micros >= from && micros < to)) && (names.size === 0 || service === undefined || names.has(service))
  return (bytes) => {
    const trace = kind === 'jaeger' ? ofTrace(bytes, isWanted) : undefined
    if (trace !== undefined) return trace
    return isWanted(factsOf(bytes, 0, bytes.length)) ? { bytes, left: 0 } : { bytes: undefined, left: 1 }
  }
}
