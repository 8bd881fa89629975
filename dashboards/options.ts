/** What a conversion is told, and what every converter is handed. */

import type { FieldNaming } from './naming/fields.ts'
import type { MetricNaming } from './naming/metrics.ts'
import type { SpanNaming } from './naming/spans.ts'
import type { IndexOptions, Targets } from './targets.ts'

/** What Grafana's provisioning says of data sources; of files given and of options. */
export interface KnownDatasource {
  readonly uid: string
  readonly name: string
  readonly type: string
  readonly isDefault: boolean
  /** Index pattern of Elasticsearch or OpenSearch. */
  readonly index?: string | undefined
}

export type DashboardTarget = 'grafana' | 'grafana-v2' | 'kibana' | 'perses'
export type RuleTarget = 'auto' | 'prometheus-rules' | 'loki-rules' | 'grafana-alerts'

export interface ConvertOptions {
  /** Of dashboards. */
  readonly to: DashboardTarget
  /** Of alert rules. */
  readonly rulesTo: RuleTarget
  readonly scale: 'query' | 'panel'
  readonly transition: 'none' | 'old-or-new' | 'recording'
  readonly upgradePanels: boolean
  /** Approximate rules are written as they are, not paused. */
  readonly acceptApproximate: boolean
  readonly targets: Targets
  readonly indices: Readonly<Record<string, IndexOptions>>
  readonly datasources: Readonly<Record<string, string | { readonly uid: string; readonly type?: string | undefined }>>
  /** Seconds between exports of metrics; undefined: unknown. */
  readonly exportInterval?: number | undefined
  /** URL under which the report is found from a placeholder; undefined: no link. */
  readonly reportUrl?: string | undefined
}

/** What every converter is handed. */
export interface Context {
  readonly options: ConvertOptions
  readonly metrics: MetricNaming
  readonly fields: FieldNaming
  readonly spans: SpanNaming
  /** Data sources of provisioning files among the sources. */
  readonly known: readonly KnownDatasource[]
  /** Library panels among the sources: uid → model as JSON. */
  readonly libraryPanels: ReadonlyMap<string, string>
  /** Reads a file beside the source (ElastAlert's `!file` lists and imports); undefined: not there, or not allowed. */
  readonly beside: (path: string) => string | undefined
}
