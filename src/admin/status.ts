/** What the live page shows, as JSON at `/api/status`. Totals since start; the page makes rates of them. */

import type { Health, Reason } from '../telemetry/health.ts'
import type { BooksSums, Cell, HistogramCell, MetricName, Metrics } from '../telemetry/metrics.ts'

/** Where the bridge listens: section of the configuration and addresses. */
export interface ListenerStatus {
  readonly section: string
  readonly addresses: readonly string[]
}

/** One destination's place in the queue. */
export interface LaneStatus {
  readonly batches: number
  readonly items: number
  readonly bytes: number
  readonly maxBytes: number
  /** Age of the oldest batch in milliseconds; absent when nothing waits. */
  readonly oldestMs?: number
  readonly deadItems: number
}

/** The whole queue. */
export interface QueueStatus extends LaneStatus {
  readonly type: string
  readonly ack: string
  readonly fault?: string
}

export interface DestinationStatus {
  readonly name: string
  readonly endpoint: string
  readonly protocol: string
  /** Why it takes nothing now; absent when all is well or nothing was tried yet. */
  readonly fault?: string
  /** What waits for it. */
  readonly queue?: LaneStatus
}

/** One of several processes that do the work. */
export interface WorkerStatus {
  /** From 1. */
  readonly worker: number
  /** Absent while it is not running. */
  readonly pid?: number
  readonly state: 'starting' | 'running' | 'down' | 'stopping'
  /** When this process of it was started. */
  readonly sinceMs: number
  readonly restarts: number
  /** Items received a second, over the last seconds. */
  readonly itemsPerSecond: number
  readonly memoryBytes: number
}

/** What the rest of the program tells the admin port. */
export interface StatusSource {
  readonly version: string
  readonly startedMs: number
  listeners(): readonly ListenerStatus[]
  queue(): QueueStatus
  destinations(): readonly DestinationStatus[]
  /**
   * A page of a listener, by its path below `/api/`; undefined when no listener that runs has it. Rejects when it cannot be had now.
   * @param query the last value of each key
   */
  page?(path: string, query: Readonly<Record<string, string>>): Promise<{ readonly content: unknown } | undefined>
  /** Only of a bridge with several workers. */
  readonly workers?: () => readonly WorkerStatus[]
}

/** Sums over all formats and destinations. */
export interface Totals {
  readonly received: number
  readonly delivered: number
  readonly refused: number
  readonly dropped: number
  readonly dead: number
  readonly refusedRequests: number
}

interface Counted {
  readonly reason: string
  readonly format: string
  /** Absent: for all. */
  readonly destination?: string
  readonly value: number
}

/** The answer of `/api/status`. */
export interface Status {
  readonly version: string
  readonly startedMs: number
  readonly nowMs: number
  readonly ready: boolean
  readonly reasons: readonly Reason[]
  /** What somebody should look at although everything works. */
  readonly warnings: readonly Reason[]
  /** Absent when one process does everything. */
  readonly workers?: readonly WorkerStatus[]
  readonly listeners: readonly ListenerStatus[]
  readonly queue: QueueStatus
  readonly destinations: readonly (DestinationStatus & {
    readonly delivered: number
    readonly rejected: number
    readonly retries: number
    readonly requests: Readonly<Record<string, number>>
  })[]
  /** Items since the start: what was received counts once, what was delivered once for each destination. */
  readonly totals: Totals
  /** Items by format, signal and destination, and `requests` that were refused whole, whose items nobody knows. */
  readonly formats: readonly (BooksSums & { readonly requests: number; readonly bytes: number; readonly refusedRequests: number })[]
  readonly losses: {
    readonly refused: readonly Counted[]
    readonly refusedRequests: readonly Counted[]
    readonly dropped: readonly Counted[]
    readonly dead: readonly Counted[]
    readonly notes: readonly Counted[]
  }
  /** Legacy clients seen, most items first, at most 20. */
  readonly clients: readonly { readonly format: string; readonly service: string; readonly items: number }[]
  readonly memoryBytes: number
}

type Series = ReadonlyMap<MetricName, readonly (Cell | HistogramCell)[]>

const cellsOf = (series: Series, name: MetricName): readonly Cell[] =>
  (series.get(name) ?? []).filter((cell): cell is Cell => 'value' in cell && cell.value > 0)

const sum = (cells: readonly Cell[], label: string, value: string): number =>
  cells.reduce((total, cell) => total + (cell.labels[label] === value ? cell.value : 0), 0)

const counted = (cells: readonly Cell[]): Counted[] =>
  cells
    .map(({ labels, value }) => ({
      reason: labels['reason'] ?? '',
      format: labels['format'] ?? '',
      ...(labels['destination'] === undefined ? {} : { destination: labels['destination'] }),
      value,
    }))
    .sort((a, b) => b.value - a.value)
    .slice(0, 50)

/** Reads everything at one moment. */
export function readStatus(source: StatusSource, metrics: Metrics, health: Pick<Health, 'reasons' | 'warnings'>, nowMs: number): Status {
  const reasons = health.reasons()
  const workers = source.workers?.()
  const series = metrics.collect()
  const of = (name: MetricName): readonly Cell[] => cellsOf(series, name)
  const [requests, bytes, refusedRequests] = [
    of('otlp_bridge_received_requests_total'),
    of('otlp_bridge_received_bytes_total'),
    of('otlp_bridge_refused_requests_total'),
  ]
  const sums = metrics.sums()
  const known = new Set(sums.map((one) => one.format))
  const silent = [...new Set(requests.map((cell) => cell.labels['format'] ?? ''))].filter((format) => !known.has(format))
  for (const format of silent) sums.push(noItems(format))
  return {
    version: source.version,
    startedMs: source.startedMs,
    nowMs,
    ready: reasons.length === 0,
    reasons,
    warnings: health.warnings(),
    ...(workers === undefined ? {} : { workers }),
    listeners: source.listeners(),
    queue: source.queue(),
    destinations: source.destinations().map((one) => destination(one, of)),
    totals: {
      received: metrics.total('otlp_bridge_received_items_total'),
      delivered: metrics.total('otlp_bridge_delivered_items_total'),
      refused: metrics.total('otlp_bridge_refused_items_total'),
      dropped: metrics.total('otlp_bridge_dropped_items_total'),
      dead: metrics.total('otlp_bridge_dead_items_total'),
      refusedRequests: metrics.total('otlp_bridge_refused_requests_total'),
    },
    formats: sums.map((one) => ({
      ...one,
      requests: sum(requests, 'format', one.format),
      bytes: sum(bytes, 'format', one.format),
      refusedRequests: sum(refusedRequests, 'format', one.format),
    })),
    losses: {
      refused: counted(of('otlp_bridge_refused_items_total')),
      refusedRequests: counted(refusedRequests),
      dropped: counted(of('otlp_bridge_dropped_items_total')),
      dead: counted(of('otlp_bridge_dead_items_total')),
      notes: counted(of('otlp_bridge_notes_total')),
    },
    clients: of('otlp_bridge_clients_items_total')
      .map((cell) => ({ format: cell.labels['format'] ?? '', service: cell.labels['service'] ?? '', items: cell.value }))
      .sort((a, b) => b.items - a.items)
      .slice(0, 20),
    memoryBytes: process.memoryUsage.rss() + (workers ?? []).reduce((total, one) => total + one.memoryBytes, 0),
  }
}

const noItems = (format: string): BooksSums => ({
  format,
  signal: '',
  destination: '',
  received: 0,
  carried: 0,
  recovered: 0,
  delivered: 0,
  queued: 0,
  consumed: 0,
  dead: 0,
  dropped: 0,
  refused: 0,
  elsewhere: 0,
  held: 0,
  balance: 0,
})

function destination(one: DestinationStatus, of: (name: MetricName) => readonly Cell[]): Status['destinations'][number] {
  const requests: Record<string, number> = {}
  for (const cell of of('otlp_bridge_sent_requests_total')) {
    if (cell.labels['destination'] !== one.name) continue
    const outcome = cell.labels['outcome'] ?? ''
    requests[outcome] = (requests[outcome] ?? 0) + cell.value
  }
  return {
    ...one,
    delivered: sum(of('otlp_bridge_delivered_items_total'), 'destination', one.name),
    rejected: sum(of('otlp_bridge_rejected_items_total'), 'destination', one.name),
    retries: sum(of('otlp_bridge_retries_total'), 'destination', one.name),
    requests,
  }
}
