/** The oversight of a bridge with several workers: the switches and the books are files that all of them share, the counts come from their reports. */

import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../config/compose.ts'
import type { RunningCutover } from '../cutover/state.ts'
import { queueSettings } from '../emit/config.ts'
import type { LaneStats } from '../emit/queue/queue.ts'
import { mirrorsOf } from '../mirror/config.ts'
import type { Oversight, QueueLane } from '../oversight/oversight.ts'
import type { Logger } from '../telemetry/log.ts'
import type { MetricName } from '../telemetry/metrics.ts'
import type { Ledger } from './ledger.ts'

export interface OverseerDeps {
  readonly log: Logger
  /** Wall clock in milliseconds. */
  readonly nowMs: () => number
  readonly instanceId: string
  readonly ledger: Pick<Ledger, 'metrics' | 'destinations'>
  readonly config: () => Config
}

export interface Overseer extends Pick<Oversight, 'sources' | 'reasons' | 'warnings'> {
  /** After a change of the configuration. */
  reload(): Promise<void>
  stop(): void
}

/** Where the switches of a bridge are that has several processes: beside the queue, else in the folder for temporary files, for as long as it runs. */
export function switchesOf(config: Config, instanceId: string): string {
  const { type, path } = queueSettings(config.queue)
  return type === 'disk' ? join(path, 'cutover.json') : join(tmpdir(), `otlp-bridge-${instanceId}`, 'cutover.json')
}

/** Opens it. */
export async function createOverseer(deps: OverseerDeps): Promise<Overseer> {
  const { log, nowMs, config } = deps
  const { metrics } = deps.ledger
  const [{ createOversight }, { createCutover }, { allConfigured }] = await Promise.all([
    import('../oversight/oversight.ts'),
    import('../cutover/state.ts'),
    import('../sides.ts'),
  ])

  const gauge = (name: MetricName, destination: string): number =>
    (metrics.collect().get(name) ?? []).reduce(
      (sum, one) => sum + ('value' in one && one.labels['destination'] === destination ? one.value : 0),
      0,
    )

  const ofMirror = (destination: string, maxBytes: number): LaneStats => {
    const items = gauge('otlp_bridge_mirror_queue_items', destination)
    const age = gauge('otlp_bridge_mirror_queue_oldest_age_seconds', destination)
    return {
      batches: gauge('otlp_bridge_mirror_queue_batches', destination),
      items,
      bytes: gauge('otlp_bridge_mirror_queue_bytes', destination),
      maxBytes,
      oldestMs: age > 0 ? age * 1000 : undefined,
      deadItems: gauge('otlp_bridge_mirror_queue_dead_items', destination),
    }
  }

  const none: LaneStats = { batches: 0, items: 0, bytes: 0, maxBytes: 0, oldestMs: undefined, deadItems: 0 }
  const lanes = (): readonly QueueLane[] => [
    ...deps.ledger.destinations().map(({ name, queue }) => ({
      destination: name,
      stats: (): LaneStats => (queue === undefined ? none : { ...queue, oldestMs: queue.oldestMs }),
    })),
    ...[...mirrorsOf(config().mirror)].map(([endpoint, own]) => ({
      destination: `mirror.${endpoint}`,
      stats: () => ofMirror(`mirror.${endpoint}`, own.queue.maxSize),
    })),
  ]

  let cutover: RunningCutover | undefined
  const { type, path } = queueSettings(config().queue)
  const oversight = createOversight({
    log,
    metrics,
    nowMs,
    monotonicMs: () => performance.now(),
    dataPath: type === 'disk' ? path : undefined,
    config,
    sides: () => (cutover === undefined ? undefined : { cutover, mirrors: [] }),
    queue: () => ({ lanes: lanes() }),
  })

  const reload = async (): Promise<void> => {
    const endpoints = allConfigured(config())
    if (cutover !== undefined) await cutover.reconfigure(endpoints)
    else if (endpoints.size > 0) {
      const file = switchesOf(config(), deps.instanceId)
      cutover = await createCutover({ file, endpoints }, { nowMs, log, unmet: oversight.unmet })
    }
  }
  await reload()

  return {
    sources: oversight.sources,
    reasons: oversight.reasons,
    warnings: oversight.warnings,
    reload,
    stop() {
      cutover?.close()
      oversight.stop()
    },
  }
}
