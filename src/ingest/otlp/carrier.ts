/** OTLP itself: what clients send that have moved already. It goes through the same queue as everything else. */

import { defineCarrier, type EndpointStart } from '../format.ts'
import { decodeLimitsOf } from '../schema.ts'
import { otlpConfig, otlpEndpoints } from './config.ts'
import { startOtlpGrpc } from './grpc.ts'
import { startOtlpHttp } from './http.ts'

export const otlp = defineCarrier({
  config: otlpConfig,
  endpoints(config, context) {
    const { grpc, http } = otlpEndpoints(config)
    const starts: EndpointStart[] = []
    if (grpc !== undefined) {
      const translators = context.carried.otlp(decodeLimitsOf(grpc.limits))
      starts.push({
        name: 'otlp.grpc',
        section: grpc,
        carries: [],
        start: () => startOtlpGrpc(grpc, translators, context.pages, context),
      })
    }
    if (http !== undefined) {
      const translators = context.carried.otlp(decodeLimitsOf(http.limits))
      starts.push({ name: 'otlp.http', section: http, carries: [], start: () => startOtlpHttp(http, translators, context) })
    }
    return starts
  },
})
