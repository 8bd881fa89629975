/** Where an endpoint stands on its way from the old backend to the new one. */

export type Phase = 'shadow' | 'dual' | 'new-primary' | 'new-only'

export const phases: readonly Phase[] = ['shadow', 'dual', 'new-primary', 'new-only']

/** What part of the data goes to each side, 0 to 1. */
export interface Share {
  readonly new: number
  readonly old: number
}

/** One mirrored endpoint as it is now. */
export interface EndpointState {
  /** `zipkin`, `jaeger.http`: the mirror's name without `mirror.` */
  readonly endpoint: string
  readonly phase: Phase
  readonly answer: 'bridge' | 'legacy'
  readonly share: Share
  /** The old side gets nothing for now; what is queued for it waits. */
  readonly paused: boolean
  /** Day by which the phase should be over: `2026-12-31`. */
  readonly until: string | undefined
  /** Grows with every change. */
  readonly revision: number
  /** Since when the phase holds, ms. */
  readonly sinceMs: number
}

/** One switch that somebody moved. */
export interface Change {
  readonly atMs: number
  /** Name of who did it as `admin.auth` knows it, `file` or `command`. */
  readonly who: string
  readonly endpoint: string
  readonly what: 'phase' | 'answer' | 'share.new' | 'share.old' | 'paused'
  readonly from: string
  readonly to: string
  readonly reason: string
  /** It was not allowed, and done all the same. */
  readonly forced: boolean
}

/** What somebody wants changed. */
export interface ChangeRequest {
  readonly phase?: Phase | undefined
  readonly answer?: 'bridge' | 'legacy' | undefined
  readonly share?: Partial<Share> | undefined
  readonly paused?: boolean | undefined
  readonly reason: string
  readonly force?: boolean | undefined
}

/** The state of all mirrored endpoints; one per process, all processes of a bridge agree. */
export interface Cutover {
  /** Undefined for an endpoint without a mirror. */
  of(endpoint: string): EndpointState | undefined
  list(): readonly EndpointState[]
  /**
   * Changes an endpoint and keeps a record. Rejects with OB_CUTOVER_CONFLICT when `revision` is not the present one, and with OB_CUTOVER_REFUSED
   * when a condition of the phase is not met and `force` is not set.
   */
  change(endpoint: string, request: ChangeRequest, who: string, revision?: number): Promise<EndpointState>
  changes(): readonly Change[]
  /** Calls after every change. Returns what ends that. */
  subscribe(listener: (state: EndpointState) => void): () => void
}
