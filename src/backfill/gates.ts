/** Which of the slices under way may send its next page: as many as fit, the earliest first, none far ahead of the others. */

import type { MemoryBudget } from './memory.ts'
import type { Pace } from './pacing.ts'
import type { SliceView } from './progress.ts'

export interface GatesOptions {
  readonly parallel: number
  readonly order: 'time' | 'any'
  readonly slackMs: number
  readonly pace: Pace
  readonly memory: MemoryBudget
  /** Several machines: the least time of which something is unfinished anywhere; undefined: not known, or nothing has a time. */
  readonly othersMs?: (() => number | undefined) | undefined
}

/** How many slices may be under way, and what says so. */
export interface Allowed {
  readonly slices: number
  /** `memory`, `pace`; empty: --parallel. */
  readonly reason: string
}

export interface Gates {
  enter(view: SliceView): void
  leave(view: SliceView): void
  allowed(): Allowed
  readonly views: Iterable<SliceView>
  readonly size: number
  /** The least time of which something is unfinished, among what is under way. */
  frontierMs(): number | undefined
  /** Up to where a slice may begin; undefined: anywhere. */
  beginsByMs(): number | undefined
  /** Resolves when the page that begins at `minMs` may go out, at once if it may now; also when aborted. */
  turn(view: SliceView, minMs: number | undefined, abort: AbortSignal): Promise<void>
  /** Something is otherwise than before: a page was acknowledged, the pace has changed, a second is over. */
  changed(): void
}

interface Waiter {
  readonly view: SliceView
  go(): void
}

const place = (view: SliceView): number => view.positionMs ?? view.fromMs ?? Number.NEGATIVE_INFINITY

/**
 * Creates the gates of one run. Whoever is earliest always may go: it is the first by rank, and no other's time holds it back. So somebody always moves.
 */
export function createGates(options: GatesOptions): Gates {
  const { parallel, order, slackMs, pace, memory, othersMs } = options
  const views = new Set<SliceView>()
  const waiters = new Set<Waiter>()

  const allowed = (): Allowed => {
    const byMemory = memory.slots(parallel)
    const byPace = Math.max(1, Math.min(parallel, pace.parallel(parallel)))
    if (byMemory < byPace) return { slices: byMemory, reason: 'memory' }
    return { slices: byPace, reason: byPace < parallel ? 'pace' : '' }
  }

  const frontierMs = (): number | undefined => {
    let least = othersMs?.()
    for (const view of views) {
      const at = view.positionMs ?? view.fromMs
      if (at !== undefined && (least === undefined || at < least)) least = at
    }
    return least
  }

  const rank = (view: SliceView): number => {
    let before = 0
    const own = place(view)
    let seen = false
    for (const other of views) {
      if (other === view) seen = true
      else if (order === 'time' && place(other) !== own ? place(other) < own : !seen) before++
    }
    return before
  }

  const mayGo = (view: SliceView): boolean => {
    if (rank(view) >= allowed().slices) return false
    if (order === 'any' || view.positionMs === undefined) return true
    return view.positionMs <= (frontierMs() ?? view.positionMs) + slackMs
  }

  const changed = (): void => {
    for (const waiter of [...waiters]) if (mayGo(waiter.view)) waiter.go()
  }

  return {
    enter(view) {
      views.add(view)
    },
    leave(view) {
      views.delete(view)
      changed()
    },
    allowed,
    views,
    get size() {
      return views.size
    },
    frontierMs,
    beginsByMs() {
      const frontier = order === 'time' ? frontierMs() : undefined
      return frontier === undefined ? undefined : frontier + slackMs
    },
    turn(view, minMs, abort) {
      // All before it is acknowledged. So two that have both come to a gap do not wait for each other.
      if (minMs !== undefined && minMs > (view.positionMs ?? Number.NEGATIVE_INFINITY)) {
        view.positionMs = minMs
        changed()
      }
      if (abort.aborted || mayGo(view)) return Promise.resolve()
      return new Promise((resolve) => {
        const go = (): void => {
          waiters.delete(waiter)
          abort.removeEventListener('abort', go)
          resolve()
        }
        const waiter: Waiter = { view, go }
        waiters.add(waiter)
        abort.addEventListener('abort', go, { once: true })
      })
    },
    changed,
  }
}
