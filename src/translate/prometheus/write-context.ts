/** What a translator is told of a request beside the request. */

/** Things about one request that are not in it. */
export interface WriteContext {
  /** `X-Scope-OrgID` or a tenant in the path; part of what every stream is known by. */
  readonly tenant: string
  /** Wall clock at receipt, ms. */
  readonly nowMs: number
  /** Only these series, by place, ascending: a request that was kept because of them. Their samples were acknowledged: none is refused for its order. */
  readonly only?: readonly number[] | undefined
  /**
   * How they come again: `recovered` from an earlier run, so that nothing is a duplicate; `waited` in this one, and everything that the request
   * says of targets and types is known. Given with `only`.
   */
  readonly again?: 'recovered' | 'waited' | undefined
  /** Series may wait, and are in `waits` of the outcome then. They never do otherwise. */
  readonly mayWait?: boolean | undefined
  /** There is no room to wait in: what would have to is sent as what it is taken for now, and counts as `hurried`. */
  readonly isFull?: boolean | undefined
  /** When a request that has waited came first, ms. */
  readonly sinceMs?: number | undefined
  /** `turn` of its first outcome. */
  readonly turn?: number | undefined
}
