/** What there is to say of an endpoint, and its counters. Counters know formats; the page shows endpoints. */

import { endpointOf, endpointOfMirror } from '../books/endpoint.ts'
import type { BooksSums, Cell } from '../telemetry/metrics.ts'

/** How an endpoint's items are called. */
export type Unit = 'spans' | 'samples' | 'documents' | 'items'

/** Whether the protocol has an answer: of datagrams what is sent is all that is known. */
export const acknowledges = (endpoint: string): boolean => !['jaeger.compact', 'jaeger.binary', 'jaeger.zipkin'].includes(endpoint)

/** Listeners that take no data. */
const silent = new Set(['jaeger.sampling', 'jaeger.samplingGrpc', 'jaeger.health'])

export const takesData = (endpoint: string): boolean => !silent.has(endpoint)

export function unitOf(endpoint: string): Unit {
  if (endpoint === 'zipkin' || endpoint.startsWith('jaeger')) return 'spans'
  if (endpoint === 'prometheus') return 'samples'
  return endpoint === 'elasticsearch' || endpoint === 'beats' ? 'documents' : 'items'
}

/** Totals of an endpoint; of several destinations, the one that has got least. */
export interface Counters {
  items: number
  bytes: number
  newItems: number
  oldItems: number
  queueItems: number
  ageSeconds: number
  readonly formats: Set<string>
}

const none = (): Counters => ({ items: 0, bytes: 0, newItems: 0, oldItems: 0, queueItems: 0, ageSeconds: 0, formats: new Set() })

/**
 * Adds up by endpoint.
 * @param binaryOverUdp the format `jaeger-thrift-binary` comes over HTTP and as datagrams; where only the agent's port got any, it is that
 * @param ageSeconds of the oldest in the queue
 */
export function countersOf(
  sums: readonly BooksSums[],
  requests: readonly Cell[],
  bytes: readonly Cell[],
  ageSeconds: number,
): ReadonlyMap<string, Counters> {
  const transports = new Set(
    requests.filter((cell) => cell.labels['format'] === 'jaeger-thrift-binary' && cell.value > 0).map((cell) => cell.labels['transport']),
  )
  const binary = transports.has('udp') && !transports.has('http') ? 'jaeger.binary' : 'jaeger.http'
  const of = (format: string): string => (format === 'jaeger-thrift-binary' ? binary : endpointOf(format))
  const all = new Map<string, Counters>()
  const at = (endpoint: string): Counters => {
    let found = all.get(endpoint)
    if (found === undefined) all.set(endpoint, (found = none()))
    return found
  }
  const lines = new Map<string, BooksSums[]>()
  for (const one of sums) {
    const mirrored = endpointOfMirror(one.destination)
    if (mirrored !== undefined) {
      at(mirrored).oldItems += one.delivered
      continue
    }
    const key = `${one.format}\n${one.signal}`
    const found = lines.get(key)
    if (found === undefined) lines.set(key, [one])
    else found.push(one)
  }
  for (const group of lines.values()) {
    const [first] = group
    if (first === undefined) continue
    const counters = at(of(first.format))
    counters.formats.add(first.format)
    counters.items += first.received
    counters.newItems += Math.min(...group.map((one) => one.delivered + one.elsewhere))
    const queued = Math.max(...group.map((one) => one.queued + one.held))
    counters.queueItems += queued
    if (queued > 0) counters.ageSeconds = ageSeconds
  }
  for (const cell of bytes) {
    const format = cell.labels['format'] ?? ''
    if (format !== '') at(of(format)).bytes += cell.value
  }
  return all
}
