/** Gathers the spans of several datagrams into one batch, and keeps some while the queue is full: no sender waits here, and none can repeat. */

import { type ChunkPool, ownsChunk } from '../otlp/encode/chunks.ts'
import type { AdapterDeps } from './adapter.ts'
import { asBridgeError, batchOf, type createItemBooks, reasonOf } from './receive.ts'

export interface CoalescerOptions {
  readonly format: string
  /** Items, bytes and milliseconds after which a batch is put, whichever comes first. */
  readonly items: number
  readonly bytes: number
  readonly delay: number
  /** Bytes kept, over all batches not yet taken by the queue; what comes on top is dropped. */
  readonly hold: number
}

export interface Coalescer {
  /** Takes over `data`, a whole encoded request. */
  add(items: number, data: Uint8Array): void
  /** Puts what is left; what the queue does not take within the time given is dropped and counted. */
  stop(deadlineMs: number): Promise<void>
}

interface Pending {
  readonly items: number
  readonly data: Uint8Array
}

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

/** Creates the gatherer of one port. Drops are counted in `books` as `queue_full`, `queue_broken` or `stopping`. */
export function createCoalescer(options: CoalescerOptions, deps: AdapterDeps, books: ReturnType<typeof createItemBooks>): Coalescer {
  let parts: Uint8Array[] = []
  let partItems = 0
  let partBytes = 0
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
    if (partItems === 0) return
    held.push({ items: partItems, data: joinParts(parts, partBytes, deps.chunks) })
    parts = []
    partItems = 0
    partBytes = 0
    drain()
  }

  const drop = (items: number, reason: string): void => {
    books.books.received.value += items
    books.lost(reason).value += items
  }

  const put = async (pending: Pending): Promise<void> => {
    underWay++
    // Counted now, because the queue counts its side as soon as it is called; taken back when it takes nothing.
    books.books.received.value += pending.items
    try {
      await deps.intake.put(batchOf(options.format, pending.items, pending.data))
      books.books.translated.value += pending.items
      heldBytes -= pending.data.length
    } catch (error) {
      books.books.received.value -= pending.items
      const known = asBridgeError(error)
      if (known.retry === 'later') {
        held.unshift(pending)
        pause ??= setTimeout(resume, pauseMs)
      } else {
        heldBytes -= pending.data.length
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
      if (deps.intake.refusal() !== undefined) {
        pause = setTimeout(resume, pauseMs)
        break
      }
      void put(held.shift() as Pending)
    }
    if (held.length === 0 && underWay === 0) idle?.()
  }

  return {
    add(items, data) {
      if (heldBytes + data.length > options.hold) {
        const refusal = deps.intake.refusal()
        drop(items, refusal === undefined ? 'queue_full' : reasonOf(asBridgeError(refusal).code))
        return
      }
      heldBytes += data.length
      parts.push(data)
      partItems += items
      partBytes += data.length
      if (partItems >= options.items || partBytes >= options.bytes) close()
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
