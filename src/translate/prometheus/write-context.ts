/** What a translator is told of a request beside the request. */

/** Things about one request that are not in it. */
export interface WriteContext {
  /** `X-Scope-OrgID` or a tenant in the path; part of what every stream is known by. */
  readonly tenant: string
  /** Wall clock at receipt, ms. */
  readonly nowMs: number
  /**
   * Only these series, by place, ascending: a request that was kept because of them. Their samples were acknowledged, so that nothing is a
   * duplicate; the others were sent already.
   */
  readonly only?: readonly number[] | undefined
}
