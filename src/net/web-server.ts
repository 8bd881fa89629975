/** One HTTP server, plain or over TLS; what differs between the two stands here alone. */

import type { RequestListener, Server, ServerOptions } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { createServer } from './node-http.ts'
import type { ServerTls } from './server-tls.ts'

export interface WebServerOptions {
  readonly server: ServerOptions
  readonly tls: ServerTls | undefined
  /** For TLS: from the opening of a connection to the end of the handshake. */
  readonly handshakeTimeoutMs: number
  /** For TLS: counts a connection that did not become secure, by reason. */
  failed(reason: string): void
  /**
   * Takes over connections that speak HTTP/2: over TLS by what was agreed on, otherwise by how they begin. `first` are bytes
   * that were read already. Without it nothing is looked at.
   */
  readonly http2?: ((socket: Socket, first: Buffer | undefined) => void) | undefined
}

export interface WebServer {
  readonly server: Server
  /** Connections that have said nothing yet, handshakes apart: node does not count them as idle. */
  silent(): Socket[]
}

/** `http` or `https`, as it stands in addresses. */
export const schemeOf = (tls: ServerTls | undefined): 'http' | 'https' => (tls === undefined ? 'http' : 'https')

/** Creates a server that does not listen yet. */
export async function createWebServer(options: WebServerOptions, onRequest: RequestListener): Promise<WebServer> {
  const sockets = new Set<Socket>()
  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  }
  const { tls } = options
  if (tls === undefined) {
    const server = createServer(options.server, onRequest)
    if (options.http2 !== undefined) divertByPreface(server, options.http2, options.handshakeTimeoutMs)
    server.on('connection', keep)
    return { server, silent: () => [...sockets].filter((one) => one.bytesRead === 0) }
  }

  // Not at the top: most bridges have no TLS on their listeners.
  const https = await import('node:https')
  const { tlsFailure } = await import('./server-tls.ts')
  const server = https.createServer(
    {
      ...options.server,
      ...tls.options,
      ALPNProtocols: options.http2 === undefined ? ['http/1.1'] : ['h2', 'http/1.1'],
      handshakeTimeout: options.handshakeTimeoutMs,
    },
    onRequest,
  )
  if (options.http2 !== undefined) divertByAgreement(server, tls, options.http2)
  // Connections before the end of their handshake; the two sockets of one connection have nothing in common but their ends.
  const shaking = new Map<string, Socket>()
  const endOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`
  server.on('connection', (socket: Socket) => {
    const end = endOf(socket)
    shaking.set(end, socket)
    socket.on('close', () => {
      if (shaking.get(end) === socket) shaking.delete(end)
    })
  })
  server.on('secureConnection', (socket) => {
    shaking.delete(endOf(socket))
    keep(socket)
    if (tls.admits(socket)) return
    options.failed('tls_client_certificate')
    socket.destroy()
  })
  // Node would hand these on as faults of HTTP, which are answered in HTTP.
  server.removeAllListeners('tlsClientError')
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    options.failed(tlsFailure(error, socket))
    socket.destroy()
  })
  const stop = tls.onReload((fresh) => server.setSecureContext(fresh))
  server.on('close', stop)
  return { server, silent: () => [...shaking.values(), ...[...sockets].filter((one) => one.bytesRead === 0)] }
}

type Take = NonNullable<WebServerOptions['http2']>

/** Puts `instead` in the place of node's own listener for connections, and gives that one back. */
function replaceListener(
  server: Server,
  event: 'connection' | 'secureConnection',
  instead: (socket: Socket) => void,
): (socket: Socket) => void {
  const [own] = server.listeners(event)
  if (own === undefined) throw new Error(`BUG: no listener for ${event}`)
  server.removeListener(event, own as (socket: Socket) => void)
  server.on(event, instead)
  return (socket) => own.call(server, socket)
}

/** How every connection of HTTP/2 begins; no method of HTTP/1 does. */
const preface = 'PRI '

function divertByPreface(server: Server, take: Take, timeoutMs: number): void {
  const serve = replaceListener(server, 'connection', (socket) => {
    const timer = setTimeout(() => socket.destroy(), timeoutMs)
    const onError = (): void => void socket.destroy()
    socket.on('error', onError)
    socket.on('close', () => clearTimeout(timer))
    let first: Buffer = Buffer.alloc(0)
    const onData = (piece: Buffer): void => {
      first = first.length === 0 ? piece : Buffer.concat([first, piece])
      // Too little to tell: a preface may come byte by byte.
      if (first.length < preface.length && preface.startsWith(first.toString('latin1'))) return
      clearTimeout(timer)
      socket.removeListener('data', onData)
      socket.removeListener('error', onError)
      socket.pause()
      if (first.toString('latin1', 0, preface.length) === preface) {
        take(socket, first)
        return
      }
      socket.unshift(first)
      serve(socket)
      // Not now: the parser takes what was put back with the first read.
      process.nextTick(() => socket.resume())
    }
    socket.on('data', onData)
  })
}

function divertByAgreement(server: Server, tls: ServerTls, take: Take): void {
  const serve = replaceListener(server, 'secureConnection', (socket) => {
    const secure = socket as TLSSocket
    if (secure.alpnProtocol !== 'h2') serve(socket)
    else if (tls.admits(secure)) take(socket, undefined)
  })
}
