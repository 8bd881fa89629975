/** Puts the sending side together: queue, destination, transport. */

import { performance } from 'node:perf_hooks'
import { BridgeError } from '../errors.ts'
import type { TlsMaterial } from '../net/tls.ts'
import type { Intake, Signal } from '../otlp/intake.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type EmitConfig, type QueueConfig, queueSettings } from './config.ts'
import { startDestination } from './destination.ts'
import { withEncoding } from './encode.ts'
import type { EmitHealth } from './health.ts'
import { createDiskQueue } from './queue/disk.ts'
import { createMemoryQueue } from './queue/memory.ts'
import type { Queue } from './queue/queue.ts'
import { createHttpTransport } from './transport/http.ts'

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

/** The URL of each signal: `tracesEndpoint` as it is, otherwise `endpoint` with the signal's path appended. */
export function signalUrls(emit: Pick<EmitConfig, 'endpoint' | 'tracesEndpoint'>): Record<Signal, string> {
  const base = new URL(emit.endpoint)
  const path = base.pathname.replace(/\/+$/, '')
  const of = (signal: Signal): string => {
    const url = new URL(base)
    url.pathname = `${path}/v1/${signal}`
    return url.href
  }
  return { traces: emit.tracesEndpoint ?? of('traces'), metrics: of('metrics'), logs: of('logs') }
}

interface Certificates {
  readonly context: TlsMaterial['context'] | undefined
  /** Sentences about certificates that are not valid now. */
  trouble(): readonly string[]
}

/** Reads the files of `emit.tls`. Throws OB_CONFIG. */
async function readCertificates({ tls }: EmitConfig, nowMs: () => number): Promise<Certificates> {
  if (tls.ca === undefined && tls.cert === undefined) return { context: undefined, trouble: () => [] }
  const { certificateTrouble, readTls } = await import('../net/tls.ts')
  const { material, faults } = await readTls(tls)
  if (material === undefined) {
    const keys = faults.map(({ key, message }) => `emit.tls.${key} (${tls[key] ?? ''}): ${message}`)
    throw new BridgeError('OB_CONFIG', `cannot send over TLS: ${keys.join('; ')}`, { place: `emit.tls.${faults[0]?.key ?? ''}` })
  }
  return { context: material.context, trouble: () => certificateTrouble(material, 'emit.tls', nowMs()) }
}

/** Opens the queue and starts sending. Rejects only for faults of the configuration: a damaged or full disk is waited out. */
export async function createEmit(deps: EmitDeps): Promise<Emit> {
  const { emit, metrics, log, nowMs, random } = deps
  const settings = queueSettings(deps.queue)
  const toJson = deps.toJson
  if (emit.protocol === 'http/json' && toJson === undefined) throw new Error('BUG: http/json without an encoder')
  const certificates = await readCertificates(emit, nowMs)
  for (const trouble of certificates.trouble()) log.warn({ destination: emit.destination }, trouble)
  const queueDeps = { metrics, log, nowMs, ...(deps.recycle === undefined ? {} : { recycle: deps.recycle }) }
  const lanes = [{ destination: emit.destination, whenFull: 'refuse' as const }]
  const queue =
    settings.type === 'disk'
      ? await createDiskQueue({ ...settings, lanes }, queueDeps)
      : createMemoryQueue({ lanes, maxSize: settings.maxSize, ack: settings.ack === 'forwarded' ? 'forwarded' : 'memory' }, queueDeps)
  const [lane] = queue.lanes
  if (lane === undefined) throw new Error('BUG: no lane')
  const transport = createHttpTransport({
    urls: signalUrls(emit),
    headers: { 'user-agent': 'otlp-bridge', ...emit.headers, 'x-otlp-bridge': deps.instanceId },
    connections: emit.concurrency,
    secureContext: certificates.context,
    nowMs,
  })
  const destination = startDestination(
    {
      name: emit.destination,
      concurrency: emit.concurrency,
      timeoutMs: emit.timeout,
      retry: {
        initialIntervalMs: emit.retry.initialInterval,
        maxIntervalMs: emit.retry.maxInterval,
        maxElapsedMs: emit.retry.maxElapsed,
      },
      batch: { delayMs: emit.batch.delay, maxItems: emit.batch.maxItems, maxBytes: emit.batch.maxBytes },
      queueSurvives: settings.type === 'disk' && settings.ack !== 'forwarded',
    },
    {
      lane,
      transport: transport.send,
      encode: (send) =>
        withEncoding(send, {
          json: emit.protocol === 'http/json',
          gzipLevel: emit.compression === 'gzip' ? emit.compressionLevel : undefined,
          toJson: toJson ?? (() => ''),
        }),
      metrics,
      log,
      random,
      monotonicMs: () => performance.now(),
    },
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
      const reasons = [...certificates.trouble(), ...stored, ...destination.health().reasons]
      return { ok: reasons.length === 0, reasons }
    },
    async stop(deadlineMs) {
      stopping = true
      await destination.stop(deadlineMs)
      await queue.close()
      await transport.close()
    },
  }
}
