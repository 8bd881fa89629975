/** Gathers the spans of several datagrams into one batch, and keeps some while the queue is full: no sender waits here, and none can repeat. */

import type { ServiceCount } from '../otlp/batch.ts'
import { type ChunkPool, ownsChunk } from '../otlp/encode/chunks.ts'
import type { EncodedBatch, Envelope } from '../otlp/intake.ts'
import type { AdapterDeps } from './adapter.ts'
import { batchAlong, isShedding, reasonOf } from './legacy.ts'
import { asBridgeError, type createItemBooks } from './receive.ts'

export interface CoalescerOptions {
  readonly format: string
  /** Name of the endpoint, as in `interface.md`. */
  readonly endpoint?: string | undefined
  /** Items, bytes and milliseconds after which a batch is put, whichever comes first. */
  readonly items: number
  readonly bytes: number
  readonly delay: number
  /** Bytes kept, over all batches not yet taken by the queue; what comes on top is dropped. */
  readonly hold: number
}

/** The old side of the port. */
export interface DatagramMirror {
  /** `mirror.jaeger.compact` */
  readonly name: string
  /** One envelope of the datagrams of a batch that the old side gets, as they came. @param items in these */
  wrap(datagrams: readonly Uint8Array[], items: number, key: string | undefined): Envelope | undefined
  /** The new side need not have the data: what its queue cannot take is left out. */
  isOptional(): boolean
}

export interface Coalescer {
  /**
   * Takes over `data`, a whole encoded request; empty for a datagram of which only the old side has a use.
   * @param services whose the items are @param datagram as it came, if the old side gets it
   */
  add(items: number, data: Uint8Array, services?: readonly ServiceCount[], datagram?: Uint8Array): void
  /** Puts what is left; what the queue does not take within the time given is dropped and counted. */
  stop(deadlineMs: number): Promise<void>
}

interface Pending {
  readonly items: number
  readonly data: Uint8Array
  readonly keys: readonly ServiceCount[]
  readonly envelope: Envelope | undefined
  /** What it takes of `hold`. */
  readonly bytes: number
}

/** Services that a batch tells apart. */
const mostKeys = 200

/** Counts by service, each once. */
function joinKeys(lists: readonly (readonly ServiceCount[])[]): readonly ServiceCount[] {
  const [first] = lists
  if (lists.length === 1 && first !== undefined) return first
  const sums = new Map<string, number>()
  for (const list of lists) {
    for (const { service, items } of list) {
      const known = sums.get(service)
      if (known !== undefined || sums.size < mostKeys) sums.set(service, (known ?? 0) + items)
    }
  }
  return [...sums].map(([service, items]) => ({ service, items }))
}

/** Datagrams of one envelope. */
const mostDatagrams = 4096

/** How long the queue is left alone after it refused a batch. */
const pauseMs = 100

/** Batches handed to the queue at once: enough for it to commit several together. */
const putsAtOnce = 4

/** Encoded requests as one, in a piece of memory that the queue gives back; that of the parts is given back at once. */
export function joinParts(parts: readonly Uint8Array[], bytes: number, chunks: ChunkPool | undefined): Uint8Array {
  const [first] = parts
  if (parts.length === 1 && first !== undefined) return first
  const whole = chunks === undefined ? new Uint8Array(bytes) : new Uint8Array(chunks.take(bytes), 0, bytes)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
    if (ownsChunk(part)) chunks?.give(part.buffer)
  }
  return whole
}

const noBytes = new Uint8Array(0)
const noKeys: readonly ServiceCount[] = []

/**
 * Creates the gatherer of one port. Drops are counted in `books` as `queue_full`, `queue_broken`, `stopping`, or `shed_full` where the new side need
 * not have the data.
 */
export function createCoalescer(
  options: CoalescerOptions,
  deps: AdapterDeps,
  books: ReturnType<typeof createItemBooks>,
  mirror?: DatagramMirror,
): Coalescer {
  const { format, endpoint } = options
  let parts: Uint8Array[] = []
  let lists: (readonly ServiceCount[])[] = []
  let datagrams: Uint8Array[] = []
  let datagramItems = 0
  let partItems = 0
  let partBytes = 0
  /** Bytes of `hold` that what is being gathered takes. */
  let taken = 0
  let heldBytes = 0
  let underWay = 0
  let timer: NodeJS.Timeout | undefined
  let pause: NodeJS.Timeout | undefined
  let stopping = false
  let idle: (() => void) | undefined
  const held: Pending[] = []

  const close = (): void => {
    if (timer !== undefined) clearTimeout(timer)
    timer = undefined
    if (partItems === 0 && datagrams.length === 0) return
    const keys = joinKeys(lists)
    const envelope = datagrams.length === 0 ? undefined : mirror?.wrap(datagrams, datagramItems, keys[0]?.service)
    const data = partItems === 0 ? noBytes : joinParts(parts, partBytes, deps.chunks)
    if (partItems === 0 && envelope === undefined) heldBytes -= taken
    else held.push({ items: partItems, data, keys, envelope, bytes: taken })
    parts = []
    lists = []
    datagrams = []
    datagramItems = 0
    partItems = 0
    partBytes = 0
    taken = 0
    drain()
  }

  const drop = (items: number, reason: string): void => {
    books.books.received.value += items
    books.lost(reason).value += items
  }

  const batchFor = ({ items, data, keys, envelope }: Pending): EncodedBatch =>
    batchAlong(format, 'traces', items, data, keys, { endpoint, envelope })

  const put = async (pending: Pending): Promise<void> => {
    underWay++
    // Counted now, because the queue counts its side as soon as it is called; taken back when it takes nothing.
    books.books.received.value += pending.items
    try {
      await deps.intake.put(batchFor(pending))
      books.books.translated.value += pending.items
      heldBytes -= pending.bytes
    } catch (error) {
      books.books.received.value -= pending.items
      const known = asBridgeError(error)
      if (pending.items > 0 && isShedding(known) && mirror?.isOptional() === true) {
        drop(pending.items, 'shed_full')
        if (pending.envelope === undefined) heldBytes -= pending.bytes
        else held.unshift({ ...pending, items: 0, data: noBytes, keys: noKeys })
      } else if (known.retry === 'later') {
        held.unshift(pending)
        pause ??= setTimeout(resume, pauseMs)
      } else {
        heldBytes -= pending.bytes
        drop(pending.items, reasonOf(known.code))
      }
    } finally {
      underWay--
    }
    drain()
  }

  const resume = (): void => {
    pause = undefined
    drain()
  }

  const drain = (): void => {
    while (held.length > 0 && underWay < putsAtOnce && pause === undefined) {
      if (mirror?.isOptional() !== true && deps.intake.refusal(mirror?.name) !== undefined) {
        pause = setTimeout(resume, pauseMs)
        break
      }
      void put(held.shift() as Pending)
    }
    if (held.length === 0 && underWay === 0) idle?.()
  }

  return {
    add(items, data, services = noKeys, datagram = noBytes) {
      const bytes = data.length + datagram.length
      if (heldBytes + bytes > options.hold) {
        const refusal = deps.intake.refusal()
        drop(items, refusal === undefined ? 'queue_full' : reasonOf(asBridgeError(refusal).code))
        return
      }
      heldBytes += bytes
      taken += bytes
      if (items > 0) {
        parts.push(data)
        lists.push(services)
      }
      if (datagram !== noBytes) {
        datagrams.push(datagram)
        datagramItems += items
      }
      partItems += items
      partBytes += data.length
      if (partItems >= options.items || taken >= options.bytes || datagrams.length >= mostDatagrams) close()
      else if (!stopping) timer ??= setTimeout(close, options.delay)
    },
    async stop(deadlineMs) {
      stopping = true
      close()
      if (held.length === 0 && underWay === 0) return
      await new Promise<void>((resolve) => {
        const deadline = setTimeout(resolve, deadlineMs)
        idle = () => {
          clearTimeout(deadline)
          resolve()
        }
      })
      if (pause !== undefined) clearTimeout(pause)
      pause = undefined
      const refusal = deps.intake.refusal()
      for (const pending of held.splice(0)) drop(pending.items, refusal === undefined ? 'stopping' : reasonOf(asBridgeError(refusal).code))
    },
  }
}
