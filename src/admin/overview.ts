/** The overview: how every endpoint and both of its sides are doing at this moment. */

import { endpointOf, isMirror } from '../books/endpoint.ts'
import { printCount } from '../telemetry/figures.ts'
import type { Health } from '../telemetry/health.ts'
import type { BooksSums, Cell, MetricName, Metrics } from '../telemetry/metrics.ts'
import type { ApiReason, BooksRow, EndpointStatus, Overview, SideStatus } from './api.ts'
import { acknowledges, countersOf, takesData, unitOf } from './endpoints.ts'
import type { Flow } from './flow.ts'
import type { ApiSources } from './sources.ts'
import type { StatusSource } from './status.ts'

export interface OverviewDeps {
  readonly metrics: Metrics
  readonly health: Pick<Health, 'reasons' | 'warnings'>
  readonly status: StatusSource
  readonly sources: ApiSources
  readonly flow: Flow
  readonly nowMs: () => number
  readonly instance: string
}

export interface OverviewReader {
  /** Notes how the counters stand, for rates and charts. */
  note(): void
  /** Everything at one moment; notes it as well. */
  read(): Overview
}

const iso = (ms: number): string => new Date(ms).toISOString()

const rowOf = (one: BooksSums): BooksRow => ({
  format: one.format,
  side: isMirror(one.destination) ? 'old' : 'new',
  received: one.received + one.carried + one.recovered,
  delivered: one.delivered,
  queued: one.queued + one.held,
  dead: one.dead,
  refused: one.refused,
  shed: one.dropped,
  skipped: one.elsewhere + one.consumed,
  open: one.balance,
})

/** Where the page shows more about a part. */
const links: Readonly<Record<string, string>> = { emit: '#/', books: '#/', mirror: '#/cutover', queue: '#/dead' }

/** Remembers since when each reason holds; figures in a sentence change while it stays the same one. */
function createSince(nowMs: () => number): (reasons: readonly ApiReason[]) => ApiReason[] {
  let known = new Map<string, number>()
  return (reasons) => {
    const next = new Map<string, number>()
    const out = reasons.map((one) => {
      const key = `${one.code} ${one.text.replaceAll(/\d+/g, '#')}`
      const since = known.get(key) ?? nowMs()
      next.set(key, since)
      return { ...one, since: iso(since) }
    })
    known = next
    return out
  }
}

export function createOverview(deps: OverviewDeps): OverviewReader {
  const { metrics, health, status, sources, flow, nowMs, instance } = deps
  const since = createSince(nowMs)

  const countersNow = () => {
    const series = metrics.collect()
    const cells = (name: MetricName): Cell[] => (series.get(name) ?? []).filter((cell): cell is Cell => 'value' in cell)
    const sums = metrics.sums()
    const age = (status.queue().oldestMs ?? 0) / 1000
    const counters = countersOf(sums, cells('otlp_bridge_received_requests_total'), cells('otlp_bridge_received_bytes_total'), age)
    flow.note(counters)
    return { sums, counters, clients: cells('otlp_bridge_clients_items_total') }
  }

  /** The new side: one queue for all endpoints, but each has its own items in it. */
  const newSide = (endpoint: string, queueItems: number, dead: number): SideStatus => {
    const queue = status.queue()
    const faults = status.destinations().flatMap(({ fault }) => (fault === undefined ? [] : [fault]))
    const fault = queue.fault ?? faults[0]
    const oldest = queueItems > 0 && queue.oldestMs !== undefined ? queue.oldestMs / 1000 : null
    return {
      state: fault !== undefined ? 'down' : (oldest ?? 0) > 60 ? 'slow' : 'up',
      acknowledges: true,
      deliveredPerMinute: flow.rate(endpoint, 'newItems'),
      queueItems,
      queueBytes: queue.items > 0 ? Math.round((queue.bytes * Math.min(queueItems, queue.items)) / queue.items) : 0,
      oldestAgeSeconds: oldest,
      timeToFullSeconds: timeToFull(queue.bytes, queue.maxBytes, queueItems > 0 && fault !== undefined),
      deadItems: dead,
      breaker: faults.length > 0 && faults.length === status.destinations().length ? 'open' : 'closed',
      ...(fault === undefined ? {} : { lastError: { text: fault, count: 1 } }),
    }
  }

  /** Only said while nothing leaves: what goes out later is not known. */
  const timeToFull = (bytes: number, maxBytes: number, stuck: boolean): number | null => {
    const perMinute = flow.rate(undefined, 'bytes')
    return stuck && perMinute > 0 && maxBytes > bytes ? Math.round(((maxBytes - bytes) / perMinute) * 60) : null
  }

  const endpointsNow = ({ sums, counters, clients }: ReturnType<typeof countersNow>): EndpointStatus[] => {
    const { mirror } = sources
    const listening = new Map(
      status
        .listeners()
        .flatMap(({ section, addresses }) => (section.startsWith('ingest.') ? [[section.slice(7), addresses.join(', ')]] : [])) as [
        string,
        string,
      ][],
    )
    const names = new Set([...listening.keys(), ...counters.keys(), ...(mirror?.cutover.list() ?? []).map((one) => one.endpoint)])
    return [...names].filter(takesData).map((name) => {
      const own = counters.get(name)
      const state = mirror?.cutover.of(name)
      const old = mirror?.status(name)
      const dead = sums.reduce((sum, one) => sum + (!isMirror(one.destination) && endpointOf(one.format) === name ? one.dead : 0), 0)
      const services = new Set(
        clients.filter((cell) => endpointOf(cell.labels['format'] ?? '') === name).map((cell) => cell.labels['service']),
      )
      return {
        id: `ingest.${name}`,
        ...(state === undefined ? {} : { mirror: name, phase: state.phase, answer: state.answer }),
        formats: [...(own?.formats ?? [])],
        listening: listening.get(name) ?? '',
        unit: unitOf(name),
        inPerMinute: flow.rate(name, 'items'),
        bytesPerMinute: flow.rate(name, 'bytes'),
        received: own?.items ?? 0,
        clients: sources.clients?.count(name) ?? services.size,
        ...(old === undefined ? {} : { old: { ...old, acknowledges: old.acknowledges && acknowledges(name) } }),
        new: newSide(name, own?.queueItems ?? 0, dead),
      }
    })
  }

  const healthNow = (endpoints: readonly EndpointStatus[], deadItems: number): Overview['health'] => {
    const reasonOf = (state: ApiReason['state'], { part, reason }: { readonly part: string; readonly reason: string }): ApiReason => ({
      code: part,
      text: reason,
      state,
      ...(links[part] === undefined ? {} : { link: links[part] }),
    })
    const broken = health.reasons().map((one) => reasonOf('broken', one))
    const degraded = health.warnings().map((one) => reasonOf('degraded', one))
    for (const { mirror, old, unit } of endpoints) {
      if (mirror === undefined || old === undefined || old.state === 'up' || old.state === 'off') continue
      const waits = `${printCount(old.queueItems)} ${unit} wait, nothing is lost`
      // What is slow has answered since: its last error may be long over.
      const why = old.state === 'down' && old.lastError !== undefined ? `: ${old.lastError.text}` : ''
      const text = `the old side of ${mirror} is ${old.state}${why} — ${waits}`
      degraded.push({ code: 'mirror', text, state: 'degraded', link: '#/cutover' })
    }
    if (deadItems > 0)
      degraded.push({
        code: 'dead',
        text: `${printCount(deadItems)} items are set aside: no side took them`,
        state: 'degraded',
        link: '#/dead',
      })
    const reasons = since([...broken, ...degraded])
    return { state: broken.length > 0 ? 'broken' : degraded.length > 0 ? 'degraded' : 'ok', reasons }
  }

  return {
    note: () => void countersNow(),
    read() {
      const now = countersNow()
      const endpoints = endpointsNow(now)
      const rows = [...now.sums.map(rowOf), ...(sources.mirror?.books?.() ?? [])]
      const queue = status.queue()
      const deadItems = queue.deadItems
      const atMs = nowMs()
      return {
        at: iso(atMs),
        instance,
        version: status.version,
        uptimeSeconds: Math.max(0, Math.round((atMs - status.startedMs) / 1000)),
        health: healthNow(endpoints, deadItems),
        endpoints,
        books: { balanced: rows.every((row) => row.open === 0), rows },
        deadItems,
        queue: { items: queue.items, bytes: queue.bytes, maxBytes: queue.maxBytes, type: queue.type },
        memoryBytes: process.memoryUsage.rss() + (status.workers?.() ?? []).reduce((total, one) => total + one.memoryBytes, 0),
      }
    },
  }
}
