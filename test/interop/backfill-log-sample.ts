/** A log document's own fields as an OTLP record has to have them: written out for the documents that the history tests fill in, by hand, from docs/elasticsearch.md. */

import { isJson, type Json, listOf } from '../../src/read/otlp-json.ts'
import { goldenValue } from '../support/logs-sink.ts'
import { officialDecode } from '../support/official-otlp.ts'

/** Values are text, `{ int }`, `{ double }`, truth values, lists. */
export interface PlainLog {
  readonly time: string
  readonly body: unknown
  readonly severity: readonly [number, string]
  readonly trace: string
  readonly resource: Json
  readonly attributes: Json
}

const severities: Readonly<Record<string, number>> = { debug: 5, info: 9, warn: 13, error: 17 }
const ofResource: ReadonlySet<string> = new Set(['service.name', 'host.name'])
const fieldsOfTheirOwn: ReadonlySet<string> = new Set(['@timestamp', 'message', 'log.level', 'trace.id'])
/** Fields of ECS that semantic conventions have another name for. */
const renamed: ReadonlyMap<string, string> = new Map([['http.request.bytes', 'http.request.size']])
/** Mapped as doubles where the document says 1: JSON has one kind of number. */
const doubles: ReadonlySet<string> = new Set(['ratio'])

function* leavesOf(value: Json, prefix = ''): Generator<readonly [string, unknown]> {
  for (const [name, inner] of Object.entries(value)) {
    if (isJson(inner)) yield* leavesOf(inner, `${prefix}${name}.`)
    else yield [`${prefix}${name}`, inner]
  }
}

function typedValue(path: string, value: unknown): unknown {
  if (typeof value !== 'number') return value
  return Number.isInteger(value) && !doubles.has(path) ? { int: String(value) } : { double: value }
}

/** What becomes of a document. */
export function expectedLog(index: string, id: string, source: Json): PlainLog {
  const leaves = new Map(leavesOf(source))
  const level = String(leaves.get('log.level'))
  const [resource, attributes]: [Record<string, unknown>, Record<string, unknown>] = [{}, {}]
  for (const [path, value] of leaves) {
    if (fieldsOfTheirOwn.has(path)) continue
    if (ofResource.has(path)) resource[path] = typedValue(path, value)
    else attributes[renamed.get(path) ?? path] = typedValue(path, value)
  }
  return {
    time: `${Date.parse(String(leaves.get('@timestamp')))}000000`,
    body: leaves.get('message'),
    severity: [severities[level] ?? 0, level],
    trace: String(leaves.get('trace.id')),
    resource,
    attributes: { ...attributes, 'elasticsearch.index': index, 'elasticsearch.document.id': id },
  }
}

const attributesOf = (list: unknown): Json =>
  Object.fromEntries(listOf(list).map(({ key, value }) => [String(key), goldenValue(value as Parameters<typeof goldenValue>[0])]))

/** The one record of a request, as protobufjs reads it. */
export function receivedLog(request: Buffer): PlainLog {
  const [resourceLogs = {}] = listOf((officialDecode(request, 'logs') as Json)['resourceLogs'])
  const [scopeLogs = {}] = listOf(resourceLogs['scopeLogs'])
  const [record = {}] = listOf(scopeLogs['logRecords'])
  const resource = isJson(resourceLogs['resource']) ? resourceLogs['resource'] : {}
  return {
    time: String(record['timeUnixNano']),
    body: goldenValue(record['body'] as Parameters<typeof goldenValue>[0]),
    severity: [Number(record['severityNumber']), String(record['severityText'])],
    trace: String(record['traceId']),
    resource: attributesOf(resource['attributes']),
    attributes: attributesOf(record['attributes']),
  }
}
