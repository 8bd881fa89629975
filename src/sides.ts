/**
 * The old sides of the mirrored endpoints, as the configuration has them: their lanes of the queue, the doors that endpoints hand requests to, the
 * switches of the cutover. Loaded when there is a section `mirror`.
 */

import { isDeepStrictEqual } from 'node:util'
import type { Config } from './config/compose.ts'
import type { EndpointState } from './cutover/model.ts'
import { type ConfiguredEndpoint, type CutoverDeps, createCutover, type RunningCutover } from './cutover/state.ts'
import { queueSettings } from './emit/config.ts'
import type { ExtraLane } from './emit/extra-lane.ts'
import { BridgeError } from './errors.ts'
import { jaegerEndpoints } from './ingest/jaeger/config.ts'
import type { MirrorDoor, MirrorDoors } from './ingest/mirror-door.ts'
import { type MirrorEndpointConfig, mirrorsOf } from './mirror/config.ts'
import { authorizationOf } from './mirror/credentials.ts'
import { createDoor } from './mirror/door.ts'
import { createMirror, type Mirror } from './mirror/mirror.ts'
import { laneName } from './mirror/order.ts'
import { createProxy, type MirrorProxy } from './mirror/proxy.ts'
import { isQuery } from './mirror/queries.ts'
import { createTunnel } from './mirror/tunnel.ts'
import type { ChunkPool } from './otlp/encode/chunks.ts'
import type { Logger } from './telemetry/log.ts'
import type { Metrics } from './telemetry/metrics.ts'

export interface SidesDeps {
  readonly log: Logger
  readonly metrics: Metrics
  /** Wall clock in milliseconds. */
  readonly nowMs: () => number
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number
  readonly instanceId: string
  readonly chunks: ChunkPool
  /** Where the switches are kept; undefined: in memory. */
  readonly switches: string | undefined
  /** What stands against going to a phase. */
  readonly unmet?: CutoverDeps['unmet']
}

export interface Sides {
  readonly cutover: RunningCutover
  /** For `EmitDeps.extra` and `Emit.setExtra`. */
  readonly lanes: readonly ExtraLane[]
  /** The same door for an endpoint for as long as it has a mirror, whatever changes behind it. */
  readonly doors: MirrorDoors
  readonly mirrors: readonly Mirror[]
  reasons(): readonly string[]
  warnings(): readonly string[]
  /** Prepares the mirrors of another configuration. Throws OB_CONFIG; then everything is as before. */
  prepare(config: Config): Promise<SidesChange>
  /** Cuts what is under way. To be called after the lanes were stopped. */
  close(): Promise<void>
}

/** A change that is ready to be made. */
export interface SidesChange {
  /** {@link Sides.lanes} from now on. */
  apply(): Promise<void>
  /** Ends what was replaced; to be called when its lanes were handed over. */
  finish(): Promise<void>
  /** Leaves everything as it was. */
  discard(): Promise<void>
}

interface Side {
  readonly endpoint: string
  readonly config: MirrorEndpointConfig
  readonly mirror: Mirror
  readonly proxy: MirrorProxy
  readonly door: MirrorDoor
}

/** The configuration's keys of mirrors whose endpoint is not started. Throws OB_CONFIG. */
export function refuseIdleMirrors(config: Config): void {
  const jaeger = config.ingest.jaeger === undefined ? {} : jaegerEndpoints(config.ingest.jaeger)
  const endpoints: Readonly<Record<string, unknown>> = {
    ...config.ingest,
    ...Object.fromEntries(Object.entries(jaeger).map(([name, one]) => [`jaeger.${name}`, one])),
  }
  for (const endpoint of mirrorsOf(config.mirror).keys()) {
    if (endpoints[endpoint] !== undefined) continue
    throw new BridgeError('OB_CONFIG', `cannot mirror ${endpoint}: ingest.${endpoint} is not started, so that nothing could be mirrored`, {
      place: `mirror.${endpoint}`,
    })
  }
}

const configuredOf = (config: MirrorEndpointConfig): ConfiguredEndpoint => ({
  phase: config.phase,
  answer: 'answer' in config ? config.answer : undefined,
  share: { new: config.share.new, old: config.share.old },
  until: config.phaseUntil,
})

/** What the configuration says of every mirrored endpoint. */
export const allConfigured = (config: Config): ReadonlyMap<string, ConfiguredEndpoint> =>
  new Map([...mirrorsOf(config.mirror)].map(([endpoint, one]) => [endpoint, configuredOf(one)]))

/** For an endpoint that the switches have forgotten: its listener is about to go. */
const forgotten = (endpoint: string): EndpointState => ({
  endpoint,
  phase: 'new-only',
  answer: 'bridge',
  share: { new: 1, old: 0 },
  paused: false,
  until: undefined,
  revision: 0,
  sinceMs: 0,
})

/** A door behind which the real one may be exchanged. */
function lastingDoor(now: () => MirrorDoor): MirrorDoor {
  const { name, tunnel } = now()
  return {
    name,
    state: () => now().state(),
    loops: (via) => now().loops(via),
    shares: (key) => now().shares?.(key) ?? true,
    wrap: (head, pieces, body) => now().wrap(head, pieces, body),
    wrapLarge: (head, body) => now().wrapLarge(head, body),
    ask: (envelope) => now().ask(envelope),
    proxy: (request, response, hooks) => now().proxy(request, response, hooks),
    count: (reason, items) => now().count(reason, items),
    answered: (address, connection) => now().answered?.(address, connection),
    closed: (connection) => now().closed?.(connection),
    ...(tunnel === undefined ? {} : { tunnel: (end) => now().tunnel?.(end) as ReturnType<typeof tunnel> }),
  }
}

/** Creates them; nothing is connected to yet. Throws OB_CONFIG. */
export async function createSides(config: Config, deps: SidesDeps): Promise<Sides> {
  const { log, metrics, nowMs } = deps
  const queueSurvives = queueSettings(config.queue).type !== 'memory'
  const cutover = await createCutover(
    { file: deps.switches, endpoints: allConfigured(config) },
    { nowMs, log, ...(deps.unmet === undefined ? {} : { unmet: deps.unmet }) },
  )
  let sides = new Map<string, Side>()
  let configured = allConfigured(config)
  const doors = new Map<string, MirrorDoor>()
  /** The last one of an endpoint, also when it has none any more: requests under way end somewhere. */
  const behind = new Map<string, MirrorDoor>()

  const open = async (endpoint: string, own: MirrorEndpointConfig): Promise<Side> => {
    const state = (): EndpointState => cutover.of(endpoint) ?? forgotten(endpoint)
    const common = { log, metrics, nowMs, instanceId: deps.instanceId }
    const mirror = await createMirror(endpoint, own, {
      ...common,
      monotonicMs: () => performance.now(),
      random: deps.random,
      state,
      queueSurvives,
    })
    const proxy = createProxy({
      endpoint,
      url: own.url,
      instanceId: deps.instanceId,
      authorization: authorizationOf(own),
      passHost: 'hostHeader' in own && own.hostHeader === 'pass',
      forwarded: own.forwarded,
      timeoutMs: 'proxy' in own ? own.proxy.timeout : 0,
      maxConcurrent: 'proxy' in own ? own.proxy.maxConcurrent : 0,
      secureContext: mirror.secureContext,
    })
    const door = createDoor({
      ...common,
      endpoint,
      config: own,
      state,
      takeMemory: deps.chunks.take,
      ask: mirror.ask,
      proxy(request, response, hooks) {
        if (isQuery(request.url ?? '')) metrics.counter('otlp_bridge_mirror_notes_total', { endpoint, reason: 'query' }).value++
        proxy.pass(request, response, hooks)
      },
      ...('mode' in own && own.mode === 'tunnel'
        ? { tunnel: createTunnel({ url: own.url, timeoutMs: own.legacy.timeout, secureContext: mirror.secureContext }) }
        : {}),
      closed: (connection) => mirror.closed(laneName(connection)),
      onLoops() {
        mirror.looped()
        if (state().paused) return
        const reason = 'what was sent to the old side came back: its url leads to this bridge'
        cutover
          .change(endpoint, { paused: true, reason }, 'bridge')
          .catch((error: unknown) => log.error({ mirror: `mirror.${endpoint}`, error }, 'cannot pause a mirror whose requests come back'))
      },
    })
    return { endpoint, config: own, mirror, proxy, door }
  }

  const end = async ({ mirror, proxy }: Side): Promise<void> => {
    proxy.close()
    await mirror.close()
  }

  const use = (next: Map<string, Side>): void => {
    sides = next
    for (const endpoint of doors.keys()) if (!next.has(endpoint)) doors.delete(endpoint)
    for (const [endpoint, { door }] of next) {
      behind.set(endpoint, door)
      if (!doors.has(endpoint))
        doors.set(
          endpoint,
          lastingDoor(() => behind.get(endpoint) as MirrorDoor),
        )
    }
  }

  const prepare = async (wanted: Config): Promise<SidesChange> => {
    refuseIdleMirrors(wanted)
    const before = sides
    const next = new Map<string, Side>()
    const fresh: Side[] = []
    try {
      for (const [endpoint, own] of mirrorsOf(wanted.mirror)) {
        const kept = before.get(endpoint)
        const side = kept !== undefined && isDeepStrictEqual(kept.config, own) ? kept : await open(endpoint, own)
        if (side !== kept) fresh.push(side)
        next.set(endpoint, side)
      }
    } catch (error) {
      await Promise.all(fresh.map(end))
      throw error
    }
    const configuredBefore = configured
    const configuredNext = allConfigured(wanted)
    let isApplied = false
    return {
      async apply() {
        isApplied = true
        use(next)
        // What the file says of endpoints that are mirrored already holds once nothing can fail any more: a step back would forget what was switched by hand.
        await cutover.reconfigure(configuredNext, true)
      },
      async finish() {
        configured = configuredNext
        await cutover.reconfigure(configured)
        await Promise.all([...before.values()].filter((one) => next.get(one.endpoint) !== one).map(end))
      },
      async discard() {
        if (!isApplied) return void (await Promise.all(fresh.map(end)))
        // A lane that was handed over has cut what was under way, and its mirror with it: another one takes its place.
        const again = new Map(before)
        for (const one of before.values()) {
          if (next.get(one.endpoint) === one) continue
          const opened = await open(one.endpoint, one.config).catch((error: unknown) => {
            log.error({ error }, `cannot open mirror.${one.endpoint} again`)
            return undefined
          })
          if (opened === undefined) continue
          again.set(one.endpoint, opened)
          fresh.push(one)
        }
        use(again)
        await cutover.reconfigure(configuredBefore, true)
        await Promise.all(fresh.map(end))
      },
    }
  }

  const first = await prepare(config)
  await first.apply()
  await first.finish()
  const unsubscribe = cutover.subscribe(({ endpoint }) => sides.get(endpoint)?.mirror.wake())

  return {
    cutover,
    get lanes() {
      return [...sides.values()].map(({ mirror }) => mirror.lane)
    },
    doors: (endpoint) => doors.get(endpoint),
    get mirrors() {
      return [...sides.values()].map(({ mirror }) => mirror)
    },
    reasons: () => [...sides.values()].flatMap(({ mirror }) => mirror.health().reasons),
    warnings: () => [...sides.values()].flatMap(({ mirror }) => mirror.warnings()),
    prepare,
    async close() {
      unsubscribe()
      cutover.close()
      await Promise.all([...sides.values()].map(end))
    },
  }
}
