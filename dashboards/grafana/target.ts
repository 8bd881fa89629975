/**
 * One query of a dashboard, and what became of it: what the dashboard's walk hands to whoever speaks the query's language, and what it takes back. Plain data; the
 * walk writes the difference between the model before and the one after into the dashboard's text, so that what is equal in both stays byte for byte.
 */

import type { Language, QueryResult, RunHint } from '../model.ts'
import type { Context } from '../options.ts'

/** A JSON object. Of a parsed file it has no prototype: `__proto__` is a key as any other. */
export type Plain = Readonly<Record<string, unknown>>

/** Where a query stands. */
export type Role = 'panel' | 'variable' | 'annotation'

/** A variable of the dashboard, as far as queries have to know it. */
export interface Variable {
  readonly name: string
  /** `query`, `custom`, `constant`, `textbox`, `interval`, `datasource`, `adhoc`, … as Grafana names it. */
  readonly kind: string
  /** Plugin of the data source that a query variable asks; undefined: none, or unknown. */
  readonly datasource: string | undefined
  /** Values it has at the moment, as text; empty: unknown. `$__all` stands for all. */
  readonly values: readonly string[]
  /** Whether it may stand for several values at once: `a|b` in a query. */
  readonly many: boolean
}

/** Data source of a query, as far as it could be found out. */
export interface QueryDatasource {
  /** Plugin: `prometheus`, `elasticsearch`, `grafana-opensearch-datasource`, `jaeger`, `zipkin`, … */
  readonly type: string
  /** Index pattern of Elasticsearch, where provisioning tells it. */
  readonly index?: string | undefined
}

/** A query to convert. */
export interface TargetRequest {
  readonly role: Role
  /**
   * `panel`: the element of `targets`; `variable`: the element of `templating.list`, whose `query` may be a text, JSON in a text, or an object; `annotation`: the
   * element of `annotations.list`.
   */
  readonly model: Plain
  readonly datasource: QueryDatasource
  /** The panel around it, without panels inside; undefined of others. */
  readonly panel: Plain | undefined
  readonly variables: readonly Variable[]
  readonly context: Context
}

/** What became of a query. `after` is the text of the new query or queries as a report shows it, one a line. */
export interface TargetResult extends QueryResult {
  /** The query's text before, as a report shows it. */
  readonly before: string
  readonly language: Language
  readonly afterLanguage?: Language | undefined
  /**
   * What stands in the model's place, in the same shape. Several: of a panel's query one target each, the first has its `refId` and the others get new ones. Empty: the
   * query cannot be asked; a target is kept with `hide: true` then, or the panel becomes a placeholder. `refId`, `hide` and `datasource` are the walk's: they are kept
   * from the model, and those of the models are not read.
   */
  readonly models: readonly Plain[]
  /** Plugin that the models are for: `prometheus`, `loki`, `tempo`, `elasticsearch`; undefined: the same as before. */
  readonly datasource?: string | undefined
  /** Fields of the result that have another name now, old → new: labels in legends, columns of tables. */
  readonly labels: ReadonlyMap<string, string>
  /** Names that a series has when no legend names it, old → new. */
  readonly series: ReadonlyMap<string, string>
  /** New value = old value × factor, where that was left to the panel (`--scale=panel`); else 1. */
  readonly factor: number
  /** Grafana transformations that have to come before those of the panel. */
  readonly transformations: readonly Plain[]
  /** Another type for the panel, where the result needs it (`logs` for documents). */
  readonly panelType?: string | undefined
  readonly run?: RunHint | undefined
}

/** Converts one query. Never throws for what stands in the model: a shape that is not understood is `manual`, with the model as it was. */
export type TargetConverter = (request: TargetRequest) => TargetResult

/** A query that stays as it is. */
export const unchangedTarget = (request: TargetRequest, before: string, language: Language, uses: QueryResult['uses']): TargetResult => ({
  status: 'unchanged',
  before,
  after: before,
  language,
  edits: [],
  notes: [],
  uses,
  models: [request.model],
  labels: new Map(),
  series: new Map(),
  factor: 1,
  transformations: [],
})
