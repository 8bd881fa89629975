/** Options that stand in the mapping file or in the file of --targets, declared once. */

import { z } from 'zod'
import { strategies } from '../src/translate/prometheus/back.ts'

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
