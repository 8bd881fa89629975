/**
 * Gathers the items of many small messages into batches and puts them to the intake, again and again until it takes them: nothing is
 * dropped, the reading stops instead. Who brought a part is told when it is queued.
 */

import type { Signal } from '../../otlp/intake.ts'
import type { AdapterDeps } from '../adapter.ts'
import { joinParts } from '../coalesce.ts'
import { asBridgeError, batchOf, type createItemBooks, reasonOf } from '../receive.ts'

export interface GathererOptions {
  readonly format: string
  readonly signal: Signal
  /** Items, bytes and milliseconds after which a batch is put, whichever comes first. */
  readonly items: number
  readonly bytes: number
  readonly delay: number
}

/** What is told of an attempt to queue. */
export interface GathererWatch {
  /** The intake refused; it is tried again. */
  refused(error: Error): void
  /** The intake took a batch, or refused it for good. */
  taken(): void
}

export interface Gatherer {
  /** Takes over `data`, a whole encoded request; `done` is called once it is queued, or given up for good. */
  add(items: number, data: Uint8Array, done: () => void): void
  /** Puts what has come together now. */
  flush(): void
  /** Nothing is tried again from now on; what is not queued is forgotten, as it will be read again. */
  stop(): void
}

interface Batch {
  readonly items: number
  readonly data: Uint8Array
  readonly done: readonly (() => void)[]
}

const firstPauseMs = 100
const longestPauseMs = 2000

/** Batches handed to the queue at once: enough for it to commit several together. */
const putsAtOnce = 4

/** Creates the gatherer of one format. Items enter the books when they are handed to the queue, as its own side does. */
export function createGatherer(
  options: GathererOptions,
  deps: AdapterDeps,
  books: ReturnType<typeof createItemBooks>,
  watch: GathererWatch,
): Gatherer {
  const waiting: Batch[] = []
  let parts: Uint8Array[] = []
  let done: (() => void)[] = []
  let items = 0
  let bytes = 0
  let underWay = 0
  let timer: NodeJS.Timeout | undefined
  let pause: NodeJS.Timeout | undefined
  let pauseMs = firstPauseMs
  let stopped = false

  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (parts.length === 0) return
    waiting.push({ items, data: joinParts(parts, bytes, deps.chunks), done })
    parts = []
    done = []
    items = 0
    bytes = 0
    drain()
  }

  const later = (error: Error): void => {
    watch.refused(error)
    if (pause !== undefined || stopped) return
    pause = setTimeout(() => {
      pause = undefined
      drain()
    }, pauseMs)
    pauseMs = Math.min(pauseMs * 2, longestPauseMs)
  }

  const put = async (batch: Batch): Promise<void> => {
    underWay++
    // Counted now, because the queue counts its side as soon as it is called; taken back when it takes nothing.
    books.books.received.value += batch.items
    try {
      await deps.intake.put(batchOf(options.format, batch.items, batch.data, options.signal))
      books.books.translated.value += batch.items
      pauseMs = firstPauseMs
      watch.taken()
      for (const one of batch.done) one()
    } catch (error) {
      const known = asBridgeError(error)
      if (known.retry === 'later') {
        books.books.received.value -= batch.items
        if (!stopped) waiting.unshift(batch)
        later(known)
      } else {
        // Reading it again would bring it here again.
        books.lost(reasonOf(known.code)).value += batch.items
        watch.taken()
        for (const one of batch.done) one()
      }
    } finally {
      underWay--
    }
    drain()
  }

  const drain = (): void => {
    while (waiting.length > 0 && underWay < putsAtOnce && pause === undefined && !stopped) {
      const refusal = deps.intake.refusal()
      if (refusal !== undefined) {
        later(refusal)
        return
      }
      void put(waiting.shift() as Batch)
    }
  }

  return {
    add(count, data, finished) {
      parts.push(data)
      done.push(finished)
      items += count
      bytes += data.length
      if (items >= options.items || bytes >= options.bytes) flush()
      else timer ??= setTimeout(flush, options.delay)
    },
    flush,
    stop() {
      stopped = true
      clearTimeout(timer)
      clearTimeout(pause)
      waiting.length = 0
    },
  }
}
