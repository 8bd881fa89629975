/** The connections of a gRPC listener: limits, time-outs, when what is written, drain. */

import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { Http2Connection } from '../net/http2.ts'
import { Http2Code } from '../net/http2-frames.ts'
import type { Http2Handler, Http2Limits } from '../net/http2-stream.ts'
import { readOn, readShared } from '../net/shared-reads.ts'
import type { AdapterDeps } from './adapter.ts'
import { type Call, createExchange } from './grpc-exchange.ts'
import { healthMethods } from './grpc-health.ts'
import type { GrpcOptions } from './grpc-method.ts'
import { reflectionMethods } from './grpc-reflection.ts'
import type { Guard } from './guard.ts'
import { cellsByReason } from './receive.ts'

export interface GrpcServerOptions extends Omit<GrpcOptions, 'host' | 'port' | 'tls' | 'auth'> {
  readonly guard: Guard | undefined
}

export interface GrpcServer {
  /**
   * Takes over an accepted connection: one paused by `pauseOnConnect`, a TLS socket, or one that somebody has read from.
   * @param first what was read from it
   */
  accept(socket: Socket, first?: Buffer | undefined): void
  /** Serves the calls under way and closes all connections; after the time given, whatever they do. */
  stop(deadlineMs: number): Promise<void>
}

/** Windows: what a client may have under way before we have looked at it. */
const streamWindow = 1024 * 1024
const connectionWindow = 2 * 1024 * 1024

/** Bytes of answers that a client may leave unread. */
const mostUnread = 1024 * 1024

/** How long a connection that is over stays open for its client to read why. */
const lingerMs = 1000

/** How long a client may take to read that it is to open no more calls here. */
const farewellMs = 500

interface Peer {
  socket: Socket
  readonly connection: Http2Connection<Call>
  readonly openedMs: number
  /** When it last said something; to the grain of a sweep, as all times here. */
  heardMs: number
  pingedMs: number
  headersSinceMs: number
  dirty: boolean
  /** It is to be ended for its age. */
  warned: boolean
}

/** What a client of HTTP/1 is told, and one that begins with TLS cannot be. */
const http1Hint = 'This port speaks gRPC, over HTTP/2 without an upgrade.\n'
const http1Answer = `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${http1Hint.length}\r\n\r\n${http1Hint}`

/** Creates a server that is handed its connections. */
export function createGrpcServer(options: GrpcServerOptions, deps: AdapterDeps): GrpcServer {
  const { limits, timeouts } = options
  const services = [...options.bodies, ...(options.methods ?? [])].map(({ path }) => path.slice(1, path.lastIndexOf('/')))
  const streams = [
    ...healthMethods(services, options.trouble),
    ...(options.reflection === true ? reflectionMethods(services, options.files ?? []) : []),
  ]
  const exchange = createExchange({ ...options, streams }, deps)
  const closed = cellsByReason((reason) => deps.metrics.counter('otlp_bridge_connections_closed_total', { transport: 'grpc', reason }))
  const peers = new Set<Peer>()
  const http2Limits: Http2Limits = { streams: limits.streams, headerBytes: limits.header, streamWindow, connectionWindow }
  let nowMs = performance.now()
  let stopping = false
  let idle: (() => void) | undefined

  // What is written in one turn of the event loop goes out in one piece: an answer, and the answer to a ping that came before it.
  let dirty: Peer[] = []
  const flush = (): void => {
    const all = dirty
    dirty = []
    for (const peer of all) {
      peer.dirty = false
      const { socket, connection } = peer
      const bytes = connection.take()
      if (socket.destroyed) continue
      if (bytes.length > 0) socket.write(bytes)
      if (connection.over) {
        socket.end()
        setTimeout(() => socket.destroy(), lingerMs).unref()
      } else if (socket.writableLength > mostUnread) {
        closed('slow_reader').value++
        socket.destroy()
      }
    }
  }
  const mark = (peer: Peer): void => {
    if (peer.dirty) return
    peer.dirty = true
    if (dirty.push(peer) === 1) setImmediate(flush)
  }

  const handlerOf = (peer: () => Peer): Http2Handler<Call> => ({
    open: (stream) => exchange.open(peer().connection, stream, peer().socket),
    data: exchange.data,
    end: exchange.end,
    aborted: exchange.aborted,
    pending: () => mark(peer()),
    over(reason) {
      if (reason !== undefined) closed(reason).value++
      mark(peer())
    },
    foreign(bytes) {
      const isTls = bytes[0] === 0x16 && bytes[1] === 3
      closed(isTls ? 'not_plain' : 'not_http2').value++
      const { socket } = peer()
      socket.end(isTls ? '' : http1Answer)
      setTimeout(() => socket.destroy(), lingerMs).unref()
      if (isTls) deps.log.warn({ section: options.section }, 'a client speaks TLS to a gRPC port that has none')
      else deps.log.warn({ section: options.section }, 'a client speaks HTTP/1 or something else to a gRPC port')
    },
  })

  const accept = (accepted: Socket, first?: Buffer | undefined): void => {
    if (stopping || peers.size >= limits.connections) {
      if (!stopping) closed('max_connections').value++
      accepted.destroy()
      return
    }
    // It also sets the clock, which stands still while nobody is connected.
    sweeper ??= startSweeper()
    const peer: Peer = {
      socket: accepted,
      connection: new Http2Connection<Call>(
        http2Limits,
        handlerOf(() => peer),
      ),
      openedMs: nowMs,
      heardMs: nowMs,
      pingedMs: 0,
      headersSinceMs: nowMs,
      dirty: false,
      warned: false,
    }
    peers.add(peer)
    const onBytes = (bytes: Buffer, length: number): void => {
      peer.heardMs = nowMs
      try {
        peer.connection.feed(bytes, length)
      } catch (error) {
        // A fault of ours: it costs this connection, not the others.
        deps.log.error({ section: options.section, error }, 'a fault of the bridge in a connection; the connection was closed')
        peer.connection.end(Http2Code.InternalError, 'internal')
      }
    }
    if (first !== undefined) onBytes(first, first.length)
    const socket = first === undefined ? readShared(accepted, onBytes) : readOn(accepted, onBytes)
    peer.socket = socket
    socket.on('error', () => {})
    socket.on('close', () => {
      peers.delete(peer)
      peer.connection.lost()
      if (peers.size === 0) idle?.()
    })
  }

  // Time-outs

  const intervalMs = Math.max(20, Math.min(1000, timeouts.header / 4, timeouts.request / 4))
  let sweeper: NodeJS.Timeout | undefined
  const startSweeper = (): NodeJS.Timeout => {
    nowMs = performance.now()
    return setInterval(sweep, intervalMs).unref()
  }

  const sweep = (): void => {
    nowMs = performance.now()
    for (const peer of peers) look(peer)
    for (const { tick } of streams) tick?.()
    if (peers.size > 0) return
    clearInterval(sweeper)
    sweeper = undefined
  }

  const look = (peer: Peer): void => {
    const { connection } = peer
    if (connection.over) return
    connection.refill(intervalMs / 1000)
    const silentMs = nowMs - peer.heardMs
    if (!connection.established) {
      if (nowMs - peer.openedMs > timeouts.header) connection.end(Http2Code.ProtocolError, 'header_timeout')
      return
    }
    if (!connection.inHeaders) peer.headersSinceMs = nowMs
    else if (nowMs - peer.headersSinceMs > timeouts.header) {
      connection.end(Http2Code.EnhanceYourCalm, 'header_timeout')
      return
    }
    for (const { context } of connection.streams.values()) if (context !== undefined) exchange.check(context, nowMs)
    if (connection.streams.size === 0 && silentMs > timeouts.idle) connection.close()
    else if (timeouts.age > 0 && nowMs - peer.openedMs > timeouts.age && !peer.warned) sayFarewell(peer)
    if (connection.pingsOut > 0) {
      if (nowMs - peer.pingedMs > timeouts.pong) connection.end(Http2Code.NoError, 'ping_timeout')
    } else if (timeouts.ping > 0 && silentMs > timeouts.ping) {
      peer.pingedMs = nowMs
      connection.ping()
    }
  }

  /** Asks a client to open no more calls here, and ends the connection with the last one it has opened. */
  const sayFarewell = (peer: Peer): void => {
    const { connection } = peer
    peer.warned = true
    if (!connection.established) {
      connection.close()
      return
    }
    const close = (): void => {
      connection.close()
      // What has no end of its own, such as the watching of health, would hold the connection for ever.
      for (const { context } of connection.streams.values()) if (context !== undefined) exchange.leave(context)
    }
    // Its answer says that it has read the warning: what it opens from here on, it opens elsewhere.
    const timer = setTimeout(close, farewellMs)
    connection.warn()
    connection.onPong = () => {
      clearTimeout(timer)
      close()
    }
    peer.pingedMs = performance.now()
    connection.ping()
  }

  return {
    accept,
    stop(deadlineMs) {
      stopping = true
      for (const peer of peers) sayFarewell(peer)
      return new Promise((resolve) => {
        const deadline = setTimeout(() => {
          for (const { socket } of peers) socket.destroy()
        }, deadlineMs)
        idle = () => {
          clearTimeout(deadline)
          clearInterval(sweeper)
          resolve()
        }
        if (peers.size === 0) idle()
      })
    },
  }
}
