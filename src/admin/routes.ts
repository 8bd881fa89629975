/** The admin port: live page, metrics, health, status, and `/api/v1` behind the page. */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Listener } from '../ingest/adapter.ts'
import { type Bound, bindAll, urlHost } from '../ingest/addresses.ts'
import type { Guard } from '../ingest/guard.ts'
import { type Security, startBehind } from '../ingest/security.ts'
import { createWebServer, schemeOf, type WebServer } from '../net/web-server.ts'
import type { Exposition } from '../telemetry/exposition.ts'
import type { Health } from '../telemetry/health.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type Access, createAccess } from './access.ts'
import { createApp } from './app.ts'
import type { AdminConfig } from './config.ts'
import { safeHeaders } from './headers.ts'
import { pageFiles } from './page-files.ts'
import { isApi, serveApi } from './serve-api.ts'
import type { ApiSources } from './sources.ts'
import { readStatus, type StatusSource } from './status.ts'

export interface AdminDeps {
  readonly metrics: Metrics
  readonly health: Health
  readonly status: StatusSource
  readonly nowMs: () => number
  readonly log: Logger
  /** Answers a scrape. */
  readonly expose: () => Promise<Exposition>
  /** Awaited before an answer with figures: gathers what other processes know. Never rejects, and takes no longer than a reader waits. */
  readonly refresh?: () => Promise<void>
  /** What stands behind `/api/v1`; looked at with every request, so that parts may come and go. */
  readonly sources?: ApiSources
  /** Name of this bridge, for the title of the page; default: that of the host. */
  readonly instance?: string
}

/** Pages that only some endpoints have. */
const owners: Readonly<Record<string, string>> = { 'metrics/types': 'ingest.prometheus' }

/** Of a key that comes more than once, the last value. */
function queryOf(query: unknown): Record<string, string> {
  const entries = Object.entries(query as Readonly<Record<string, string | readonly string[]>>)
  return Object.fromEntries(entries.map(([key, value]) => [key, typeof value === 'string' ? value : (value.at(-1) ?? '')]))
}

function addRoutes(app: FastifyInstance, deps: AdminDeps, access: Access): void {
  const refresh = deps.refresh ?? (async () => {})
  app.get('/metrics', async (_request, reply) => {
    await refresh()
    const { contentType, text } = await deps.expose()
    return reply.header('content-type', contentType).send(text)
  })
  app.get('/health/live', (_request, reply) => reply.send({ status: 'live' }))
  app.get('/health/ready', async (_request, reply) => {
    await refresh()
    const reasons = deps.health.reasons()
    const warnings = deps.health.warnings()
    return reply
      .code(reasons.length === 0 ? 200 : 503)
      .send({ status: reasons.length === 0 ? 'ready' : 'not ready', reasons, ...(warnings.length === 0 ? {} : { warnings }) })
  })
  app.get('/api/status', async (request, reply) => {
    if (isForeign(request, reply)) return reply
    await refresh()
    return reply.header('cache-control', 'no-store').send(readStatus(deps.status, deps.metrics, deps.health, deps.nowMs()))
  })
  app.get('/api/*', async (request, reply) => {
    if (isForeign(request, reply)) return reply
    const path = (request.params as { readonly '*': string })['*']
    const found = await deps.status.page?.(path, queryOf(request.query))
    if (found !== undefined)
      return reply
        .header('cache-control', 'no-store')
        .type('application/json; charset=utf-8')
        .send(JSON.stringify(found.content ?? null))
    const owner = owners[path]
    const why = owner === undefined ? 'there is no such page' : `it comes with ${owner}, and no such endpoint is running`
    return reply.code(404).send({ error: `cannot show /api/${path}: ${why}` })
  })
  app.get('/', (request, reply) => sendPage(request, reply, '/'))
  app.get('/page.:rest', (request, reply) => sendPage(request, reply, request.url.split('?', 1)[0] ?? ''))

  /** Answers requests under names that are not ours: a foreign site could be behind them. */
  function isForeign(request: FastifyRequest, reply: FastifyReply): boolean {
    try {
      access.checkHost(request.headers)
      return false
    } catch (error) {
      const { message } = error as Error
      reply.code(421).type('text/plain; charset=utf-8').send(`${message}\n`)
      return true
    }
  }

  async function sendPage(request: FastifyRequest, reply: FastifyReply, path: string): Promise<FastifyReply> {
    if (isForeign(request, reply.headers(safeHeaders))) return reply
    const file = (await pageFiles()).get(path)
    if (file === undefined) return reply.code(404).type('text/plain; charset=utf-8').send('there is no such file\n')
    const kept = file.immutable ? 'public, max-age=31536000, immutable' : 'no-cache'
    return reply.header('cache-control', kept).type(file.type).send(file.data)
  }
}

/** What orchestrators probe, who can hold no secret: open unless `auth.except` says otherwise. */
const healthPaths = ['/health/live', '/health/ready']

const listen = async (
  { metrics }: AdminDeps,
  { tls }: Security,
  onRequest: RequestListener,
  address: string,
  port: number,
): Promise<Bound & WebServer> => {
  const failed = (reason: string): void => {
    metrics.counter('otlp_bridge_connections_closed_total', { transport: 'admin', reason }).value++
  }
  const timeouts = { requestTimeout: 10_000, keepAliveTimeout: 75_000 }
  const web = await createWebServer({ server: timeouts, tls, handshakeTimeoutMs: 10_000, failed }, onRequest)
  const { server } = web
  server.maxConnections = 256
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: address, port, ipv6Only: address === '::1' }, () => {
      server.removeListener('error', reject)
      const at = server.address()
      const close = (): Promise<void> => new Promise((done) => server.close(() => done()))
      resolve({ ...web, address, port: at !== null && typeof at === 'object' ? at.port : port, close })
    })
  })
}

/** Answers requests without credentials; a browser asks its user for them. */
function guarded(guard: Guard | undefined, pass: RequestListener): RequestListener {
  if (guard === undefined) return pass
  return (request: IncomingMessage, response: ServerResponse) => {
    const path = (request.url ?? '').split('?', 1)[0] ?? ''
    const header = (name: string): string | undefined => request.headers[name]?.toString()
    const refusal = guard.isOpen(path) ? undefined : guard.refusal(header)
    if (refusal === undefined) return pass(request, response)
    const type = { 'content-type': 'text/plain; charset=utf-8', 'www-authenticate': guard.challenge, connection: 'close' }
    response.writeHead(refusal.http, type).end(`${refusal.message}\n`)
  }
}

/** Starts the admin port. Throws OB_LISTEN when the port is taken, and OB_CONFIG for files of `tls` and `auth`. */
export const startAdmin = (config: AdminConfig, deps: AdminDeps): Promise<Listener> =>
  startBehind('admin', config, healthPaths, deps, (security) => startSecured(config, deps, security))

async function startSecured(config: AdminConfig, deps: AdminDeps, security: Security): Promise<Listener> {
  const access = createAccess(config, security.guard, schemeOf(security.tls))
  const app = await createApp((own) => addRoutes(own, deps, access))
  const api = serveApi({ ...deps, access })
  const routed: RequestListener = (request, response) => (isApi(request.url) ? api : app).onRequest(request, response)
  const onRequest = guarded(security.guard, routed)
  const bound = await bindAll('admin', config.host, config.port, (address, port) => listen(deps, security, onRequest, address, port)).catch(
    async (error: unknown) => {
      await api.stop()
      throw error
    },
  )
  return {
    addresses: bound.map((one) => `${schemeOf(security.tls)}://${urlHost(one.address)}:${one.port}`),
    trouble: security.trouble,
    async stop() {
      // Nothing here is worth waiting for: readers ask again.
      const stopped = api.stop()
      const closing = bound.map((one) => one.close())
      for (const one of bound) {
        one.server.closeAllConnections()
        for (const socket of one.silent()) socket.destroy()
      }
      await Promise.all([...closing, stopped])
      await app.close()
      security.close()
    },
  }
}
