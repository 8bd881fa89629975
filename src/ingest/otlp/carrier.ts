/** OTLP itself: what clients send that have moved already. It goes through the same queue as everything else. */

import { defineCarrier, type EndpointStart } from '../format.ts'
import { decodeLimitsOf } from '../schema.ts'
import { otlpConfig, otlpEndpoints } from './config.ts'

export const otlp = defineCarrier({
  config: otlpConfig,
  endpoints(config, context) {
    const { grpc, http } = otlpEndpoints(config)
    const starts: EndpointStart[] = []
    if (grpc !== undefined) {
      starts.push({
        name: 'otlp.grpc',
        section: grpc,
        carries: [],
        async start() {
          const { startOtlpGrpc } = await import('./grpc.ts')
          return startOtlpGrpc(grpc, await context.carried.otlp(decodeLimitsOf(grpc.limits)), context.pages, context)
        },
      })
    }
    if (http !== undefined) {
      starts.push({
        name: 'otlp.http',
        section: http,
        carries: [],
        async start() {
          const { startOtlpHttp } = await import('./http.ts')
          return startOtlpHttp(http, await context.carried.otlp(decodeLimitsOf(http.limits)), context)
        },
      })
    }
    return starts
  },
})
