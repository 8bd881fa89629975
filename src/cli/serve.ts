/** `otlp-bridge serve`: runs the bridge until a signal. */

import { type Config, type ConfigOptions, loadBridgeConfig } from '../config/compose.ts'
import { maskUserinfo } from '../config/mask.ts'
import { queueSettings } from '../emit/config.ts'
import { type Pipeline, startPipeline } from '../pipeline.ts'
import { createLog } from '../telemetry/log.ts'
import type { Io } from './io.ts'
import { version } from './version.ts'

/** Time for requests under way and for the queue to drain; under the 30 s after which orchestrators kill. */
const stopDeadlineMs = 20_000

const once = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

/** The start-up table: what goes where, and every address that is listened on. */
export function startTable(config: Config, pipeline: Pick<Pipeline, 'listeners'>): string {
  const { type, path, ack } = queueSettings(config.queue)
  const rows: [string, string][] = pipeline.listeners.map(({ section, addresses }) => [section, addresses.join('  ')])
  rows.push(['queue', type === 'disk' ? `${path} (disk, ack: ${ack})` : `memory, ack: ${ack}`])
  rows.push(['emit', `${maskUserinfo(config.emit.tracesEndpoint ?? config.emit.endpoint)} (${config.emit.protocol})`])
  const width = Math.max(...rows.map(([name]) => name.length))
  return `otlp-bridge ${version}\n${rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}\n`).join('')}`
}

/** Starts, prints the table on stderr (or log lines, where the log is JSON), runs until SIGINT or SIGTERM, drains, stops. */
export async function serve(options: ConfigOptions, io: Io): Promise<number> {
  const config = await loadBridgeConfig(options, io.env, { files: true })
  const log = createLog({ ...config.log, terminal: io.terminal })
  const signal = io.takeSignals()
  const pipeline = await startPipeline(config, { log, version, nowMs: Date.now, random: Math.random })
  const pretty = config.log.format === 'pretty' || (config.log.format === 'auto' && io.terminal)
  if (!pretty) for (const one of pipeline.listeners) log.info(one, 'listening')
  else io.err(startTable(config, pipeline))

  await once(signal)
  log.info({}, 'stopping: no new requests, the queue drains; a second signal stops at once')
  const { left, lost } = await pipeline.stop(stopDeadlineMs)
  if (lost > 0) log.error({ items: lost }, 'stopped; what the memory queue still held is lost')
  else log.info({ items: left }, left === 0 ? 'stopped; the queue is empty' : 'stopped; items wait on disk for the next start')
  return lost > 0 ? 1 : 0
}
