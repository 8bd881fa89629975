/**
 * Windows into the queue, whole or not at all. While the queue takes nothing they are offered again and again: a window is never dropped for it,
 * and its sender waits.
 */

import { performance } from 'node:perf_hooks'
import type { BridgeError } from '../../errors.ts'
import { ownsChunk } from '../../otlp/encode/chunks.ts'
import type { Client, EncodedBatch, Envelope, Signal, Staging } from '../../otlp/intake.ts'
import type { AdapterDeps } from '../adapter.ts'
import type { DocumentPart } from '../documents.ts'
import type { RequestIds } from '../duplicates.ts'
import { asBridgeError, createItemBooks, reasonOf } from '../receive.ts'
import type { BeatName } from './beat-name.ts'
import { type About, format, type Gathered, toBatches } from './gather.ts'
import type { OldWindow } from './old-side.ts'

const firstPauseMs = 100
const longestPauseMs = 2000

/**
 * Encoded bytes that a window may have in memory. What one has beyond it is staged before the window is complete, and cannot be offered again.
 */
export const spillBytes = 32 * 1024 * 1024

/** A window on its way into the queue. */
export interface Storing {
  readonly gathered: Gathered
  readonly ids: RequestIds
  /** The old side's part of it; undefined without one. */
  readonly old?: OldWindow | undefined
  /** What its first event says of itself. */
  readonly beat?: BeatName | undefined
  /** Who sent it. */
  readonly client?: Client | undefined
  /** What is staged already, of a window too large to be in memory. */
  spilled: { readonly staging: Staging; readonly parts: Pick<DocumentPart, 'signal' | 'items' | 'services'>[] } | undefined
}

/**
 * `stored`: it is the queue's, or was given up for good because the queue can never take it. `left`: nobody waits for it any more, or it was
 * partly staged and the queue did not take the rest; nothing of it was taken.
 */
export type Outcome = 'stored' | 'left'

export interface Storer {
  /** Puts a whole window, until it is taken, or the queue takes nothing and `isOver` says that nobody waits any more. Never rejects. */
  store(window: Storing, isOver: () => boolean): Promise<Outcome>
  /** Stages what has gathered of a window that is not complete. Resolves with `left` when that cannot be. Never rejects. */
  spill(window: Storing, isOver: () => boolean): Promise<Outcome>
  /** Lets go of a window that is not to be stored. */
  discard(window: Storing): void
}

type Books = ReturnType<typeof createItemBooks>

/** An envelope without items of ours. */
const alone = (envelope: Envelope): EncodedBatch => ({ format, endpoint: 'beats', signal: 'logs', items: 0, data: nothing, envelope })

const nothing = new Uint8Array(0)

const aboutOf = ({ client, beat }: Storing): About => ({ client, beat: beat?.beat })

/** Creates the storer of a listener. @param logs the books of log records */
export function createStorer(deps: AdapterDeps, logs: Books): Storer {
  const { intake, chunks } = deps
  const seconds = deps.metrics.histogram('otlp_bridge_stage_seconds', { stage: 'queue', format })
  const bySignal = new Map<Signal, Books>([['logs', logs]])
  const booksOf = (signal: Signal): Books => {
    let books = bySignal.get(signal)
    // Most senders send log records alone.
    if (books === undefined) bySignal.set(signal, (books = createItemBooks(format, deps, 'dropped', signal)))
    return books
  }

  /** False when nobody waits any more. */
  const pause = async (ms: number, isOver: () => boolean): Promise<boolean> => {
    if (isOver()) return false
    await new Promise((resolve) => void setTimeout(resolve, ms).unref())
    return !isOver()
  }

  /** Waits until the queue says that it takes something. False when nobody waits for that. */
  const room = async (isOver: () => boolean, old: OldWindow | undefined): Promise<boolean> => {
    // What the new side need not have is tried at once: the old side's part may be taken alone.
    const isFull = (): boolean => old?.state.new !== 'optional' && intake.refusal(old?.mirror) !== undefined
    for (let ms = firstPauseMs; isFull(); ms = Math.min(2 * ms, longestPauseMs)) {
      if (!(await pause(ms, isOver))) return false
    }
    return true
  }

  const received = (parts: readonly Pick<DocumentPart, 'signal' | 'items'>[], sign: 1 | -1): void => {
    for (const { signal, items } of parts) booksOf(signal).books.received.value += sign * items
  }

  /** The window is done with: what was left out on purpose is counted, and what is in the queue. */
  const settle = ({ gathered, spilled, ids, old }: Storing, error: BridgeError | undefined, reason?: string): Outcome => {
    old?.events.clear()
    for (const [reason, count] of gathered.discarded) {
      logs.books.received.value += count
      logs.consumed(reason).value += count
    }
    for (const { signal, items, services } of [...(spilled?.parts ?? []), ...gathered.parts]) {
      const books = booksOf(signal)
      if (error === undefined) {
        books.books.translated.value += items
        books.clients(services)
      } else books.lost(reason ?? reasonOf(error.code)).value += items
    }
    if (error === undefined) ids.commit()
    else ids.discard()
    return 'stored'
  }

  /** One try. The batches stay ours when they go by way of a staging: another try needs them again. */
  const offer = async (batches: readonly EncodedBatch[], envelopes: readonly Envelope[], spilled: Storing['spilled']): Promise<void> => {
    const [first] = batches
    const [envelope] = envelopes
    if (spilled === undefined && batches.length < 2 && envelopes.length < 2) {
      if (first !== undefined) return intake.put(envelope === undefined ? first : { ...first, envelope })
      return envelope === undefined ? undefined : intake.put(alone(envelope))
    }
    const staging = spilled?.staging ?? intake.stage()
    try {
      for (const batch of batches) await staging.add({ ...batch, data: new Uint8Array(batch.data) })
      for (const one of envelopes) await staging.add(alone(one))
      await staging.commit()
    } catch (error) {
      staging.discard()
      throw error
    }
    for (const { data } of batches) if (ownsChunk(data)) chunks?.give(data.buffer)
  }

  /** The new side need not have a window that it cannot take: the old side's part is put alone. False when that is not so, or not taken. */
  const shed = async (old: OldWindow | undefined): Promise<boolean> => {
    if (old?.state.new !== 'optional') return false
    try {
      await offer([], old.rest(), undefined)
      return true
    } catch {
      return false
    }
  }

  return {
    async store(window, isOver) {
      const { gathered, spilled } = window
      const { old } = window
      const batches = toBatches(gathered.parts, chunks, aboutOf(window))
      const all = [...(spilled?.parts ?? []), ...gathered.parts]
      for (let ms = firstPauseMs; await room(isOver, old); ms = Math.min(2 * ms, longestPauseMs)) {
        const startedAt = performance.now()
        // Counted now, because the queue counts its side as soon as it is called; taken back when it takes nothing.
        received(all, 1)
        try {
          await offer(batches, old?.rest() ?? [], spilled)
          seconds.observe((performance.now() - startedAt) / 1000)
          return settle(window, undefined)
        } catch (cause) {
          const error = asBridgeError(cause)
          // Sent again, it would come here again.
          if (error.retry !== 'later') return settle(window, error)
          if (spilled === undefined && (await shed(old))) return settle(window, error, 'shed_full')
          received(all, -1)
          if (spilled !== undefined) break
        }
        if (!(await pause(ms, isOver))) break
      }
      spilled?.staging.discard()
      window.ids.discard()
      return 'left'
    },
    async spill(window, isOver) {
      const { old } = window
      if (!(await room(isOver, old))) return 'left'
      const { gathered } = window
      const spilled = (window.spilled ??= { staging: intake.stage(), parts: [] })
      const parts = gathered.parts.splice(0)
      gathered.bytes = 0
      try {
        for (const batch of toBatches(parts, chunks, aboutOf(window))) await spilled.staging.add(batch)
        for (const envelope of old?.spill() ?? []) await spilled.staging.add(alone(envelope))
      } catch {
        return 'left'
      }
      for (const { signal, items, services } of parts) spilled.parts.push({ signal, items, services })
      return 'stored'
    },
    discard({ spilled, ids, old }) {
      old?.events.clear()
      spilled?.staging.discard()
      ids.discard()
    },
  }
}
