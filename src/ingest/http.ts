/**
 * HTTP servers of ingest: limits, time-outs, drain. Fastify routes and answers everything but the bodies; those take the short way from node's
 * request to the receiver (exchange.ts), because a framework's body parsing costs about as much again as the whole exchange.
 */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { BridgeError } from '../errors.ts'
import { withoutSchemas } from '../net/fastify.ts'
import { holdsSocket, listenAfter } from '../net/hand-over.ts'
import { createServer } from '../net/node-http.ts'
import type { ServerTls } from '../net/server-tls.ts'
import { createWebServer, schemeOf, type WebServer } from '../net/web-server.ts'
import type { Cell } from '../telemetry/metrics.ts'
import type { AdapterDeps, Listener } from './adapter.ts'
import { type Bound, bindAll, urlHost } from './addresses.ts'
import { type Aside, createAside } from './aside.ts'
import { waitsForContinue } from './body.ts'
import { type BodyRoute, createExchange, createFinder, discard, type ExchangeOptions, headerOf, pathOf } from './exchange.ts'
import type { Guard } from './guard.ts'
import { cellsByReason } from './receive.ts'
import type { HttpLimits, HttpTimeouts, ListenerAuth, ListenerTls } from './schema.ts'
import { type Security, startBehind } from './security.ts'

/** What every server of HTTP has, whoever answers its requests. */
export interface ServerOptions {
  /** Section of the configuration, for messages: `ingest.zipkin`. */
  readonly section: string
  readonly host: string
  readonly port: number
  readonly limits: Pick<HttpLimits, 'connections' | 'requestsPerConnection' | 'header'>
  readonly timeouts: HttpTimeouts
  readonly tls?: ListenerTls | undefined
  readonly auth?: ListenerAuth | undefined
  /** Paths that need no credentials unless `auth.except` says otherwise: what an orchestrator probes. */
  readonly healthPaths?: readonly string[]
  /** Takes over connections on this port that speak HTTP/2. */
  readonly http2?: ((guard: Guard | undefined) => Http2Taker) | undefined
  /** Several processes share the port; the kernel spreads connections over them. */
  readonly reusePort?: boolean
}

/** What stands between the network and whoever answers. */
export interface Door {
  readonly guard: Guard | undefined
  /** True once the listener stops: answers close their connections then. */
  readonly state: { readonly draining: boolean }
}

/** Who answers the requests of a server. */
export interface Service {
  readonly onRequest: RequestListener
  /** Called when the listener stops, before it waits for requests under way. */
  drain?(): void
  /** Called when the last connection is closed. */
  close(): Promise<void>
}

export interface HttpOptions extends ExchangeOptions, ServerOptions {
  readonly limits: ExchangeOptions['limits'] & ServerOptions['limits']
  readonly bodies: readonly BodyRoute[]
  /** Everything else: pages, health, answers to what is not served. */
  routes(app: FastifyInstance): void
  /** What of everything else is the old backend's, while there is one. */
  readonly aside?: Aside | undefined
  /** Answers what no route matches; also what has a path that cannot be read. */
  notFound(request: FastifyRequest, reply: FastifyReply): void
}

/** What else speaks on a port of HTTP. */
export interface Http2Taker {
  accept(socket: Socket, first: Buffer | undefined): void
  /** Serves what is under way and closes its connections. */
  stop(deadlineMs: number): Promise<void>
}

/** Answers with a short text. For one-line refusals and pages of protocols that have no other form. */
export function replyText(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  const body = Buffer.from(text)
  response.writeHead(status, { ...headers, 'content-type': 'text/plain; charset=utf-8', 'content-length': body.length })
  response.end(body)
}

/** `Retry-After` of errors that pass: what the error says, at least a second. Empty for the others. */
export function retryAfter(error: BridgeError): Record<string, string> {
  return error.retry === 'later' ? { 'retry-after': String(Math.max(1, Math.ceil(error.retryAfterSeconds))) } : {}
}

type BoundServer = Bound & WebServer

/** Starts a server on every address of the host. Throws OB_LISTEN, or OB_CONFIG for files of `tls` and `auth`. */
export const startHttp = (options: HttpOptions, deps: AdapterDeps): Promise<Listener> =>
  startServer(options, deps, (door) => openRoutes(options, deps, door))

/** As {@link startHttp}, without a framework: for protocols that route by themselves. */
export const startServer = (options: ServerOptions, deps: AdapterDeps, open: (door: Door) => Promise<Service>): Promise<Listener> =>
  startBehind(options.section, options, options.healthPaths ?? [], deps, (security) => startSecured(options, deps, security, open))

async function openRoutes(options: HttpOptions, deps: AdapterDeps, { guard, state }: Door): Promise<Service> {
  const take = createExchange(options, deps, state, guard)
  const findBody = createFinder(options.bodies)

  // Fastify wants to make its server; ours are made below, one an address, and share its router.
  let routed: RequestListener = () => {}
  // Not at the top: a bridge that listens for datagrams alone does without its 24 MB.
  const { fastify } = await import('fastify')
  const app = fastify({
    ...withoutSchemas,
    logger: false,
    exposeHeadRoutes: false,
    requestIdHeader: false,
    bodyLimit: 1024,
    rewriteUrl: (request) => pathOf(request.url ?? '/'),
    frameworkErrors: (_error, request, reply) => {
      reply.hijack()
      options.notFound(request as FastifyRequest, reply as FastifyReply)
    },
    serverFactory: (handler) => {
      routed = handler as RequestListener
      return createServer()
    },
  })
  for (const route of options.bodies.filter(({ path }) => !path.includes('{'))) {
    // The hook, not the handler: a handler comes after content-type parsing, which has answers of its own.
    const onRequest = (request: FastifyRequest, reply: FastifyReply): void => {
      reply.hijack()
      take(request.raw, reply.raw, route)
    }
    app.post(route.path, { onRequest }, () => {})
  }
  app.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) return done()
    reply.hijack()
    options.notFound(request, reply)
  })
  options.routes(app)
  await app.ready()

  const door = deps.mirrors?.(options.section.replace(/^ingest\./, ''))
  const others = options.aside === undefined ? routed : createAside(options.aside, door, routed)
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    if (state.draining) response.shouldKeepAlive = false
    const route = request.method === 'POST' ? findBody(request.url ?? '') : undefined
    if (route !== undefined) take(request, response, route)
    else if (guard === undefined || mayPass(guard, request, response)) others(request, response)
  }
  return { onRequest, close: () => app.close() }
}

async function startSecured(
  options: ServerOptions,
  deps: AdapterDeps,
  security: Security,
  open: (door: Door) => Promise<Service>,
): Promise<Listener> {
  const { tls, guard } = security
  const state = { draining: false }
  const closed = cellsByReason((reason) => deps.metrics.counter('otlp_bridge_connections_closed_total', { transport: 'http', reason }))
  const service = await open({ guard, state })

  const http2 = options.http2?.(guard)
  const before = deps.before?.(options.section)
  const bound = await bindAll(options.section, options.host, options.port, (address, port) =>
    listen(
      { ...options, reusePort: deps.reusePort === true },
      tls,
      service.onRequest,
      http2,
      closed,
      address,
      port,
      before?.handOver?.(address, port),
    ),
  )
  return {
    addresses: bound.map((one) => `${schemeOf(tls)}://${urlHost(one.address)}:${one.port}`),
    trouble: security.trouble,
    handOver: (address, port) => bound.find((one) => one.address === address && one.port === port && holdsSocket(one.server))?.server,
    async stop(deadlineMs) {
      state.draining = true
      service.drain?.()
      await Promise.all([...bound.map((one) => drain(one, deadlineMs)), http2?.stop(deadlineMs)])
      await service.close()
      security.close()
    },
  }
}

/** Whether a request for a page may go on; when not, it is answered. Bodies are not looked at here: their protocols have answers of their own. */
function mayPass(guard: Guard, request: IncomingMessage, response: ServerResponse): boolean {
  const path = pathOf(request.url ?? '/').split('?', 1)[0] ?? ''
  if (guard.isOpen(path)) return true
  // A browser asks without credentials whether it may send them.
  if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) return true
  const refusal = guard.refusal((name) => headerOf(request, name))
  if (refusal === undefined) return true
  response.setHeader('www-authenticate', guard.challenge)
  replyText(response, refusal.http, `${refusal.message}\n`)
  if (request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined) discard(request)
  return false
}

async function listen(
  options: ServerOptions,
  tls: ServerTls | undefined,
  onRequest: RequestListener,
  http2: Http2Taker | undefined,
  closed: (reason: string) => Cell,
  address: string,
  port: number,
  previous: Server | undefined,
): Promise<BoundServer> {
  const { limits, timeouts } = options
  const { server, silent } = await createWebServer(
    {
      server: {
        maxHeaderSize: limits.header,
        requestTimeout: timeouts.request,
        headersTimeout: Math.min(timeouts.header, timeouts.request),
        keepAliveTimeout: timeouts.keepAlive,
        connectionsCheckingInterval: Math.max(20, Math.min(1000, timeouts.header / 4, timeouts.request / 4)),
        noDelay: true,
      },
      tls,
      handshakeTimeoutMs: timeouts.header,
      failed: (reason) => void closed(reason).value++,
      http2: http2?.accept,
    },
    onRequest,
  )
  server.maxConnections = limits.connections
  server.maxRequestsPerSocket = limits.requestsPerConnection
  server.on('drop', () => {
    closed('max_connections').value++
  })
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    waitsForContinue(request)
    onRequest(request, response)
  })
  server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
    const [reason, status] = faultOf(error.code ?? '')
    closed(reason).value++
    if (!socket.writable || socket.destroyed) return void socket.destroy()
    // A response may be half written; then another status line would be taken for its body.
    if (socket.bytesWritten > 0 && reason === 'request_timeout') return void socket.destroy()
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy())
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const onListening = (): void => {
      server.removeListener('error', reject)
      // Out of file descriptors, mostly: the connection is lost, the others go on.
      server.on('error', () => {
        closed('accept_failed').value++
      })
      const at = server.address()
      resolve({
        server,
        silent,
        address,
        port: at !== null && typeof at === 'object' ? at.port : port,
        close: () => new Promise((done) => server.close(() => done())),
      })
    }
    if (previous !== undefined) listenAfter(previous, server, onListening)
    else server.listen({ host: address, port, reusePort: options.reusePort === true, ipv6Only: address === '::1' }, onListening)
  })
}

const faults: Readonly<Record<string, readonly [reason: string, status: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', '408 Request Timeout'],
  HPE_HEADER_OVERFLOW: ['header_overflow', '431 Request Header Fields Too Large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['chunk_extensions', '413 Payload Too Large'],
  ECONNRESET: ['reset', '400 Bad Request'],
}

const faultOf = (code: string): readonly [reason: string, status: string] => faults[code] ?? ['bad_request', '400 Bad Request']

/** How long a connection that has not said anything yet may still begin when its listener stops. */
const silentMs = 200

/** Stops listening; answers what is under way; after the time given closes what is left. */
function drain({ server, silent }: BoundServer, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), deadlineMs)
    // Connections become idle one by one as their last request is answered.
    const sweep = setInterval(() => server.closeIdleConnections(), 20)
    server.close(() => {
      clearTimeout(timer)
      clearInterval(sweep)
      clearTimeout(hush)
      resolve()
    })
    // A connection that was accepted a moment ago is about to send; one that says nothing is not waited for.
    const hush = setTimeout(
      () => {
        for (const socket of silent()) socket.destroy()
      },
      Math.min(silentMs, deadlineMs),
    )
  })
}
