/** Pages to OTLP endpoints, with the pieces of the live emitter: routing, encoding, transports. No queue: the source is the queue. */

import type { EmitConfig } from '../emit/config.ts'
import { destinationsOf } from '../emit/destinations.ts'
import { createRouter } from '../emit/route.ts'
import { createSending, type Sending } from '../emit/sending.ts'
import { freeMessage } from '../otlp/encode/chunks.ts'
import { requestToJson } from '../otlp/json/to-json.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type BackfillLane, createLane } from './deliver.ts'
import { askKind, knownProgram, type Program } from './destination-kind.ts'
import { emptyTally, type Tally } from './lane-model.ts'
import type { PageRequest } from './model.ts'
import type { Boundary, DeadRequest, Sink } from './sink.ts'

export interface OtlpSinkOptions {
  readonly emit: EmitConfig
  /** What the destinations are, where the user says so. */
  readonly program?: Program | undefined
}

export interface OtlpSinkDeps {
  readonly log: Logger
  readonly metrics: Metrics
  /** Wall clock, ms. */
  readonly nowMs: () => number
  readonly monotonicMs: () => number
  /** 0 ≤ x < 1 */
  readonly random: () => number
  readonly instanceId: string
  readonly fetch?: typeof fetch
  readonly sleep?: (ms: number, abort: AbortSignal) => Promise<void>
  /** A destination asks for less. @param retryAfterMs 0: it did not say */
  readonly distress: (reason: string, retryAfterMs: number) => void
  /** How long nobody is to be asked, ms. */
  readonly pausedMs?: () => number
  /** The destination takes nothing so old. Told once for each destination and reason; `Delivered.boundary` has it for each page. */
  readonly boundary?: (one: Boundary) => void
}

/** Without user, password and query. */
function nameOf(url: string): string {
  if (!/^https?:\/\//i.test(url)) return url
  const { origin, pathname } = new URL(url)
  return origin + (pathname === '/' ? '' : pathname)
}

/** For a destination that does not say in time what it is. */
const askTimeoutMs = 5000

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((all, one) => all + one, 0)

const sumItems = (requests: readonly PageRequest[]): number => requests.reduce((all, { items }) => all + items, 0)

/** What became of a part that several destinations were to have: what any of them refused is not there. The largest loss counts; dead items first. */
function merged(items: number, tallies: readonly { readonly name: string; readonly tally: Tally }[]): Tally {
  const [only] = tallies
  if (only !== undefined && tallies.length === 1) return only.tally
  const all = emptyTally()
  const dead: DeadRequest[] = []
  let lost = 0
  let buried = 0
  for (const { name, tally } of tallies) {
    const deadItems = tally.dead.reduce((total, one) => total + one.items, 0)
    lost = Math.max(lost, sum(tally.rejected) + deadItems)
    for (const one of tally.dead) {
      if (buried + one.items > items) continue
      buried += one.items
      dead.push({ ...one, message: `${name}: ${one.message}` })
    }
    all.ambiguous += tally.ambiguous
    all.failedTries += tally.failedTries
    all.bytesOut += tally.bytesOut
    for (const [reason, text] of tally.said) if (!all.said.has(reason)) all.said.set(reason, `${name}: ${text}`)
  }
  all.dead.push(...dead)
  let left = Math.max(0, Math.min(items, lost) - buried)
  for (const { tally } of tallies) {
    for (const [reason, count] of Object.entries(tally.rejected)) {
      const some = Math.min(left, count)
      if (some > 0) all.rejected[reason] = (all.rejected[reason] ?? 0) + some
      left -= some
    }
  }
  all.acked = items - buried - sum(all.rejected)
  return all
}

/** Of several destinations the one that refuses the newest. */
function boundaryOf(tallies: readonly { readonly name: string; readonly tally: Tally }[]): Boundary | undefined {
  let found: Boundary | undefined
  for (const { name, tally } of tallies) {
    const { age } = tally
    if (age === undefined) continue
    if (found === undefined || (age.refusedMs ?? 0) > (found.refusedMs ?? 0)) found = { destination: name, ...age }
  }
  return found
}

interface Told {
  readonly tally: Tally
  readonly boundary: Boundary | undefined
}

interface Plan {
  readonly lanes: readonly number[]
  readonly requests: PageRequest[]
}

/**
 * Opens connections when they are first needed. Requests of a page go out in their order, cut by `emit.batch`, and each is acknowledged before the next; several
 * destinations at the same time. What several destinations were to have counts as acknowledged when all of them have it. Rejects with OB_CONFIG for
 * certificates that cannot be used.
 */
export async function createOtlpSink(options: OtlpSinkOptions, deps: OtlpSinkDeps): Promise<Sink> {
  const configs = destinationsOf(options.emit)
  const route = createRouter(configs)
  const { log, metrics, nowMs, monotonicMs, instanceId } = deps
  const sendings: Sending[] = []
  const lanes: BackfillLane[] = []
  /** Destination and reason of boundaries that were told. */
  const told = new Set<string>()
  const close = async (): Promise<void> => {
    await Promise.all(sendings.map((one) => one.close()))
  }
  try {
    for (const config of configs) {
      const sending = await createSending(config, { metrics, log, nowMs, monotonicMs, instanceId, toJson: requestToJson })
      sendings.push(sending)
      const { program } = options
      const asking = { fetch: deps.fetch ?? fetch, timeoutMs: askTimeoutMs }
      lanes.push(
        createLane(config, sending, {
          ...deps,
          known: (signal) => (program === undefined ? askKind(config, signal, asking) : Promise.resolve(knownProgram(program))),
        }),
      )
    }
  } catch (error) {
    await close()
    throw error
  }

  /** Which destinations get what. */
  const planOf = (requests: readonly PageRequest[]): readonly Plan[] => {
    const plans = new Map<string, Plan>()
    for (const { signal, items, data } of requests) {
      for (const { batch, lanes: places } of route({ format: 'backfill', signal, items, data })) {
        const key = places.join()
        let plan = plans.get(key)
        if (plan === undefined) plans.set(key, (plan = { lanes: places, requests: [] }))
        plan.requests.push({ signal, items: batch.items, data: batch.data })
      }
    }
    return [...plans.values()]
  }

  const deliverOne = async ({ lanes: places, requests }: Plan, abort: AbortSignal): Promise<Told> => {
    const items = requests.reduce((all, one) => all + one.items, 0)
    if (places.length === 0) return { tally: { ...emptyTally(), rejected: { no_destination: items } }, boundary: undefined }
    const leaving = new AbortController()
    // One that is down must not hold up what another one has to say: nothing of the page is acknowledged then.
    const signal = places.length === 1 ? abort : AbortSignal.any([abort, leaving.signal])
    let fault: { readonly error: unknown } | undefined
    const done = await Promise.all(
      places.map(async (place) => {
        const tally = emptyTally()
        try {
          await (lanes[place] as BackfillLane).deliver(requests, tally, signal)
        } catch (error) {
          fault ??= { error }
          leaving.abort()
        }
        return { name: configs[place]?.name ?? '', tally }
      }),
    )
    if (fault !== undefined) throw fault.error
    return { tally: merged(items, done), boundary: boundaryOf(done) }
  }

  return {
    name: [...new Set(configs.flatMap(({ endpoints }) => endpoints.map(({ url }) => nameOf(url))))].join(', '),
    position: () => undefined,
    // What was sent and not acknowledged may be there.
    restore: async () => false,
    async deliver(_slice, _page, requests, abort) {
      const total = emptyTally()
      let newest: Boundary | undefined
      // One after the other: the order of a page stays, also where its parts have different destinations.
      for (const plan of planOf(requests)) {
        const { tally, boundary } = await deliverOne(plan, abort)
        if (boundary !== undefined && (newest === undefined || (boundary.refusedMs ?? 0) > (newest.refusedMs ?? 0))) newest = boundary
        total.acked += tally.acked
        total.ambiguous += tally.ambiguous
        total.failedTries += tally.failedTries
        total.bytesOut += tally.bytesOut
        total.dead.push(...tally.dead)
        for (const [reason, count] of Object.entries(tally.rejected)) total.rejected[reason] = (total.rejected[reason] ?? 0) + count
        for (const [reason, text] of tally.said) if (!total.said.has(reason)) total.said.set(reason, text)
      }
      const { acked, rejected, dead, ambiguous, bytesOut } = total
      // All of it was answered with success at the first try: nobody reads it any more.
      if (acked === sumItems(requests) && total.failedTries === 0) for (const one of requests) if (one.owned === true) freeMessage(one.data)
      if (newest !== undefined) {
        const key = `${newest.destination}\n${newest.reason}`
        if (!told.has(key)) deps.boundary?.(newest)
        told.add(key)
      }
      return { acked, rejected, dead, ambiguous, bytesOut, said: [...total.said.values()], boundary: newest }
    },
    finish: async () => {},
    close,
  }
}
