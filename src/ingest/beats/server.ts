/** The listener of Beats: sockets, plain or TLS, how many of them, their time-outs, and how it ends. */

import { createServer, type Server, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { TLSSocket } from 'node:tls'
import { holdsSocket, listenAfter } from '../../net/hand-over.ts'
import type { ServerTls } from '../../net/server-tls.ts'
import type { AdapterDeps, Listener } from '../adapter.ts'
import { addressesOf, type Bound, bindAll, urlHost } from '../addresses.ts'
import type { DocumentBatcher } from '../documents.ts'
import { createDuplicates } from '../duplicates.ts'
import type { MirrorDoor } from '../mirror-door.ts'
import { peerOf } from '../peer.ts'
import { createItemBooks, createRequestBooks } from '../receive.ts'
import { startBehind } from '../security.ts'
import { type BeatsConfig, enrichedBy, frameLimitsOf } from './config.ts'
import { type Connection, type ConnectionDeps, createConnection, type Wire } from './connection.ts'
import { createCounters } from './counters.ts'
import { membersOf } from './enrich.ts'
import { createGatherer, format } from './gather.ts'
import { createWindowMemory } from './memory.ts'
import { createOldSide } from './old-side.ts'
import { createPeerLog } from './peer-log.ts'
import { createPieceMemory } from './piece.ts'
import { createProgress } from './progress.ts'
import { createStorer } from './store.ts'
import { createThrough, type Through } from './through.ts'

const section = 'ingest.beats'

export interface BeatsDeps extends AdapterDeps {
  readonly batcher: DocumentBatcher
}

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.')

/** `::ffff:10.0.0.1` → `10.0.0.1`: both are one peer. */
const plainAddress = (address: string): string => (address.startsWith('::ffff:') ? address.slice(7) : address)

const endOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`

/** Starts it on every address of the host. Throws OB_LISTEN, or OB_CONFIG for files of `tls`. */
export const startBeats = (config: BeatsConfig, deps: BeatsDeps): Promise<Listener> =>
  startBehind(section, { tls: config.tls }, [], deps, async ({ tls, trouble, close }) => {
    const listener = await startSecured(config, tls, trouble, deps)
    return {
      ...listener,
      async stop(deadlineMs) {
        await listener.stop(deadlineMs)
        close()
      },
    }
  })

/** Everything behind the sockets. */
function createShared(config: BeatsConfig, deps: BeatsDeps): ConnectionDeps {
  const monotonicMs = (): number => performance.now()
  const counters = createCounters(deps.metrics)
  const books = createItemBooks(format, deps, 'dropped', 'logs')
  return {
    frames: frameLimitsOf(config),
    inflate: { maxBytes: config.maxInflated, maxRatio: config.limits.ratio },
    gatherer: createGatherer({ ...deps, counters, books }),
    memory: createPieceMemory(),
    duplicates: createDuplicates({
      ids: config.dedupe.ids,
      ttlMs: config.dedupe.ttl,
      nowMs: deps.nowMs,
      onFull: () => void (deps.metrics.gauge('otlp_bridge_cache_full', { cache: `${section}.dedupe` }).value = 1),
    }),
    counters,
    monotonicMs,
    storer: createStorer(deps, books),
    windows: createWindowMemory(config.limits.memory, counters.windowBytes),
    progress: createProgress(section, monotonicMs),
    peers: createPeerLog(deps.log, deps.nowMs),
    log: deps.log,
    requests: createRequestBooks(format, 'tcp', deps),
    keepaliveMs: config.keepalive,
    inactivityMs: config.clientInactivityTimeout,
    progressMs: config.progressTimeout,
    observer: deps.observer,
    nowMs: deps.nowMs,
  }
}

const wireOf = (socket: Socket): Wire => ({
  write: (bytes) => void socket.write(bytes),
  get unsent() {
    return socket.writableLength
  },
  pause: () => void socket.pause(),
  resume: () => void socket.resume(),
  end: () => void socket.end(),
  destroy: () => void socket.destroy(),
})

async function startSecured(
  config: BeatsConfig,
  tls: ServerTls | undefined,
  securityTrouble: () => readonly string[],
  deps: BeatsDeps,
): Promise<Listener> {
  const shared = createShared(config, deps)
  const { counters, progress } = shared
  const enriched = enrichedBy(config)
  const door = deps.mirrors?.('beats')
  const connections = new Map<Connection, Socket>()
  const perAddress = new Map<string, number>()
  /** Before the end of their handshake. The two sockets of one connection have nothing in common but their ends. */
  const shaking = new Map<string, Socket>()
  let accepted = 0
  let stopping = false
  let idle: (() => void) | undefined

  const serve = (socket: Socket): void => {
    shaking.delete(endOf(socket))
    const peer = plainAddress(socket.remoteAddress ?? '')
    if (stopping || socket.destroyed) return void socket.destroy()
    socket.setNoDelay(true)
    const through = door?.tunnel === undefined || door.state().old === 'off' ? undefined : connectThrough(peer, socket, door.tunnel)
    const connection = through?.connection ?? connect(peer, socket)
    const taker = through ?? connection
    connections.set(connection, socket)
    socket.on('data', (bytes: Buffer) => taker.data(bytes))
    socket.on('end', () => taker.ended())
    socket.on('error', () => {})
    socket.on('close', () => {
      connections.delete(connection)
      taker.closed()
      if (connections.size === 0) idle?.()
    })
  }

  /** A connection whose windows wait in the queue, for both sides where there is an old one. */
  const connect = (peer: string, socket: Socket): Connection => {
    const members = membersOf(socket, peer, enriched)
    const side = door === undefined ? undefined : createOldSide(door, peerOf(socket, door))
    return createConnection(peer, wireOf(socket), members, shared, { side })
  }

  /** A connection that is passed through to the old side. */
  const connectThrough = (peer: string, socket: Socket, tunnel: NonNullable<MirrorDoor['tunnel']>): Through =>
    createThrough(
      tunnel,
      wireOf(socket),
      (wire, stored) => createConnection(peer, wire, membersOf(socket, peer, enriched), shared, { stored }),
      (why) => shared.peers.warn(peer, 'old_side', { fault: why }, 'a connection of a Beat was closed: that to the old Logstash has ended'),
    )

  /** Counts a connection before anything is read from it. False when it is one too many. */
  const admit = (socket: Socket): boolean => {
    const address = plainAddress(socket.remoteAddress ?? '')
    const ofAddress = perAddress.get(address) ?? 0
    const { limits } = config
    const reason =
      accepted >= limits.connections
        ? 'max_connections'
        : ofAddress >= limits.connectionsPerAddress
          ? 'max_connections_per_address'
          : undefined
    if (reason !== undefined) {
      counters.closed(reason).value++
      shared.peers.warn(address, reason, {}, 'a connection of a Beat was refused: there are too many')
      return false
    }
    accepted++
    perAddress.set(address, ofAddress + 1)
    socket.on('close', () => {
      accepted--
      const left = (perAddress.get(address) ?? 1) - 1
      if (left === 0) perAddress.delete(address)
      else perAddress.set(address, left)
    })
    return true
  }

  const secure = tls === undefined ? serve : await createSecuring(tls, config, shared, serve)
  const accept = (socket: Socket): void => {
    // What comes of it is told by 'close'.
    socket.on('error', () => {})
    if (stopping || !admit(socket)) {
      socket.destroy()
      return
    }
    if (tls !== undefined) {
      const end = endOf(socket)
      shaking.set(end, socket)
      socket.on('close', () => {
        if (shaking.get(end) === socket) shaking.delete(end)
      })
    }
    secure(socket)
  }

  const createListening = (): Server => {
    // A client may say that it is done and still wait for its ack. Over TLS, a handshake that is broken off would not be noticed then.
    const server = createServer({ allowHalfOpen: tls === undefined }, accept)
    // Out of file descriptors, mostly: the connection is lost, the others go on.
    server.on('error', () => {
      if (server.listening) counters.closed('accept_failed').value++
    })
    return server
  }

  const before = deps.before?.(section)
  const bound = await bindAll(section, config.host, config.port, (address, port) =>
    listen(createListening(), address, port, deps.reusePort === true, before?.handOver?.(address, port)),
  )
  if (tls === undefined && addressesOf(config.host).some((one) => !isLoopback(one))) {
    deps.log.warn(
      { section, host: config.host },
      `${section} is open to the network without TLS: anybody who reaches it can send, and read what is sent`,
    )
  }
  const times = [config.clientInactivityTimeout, config.progressTimeout]
  const sweep = setInterval(
    () => {
      for (const connection of connections.keys()) connection.look()
    },
    Math.max(20, Math.min(1000, ...times.map((ms) => ms / 4))),
  ).unref()

  return {
    addresses: bound.map((one) => `${tls === undefined ? 'tcp' : 'tls'}://${urlHost(one.address)}:${one.port}`),
    trouble: () => [...securityTrouble(), ...progress.trouble()],
    handOver: (address, port) => bound.find((one) => one.address === address && one.port === port && holdsSocket(one.server))?.server,
    async stop(deadlineMs) {
      stopping = true
      const listening = Promise.all(bound.map((one) => one.close()))
      for (const socket of shaking.values()) socket.destroy()
      for (const connection of [...connections.keys()]) connection.stop()
      await new Promise<void>((resolve) => {
        const deadline = setTimeout(() => {
          for (const [connection, socket] of connections) {
            connection.kill('stopping')
            socket.destroy()
          }
        }, deadlineMs)
        idle = () => {
          clearTimeout(deadline)
          resolve()
        }
        if (connections.size === 0) idle()
      })
      clearInterval(sweep)
      await listening
    },
  }
}

/** Puts TLS in front of connections. A server that does not listen does the handshakes; the one that listens only accepts. */
async function createSecuring(
  tls: ServerTls,
  config: BeatsConfig,
  { counters, peers }: ConnectionDeps,
  serve: (socket: TLSSocket) => void,
): Promise<(socket: Socket) => void> {
  // Not at the top: most bridges have no TLS here.
  const { createServer: createTlsServer } = await import('node:tls')
  const { tlsFailure } = await import('../../net/server-tls.ts')
  const server = createTlsServer({ ...tls.options, handshakeTimeout: config.handshakeTimeout })
  const refuse = (socket: TLSSocket, reason: string): void => {
    counters.closed(reason).value++
    peers.warn(plainAddress(socket.remoteAddress ?? ''), reason, {}, 'a connection of a Beat did not become secure')
    socket.destroy()
  }
  server.on('secureConnection', (socket) => {
    if (tls.admits(socket)) serve(socket)
    else refuse(socket, 'tls_client_certificate')
  })
  server.on('tlsClientError', (error, socket) => refuse(socket, tlsFailure(error, socket)))
  tls.onReload((fresh) => server.setSecureContext(fresh))
  return (socket) => void server.emit('connection', socket)
}

interface BoundServer extends Bound {
  readonly server: Server
}

function listen(server: Server, address: string, port: number, reusePort: boolean, previous: Server | undefined): Promise<BoundServer> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const onListening = (): void => {
      server.removeListener('error', reject)
      const at = server.address()
      resolve({
        server,
        address,
        port: at !== null && typeof at === 'object' ? at.port : port,
        close: () => new Promise((done) => void server.close(() => done())),
      })
    }
    if (previous !== undefined) listenAfter(previous, server, onListening)
    else server.listen({ host: address, port, reusePort, ipv6Only: address === '::1' }, onListening)
  })
}
