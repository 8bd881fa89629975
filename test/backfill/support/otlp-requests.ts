/** Requests of pages, and what of them arrived. */

import type { PageRequest } from '../../../src/backfill/model.ts'
import type { Signal } from '../../../src/otlp/intake.ts'
import { requestToJson } from '../../../src/otlp/json/to-json.ts'
import { jsonToRequest } from '../../../src/otlp/json/to-proto.ts'

/** A record, span or point: its number, and its time. */
export interface Item {
  readonly id: number
  readonly ms: number
}

const nanos = (ms: number): string => `${ms}000000`
const attribute = (key: string, value: string): object => ({ key, value: { stringValue: value } })

/** Log records; one resource for each service. */
export function logsPage(services: Readonly<Record<string, readonly Item[]>>): PageRequest {
  const resourceLogs = Object.entries(services).map(([service, items]) => ({
    resource: { attributes: [attribute('service.name', service)] },
    scopeLogs: [{ logRecords: items.map(({ id, ms }) => ({ timeUnixNano: nanos(ms), body: { stringValue: String(id) } })) }],
  }))
  return page('logs', { resourceLogs }, Object.values(services).flat().length)
}

/** Points of gauges with this many points each. */
export function metricsPage(items: readonly Item[], perMetric = 100, name = 'm'): PageRequest {
  const metrics = []
  for (let at = 0; at < items.length; at += perMetric) {
    const dataPoints = items.slice(at, at + perMetric).map(({ id, ms }) => ({ timeUnixNano: nanos(ms), asInt: String(id) }))
    metrics.push({ name: `${name}${at / perMetric}`, gauge: { dataPoints } })
  }
  return page(
    'metrics',
    { resourceMetrics: [{ resource: { attributes: [attribute('service.name', 's')] }, scopeMetrics: [{ metrics }] }] },
    items.length,
  )
}

export function tracesPage(items: readonly Item[]): PageRequest {
  const spans = items.map(({ id, ms }) => ({
    traceId: (id + 1).toString(16).padStart(32, '0'),
    spanId: (id + 1).toString(16).padStart(16, '0'),
    name: String(id),
    startTimeUnixNano: nanos(ms),
    endTimeUnixNano: nanos(ms + 1),
  }))
  const resourceSpans = [{ resource: { attributes: [attribute('service.name', 's')] }, scopeSpans: [{ scope: { name: 'x' }, spans }] }]
  return page('traces', { resourceSpans }, items.length)
}

function page(signal: Signal, request: object, items: number): PageRequest {
  return { signal, items, data: jsonToRequest(signal, Buffer.from(JSON.stringify(request)), 64) }
}

/** Numbered from 0, a second apart. */
export const items = (count: number, fromMs = 1_700_000_000_000): Item[] =>
  Array.from({ length: count }, (_, id) => ({ id, ms: fromMs + id * 1000 }))

/** The numbers of the items in a request, in their order. */
export function idsIn(signal: Signal, data: Uint8Array): number[] {
  const pattern = { traces: /"name":"(\d+)"/g, metrics: /"asInt":"(\d+)"/g, logs: /"body":\{"stringValue":"(\d+)"/g }[signal]
  return [...Buffer.from(requestToJson(signal, data)).toString().matchAll(pattern)].map(([, id]) => Number(id))
}
