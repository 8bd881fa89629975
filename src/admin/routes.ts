/** The admin port: live page, metrics, health, status. Read-only. */

import { readFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Listener } from '../ingest/adapter.ts'
import { type Bound, bindAll, urlHost } from '../ingest/addresses.ts'
import { withoutSchemas } from '../net/fastify.ts'
import type { Exposition } from '../telemetry/exposition.ts'
import type { Health } from '../telemetry/health.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { AdminConfig } from './config.ts'
import { readStatus, type StatusSource } from './status.ts'

export interface AdminDeps {
  readonly metrics: Metrics
  readonly health: Health
  readonly status: StatusSource
  readonly nowMs: () => number
  /** Answers a scrape. */
  readonly expose: () => Promise<Exposition>
}

const pages: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
}

/** The page loads nothing from elsewhere and stands in no frame; what it shows of senders (names) is never run. */
const pageHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-cache',
}

function addRoutes(app: FastifyInstance, deps: AdminDeps): void {
  app.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await deps.expose()
    return reply.header('content-type', contentType).send(text)
  })
  app.get('/health/live', (_request, reply) => reply.send({ status: 'live' }))
  app.get('/health/ready', (_request, reply) => {
    const reasons = deps.health.reasons()
    return reply.code(reasons.length === 0 ? 200 : 503).send({ status: reasons.length === 0 ? 'ready' : 'not ready', reasons })
  })
  app.get('/api/status', (_request, reply) =>
    reply.header('cache-control', 'no-store').send(readStatus(deps.status, deps.metrics, deps.health.reasons(), deps.nowMs())),
  )
  for (const [path, [file, type]] of Object.entries(pages)) {
    app.get(path, async (_request, reply): Promise<FastifyReply> => {
      const text = await readFile(new URL(`./page/${file}`, import.meta.url))
      return reply.headers({ ...pageHeaders, 'content-type': type }).send(text)
    })
  }
}

const listen = (onRequest: RequestListener, address: string, port: number): Promise<Bound & { server: Server }> =>
  new Promise((resolve, reject) => {
    const server = createServer({ requestTimeout: 10_000, keepAliveTimeout: 75_000 }, onRequest)
    server.maxConnections = 256
    server.once('error', reject)
    server.listen({ host: address, port, ipv6Only: address === '::1' }, () => {
      server.removeListener('error', reject)
      const at = server.address()
      const close = (): Promise<void> => new Promise((done) => server.close(() => done()))
      resolve({ server, address, port: at !== null && typeof at === 'object' ? at.port : port, close })
    })
  })

/** Starts the admin port. Throws OB_LISTEN when the port is taken. */
export async function startAdmin(config: AdminConfig, deps: AdminDeps): Promise<Listener> {
  // Fastify wants to make its server; ours are one an address, and share its router.
  let routed: RequestListener = () => {}
  // Not at the top: a bridge that listens for datagrams alone does without its 24 MB.
  const { fastify } = await import('fastify')
  const app = fastify({
    ...withoutSchemas,
    logger: false,
    bodyLimit: 1024,
    serverFactory: (handler) => {
      routed = handler as RequestListener
      return createServer()
    },
  })
  addRoutes(app, deps)
  await app.ready()
  const bound = await bindAll('admin', config.host, config.port, (address, port) => listen(routed, address, port))
  return {
    addresses: bound.map((one) => `http://${urlHost(one.address)}:${one.port}`),
    async stop() {
      // Nothing here is worth waiting for: readers ask again.
      const closing = bound.map((one) => one.close())
      for (const one of bound) one.server.closeAllConnections()
      await Promise.all(closing)
      await app.close()
    },
  }
}
