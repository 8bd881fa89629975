/** What a conversion is told, and what every converter is handed. Options that stand in the mapping file or in the file of --targets are declared here, once. */

import { z } from 'zod'
import { strategies } from '../src/translate/prometheus/back.ts'
import type { FieldNaming } from './naming/fields.ts'
import type { MetricNaming } from './naming/metrics.ts'
import type { SpanNaming } from './naming/spans.ts'

const name = z.string().min(1).max(256)

export const targetsSchema = z
  .strictObject({
    metrics: z
      .strictObject({
        flavour: z.enum(['prometheus', 'mimir', 'victoriametrics']).default('prometheus').describe('Where metrics are asked for now.'),
        strategy: z
          .enum(strategies)
          .default('UnderscoreEscapingWithoutSuffixes')
          .describe(
            '`otlp.translation_strategy` of the backend: whether it adds units and `_total` to names, and whether dots become underscores.',
          ),
        native_histograms: z
          .boolean()
          .default(false)
          .describe('Whether the backend stores classic histograms natively (`convert_histograms_to_nhcb`).'),
        promoted: z
          .array(name)
          .max(1000)
          .default([])
          .describe('Resource attributes that are labels of every series (`promote_resource_attributes`).'),
        scope_labels: z.boolean().default(false).describe('Whether the scope is on every series as `otel_scope_…`.'),
        deltas: z.boolean().default(false).describe('Whether the backend stores counters that were sent as deltas as deltas.'),
      })
      .prefault({})
      .describe('The backend of metrics.'),
    logs: z
      .strictObject({
        flavour: z.enum(['loki', 'elasticsearch-otel']).default('loki').describe('Where logs are asked for now.'),
        labels: z
          .array(name)
          .max(1000)
          .optional()
          .describe(
            'Resource attributes that are index labels of Loki (`default_resource_attributes_as_index_labels`). Default: those of Loki 3.',
          ),
      })
      .prefault({})
      .describe('The backend of logs.'),
    traces: z
      .strictObject({ flavour: z.enum(['tempo', 'jaeger']).default('tempo').describe('Where traces are asked for now.') })
      .prefault({})
      .describe('The backend of traces.'),
    spanmetrics: z
      .enum(['keep', 'processor', 'connector', 'connector-seconds', 'tempo'])
      .default('keep')
      .describe('Who makes metrics of spans now: queries for those of others are rewritten to its names.'),
  })
  .describe('The backends that are asked from now on.')

export type Targets = z.output<typeof targetsSchema>

export const indexSchema = z.strictObject({
  as: z.enum(['logs', 'metrics']).default('logs').describe('What its documents became.'),
  selector: z.string().max(4096).optional().describe('Stream selector that stands for it in Loki: `{service_name="nginx"}`.'),
  text_fields: z.array(name).max(10_000).default([]).describe('Fields that are analysed text.'),
  keyword_fields: z.array(name).max(10_000).default([]).describe('Fields that are not, although they look like it.'),
})

export const datasourceSchema = z.strictObject({
  uid: name.describe('uid of the new data source.'),
  type: name.optional().describe('Its plugin: prometheus, loki, tempo, elasticsearch. Default: what the conversion makes.'),
})

/** Sections of the mapping file that only a conversion reads. */
export const conversionKeys = {
  indices: z.record(name, indexSchema).default({}).describe('Index patterns of Elasticsearch, and what became of their documents.'),
  datasources: z
    .record(name, z.union([name, datasourceSchema]))
    .default({})
    .describe('Old data source (uid, name or type) → new one.'),
  targets: targetsSchema.prefault({}),
}

export type IndexOptions = z.output<typeof indexSchema>

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
