/** Zipkin: one endpoint for v1 and v2 spans, over HTTP and, where wanted, gRPC. */

import { type ZipkinTranslateConfig, zipkinTranslateConfig } from '../../translate/zipkin/config.ts'
import type { BodyTranslator } from '../adapter.ts'
import { defineFormat, type EndpointStart, type FormatContext, type Means } from '../format.ts'
import type { Guard } from '../guard.ts'
import type { DecodeLimits } from '../limits.ts'
import { decodeLimitsOf } from '../schema.ts'
import { type ZipkinConfig, type ZipkinGrpcConfig, zipkinConfig } from './config.ts'
import { createZipkinGrpc, startZipkinGrpc } from './grpc.ts'
import { startZipkin } from './routes.ts'
import { createZipkinTranslators, type ZipkinTranslators } from './translators.ts'

const translators = (means: Means<ZipkinTranslateConfig>, limits: DecodeLimits, strict = false): ZipkinTranslators =>
  createZipkinTranslators({ limits, translate: means.translate, names: means.semconv, strict, chunks: means.chunks })

function endpoints(config: ZipkinConfig, context: FormatContext<ZipkinTranslateConfig>): readonly EndpointStart[] {
  const { limits, strict } = config
  const grpc = config.grpc?.enabled === true ? config.grpc : undefined
  const proto = (own: ZipkinGrpcConfig): BodyTranslator => translators(context, decodeLimitsOf(own.limits), strict).v2Proto
  const starts: EndpointStart[] = [
    {
      name: 'zipkin',
      section: config,
      carries: [],
      start() {
        const http2 =
          grpc === undefined || grpc.port !== undefined
            ? undefined
            : (guard: Guard | undefined) => createZipkinGrpc(config, grpc, proto(grpc), guard, context.pages, context)
        return startZipkin(config, translators(context, decodeLimitsOf(limits), strict), context.pages, context, http2)
      },
    },
  ]
  if (grpc?.port !== undefined) {
    const { port } = grpc
    const { host, tls, auth } = config
    starts.push({
      name: 'zipkin.grpc',
      section: { ...grpc, host, port, tls, auth, strict },
      carries: [],
      start: () => startZipkinGrpc(config, grpc, port, proto(grpc), context.pages, context),
    })
  }
  return starts
}

export const zipkin = defineFormat({
  config: zipkinConfig,
  translate: zipkinTranslateConfig,
  endpoints,
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
