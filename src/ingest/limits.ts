/** Bounds on what one request may hold, checked while decoding and before memory is spent on it. */
export interface DecodeLimits {
  /** Spans (or other items) a request; more are OB_LIMIT_ITEMS for the whole request. */
  readonly maxItems: number
  /** Tags a span, fields a log, tags a process; more are OB_LIMIT_LENGTH. */
  readonly maxAttributes: number
  /** Annotations or logs a span, references a span. */
  readonly maxEvents: number
  /** Nesting of structs, lists or JSON values. */
  readonly maxDepth: number
  /** Bytes of one string or binary value. */
  readonly maxStringBytes: number
}

export const defaultDecodeLimits: DecodeLimits = {
  maxItems: 100_000,
  maxAttributes: 10_000,
  maxEvents: 10_000,
  maxDepth: 64,
  maxStringBytes: 16 * 1024 * 1024,
}
