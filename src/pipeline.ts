/**
 * Wires the program: configuration → emit → ingest → admin. Start: guard against loops, queue and sender, listeners, admin port.
 * Stop, the other way round: listeners answer what is under way, the queue drains within the limit, what is left waits on disk.
 */

import { randomUUID } from 'node:crypto'
import { startAdmin } from './admin/routes.ts'
import type { DestinationStatus, ListenerStatus, StatusSource } from './admin/status.ts'
import type { Config } from './config/compose.ts'
import { maskUserinfo } from './config/mask.ts'
import { queueSettings } from './emit/config.ts'
import { createEmit, type Emit } from './emit/create.ts'
import { BridgeError } from './errors.ts'
import type { Listener } from './ingest/adapter.ts'
import { canSharePorts, claimPlace } from './ingest/claim.ts'
import { createEndpoints } from './ingest/endpoints.ts'
import { type IngestContext, planIngest } from './ingest/index.ts'
import { findLoop, plannedAddresses } from './loop.ts'
import { decodeTraces } from './otlp/decode/traces.ts'
import { createChunkPool } from './otlp/encode/chunks.ts'
import { tracesToJson } from './otlp/encode/json.ts'
import { changeOf, pinPorts, type ReloadReport } from './reload.ts'
import { createSampling } from './sampling/sampling.ts'
import { createExposition } from './telemetry/exposition.ts'
import { createBooksCheck, createHealth, type Health } from './telemetry/health.ts'
import type { LogLevel } from './telemetry/config.ts'
import { createRateLimitedLog, type Logger } from './telemetry/log.ts'
import { createMetrics, type Metrics } from './telemetry/metrics.ts'

export interface PipelineDeps {
  readonly log: Logger
  readonly version: string
  /** Wall clock in milliseconds. */
  readonly nowMs: () => number
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number
  /** Name of the whole bridge, the same for all of its workers; default: one made up. */
  readonly instanceId?: string
  /** False for all workers but the first: their ports are taken already, by their siblings. */
  readonly claimPorts?: boolean
  /** Called when a reload changes `log.level`. */
  readonly setLogLevel?: (level: LogLevel) => void
}

/** What was still there when the time for stopping was over. */
export interface StopReport {
  /** Items that wait on disk for the next start. */
  readonly left: number
  /** Items that were in memory only and are gone. */
  readonly lost: number
}

export interface Pipeline {
  readonly metrics: Metrics
  readonly health: Health
  readonly status: StatusSource
  /** Those that run now: a reload may change them. */
  readonly listeners: readonly ListenerStatus[]
  /** `http://127.0.0.1:8899`; undefined when `admin.enabled` is false. */
  readonly adminUrl: string | undefined
  /**
   * Changes to another configuration, which is valid already. Endpoints that it does not concern keep their connections. Throws OB_LISTEN,
   * OB_CONFIG, OB_LOOP or OB_STOPPING; then everything is as before, or the message says what is not. Not to be called while one is under way.
   */
  reload(config: Config): Promise<ReloadReport>
  stop(deadlineMs: number): Promise<StopReport>
}

/** For requests under way when a reload stops an endpoint. */
const reloadDrainMs = 10_000

const endpointsOf = (config: Config): readonly string[] =>
  [config.emit.endpoint, config.emit.tracesEndpoint].filter((one) => one !== undefined)

async function refuseLoop(config: Config, addresses: Parameters<typeof findLoop>[1]): Promise<void> {
  for (const endpoint of endpointsOf(config)) {
    const own = await findLoop(endpoint, addresses)
    if (own === undefined) continue
    throw new BridgeError('OB_LOOP', `cannot send to ${maskUserinfo(endpoint)}: it is our own ${own.section}`, { place: 'emit.endpoint' })
  }
}

const jsonEncoder = (signal: string, data: Uint8Array): string => {
  if (signal !== 'traces') throw new Error(`BUG: http/json of ${signal}`)
  return tracesToJson(decodeTraces(data))
}

function createStatus(config: Config, deps: PipelineDeps, emit: Emit, listeners: () => readonly ListenerStatus[]): StatusSource {
  const settings = queueSettings(config.queue)
  const destination = (): DestinationStatus => {
    const { reasons } = emit.health()
    const { destination: name, endpoint, tracesEndpoint, protocol } = config.emit
    return {
      name,
      endpoint: maskUserinfo(tracesEndpoint ?? endpoint),
      protocol,
      ...(reasons[0] === undefined ? {} : { fault: reasons[0] }),
    }
  }
  return {
    version: deps.version,
    startedMs: deps.nowMs(),
    listeners,
    queue: () => {
      const { oldestMs, fault, ...stats } = emit.queue.stats()
      return {
        type: settings.type,
        ack: settings.ack,
        ...stats,
        ...(oldestMs === undefined ? {} : { oldestMs }),
        ...(fault === undefined ? {} : { fault }),
      }
    },
    destinations: () => [destination()],
  }
}

/** Starts everything. Throws OB_LOOP, OB_LISTEN or OB_CONFIG; whatever was started is stopped again then. */
export async function startPipeline(config: Config, deps: PipelineDeps): Promise<Pipeline> {
  const { log, nowMs, random } = deps
  const metrics = createMetrics()
  const health = createHealth()
  await refuseLoop(config, plannedAddresses(config))

  const sampling = await createSampling(config.sampling, { log, metrics, monotonicMs: () => performance.now() })
  const chunks = createChunkPool()
  const emit = await createEmit({
    emit: config.emit,
    queue: config.queue,
    metrics,
    log,
    nowMs,
    random,
    instanceId: randomUUID(),
    toJson: jsonEncoder,
    recycle: chunks.give,
  })
  health.watch('emit', () => emit.health().reasons)
  health.watch('books', createBooksCheck(metrics.sums, nowMs))

  let endpoints: readonly Endpoint[] = []
  let admin: Listener | undefined
  health.watch('ingest', () => endpoints.flatMap(({ listener }) => listener.trouble?.() ?? []))
  health.watch('admin', () => admin?.trouble?.())
  const listeners = (): ListenerStatus[] => [
    ...endpoints.map(({ name, listener }) => ({ section: `ingest.${name}`, addresses: listener.addresses })),
    ...(admin === undefined ? [] : [{ section: 'admin', addresses: admin.addresses }]),
  ]
  const expose = createExposition(metrics)
  const pages = {
    version: deps.version,
    endpoint: maskUserinfo(config.emit.tracesEndpoint ?? config.emit.endpoint),
    trouble: () => health.reasons()[0]?.reason,
    exposition: expose,
  }

  const total = (what: 'queued' | 'dropped'): number => metrics.sums().reduce((sum, one) => sum + one[what], 0)

  const stop = async (deadlineMs: number): Promise<StopReport> => {
    const endMs = nowMs() + deadlineMs
    await Promise.all(endpoints.map(({ listener }) => listener.stop(Math.max(0, deadlineMs / 2))))
    const droppedBefore = total('dropped')
    sampling.stop()
    await emit.stop(Math.max(0, endMs - nowMs()))
    await admin?.stop(0)
    return { left: total('queued'), lost: total('dropped') - droppedBefore }
  }

  try {
    endpoints = await startIngest(config.ingest, {
      intake: emit.intake,
      metrics,
      log: createRateLimitedLog(log),
      nowMs,
      pages,
      sampling: sampling.lookup,
      chunks,
      translate: config.translate,
    })
    if (config.admin.enabled) {
      admin = await startAdmin(config.admin, { metrics, health, status: createStatus(config, deps, emit, listeners), nowMs, expose, log })
    }
    // Ports that were 0 until now could be the endpoint's only by accident, but accidents are what this guards against.
    await refuseLoop(config, listeners())
  } catch (error) {
    await stop(0)
    throw error
  }
  return { metrics, health, listeners: listeners(), adminUrl: admin?.addresses[0], stop }
}
