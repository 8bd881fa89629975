/** Elasticsearch in OTel mode as the new side of logs: `logs-*.otel-*` as the Collector's exporter writes them. Not run against a real one. */

import { createElasticsearchSearch, type Hit } from '../read/elasticsearch-search.ts'
import type { HttpClient } from '../read/http-client.ts'
import type { ExpectedRecord, PlainAttribute } from './logs-expected.ts'
import type { ExpectedEntry, LogStore, StoredEntry } from './logs-store.ts'
import { plainText } from './logs-text.ts'

/** Documents of one question. */
const most = 10_000

const addedFields: ReadonlySet<string> = new Set(['observed_timestamp', 'attributes.elasticsearch.pipeline', 'dropped_attributes_count'])

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Objects become names with dots, whichever way they were written. */
function flatten(into: Map<string, string>, prefix: string, value: unknown): void {
  if (isObject(value)) {
    for (const [key, inner] of Object.entries(value)) flatten(into, prefix === '' ? key : `${prefix}.${key}`, inner)
  } else if (value !== null && value !== undefined) into.set(prefix, typeof value === 'object' ? JSON.stringify(value) : String(value))
}

/** RFC 3339 up to nanoseconds, or milliseconds with six digits behind the point. */
export function otelTime(value: unknown): bigint {
  const text = String(value)
  const plain = /^(\d+)(?:\.(\d{1,6}))?$/.exec(text)
  if (plain !== null) return BigInt(plain[1] ?? 0) * 1_000_000n + BigInt((plain[2] ?? '').padEnd(6, '0'))
  const fraction = /\.(\d{1,9})/.exec(text)?.[1] ?? ''
  const seconds = Date.parse(text.replace(/\.\d+/, ''))
  return Number.isNaN(seconds) ? 0n : BigInt(seconds) * 1_000_000n + BigInt(fraction.padEnd(9, '0'))
}

function entryOf({ source }: Hit): StoredEntry {
  const document = source === undefined ? {} : (JSON.parse(Buffer.from(source).toString()) as Record<string, unknown>)
  const { '@timestamp': time, body, data_stream: _, resource, scope, ...rest } = document
  const fields = new Map<string, string>()
  flatten(fields, '', rest)
  if (isObject(resource)) flatten(fields, 'resource.attributes', resource['attributes'])
  if (isObject(scope) && typeof scope['name'] === 'string') fields.set('scope.name', scope['name'])
  const parts = isObject(body) ? body : {}
  const line =
    typeof parts['text'] === 'string' ? parts['text'] : parts['structured'] === undefined ? '' : JSON.stringify(parts['structured'])
  return { timeNs: otelTime(time), line, fields }
}

function putAttributes(fields: Map<string, string[]>, attributes: readonly PlainAttribute[], prefix: string): void {
  for (const { key = '', value = {} } of attributes) {
    const name = `${prefix}.${key}`
    if (value.kvlistValue === undefined) fields.set(name, [plainText(value)])
    else putAttributes(fields, value.kvlistValue.values ?? [], name)
  }
}

/** What OTel mode should have of a record. The data stream is the exporter's to choose. */
function otelExpectation(record: ExpectedRecord): ExpectedEntry {
  const fields = new Map<string, string[]>()
  const isStream = ({ key = '' }: PlainAttribute): boolean => key.startsWith('data_stream.')
  putAttributes(
    fields,
    record.resource.filter((one) => !isStream(one)),
    'resource.attributes',
  )
  putAttributes(
    fields,
    record.attributes.filter((one) => !isStream(one)),
    'attributes',
  )
  const own: [string, string][] = [
    ['scope.name', record.scope],
    ['severity_number', record.severityNumber === 0 ? '' : String(record.severityNumber)],
    ['severity_text', record.severityText],
    ['trace_id', record.traceId],
    ['span_id', record.spanId],
    ['event_name', record.eventName],
  ]
  for (const [name, text] of own) if (text !== '') fields.set(name, [text])
  return { record, timeNs: record.timeNs, line: plainText(record.body), fields, unkept: new Map() }
}

/** @param indices of the new side: `logs-*.otel-*` */
export function createOtelStore(http: HttpClient, indices: string): LogStore {
  const search = createElasticsearchSearch(http)
  const millis = (ns: bigint): number => Number(ns / 1_000_000n)
  const ofIndex = (index: string): object => ({ term: { 'attributes.elasticsearch.index': index } })
  const found = async (filter: object | undefined, startNs: bigint, endNs: bigint): Promise<StoredEntry[]> => {
    const range = { fromMs: millis(startNs), toMs: millis(endNs - 1n) + 1 }
    const hits = await search.find(indices, range, filter, most)
    return hits.map(entryOf).filter(({ timeNs }) => timeNs >= startNs && timeNs < endNs)
  }
  return {
    indexField: 'attributes.elasticsearch.index',
    idField: 'attributes.elasticsearch.document.id',
    shape: { class: 'reader', rule: '3.6 OTel mode' },
    async counts(index, fromMs, toMs) {
      return (await search.counts(indices, { fromMs, toMs }, index === undefined ? undefined : ofIndex(index))).minutes
    },
    edge: async () => 0,
    async *entries(index, { startNs, endNs }) {
      yield await found(index === undefined ? undefined : ofIndex(index), startNs, endNs)
    },
    byIds: (ids, { startNs, endNs }) => found({ terms: { 'attributes.elasticsearch.document.id': ids } }, startNs, endNs),
    byText: (text, { startNs, endNs }) => found({ match_phrase: { 'body.text': text } }, startNs, endNs),
    expect: otelExpectation,
    isAdded: (field) => addedFields.has(field) || field.startsWith('attributes.beats.'),
  }
}
