/** Jaeger: the collector's HTTP and gRPC endpoints, the agent's three ports, the collector's admin port. */

import { type JaegerTranslateConfig, jaegerTranslateConfig } from '../../translate/jaeger/config.ts'
import { defineFormat, type EndpointStart, type FormatContext, type Means } from '../format.ts'
import type { DecodeLimits } from '../limits.ts'
import { decodeLimitsOf } from '../schema.ts'
import { startAgentPort } from './agent.ts'
import { createClientStats } from './client-stats.ts'
import { startJaegerGrpc } from './collector-grpc.ts'
import { startJaegerHttp } from './collector-http.ts'
import { type JaegerConfig, jaegerConfig, jaegerEndpoints } from './config.ts'
import { startJaegerHealth } from './health.ts'
import { samplingMethod, startJaegerSampling, startJaegerSamplingGrpc } from './sampling.ts'
import { createJaegerTranslators, type JaegerTranslatorOptions, type JaegerTranslators } from './translators.ts'

function translators(
  means: Means<JaegerTranslateConfig>,
  limits: DecodeLimits,
  onClientStats?: JaegerTranslatorOptions['onClientStats'],
): JaegerTranslators {
  const zipkinList = means.carried.zipkinList(limits)
  return createJaegerTranslators({ limits, translate: means.translate, zipkinList, chunks: means.chunks, onClientStats })
}

function endpoints(config: JaegerConfig, context: FormatContext<JaegerTranslateConfig>): readonly EndpointStart[] {
  const onClientStats = createClientStats(context)
  const of = (limits: Parameters<typeof decodeLimitsOf>[0]): JaegerTranslators =>
    translators(context, decodeLimitsOf(limits), onClientStats)
  const wanted = jaegerEndpoints(config)
  const { http, grpc, sampling, samplingGrpc, health } = wanted
  const starts: EndpointStart[] = []
  if (http !== undefined) {
    starts.push({
      name: 'jaeger.http',
      section: http,
      carries: [],
      start: () => startJaegerHttp(http, of(http.limits).httpBinary, context.sampling, context),
    })
  }
  if (grpc !== undefined) {
    starts.push({
      name: 'jaeger.grpc',
      section: grpc,
      carries: [],
      start: () =>
        startJaegerGrpc(grpc, { postSpans: of(grpc.limits).postSpans, sampling: samplingMethod(context.sampling) }, context.pages, context),
    })
  }
  for (const name of ['compact', 'binary', 'zipkin'] as const) {
    const port = wanted[name]
    if (port === undefined) continue
    starts.push({
      name: `jaeger.${name}`,
      section: port,
      carries: ['zipkin'],
      start: () => startAgentPort(name, port, of(port.limits).agent, context),
    })
  }
  if (sampling !== undefined) {
    starts.push({
      name: 'jaeger.sampling',
      section: sampling,
      carries: [],
      start: () => startJaegerSampling(sampling, context.sampling, context),
    })
  }
  if (samplingGrpc !== undefined) {
    starts.push({
      name: 'jaeger.samplingGrpc',
      section: samplingGrpc,
      carries: [],
      start: () => startJaegerSamplingGrpc(samplingGrpc, context.sampling, context.pages, context),
    })
  }
  if (health !== undefined) {
    starts.push({ name: 'jaeger.health', section: health, carries: [], start: () => startJaegerHealth(health, context.pages, context) })
  }
  return starts
}

export const jaeger = defineFormat({
  config: jaegerConfig,
  translate: jaegerTranslateConfig,
  endpoints,
  files: {
    'jaeger-thrift-binary': (means, limits) => translators(means, limits).httpBinary,
    'jaeger-thrift-compact': (means, limits) => translators(means, limits).batchCompact,
    'jaeger-proto': (means, limits) => translators(means, limits).postSpans,
    'jaeger-json': (means, limits) => translators(means, limits).uiJson,
    'jaeger-es': (means, limits) => translators(means, limits).esJson,
  },
  async explainers(means, limits) {
    const explain = (await import('./explain.ts')).createJaegerExplainers(means.translate, limits)
    return {
      'jaeger-thrift-binary': explain.httpBinary,
      'jaeger-thrift-compact': explain.batchCompact,
      'jaeger-proto': explain.postSpans,
      'jaeger-json': explain.uiJson,
      'jaeger-es': explain.esJson,
    }
  },
})
