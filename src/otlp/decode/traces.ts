/**
 * Protobuf `ExportTraceServiceRequest` → Traces, for OTLP/JSON output, the demo's sink, parity and tests.
 * Field numbers stand in encode/traces.ts. Unknown fields are skipped; text stays slices of the input.
 * Throws OB_DECODE_PROTO with the byte offset.
 */

import { createKeyTable, type KeyTable } from '../keys.ts'
import {
  type AnyValue,
  type Event,
  type KeyValue,
  type Link,
  type ResourceSpans,
  type ScopeSpans,
  type Span,
  type Text,
  type Traces,
  ValueType,
} from '../model.ts'
import type { Words } from '../time.ts'
import { ProtoReader } from './reader.ts'

const maxDepth = 64

interface Cursor {
  readonly reader: ProtoReader
  readonly keys: KeyTable
  readonly words: Words
}

export function decodeTraces(bytes: Uint8Array): Traces {
  const cursor: Cursor = { reader: new ProtoReader(bytes), keys: createKeyTable(() => 0), words: { hi: 0, lo: 0 } }
  const resourceSpans: ResourceSpans[] = []
  cursor.reader.fields(bytes.length, (tag) => {
    if (tag !== 0x0a) return false
    resourceSpans.push(readResourceSpans(cursor))
    return true
  })
  return { resourceSpans }
}

function readText({ reader }: Cursor): Text {
  const end = reader.length()
  const start = reader.at
  reader.at = end
  return { source: reader.bytes, start, end }
}

/** An id's words; ids of the wrong width fail. */
function readId({ reader }: Cursor, width: number): number[] {
  const end = reader.length()
  if (end - reader.at !== width && end !== reader.at) reader.fail(`id of ${end - reader.at} bytes`)
  const words: number[] = []
  for (; reader.at < end; reader.at += 4) words.push(reader.view.getInt32(reader.at))
  while (words.length < width / 4) words.push(0)
  return words
}

function readResourceSpans(cursor: Cursor): ResourceSpans {
  const attributes: KeyValue[] = []
  const scopeSpans: ScopeSpans[] = []
  cursor.reader.fields(cursor.reader.length(), (tag) => {
    if (tag === 0x12) scopeSpans.push(readScopeSpans(cursor))
    else if (tag === 0x0a) {
      cursor.reader.fields(cursor.reader.length(), (inner) => {
        if (inner !== 0x0a) return false
        attributes.push(readKeyValue(cursor, maxDepth))
        return true
      })
    } else return false
    return true
  })
  return { attributes, scopeSpans }
}

function readScopeSpans(cursor: Cursor): ScopeSpans {
  let scopeName: Text = ''
  let scopeVersion: Text = ''
  const spans: Span[] = []
  cursor.reader.fields(cursor.reader.length(), (tag) => {
    if (tag === 0x12) spans.push(readSpan(cursor))
    else if (tag === 0x0a) {
      cursor.reader.fields(cursor.reader.length(), (inner) => {
        if (inner === 0x0a) scopeName = readText(cursor)
        else if (inner === 0x12) scopeVersion = readText(cursor)
        else return false
        return true
      })
    } else return false
    return true
  })
  return { scopeName, scopeVersion, spans }
}

function readSpan(cursor: Cursor): Span {
  const { reader, words } = cursor
  let trace: number[] = [0, 0, 0, 0]
  let id: number[] = [0, 0]
  let parent: number[] = [0, 0]
  const times = [0, 0, 0, 0]
  const texts = { traceState: '' as Text, name: '' as Text, statusMessage: '' as Text }
  const counts = { flags: 0, kind: 0, attributes: 0, events: 0, links: 0, statusCode: 0 }
  const attributes: KeyValue[] = []
  const events: Event[] = []
  const links: Link[] = []
  reader.fields(reader.length(), (tag) => {
    switch (tag) {
      case 0x0a:
        trace = readId(cursor, 16)
        return true
      case 0x12:
        id = readId(cursor, 8)
        return true
      case 0x1a:
        texts.traceState = readText(cursor)
        return true
      case 0x22:
        parent = readId(cursor, 8)
        return true
      case 0x2a:
        texts.name = readText(cursor)
        return true
      case 0x30:
        counts.kind = reader.varint32()
        return true
      case 0x39:
        reader.fixed64(words)
        times[0] = words.hi
        times[1] = words.lo
        return true
      case 0x41:
        reader.fixed64(words)
        times[2] = words.hi
        times[3] = words.lo
        return true
      case 0x4a:
        attributes.push(readKeyValue(cursor, maxDepth))
        return true
      case 0x50:
        counts.attributes = reader.varint32()
        return true
      case 0x5a:
        events.push(readEvent(cursor))
        return true
      case 0x60:
        counts.events = reader.varint32()
        return true
      case 0x6a:
        links.push(readLink(cursor))
        return true
      case 0x70:
        counts.links = reader.varint32()
        return true
      case 0x7a:
        reader.fields(reader.length(), (inner) => {
          if (inner === 0x12) texts.statusMessage = readText(cursor)
          else if (inner === 0x18) counts.statusCode = reader.varint32()
          else return false
          return true
        })
        return true
      case 0x85: // 16 << 3 | 5, a two-byte tag
        counts.flags = reader.fixed32()
        return true
      default:
        return false
    }
  })
  return {
    trace0: trace[0] as number,
    trace1: trace[1] as number,
    trace2: trace[2] as number,
    trace3: trace[3] as number,
    span0: id[0] as number,
    span1: id[1] as number,
    parent0: parent[0] as number,
    parent1: parent[1] as number,
    traceState: texts.traceState,
    flags: counts.flags,
    name: texts.name,
    kind: counts.kind,
    startHi: times[0] as number,
    startLo: times[1] as number,
    endHi: times[2] as number,
    endLo: times[3] as number,
    attributes,
    droppedAttributesCount: counts.attributes,
    events,
    droppedEventsCount: counts.events,
    links,
    droppedLinksCount: counts.links,
    statusCode: counts.statusCode,
    statusMessage: texts.statusMessage,
  }
}

function readEvent(cursor: Cursor): Event {
  const { reader, words } = cursor
  const result = { timeHi: 0, timeLo: 0, name: '' as Text, attributes: [] as KeyValue[], droppedAttributesCount: 0 }
  reader.fields(reader.length(), (tag) => {
    if (tag === 0x09) {
      reader.fixed64(words)
      result.timeHi = words.hi
      result.timeLo = words.lo
    } else if (tag === 0x12) result.name = readText(cursor)
    else if (tag === 0x1a) result.attributes.push(readKeyValue(cursor, maxDepth))
    else if (tag === 0x20) result.droppedAttributesCount = reader.varint32()
    else return false
    return true
  })
  return result
}

function readLink(cursor: Cursor): Link {
  const { reader } = cursor
  let trace: number[] = [0, 0, 0, 0]
  let id: number[] = [0, 0]
  const result = { traceState: '' as Text, attributes: [] as KeyValue[], droppedAttributesCount: 0, flags: 0 }
  reader.fields(reader.length(), (tag) => {
    if (tag === 0x0a) trace = readId(cursor, 16)
    else if (tag === 0x12) id = readId(cursor, 8)
    else if (tag === 0x1a) result.traceState = readText(cursor)
    else if (tag === 0x22) result.attributes.push(readKeyValue(cursor, maxDepth))
    else if (tag === 0x28) result.droppedAttributesCount = reader.varint32()
    else if (tag === 0x35) result.flags = reader.fixed32()
    else return false
    return true
  })
  const [trace0 = 0, trace1 = 0, trace2 = 0, trace3 = 0] = trace
  const [span0 = 0, span1 = 0] = id
  return { trace0, trace1, trace2, trace3, span0, span1, ...result }
}

function readKeyValue(cursor: Cursor, depth: number): KeyValue {
  const { reader, keys } = cursor
  let key = keys.ofText('')
  let value = empty
  reader.fields(reader.length(), (tag) => {
    if (tag === 0x0a) {
      const end = reader.length()
      key = keys.find(reader.bytes, reader.view, reader.at, end)
      reader.at = end
    } else if (tag === 0x12) value = readAnyValue(cursor, depth)
    else return false
    return true
  })
  return { key, type: value.type, a: value.a, b: value.b, ref: value.ref }
}

const empty: AnyValue = { type: ValueType.Empty, a: 0, b: 0, ref: null }

function readAnyValue(cursor: Cursor, depth: number): AnyValue {
  const { reader, words } = cursor
  if (depth === 0) reader.fail('values nested too deep')
  let value = empty
  reader.fields(reader.length(), (tag) => {
    switch (tag) {
      case 0x0a:
      case 0x3a: {
        const end = reader.length()
        value = { type: tag === 0x0a ? ValueType.Text : ValueType.Bytes, a: reader.at, b: end, ref: reader.bytes }
        reader.at = end
        return true
      }
      case 0x10:
        value = { type: ValueType.Bool, a: reader.varint32() === 0 ? 0 : 1, b: 0, ref: null }
        return true
      case 0x18:
        reader.varint64(words)
        value = { type: ValueType.Int, a: words.hi, b: words.lo, ref: null }
        return true
      case 0x21:
        reader.fixed64(words)
        value = { type: ValueType.Double, a: words.hi, b: words.lo, ref: null }
        return true
      case 0x2a: {
        const values: AnyValue[] = []
        reader.fields(reader.length(), (inner) => {
          if (inner !== 0x0a) return false
          values.push(readAnyValue(cursor, depth - 1))
          return true
        })
        value = { type: ValueType.Array, a: 0, b: 0, ref: values }
        return true
      }
      case 0x32: {
        const values: KeyValue[] = []
        reader.fields(reader.length(), (inner) => {
          if (inner !== 0x0a) return false
          values.push(readKeyValue(cursor, depth - 1))
          return true
        })
        value = { type: ValueType.KvList, a: 0, b: 0, ref: values }
        return true
      }
      default:
        return false
    }
  })
  return value
}
