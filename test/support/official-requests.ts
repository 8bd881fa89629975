/** Requests of the three signals as protobufjs reads and writes them, flattened into items for comparison. */

import { createRequire } from 'node:module'
import type { Signal } from '../../src/otlp/intake.ts'

interface MessageType {
  decode(bytes: Uint8Array): object
  encode(message: object): { finish(): Uint8Array }
  toObject(message: object, options: object): Record<string, unknown>
  fromObject(plain: object): object
}

interface Root {
  opentelemetry: {
    proto: {
      collector: {
        trace: { v1: { ExportTraceServiceRequest: MessageType } }
        metrics: { v1: { ExportMetricsServiceRequest: MessageType } }
        logs: { v1: { ExportLogsServiceRequest: MessageType } }
      }
    }
  }
}

const { collector } = (createRequire(import.meta.url)('@opentelemetry/otlp-transformer/build/src/generated/root') as Root).opentelemetry
  .proto

const types: Readonly<Record<Signal, MessageType>> = {
  traces: collector.trace.v1.ExportTraceServiceRequest,
  metrics: collector.metrics.v1.ExportMetricsServiceRequest,
  logs: collector.logs.v1.ExportLogsServiceRequest,
}

const names: Readonly<Record<Signal, readonly [group: string, scope: string, item: string]>> = {
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
}

type Plain = Record<string, unknown>

/** A request out of its groups: `{ resource, scopes: [{ scope, items }] }`. */
export interface PlainGroup {
  readonly resource?: object | undefined
  readonly schemaUrl?: string
  readonly scopes: readonly { readonly scope?: object | undefined; readonly items: readonly object[] }[]
}

/** Encodes with protobufjs. */
export function officialRequest(signal: Signal, groups: readonly PlainGroup[]): Uint8Array {
  const [group, scope, item] = names[signal]
  const plain = {
    [group]: groups.map(({ resource, schemaUrl = '', scopes }) => ({
      ...(resource === undefined ? {} : { resource }),
      schemaUrl,
      [scope]: scopes.map((one) => ({ ...(one.scope === undefined ? {} : { scope: one.scope }), [item]: one.items })),
    })),
  }
  return types[signal].encode(types[signal].fromObject(plain)).finish()
}

/** One item with all that stands above it. */
export interface OfficialItem {
  readonly resource: Plain | undefined
  readonly schemaUrl: unknown
  readonly scope: Plain | undefined
  readonly item: Plain
}

/** Every span, metric or log record of a request, in order, decoded with protobufjs. */
export function officialItems(signal: Signal, bytes: Uint8Array): OfficialItem[] {
  const [group, scope, item] = names[signal]
  const plain = types[signal].toObject(types[signal].decode(bytes), { longs: String, bytes: String, enums: Number })
  const lists = (value: unknown): Plain[] => (Array.isArray(value) ? value : []) as Plain[]
  return lists(plain[group]).flatMap((one) =>
    lists(one[scope]).flatMap((inner) =>
      lists(inner[item]).map((found) => ({
        resource: one['resource'] as Plain | undefined,
        schemaUrl: one['schemaUrl'],
        scope: inner['scope'] as Plain | undefined,
        item: found,
      })),
    ),
  )
}

/** Spans, data points or log records of one item. */
export function officialPoints(signal: Signal, { item }: OfficialItem): number {
  if (signal !== 'metrics') return 1
  return ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'].reduce(
    (sum, kind) => sum + (((item[kind] as Plain | undefined)?.['dataPoints'] as unknown[] | undefined)?.length ?? 0),
    0,
  )
}
