/** Kafka: what Jaeger's and Zipkin's own consumers would read. */

import { defineCarrier } from '../format.ts'
import { decodeLimitsOf } from '../schema.ts'
import { kafkaConfig } from './config.ts'

export const kafka = defineCarrier({
  config: kafkaConfig,
  endpoints: (config, context) => [
    {
      name: 'kafka',
      section: config,
      start: async () => {
        const { startKafkaSource } = await import('./source.ts')
        const limits = decodeLimitsOf(config.limits)
        return startKafkaSource(config, {
          ...context,
          translatorOf: ({ encoding, signal }) => context.carried.messages(encoding, signal, limits),
        })
      },
    },
  ],
})
