/** Several who look at some requests, as one. */

import type { Observer } from '../ingest/observe.ts'

/** Each sees what it wants itself. */
export function joinObservers(observers: readonly Observer[]): Observer {
  return {
    wants(endpoint) {
      for (const one of observers) if (one.wants(endpoint)) return true
      return false
    },
    see(seen) {
      for (const one of observers) if (one.wants(seen.endpoint)) one.see(seen)
    },
  }
}
