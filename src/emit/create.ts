/** Puts the sending side together: queue, destination, transport. */

import { performance } from 'node:perf_hooks'
import type { Intake, Signal } from '../otlp/intake.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type EmitConfig, type QueueConfig, queueSettings } from './config.ts'
import { startDestination } from './destination.ts'
import { destinationsOf } from './destinations.ts'
import type { EmitHealth } from './health.ts'
import { createDiskQueue } from './queue/disk.ts'
import { createMemoryQueue } from './queue/memory.ts'
import type { Queue } from './queue/queue.ts'
import { createSending } from './sending.ts'

export interface EmitDeps {
  /** Section `emit`, parsed: the environment is already in it. */
  readonly emit: EmitConfig
  /** Section `queue`, parsed. */
  readonly queue: QueueConfig
  readonly metrics: Metrics
  readonly log: Logger
  /** Wall clock in milliseconds. */
  readonly nowMs: () => number
  /** 0 ≤ x < 1 */
  readonly random: () => number
  /** Name of this process, sent as `x-otlp-bridge` so that our own OTLP listener recognises a loop. */
  readonly instanceId: string
  /** Takes back the memory of what was delivered: `ChunkPool.give`. */
  readonly recycle?: (memory: ArrayBufferLike) => void
  /** Needed for `protocol: http/json` only: protobuf request → OTLP JSON. */
  readonly toJson?: (signal: Signal, data: Uint8Array) => string | Uint8Array
}

export interface Emit {
  readonly intake: Intake
  readonly queue: Queue
  health(): EmitHealth
  /** Finishes and flushes within the time given, then closes the queue; what is left on disk waits for the next start. */
  stop(deadlineMs: number): Promise<void>
}

/** Opens the queue and starts sending. Rejects only for faults of the configuration: a damaged or full disk is waited out. */
export async function createEmit(deps: EmitDeps): Promise<Emit> {
  const { emit, metrics, log, nowMs, random } = deps
  const settings = queueSettings(deps.queue)
  const [config] = destinationsOf(emit)
  if (config === undefined) throw new Error('BUG: no destination')
  const monotonicMs = (): number => performance.now()
  const sending = await createSending(config, { metrics, log, nowMs, monotonicMs, instanceId: deps.instanceId, toJson: deps.toJson })
  const queueDeps = { metrics, log, nowMs, ...(deps.recycle === undefined ? {} : { recycle: deps.recycle }) }
  const lanes = [{ destination: config.name, whenFull: config.whenFull }]
  const queue =
    settings.type === 'disk'
      ? await createDiskQueue({ ...settings, lanes }, queueDeps)
      : createMemoryQueue({ lanes, maxSize: settings.maxSize, ack: settings.ack === 'forwarded' ? 'forwarded' : 'memory' }, queueDeps)
  const [lane] = queue.lanes
  if (lane === undefined) throw new Error('BUG: no lane')
  const destination = startDestination(
    {
      name: config.name,
      concurrency: config.concurrency,
      retry: config.retry,
      batch: config.batch,
      queueSurvives: settings.type === 'disk' && settings.ack !== 'forwarded',
    },
    { lane, transport: sending.transport, encode: sending.encode, metrics, log, random, monotonicMs },
  )
  let stopping = false

  return {
    intake: {
      put: (batch) => queue.put([{ batch, lanes: [0] }]),
      refusal: () => queue.refusal(),
    },
    queue,
    health() {
      if (stopping) return { ok: false, reasons: ['the bridge is stopping'] }
      // Certificates first: they are the cause of what else may be wrong.
      const { fault } = queue.stats()
      const stored = fault === undefined ? [] : [`queue cannot store: ${fault}`]
      const reasons = [...sending.trouble(), ...stored, ...destination.health().reasons]
      return { ok: reasons.length === 0, reasons }
    },
    async stop(deadlineMs) {
      stopping = true
      await destination.stop(deadlineMs)
      await queue.close()
      await sending.close()
    },
  }
}
