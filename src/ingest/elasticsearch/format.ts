/** Elasticsearch: one endpoint for `_bulk`, single documents, and what shippers ask before. */

import { type ElasticsearchTranslateConfig, elasticsearchTranslateConfig } from '../../translate/elasticsearch/config.ts'
import type { BodyTranslator } from '../adapter.ts'
import { defineFormat, type EndpointStart, type FormatContext, type Means } from '../format.ts'
import type { DecodeLimits } from '../limits.ts'
import { type ElasticsearchConfig, elasticsearchConfig } from './config.ts'
import { startElasticsearch } from './routes.ts'

/** The user's own rules, where there are any. */
async function fieldsOf({ translate, userMapping }: Means<ElasticsearchTranslateConfig>) {
  return translate.mapping === undefined ? undefined : (await userMapping(translate.mapping, 'elasticsearch')).fields
}

function endpoints(config: ElasticsearchConfig, context: FormatContext<ElasticsearchTranslateConfig>): readonly EndpointStart[] {
  const { translate } = context
  return [
    {
      name: 'elasticsearch',
      section: config,
      carries: [],
      start: () => startElasticsearch({ config, translate, fields: () => fieldsOf(context) }, context.pages, context),
    },
  ]
}

const file =
  (form: 'es-bulk' | 'es-docs') =>
  async (means: Means<ElasticsearchTranslateConfig>, limits: DecodeLimits): Promise<BodyTranslator> => {
    const [{ createDocumentFile }, fields] = await Promise.all([import('./file.ts'), fieldsOf(means)])
    return createDocumentFile(form, { translate: means.translate, fields, maxItems: limits.maxItems })
  }

export const elasticsearch = defineFormat({
  config: elasticsearchConfig,
  translate: elasticsearchTranslateConfig,
  signal: 'logs',
  endpoints,
  files: { 'es-bulk': file('es-bulk'), 'es-docs': file('es-docs') },
})
