/** The disk queue's group commits: what is to be written gathers while the round before is under way. */

import type { Burial, Fault, RoundAnswer } from './protocol.ts'
import { gatherRound, type Pending, type PendingPut, type Round, type StoredLane } from './round.ts'
import type { Entry } from './waiting.ts'
import type { WorkerLink } from './worker-link.ts'

export interface WriterDeps {
  readonly link: WorkerLink
  /** What is kept back of the disk; 0: nothing is. */
  readonly ballastBytes: number
  /** Nothing can be stored now: only removals are tried, when they are asked for. */
  readonly isBroken: () => boolean
  readonly onCommitted: (round: Round, answer: RoundAnswer) => void
  /** Called when what the round held is pending again. */
  readonly onFault: (fault: Fault) => void
}

export interface Writer {
  put(put: PendingPut): void
  /** Before what already waits: it is older. */
  putBack(puts: readonly PendingPut[]): void
  /** Removes a row with the next round. */
  remove(entry: Entry): void
  bury(burial: Burial): void
  /** Removes what is kept under a name up to this id with the next round. */
  letGo(name: string, id: number): void
  /** Removes what is staged of a request with the next round. */
  discard(request: number): void
  /** Resolves when the removals and burials until now are stored. */
  removed(): Promise<void>
  hasRemovals(): boolean
  /** True while something of this lane is on its way to the disk. */
  holds(lane: StoredLane): boolean
  /** True while a round is under way. */
  isSending(): boolean
  /** Takes a lane out of what waits to be stored; its entries. */
  withdraw(lane: StoredLane): Entry[]
  /** Takes these out of what waits to be stored. */
  takeOut(which: (put: PendingPut) => boolean): PendingPut[]
  /** Sends a round when there is reason to. */
  schedule(): void
  /** Sends removals and burials alone, whatever fault there is. */
  removeNow(): void
  /** From now on nothing waits for company. */
  hurry(): void
  isIdle(): boolean
  /** Ends it; what never came to be stored. */
  end(): PendingPut[]
}

const slabBytes = 4 * 2 ** 20
/**
 * With a round of this part of the ballast on top of it, the log, which is taken into the file at three quarters of the ballast, still finds
 * room there when the disk is full.
 */
const ballastShare = 1 / 4
const leastRoundBytes = 64 * 1024
/** Removals wait this long for puts to share a transaction with. */
const removalDelayMs = 25
/** So many of them wait for nothing. */
const manyRemovals = 256

/** Memory for the values of a round, seen by both threads; one round is under way at a time. */
export function createSlab(): SharedArrayBuffer {
  return new SharedArrayBuffer(slabBytes)
}

const roundBytes = (ballastBytes: number): number =>
  ballastBytes === 0 ? slabBytes : Math.min(slabBytes, Math.max(leastRoundBytes, Math.floor(ballastBytes * ballastShare)))

/** Creates the writing side of a disk queue. */
export function createWriter(slab: SharedArrayBuffer, deps: WriterDeps): Writer {
  const { link } = deps
  const pending: Pending = { puts: [], deletes: [], sharedDeletes: [], buries: [], releases: new Map(), discards: [], waiters: [] }
  let underWay: Round | undefined
  let scheduled: NodeJS.Immediate | undefined
  let removalTimer: NodeJS.Timeout | undefined
  let hurrying = false
  let ended = false
  let limit = roundBytes(deps.ballastBytes)

  const removals = (): number => pending.deletes.length + pending.sharedDeletes.length + pending.releases.size + pending.discards.length

  const letGo = (name: string, id: number): void => void pending.releases.set(name, Math.max(id, pending.releases.get(name) ?? 0))
  const hasRemovals = (): boolean => removals() > 0 || pending.buries.length > 0

  const schedule = (): void => {
    if (underWay !== undefined || scheduled !== undefined || ended || deps.isBroken()) return
    if (pending.puts.length > 0 || pending.buries.length > 0 || removals() > manyRemovals || (hurrying && hasRemovals())) {
      clearTimeout(removalTimer)
      removalTimer = undefined
      // The requests of one turn of the event loop share a commit.
      scheduled = setImmediate(() => {
        scheduled = undefined
        send(true)
      })
    } else if (removals() > 0 && removalTimer === undefined) {
      removalTimer = setTimeout(() => {
        removalTimer = undefined
        send(true)
      }, removalDelayMs)
      removalTimer.unref()
    }
  }

  const send = (withPuts: boolean): void => {
    if (underWay !== undefined || ended || (withPuts && deps.isBroken())) return
    const { round, request } = gatherRound(pending, slab, limit, withPuts)
    underWay = round
    link.call(request, (reply) => {
      underWay = undefined
      if (reply.answer?.kind === 'round') {
        limit = roundBytes(reply.answer.ballastBytes)
        deps.onCommitted(round, reply.answer)
        for (const wake of round.waiters) wake()
      } else if (reply.fault !== undefined) onFailed(round, reply.fault)
      schedule()
    })
  }

  const onFailed = (round: Round, fault: Fault): void => {
    if (!fault.removalsDone) {
      pending.deletes = round.deletes.concat(pending.deletes)
      pending.sharedDeletes = round.sharedDeletes.concat(pending.sharedDeletes)
      pending.buries = round.buries.concat(pending.buries)
      for (const { name, id } of round.releases) letGo(name, id)
      pending.discards = round.discards.concat(pending.discards)
      pending.waiters = round.waiters.concat(pending.waiters)
    } else for (const wake of round.waiters) wake()
    pending.puts.unshift(...round.puts)
    deps.onFault(fault)
  }

  const isOf = (lane: StoredLane) => (put: PendingPut) => put.values.some(({ places }) => places.some((place) => place.lane === lane))

  return {
    put(put) {
      pending.puts.push(put)
      schedule()
    },
    putBack(puts) {
      pending.puts.unshift(...puts)
    },
    remove({ id, shared }) {
      if (shared) pending.sharedDeletes.push(id)
      else pending.deletes.push(id)
    },
    bury(burial) {
      pending.buries.push(burial)
    },
    letGo(name, id) {
      letGo(name, id)
      schedule()
    },
    discard(request) {
      pending.discards.push(request)
      schedule()
    },
    removed() {
      const stored = new Promise<void>((resolve) => pending.waiters.push(resolve))
      schedule()
      return stored
    },
    hasRemovals,
    holds: (lane) => pending.puts.some(isOf(lane)) || (underWay?.puts.some(isOf(lane)) ?? false),
    isSending: () => underWay !== undefined,
    withdraw(lane) {
      const entries: Entry[] = []
      const without = pending.puts.map((put) => {
        if (!isOf(lane)(put)) return put
        const values = put.values.map(({ data, places }) => ({ data, places: places.filter((place) => place.lane !== lane) }))
        for (const { places } of put.values) for (const place of places) if (place.lane === lane) entries.push(place.entry)
        return { ...put, values: values.filter(({ places }) => places.length > 0) }
      })
      pending.puts.splice(0, pending.puts.length, ...without)
      return entries
    },
    takeOut(which) {
      const out = pending.puts.filter(which)
      if (out.length > 0) pending.puts.splice(0, pending.puts.length, ...pending.puts.filter((put) => !which(put)))
      return out
    },
    schedule,
    removeNow: () => send(false),
    hurry() {
      hurrying = true
      schedule()
    },
    isIdle: () => underWay === undefined && pending.puts.length === 0 && !hasRemovals(),
    end() {
      ended = true
      clearTimeout(removalTimer)
      if (scheduled !== undefined) clearImmediate(scheduled)
      for (const wake of pending.waiters.splice(0)) wake()
      return pending.puts.splice(0)
    },
  }
}
