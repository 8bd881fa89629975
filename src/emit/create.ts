/** Puts the sending side together: one queue, and for each destination a lane of it and a loop that empties it. */

import { performance } from 'node:perf_hooks'
import { BridgeError } from '../errors.ts'
import type { Intake, Signal } from '../otlp/intake.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type EmitConfig, type QueueConfig, queueSettings } from './config.ts'
import { type Destination, startDestination } from './destination.ts'
import { type DestinationConfig, destinationsOf } from './destinations.ts'
import type { EndpointStatus } from './endpoints.ts'
import type { ExtraLane, LaneRunner } from './extra-lane.ts'
import type { EmitHealth } from './health.ts'
import { createDiskQueue } from './queue/disk.ts'
import { createMemoryQueue } from './queue/memory.ts'
import type { Outcomes } from './queue/outcomes.ts'
import type { Lane, LaneOptions, LaneStats, Queue } from './queue/queue.ts'
import { createSending, type Sending } from './sending.ts'
import { createWay, type Way } from './way.ts'

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
  /** Lanes that others empty, for envelopes alone; their names are neither each other's nor a destination's. */
  readonly extra?: readonly ExtraLane[]
  /** Told of every batch that leaves a lane. */
  readonly outcomes?: Outcomes
}

/** One extra lane as it is now. */
export interface EmitExtra {
  readonly name: string
  /** What is wrong with it; empty when all is well. */
  readonly reasons: readonly string[]
  readonly lane: LaneStats
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
   * is as before.
   */
  reconfigure(emit: EmitConfig): Promise<void>
  /** In the order in which they were given. */
  extra(): readonly EmitExtra[]
  /**
   * Changes to other extra lanes. One whose name stays keeps what waits in it; the same object goes on, another one starts when the one before has let
   * go. What waits in a lane that goes stays in the store (in memory: dropped). May be called while a `reconfigure` is under way: it comes after it.
   */
  setExtra(lanes: readonly ExtraLane[]): Promise<void>
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

/** An extra lane that is being emptied. */
interface Extra {
  readonly from: ExtraLane
  runner: LaneRunner | undefined
}

/** A lane is known by its name. */
function requireOwnNames(destinations: readonly DestinationConfig[], extra: readonly Pick<ExtraLane, 'name'>[]): void {
  const twice = destinations.find(({ name }) => extra.some((one) => one.name === name))
  if (twice === undefined) return
  throw new BridgeError('OB_CONFIG', `cannot send to a destination ${twice.name}: a mirror has this name`, { place: twice.section })
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

  /** Those of extra lanes stand behind the others. */
  const lanesOf = (configs: readonly DestinationConfig[], more: readonly ExtraLane[]): LaneOptions[] => [
    ...configs.map(({ name, whenFull }) => ({ destination: name, whenFull })),
    ...more.map((lane) => ({
      destination: lane.name,
      maxSize: lane.maxSize,
      forwardMs: lane.forwardMs,
      mirror: true,
      get whenFull() {
        return lane.whenFull
      },
    })),
  ]

  const openQueue = async (lanes: readonly LaneOptions[]): Promise<Queue> => {
    const { recycle, takeMemory, outcomes } = deps
    const queueDeps = {
      metrics,
      log,
      nowMs,
      ...(recycle === undefined ? {} : { recycle }),
      ...(takeMemory === undefined ? {} : { takeMemory }),
      ...(outcomes === undefined ? {} : { outcomes }),
    }
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
    for (const extra of extras) extra.runner ??= extra.from.start(laneOf(extra.from.name))
  }

  const configs = destinationsOf(deps.emit)
  requireOwnNames(configs, deps.extra ?? [])
  let members: readonly Member[] = await prepareAll(configs)
  let extras: readonly Extra[] = (deps.extra ?? []).map((from) => ({ from, runner: undefined }))
  const queue = await openQueue(lanesOf(configs, deps.extra ?? []))
  let way: Way = createWay(configs, deps.extra ?? [])
  let stopping = false
  startAll()

  /** Certificates first: they are the cause of what else may be wrong. */
  const reasonsOf = ({ sending, loop }: Member): readonly string[] => [...sending.trouble(), ...(loop?.health().reasons ?? [])]

  /** In one turn of the event loop: places in what the way says are places in the list of lanes. Resolves when what goes is gone. */
  const replaceLanes = (): Promise<void> => {
    const next = members.map(({ config }) => config)
    const lanes = extras.map(({ from }) => from)
    const done = queue.setLanes(lanesOf(next, lanes))
    way = createWay(next, lanes)
    if (!stopping) startAll()
    return done
  }

  /** One change at a time. */
  let changing: Promise<unknown> = Promise.resolve()
  const inTurn = (change: () => Promise<void>): Promise<void> => {
    const done = changing.then(change)
    changing = done.catch(() => {})
    return done
  }

  const setExtra = async (lanes: readonly ExtraLane[]): Promise<void> => {
    requireOwnNames(
      members.map(({ config }) => config),
      lanes,
    )
    const before = extras
    const after = lanes.map((from) => before.find((one) => one.from === from) ?? { from, runner: undefined })
    await Promise.all(before.filter((one) => !after.includes(one)).map(({ runner }) => runner?.handOver(replaceMs)))
    if (stopping) return
    extras = after
    await replaceLanes()
  }

  const reconfigure = async (emit: EmitConfig): Promise<void> => {
    const next = destinationsOf(emit)
    requireOwnNames(
      next,
      extras.map(({ from }) => from),
    )
    const before = members
    const same = (config: DestinationConfig): Member | undefined => before.find((one) => one.text === textOf(config))
    const fresh = await prepareAll(next.filter((config) => same(config) === undefined))
    const after = next.map((config) => same(config) ?? (fresh.find((one) => one.config === config) as Member))
    const over = before.filter((one) => !after.includes(one))
    // A lane has one loop: the old one lets go of it before the new one begins.
    await Promise.all(over.map((one) => one.loop?.handOver(replaceMs)))
    members = after
    for (const [at, config] of next.entries()) (after[at] as Member).config = config
    const done = replaceLanes()
    await Promise.all(over.map(({ sending }) => sending.close()))
    await done
  }

  return {
    intake: {
      put: (batch) => queue.put(way.parts(batch)),
      stage() {
        const staging = queue.stage()
        return { ...staging, add: (batch) => staging.add(way.parts(batch)) }
      },
      refusal: (mirror) => queue.refusal(way.door(mirror)),
      holding(name, options) {
        const holding = queue.holding?.(name, options)
        if (holding === undefined) return undefined
        return { ...holding, put: (batch, keep) => holding.put(batch === undefined ? [] : way.parts(batch), keep) }
      },
    },
    queue,
    health() {
      if (stopping) return { ok: false, reasons: ['the bridge is stopping'] }
      const { fault } = queue.stats()
      const stored = fault === undefined ? [] : [`queue cannot store: ${fault}`]
      const reasons = [...stored, ...members.flatMap(reasonsOf), ...extras.flatMap(({ runner }) => runner?.health().reasons ?? [])]
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
    extra: () =>
      extras.map(({ from, runner }) => ({ name: from.name, reasons: runner?.health().reasons ?? [], lane: laneOf(from.name).stats() })),
    reconfigure: (emit) => inTurn(() => reconfigure(emit)),
    setExtra: (lanes) => inTurn(() => setExtra(lanes)),
    async stop(deadlineMs) {
      stopping = true
      // Of topics that others write to as well there is no end: what is not under way is left to them.
      const shared = settings.type === 'kafka'
      const loops = [...members.map(({ loop }) => loop), ...extras.map(({ runner }) => runner)]
      await Promise.all(loops.map((loop) => (shared ? loop?.handOver(deadlineMs) : loop?.stop(deadlineMs))))
      await queue.close()
      await Promise.all(members.map(({ sending }) => sending.close()))
    },
  }
}
