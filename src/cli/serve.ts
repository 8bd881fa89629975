/** `otlp-bridge serve`: runs the bridge until a signal. */

import { type Config, type ConfigOptions, loadBridgeConfig, readBridgeConfig } from '../config/compose.ts'
import { maskUserinfo } from '../config/mask.ts'
import { printByteSize } from '../config/units.ts'
import { queueSettings } from '../emit/config.ts'
import { destinationsOf } from '../emit/destinations.ts'
import { watchFiles } from '../net/watch-files.ts'
import type { Pipeline } from '../pipeline.ts'
import { createLog, type LevelledLog } from '../telemetry/log.ts'
import { collectStartGarbage } from '../telemetry/start-garbage.ts'
import type { Io } from './io.ts'
import { createReloader } from './reloading.ts'
import { version } from './version.ts'

/** Time for requests under way and for the queue to drain; under the 30 s after which orchestrators kill. */
export const stopDeadlineMs = 20_000

/** How often the file is looked at. */
const lookEveryMs = 1000

export interface ServeOptions extends ConfigOptions {
  /** How many processes do the work; 1, the default: this one. */
  readonly workers?: number
}

/** What runs: one process, or several that speak with one voice. */
type Running = Pick<Pipeline, 'metrics' | 'health' | 'listeners' | 'reload' | 'stop'>

const once = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

const queueText = (config: Config, workers: number): string => {
  const { type, path, ack, maxSize, kafka } = queueSettings(config.queue)
  if (type === 'disk') return `${path} (disk, ack: ${ack})`
  if (type === 'kafka') return `${kafka.topicPrefix}_… on ${kafka.brokers.join(', ')} (kafka, ack: ${ack})`
  return workers === 1 ? `memory, ack: ${ack}` : `memory, ack: ${ack}, ${printByteSize(Math.floor(maxSize / workers))} for each worker`
}

const emitRows = ({ emit }: Config): [string, string][] => {
  const destinations = destinationsOf(emit)
  return destinations.map(({ name, endpoints, protocol }) => [
    destinations.length === 1 ? 'emit' : `emit ${name}`,
    `${endpoints.map(({ url }) => maskUserinfo(url)).join(', ')} (${protocol})`,
  ])
}

/** The start-up table: what goes where, and every address that is listened on. */
export function startTable(config: Config, running: Pick<Running, 'listeners'>, workers = 1): string {
  const rows: [string, string][] = running.listeners.map(({ section, addresses }) => [section, addresses.join('  ')])
  rows.push(['queue', queueText(config, workers)])
  rows.push(...emitRows(config))
  if (workers > 1) rows.push(['workers', String(workers)])
  const width = Math.max(...rows.map(([name]) => name.length))
  return `otlp-bridge ${version}\n${rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}\n`).join('')}`
}

async function start(config: Config, workers: number, log: LevelledLog, terminal: boolean): Promise<Running> {
  const deps = { log, version, nowMs: Date.now, setLogLevel: log.setLevel }
  if (workers === 1) return (await import('../pipeline.ts')).startPipeline(config, { ...deps, random: Math.random })
  const [{ startFleet }, { spawnWorker }] = await Promise.all([import('../workers/fleet.ts'), import('../workers/spawn.ts')])
  return startFleet(config, { ...deps, workers, spawn: spawnWorker, terminal })
}

/** Reads the configuration again on SIGHUP and when its file has changed, until called back. */
async function followChanges(config: Config, options: ConfigOptions, running: Running, log: LevelledLog, io: Io): Promise<() => void> {
  const reloader = createReloader(config, {
    read: () => readBridgeConfig(options, io.env, { files: true }),
    apply: (next) => running.reload(next),
    metrics: running.metrics,
    health: running.health,
    log,
  })
  io.takeHangups(() => void reloader.reload())
  const files = options.config === undefined ? [] : [options.config]
  const watch = await watchFiles({ files, intervalMs: lookEveryMs, onChange: reloader.reload })
  return watch.close
}

/** Starts, prints the table on stderr (or log lines, where the log is JSON), runs until SIGINT or SIGTERM, drains, stops. */
export async function serve(options: ServeOptions, io: Io): Promise<number> {
  const config = await loadBridgeConfig(options, io.env, { files: true })
  const log = createLog({ ...config.log, terminal: io.terminal })
  const workers = options.workers ?? 1
  const signal = io.takeSignals()
  const running = await start(config, workers, log, io.terminal)
  const pretty = config.log.format === 'pretty' || (config.log.format === 'auto' && io.terminal)
  if (pretty) io.err(startTable(config, running, workers))
  else for (const one of running.listeners) log.info(one, 'listening')
  const ignoreChanges = await followChanges(config, options, running, log, io)
  collectStartGarbage()

  await once(signal)
  ignoreChanges()
  log.info({}, 'stopping: no new requests, the queue drains; a second signal stops at once')
  const { left, lost } = await running.stop(stopDeadlineMs)
  if (lost > 0) log.error({ items: lost }, 'stopped; what the memory queue still held is lost')
  else log.info({ items: left }, left === 0 ? 'stopped; the queue is empty' : 'stopped; items wait on disk for the next start')
  return lost > 0 ? 1 : 0
}
