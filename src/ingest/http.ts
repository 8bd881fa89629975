/**
 * HTTP servers of ingest: limits, time-outs, drain, and the road of a body from the socket to the intake.
 * Fastify routes and answers everything but the bodies; those take the short way from node's request to the receiver,
 * because a framework's body parsing costs about as much again as the whole exchange.
 */

import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { BridgeError } from '../errors.ts'
import { withoutSchemas } from '../net/fastify.ts'
import type { Cell } from '../telemetry/metrics.ts'
import type { AdapterDeps, Listener, TranslatedBody } from './adapter.ts'
import { type Bound, bindAll, urlHost } from './addresses.ts'
import { createBodyReader, isWaiting, waitsForContinue } from './body.ts'
import { createDecompressor, type Encoding, encodingOf } from './decompress.ts'
import { asBridgeError, cellsByReason, type Receipt, type Receiver } from './receive.ts'
import type { HttpLimits, HttpTimeouts } from './schema.ts'

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
  /** Several processes share the port; the kernel spreads connections over them. */
  readonly reusePort?: boolean
  readonly bodies: readonly BodyRoute[]
  /** Everything else: pages, health, answers to what is not served. */
  routes(app: FastifyInstance): void
  /** Answers what no route matches; also what has a path that cannot be read. */
  notFound(request: FastifyRequest, reply: FastifyReply): void
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

interface BoundServer extends Bound {
  readonly server: Server
  /** Open connections: node does not hold one idle that has not said anything yet. */
  readonly sockets: ReadonlySet<Socket>
}

/** Starts a server on every address of the host. Throws OB_LISTEN. */
export async function startHttp(options: HttpOptions, deps: AdapterDeps): Promise<Listener> {
  const state = { draining: false }
  const closed = cellsByReason((reason) => deps.metrics.counter('otlp_bridge_connections_closed_total', { transport: 'http', reason }))
  const take = createExchange(options, deps, state)
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
    if (route === undefined) routed(request, response)
    else take(request, response, route)
  }

  const bound = await bindAll(options.section, options.host, options.port, (address, port) =>
    listen(options, onRequest, closed, address, port),
  )
  return {
    addresses: bound.map((one) => `http://${urlHost(one.address)}:${one.port}`),
    async stop(deadlineMs) {
      state.draining = true
      await Promise.all(bound.map((one) => drain(one, deadlineMs)))
      await app.close()
    },
  }
}

/** `http://host/path` → `/path`: proxies may send the absolute form. @see RFC 9112, 3.2.2 */
function pathOf(url: string): string {
  if (url.startsWith('/') || !/^https?:\/\//i.test(url)) return url
  const slash = url.indexOf('/', url.indexOf('//') + 2)
  return slash < 0 ? '/' : url.slice(slash)
}

function listen(
  options: HttpOptions,
  onRequest: RequestListener,
  closed: (reason: string) => Cell,
  address: string,
  port: number,
): Promise<BoundServer> {
  const { limits, timeouts } = options
  const server = createServer(
    {
      maxHeaderSize: limits.header,
      requestTimeout: timeouts.request,
      headersTimeout: Math.min(timeouts.header, timeouts.request),
      keepAliveTimeout: timeouts.keepAlive,
      connectionsCheckingInterval: Math.max(20, Math.min(1000, timeouts.header / 4, timeouts.request / 4)),
      noDelay: true,
    },
    onRequest,
  )
  server.maxConnections = limits.connections
  server.maxRequestsPerSocket = limits.requestsPerConnection
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
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
    server.listen({ host: address, port, reusePort: options.reusePort === true, ipv6Only: address === '::1' }, () => {
      server.removeListener('error', reject)
      // Out of file descriptors, mostly: the connection is lost, the others go on.
      server.on('error', () => {
        closed('accept_failed').value++
      })
      const at = server.address()
      resolve({
        server,
        sockets,
        address,
        port: at !== null && typeof at === 'object' ? at.port : port,
        close: () => new Promise((done) => server.close(() => done())),
      })
    })
  })
}

const faults: Readonly<Record<string, readonly [reason: string, status: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', '408 Request Timeout'],
  HPE_HEADER_OVERFLOW: ['header_overflow', '431 Request Header Fields Too Large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['chunk_extensions', '413 Payload Too Large'],
  ECONNRESET: ['reset', '400 Bad Request'],
}

const faultOf = (code: string): readonly [reason: string, status: string] => faults[code] ?? ['bad_request', '400 Bad Request']

/** Stops listening; answers what is under way; after the time given closes what is left. */
function drain({ server, sockets }: BoundServer, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), deadlineMs)
    // Connections become idle one by one as their last request is answered.
    const sweep = setInterval(() => server.closeIdleConnections(), 20)
    server.close(() => {
      clearTimeout(timer)
      clearInterval(sweep)
      resolve()
    })
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
  })
}

/** Creates the road of a body: door, reading, decompression, translation, intake, answer. */
function createExchange(options: HttpOptions, deps: AdapterDeps, state: { draining: boolean }) {
  const { limits } = options
  const reader = createBodyReader({ maxBytes: limits.compressedBody, limitKey: `${options.section}.limits.compressedBody` })
  const inflater = createDecompressor({ maxBytes: limits.body, maxRatio: limits.ratio, section: `${options.section}.limits` })

  const refuse = (request: IncomingMessage, response: ServerResponse, route: BodyRoute, error: BridgeError, head?: Uint8Array): void => {
    if (response.headersSent || response.destroyed) return
    if (state.draining || isWaiting(request)) response.shouldKeepAlive = false
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
    const encoding = encodingOf(request.headers['content-encoding'])
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
    const refusal = deps.intake.refusal()
    if (refusal !== undefined) return asBridgeError(refusal)
    try {
      encodingOf(request.headers['content-encoding'])
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
