/** Merges what waits into requests: queued batches of one format and signal concatenate to one, nothing is decoded. */

import type { Lane, QueuedBatch } from './queue/queue.ts'

export interface BatcherOptions {
  readonly delayMs: number
  readonly maxItems: number
  readonly maxBytes: number
}

export interface BatcherDeps {
  readonly lane: Lane
  /** Ends `next` with an empty result, for good. */
  readonly abort: AbortSignal
  readonly monotonicMs: () => number
  readonly sleep: (ms: number, abort: AbortSignal) => Promise<void>
}

export interface Batcher {
  /** The batches of the next request; empty when woken for nothing or aborted. Rejects as `Lane.take` does. */
  next(): Promise<readonly QueuedBatch[]>
  /** From now on nothing waits for others to be merged with. */
  hurry(): void
}

/**
 * Creates a batcher. A request is due when `maxItems` or `maxBytes` wait, or `delayMs` after the first batch was seen
 * waiting. What piled up while nobody asked is due at once.
 */
export function createBatcher(options: BatcherOptions, deps: BatcherDeps): Batcher {
  const { lane, abort } = deps
  const limits = { maxItems: options.maxItems, maxBytes: options.maxBytes }
  const hurrying = new AbortController()
  const noDelay = AbortSignal.any([abort, hurrying.signal])
  const aborted = new Promise<void>((resolve) => {
    if (abort.aborted) resolve()
    else abort.addEventListener('abort', () => resolve(), { once: true })
  })
  // At most one of each is outstanding: one that lost a race stays good for the next call.
  let some: Promise<void> | undefined
  let enough: Promise<void> | undefined
  let lastTakenMs = Number.POSITIVE_INFINITY

  const waitForSome = (): Promise<void> => {
    some ??= lane.ready().then(() => void (some = undefined))
    return some
  }
  const waitForEnough = (): Promise<void> => {
    enough ??= lane.ready({ items: limits.maxItems, bytes: limits.maxBytes }).then(() => void (enough = undefined))
    return enough
  }

  return {
    async next() {
      const piledUp = lane.waiting().items > 0 && deps.monotonicMs() - lastTakenMs >= options.delayMs
      await Promise.race([waitForSome(), aborted])
      if (abort.aborted) return []
      const now = lane.waiting()
      const due = piledUp || noDelay.aborted || now.items >= limits.maxItems || now.bytes >= limits.maxBytes
      if (!due && options.delayMs > 0) {
        await Promise.race([waitForEnough(), deps.sleep(options.delayMs, noDelay)])
        if (abort.aborted) return []
      }
      const taken = await lane.take(limits)
      lastTakenMs = deps.monotonicMs()
      return taken
    },
    hurry() {
      hurrying.abort()
    },
  }
}
