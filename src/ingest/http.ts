/**
 * HTTP servers of ingest: limits, time-outs, drain, and the road of a body from the socket to the intake.
 * Fastify routes and answers everything but the bodies; those take the short way from node's request to the receiver,
 * because a framework's body parsing costs about as much again as the whole exchange.
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
import type { AdapterDeps, Listener, TranslatedBody } from './adapter.ts'
import { type Bound, bindAll, urlHost } from './addresses.ts'
import { createBodyReader, isWaiting, waitsForContinue } from './body.ts'
import { createDecompressor, type Encoding, encodingOf } from './decompress.ts'
import type { Guard } from './guard.ts'
import { asBridgeError, cellsByReason, type Receipt, type Receiver } from './receive.ts'
import type { HttpLimits, HttpTimeouts, ListenerAuth, ListenerTls } from './schema.ts'
import { type Security, startBehind } from './security.ts'

/** What a protocol does with bodies posted to one path. */
export interface BodyRoute {
  /** Exact path. */
  readonly path: string
  /** The way in for this request, by its headers. */
  choose(request: IncomingMessage): Receiver
  /** Looks at headers before the body is read; what it gives back is answered through `refused`. */
  readonly checkHead?: (request: IncomingMessage) => BridgeError | undefined
  /** Looks at the plain body before it is translated. */
  readonly checkBody?: ((request: IncomingMessage, body: Uint8Array) => BridgeError | undefined) | undefined
  /** Answers 2xx. */
  accepted(request: IncomingMessage, response: ServerResponse, receipt: Receipt): void
  /** Answers an error in the protocol's own form. @param head the plain body, where it could be read; not to be kept */
  refused(request: IncomingMessage, response: ServerResponse, error: BridgeError, head: Uint8Array | undefined): void
}

export interface HttpOptions {
  /** Section of the configuration, for messages: `ingest.zipkin`. */
  readonly section: string
  readonly host: string
  readonly port: number
  readonly limits: HttpLimits
  readonly timeouts: HttpTimeouts
  /** Take bodies compressed with zstd, too. */
  readonly zstd?: boolean
  readonly tls?: ListenerTls | undefined
  readonly auth?: ListenerAuth | undefined
  /** Paths that need no credentials unless `auth.except` says otherwise: what an orchestrator probes. */
  readonly healthPaths?: readonly string[]
  /** Takes over connections on this port that speak HTTP/2. */
  readonly http2?: ((guard: Guard | undefined) => Http2Taker) | undefined
  /** Several processes share the port; the kernel spreads connections over them. */
  readonly reusePort?: boolean
  readonly bodies: readonly BodyRoute[]
  /** Everything else: pages, health, answers to what is not served. */
  routes(app: FastifyInstance): void
  /** Answers what no route matches; also what has a path that cannot be read. */
  notFound(request: FastifyRequest, reply: FastifyReply): void
}

/** What else speaks on a port of HTTP. */
export interface Http2Taker {
  accept(socket: Socket, first: Buffer | undefined): void
  /** Serves what is under way and closes its connections. */
  stop(deadlineMs: number): Promise<void>
}

/** How long, and for how many bytes, the rest of a refused body is thrown away so that its sender reads the answer. */
const lingerMs = 5000
const lingerBytes = 64 * 1024 * 1024

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

/** The value of a header that may come more than once as one text. */
const headerOf = (request: IncomingMessage, name: string): string | undefined => {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

type BoundServer = Bound & WebServer

/** Starts a server on every address of the host. Throws OB_LISTEN, or OB_CONFIG for files of `tls` and `auth`. */
export const startHttp = (options: HttpOptions, deps: AdapterDeps): Promise<Listener> =>
  startBehind(options.section, options, options.healthPaths ?? [], deps, (security) => startSecured(options, deps, security))

async function startSecured(options: HttpOptions, deps: AdapterDeps, security: Security): Promise<Listener> {
  const { tls, guard } = security
  const state = { draining: false }
  const closed = cellsByReason((reason) => deps.metrics.counter('otlp_bridge_connections_closed_total', { transport: 'http', reason }))
  const take = createExchange(options, deps, state, guard)
  const direct = new Map(options.bodies.map((route) => [route.path, route]))

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
  for (const route of options.bodies) {
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

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    if (state.draining) response.shouldKeepAlive = false
    const route = request.method === 'POST' ? direct.get(request.url ?? '') : undefined
    if (route !== undefined) take(request, response, route)
    else if (guard === undefined || mayPass(guard, direct, request, response)) routed(request, response)
  }

  const http2 = options.http2?.(guard)
  const before = deps.before?.(options.section)
  const bound = await bindAll(options.section, options.host, options.port, (address, port) =>
    listen(
      { ...options, reusePort: deps.reusePort === true },
      tls,
      onRequest,
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
      await Promise.all([...bound.map((one) => drain(one, deadlineMs)), http2?.stop(deadlineMs)])
      await app.close()
      security.close()
    },
  }
}

/** Whether a request for a page may go on; when not, it is answered. Bodies are not looked at here: their protocols have answers of their own. */
function mayPass(guard: Guard, bodies: ReadonlyMap<string, BodyRoute>, request: IncomingMessage, response: ServerResponse): boolean {
  const path = pathOf(request.url ?? '/').split('?', 1)[0] ?? ''
  if (guard.isOpen(path) || (request.method === 'POST' && bodies.has(path))) return true
  // A browser asks without credentials whether it may send them.
  if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) return true
  const refusal = guard.refusal((name) => headerOf(request, name))
  if (refusal === undefined) return true
  response.setHeader('www-authenticate', guard.challenge)
  replyText(response, refusal.http, `${refusal.message}\n`)
  if (request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined) discard(request)
  return false
}

/** `http://host/path` → `/path`: proxies may send the absolute form. @see RFC 9112, 3.2.2 */
function pathOf(url: string): string {
  if (url.startsWith('/') || !/^https?:\/\//i.test(url)) return url
  const slash = url.indexOf('/', url.indexOf('//') + 2)
  return slash < 0 ? '/' : url.slice(slash)
}

async function listen(
  options: HttpOptions,
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

/** Creates the road of a body: door, reading, decompression, translation, intake, answer. */
function createExchange(options: HttpOptions, deps: AdapterDeps, state: { draining: boolean }, guard: Guard | undefined) {
  const { limits } = options
  const reader = createBodyReader({ maxBytes: limits.compressedBody, limitKey: `${options.section}.limits.compressedBody` })
  const inflater = createDecompressor({ maxBytes: limits.body, maxRatio: limits.ratio, section: `${options.section}.limits` })

  const refuse = (request: IncomingMessage, response: ServerResponse, route: BodyRoute, error: BridgeError, head?: Uint8Array): void => {
    if (response.headersSent || response.destroyed) return
    if (state.draining || isWaiting(request)) response.shouldKeepAlive = false
    if (guard !== undefined && error.code === 'OB_AUTH') response.setHeader('www-authenticate', guard.challenge)
    route.refused(request, response, error, head)
    if (!request.complete) discard(request)
  }

  const put = async (
    request: IncomingMessage,
    response: ServerResponse,
    route: BodyRoute,
    receiver: Receiver,
    translated: TranslatedBody,
  ): Promise<void> => {
    try {
      const receipt = await receiver.put(translated)
      if (!response.destroyed) route.accepted(request, response, receipt)
    } catch (error) {
      refuse(request, response, route, asBridgeError(error))
    }
  }

  const translate = (request: IncomingMessage, response: ServerResponse, route: BodyRoute, receiver: Receiver, plain: Uint8Array): void => {
    const fault = route.checkBody?.(request, plain)
    if (fault !== undefined) {
      receiver.refused(fault)
      refuse(request, response, route, fault, plain)
      return
    }
    let translated: TranslatedBody
    try {
      translated = receiver.translate(plain)
    } catch (error) {
      refuse(request, response, route, asBridgeError(error), plain)
      return
    }
    void put(request, response, route, receiver, translated)
  }

  const inflate = async (
    request: IncomingMessage,
    response: ServerResponse,
    route: BodyRoute,
    receiver: Receiver,
    encoding: Encoding,
    body: Uint8Array,
  ): Promise<void> => {
    let plain: Uint8Array
    try {
      const result = inflater.decompress(encoding, body)
      plain = result instanceof Promise ? await result : result
    } catch (error) {
      const known = asBridgeError(error)
      receiver.refused(known)
      refuse(request, response, route, known)
      return
    } finally {
      reader.release(body)
    }
    translate(request, response, route, receiver, plain)
  }

  return (request: IncomingMessage, response: ServerResponse, route: BodyRoute): void => {
    const receiver = route.choose(request)
    const fault = doorFault(request, route)
    if (fault !== undefined) {
      receiver.arrived(0)
      receiver.refused(fault)
      refuse(request, response, route, fault)
      return
    }
    const encoding = encodingOf(request.headers['content-encoding'], options.zstd)
    reader.read(request, response, {
      done(body) {
        receiver.arrived(body.length)
        if (encoding !== 'identity') return void inflate(request, response, route, receiver, encoding, body)
        translate(request, response, route, receiver, body)
        reader.release(body)
      },
      failed(error, readBytes) {
        receiver.arrived(readBytes)
        receiver.refused(error)
        refuse(request, response, route, error)
      },
    })
  }

  /** What can be said before a byte of the body is read. */
  function doorFault(request: IncomingMessage, route: BodyRoute): BridgeError | undefined {
    if (guard !== undefined && !guard.isOpen(route.path)) {
      const unknown = guard.refusal((name) => headerOf(request, name))
      if (unknown !== undefined) return unknown
    }
    const refusal = deps.intake.refusal()
    if (refusal !== undefined) return asBridgeError(refusal)
    try {
      encodingOf(request.headers['content-encoding'], options.zstd)
    } catch (error) {
      return asBridgeError(error)
    }
    return route.checkHead?.(request) ?? reader.tooLarge(request)
  }
}

/** Throws the rest of a refused body away for a while: closing at once would reset the connection before the answer is read. */
function discard(request: IncomingMessage): void {
  const socket = request.socket
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  timer.unref()
  // Told `Connection: close`, node destroys the socket with the answer; half of it must stay open until the sender is done.
  socket.destroySoon = () => socket.end()
  request.on('end', () => {
    if (socket.writableEnded) socket.destroy()
  })
  let seen = 0
  request.on('data', (piece: Buffer) => {
    seen += piece.length
    if (seen > lingerBytes) socket.destroy()
  })
  request.on('close', () => clearTimeout(timer))
  request.resume()
}
