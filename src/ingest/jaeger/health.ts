/** The Jaeger collector's admin port, 14269, for probes and scrapers that are set up for it. Rule J-H10. */

import type { AdapterDeps, Listener } from '../adapter.ts'
import { replyText, startHttp } from '../http.ts'
import type { Pages } from '../pages.ts'
import type { JaegerHealthConfig } from './config.ts'

/** 3_723_500 → `1h2m3.5s`, as Go prints a duration. */
export function goDuration(ms: number): string {
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor((ms % 3_600_000) / 60_000)
  const seconds = `${(ms % 60_000) / 1000}s`
  if (hours > 0) return `${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${minutes}m${seconds}` : seconds
}

/** Starts the port. Throws OB_LISTEN. */
export function startJaegerHealth(config: JaegerHealthConfig, pages: Pages, deps: AdapterDeps): Promise<Listener> {
  const upSinceMs = deps.nowMs()
  return startHttp(
    {
      section: 'ingest.jaeger.health',
      host: config.host,
      port: config.port,
      limits: config.limits,
      timeouts: config.timeouts,
      tls: config.tls,
      auth: config.auth,
      healthPaths: ['/'],
      bodies: [],
      routes(app) {
        app.get('/', (_request, reply) => {
          const trouble = pages.trouble()
          if (trouble !== undefined) {
            return reply.code(503).send({ status: 'Server not available', upSince: '0001-01-01T00:00:00Z', uptime: '', reason: trouble })
          }
          const uptime = goDuration(Math.max(0, deps.nowMs() - upSinceMs))
          return reply.send({ status: 'Server available', upSince: new Date(upSinceMs).toISOString(), uptime })
        })
        app.get('/metrics', async (_request, reply) => {
          const { contentType, text } = await pages.exposition()
          return reply.type(contentType).send(text)
        })
      },
      notFound(_request, reply) {
        replyText(reply.raw, 404, '404 page not found\n')
      },
    },
    deps,
  )
}
