/** Takes envelopes out of the queue and makes errands of them; the parts of one large request are one errand. */

import type { Lane, QueuedBatch } from '../emit/queue/queue.ts'
import type { Logger } from '../telemetry/log.ts'
import { decodeEnvelope, type OpenedEnvelope } from './envelope.ts'
import { type Errand, newHistory } from './errand.ts'

export interface TakingDeps {
  readonly lane: Lane
  readonly mirror: string
  readonly log: Logger
  readonly timer: (ms: number, call: () => void) => () => void
  /** An errand that may be sent. */
  readonly add: (errand: Errand) => void
  /** Something was added, or may be asked for again. */
  readonly pump: () => void
}

export interface Taking {
  /** Takes some more, or waits until there is some; does nothing while it does so already, or while enough is held. */
  more(): void
  /** Takes what is left of a request in parts, so that all of it can be settled. */
  finish(errand: Errand): Promise<void>
  /** Envelopes are out of the queue that `add` has not got yet. */
  readonly holdsBack: boolean
  /** It has left: its room is free. */
  gone(errand: Errand): void
  /** Why it can never be sent: a part of it is not there any more. */
  broken(errand: Errand): string | undefined
  /** Takes nothing more; what was taken and not added is released. */
  end(): Promise<void>
}

/**
 * Beyond so much in memory nothing is taken: what is under way, and what waits behind requests that are tried again. Of a large request the first part
 * and those that are being sent.
 */
const heldBytes = 16 * 2 ** 20
const heldErrands = 4096

/** What one take may give. */
const takeLimits = { maxItems: 2048, maxBytes: 2 ** 20 }

const retakeMs = 1000

/** A request of which not all parts have been taken. */
interface Large {
  readonly errand: Errand
  taken: number
  last: boolean
  /** Those in memory, by number. The first is always; the others are read when they are to be sent, at each try again. */
  readonly opened: Map<number, OpenedEnvelope>
  taking: Promise<unknown>
  broken: string | undefined
}

/** Creates it; nothing is taken yet. */
export function createTaking(deps: TakingDeps): Taking {
  const { lane, log } = deps
  let large: Large | undefined
  let surplus: QueuedBatch[] = []
  let held = 0
  let bytes = 0
  let busy = false
  let ended = false
  let reading = false
  let underWay: Promise<unknown> = Promise.resolve()

  const open = (batch: QueuedBatch): OpenedEnvelope | undefined => {
    try {
      return decodeEnvelope(batch.data)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      log.error({ mirror: deps.mirror }, `${message}; to the dead letters`)
      void lane.bury([batch], 'unreadable', message)
      return undefined
    }
  }

  const takeSome = async (limits: typeof takeLimits): Promise<readonly QueuedBatch[]> => {
    if (surplus.length > 0) {
      const first = surplus
      surplus = []
      return first
    }
    const taken = await lane.take(limits)
    if (!ended) return taken
    lane.release(taken)
    return []
  }

  /** The next part of the large request, in its place. */
  const nextPart = async (one: Large): Promise<void> => {
    const [batch, ...rest] = await takeSome({ maxItems: 1, maxBytes: 1 })
    surplus.push(...rest)
    const opened = batch === undefined ? undefined : open(batch)
    if (batch !== undefined && opened?.head.id === one.errand.head.id && opened.head.part === one.taken) {
      one.errand.parts.push(batch)
      keep(one, one.taken++, opened)
      if (opened.head.last === true) complete(one)
      return
    }
    if (batch !== undefined && opened !== undefined) surplus.unshift(batch)
    complete(one)
    throw missing(one, one.taken)
  }

  const missing = (one: Large, at: number): Error => {
    one.broken = `part ${at} of a request in several parts is not in the queue any more`
    return new Error(one.broken)
  }

  const keep = (one: Large, at: number, opened: OpenedEnvelope): void => {
    one.opened.set(at, opened)
    bytes += opened.body.length
  }

  /** A part that was let go of. */
  const partAgain = async (one: Large, at: number): Promise<void> => {
    const batch = one.errand.parts[at]
    if (batch === undefined || !(await lane.load([batch]))) throw missing(one, at)
    // It was read once before.
    keep(one, at, decodeEnvelope(batch.data))
  }

  const letGo = (one: Large) => (at: number, memoryIsFree: boolean) => {
    const opened = one.opened.get(at)
    const batch = one.errand.parts[at]
    if (at === 0 || opened === undefined || batch === undefined) return
    one.opened.delete(at)
    bytes -= opened.body.length
    lane.unload([batch], memoryIsFree)
  }

  const complete = (one: Large): void => {
    one.last = true
    if (large === one) large = undefined
    deps.pump()
  }

  const part = async (one: Large, at: number): Promise<OpenedEnvelope | undefined> => {
    if (one.broken !== undefined) throw new Error(one.broken)
    while (one.taken <= at && !one.last) {
      await nextPart(one)
      // Nobody asked for those before it.
      if (one.taken <= at) letGo(one)(one.taken - 1, true)
    }
    if (one.taken <= at) return undefined
    if (!one.opened.has(at)) await partAgain(one, at)
    return one.opened.get(at)
  }

  /** One at a time: an attempt that was given up may still ask. */
  const more = (one: Large) => (at: number) => {
    const result = one.taking.then(() => part(one, at))
    one.taking = result.catch(() => undefined)
    underWay = one.taking
    return result
  }

  const larges = new Map<Errand, Large>()

  const accept = (batch: QueuedBatch): void => {
    const opened = open(batch)
    if (opened === undefined) return
    const { head, body, maybeSent } = opened
    const inParts = head.part === 0 && head.last !== true
    if (head.part !== undefined && head.part > 0) {
      // Its first part is gone, by damage or by hand: what is left of it is no request.
      void lane.bury([batch], 'parts_missing', 'cannot send part of a request without the parts before it')
      return
    }
    const history = newHistory(batch.maybeSent || maybeSent)
    const parts = [batch]
    held++
    bytes += body.length
    if (!inParts) {
      deps.add({ batch, head, body, parts, more: undefined, history, memo: undefined })
      return
    }
    const errand: { -readonly [K in keyof Errand]: Errand[K] } = { batch, head, body, parts, more: undefined, history, memo: undefined }
    const one: Large = { errand, taken: 1, last: false, opened: new Map([[0, opened]]), taking: Promise.resolve(), broken: undefined }
    errand.more = more(one)
    errand.sent = letGo(one)
    large = one
    larges.set(errand, one)
    deps.add(errand)
  }

  const round = async (): Promise<void> => {
    if (surplus.length === 0) await lane.ready()
    if (ended) return
    reading = true
    const taken = takeSome(takeLimits).finally(() => (reading = false))
    underWay = taken.catch(() => undefined)
    const batches = await taken
    for (let at = 0; at < batches.length; at++) {
      // Everything behind the first part of a large request is looked at when that is whole.
      if (large !== undefined) {
        surplus.push(...batches.slice(at))
        break
      }
      accept(batches[at] as QueuedBatch)
    }
  }

  return {
    more() {
      if (busy || ended || large !== undefined || held >= heldErrands || bytes >= heldBytes) return
      busy = true
      round().then(
        () => {
          busy = false
          if (!ended) deps.pump()
        },
        (error: unknown) => {
          log.error({ mirror: deps.mirror }, `cannot read the queue: ${error instanceof Error ? error.message : String(error)}`)
          deps.timer(retakeMs, () => {
            busy = false
            if (!ended) deps.pump()
          })
        },
      )
    },
    async finish(errand) {
      const one = larges.get(errand)
      if (one === undefined) return
      try {
        while (!one.last && !ended) {
          const at = one.taken
          await errand.more?.(at)
          errand.sent?.(at, true)
        }
      } catch (error) {
        log.error({ mirror: deps.mirror }, error instanceof Error ? error.message : String(error))
      }
    },
    get holdsBack() {
      return reading || surplus.length > 0
    },
    gone(errand) {
      const one = larges.get(errand)
      larges.delete(errand)
      held--
      if (one === undefined) bytes -= errand.body.length
      else for (const { body } of one.opened.values()) bytes -= body.length
    },
    broken: (errand) => larges.get(errand)?.broken,
    async end() {
      ended = true
      await underWay
      if (surplus.length > 0) lane.release(surplus)
      surplus = []
    },
  }
}
