/** Tags of spans → where they are in OTLP, as TraceQL writes it: section 9 of the reference. */

/** One way in which TraceQL reaches a value; several: any of them may hold it. */
export interface SpanField {
  /** `resource.service.name`, `.http.status_code`, `kind`, `event.error` … */
  readonly expressions: readonly string[]
  /** What the value is compared as; `any`: number and text both have to be asked for. */
  readonly type: 'string' | 'number' | 'boolean' | 'keyword' | 'any'
  /** False: the note says why it is not sure. */
  readonly certain: boolean
}

export interface SpanNaming {
  /** @param format whose tags these are */
  tag(key: string, format: 'jaeger' | 'zipkin'): SpanField
}
