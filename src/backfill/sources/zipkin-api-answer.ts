/** Answers of Zipkin's query API, taken apart on their bytes. */

import { eachElement, eachMember, textOf } from '../../ingest/elasticsearch/object-members.ts'
import { sourceFault } from '../../read/patient-client.ts'
import type { ApiSpan } from './api-windows.ts'

/** A span, and what decides where it belongs. */
export interface ZipkinApiSpan extends ApiSpan {
  /** Its own, µs; 0 for none. */
  readonly timestamp: number
  /** The least of its trace, µs; 0 when none of its spans has one. */
  readonly traceStart: number
  readonly service: string
  readonly kind: string
}

/** A trace of an answer. */
export interface ZipkinApiTrace {
  readonly spans: readonly ZipkinApiSpan[]
  /** The time by which a store that knows traces only finds it: that of its root, else the least of all, µs. */
  readonly ownTime: number
}

interface RawSpan extends Omit<ZipkinApiSpan, 'place' | 'traceStart'> {
  readonly isRoot: boolean
}

/** What stands in a string of ids and names, escapes left as they are. */
const rawText = (body: Uint8Array, start: number, end: number): string => (body[start] === 0x22 ? textOf(body, start + 1, end - 1) : '')

function readSpan(body: Uint8Array, start: number, end: number): RawSpan {
  let trace = ''
  let span = ''
  let timestamp = 0
  let kind = ''
  let service = ''
  let isRoot = true
  eachMember(body, start, end, (key, from, to) => {
    if (key === 'traceId') trace = rawText(body, from, to)
    else if (key === 'id') span = rawText(body, from, to)
    else if (key === 'parentId') isRoot = rawText(body, from, to) === ''
    else if (key === 'kind') kind = rawText(body, from, to)
    else if (key === 'timestamp') timestamp = Number(textOf(body, from, to)) || 0
    else if (key === 'localEndpoint') {
      eachMember(body, from, to, (inner, nameFrom, nameTo) => {
        if (inner === 'serviceName') service = Buffer.from(rawText(body, nameFrom, nameTo), 'latin1').toString()
      })
    }
  })
  const bytes = Buffer.from(body.buffer, body.byteOffset + start, end - start)
  return { trace, span, timestamp, kind, service, isRoot, bytes }
}

/** Reads a list of lists of spans. Throws OB_SOURCE for anything else. @param name of the source, for messages */
export function parseTraces(body: Uint8Array, name: string): readonly ZipkinApiTrace[] {
  const traces: ZipkinApiTrace[] = []
  let isGood = true
  const isWhole = eachElement(body, 0, body.length, (start, end) => {
    const raw: RawSpan[] = []
    isGood = eachElement(body, start, end, (from, to) => void raw.push(readSpan(body, from, to))) && isGood
    const times = raw.filter(({ timestamp }) => timestamp > 0)
    const traceStart = times.reduce((least, { timestamp }) => (least === 0 || timestamp < least ? timestamp : least), 0)
    const root = times.find(({ isRoot }) => isRoot)
    traces.push({
      ownTime: root?.timestamp ?? traceStart,
      spans: raw.map(({ isRoot: _, ...span }) => ({ ...span, traceStart, place: span.timestamp > 0 ? span.timestamp : traceStart })),
    })
  })
  if (!isWhole || !isGood) throw sourceFault('source_error', `cannot read ${name}: the answer is no list of Zipkin traces`)
  return traces
}
