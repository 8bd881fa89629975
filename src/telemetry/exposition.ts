/** Our cells as Prometheus text. prom-client is loaded at the first scrape: 20 MB that a bridge nobody scrapes need not spend. */

import type { Registry } from 'prom-client'
import { metricTable } from './metric-table.ts'
import { type Cell, type HistogramCell, type Metrics, stageBounds } from './metrics.ts'

interface Sample {
  readonly value: number
  readonly labels: Readonly<Record<string, string | number>>
  readonly metricName?: string
}

/** What prom-client's registry asks of a metric; our cells are the metric, so nothing is counted twice. */
interface ForeignMetric {
  readonly name: string
  get(): Promise<{ name: string; help: string; type: string; values: Sample[]; aggregator: string }>
}

const isHistogram = (cell: Cell | HistogramCell): cell is HistogramCell => 'counts' in cell

function histogramSamples(name: string, cell: HistogramCell): Sample[] {
  const samples: Sample[] = []
  let count = 0
  for (let at = 0; at <= stageBounds.length; at++) {
    count += cell.counts[at] ?? 0
    samples.push({ metricName: `${name}_bucket`, labels: { ...cell.labels, le: stageBounds[at] ?? '+Inf' }, value: count })
  }
  samples.push({ metricName: `${name}_sum`, labels: cell.labels, value: cell.sum })
  samples.push({ metricName: `${name}_count`, labels: cell.labels, value: count })
  return samples
}

interface ProcessRow {
  readonly type: 'counter' | 'gauge'
  readonly help: string
  read(usage: ProcessUsage): number
}

/** What a process uses; of several processes the sum. */
export interface ProcessUsage {
  readonly cpuSeconds: number
  readonly residentBytes: number
  readonly heapUsedBytes: number
}

/** What this process uses now. */
export function ownUsage(): ProcessUsage {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed } = process.memoryUsage()
  return { cpuSeconds: (user + system) / 1e6, residentBytes: rss, heapUsedBytes: heapUsed }
}

/** Of the process, under the names that dashboards for Prometheus clients know. */
const processRows: Readonly<Record<string, ProcessRow>> = {
  process_cpu_seconds_total: { type: 'counter', help: 'User and system CPU time spent, in seconds.', read: (usage) => usage.cpuSeconds },
  process_resident_memory_bytes: { type: 'gauge', help: 'Resident memory.', read: (usage) => usage.residentBytes },
  process_start_time_seconds: { type: 'gauge', help: 'Start of the process, Unix time.', read: () => Date.now() / 1000 - process.uptime() },
  nodejs_heap_size_used_bytes: { type: 'gauge', help: 'Used part of the JavaScript heap.', read: (usage) => usage.heapUsedBytes },
}

export interface Exposition {
  /** Value of the content-type header. */
  readonly contentType: string
  readonly text: string
}

/** Creates the function that answers one scrape; it reads the cells, refreshed, at each call. @param usage of all processes there are */
export function createExposition(metrics: Pick<Metrics, 'collect'>, usage: () => ProcessUsage = ownUsage): () => Promise<Exposition> {
  let registry: Promise<Registry> | undefined
  let collected: ReturnType<Metrics['collect']> = new Map()
  let used: ProcessUsage = { cpuSeconds: 0, residentBytes: 0, heapUsedBytes: 0 }

  const create = async (): Promise<Registry> => {
    const { Registry } = await import('prom-client')
    const made = new Registry()
    const add = (name: string, type: string, help: string, values: () => Sample[]): void => {
      const metric: ForeignMetric = { name, get: async () => ({ name, help, type, values: values(), aggregator: 'sum' }) }
      made.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0])
    }
    for (const [name, row] of Object.entries(metricTable)) {
      add(name, row.kind, row.help, () =>
        (collected.get(name as keyof typeof metricTable) ?? []).flatMap((cell) =>
          isHistogram(cell) ? histogramSamples(name, cell) : [{ labels: cell.labels, value: cell.value }],
        ),
      )
    }
    for (const [name, row] of Object.entries(processRows)) add(name, row.type, row.help, () => [{ labels: {}, value: row.read(used) }])
    return made
  }

  return async () => {
    const made = await (registry ??= create())
    collected = metrics.collect()
    used = usage()
    return { contentType: made.contentType, text: await made.metrics() }
  }
}
