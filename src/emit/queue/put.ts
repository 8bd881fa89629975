/** From what was received to what the lanes get: who takes it, who is full, what is counted beside. */

import { BridgeError } from '../../errors.ts'
import type { EncodedBatch } from '../../otlp/intake.ts'
import type { Cell, Metrics } from '../../telemetry/metrics.ts'
import { type Accounts, countMirrored } from './accounts.ts'
import { createForwarding, waitAtMost } from './forwarding.ts'
import { holdersOf } from './holders.ts'
import type { Outcomes } from './outcomes.ts'
import type { StagedValue } from './protocol.ts'
import type { LaneOptions, Parcel, RoutedBatch } from './queue.ts'
import { type Entry, ownBytes } from './waiting.ts'

/** After how many seconds a sender should come back to a full queue. */
const fullRetryAfterSeconds = 5

/** A lane as the door sees it. */
export interface OpenLane {
  readonly options: LaneOptions
  readonly accounts: Accounts
  /** Bytes that it may hold. */
  readonly maxSize: number
  /** Bytes of requests that are not committed yet: they have their room. */
  staged: number
  /** True when so many bytes more are too many. */
  isFull(bytes: number): boolean
}

/** A part of a request that had its room before: lanes that drop have decided by then. */
export interface AdmittedBatch {
  readonly batch: Omit<Parcel, 'data'> & { readonly data: Uint8Array | StagedValue }
  readonly lanes: readonly number[]
  /** Those of them that were full when it came. */
  readonly full: readonly number[]
  /** Which of the batches of the request it is, or is a part of. */
  readonly source: number
}

/** A batch with one entry for each lane that takes it. */
export interface DealtBatch<L> {
  readonly part: RoutedBatch | AdmittedBatch
  readonly data: Uint8Array | StagedValue
  readonly places: readonly { readonly lane: L; readonly entry: Entry }[]
}

export interface Deal<L> {
  readonly batches: readonly DealtBatch<L>[]
  readonly bytes: number
  /** Takes back what was counted of items that no entry stands for; undefined when there was none. */
  readonly undo: (() => void) | undefined
  /** Tells of those of them that were dropped, once all else is taken; undefined when there was none. */
  readonly tell: (() => void) | undefined
}

export interface DealOptions {
  readonly metrics: Metrics
  readonly outcomes: Outcomes | undefined
  readonly nowMs: number
  readonly stored: boolean
  readonly nextId: () => number
}

/** What a sender is told while a queue stops. */
export function stoppingError(): BridgeError {
  return new BridgeError('OB_STOPPING', 'cannot queue data: the bridge is stopping', { retryAfterSeconds: 1 })
}

const fullError = (lanes: number, { options: { destination, mirror }, maxSize }: OpenLane): BridgeError => {
  const whose = mirror ? `the queue of ${destination}` : lanes > 1 ? `the queue of destination ${destination}` : 'the queue'
  const limit = mirror ? 'its maxSize' : 'queue.maxSize'
  return new BridgeError('OB_QUEUE_FULL', `cannot queue data: ${whose} is at ${limit} (${maxSize} bytes)`, {
    retryAfterSeconds: fullRetryAfterSeconds,
  })
}

/** What a sender is told when no lane is full but the file is. */
export function storeFullError(maxBytes: number): BridgeError {
  return new BridgeError('OB_QUEUE_FULL', `cannot queue data: the store is at its limit (${maxBytes} bytes)`, {
    retryAfterSeconds: fullRetryAfterSeconds,
  })
}

/** Those of them that are destinations, as the books know them. */
export function destinationNames(lanes: readonly LaneOptions[]): string[] {
  return lanes.flatMap(({ destination, mirror }) => (mirror === true ? [] : [destination]))
}

/** Why the lanes cannot take these parts; undefined when they can. Lanes that drop when they are full do not stand in the way. */
export function fullLane(lanes: readonly OpenLane[], parts: readonly RoutedBatch[]): BridgeError | undefined {
  for (let at = 0; at < lanes.length; at++) {
    const lane = lanes[at] as OpenLane
    if (lane.options.whenFull === 'drop') continue
    let bytes = 0
    for (const part of parts) if (part.lanes.includes(at)) bytes += part.batch.data.byteLength
    if (bytes > 0 && lane.isFull(bytes)) return fullError(lanes.length, lane)
  }
  return undefined
}

/** As {@link fullLane}, at the door. @param which places of lanes that get everything */
export function fullAtTheDoor(lanes: readonly OpenLane[], which: readonly number[] | undefined): BridgeError | undefined {
  for (let at = 0; at < lanes.length; at++) {
    const lane = lanes[at] as OpenLane
    if (lane.options.whenFull === 'drop' || which?.includes(at) === false) continue
    if (lane.isFull(1)) return fullError(lanes.length, lane)
  }
  return undefined
}

const isDropped = (part: RoutedBatch | AdmittedBatch, lane: OpenLane, at: number): boolean =>
  'full' in part ? part.full.includes(at) : lane.options.whenFull === 'drop' && lane.isFull(part.batch.data.byteLength)

/** A part, or what is left of it, that a lane does not take. */
interface Lost {
  /** Undefined: no lane is for it. */
  readonly lane: OpenLane | undefined
  readonly batch: Omit<Parcel, 'data'> & { readonly bytes: number }
}

const reasonOf = ({ lane }: Lost): string => (lane === undefined ? 'no_route' : 'destination_full')

const countLost = ({ lane, batch }: Lost, metrics: Metrics, sign: 1 | -1): void => {
  if (lane === undefined) countUnrouted(batch, metrics, sign)
  else lane.accounts.turnAway(batch, 'destination_full', sign)
}

/** Counts what no lane is for, or takes that back. */
export function countUnrouted(batch: Lost['batch'], metrics: Metrics, sign: 1 | -1): void {
  const { format, signal, mirror, items } = batch
  const books = metrics.books(format, signal)
  if (mirror === undefined) {
    books.dropped('no_route').value += sign * items
    return
  }
  const own = books.at(mirror)
  if (own.received !== undefined) own.received.value += sign * items
  own.dropped('no_route').value += sign * items
  for (const [outcome, reason] of noRoute) countMirrored(metrics, mirror, batch, outcome, reason, sign)
}

const noRoute = [
  ['received', ''],
  ['shed', 'no_route'],
] as const

/**
 * Makes the entries and counts everything: queued, routed elsewhere, without a way, dropped because a lane is full. Envelopes are nothing to
 * destinations, and OTLP is nothing to mirrors: there is no elsewhere between the two.
 */
export function deal<L extends OpenLane>(
  lanes: readonly L[],
  parts: readonly (RoutedBatch | AdmittedBatch)[],
  options: DealOptions,
): Deal<L> {
  const { metrics, outcomes } = options
  const batches: DealtBatch<L>[] = []
  let bytes = 0
  let elsewhere: { readonly cell: Cell; readonly items: number }[] | undefined
  let lost: Lost[] | undefined
  const lose = (lane: L | undefined, batch: RoutedBatch['batch'] | AdmittedBatch['batch']): void => {
    const one = { lane, batch: { ...batch, data: undefined, bytes: batch.data.byteLength } }
    countLost(one, metrics, 1)
    lost ??= []
    lost.push(one)
  }
  for (const part of parts) {
    const { batch, lanes: wanted } = part
    const isEnvelope = batch.signal === 'legacy'
    const takers: L[] = []
    if (wanted.length === 0) lose(undefined, batch)
    else
      for (let at = 0; at < lanes.length; at++) {
        const lane = lanes[at] as L
        if (!wanted.includes(at)) {
          if (isEnvelope || lane.accounts.isMirror) continue
          const cell = lane.accounts.books(batch).elsewhere
          cell.value += batch.items
          elsewhere ??= []
          elsewhere.push({ cell, items: batch.items })
        } else if (isDropped(part, lane, at)) lose(lane, batch)
        else takers.push(lane)
      }
    if (takers.length === 0) continue
    const isHere = batch.data instanceof Uint8Array
    const data = batch.data instanceof Uint8Array ? ownBytes(batch.data) : batch.data
    const holders = isHere ? holdersOf(takers.length) : undefined
    const places = takers.map((lane) => {
      const entry: Entry = {
        id: options.nextId(),
        format: batch.format,
        signal: batch.signal,
        items: batch.items,
        bytes: data.byteLength,
        queuedAtMs: options.nowMs,
        maybeSent: false,
        account: batch.account,
        data: data instanceof Uint8Array ? data : undefined,
        holders,
        shared: holders !== undefined || !isHere,
        stored: options.stored,
        forwarded: undefined,
      }
      lane.accounts.add(entry)
      return { lane, entry }
    })
    batches.push({ part, data, places })
    bytes += data.byteLength
  }
  if (elsewhere === undefined && lost === undefined) return { batches, bytes, undo: undefined, tell: undefined }
  const undo = (): void => {
    for (const { cell, items } of elsewhere ?? []) cell.value -= items
    for (const one of lost ?? []) countLost(one, metrics, -1)
  }
  const tell = (): void => {
    for (const one of lost ?? []) {
      const { lane, batch } = one
      outcomes?.left(lane?.options.destination ?? batch.mirror ?? '', batch, 'dropped', reasonOf(one), 0)
    }
  }
  return { batches, bytes, undo, tell: lost === undefined ? undefined : tell }
}

/** Lets the entries of a deal report to who waits for all endpoints; resolves and rejects as they do. Mirrors that need not have it hold nobody. */
export function forwardDeal<L extends OpenLane>({ batches, undo, tell }: Deal<L>): Promise<void> {
  const onRejected: EncodedBatch['onRejected'][] = []
  const shares = batches.flatMap(({ part, places }) => {
    const source = 'source' in part ? part.source : 0
    onRejected[source] ??= part.batch.onRejected
    return places
      .filter(({ lane: { options } }) => !(options.mirror === true && options.whenFull === 'drop'))
      .map(({ lane, entry }) => ({ accounts: lane.accounts, batch: entry, source, options: lane.options }))
  })
  if (shares.length === 0) {
    tell?.()
    return Promise.resolve()
  }
  const { done, forwardings } = createForwarding(shares, undo ?? (() => {}), Array.from(onRejected))
  const ended: (() => void)[] = []
  for (const { batch, source, accounts, options } of shares) {
    const forwarding = forwardings[source]
    batch.forwarded = forwarding
    const { forwardMs, destination } = options
    if (forwardMs === undefined || forwarding === undefined) continue
    const error = (): Error =>
      new BridgeError('OB_FORWARD_SLOW', `cannot forward data: ${destination} did not take it within ${forwardMs} ms`, {
        retryAfterSeconds: fullRetryAfterSeconds,
      })
    ended.push(waitAtMost(forwardMs, error, forwarding, accounts, batch))
  }
  if (ended.length > 0) {
    const end = (): void => {
      for (const one of ended) one()
    }
    done.then(end, end)
  }
  return tell === undefined ? done : done.then(tell)
}

/** Gives bytes of a request that is not committed their room in these lanes, or takes it back when they are fewer than 0. */
export function reserveIn(lanes: readonly OpenLane[], bytes: number): void {
  for (const lane of lanes) lane.staged += bytes
}
