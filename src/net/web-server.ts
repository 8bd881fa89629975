/** One HTTP server, plain or over TLS; what differs between the two stands here alone. */

import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ServerTls } from './server-tls.ts'

export interface WebServerOptions {
  readonly server: ServerOptions
  readonly tls: ServerTls | undefined
  /** For TLS: from the opening of a connection to the end of the handshake. */
  readonly handshakeTimeoutMs: number
  /** For TLS: counts a connection that did not become secure, by reason. */
  failed(reason: string): void
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
    server.on('connection', keep)
    return { server, silent: () => [...sockets].filter((one) => one.bytesRead === 0) }
  }

  // Not at the top: most bridges have no TLS on their listeners.
  const https = await import('node:https')
  const { tlsFailure } = await import('./server-tls.ts')
  const server = https.createServer(
    { ...options.server, ...tls.options, ALPNProtocols: ['http/1.1'], handshakeTimeout: options.handshakeTimeoutMs },
    onRequest,
  )
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
