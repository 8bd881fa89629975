/**
 * Requests of several parts, main thread's side. What is small stays in memory and is put with the commit as if it were one batch; of
 * what is larger the parts are written to the store as they come, where a queue has one, and the commit only says that they are there.
 */

import { BridgeError } from '../../errors.ts'
import type { StagedValue } from './protocol.ts'
import type { AdmittedBatch } from './put.ts'
import type { LaneOptions, Parcel, QueueStaging, RoutedBatch } from './queue.ts'
import { ownBytes } from './waiting.ts'

/** A lane as a request sees it that is under way. */
export interface StagingLane {
  readonly destination: string
  readonly options: LaneOptions
  isFull?(bytes: number): boolean
}

/** Where parts are kept that are not to stay in memory. */
export interface StagingStore {
  /** Why nothing can be written now. */
  refusal(): Error | undefined
  /** Stores a part of a request. Rejects when that cannot be, or the parts before it are gone; the request is discarded then. */
  write(request: number, part: number, data: Uint8Array): Promise<StagedValue>
  /** Removes all parts of a request, those that are on their way too. */
  discard(request: number): void
}

export interface StagingDeps<L> {
  readonly lanes: () => readonly L[]
  /** Why these cannot be taken now. @param parts empty: whether anything could be */
  readonly refusal: (parts: readonly RoutedBatch[]) => Error | undefined
  /** Gives bytes their room in these lanes, or takes it back when they are fewer than 0. */
  readonly reserve: (lanes: readonly L[], bytes: number) => void
  /**
   * Takes all of them or none; they had their room until now. @param request the number under which some are in the store, and how many;
   * undefined: none is
   */
  readonly take: (
    parts: readonly AdmittedBatch[],
    request: { readonly request: number; readonly parts: number } | undefined,
  ) => Promise<void>
  /** Undefined: everything stays in memory. */
  readonly store?: StagingStore
  /** Bytes of one request that stay in memory until its commit; default 1 MiB. */
  readonly heldPerRequest?: number | undefined
}

export interface Stagings {
  begin(): QueueStaging
  /** The store, or what was in it, is not to be counted on: requests of which something is there or on its way are over. */
  failStored(error: Error): void
  /** Nothing more is taken: requests that are not the queue's yet are over. */
  end(error: Error): void
}

interface Part<L> {
  readonly batch: Omit<Parcel, 'data'>
  /** Undefined: on its way to the store. */
  data: Uint8Array | StagedValue | undefined
  readonly bytes: number
  readonly lanes: readonly L[]
  readonly takers: readonly L[]
  readonly full: readonly L[]
  readonly source: number
}

interface Open {
  readonly isStored: boolean
  fail(error: Error): void
}

const defaultHeldPerRequest = 2 ** 20
/** Bytes of all requests that stay in memory until their commit. */
const heldAtMost = 8 * 2 ** 20
/** Bytes on their way to the store; who brings more waits until his own are there. */
const underWayAtMost = 4 * 2 ** 20
/** Parts of one request: the ids of its values have room for so many. */
const mostParts = 2 ** 16

const fullRetryAfterSeconds = 5

const noBytes = new Uint8Array()

const givenUpError = (): BridgeError =>
  new BridgeError('OB_QUEUE_BROKEN', 'cannot queue data: the request was given up', { retryAfterSeconds: 1 })

const changedError = (): BridgeError =>
  new BridgeError('OB_QUEUE_BROKEN', 'cannot queue data: a destination was removed while the request came', { retryAfterSeconds: 1 })

const tooManyError = (): BridgeError =>
  new BridgeError('OB_QUEUE_FULL', `cannot queue data: the request has more than ${mostParts} parts`, {
    retryAfterSeconds: fullRetryAfterSeconds,
  })

/** Creates the place of the requests of one queue that are not committed yet. */
export function createStagings<L extends StagingLane>(deps: StagingDeps<L>): Stagings {
  const { store, heldPerRequest = defaultHeldPerRequest } = deps
  const open = new Set<Open>()
  let nextRequest = 1
  let heldBytes = 0
  let underWayBytes = 0

  const begin = (): QueueStaging => {
    const request = nextRequest++
    let parts: Part<L>[] = []
    /** Of those, in order, what stays in memory. */
    let held: Part<L>[] = []
    let heldHere = 0
    let writes: Promise<void>[] = []
    let stored = 0
    let sources = 0
    let state: 'open' | 'committing' | 'over' = 'open'
    let failure: Error | undefined

    const letGoOfHeld = (): void => {
      heldBytes -= heldHere
      heldHere = 0
      held = []
    }

    const letGo = (): void => {
      letGoOfHeld()
      for (const part of parts) if (part.takers.length > 0) deps.reserve(part.takers, -part.bytes)
      parts = []
      open.delete(self)
    }

    const fail = (error: Error): void => {
      if (state === 'over') return
      state = 'over'
      failure ??= error
      letGo()
      if (stored > 0) store?.discard(request)
    }

    const self: Open = {
      get isStored() {
        return stored > 0
      },
      fail,
    }

    const hold = ({ batch: { data, ...batch }, lanes: wanted }: RoutedBatch, source: number): void => {
      const lanes = deps.lanes()
      const chosen = wanted.flatMap((at) => lanes[at] ?? [])
      const bytes = data.byteLength
      const full = chosen.filter((lane) => lane.options.whenFull === 'drop' && lane.isFull?.(bytes) === true)
      const takers = chosen.filter((lane) => !full.includes(lane))
      // What nobody takes only has to be counted, with the others.
      const own = takers.length === 0 ? noBytes : ownBytes(data)
      const part: Part<L> = { batch, data: own, bytes, lanes: chosen, takers, full, source }
      parts.push(part)
      if (takers.length === 0) return
      deps.reserve(takers, bytes)
      held.push(part)
      heldHere += bytes
      heldBytes += bytes
    }

    const write = async (to: StagingStore, part: Part<L>, data: Uint8Array): Promise<void> => {
      underWayBytes += part.bytes
      try {
        part.data = await to.write(request, stored++, data)
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)))
      } finally {
        underWayBytes -= part.bytes
      }
    }

    /** Everything that stayed in memory goes to the store. */
    const spill = (to: StagingStore): void => {
      const refused = to.refusal()
      if (refused !== undefined) {
        fail(refused)
        return
      }
      const going = held
      letGoOfHeld()
      for (const part of going) {
        const { data } = part
        if (!(data instanceof Uint8Array)) continue
        part.data = undefined
        writes.push(write(to, part, data))
      }
    }

    /** Parts that are to be stored are; what went wrong stands in `failure`. */
    const written = async (): Promise<void> => {
      const before = writes
      writes = []
      await Promise.all(before)
    }

    const admitted = (): AdmittedBatch[] | undefined => {
      const lanes = deps.lanes()
      // Of an envelope in parts a mirror gets all or nothing.
      const torn = parts.flatMap(({ full }) => full.filter(({ options }) => options.mirror === true))
      const all = parts.map(({ batch, data, lanes: chosen, full, source }): AdmittedBatch => {
        if (data === undefined) throw new Error('BUG: a part is committed before it is stored')
        return {
          batch: { ...batch, data },
          lanes: chosen.map((lane) => lanes.indexOf(lane)),
          full: [...full, ...chosen.filter((lane) => torn.includes(lane))].map((lane) => lanes.indexOf(lane)),
          source,
        }
      })
      return all.some((part) => part.lanes.includes(-1)) ? undefined : all
    }

    const check = (more: readonly RoutedBatch[]): void => {
      if (failure !== undefined) throw failure
      if (state !== 'open') throw givenUpError()
      const refused = parts.length + more.length > mostParts ? tooManyError() : deps.refusal(more)
      if (refused === undefined) return
      fail(refused)
      throw refused
    }

    open.add(self)
    return {
      async add(more) {
        check(more)
        for (const part of more) hold(part, sources)
        sources++
        if (store === undefined || (heldHere <= heldPerRequest && heldBytes <= heldAtMost)) return
        spill(store)
        if (underWayBytes > underWayAtMost) await written()
        if (failure !== undefined) throw failure
      },
      async commit() {
        check([])
        state = 'committing'
        await written()
        if (failure !== undefined) throw failure
        const all = admitted()
        const refused = all === undefined ? changedError() : deps.refusal([])
        if (all === undefined || refused !== undefined) {
          fail(refused ?? changedError())
          throw refused ?? changedError()
        }
        letGo()
        try {
          if (all.length > 0) await deps.take(all, stored === 0 ? undefined : { request, parts: stored })
          state = 'over'
        } catch (error) {
          fail(error instanceof Error ? error : new Error(String(error)))
          throw error
        }
      },
      discard() {
        if (state === 'open') fail(givenUpError())
      },
    }
  }

  return {
    begin,
    failStored(error) {
      for (const one of [...open]) if (one.isStored) one.fail(error)
    },
    end(error) {
      for (const one of [...open]) one.fail(error)
    },
  }
}
