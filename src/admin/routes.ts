/** The admin port: live page, metrics, health, status, and `/api/v1` behind the page. */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Cutover } from '../cutover/model.ts'
import type { Listener } from '../ingest/adapter.ts'
import { type Bound, bindAll, urlHost } from '../ingest/addresses.ts'
import type { Guard } from '../ingest/guard.ts'
import { type Security, startBehind } from '../ingest/security.ts'
import { withoutSchemas } from '../net/fastify.ts'
import { createServer } from '../net/node-http.ts'
import { createWebServer, schemeOf, type WebServer } from '../net/web-server.ts'
import type { Exposition } from '../telemetry/exposition.ts'
import type { Health } from '../telemetry/health.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type Access, createAccess } from './access.ts'
import { addApi } from './api-routes.ts'
import type { AdminConfig } from './config.ts'
import { detailsOf } from './details.ts'
import { createEvents } from './events.ts'
import { createFlow } from './flow.ts'
import { safeHeaders } from './headers.ts'
import { createOverview } from './overview.ts'
import { pageFiles } from './page-files.ts'
import type { ApiSources, BooksSource } from './sources.ts'
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
  app.get('/api/status', async (_request, reply) => {
    await refresh()
    return reply.header('cache-control', 'no-store').send(readStatus(deps.status, deps.metrics, deps.health, deps.nowMs()))
  })
  app.get('/api/*', async (request, reply) => {
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

  async function sendPage(request: FastifyRequest, reply: FastifyReply, path: string): Promise<FastifyReply> {
    reply.headers(safeHeaders)
    try {
      access.checkHost(request.headers)
    } catch (error) {
      return reply
        .code(421)
        .type('text/plain; charset=utf-8')
        .send(`${(error as Error).message}\n`)
    }
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

/** How often the charts of a bridge that nobody looks at are fed. */
const noteEveryMs = 10_000

/** Adds `/api/v1` and what feeds it. */
function startApi(app: FastifyInstance, deps: AdminDeps, access: Access): { stop(): void } {
  const { nowMs, metrics, health, status, sources = {}, instance = hostname() } = deps
  const refresh = deps.refresh ?? (async () => {})
  const flow = createFlow(nowMs)
  const reader = createOverview({ metrics, health, status, sources, flow, nowMs, instance })
  const overview = async () => {
    await refresh()
    listenToSources()
    return reader.read()
  }
  const events = createEvents({ overview, nowMs })
  const details = async () => {
    await refresh()
    return detailsOf(readStatus(status, metrics, health, nowMs()))
  }
  addApi(app, { access, sources, overview, details, flow, events, nowMs })
  // Parts come and go with the configuration: those that tell of changes are listened to as they come.
  let cutover: Cutover | undefined
  let books: BooksSource | undefined
  let endCutover: (() => void) | undefined
  let endBooks: (() => void) | undefined
  function listenToSources(): void {
    if (cutover !== sources.mirror?.cutover) {
      endCutover?.()
      cutover = sources.mirror?.cutover
      endCutover = cutover?.subscribe((state) => events.publish('change', { endpoint: state.endpoint, revision: state.revision }))
    }
    if (books !== sources.books) {
      endBooks?.()
      books = sources.books
      endBooks = books?.subscribe?.((minute) => events.publish('minute', { ...minute, at: new Date(minute.atMs).toISOString() }))
    }
  }
  listenToSources()
  const noteFailed = (error: Error): void => deps.log.error({ fault: error.message }, 'cannot note how things stand for the page')
  reader.note()
  const timer = setInterval(() => void refresh().then(reader.note).catch(noteFailed), noteEveryMs).unref()
  return {
    stop() {
      clearInterval(timer)
      endCutover?.()
      endBooks?.()
      events.close()
    },
  }
}

async function startSecured(config: AdminConfig, deps: AdminDeps, security: Security): Promise<Listener> {
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
  const access = createAccess(config, security.guard, schemeOf(security.tls))
  addRoutes(app, deps, access)
  const api = startApi(app, deps, access)
  await app.ready()
  const onRequest = guarded(security.guard, routed)
  const bound = await bindAll('admin', config.host, config.port, (address, port) => listen(deps, security, onRequest, address, port)).catch(
    (error: unknown) => {
      api.stop()
      throw error
    },
  )
  return {
    addresses: bound.map((one) => `${schemeOf(security.tls)}://${urlHost(one.address)}:${one.port}`),
    trouble: security.trouble,
    async stop() {
      // Nothing here is worth waiting for: readers ask again.
      api.stop()
      const closing = bound.map((one) => one.close())
      for (const one of bound) {
        one.server.closeAllConnections()
        for (const socket of one.silent()) socket.destroy()
      }
      await Promise.all(closing)
      await app.close()
      security.close()
    },
  }
}
