/** Old names of metrics and labels → those that the new backend shows: sections 6.1, 6.2 of the reference, and 12 of the Prometheus mapping. */

/** What became of a label. */
export type LabelTarget =
  | { readonly kind: 'kept' }
  | { readonly kind: 'renamed'; readonly to: string }
  /** Only on `target_info` now, under this name. */
  | { readonly kind: 'resource'; readonly to: string }
  /** Nowhere: why. */
  | { readonly kind: 'gone'; readonly why: string }

/** What became of the series of one name. */
export interface MetricTarget {
  /** Undefined: there is no such series any more; `why` says it. */
  readonly name: string | undefined
  readonly why?: string | undefined
  /** New value = old value × factor. */
  readonly factor: number
  /** Of a member of a classic histogram that is stored natively now: which, and `name` is the histogram's own. */
  readonly native?: 'bucket' | 'sum' | 'count' | undefined
  /** The label's fate; `__name__`, `le` and `quantile` are not asked. */
  label(name: string): LabelTarget
  /** A type or unit that nobody said was taken for granted, and the name depends on it. */
  readonly guessed: boolean
}

export interface MetricNaming {
  /** Of the name of a series, with its suffix, as it stands in a selector. */
  metric(name: string): MetricTarget
  /** Of a label of unknown metrics. */
  label(name: string): LabelTarget
  /** Names of series that are known to exist, for patterns; undefined: unknown. */
  readonly known: ReadonlySet<string> | undefined
  /** Whether everything keeps its name: nothing has to be looked at twice then. */
  readonly isIdentity: boolean
}
