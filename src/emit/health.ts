/** What the sending side says of itself to `/health/ready`. */

import type { Lane } from './queue/queue.ts'
import type { SendError } from './sender.ts'

export interface EmitHealth {
  readonly ok: boolean
  /** One sentence each; empty when all is well. */
  readonly reasons: readonly string[]
}

export interface HealthWatch {
  /** An attempt succeeded. */
  succeeded(): void
  failed(error: SendError): void
  /** Something was settled, released or buried: the loop moves. */
  moved(): void
  health(): EmitHealth
}

export interface HealthOptions {
  readonly destination: string
  readonly lane: Lane
  readonly monotonicMs: () => number
  /** Requests under way now. */
  readonly inFlight: () => number
}

/** How long an endpoint may fail before the bridge calls itself unready: a restart of it is no news. */
const toleratedFailureMs = 5000

/** Something waits, nothing is under way and nothing has moved for so long: the loop itself is stuck. */
const stuckAfterMs = 30_000

/** A queue this full is about to refuse. */
const fullShare = 0.9

/** Refusals that dead-letter everything until somebody acts, as against one bad batch. */
const refusesEverything: ReadonlySet<number> = new Set([401, 403, 404, 405, 407, 415])

/** Creates the watch over one destination. */
export function createHealthWatch(options: HealthOptions): HealthWatch {
  const { destination, lane, monotonicMs } = options
  let failingSinceMs: number | undefined
  let lastError: SendError | undefined
  let movedMs = monotonicMs()

  return {
    succeeded() {
      failingSinceMs = undefined
      lastError = undefined
      movedMs = monotonicMs()
    },
    failed(error) {
      // A batch refused for itself says nothing about the endpoint but that it answers.
      if (error.failure === 'permanent' && !refusesEverything.has(error.status) && (error.status < 300 || error.status >= 400)) return
      failingSinceMs ??= monotonicMs()
      lastError = error
    },
    moved() {
      movedMs = monotonicMs()
    },
    health() {
      const now = monotonicMs()
      const reasons: string[] = []
      if (failingSinceMs !== undefined && lastError !== undefined) {
        const seconds = Math.round((now - failingSinceMs) / 1000)
        if (lastError.failure === 'permanent') {
          reasons.push(
            `destination ${destination} refuses everything, which goes to the dead letters, since ${seconds} s: ${lastError.message}`,
          )
        } else if (now - failingSinceMs >= toleratedFailureMs) {
          reasons.push(`destination ${destination} failing since ${seconds} s: ${lastError.message}`)
        }
      }
      const stats = lane.stats()
      if (stats.bytes >= stats.maxBytes * fullShare) {
        reasons.push(`queue of destination ${destination} is ${Math.floor((stats.bytes / stats.maxBytes) * 100)} % full (queue.maxSize)`)
      }
      if (lane.waiting().items > 0 && options.inFlight() === 0 && now - movedMs > stuckAfterMs) {
        reasons.push(`destination ${destination} is stuck: data waits and nothing has moved for ${Math.round((now - movedMs) / 1000)} s`)
      }
      return { ok: reasons.length === 0, reasons }
    },
  }
}
