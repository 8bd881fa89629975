/**
 * The start of a gRPC listener: its sockets, TLS, what a successor takes over. What it declares is in grpc-method.ts,
 * the road of a call in grpc-exchange.ts, that of a connection in grpc-server.ts, HTTP/2 itself in net/http2.ts.
 */

import { createServer, type Server, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { holdsSocket, listenAfter } from '../net/hand-over.ts'
import type { ServerTls } from '../net/server-tls.ts'
import type { AdapterDeps, Listener } from './adapter.ts'
import { type Bound, bindAll, urlHost } from './addresses.ts'
import type { GrpcOptions } from './grpc-method.ts'
import { createGrpcServer, type GrpcServer } from './grpc-server.ts'
import { grpcHealthPaths } from './guard.ts'
import { cellsByReason } from './receive.ts'
import { type Security, startBehind } from './security.ts'

/** Starts a server on every address of the host. Throws OB_LISTEN, or OB_CONFIG for the files of `tls` and `auth`. */
export const startGrpc = (options: GrpcOptions, deps: AdapterDeps): Promise<Listener> =>
  startBehind(options.section, options, grpcHealthPaths, deps, (security) => startSecured(options, deps, security))

async function startSecured(options: GrpcOptions, deps: AdapterDeps, security: Security): Promise<Listener> {
  const { tls } = security
  const grpc = createGrpcServer({ ...options, guard: security.guard }, deps)
  const before = deps.before?.(options.section)
  let bound: readonly BoundServer[]
  try {
    bound = await bindAll(options.section, options.host, options.port, async (address, port) =>
      listen(
        tls === undefined ? plainServer(grpc) : await tlsServer(grpc, tls, options, deps),
        deps,
        address,
        port,
        before?.handOver?.(address, port),
      ),
    )
  } catch (error) {
    await grpc.stop(0)
    throw error
  }
  return {
    addresses: bound.map((one) => `${tls === undefined ? 'grpc' : 'grpcs'}://${urlHost(one.address)}:${one.port}`),
    trouble: security.trouble,
    handOver: (address, port) => bound.find((one) => one.address === address && one.port === port && holdsSocket(one.server))?.server,
    async stop(deadlineMs) {
      const closed = Promise.all(bound.map((one) => one.close()))
      await grpc.stop(deadlineMs)
      await closed
      security.close()
    },
  }
}

interface Listening {
  readonly server: Server
  /** Called when it stops listening. */
  stopped(): void
}

function plainServer(grpc: GrpcServer): Listening {
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => grpc.accept(socket))
  return { server, stopped() {} }
}

/** What the two sockets of one TLS connection have in common. */
const endOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`

async function tlsServer(grpc: GrpcServer, tls: ServerTls, { timeouts }: GrpcOptions, deps: AdapterDeps): Promise<Listening> {
  const closed = cellsByReason((reason) => deps.metrics.counter('otlp_bridge_connections_closed_total', { transport: 'grpc', reason }))
  // Not at the top: most bridges have no TLS on their listeners.
  const { createServer: createTlsServer } = await import('node:tls')
  const { tlsFailure } = await import('../net/server-tls.ts')
  const server = createTlsServer({ ...tls.options, ALPNProtocols: ['h2'], handshakeTimeout: timeouts.header, noDelay: true })
  // Until it is secure, a connection is known to nobody else.
  const shaking = new Map<string, Socket>()
  server.on('connection', (socket: Socket) => {
    const end = endOf(socket)
    shaking.set(end, socket)
    socket.on('close', () => {
      if (shaking.get(end) === socket) shaking.delete(end)
    })
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    shaking.delete(endOf(socket))
    if (tls.admits(socket)) {
      grpc.accept(socket)
      return
    }
    closed('tls_client_certificate').value++
    socket.destroy()
  })
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    closed(tlsFailure(error, socket)).value++
    socket.destroy()
  })
  const stopReload = tls.onReload((fresh) => server.setSecureContext(fresh))
  return {
    server,
    stopped() {
      stopReload()
      for (const socket of shaking.values()) socket.destroy()
    },
  }
}

interface BoundServer extends Bound {
  readonly server: Server
}

function listen(
  { server, stopped }: Listening,
  deps: AdapterDeps,
  address: string,
  port: number,
  previous: Server | undefined,
): Promise<BoundServer> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const onListening = (): void => {
      server.removeListener('error', reject)
      // Out of file descriptors, mostly: the connection is lost, the others go on.
      server.on('error', () => {
        deps.metrics.counter('otlp_bridge_connections_closed_total', { transport: 'grpc', reason: 'accept_failed' }).value++
      })
      const at = server.address()
      resolve({
        server,
        address,
        port: at !== null && typeof at === 'object' ? at.port : port,
        close: () =>
          new Promise((done) => {
            server.close(() => done())
            stopped()
          }),
      })
    }
    if (previous !== undefined) listenAfter(previous, server, onListening)
    else server.listen({ host: address, port, reusePort: deps.reusePort === true, ipv6Only: address === '::1' }, onListening)
  })
}
