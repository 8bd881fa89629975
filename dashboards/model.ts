/** What a conversion says of everything that it met: section 4 and 11 of the conversion reference. Plain data, the same as in the JSON report. */

import type { Code } from './codes.ts'

/** From good to bad. */
export const statuses = ['unchanged', 'exact', 'approximate', 'manual', 'unsupported'] as const

/**
 * `unchanged`: proven to need nothing. `exact`: rewritten, the same numbers by construction. `approximate`: rewritten, with a named difference. `manual`: a part is
 * written, somebody has to finish it. `unsupported`: a placeholder.
 */
export type Status = (typeof statuses)[number]

/** What an item counts for in the score. */
export const weights: Readonly<Record<Status, number>> = { unchanged: 1, exact: 1, approximate: 0.6, manual: 0.2, unsupported: 0 }

/** The worse of two. */
export const worse = (one: Status, other: Status): Status => (statuses.indexOf(one) >= statuses.indexOf(other) ? one : other)

export type Language =
  | 'promql'
  | 'logql'
  | 'traceql'
  | 'lucene'
  | 'kql'
  | 'es-dsl'
  | 'esql'
  | 'timelion'
  | 'vega'
  | 'painless'
  | 'jaeger'
  | 'zipkin'
  | 'elastalert'
  | 'watcher'
  | 'kibana-rule'
  | 'template'
  | 'url'
  | 'text'
  | 'other'

/** Why something is not as it was, or has to be looked at. The code's paragraph in the documentation says what to do. */
export interface Note {
  readonly code: Code
  /** One sentence about this very item. */
  readonly text: string
  readonly suggestion?: string | undefined
}

/** A part of a text that was replaced. Offsets are UTF-16 units of the text before. */
export interface QueryEdit {
  readonly start: number
  readonly end: number
  readonly from: string
  readonly to: string
  /** `§6.1 metric renamed` */
  readonly rule: string
}

/** Names that an item reads, as they stand in the source. */
export interface Uses {
  readonly metrics: readonly string[]
  readonly labels: readonly string[]
  readonly fields: readonly string[]
}

export const noUses: Uses = { metrics: [], labels: [], fields: [] }

/** What became of a query. */
export interface QueryResult {
  readonly status: Status
  /** The text before when nothing changed, or when it must not be touched. */
  readonly after: string
  /** Empty where the language changed: the whole text is new then. */
  readonly edits: readonly QueryEdit[]
  readonly notes: readonly Note[]
  readonly uses: Uses
}

/** What an item is. The first four are queries and count in the score; the others are parts around them and do not. */
export type ItemKind =
  | 'target'
  | 'variable'
  | 'annotation'
  | 'rule'
  | 'panel'
  | 'link'
  | 'datasource'
  | 'label'
  | 'layout'
  | 'receiver'
  | 'file'

/** Verdict of `--verify`: section 12. */
export type Verdict =
  | 'same'
  | 'close'
  | 'different'
  | 'empty-both'
  | 'empty-new'
  | 'empty-old'
  | 'error-old'
  | 'error-new'
  | 'not-proven'
  | 'not-run'

export interface Verified {
  readonly verdict: Verdict
  /** What was compared and what differs. */
  readonly text: string
  /** Largest relative error, where numbers were compared. */
  readonly worst?: number | undefined
}

/** One query, or one part around queries. */
export interface Item {
  readonly kind: ItemKind
  /** Unique in its source, stable between runs: `panel/12/target/A`. */
  readonly id: string
  /** Place in the source: `$.panels[4].targets[0].expr`. */
  readonly where: string
  /** Title of the panel, name of the variable or of the rule. */
  readonly title: string
  /** Of the text before. */
  readonly language: Language
  /** Of the text after, where it is another. */
  readonly afterLanguage?: Language | undefined
  readonly status: Status
  readonly before: string
  /** Undefined: nothing is written. */
  readonly after: string | undefined
  readonly edits: readonly QueryEdit[]
  readonly notes: readonly Note[]
  readonly uses: Uses
  /** What `--verify` has to know to run both; undefined: cannot be run. */
  readonly run?: RunHint | undefined
  readonly verify?: Verified | undefined
}

/** How a query is run before and after, and how results belong together. */
export interface RunHint {
  /** range: a series over time; instant: one value a series at the end; rule: true or not, over time. */
  readonly shape: 'range' | 'instant' | 'rule' | 'logs' | 'traces'
  /** Where the old text is asked. */
  readonly old: 'prometheus' | 'elasticsearch' | 'jaeger' | 'zipkin' | 'loki'
  readonly new: 'prometheus' | 'loki' | 'tempo' | 'elasticsearch'
  /** Old label → new label. */
  readonly labels: Readonly<Record<string, string>>
  /** New value = old value × factor. */
  readonly factor: number
  /** Of an old query that is no text: the body of its search, as JSON. */
  readonly body?: string | undefined
  /** Index or index pattern. */
  readonly index?: string | undefined
  /** Seconds of a bucket or of the step, where the source fixes it. */
  readonly step?: number | undefined
}

/** A file that a conversion writes. */
export interface OutputFile {
  /** Relative to the output folder, forward slashes, never leaving it. */
  readonly path: string
  readonly text: string
}

/** What became of one source. */
export interface Converted {
  /** `grafana-dashboard`, `kibana`, `prometheus-rules`, …: a name of the registry. */
  readonly kind: string
  readonly title: string
  readonly uid: string
  /** Tags and folder, for scores by team. */
  readonly tags: readonly string[]
  readonly files: readonly OutputFile[]
  /** Queries: panel targets, query variables, annotations with a query, rules. Each query of the source is exactly one. */
  readonly items: readonly Item[]
  /** Everything else that changed or needs a word. */
  readonly parts: readonly Item[]
  /** Values that the dashboard's variables have at the moment, by name; for `--verify`. */
  readonly variables?: Readonly<Record<string, readonly string[]>> | undefined
  /** About the source as a whole. */
  readonly notes: readonly Note[]
}

/** Σ weight ÷ number of items; 1 for none. */
export function scoreOf(items: readonly Pick<Item, 'status'>[]): number {
  let sum = 0
  for (const { status } of items) sum += weights[status]
  return items.length === 0 ? 1 : sum / items.length
}
