/** Options below `translate.elasticsearch`: those of section 9 of the mapping that change the OTLP that comes out. */

import { z } from 'zod'

const flag = (fallback: boolean, meaning: string) => z.boolean().default(fallback).describe(meaning)

const count = (fallback: number, meaning: string) => z.number().int().positive().default(fallback).describe(meaning)

const ecs = z
  .strictObject({
    renames: z
      .enum(['default', 'none', 'full'])
      .default('default')
      .describe(
        'ECS names that the semantic conventions have under another name. default: renamed where both mean the same; none: ECS names stay; full: also where the project had to guess.',
      ),
  })
  .prefault({})
  .describe('Names of the Elastic Common Schema.')

const serviceName = z
  .strictObject({
    derive: flag(
      false,
      'Documents without `service.name` get one out of service.type, Kubernetes labels, the name of the container, fields.service or event.module.',
    ),
  })
  .prefault({})
  .describe('Where `service.name` comes from.')

export const elasticsearchTranslateConfig = z
  .strictObject({
    body: z
      .enum(['message', 'document'])
      .default('message')
      .describe(
        'Body of a log record. message: the text of `message`, or of what stands in for it; document: the whole document as a map, when there is no such text.',
      ),
    parseJsonBody: flag(false, 'A text body that is a JSON object becomes a map.'),
    nested: z
      .enum(['flat', 'kvlist'])
      .default('flat')
      .describe('Objects in a document. flat: attributes with dotted names; kvlist: maps below the first level.'),
    keepEmpty: flag(false, 'Empty lists and objects become attributes, too.'),
    epoch: z
      .enum(['auto', 'millis'])
      .default('auto')
      .describe(
        'A whole number as time. auto: seconds, ms, µs or ns, by its size; millis: always ms, as a `date` field of Elasticsearch reads it.',
      ),
    strictTimestamp: flag(
      false,
      'Refuses documents of which the time cannot be read, as Elasticsearch does. Otherwise the text of it stays as an attribute.',
    ),
    ecs,
    mapping: z
      .string()
      .min(1)
      .optional()
      .describe(
        'File with names and places of your own for fields; see docs/mapping-file.md. The file of translate.prometheus.mapping may serve both. It is read at the start and with a new configuration.',
      ),
    indexAttribute: z
      .enum(['record', 'resource', 'none'])
      .default('record')
      .describe('Where `elasticsearch.index` stands: on the log record, on its resource, or nowhere.'),
    serviceName,
    metricsDocs: z
      .enum(['logs', 'gauges', 'drop', 'reject'])
      .default('logs')
      .describe(
        'Documents of metrics (Metricbeat, `metrics-*`). logs: log records with all fields; gauges: a gauge for each number; drop: taken and left out; reject: refused.',
      ),
    apmDocs: z
      .enum(['spans', 'logs', 'drop', 'reject'])
      .default('spans')
      .describe('Transactions and spans of Elastic APM. spans: OTLP spans; logs: log records; drop: taken and left out; reject: refused.'),
    systemIndices: z
      .enum(['discard', 'logs'])
      .default('discard')
      .describe('Documents for indices that begin with a dot, such as `.monitoring-*`. discard: taken and left out; logs: log records.'),
    maxResources: count(
      1000,
      'Different resources in one request; what more there are keep service.*, host.name and k8s.*, the rest become attributes.',
    ),
  })
  .describe('Documents of Elasticsearch (`_bulk`, Beats) to OTLP logs, and to spans where they are of Elastic APM.')

export type ElasticsearchTranslateConfig = z.output<typeof elasticsearchTranslateConfig>
