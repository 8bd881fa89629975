/** What goes into one transaction: gathered while the one before is under way. */

import type { Burial, Release, RoundRequest, StagedValue } from './protocol.ts'
import { accountColumns, commitColumns, keepColumns, putColumns, stageColumns } from './protocol.ts'
import type { Entry } from './waiting.ts'

/** Where a batch goes once it is stored. */
export interface StoredLane {
  readonly destination: string
  /** The row is committed under the entry's id. @param again it was in the queue before, and had to be stored anew */
  stored(entry: Entry, again: boolean): void
  /** It is not stored, and will not be. */
  withdrawn(entry: Entry): void
  /** It was acknowledged, and will not be stored: lost. */
  dropped(entry: Entry, reason: string): void
}

/** One batch in one lane. */
export interface Place {
  readonly lane: StoredLane
  readonly entry: Entry
}

/** Bytes on their way to the disk, for one lane or several; or a part of a request that is there already. */
export interface PendingValue {
  readonly data: Uint8Array | StagedValue
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

/** A part of a request on its way to the disk, where it is nobody's yet. */
export interface PendingStage {
  /** Which request of this process, and which part of it. */
  readonly request: number
  readonly part: number
  readonly data: Uint8Array
  /** CRC-32 of the bytes, once they are stored; -1: the parts before it are gone. */
  crc: number
}

/** A request whose parts become the queue's with these values. */
export interface PendingCommit {
  readonly request: number
  /** How many parts of it are in the store. */
  readonly parts: number
}

/** What is stored together or not at all. */
export interface PendingPut {
  readonly values: readonly PendingValue[]
  readonly keep: PendingKeep | undefined
  readonly stage?: PendingStage | undefined
  readonly commit?: PendingCommit | undefined
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
  readonly discards: number[]
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
  /** Requests whose parts are to be removed. */
  discards: number[]
  waiters: (() => void)[]
}

/** How many rows a put has. */
export function countOf({ values }: PendingPut): number {
  return values.reduce((sum, { places }) => sum + places.length, 0)
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
 * @param limit bytes of a round of more than one value
 * @param withPuts false: removals only, while nothing can be stored
 */
export function gatherRound(
  pending: Pending,
  slab: SharedArrayBuffer,
  limit: number,
  withPuts: boolean,
): { round: Round; request: RoundRequest } {
  const { deletes, sharedDeletes, buries, discards, waiters } = pending
  const releases = pending.releases.size === 0 ? none : [...pending.releases].map(([name, id]) => ({ name, id }))
  const round: Round = { puts: [], deletes, sharedDeletes, buries, releases, discards, waiters }
  pending.deletes = []
  pending.sharedDeletes = []
  pending.buries = []
  pending.releases.clear()
  pending.discards = []
  pending.waiters = []
  if (pending.puts.some(isSettled)) pending.puts.splice(0, pending.puts.length, ...pending.puts.filter((put) => !isSettled(put)))
  let large: SharedArrayBuffer | undefined
  let size = 0
  const counts: Counts = { rows: 0, accounts: 0, keeps: 0, stages: 0, commits: 0 }
  let count = 0
  if (withPuts) {
    for (const put of pending.puts) {
      const room = roomOf(put)
      if (count > 0 && size + room > limit) break
      if (room > slab.byteLength) large = new SharedArrayBuffer(room)
      size += room
      for (const { places } of put.values) {
        counts.rows += places.length
        if (accountOf(places) !== undefined) counts.accounts += places.length
      }
      if (put.keep !== undefined) counts.keeps++
      if (put.stage !== undefined) counts.stages++
      if (put.commit !== undefined) counts.commits++
      count++
    }
    for (const put of count === pending.puts.length ? pending.puts.splice(0) : pending.puts.splice(0, count)) round.puts.push(put)
  }
  const laidOut = layOut(round.puts, counts, new Uint8Array(large ?? slab))
  const request: RoundRequest = {
    kind: 'round',
    ...laidOut,
    large,
    deletes: Float64Array.from(deletes),
    sharedDeletes: Float64Array.from(sharedDeletes),
    buries,
    releases: releases.length === 0 ? undefined : releases,
    discards: discards.length === 0 ? undefined : Float64Array.from(discards),
  }
  return { round, request }
}

const none: readonly Release[] = []

const roomFor = (bytes: number): number => Math.ceil(bytes / align) * align

const roomOf = ({ values, keep, stage }: PendingPut): number => {
  let room = roomFor(keep?.data.byteLength ?? 0) + roomFor(stage?.data.byteLength ?? 0)
  for (const { data, places } of values) {
    if (data instanceof Uint8Array) room += roomFor(data.byteLength)
    room += roomFor(accountOf(places)?.byteLength ?? 0)
  }
  return room
}

/** That of the batch, the same in all of its places. */
const accountOf = (places: readonly Place[]): Uint8Array | undefined => places[0]?.entry.account

interface Counts {
  rows: number
  accounts: number
  keeps: number
  stages: number
  commits: number
}

const columnsFor = (rows: number, columns: number): Float64Array | undefined => (rows === 0 ? undefined : new Float64Array(rows * columns))

const layOut = (round: readonly PendingPut[], counts: Readonly<Counts>, into: Uint8Array) => {
  const puts = new Float64Array(counts.rows * putColumns)
  const accounts = columnsFor(counts.accounts, accountColumns)
  const keeps = columnsFor(counts.keeps, keepColumns)
  const stages = columnsFor(counts.stages, stageColumns)
  const commits = columnsFor(counts.commits, commitColumns)
  const names: string[] = []
  const place = (name: string): number => {
    const at = names.indexOf(name)
    return at === -1 ? names.push(name) - 1 : at
  }
  let offset = 0
  let at = 0
  let accountAt = 0
  let keptAt = 0
  let stagedAt = 0
  let committedAt = 0
  const lay = (data: Uint8Array): number => {
    const from = offset
    into.set(data, from)
    offset += roomFor(data.byteLength)
    return from
  }
  for (const { values, keep, stage, commit } of round) {
    const first = at / putColumns
    for (const { data, places } of values) {
      const isHere = data instanceof Uint8Array
      const where = isHere ? lay(data) : data.part
      const account = accountOf(places)
      if (account !== undefined && accounts !== undefined) {
        const from = lay(account)
        for (let row = 0; row < places.length; row++) {
          accounts[accountAt++] = at / putColumns + row
          accounts[accountAt++] = from
          accounts[accountAt++] = account.byteLength
        }
      }
      for (const { lane, entry } of places) {
        puts[at++] = entry.id
        puts[at++] = place(entry.format)
        puts[at++] = place(entry.signal)
        puts[at++] = entry.items
        puts[at++] = entry.queuedAtMs
        puts[at++] = where
        puts[at++] = data.byteLength
        puts[at++] = place(lane.destination)
        puts[at++] = places.length
        puts[at++] = isHere ? -1 : data.crc
      }
    }
    if (keep !== undefined && keeps !== undefined) {
      keeps[keptAt++] = place(keep.name)
      keeps[keptAt++] = keep.queuedAtMs
      keeps[keptAt++] = lay(keep.data)
      keeps[keptAt++] = keep.data.byteLength
    }
    if (stage !== undefined && stages !== undefined) {
      stages[stagedAt++] = stage.request
      stages[stagedAt++] = stage.part
      stages[stagedAt++] = lay(stage.data)
      stages[stagedAt++] = stage.data.byteLength
    }
    if (commit !== undefined && commits !== undefined) {
      commits[committedAt++] = commit.request
      commits[committedAt++] = first
      commits[committedAt++] = at / putColumns - first
      commits[committedAt++] = commit.parts
    }
  }
  return { puts, accounts, keeps, stages, commits, names }
}
