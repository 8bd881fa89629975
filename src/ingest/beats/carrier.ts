/** Beats: documents of Elasticsearch over the Lumberjack protocol. */

import { defineCarrier } from '../format.ts'
import { beatsConfig, eventLimitsOf } from './config.ts'

export const beats = defineCarrier({
  config: beatsConfig,
  byDefault: true,
  endpoints: (config, context) => [
    {
      name: 'beats',
      section: config,
      carries: ['elasticsearch'],
      async start() {
        const { startBeats } = await import('./server.ts')
        const { metrics, log, nowMs } = context
        const batcher = await context.carried.documents(eventLimitsOf(config), { carrier: 'beats', metrics, log, nowMs })
        return startBeats(config, { ...context, batcher })
      },
    },
  ],
})
