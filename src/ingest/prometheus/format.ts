/** Prometheus: one endpoint for remote-write 1.0 and 2.0. */

import { join } from 'node:path'
import { type PrometheusTranslateConfig, prometheusTranslateConfig } from '../../translate/prometheus/config.ts'
import type { BodyTranslator } from '../adapter.ts'
import { defineFormat, type EndpointStart, type FormatContext, type Means } from '../format.ts'
import type { DecodeLimits } from '../limits.ts'
import { type PrometheusConfig, prometheusConfig } from './config.ts'
import { type Opened, startPrometheus } from './routes.ts'
import { createPeek } from './waiting.ts'

/** Translators, tables of names and the native library of snappy take memory that a bridge without Prometheus does not have to spend. */
async function open(config: PrometheusConfig, context: FormatContext<PrometheusTranslateConfig>): Promise<Opened> {
  const { translate } = context
  const [{ createRemoteWrite }, { createSnappy }] = await Promise.all([import('./receiver.ts'), import('./snappy.ts')])
  const snappy = await createSnappy({ maxBytes: config.limits.body, limitKey: 'ingest.prometheus.limits.body' })
  const mapping = translate.mapping === undefined ? undefined : (await context.userMapping(translate.mapping, 'prometheus')).metrics
  const { uncompress } = snappy
  return { remote: await createRemoteWrite(config, translate, { ...context, mapping, uncompress }), decode: uncompress }
}

function endpoints(section: PrometheusConfig, context: FormatContext<PrometheusTranslateConfig>): readonly EndpointStart[] {
  const path = section.state.path ?? (context.dataPath === undefined ? undefined : join(context.dataPath, 'prometheus'))
  const config: PrometheusConfig = { ...section, state: { ...section.state, path } }
  return [
    {
      name: 'prometheus',
      section,
      carries: [],
      // The members of one histogram come over several connections: they must meet.
      alone: true,
      start() {
        const { intake, waits } = createPeek(context.intake, path)
        return startPrometheus(config, { open: () => open(config, { ...context, intake }), waits }, context.pages, context)
      },
    },
  ]
}

const file =
  (version: 1 | 2) =>
  async (means: Means<PrometheusTranslateConfig>, limits: DecodeLimits): Promise<BodyTranslator> =>
    (await import('./file.ts')).remoteWriteFile(version, means, limits)

export const prometheus = defineFormat({
  config: prometheusConfig,
  translate: prometheusTranslateConfig,
  signal: 'metrics',
  endpoints,
  files: { 'remote-write-1': file(1), 'remote-write-2': file(2) },
})
