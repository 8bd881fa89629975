/**
 * Loki as the new side of logs: what its OTLP endpoint makes of a record, read back. Section 3.6 of the mapping.
 * @see grafana/loki v3.7.8 pkg/loghttp/push/otlp.go, prometheus/otlptranslator v1.0.0 label_namer.go
 */

import type { HttpClient } from '../read/http-client.ts'
import { createLokiApi, type LokiEntry, quotedLabel } from '../read/loki.ts'
import type { ExpectedRecord, PlainAttribute } from './logs-expected.ts'
import type { ExpectedEntry, LogStore, StoredEntry } from './logs-store.ts'
import { plainText } from './logs-text.ts'

/** Ids of one question. */
const idsAtOnce = 50

/** Longest text of a line filter. */
const longestFilter = 200

/** A label of Loki: everything but letters and digits becomes one underscore, several of them one, and no digit comes first. */
export function lokiName(name: string): string {
  const reserved = /^__(.*)__$/s.exec(name)?.[1]
  const plain = (reserved ?? name).replace(/[^A-Za-z0-9]+/gu, '_')
  if (reserved !== undefined && reserved !== '') return `__${plain}__`
  return /^[0-9]/.test(plain) ? `key_${plain}` : plain
}

/** Fields that nobody sent; `__stream_shard__` is on streams that Loki splits, as it does with what comes at once after an outage. */
const addedFields: ReadonlySet<string> = new Set(['detected_level', 'observed_timestamp', 'elasticsearch_pipeline', '__stream_shard__'])

type Fields = Map<string, string[]>

function put(fields: Fields, name: string, text: string): void {
  const found = fields.get(name)
  if (found === undefined) fields.set(name, [text])
  else if (!found.includes(text)) found.push(text)
}

/** Maps become fields of their members. */
function putAttributes(fields: Fields, attributes: readonly PlainAttribute[], prefix: string): void {
  for (const { key = '', value = {} } of attributes) {
    const name = lokiName(prefix === '' ? key : `${prefix}_${key}`)
    if (value.kvlistValue === undefined) put(fields, name, plainText(value))
    else putAttributes(fields, value.kvlistValue.values ?? [], name)
  }
}

/** What Loki should have of a record. */
function lokiExpectation(record: ExpectedRecord): ExpectedEntry {
  const fields: Fields = new Map()
  putAttributes(fields, record.resource, '')
  putAttributes(fields, record.attributes, '')
  if (record.scope !== '') put(fields, 'scope_name', record.scope)
  if (record.severityNumber !== 0) put(fields, 'severity_number', String(record.severityNumber))
  if (record.severityText !== '') put(fields, 'severity_text', record.severityText)
  if (record.flags !== 0) put(fields, 'flags', String(record.flags))
  if (record.traceId !== '') put(fields, 'trace_id', record.traceId)
  if (record.spanId !== '') put(fields, 'span_id', record.spanId)
  const unkept = new Map<string, string>()
  if (record.eventName !== '') unkept.set('event_name', record.eventName)
  for (const [name, [text, ...others]] of fields) {
    // A label without a value is no label.
    if (text !== '' || others.length > 0) continue
    fields.delete(name)
    unkept.set(name, '')
  }
  return { record, timeNs: record.timeNs, line: plainText(record.body), fields, unkept }
}

const entryOf = ({ timeNs, line, labels, metadata }: LokiEntry): StoredEntry => ({
  timeNs,
  line,
  fields: new Map([...Object.entries(labels), ...Object.entries(metadata)]),
})

/** @param selector of all that the bridge brings: `{service_name=~".+"}` unless the user knows better */
export function createLokiStore(http: HttpClient, selector: string): LogStore {
  const api = createLokiApi(http)
  const ofIndex = (index: string | undefined): string =>
    index === undefined ? selector : `${selector} | elasticsearch_index=${quotedLabel(index)}`

  async function* read(query: string, range: { startNs: bigint; endNs: bigint }): AsyncGenerator<readonly StoredEntry[], void, undefined> {
    for await (const page of api.entries(query, range)) yield page.map(entryOf)
  }

  const all = async (query: string, range: { startNs: bigint; endNs: bigint }): Promise<readonly StoredEntry[]> => {
    const found: StoredEntry[] = []
    for await (const page of read(query, range)) found.push(...page)
    return found
  }

  return {
    indexField: 'elasticsearch_index',
    idField: 'elasticsearch_document_id',
    shape: { class: 'loki_shape', rule: '3.6 Loki' },
    counts: (index, fromMs, toMs) => api.counts(ofIndex(index), fromMs, toMs),
    edge: (index, minuteMs) => api.edge(ofIndex(index), minuteMs),
    entries: (index, range) => read(ofIndex(index), range),
    async byIds(ids, range) {
      const found: StoredEntry[] = []
      for (let at = 0; at < ids.length; at += idsAtOnce) {
        const some = ids.slice(at, at + idsAtOnce).map((id) => `elasticsearch_document_id=${quotedLabel(id)}`)
        found.push(...(await all(`${selector} | ${some.join(' or ')}`, range)))
      }
      return found
    },
    byText: (text, range) => all(`${selector} |= ${quotedLabel(text.slice(0, longestFilter))}`, range),
    expect: lokiExpectation,
    isAdded(field, { fields }) {
      // Loki gives every stream a service, `unknown_service` when it finds none.
      if (field === 'service_name') return !fields.has('service_name')
      return addedFields.has(field) || field.startsWith('beats_')
    },
  }
}
