/** Collects what is not well from every part, for `/health/ready`, the page and the log. */

import type { BooksSums } from './metrics.ts'

/** One thing that is not well: which part says so, and why in plain words. */
export interface Reason {
  readonly part: string
  readonly reason: string
}

/** Says what is wrong with a part now; nothing when it is well. Cheap: it is asked at every probe. */
export type HealthCheck = () => string | readonly string[] | undefined

export interface Health {
  /** Adds a part; a part may be added more than once, all are asked. */
  watch(part: string, check: HealthCheck): void
  /** Everything that is not well now; empty when all is. */
  reasons(): Reason[]
  /** Adds what somebody should look at although everything works: it is shown, and readiness stays. */
  warn(part: string, check: HealthCheck): void
  warnings(): Reason[]
}

interface Part {
  readonly part: string
  readonly check: HealthCheck
}

function ask(parts: readonly Part[]): Reason[] {
  const reasons: Reason[] = []
  for (const { part, check } of parts) {
    let found: string | readonly string[] | undefined
    try {
      found = check()
    } catch (error) {
      found = `cannot ask: ${error instanceof Error ? error.message : String(error)}`
    }
    if (typeof found === 'string') reasons.push({ part, reason: found })
    else for (const reason of found ?? []) reasons.push({ part, reason })
  }
  return reasons
}

/** Creates an empty collection. A check that throws is itself a reason. */
export function createHealth(): Health {
  const checks: Part[] = []
  const warnings: Part[] = []
  return {
    watch: (part, check) => void checks.push({ part, check }),
    reasons: () => ask(checks),
    warn: (part, check) => void warnings.push({ part, check }),
    warnings: () => ask(warnings),
  }
}

/**
 * A check of the books (promise 1). A request on its way between two counts may leave them open for a moment, so a difference counts
 * only when it has been there at every look for `toleranceMs`; then it is said with its format and number of items.
 */
export function createBooksCheck(sums: () => BooksSums[], nowMs: () => number, toleranceMs = 10_000): HealthCheck {
  const openSince = new Map<string, number>()
  return () => {
    const reasons: string[] = []
    for (const { format, signal, destination, balance } of sums()) {
      const name = `${format} ${signal}`
      const key = `${name} ${destination}`
      if (balance === 0) {
        openSince.delete(key)
        continue
      }
      const since = openSince.get(key) ?? nowMs()
      openSince.set(key, since)
      if (nowMs() - since >= toleranceMs) reasons.push(`the books of ${name} do not balance: ${balance} items are not accounted for`)
    }
    return reasons
  }
}
