/**
 * What parity is told in: windows, keys, counts, samples, differences, and the report (cutover 3.7, 3.8).
 * A comparison of one format fills {@link KeyResult}s; the frame adds them up, accepts, denies, scores and prints.
 */

import type { HttpClient } from '../read/http-client.ts'

export type ParityFormat = 'zipkin' | 'jaeger' | 'prometheus' | 'elasticsearch'

export const parityFormats: readonly ParityFormat[] = ['zipkin', 'jaeger', 'prometheus', 'elasticsearch']

export type NewKind = 'jaeger' | 'tempo' | 'prometheus' | 'loki' | 'elasticsearch'

export const newKinds: readonly NewKind[] = ['jaeger', 'tempo', 'prometheus', 'loki', 'elasticsearch']

/** Why two sides may differ (3.7). Only `unexplained` counts against `--require`. */
export const differenceClasses = [
  'mapped',
  'reader',
  'precision',
  'share',
  'phase',
  'skipped',
  'refused_by_old',
  'refused_by_new',
  'dead_letter',
  'duplicate',
  'ha',
  'boundary',
  'created',
  'zero_point',
  'pipeline',
  'loki_shape',
  'observed_time',
  'retention',
  'not_settled',
  'accepted',
  'unexplained',
] as const

export type DifferenceClass = (typeof differenceClasses)[number]

/** What is wrong, when nothing explains it; of an explained difference what it would be without the explanation. */
export type DifferenceKind = 'missing_old' | 'missing_new' | 'extra_new' | 'changed' | 'unaccounted' | 'mapping_changed'

/** A value as the report shows it: JSON, text of at most 500 characters; undefined for what is not there. */
export type Shown = string | number | boolean | null | undefined

/** One difference of one item, before equal ones are put together. */
export interface Finding {
  readonly class: DifferenceClass
  readonly kind: DifferenceKind
  /** Of the mapping pages or of a reader (`Z-N1`, `zipkin-case`); empty: none. */
  readonly rule: string
  /** Without places in lists, so that equal differences have the same: `attributes["http.route"]`, `events.name`. */
  readonly path: string
  /** Id of the item: `trace/span`, the labels of a series. */
  readonly id: string
  readonly old?: Shown
  readonly new?: Shown
  readonly expected?: Shown
  /** When the item happened, ms since the epoch. */
  readonly atMs?: number | undefined
  /** The row in words, where those made from the rest would not do; findings with other words are other rows. */
  readonly text?: string | undefined
}

/** Path of a finding that is about the whole item: it is missing, or too many. These count in the score over counts. */
export const wholeItem = '(item)'

/** Equal differences of one key and window, as one row. */
export interface Difference {
  readonly class: DifferenceClass
  readonly kind: DifferenceKind
  readonly rule: string
  readonly path: string
  /** How often it was seen. */
  readonly count: number
  /** Of how many that could have shown it. */
  readonly of: number
  /** The row in words: "attribute http.route missing on new: 212 of 212 sampled spans of service cart, rule none, first seen 11:02". */
  readonly text: string
  readonly example: { readonly id: string; readonly old?: Shown; readonly new?: Shown; readonly expected?: Shown }
}

/** Items of a key in a window. `expected` is what the books say, or what the old side has. */
export interface Counts {
  readonly expected: number
  readonly old: number
  readonly new: number
  readonly distinctOld: number
  readonly distinctNew: number
}

/** Items that were looked at one by one. */
export interface Samples {
  readonly asked: number
  readonly foundOld: number
  readonly foundNew: number
  readonly equal: number
  readonly explained: number
  readonly unexplained: number
  /** Wilson's 95 % lower bound of the part that is equal or explained. */
  readonly lowerBound: number
}

/** `[fromMs, toMs)` in event time, whole minutes. */
export interface Window {
  readonly fromMs: number
  readonly toMs: number
}

export type Verdict = 'equal' | 'explained' | 'different' | 'unjudged'

/** What a comparison says of one key in one window. Counts and samples add up to the score in the frame. */
export interface KeyResult {
  readonly format: ParityFormat
  /** Service, job or index. */
  readonly key: string
  readonly window: Window
  readonly counts: Counts
  /** Without `lowerBound`, which the frame computes. */
  readonly samples: Omit<Samples, 'lowerBound'>
  /** Differences, grouped by {@link createDifferences}. */
  readonly differences: readonly Difference[]
  /** Why the window could not be judged: budget, a backend that failed, a truncated answer. Empty when it was. */
  readonly unjudged: string
}

/** One of the two sides that are asked. */
export interface Side {
  readonly side: 'old' | 'new'
  /** `zipkin`, `jaeger`, `tempo`, `prometheus`, `loki`, `elasticsearch` */
  readonly kind: string
  /** Asks within rate and budget; its paths are relative to the side's URL. */
  readonly http: HttpClient
}

/** What the books of a running bridge know of a window; each part undefined when they do not. */
export interface Books {
  /** Items that should be there, by key and minute. */
  expected(format: ParityFormat, window: Window): Promise<readonly ExpectedMinute[] | undefined>
  /** Items to look at one by one. */
  samples(format: ParityFormat, window: Window): Promise<readonly ExpectedSample[] | undefined>
}

export interface ExpectedMinute {
  readonly key: string
  readonly minuteMs: number
  /** Items of event minute `minuteMs` that each side should have. */
  readonly old: number
  readonly new: number
  /** Of those meant for the new side: what did not get there, with the reason: `dead 413`, `shed`, `skipped share`. */
  readonly reasons: readonly {
    readonly side: 'old' | 'new'
    readonly class: DifferenceClass
    readonly reason: string
    readonly count: number
  }[]
}

export interface ExpectedSample {
  readonly key: string
  /** Trace id and span id (`trace/span`), series hash, document id, as the format has it. */
  readonly id: string
  readonly atMs: number
  /** Legacy bytes of the item, when the bridge keeps them. */
  readonly legacy: Uint8Array | undefined
  /** The OTLP item as it was sent, in a request of its own; when the bridge keeps it. */
  readonly otlp: Uint8Array | undefined
}

/** What a run was asked for, as far as a comparison needs it. */
export interface CompareOptions {
  /** Globs; empty: all keys. Use {@link keyFilter}. */
  readonly keys: readonly string[]
  /** At most this many items one by one in a window. */
  readonly samples: number
  /** Ids to look at besides. */
  readonly ids: readonly string[]
  /** `--queries`, `--match`: for metrics. */
  readonly queries: readonly string[]
  readonly match: string | undefined
  /** `--tolerance NAME=VALUE`, as given. */
  readonly tolerances: ReadonlyMap<string, string>
  /** Milliseconds until data can be read back. */
  readonly settleMs: { readonly old: number; readonly new: number }
  /** `--refresh`: Elasticsearch may be asked to refresh. */
  readonly refresh: boolean
}

export interface CompareDeps {
  readonly old: Side
  readonly new: Side
  readonly books: Books | undefined
  readonly options: CompareOptions
  /** Sections of the bridge's configuration that the comparison translates with. */
  readonly config: { readonly translate: unknown; readonly parity: unknown }
  readonly nowMs: () => number
  /** For what is not settled. */
  readonly sleep: (ms: number) => Promise<void>
  /** A line on a terminal: what is being done now. */
  readonly progress: (text: string) => void
  readonly signal: AbortSignal
}

/**
 * A comparison of one format. Rejects with OB_BACKEND when a side does not answer as expected, with OB_PARITY when the two cannot be compared;
 * the frame makes the window `unjudged`. What one key's budget or limit did not allow is said in its result's `unjudged`.
 */
export interface Comparison {
  compare(window: Window): Promise<readonly KeyResult[]>
}

/** What `parity/metrics.ts` (createMetricsComparison), `parity/logs.ts` (createLogsComparison) and `parity/traces.ts` (createTracesComparison) export. */
export type CreateComparison = (deps: CompareDeps) => Comparison

/** What a side was asked. */
export interface Cost {
  readonly requests: number
  readonly bytes: number
  readonly seconds: number
}

export interface ReportItem {
  readonly format: ParityFormat
  readonly key: string
  /** RFC 3339 */
  readonly window: { readonly from: string; readonly to: string }
  readonly counts: Counts
  readonly samples: Samples
  readonly differences: readonly Difference[]
  /** Lower one of the scores over counts and over samples, 0 to 1. */
  readonly parity: number
  readonly verdict: Verdict
  /** In words: what is wrong, or why nothing can be said. Empty when equal. */
  readonly why: string
}

/** The answer of `otlp-bridge parity --json`; `schema/parity-report.schema.json`. */
export interface ParityReport {
  readonly version: 1
  /** `otlp-bridge 1.2.3` */
  readonly tool: string
  readonly mappingHash: string
  readonly startedAt: string
  /** Whose counts are what is expected. `old`: a loss common to both sides is not seen. */
  readonly reference: 'books' | 'old'
  readonly settle: { readonly old: string; readonly new: string }
  readonly result: {
    readonly parity: number
    readonly require: number
    readonly ok: boolean
    /** Windows of keys that could not be judged. */
    readonly unjudged: number
  }
  readonly cost: { readonly old: Cost; readonly new: Cost }
  readonly items: readonly ReportItem[]
}
