/**
 * Wires the program: configuration → emit → ingest → admin. Start: guard against loops, queue and sender, listeners, admin port.
 * Stop, the other way round: listeners answer what is under way, the queue drains within the limit, what is left waits on disk.
 */

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { startAdmin } from './admin/routes.ts'
import type { DestinationStatus, ListenerStatus, StatusSource } from './admin/status.ts'
import type { Config } from './config/compose.ts'
import { maskUserinfo } from './config/mask.ts'
import { loadUserMapping, mappingRevisions } from './config/user-mapping.ts'
import { queueSettings } from './emit/config.ts'
import { createEmit, type Emit, type EmitDestination } from './emit/create.ts'
import { destinationsOf, endpointNames } from './emit/destinations.ts'
import { BridgeError } from './errors.ts'
import type { Listener } from './ingest/adapter.ts'
import { canSharePorts, claimPlace } from './ingest/claim.ts'
import { createEndpoints, type Endpoints } from './ingest/endpoints.ts'
import { createFileExplainer, fileFormats, type IngestContext, planIngest } from './ingest/index.ts'
import { findLoop, plannedAddresses } from './loop.ts'
import { mirrorsOf } from './mirror/config.ts'
import { createChunkPool } from './otlp/encode/chunks.ts'
import { requestToJson } from './otlp/json/to-json.ts'
import { changeOf, pinPorts, type ReloadReport } from './reload.ts'
import { createSampling } from './sampling/sampling.ts'
import { createSeam } from './seam/seam.ts'
import type { Sides, SidesChange } from './sides.ts'
import type { LogLevel } from './telemetry/config.ts'
import { createExposition } from './telemetry/exposition.ts'
import { createBooksCheck, createHealth, type Health } from './telemetry/health.ts'
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
  /** True for workers: they listen on the same ports. Alone, a listener has its port for itself, and the system says when it is taken. */
  readonly sharePorts?: boolean
  /** False for all workers but the first: their ports are taken already, by their siblings. */
  readonly claimPorts?: boolean
  /** False for all workers but one: that one alone has the endpoints of which there can be one only. */
  readonly leads?: boolean
  /** The file that all workers have their switches from. */
  readonly switches?: string
  /** Called when a reload changes `log.level`. */
  readonly setLogLevel?: (level: LogLevel) => void
}

/** What was still there when the time for stopping was over. */
export interface StopReport {
  /** Items that wait on disk for the next start; what waits for both sides counts for each. */
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
   * @param claimPorts false for workers whose siblings have the new ports already
   */
  reload(config: Config, claimPorts?: boolean): Promise<ReloadReport>
  stop(deadlineMs: number): Promise<StopReport>
}

/** For requests under way when a reload stops an endpoint. */
const reloadDrainMs = 10_000

async function refuseLoop(config: Config, addresses: Parameters<typeof findLoop>[1]): Promise<void> {
  for (const [endpoint, { url }] of mirrorsOf(config.mirror)) {
    const own = await findLoop(url, addresses)
    if (own === undefined) continue
    throw new BridgeError('OB_LOOP', `cannot mirror to ${maskUserinfo(url)}: it is our own ${own.section}`, {
      place: `mirror.${endpoint}.url`,
    })
  }
  for (const { section, endpoints } of destinationsOf(config.emit)) {
    for (const url of endpoints.flatMap(({ urls }) => Object.values(urls))) {
      const own = await findLoop(url, addresses)
      if (own === undefined) continue
      throw new BridgeError('OB_LOOP', `cannot send to ${maskUserinfo(url)}: it is our own ${own.section}`, {
        place: `${section}.endpoint`,
      })
    }
  }
}

function createStatus(
  config: () => Config,
  deps: PipelineDeps,
  emit: Emit,
  listeners: () => readonly ListenerStatus[],
  endpoints: Endpoints,
): StatusSource {
  const settings = queueSettings(config().queue)
  const destination = ({ config: { name, endpoints, protocol }, reasons, lane }: EmitDestination): DestinationStatus => {
    const { oldestMs, ...queue } = lane
    return {
      name,
      endpoint: endpoints.map(({ url }) => maskUserinfo(url)).join(', '),
      protocol,
      queue: { ...queue, ...(oldestMs === undefined ? {} : { oldestMs }) },
      ...(reasons[0] === undefined ? {} : { fault: reasons[0] }),
    }
  }
  return {
    version: deps.version,
    startedMs: deps.nowMs(),
    listeners,
    queue: () => {
      const { oldestMs, fault, stranded: _, ...stats } = emit.queue.stats()
      return {
        type: settings.type,
        ack: settings.ack,
        ...stats,
        ...(oldestMs === undefined ? {} : { oldestMs }),
        ...(fault === undefined ? {} : { fault }),
      }
    },
    destinations: () => emit.destinations().map(destination),
    async page(path, query) {
      for (const { listener } of endpoints.list()) {
        const page = listener.pages !== undefined && Object.hasOwn(listener.pages, path) ? listener.pages[path] : undefined
        if (page !== undefined) return { content: await page(query) }
      }
      return undefined
    },
  }
}

/** Starts everything. Throws OB_LOOP, OB_LISTEN or OB_CONFIG; whatever was started is stopped again then. */
export async function startPipeline(config: Config, deps: PipelineDeps): Promise<Pipeline> {
  const { log, nowMs, random } = deps
  const metrics = createMetrics()
  const health = createHealth()
  await refuseLoop(config, plannedAddresses(config))
  // Loaded while the queue opens its file, since this thread has nothing else to do then.
  if (config.admin.enabled) void import('fastify').catch(() => {})

  let running = config
  const samplingDeps = { log, metrics, monotonicMs: () => performance.now() }
  let sampling = await createSampling(config.sampling, samplingDeps)
  const chunks = createChunkPool()
  const instanceId = deps.instanceId ?? randomUUID()
  const settings = queueSettings(config.queue)
  let sides: Sides | undefined
  const openSides = async (wanted: Config): Promise<Sides> => {
    const { createSides } = await import('./sides.ts')
    const switches = deps.switches ?? (settings.type === 'disk' ? join(settings.path, 'cutover.json') : undefined)
    return createSides(wanted, { log, metrics, nowMs, random, instanceId, chunks, switches, unmet: oversight?.unmet })
  }
  let queued: Emit | undefined
  const watched = config.admin.enabled || deps.sharePorts === true || mirrorsOf(config.mirror).size > 0
  const oversight = watched
    ? (await import('./oversight/oversight.ts')).createOversight({
        ...{ log, metrics, nowMs, chunks },
        monotonicMs: () => performance.now(),
        dataPath: settings.type === 'disk' ? settings.path : undefined,
        config: () => running,
        sides: () => sides,
        queue: () => queued?.queue,
        async explain(format, body, atMs) {
          const known = fileFormats.find((one) => one === format)
          const explainer = known === undefined ? undefined : await createFileExplainer(known, running.translate)
          return explainer?.(body, atMs)
        },
      })
    : undefined
  if (mirrorsOf(config.mirror).size > 0) sides = await openSides(config)
  const emit = await createEmit({
    emit: config.emit,
    queue: config.queue,
    metrics,
    log,
    nowMs,
    random,
    instanceId,
    toJson: requestToJson,
    recycle: chunks.give,
    takeMemory: chunks.take,
    extra: sides?.lanes ?? [],
    ...(oversight === undefined ? {} : { outcomes: oversight.outcomes }),
  })
  queued = emit
  health.watch('emit', () => emit.health().reasons)
  health.warn('emit', emit.warnings)
  health.warn('sampling', () => sampling.trouble())
  health.watch('books', createBooksCheck(metrics.sums, nowMs))
  health.watch('mirror', () => sides?.reasons() ?? [])
  health.warn('mirror', () => sides?.warnings() ?? [])
  health.watch('cutover', () => oversight?.reasons() ?? [])
  health.warn('cutover', () => oversight?.warnings() ?? [])

  const sharePorts = deps.sharePorts === true && canSharePorts
  let claims = deps.claimPorts !== false
  const endpoints = createEndpoints({
    reusePort: sharePorts,
    claim: async (name, place) => {
      if (sharePorts && claims) await claimPlace(name, place)
    },
    drainMs: reloadDrainMs,
  })
  let admin: Listener | undefined
  health.watch('ingest', () => endpoints.list().flatMap(({ listener }) => listener.trouble?.() ?? []))
  health.warn('ingest', () => endpoints.list().flatMap(({ listener }) => listener.warnings?.() ?? []))
  health.watch('admin', () => admin?.trouble?.())
  const listeners = (): ListenerStatus[] => [
    ...endpoints.list().map(({ name, listener }) => ({ section: `ingest.${name}`, addresses: listener.addresses })),
    ...(admin === undefined ? [] : [{ section: 'admin', addresses: admin.addresses }]),
  ]
  const expose = createExposition(metrics)
  // Innermost: what the queue does not take, or a share keeps from the new side, is not noted.
  const seam = settings.type === 'disk' ? createSeam({ dataPath: settings.path, log, nowMs }) : undefined
  const noting = seam?.intake(emit.intake) ?? emit.intake
  const intake = oversight?.intake(noting) ?? noting
  const context = async ({ translate }: Config): Promise<IngestContext> => ({
    intake,
    mirrors: (endpoint) => sides?.doors(endpoint),
    ...(oversight === undefined ? {} : { observer: oversight.observer }),
    metrics,
    log: createRateLimitedLog(log),
    nowMs,
    pages: {
      version: deps.version,
      get endpoint() {
        return endpointNames(running.emit)
      },
      trouble: () => health.reasons()[0]?.reason,
      exposition: expose,
    },
    sampling: (service) => sampling.lookup(service),
    chunks,
    reusePort: sharePorts,
    instanceId,
    ...(settings.type === 'disk' ? { dataPath: settings.path } : {}),
    leads: deps.leads,
    translate,
    userMapping: loadUserMapping,
    mappingRevisions: await mappingRevisions(translate),
  })
  const change = async (to: Config) => endpoints.change(planIngest(to.ingest, await context(to)))
  const status = createStatus(() => running, deps, emit, listeners, endpoints)

  let stopping = false
  let reloading: Promise<unknown> = Promise.resolve()
  let stopped: Promise<StopReport> | undefined

  const prepareSides = async (next: Config): Promise<SidesChange | undefined> => {
    if (sides !== undefined) return sides.prepare(next)
    if (mirrorsOf(next.mirror).size === 0) return undefined
    // The first mirrors of this run: with none so far, all of them are a change.
    const { zipkin, jaeger, prometheus, elasticsearch, beats, ...rest } = next.mirror
    sides = await openSides({ ...next, mirror: rest })
    return sides.prepare(next)
  }

  const reload = async (wanted: Config): Promise<ReloadReport> => {
    const { config: next, changed, nextStart } = changeOf(running, pinPorts(wanted, listeners()))
    await refuseLoop(next, plannedAddresses(next))
    const [before, strategies] = [running, sampling]
    if (changed.includes('sampling')) sampling = await createSampling(next.sampling, samplingDeps)
    let mirrors: SidesChange | undefined
    try {
      mirrors = changed.includes('mirror') || changed.includes('ingest') ? await prepareSides(next) : undefined
    } catch (error) {
      if (sampling !== strategies) sampling.stop()
      sampling = strategies
      throw error
    }
    running = next
    try {
      if (changed.includes('emit')) await emit.reconfigure(next.emit)
      // Lanes first: what an endpoint hands in for a mirror has its place then.
      await mirrors?.apply()
      if (sides !== undefined) await emit.setExtra(sides.lanes)
      const changes = await change(next)
      await mirrors?.finish()
      if (sampling !== strategies) strategies.stop()
      if (next.log.level !== before.log.level) deps.setLogLevel?.(next.log.level)
      return { changed, endpoints: changes, nextStart }
    } catch (error) {
      running = before
      if (sampling !== strategies) sampling.stop()
      sampling = strategies
      await mirrors?.discard()
      if (sides !== undefined) await emit.setExtra(sides.lanes)
      if (changed.includes('emit')) await emit.reconfigure(before.emit)
      throw error
    }
  }

  /** Of mirrors what a stop drops alone: an old side leaves items out, too. */
  const droppedItems = (): number =>
    metrics.total('otlp_bridge_dropped_items_total') +
    metrics.total('otlp_bridge_mirror_items_total', { outcome: 'shed', reason: 'shutdown' })

  const stop = async (deadlineMs: number): Promise<StopReport> => {
    const endMs = nowMs() + deadlineMs
    stopping = true
    // One under way would start listeners behind our back. It drains for no longer than we do.
    await reloading
    await endpoints.stop(Math.max(0, deadlineMs / 2))
    const droppedBefore = droppedItems()
    sampling.stop()
    await emit.stop(Math.max(0, endMs - nowMs()))
    seam?.stop()
    await sides?.close()
    oversight?.stop()
    await admin?.stop(0)
    return {
      left: metrics.total('otlp_bridge_queue_items') + metrics.total('otlp_bridge_mirror_queue_items'),
      lost: droppedItems() - droppedBefore,
    }
  }

  try {
    await change(config)
    if (config.admin.enabled)
      admin = await startAdmin(config.admin, {
        metrics,
        health,
        status,
        nowMs,
        expose,
        log,
        ...(oversight === undefined ? {} : { sources: oversight.sources }),
      })
    // Ports that were 0 until now could be the endpoint's only by accident, but accidents are what this guards against.
    await refuseLoop(config, listeners())
    // From here on an endpoint that is started again takes the port that it has got.
    running = pinPorts(config, listeners())
    await change(running)
  } catch (error) {
    await stop(0)
    throw error
  }
  return {
    metrics,
    health,
    status,
    get listeners() {
      return listeners()
    },
    adminUrl: admin?.addresses[0],
    reload(wanted, claimPorts = true) {
      claims = claimPorts
      if (stopping) return Promise.reject(new BridgeError('OB_STOPPING', 'cannot change the configuration: the bridge is stopping'))
      const done = reload(wanted)
      reloading = done.catch(() => {})
      return done
    },
    stop: (deadlineMs) => (stopped ??= stop(deadlineMs)),
  }
}
