/** Documents of Elasticsearch through the batcher, and the log records that come of them as the official messages read them. */

import { expect } from 'vitest'
import { DocumentFate } from '../../src/ingest/documents.ts'
import { createDocumentBatcher, type DocumentBatcherOptions } from '../../src/ingest/elasticsearch/batcher.ts'
import { elasticsearchTranslateConfig } from '../../src/translate/elasticsearch/config.ts'
import { officialDecode, type Plain } from './official-otlp.ts'

export const documentLimits = { maxFields: 10_000, maxListValues: 100_000, maxDepth: 100, maxBytes: 16 * 1024 * 1024 }
/** When documents come. */
export const receivedMs = 1_800_000_000_000

export const createBatcher = (translate: object = {}, more: Partial<DocumentBatcherOptions> = {}) =>
  createDocumentBatcher({
    limits: documentLimits,
    translate: elasticsearchTranslateConfig.parse(translate),
    nowMs: () => receivedMs,
    ...more,
  })

/** A log record with values as plain JavaScript; what else it has is in `plain`, as JSON of protobufjs. */
export interface LogRecord {
  readonly resource: Record<string, unknown>
  readonly attributes: Record<string, unknown>
  readonly scope: string
  readonly body: unknown
  readonly plain: Plain
}

/** A value as JSON has it, but integers as bigints. */
function plainOf(plain: Plain | undefined): unknown {
  if (plain === undefined) return null
  const { stringValue, boolValue, intValue, doubleValue, arrayValue, kvlistValue, bytesValue } = plain as Record<string, never>
  if (stringValue !== undefined) return stringValue
  if (boolValue !== undefined) return boolValue
  if (intValue !== undefined) return BigInt(intValue)
  if (doubleValue !== undefined) return doubleValue
  if (bytesValue !== undefined) return Buffer.from(bytesValue, 'base64')
  if (arrayValue !== undefined) return ((arrayValue as Plain)['values'] as Plain[] | undefined)?.map(plainOf) ?? []
  if (kvlistValue !== undefined) return attributesOf((kvlistValue as Plain)['values'])
  return null
}

function attributesOf(list: unknown): Record<string, unknown> {
  const pairs = ((list ?? []) as { key?: string; value?: Plain }[]).map(({ key = '', value }) => [key, plainOf(value)] as const)
  expect(new Set(pairs.map(([key]) => key)).size, 'each name once').toBe(pairs.length)
  return Object.fromEntries(pairs)
}

/** The records of a request; a name that comes twice in one list fails the test. */
export function recordsOf(data: Uint8Array): LogRecord[] {
  const groups = (officialDecode(data, 'logs')['resourceLogs'] ?? []) as Plain[]
  return groups.flatMap((group) =>
    ((group['scopeLogs'] ?? []) as Plain[]).flatMap((scope) =>
      ((scope['logRecords'] ?? []) as Plain[]).map((plain) => ({
        resource: attributesOf((group['resource'] as Plain | undefined)?.['attributes']),
        attributes: attributesOf(plain['attributes']),
        scope: String((scope['scope'] as Plain | undefined)?.['name'] ?? ''),
        body: plain['body'] === undefined ? undefined : plainOf(plain['body'] as Plain),
        plain,
      })),
    ),
  )
}

/** Nothing is known of the document beside itself. */
export const noMeta = { index: undefined, id: '', pipeline: '' } as const

/** Log records of documents, one piece of them; each has to become one. */
export function translateDocuments(texts: readonly (string | Uint8Array)[], batcher = createBatcher(), index?: string): LogRecord[] {
  const lines = texts.map((one) => Buffer.from(one))
  const piece = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]))
  batcher.open(piece)
  let at = 0
  for (const { length } of lines) {
    const fate = batcher.add(at, at + length, { ...noMeta, index: index === undefined ? undefined : batcher.index(index) })
    expect(fate, batcher.message).toBe(DocumentFate.Log)
    at += length + 1
  }
  const parts = batcher.take()
  expect(parts.map(({ signal, items, documents }) => ({ signal, items, documents }))).toEqual(
    texts.length === 0 ? [] : [{ signal: 'logs', items: texts.length, documents: texts.length }],
  )
  return recordsOf(parts[0]?.data ?? new Uint8Array())
}

/** The log record of one document. */
export const recordOf = (document: object, options: object = {}, index?: string): LogRecord => {
  const [record] = translateDocuments([JSON.stringify(document)], createBatcher(options), index)
  if (record === undefined) throw new Error('no record')
  return record
}

/** What a record says, without what it does not: a table of rules is written in it. */
export interface RecordParts {
  readonly time?: string
  /** Absent: when it came. */
  readonly observed?: string
  readonly severity?: number
  readonly level?: string
  readonly body?: unknown
  readonly trace?: string
  readonly span?: string
  readonly flags?: number
  readonly event?: string
  readonly scope?: string
  readonly attributes?: Record<string, unknown>
  readonly resource?: Record<string, unknown>
}

/** All of a record in that form. */
export function partsOf({ plain, body, scope, attributes, resource }: LogRecord): RecordParts {
  const observed = plain['observedTimeUnixNano']
  const all = {
    time: plain['timeUnixNano'],
    observed: observed === `${receivedMs}000000` ? undefined : observed,
    severity: plain['severityNumber'],
    level: plain['severityText'] === '' ? undefined : plain['severityText'],
    body,
    trace: plain['traceId'] === '' ? undefined : plain['traceId'],
    span: plain['spanId'] === '' ? undefined : plain['spanId'],
    flags: plain['flags'],
    event: plain['eventName'] === '' ? undefined : plain['eventName'],
    scope: scope === '' ? undefined : scope,
    attributes: Object.keys(attributes).length === 0 ? undefined : attributes,
    resource: Object.keys(resource).length === 0 ? undefined : resource,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}
