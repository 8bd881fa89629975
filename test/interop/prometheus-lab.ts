/**
 * Senders, the bridge, receivers. Prometheus 2 writes by remote-write 1.0, one Prometheus 3 by 2.0 and another by 1.0; what comes of it is with
 * further Prometheus 3, by their OTLP receivers, one for each way of naming metrics.
 */

import { setTimeout as delay } from 'node:timers/promises'
import type { Strategy } from '../../src/translate/prometheus/back.ts'
import type { ExemplarSeries, Series } from './prometheus-api.ts'
import { startWriteBridge, type WriteBridge } from './prometheus-bridge.ts'
import { type Prometheus, startNodeExporter, startPrometheus } from './prometheus-peers.ts'
import { startTarget, type Target } from './prometheus-target.ts'

/** Senders, by the label `cluster` that their series have at the receivers. */
export type Cluster = 'two-1.0' | 'three-2.0' | 'three-1.0'

export interface Sender {
  readonly cluster: Cluster
  readonly server: Prometheus
  /** The server to ask for what it stores, with the engine of Prometheus 3; that of version 3 itself. */
  readonly reader: Prometheus
  readonly jobs: readonly string[]
}

export interface Receiver {
  readonly strategy: Strategy
  readonly server: Prometheus
}

export interface Lab {
  readonly bridge: WriteBridge
  readonly receivers: readonly Receiver[]
  readonly senders: readonly Sender[]
  /** Grows, starts again, loses series. */
  readonly app: Target
  /** Goes down and comes back. */
  readonly short: Target
  stop(): Promise<void>
}

/** Labels that only receivers have. */
export const external = ['cluster', 'region'] as const

export interface LabOptions {
  /** Below `translate.prometheus`. */
  readonly translate?: object
  /** Scrape interval in seconds. */
  readonly interval: number
  readonly senders: readonly Cluster[]
  /** A receiver for each. */
  readonly strategies: readonly Strategy[]
}

const fixed = (target: string): object[] => [{ targets: [target] }]

/** Many shards that send small requests, so that the members of a histogram go different ways, after deadlines of `deadline` seconds. */
export const remoteWrite = (url: string, deadline: number, version: '1.0' | '2.0'): object => ({
  url,
  send_exemplars: true,
  send_native_histograms: true,
  ...(version === '2.0'
    ? { protobuf_message: 'io.prometheus.write.v2.Request' }
    : // Units that come after the first samples would give some series another name, half way.
      { metadata_config: { send: true, send_interval: '5s' } }),
  queue_config: {
    min_shards: 4,
    max_shards: 8,
    max_samples_per_send: 300,
    batch_send_deadline: `${deadline}s`,
    min_backoff: '100ms',
    max_backoff: '1s',
  },
})

/** A Prometheus 3 that scrapes nothing and takes OTLP. */
export const startReceiver = (strategy: Strategy): Promise<Prometheus> =>
  startPrometheus({
    major: 3,
    config: () => ({
      otlp: { translation_strategy: strategy },
      storage: { tsdb: { out_of_order_time_window: '30m' }, exemplars: { max_exemplars: 100_000 } },
    }),
    features: ['exemplar-storage'],
    flags: ['--web.enable-otlp-receiver'],
  })

interface Targets {
  readonly node: string
  readonly app: string
  readonly short: string
}

const commonJobs = (own: string, { node, app, short }: Targets): Record<string, object> => ({
  prometheus: { static_configs: fixed(own) },
  node: { static_configs: fixed(node) },
  app: { static_configs: fixed(app) },
  short: { static_configs: fixed(short) },
})

/** Native histograms: alone; beside their classic form; made of a classic one, with bounds of their own, which 1.0 has no words for. */
const nativeJobs = (own: string, { app }: Targets, version: '1.0' | '2.0'): Record<string, object> => ({
  native: { scrape_native_histograms: true, static_configs: fixed(own) },
  both: { scrape_native_histograms: true, always_scrape_classic_histograms: true, static_configs: fixed(own) },
  ...(version === '2.0'
    ? { custom: { scrape_native_histograms: true, convert_classic_histograms_to_nhcb: true, static_configs: fixed(app) } }
    : {}),
})

const deadlines: Record<Cluster, number> = { 'two-1.0': 1, 'three-2.0': 5, 'three-1.0': 2 }

async function startSender(cluster: Cluster, url: string, targets: Targets, interval: number): Promise<Omit<Sender, 'reader'>> {
  const version = cluster === 'three-2.0' ? '2.0' : '1.0'
  const major = cluster === 'two-1.0' ? 2 : 3
  const jobs = (port: number): Record<string, object> => ({
    ...commonJobs(`127.0.0.1:${port}`, targets),
    ...(major === 3 ? nativeJobs(`127.0.0.1:${port}`, targets, version) : {}),
  })
  const server = await startPrometheus({
    major,
    config: (port) => ({
      global: {
        scrape_interval: `${interval}s`,
        scrape_timeout: `${Math.min(interval, 2)}s`,
        external_labels: { cluster, region: 'here' },
      },
      storage: { exemplars: { max_exemplars: 100_000 } },
      scrape_configs: Object.entries(jobs(port)).map(([job_name, job]) => ({ job_name, ...job })),
      remote_write: [remoteWrite(url, deadlines[cluster], version)],
    }),
    features: major === 2 ? ['exemplar-storage', 'native-histograms'] : ['exemplar-storage', 'metadata-wal-records'],
  })
  return { cluster, server, jobs: Object.keys(jobs(0)) }
}

/** A Prometheus 3 that has nothing of its own and reads what another one stores. */
const startReader = ({ url }: Prometheus): Promise<Prometheus> =>
  startPrometheus({ major: 3, config: () => ({ remote_read: [{ url: `${url}/api/v1/read`, read_recent: true }] }) })

/** Closes what was started, the last first; throws the first fault once all is closed. */
export function createStops(): { add<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T>; stop(): Promise<void> } {
  const stops: (() => Promise<void>)[] = []
  return {
    async add(starting) {
      const one = await starting
      stops.unshift(() => one.stop())
      return one
    },
    async stop() {
      const faults: unknown[] = []
      for (const each of stops.splice(0)) await each().catch((fault: unknown) => faults.push(fault))
      if (faults.length > 0) throw faults[0]
    },
  }
}

export async function startLab({ translate = {}, interval, senders: clusters, strategies }: LabOptions): Promise<Lab> {
  const { add, stop } = createStops()
  try {
    const receivers: Receiver[] = []
    for (const strategy of strategies) receivers.push({ strategy, server: await add(startReceiver(strategy)) })
    const endpoints = receivers.map(({ strategy, server }) => [strategy.toLowerCase(), `${server.url}/api/v1/otlp`])
    const bridge = await add(startWriteBridge(Object.fromEntries(endpoints), translate))
    const node = await add(startNodeExporter())
    const [app, short] = [await add(startTarget()), await add(startTarget())]
    const targets: Targets = { node: node.target, app: app.target, short: short.target }
    const senders: Sender[] = []
    for (const cluster of clusters) {
      const started = await startSender(cluster, bridge.url, targets, interval)
      await add(Promise.resolve(started.server))
      senders.push({ ...started, reader: cluster === 'two-1.0' ? await add(startReader(started.server)) : started.server })
    }
    return { bridge, receivers, senders, app, short, stop }
  } catch (error) {
    await stop().catch(() => {})
    throw error
  }
}

/** Seconds since 1970. */
export interface Window {
  readonly start: number
  readonly end: number
}

/** Waits, doing each of `events` at its part (0 to 1) of the time. */
export async function runFor(seconds: number, events: readonly (readonly [part: number, event: () => unknown])[]): Promise<Window> {
  const start = Date.now()
  for (const [part, event] of [...events, [1, () => undefined] as const].sort(([a], [b]) => a - b)) {
    await delay(Math.max(0, start + part * seconds * 1000 - Date.now()))
    await event()
  }
  return { start: Math.ceil(start / 1000), end: Math.floor(Date.now() / 1000) }
}

/** Exemplars as series of samples, one for each exemplar: its labels and time with the series', so that they compare as samples do. */
export const exemplarSeries = (answer: readonly ExemplarSeries[]): Series[] =>
  answer.flatMap(({ seriesLabels, exemplars }) =>
    exemplars.map(({ labels, value, timestamp }) => ({
      metric: {
        ...seriesLabels,
        ...Object.fromEntries(Object.entries(labels).map(([name, text]) => [`exemplar_${name}`, text])),
        at: String(timestamp),
      },
      values: [[0, value] as const],
    })),
  )
