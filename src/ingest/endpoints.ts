/**
 * The endpoints that run, and how they become those of another configuration: what did not change keeps its sockets and connections.
 */

import { isDeepStrictEqual } from 'node:util'
import { BridgeError, isBridgeError } from '../errors.ts'
import type { Listener } from './adapter.ts'

/** A started endpoint: its name in `interface.md` (`zipkin`, `jaeger.compact`) and its listener. */
export interface Endpoint {
  readonly name: string
  readonly listener: Listener
}

/** Where an endpoint is going to listen. */
export interface Place {
  readonly transport: 'tcp' | 'udp'
  readonly host: string
  /** 0: any free one. */
  readonly port: number
}

/** An endpoint as a configuration wants it, not started. */
export interface PlannedEndpoint {
  readonly name: string
  /** Undefined for endpoints that do not listen, such as consumers. */
  readonly place: Place | undefined
  /** Everything else of the configuration that it is made of, as plain data. */
  readonly settings: unknown
  /** @param before the listener that it replaces, which may hand over its sockets */
  start(before?: Listener): Promise<Listener>
}

/** Names of endpoints, by what a change did to them. */
export interface EndpointChanges {
  readonly kept: readonly string[]
  readonly started: readonly string[]
  /** Stopped and started with other settings. */
  readonly restarted: readonly string[]
  readonly stopped: readonly string[]
}

export interface EndpointsDeps {
  /** True when a second listener may take a port while the first still has it: then no connection is refused in between. */
  readonly reusePort: boolean
  /** Throws OB_LISTEN when a place is taken by somebody else; without it, two who share a port would not notice each other. */
  readonly claim?: ((name: string, place: Place) => Promise<void>) | undefined
  /** For requests under way when an endpoint is stopped, in milliseconds. */
  readonly drainMs: number
  /** For the gap between two owners of one port where they cannot overlap. */
  readonly sleep?: (ms: number) => Promise<void>
}

export interface Endpoints {
  list(): readonly Endpoint[]
  /**
   * Starts, restarts and stops what is needed to match the plan. All or nothing as far as possible: when an endpoint cannot be started
   * (OB_LISTEN, OB_CONFIG), those before it are put back and it is thrown on; what could not be put back is named in the message.
   */
  change(plan: readonly PlannedEndpoint[]): Promise<EndpointChanges>
  stop(deadlineMs: number): Promise<void>
}

interface Running {
  readonly planned: PlannedEndpoint
  readonly endpoint: Endpoint
  /** The place with the port that was really taken. */
  readonly place: Place | undefined
}

/** How long a new listener waits for the socket of the one before it to be closed. */
const gapTries = 50
const gapMs = 10

const portOf = (listener: Listener): number => Number(/:(\d+)$/.exec(listener.addresses[0] ?? '')?.[1] ?? 0)

const samePlace = (one: Place | undefined, other: Place | undefined): boolean =>
  one?.transport === other?.transport && one?.host === other?.host && one?.port === other?.port

/** Another address of the same machine may be the same socket (`0.0.0.0`), so only the port counts. */
const meets = (one: Place | undefined, other: Place | undefined): boolean =>
  one !== undefined && other !== undefined && one.transport === other.transport && one.port === other.port && one.port !== 0

/** A new endpoint content with any port is content with the one that it has. */
const wantedPlace = (planned: PlannedEndpoint, running: Running): Place | undefined =>
  planned.place?.port === 0 && planned.place.host === running.place?.host ? running.place : planned.place

const isUnchanged = (planned: PlannedEndpoint, running: Running): boolean =>
  samePlace(wantedPlace(planned, running), running.place) && isDeepStrictEqual(planned.settings, running.planned.settings)

const defaultSleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Creates an empty set of endpoints. */
export function createEndpoints(deps: EndpointsDeps): Endpoints {
  const sleep = deps.sleep ?? defaultSleep
  let running = new Map<string, Running>()
  let order: readonly string[] = []

  const start = async (planned: PlannedEndpoint, before?: Running): Promise<Running> => {
    const listener = await planned.start(before?.endpoint.listener)
    const place = planned.place === undefined ? undefined : { ...planned.place, port: portOf(listener) || planned.place.port }
    return { planned, endpoint: { name: planned.name, listener }, place }
  }

  /** As {@link start}, where a socket of ours on that port is just being closed. */
  const startBehind = async (planned: PlannedEndpoint): Promise<Running> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await start(planned)
      } catch (error) {
        if (attempt >= gapTries || !isBridgeError(error) || error.code !== 'OB_LISTEN') throw error
        await sleep(gapMs)
      }
    }
  }

  /** Refuses a place that somebody has: one of ours that stays, or, unless we are about to leave it ourselves, a stranger. */
  const claim = async ({ name, place }: PlannedEndpoint, staying: Iterable<Running>, ours: boolean): Promise<void> => {
    if (place === undefined || place.port === 0) return
    for (const other of staying) {
      if (!meets(other.place, place)) continue
      throw new BridgeError('OB_LISTEN', `cannot listen on ${place.host}:${place.port}: ingest.${other.planned.name} has this port`, {
        place: `ingest.${name}.port`,
      })
    }
    if (!ours) await deps.claim?.(name, place)
  }

  /** Whether a listener can go on until its successor listens. */
  const staysUntil = (planned: PlannedEndpoint, { place, endpoint }: Running): boolean =>
    deps.reusePort || (endpoint.listener.handOver !== undefined && samePlace(planned.place, place))

  const change = async (plan: readonly PlannedEndpoint[]): Promise<EndpointChanges> => {
    const before = running
    const names = new Set(plan.map(({ name }) => name))
    const kept = plan.filter((one) => {
      const was = before.get(one.name)
      return was !== undefined && isUnchanged(one, was)
    })
    const fresh = plan.filter((one) => !kept.includes(one))
    const leaving = [...before.values()].filter(({ planned }) => !kept.some(({ name }) => name === planned.name))

    const next = new Map<string, Running>()
    for (const planned of kept) next.set(planned.name, { ...(before.get(planned.name) as Running), planned })
    const halted = new Map<Running, Promise<void>>()
    const halt = (one: Running): Promise<void> => {
      let stopping = halted.get(one)
      if (stopping === undefined) halted.set(one, (stopping = one.endpoint.listener.stop(deps.drainMs)))
      return stopping
    }

    const begin = async (planned: PlannedEndpoint): Promise<void> => {
      const inTheWay = leaving.filter((one) => meets(one.place, planned.place))
      await claim(planned, next.values(), inTheWay.length > 0)
      const own = before.get(planned.name)
      // A consumer must be gone before its successor comes; two that speak differently must not share a port, not even for a moment.
      if (planned.place === undefined && own !== undefined) await halt(own)
      for (const one of inTheWay) if (one !== own || !staysUntil(planned, one)) void halt(one)
      const closing = inTheWay.some((one) => halted.has(one))
      next.set(planned.name, await (closing ? startBehind(planned) : start(planned, own)))
    }

    const putBack = async (error: unknown): Promise<never> => {
      const restored = new Map(before)
      const gone: string[] = []
      const restore = async ({ planned }: Running, after?: Running): Promise<void> => {
        try {
          restored.set(planned.name, await (after === undefined ? startBehind(planned) : start(planned, after)))
        } catch (cause) {
          restored.delete(planned.name)
          gone.push(`${planned.name} (${cause instanceof Error ? cause.message : String(cause)})`)
        }
      }
      const undone = fresh.flatMap(({ name }) => next.get(name) ?? [])
      for (const one of undone) {
        const was = before.get(one.planned.name)
        if (was === undefined || halted.has(was) || was.endpoint.listener.handOver === undefined || !samePlace(was.place, one.place))
          continue
        // It has given its sockets away; they come back the same way.
        await restore(was, one)
        void halt(was)
      }
      await Promise.all(undone.map(({ endpoint }) => endpoint.listener.stop(0)))
      for (const one of halted.keys()) if (restored.get(one.planned.name) === one) await restore(one)
      running = restored
      await Promise.all(halted.values())
      if (gone.length === 0 || !isBridgeError(error)) throw error
      throw new BridgeError(error.code, `${error.message}; and these could not be started again: ${gone.join(', ')}`, {
        place: error.place,
        cause: error,
      })
    }

    try {
      for (const planned of fresh) await begin(planned)
    } catch (error) {
      return putBack(error)
    }
    running = next
    order = plan.map(({ name }) => name)
    // Right after the event loop has accepted what had come: a connection that waits in a socket that is closed is reset.
    await new Promise((resolve) => setImmediate(resolve))
    await Promise.all(leaving.map(halt))
    return {
      kept: kept.map(({ name }) => name),
      started: fresh.filter(({ name }) => !before.has(name)).map(({ name }) => name),
      restarted: fresh.filter(({ name }) => before.has(name)).map(({ name }) => name),
      stopped: [...before.keys()].filter((name) => !names.has(name)),
    }
  }

  return {
    list: () => order.flatMap((name) => running.get(name)?.endpoint ?? []),
    change,
    async stop(deadlineMs) {
      await Promise.all([...running.values()].map(({ endpoint }) => endpoint.listener.stop(deadlineMs)))
    },
  }
}
