/**
 * Documents of Jaeger's Elasticsearch indices → the Jaeger model.
 *
 * One document a line: the bare `_source` of a span, a hit `{"_index", "_id", "_source"}`, a page of a search
 * `{"hits": {"hits": [hit]}}`, or the lines of a bulk request, in which an action line comes before each document. Or the
 * whole text is one such document, or a list of them. Documents of Jaeger's other indices are passed over and noted.
 * A line that is not JSON costs itself alone.
 */

import type { KeyTable } from '../../otlp/keys.ts'
import type { JaegerSpan } from '../../translate/jaeger/model.ts'
import { isJsonList, isJsonObject, type JsonObject, JsonReader, type JsonValue } from '../exact-json.ts'
import type { PlacedItems } from '../json-scan.ts'
import type { DecodeLimits } from '../limits.ts'
import { createPlainSpanReader } from './decode-es-plain.ts'
import { createJsonSpanReader } from './decode-json.ts'
import { createJsonFindings, type JsonBatch, type JsonFindings, placeholder, type TagOrigins } from './json-findings.ts'
import { jsonLimitsOf } from './json-limits.ts'

/** Throws OB_DECODE_JSON when nothing in it can be read, and OB_LIMIT_*. */
export type EsDecoder = (body: Uint8Array, origins?: TagOrigins) => JsonBatch

/** Gives each span away as soon as it is read. Throws as {@link EsDecoder}, spans that were given notwithstanding. */
export interface EsReader {
  (body: Uint8Array, take: (span: JaegerSpan) => void, origins?: TagOrigins): Pick<JsonBatch, 'notes' | 'faults'>
  /** The same of documents that lie in a body among other things. */
  placed(body: Uint8Array, items: PlacedItems, take: (span: JaegerSpan) => void): Pick<JsonBatch, 'notes' | 'faults'>
}

/** How dots were replaced in the keys of tags as fields; the stored key → the tag's key. */
export type FieldKey = (stored: string) => string

/** What one text has given so far. */
interface Reading {
  readonly findings: JsonFindings
  readonly take: (span: JaegerSpan) => void
  /** Spans that were given away. */
  count: number
  /** Index of the next document, where an action line named it; '' when it did not; undefined: there was no action line. */
  target: string | undefined
}

const Newline = 0x0a

/** Values of one page of a search: 10,000 documents, the most that Elasticsearch gives, with a thousand values each. */
const maxPageValues = 10_000_000

const actions = ['index', 'create', 'update', 'delete'] as const

/** What Jaeger keeps beside spans. */
const otherIndex = /jaeger-(?:service|dependencies|sampling)/

/** The action of a bulk request's line; undefined for every other object. A span has many keys, an action line has one. */
function actionOf(line: JsonObject): { readonly name: string; readonly index: string } | undefined {
  if (line.size !== 1) return undefined
  for (const name of actions) {
    const meta = line.get(name)
    if (!isJsonObject(meta)) continue
    const index = meta.get('_index')
    return { name, index: typeof index === 'string' ? index : '' }
  }
  return undefined
}

/** A document of the index of services: it has no span's ids. */
const isService = (source: JsonObject): boolean =>
  source.has('serviceName') && source.has('operationName') && !source.has('traceID') && !source.has('spanID')

/** Creates the decoder; `keys` is made with `jaegerRoleOf` and kept between texts. */
export function createEsDecoder(keys: KeyTable, limits: DecodeLimits, fieldKey: FieldKey): EsDecoder {
  const read = createEsReader(keys, limits, fieldKey)
  return (body, origins) => {
    const spans: JaegerSpan[] = []
    const { notes, faults } = read(body, (span) => void spans.push(span), origins)
    return { batch: { nanosPerTick: 1000, process: undefined, spans, seqNo: undefined, stats: undefined }, notes, faults }
  }
}

/** Creates a reader that keeps no spans; likewise. Times are in µs. */
export function createEsReader(keys: KeyTable, limits: DecodeLimits, fieldKey: FieldKey): EsReader {
  const jsonLimits = { ...jsonLimitsOf(limits), maxValues: maxPageValues }
  const { span, bounds } = createJsonSpanReader(keys, limits, { binary: 'hex', fieldKey })
  const plain = createPlainSpanReader(keys, limits, fieldKey)

  const give = (reading: Reading, one: JaegerSpan): void => {
    reading.count++
    reading.take(one)
  }

  const addSource = (reading: Reading, source: JsonValue, index: string, at: number): void => {
    const { findings, count } = reading
    if (otherIndex.test(index) || (isJsonObject(source) && isService(source))) {
      findings.note('document_of_another_index')
      return
    }
    bounds.spans(count + 1)
    give(reading, span(source, count, at, findings).span)
  }

  const addDocument = (reading: Reading, document: JsonValue, at: number): void => {
    if (isJsonObject(document)) {
      const page = document.get('hits')
      const hits = isJsonObject(page) ? page.get('hits') : undefined
      if (isJsonList(hits)) {
        for (const hit of hits) addDocument(reading, hit, at)
        return
      }
      const source = document.get('_source')
      if (source !== undefined) {
        const index = document.get('_index')
        addSource(reading, source, typeof index === 'string' ? index : '', at)
        return
      }
    }
    addSource(reading, document, '', at)
  }

  const addLine = (reading: Reading, document: JsonValue, at: number): void => {
    const { target } = reading
    if (target !== undefined) {
      reading.target = undefined
      addSource(reading, document, target, at)
      return
    }
    const action = isJsonObject(document) ? actionOf(document) : undefined
    if (action === undefined) addDocument(reading, document, at)
    else if (action.name === 'delete') reading.findings.note('bulk_delete')
    else reading.target = action.index
  }

  /** What stands at these bytes, whole. */
  const readOne = (body: Uint8Array, start: number, end: number, reading: Reading, mayBePlain: boolean): void => {
    const { findings } = reading
    if (mayBePlain && reading.target === undefined) {
      const found = plain.read(start, end)
      if (found !== undefined) {
        bounds.spans(reading.count + 1)
        give(reading, found)
        return
      }
    }
    const reader = new JsonReader(body, jsonLimits, start, end)
    if (reader.kind() === 'end') return
    const { at } = reader
    const document = attempt(reader)
    if (document !== undefined) addLine(reading, document, at)
    else {
      const { count } = reading
      bounds.spans(count + 1)
      reading.target = undefined
      give(reading, placeholder(findings.reject('not_json', count, at, 'the line is not JSON')))
    }
  }

  const readLines = (body: Uint8Array, reading: Reading, isExplained: boolean): void => {
    const mayBePlain = !isExplained && plain.open(body)
    forEachLine(body, (start, end) => {
      readOne(body, start, end, reading, mayBePlain)
      return true
    })
  }

  const readWhole = (body: Uint8Array, reading: Reading): void => {
    const reader = new JsonReader(body, jsonLimits)
    const add = (): void => {
      reader.kind()
      const { at } = reader
      addDocument(reading, reader.value(), at)
    }
    if (reader.kind() === 'array') reader.array(add)
    else if (reader.kind() === 'object') add()
    else reader.fail('a document is expected')
    reader.finish()
  }

  /** A text whose first or second line is an object, whole, is one of lines; the second, since the first may be damaged. */
  const isLines = (body: Uint8Array): boolean => {
    let lines = 0
    let found = false
    forEachLine(body, (start, end) => {
      const reader = new JsonReader(body, jsonLimits, start, end)
      const kind = reader.kind()
      if (kind === 'end') return true
      if (kind === 'array') return false
      found = kind === 'object' && attempt(reader) !== undefined
      return !found && ++lines < 2
    })
    return found
  }

  const read = (body: Uint8Array, take: (span: JaegerSpan) => void, origins?: TagOrigins): JsonFindings => {
    keys.renew()
    const findings = createJsonFindings(origins)
    const reading: Reading = { findings, take, count: 0, target: undefined }
    if (isLines(body)) readLines(body, reading, origins !== undefined)
    else readWhole(body, reading)
    findings.check(reading.count)
    return findings
  }

  return Object.assign(read, {
    placed(body: Uint8Array, { count, places }: PlacedItems, take: (span: JaegerSpan) => void): JsonFindings {
      keys.renew()
      const findings = createJsonFindings(undefined)
      const reading: Reading = { findings, take, count: 0, target: undefined }
      const mayBePlain = plain.open(body)
      for (let i = 0, at = 0; i < count; i++, at += 4) {
        readOne(body, places[at] as number, places[at + 1] as number, reading, mayBePlain)
      }
      findings.check(reading.count)
      return findings
    },
  })
}

/** The only value of the text; undefined when it is not JSON. Limits are thrown on. */
function attempt(reader: JsonReader): JsonValue | undefined {
  try {
    const value = reader.value()
    reader.finish()
    return value
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'OB_DECODE_JSON') return undefined
    throw error
  }
}

/** Calls `line` with the bounds of each line until it gives false. */
function forEachLine(body: Uint8Array, line: (start: number, end: number) => boolean): void {
  for (let start = 0; start < body.length; ) {
    const newline = body.indexOf(Newline, start)
    const end = newline < 0 ? body.length : newline
    if (!line(start, end)) return
    start = end + 1
  }
}
