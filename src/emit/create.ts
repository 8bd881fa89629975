/** Puts the sending side together: one queue, and for each destination a lane of it and a loop that empties it. */

import { performance } from 'node:perf_hooks'
import type { Intake, Signal } from '../otlp/intake.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type EmitConfig, type QueueConfig, queueSettings } from './config.ts'
import { type Destination, startDestination } from './destination.ts'
import { type DestinationConfig, destinationsOf } from './destinations.ts'
import type { EndpointStatus } from './endpoints.ts'
import type { EmitHealth } from './health.ts'
import { createDiskQueue } from './queue/disk.ts'
import { createMemoryQueue } from './queue/memory.ts'
import type { Lane, LaneStats, Queue } from './queue/queue.ts'
import { createRouter, unconditionalLanes } from './route.ts'
import { createSending, type Sending } from './sending.ts'

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
  /** Gives memory for what is to be delivered: `ChunkPool.take`. */
  readonly takeMemory?: (bytes: number) => ArrayBuffer
  /** Needed for `protocol: http/json` only: protobuf request → OTLP JSON. */
  readonly toJson?: (signal: Signal, data: Uint8Array) => string | Uint8Array
}

/** One destination as it is now. */
export interface EmitDestination {
  readonly config: DestinationConfig
  /** What is wrong with it; empty when all is well. */
  readonly reasons: readonly string[]
  readonly lane: LaneStats
  readonly endpoints: readonly EndpointStatus[]
}

export interface Emit {
  readonly intake: Intake
  readonly queue: Queue
  health(): EmitHealth
  /** What somebody should look at although everything works. */
  warnings(): readonly string[]
  /** In the order of the configuration. */
  destinations(): readonly EmitDestination[]
  /**
   * Changes to another section `emit`. A destination whose name stays keeps its place in the queue; what goes on as before is not
   * touched, what has changed is started again, what is gone is stopped and its rows stay in the store. Throws OB_CONFIG, then everything
   * is as before. Not to be called while one is under way.
   */
  reconfigure(emit: EmitConfig): Promise<void>
  /** Finishes and flushes within the time given, then closes the queue; what is left on disk waits for the next start. */
  stop(deadlineMs: number): Promise<void>
}

/** A destination whose sending stands; without a loop it has not begun, or is over. */
interface Member {
  config: DestinationConfig
  /** How it is configured, to see whether that has changed. */
  text: string
  readonly sending: Sending
  loop: Destination | undefined
}

/** For requests under way when a destination is stopped while the bridge runs. */
const replaceMs = 2000

/** All that the loop and what is below it are made of: a change of anything else does not start it again. */
const textOf = ({ signals, where, otherwise, whenFull, section, ...config }: DestinationConfig): string => JSON.stringify(config)

/** Opens the queue and starts sending. Rejects only for faults of the configuration: a damaged or full disk is waited out. */
export async function createEmit(deps: EmitDeps): Promise<Emit> {
  const { metrics, log, nowMs, random } = deps
  const settings = queueSettings(deps.queue)
  const monotonicMs = (): number => performance.now()
  const sendingDeps = { metrics, log, nowMs, monotonicMs, instanceId: deps.instanceId, toJson: deps.toJson }

  const prepare = async (config: DestinationConfig): Promise<Member> => ({
    config,
    text: textOf(config),
    sending: await createSending(config, sendingDeps),
    loop: undefined,
  })

  /** All or none. */
  const prepareAll = async (configs: readonly DestinationConfig[]): Promise<Member[]> => {
    const made = await Promise.allSettled(configs.map(prepare))
    const failed = made.find((one) => one.status === 'rejected')
    if (failed === undefined) return made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    for (const one of made) if (one.status === 'fulfilled') await one.value.sending.close()
    throw failed.reason
  }

  const lanesOf = (configs: readonly DestinationConfig[]) => configs.map(({ name, whenFull }) => ({ destination: name, whenFull }))

  const openQueue = async (configs: readonly DestinationConfig[]): Promise<Queue> => {
    const { recycle, takeMemory } = deps
    const memory = { ...(recycle === undefined ? {} : { recycle }), ...(takeMemory === undefined ? {} : { takeMemory }) }
    const queueDeps = { metrics, log, nowMs, ...memory }
    const lanes = lanesOf(configs)
    if (settings.type === 'disk') return createDiskQueue({ ...settings, lanes }, queueDeps)
    if (settings.type === 'kafka') return (await import('./queue/kafka.ts')).createKafkaQueue({ lanes, kafka: settings.kafka }, queueDeps)
    return createMemoryQueue({ lanes, maxSize: settings.maxSize, ack: settings.ack === 'forwarded' ? 'forwarded' : 'memory' }, queueDeps)
  }

  const start = (member: Member, lane: Lane): void => {
    const { name, concurrency, retry, batch } = member.config
    member.loop ??= startDestination(
      { name, concurrency, retry, batch, queueSurvives: settings.type !== 'memory' && settings.ack !== 'forwarded' },
      { lane, transport: member.sending.transport, encode: member.sending.encode, metrics, log, random, monotonicMs },
    )
  }

  const laneOf = (name: string): Lane => {
    const lane = queue.lanes.find((one) => one.destination === name)
    if (lane === undefined) throw new Error(`BUG: destination ${name} has no lane`)
    return lane
  }

  const startAll = (): void => {
    for (const member of members) start(member, laneOf(member.config.name))
  }

  const configs = destinationsOf(deps.emit)
  let members: readonly Member[] = await prepareAll(configs)
  const queue = await openQueue(configs)
  let route = createRouter(configs)
  let always = unconditionalLanes(configs)
  let stopping = false
  startAll()

  /** Certificates first: they are the cause of what else may be wrong. */
  const reasonsOf = ({ sending, loop }: Member): readonly string[] => [...sending.trouble(), ...(loop?.health().reasons ?? [])]

  const reconfigure = async (emit: EmitConfig): Promise<void> => {
    const next = destinationsOf(emit)
    const before = members
    const same = (config: DestinationConfig): Member | undefined => before.find((one) => one.text === textOf(config))
    const fresh = await prepareAll(next.filter((config) => same(config) === undefined))
    const after = next.map((config) => same(config) ?? (fresh.find((one) => one.config === config) as Member))
    const over = before.filter((one) => !after.includes(one))
    // A lane has one loop: the old one lets go of it before the new one begins.
    await Promise.all(over.map((one) => one.loop?.handOver(replaceMs)))
    members = after
    for (const [at, config] of next.entries()) (after[at] as Member).config = config
    // In one turn of the event loop: places in what the router says are places in the list of lanes.
    const done = queue.setLanes(lanesOf(next))
    route = createRouter(next)
    always = unconditionalLanes(next)
    if (!stopping) startAll()
    await Promise.all(over.map(({ sending }) => sending.close()))
    await done
  }

  return {
    intake: {
      put: (batch) => queue.put(route(batch)),
      stage() {
        const staging = queue.stage()
        return { ...staging, add: (batch) => staging.add(route(batch)) }
      },
      refusal: () => queue.refusal(always),
      holding(name, options) {
        const holding = queue.holding?.(name, options)
        if (holding === undefined) return undefined
        return { ...holding, put: (batch, keep) => holding.put(batch === undefined ? [] : route(batch), keep) }
      },
    },
    queue,
    health() {
      if (stopping) return { ok: false, reasons: ['the bridge is stopping'] }
      const { fault } = queue.stats()
      const stored = fault === undefined ? [] : [`queue cannot store: ${fault}`]
      const reasons = [...stored, ...members.flatMap(reasonsOf)]
      return { ok: reasons.length === 0, reasons }
    },
    warnings: () =>
      (queue.stats().stranded ?? []).map(
        ({ destination, items }) =>
          `the queue holds ${items} items for destination ${destination}, which is not configured: see otlp-bridge queue ls, move and drop`,
      ),
    destinations: () =>
      members.map((member) => ({
        config: member.config,
        reasons: reasonsOf(member),
        lane: laneOf(member.config.name).stats(),
        endpoints: member.sending.endpoints(),
      })),
    reconfigure,
    async stop(deadlineMs) {
      stopping = true
      // Of topics that others write to as well there is no end: what is not under way is left to them.
      const shared = settings.type === 'kafka'
      await Promise.all(members.map(({ loop }) => (shared ? loop?.handOver(deadlineMs) : loop?.stop(deadlineMs))))
      await queue.close()
      await Promise.all(members.map(({ sending }) => sending.close()))
    },
  }
}
