/** `--metrics-port`: metrics of a run on this machine, for as long as it goes on. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Ledger } from '../backfill/ledger.ts'
import type { Progress } from '../backfill/progress.ts'
import { publishRun } from '../backfill/run-metrics.ts'
import { BridgeError } from '../errors.ts'
import { createExposition } from '../telemetry/exposition.ts'
import type { Metrics } from '../telemetry/metrics.ts'

export interface RunMetricsOptions {
  /** 0: any that is free. */
  readonly port: number
  readonly source: string
  readonly metrics: Metrics
  readonly ledger: Ledger
  readonly progress: () => Progress
}

/** Serves `/metrics` on 127.0.0.1. Rejects with OB_LISTEN. Nothing that goes wrong later ends the run. */
export async function serveRunMetrics(options: RunMetricsOptions): Promise<{ readonly url: string; close(): Promise<void> }> {
  const { port, source, metrics, ledger, progress } = options
  const expose = createExposition(metrics)
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      if (request.url?.split('?', 1)[0] !== '/metrics') return void response.writeHead(404).end()
      publishRun(metrics, source, progress(), await ledger.summary())
      const { contentType, text } = await expose()
      response.writeHead(200, { 'content-type': contentType }).end(text)
    }
    answer().catch(() => void response.writeHead(500).end())
  })
  server.listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new BridgeError('OB_LISTEN', `cannot listen on 127.0.0.1:${port}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      place: '--metrics-port',
      cause,
    })
  }
  const address = server.address()
  const actual = typeof address === 'object' && address !== null ? address.port : port
  return {
    url: `http://127.0.0.1:${actual}/metrics`,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
