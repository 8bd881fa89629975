/** From what was received to what the lanes get: who takes it, who is full, what is counted beside. */

import { BridgeError } from '../../errors.ts'
import type { EncodedBatch } from '../../otlp/intake.ts'
import type { Cell, Metrics } from '../../telemetry/metrics.ts'
import type { Accounts } from './accounts.ts'
import { createForwarding } from './forwarding.ts'
import { holdersOf } from './holders.ts'
import type { StagedValue } from './protocol.ts'
import type { LaneOptions, RoutedBatch } from './queue.ts'
import { type Entry, ownBytes } from './waiting.ts'

/** After how many seconds a sender should come back to a full queue. */
const fullRetryAfterSeconds = 5

/** A lane as the door sees it. */
export interface OpenLane {
  readonly options: LaneOptions
  readonly accounts: Accounts
  /** Bytes of requests that are not committed yet: they have their room. */
  staged: number
  /** True when so many bytes more are too many. */
  isFull(bytes: number): boolean
}

/** A part of a request that had its room before: lanes that drop have decided by then. */
export interface AdmittedBatch {
  readonly batch: Omit<EncodedBatch, 'data'> & { readonly data: Uint8Array | StagedValue }
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
}

export interface DealOptions {
  readonly metrics: Metrics
  readonly nowMs: number
  readonly stored: boolean
  readonly nextId: () => number
}

/** What a sender is told while a queue stops. */
export function stoppingError(): BridgeError {
  return new BridgeError('OB_STOPPING', 'cannot queue data: the bridge is stopping', { retryAfterSeconds: 1 })
}

const fullError = (lanes: number, { destination }: LaneOptions, maxSize: number): BridgeError => {
  const whose = lanes > 1 ? `the queue of destination ${destination}` : 'the queue'
  return new BridgeError('OB_QUEUE_FULL', `cannot queue data: ${whose} is at queue.maxSize (${maxSize} bytes)`, {
    retryAfterSeconds: fullRetryAfterSeconds,
  })
}

/** What a sender is told when no lane is full but the file is. */
export function storeFullError(maxBytes: number): BridgeError {
  return new BridgeError('OB_QUEUE_FULL', `cannot queue data: the store is at its limit (${maxBytes} bytes)`, {
    retryAfterSeconds: fullRetryAfterSeconds,
  })
}

/** Why the lanes cannot take these parts; undefined when they can. Lanes that drop when they are full do not stand in the way. */
export function fullLane(lanes: readonly OpenLane[], parts: readonly RoutedBatch[], maxSize: number): BridgeError | undefined {
  for (let at = 0; at < lanes.length; at++) {
    const lane = lanes[at] as OpenLane
    if (lane.options.whenFull === 'drop') continue
    let bytes = 0
    for (const part of parts) if (part.lanes.includes(at)) bytes += part.batch.data.byteLength
    if (bytes > 0 && lane.isFull(bytes)) return fullError(lanes.length, lane.options, maxSize)
  }
  return undefined
}

/** As {@link fullLane}, at the door. @param which places of lanes that get everything */
export function fullAtTheDoor(lanes: readonly OpenLane[], which: readonly number[] | undefined, maxSize: number): BridgeError | undefined {
  for (let at = 0; at < lanes.length; at++) {
    const lane = lanes[at] as OpenLane
    if (lane.options.whenFull === 'drop' || which?.includes(at) === false) continue
    if (lane.isFull(1)) return fullError(lanes.length, lane.options, maxSize)
  }
  return undefined
}

const isDropped = (part: RoutedBatch | AdmittedBatch, lane: OpenLane, at: number): boolean =>
  'full' in part ? part.full.includes(at) : lane.options.whenFull === 'drop' && lane.isFull(part.batch.data.byteLength)

/** Makes the entries and counts everything: queued, routed elsewhere, without a way, dropped because a lane is full. */
export function deal<L extends OpenLane>(
  lanes: readonly L[],
  parts: readonly (RoutedBatch | AdmittedBatch)[],
  options: DealOptions,
): Deal<L> {
  const { metrics } = options
  const batches: DealtBatch<L>[] = []
  let bytes = 0
  let counted: { readonly cell: Cell; readonly items: number }[] | undefined
  const count = (cell: Cell, items: number): void => {
    cell.value += items
    counted ??= []
    counted.push({ cell, items })
  }
  for (const part of parts) {
    const { batch, lanes: wanted } = part
    const takers: L[] = []
    if (wanted.length === 0) count(metrics.books(batch.format, batch.signal).dropped('no_route'), batch.items)
    else
      for (let at = 0; at < lanes.length; at++) {
        const lane = lanes[at] as L
        if (!wanted.includes(at)) count(lane.accounts.books(batch).elsewhere, batch.items)
        else if (isDropped(part, lane, at)) count(lane.accounts.books(batch).dropped('destination_full'), batch.items)
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
  const undo = counted === undefined ? undefined : () => takeBack(counted)
  return { batches, bytes, undo }
}

/** Lets the entries of a deal report to who waits for all endpoints; resolves and rejects as they do. */
export function forwardDeal<L extends OpenLane>({ batches, undo }: Deal<L>): Promise<void> {
  const onRejected: EncodedBatch['onRejected'][] = []
  const shares = batches.flatMap(({ part, places }) => {
    const source = 'source' in part ? part.source : 0
    onRejected[source] = part.batch.onRejected
    return places.map(({ lane, entry }) => ({ accounts: lane.accounts, batch: entry, source }))
  })
  const { done, forwardings } = createForwarding(shares, undo ?? (() => {}), Array.from(onRejected))
  for (const { batch, source } of shares) batch.forwarded = forwardings[source]
  return done
}

/** Gives bytes of a request that is not committed their room in these lanes, or takes it back when they are fewer than 0. */
export function reserveIn(lanes: readonly OpenLane[], bytes: number): void {
  for (const lane of lanes) lane.staged += bytes
}

const takeBack = (counted: readonly { readonly cell: Cell; readonly items: number }[] | undefined): void => {
  for (const { cell, items } of counted ?? []) cell.value -= items
}
