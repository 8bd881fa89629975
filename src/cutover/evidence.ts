/** What is known of one key when somebody asks whether it may be cut over. What is undefined nobody knows: it never counts as a pass. */

import type { EndpointState } from './model.ts'

export interface Evidence {
  readonly format: string
  readonly endpoint: string
  /** Service, job or index. */
  readonly key: string
  readonly state: EndpointState
  readonly nowMs: number
  /** When items of it came last; undefined: never since the books began. */
  readonly lastSeenMs: number | undefined
  /** Since when the books have minutes of it. */
  readonly knownSinceMs: number | undefined
  /** Closed minutes within the windows asked for, latest last. */
  readonly minutes: readonly {
    readonly atMs: number
    readonly verdict: 'equal' | 'explained' | 'short' | 'unknown'
    readonly text: string
  }[]
  /** Runs of the parity command over this key with this mapping, latest last. */
  readonly stored: readonly {
    readonly atMs: number
    /** 0 to 1 */
    readonly parity: number
    readonly sampled: number
    readonly lowerBound: number
    /** The worst difference in words. */
    readonly why: string
  }[]
  readonly dead: { readonly unresolved: number; readonly lastMs: number | undefined; readonly reason: string } | undefined
  readonly queue: { readonly ageSeconds: number; readonly worstAgeSeconds: number } | undefined
  readonly books: { readonly balanced: boolean; readonly minutes: number; readonly unknownMinutes: number } | undefined
  /** Within `quiet`: items and requests that were refused or not translated, and the first reason in words. */
  readonly untranslated: { readonly count: number; readonly text: string } | undefined
  /** Items a minute: the most within the windows, and within the two days that the books keep minutes for; how much history there is. */
  readonly peak: { readonly window: number; readonly all: number; readonly historyMs: number } | undefined
  /** 0 to 1, and what has to be done by hand. */
  readonly dashboards: { readonly converted: number; readonly byHand: string; readonly atMs: number } | undefined
  readonly reads: { readonly count: number; readonly text: string } | undefined
  /** Items that the old backend received and we did not send. */
  readonly others: number | undefined
  readonly history: { readonly complete: boolean; readonly text: string } | undefined
  readonly legacyClients: number | undefined
  /** The last time somebody went a step back and forth again, and how long it took. */
  readonly drill: { readonly atMs: number; readonly tookMs: number } | undefined
}
