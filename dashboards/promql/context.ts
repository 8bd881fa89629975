/** What a rewriting of PromQL is told, and what it tells. */

import type { QueryResult } from '../model.ts'
import type { MetricNaming } from '../naming/metrics.ts'
import type { ConvertOptions } from '../options.ts'
import type { Targets } from '../targets.ts'

export interface PromqlContext {
  readonly naming: MetricNaming
  /** Names of the dashboard's variables; undefined: unknown, and every word behind `$` may be one. Of rules: an empty set. */
  readonly variables: ReadonlySet<string> | undefined
  /** Where a change of unit is made good at the root of a panel: in the query, or by the caller, who gets `factor`. */
  readonly scale: ConvertOptions['scale']
  readonly transition: ConvertOptions['transition']
  /** What the text is the query of. Of a rule the root always keeps its scale. */
  readonly role: 'panel' | 'rule' | 'variable'
  readonly targets: Targets['metrics']
  /** Seconds between exports; undefined: unknown. */
  readonly exportInterval?: number | undefined
  /** Labels, by old name, that somebody reads of the result although the query does not name them: legends, templates of alerts. */
  readonly wanted?: Iterable<string> | undefined
}

export interface PromqlResult extends QueryResult {
  /** New value = old value × factor, where that was left to the caller; else 1. */
  readonly factor: number
  /** Of buckets: new bound in `le` = old bound × this. Else 1. */
  readonly bounds: number
  /** Labels of the result that have another name now, old → new. */
  readonly labels: ReadonlyMap<string, string>
  /** Names of series that show when no legend names them, old → new. */
  readonly series: ReadonlyMap<string, string>
  /** Labels, by old name, that series of the result may have had and have no more: they are on `target_info`, or nowhere. */
  readonly lost: readonly string[]
}
