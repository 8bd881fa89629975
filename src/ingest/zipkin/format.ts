/** Zipkin: one HTTP endpoint for v1 and v2 spans. */

import { type ZipkinTranslateConfig, zipkinTranslateConfig } from '../../translate/zipkin/config.ts'
import { defineFormat, type Means } from '../format.ts'
import type { DecodeLimits } from '../limits.ts'
import { decodeLimitsOf } from '../schema.ts'
import { zipkinConfig } from './config.ts'
import { startZipkin } from './routes.ts'
import { createZipkinTranslators, type ZipkinTranslators } from './translators.ts'

const translators = (means: Means<ZipkinTranslateConfig>, limits: DecodeLimits, strict = false): ZipkinTranslators =>
  createZipkinTranslators({ limits, translate: means.translate, names: means.semconv, strict, chunks: means.chunks })

export const zipkin = defineFormat({
  config: zipkinConfig,
  translate: zipkinTranslateConfig,
  endpoints: (config, context) => [
    {
      name: 'zipkin',
      section: config,
      carries: [],
      start: () => startZipkin(config, translators(context, decodeLimitsOf(config.limits), config.strict), context.pages, context),
    },
  ],
  files: {
    'zipkin-json': (means, limits) => translators(means, limits).json,
    'zipkin-proto': (means, limits) => translators(means, limits).v2Proto,
    'zipkin-thrift': (means, limits) => translators(means, limits).v1Thrift,
  },
  async explainers(means, limits) {
    const explain = (await import('./explain.ts')).createZipkinExplainers(means.translate, limits, means.semconv)
    return { 'zipkin-json': explain.json, 'zipkin-proto': explain.v2Proto, 'zipkin-thrift': explain.v1Thrift }
  },
})
