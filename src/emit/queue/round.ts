/** What goes into one transaction: gathered while the one before is under way. */

import type { Burial, Release, RoundRequest } from './protocol.ts'
import { keepColumns, putColumns } from './protocol.ts'
import type { Entry } from './waiting.ts'

/** Where a batch goes once it is stored. */
export interface StoredLane {
  readonly destination: string
  /** The row is committed under the entry's id. @param again it was in the queue before, and had to be stored anew */
  stored(entry: Entry, again: boolean): void
  /** It is not stored, and will not be. */
  withdrawn(entry: Entry): void
}

/** One batch in one lane. */
export interface Place {
  readonly lane: StoredLane
  readonly entry: Entry
}

/** Bytes on their way to the disk, for one lane or several. */
export interface PendingValue {
  readonly data: Uint8Array
  readonly places: readonly Place[]
}

/** Bytes on their way to the disk that are not for a lane. */
export interface PendingKeep {
  readonly name: string
  readonly data: Uint8Array
  readonly queuedAtMs: number
  /** How who keeps it knows it. */
  readonly piece: { readonly number: number; readonly bytes: number; id: number; released: boolean }
}

/** What is stored together or not at all. */
export interface PendingPut {
  readonly values: readonly PendingValue[]
  readonly keep: PendingKeep | undefined
  /** Of all of it. */
  readonly bytes: number
  /** Takes back what was counted of it beside its entries. */
  readonly undo: (() => void) | undefined
  /** Undefined: nobody waits (`ack: memory`, or put back after a fault). */
  readonly waiter: { resolve(): void; reject(error: Error): void } | undefined
}

/** Everything in one transaction. */
export interface Round {
  readonly puts: PendingPut[]
  readonly deletes: number[]
  readonly sharedDeletes: number[]
  readonly buries: Burial[]
  readonly releases: readonly Release[]
  /** Those who wait for the removals. */
  readonly waiters: (() => void)[]
}

export interface Pending {
  readonly puts: PendingPut[]
  deletes: number[]
  sharedDeletes: number[]
  buries: Burial[]
  /** By name, up to which id. */
  readonly releases: Map<string, number>
  waiters: (() => void)[]
}

/** What was put back after a fault may have been settled since; nothing is left to store then. */
const isSettled = ({ values }: PendingPut): boolean => {
  const entry = values[0]?.places[0]?.entry
  return entry !== undefined && entry.id !== 0 && entry.data === undefined
}

/** Values begin at multiples of it, so that the checksum reads aligned. */
const align = 8

/**
 * Takes what is pending, as much as the slab holds, and lays the values into it. A value larger than the slab goes alone,
 * in a buffer of its own.
 * @param withPuts false: removals only, while nothing can be stored
 */
export function gatherRound(pending: Pending, slab: SharedArrayBuffer, withPuts: boolean): { round: Round; request: RoundRequest } {
  const { deletes, sharedDeletes, buries, waiters } = pending
  const releases = pending.releases.size === 0 ? none : [...pending.releases].map(([name, id]) => ({ name, id }))
  const round: Round = { puts: [], deletes, sharedDeletes, buries, releases, waiters }
  pending.deletes = []
  pending.sharedDeletes = []
  pending.buries = []
  pending.releases.clear()
  pending.waiters = []
  if (pending.puts.some(isSettled)) pending.puts.splice(0, pending.puts.length, ...pending.puts.filter((put) => !isSettled(put)))
  let large: SharedArrayBuffer | undefined
  let size = 0
  let rows = 0
  let keeps = 0
  let count = 0
  if (withPuts) {
    for (const put of pending.puts) {
      const room = roomOf(put)
      if (size + room > slab.byteLength) {
        if (count > 0) break
        large = new SharedArrayBuffer(room)
      }
      size += room
      for (const { places } of put.values) rows += places.length
      if (put.keep !== undefined) keeps++
      count++
    }
    for (const put of count === pending.puts.length ? pending.puts.splice(0) : pending.puts.splice(0, count)) round.puts.push(put)
  }
  const laidOut = layOut(round.puts, rows, keeps, new Uint8Array(large ?? slab))
  const request: RoundRequest = {
    kind: 'round',
    ...laidOut,
    large,
    deletes: Float64Array.from(deletes),
    sharedDeletes: Float64Array.from(sharedDeletes),
    buries,
    releases: releases.length === 0 ? undefined : releases,
  }
  return { round, request }
}

const none: readonly Release[] = []

const roomOf = ({ values, keep }: PendingPut): number => {
  let room = keep === undefined ? 0 : Math.ceil(keep.data.byteLength / align) * align
  for (const { data } of values) room += Math.ceil(data.byteLength / align) * align
  return room
}

const layOut = (round: readonly PendingPut[], rows: number, kept: number, into: Uint8Array) => {
  const puts = new Float64Array(rows * putColumns)
  const keeps = kept === 0 ? undefined : new Float64Array(kept * keepColumns)
  const names: string[] = []
  const place = (name: string): number => {
    const at = names.indexOf(name)
    return at === -1 ? names.push(name) - 1 : at
  }
  let offset = 0
  let at = 0
  let keptAt = 0
  for (const { values, keep } of round) {
    for (const { data, places } of values) {
      into.set(data, offset)
      for (const { lane, entry } of places) {
        puts[at++] = entry.id
        puts[at++] = place(entry.format)
        puts[at++] = place(entry.signal)
        puts[at++] = entry.items
        puts[at++] = entry.queuedAtMs
        puts[at++] = offset
        puts[at++] = data.byteLength
        puts[at++] = place(lane.destination)
        puts[at++] = places.length
      }
      offset += Math.ceil(data.byteLength / align) * align
    }
    if (keep === undefined || keeps === undefined) continue
    into.set(keep.data, offset)
    keeps[keptAt++] = place(keep.name)
    keeps[keptAt++] = keep.queuedAtMs
    keeps[keptAt++] = offset
    keeps[keptAt++] = keep.data.byteLength
    offset += Math.ceil(keep.data.byteLength / align) * align
  }
  return { puts, keeps, names }
}
