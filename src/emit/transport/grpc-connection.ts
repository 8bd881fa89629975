/** The HTTP/2 connection to a gRPC endpoint: opened on first use, watched while it is used, replaced when it goes. */

import { type ClientHttp2Session, connect } from 'node:http2'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type SecureContext } from 'node:tls'

export interface ConnectionOptions {
  /** `http://host:port` is without TLS, `https://host:port` with. */
  readonly origin: string
  readonly connectTimeoutMs: number
  readonly keepAlive: { readonly timeMs: number; readonly timeoutMs: number }
  readonly monotonicMs: () => number
}

/** A connection that took its first frame from the endpoint. */
export interface Connection {
  readonly session: ClientHttp2Session
  /** The highest stream that the endpoint worked on, once it said that it takes no more; undefined before. */
  lastStreamId: number | undefined
  /** Requests under way on it; kept by who sends them. */
  underWay: number
  /** Something came from the endpoint. */
  heard(): void
  /** A request got no answer in time: asks for a sign of life, and gives the connection up without one. */
  suspect(): void
}

export interface Connections {
  /** The connection there is, or a new one. Rejects with what went wrong before the endpoint said a word. */
  get(): Promise<Connection>
  /** New connections use these certificates; what is under way on the old one is finished there. */
  renew(secureContext: SecureContext): void
  close(): Promise<void>
}

/** Bodies wait in memory until the endpoint's window has room for them; Node.js counts them as the session's. */
const maxSessionMegabytes = 16_384

/** For what a firewall forgets while nothing is under way. */
const tcpKeepAliveMs = 60_000

const timeoutError = (what: string): Error => Object.assign(new Error(what), { code: 'ETIMEDOUT' })

/** Pings: once after a silence while requests are under way, and when a request got no answer. Until stopped. */
function watchLife(session: ClientHttp2Session, options: ConnectionOptions, underWay: () => number, giveUp: (error: Error) => void) {
  const { keepAlive, monotonicMs } = options
  let heardMs = monotonicMs()
  let suspectedMs = Number.NEGATIVE_INFINITY
  let asked: NodeJS.Timeout | undefined

  const ask = (): void => {
    if (asked !== undefined || session.closed || session.destroyed) return
    asked = setTimeout(() => {
      giveUp(timeoutError(`the connection is dead: no sign of life within ${keepAlive.timeoutMs} ms (emit.keepAlive.timeout)`))
    }, keepAlive.timeoutMs)
    session.ping((error) => {
      clearTimeout(asked)
      asked = undefined
      if (error === null) heardMs = monotonicMs()
    })
  }
  const tick =
    keepAlive.timeMs === 0
      ? undefined
      : setInterval(() => {
          if (underWay() > 0 && monotonicMs() - heardMs >= keepAlive.timeMs) ask()
        }, keepAlive.timeMs).unref()
  const stop = (): void => {
    clearInterval(tick)
    clearTimeout(asked)
  }
  return {
    stop,
    heard: (): void => void (heardMs = monotonicMs()),
    suspect(): void {
      // Servers count pings against a client that sends many.
      if (keepAlive.timeMs === 0 || monotonicMs() - suspectedMs < keepAlive.timeMs) return
      suspectedMs = monotonicMs()
      ask()
    },
  }
}

interface Opened {
  readonly session: ClientHttp2Session
  readonly socket: Socket
  readonly connection: Promise<Connection>
  /** False once no request may begin on it. */
  usable(): boolean
}

function openSocket(origin: string, secureContext: SecureContext | undefined): Socket {
  const { hostname, port, protocol } = new URL(origin)
  const host = hostname.replace(/^\[|\]$/g, '')
  const common = { host, keepAlive: true, keepAliveInitialDelay: tcpKeepAliveMs }
  if (protocol === 'http:') return connectTcp({ ...common, port: Number(port || 80) })
  return connectTls({
    ...common,
    port: Number(port || 443),
    ALPNProtocols: ['h2'],
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(secureContext === undefined ? {} : { secureContext }),
  })
}

function openConnection(options: ConnectionOptions, secureContext: SecureContext | undefined): Opened {
  const { origin, connectTimeoutMs } = options
  const socket = openSocket(origin, secureContext)
  const session = connect(origin, {
    createConnection: () => socket,
    settings: { enablePush: false },
    maxSessionMemory: maxSessionMegabytes,
  })
  let why: unknown = new Error('the endpoint hung up before it said a word')
  const giveUp = (error: Error): void => {
    why = error
    session.destroy(error)
    // A session that was closed before waits for the other side, which may be gone.
    setImmediate(() => socket.destroy())
  }
  const { stop, ...life } = watchLife(session, options, () => connection.underWay, giveUp)
  const connection: Connection = { session, lastStreamId: undefined, underWay: 0, ...life }
  const timer = setTimeout(() => giveUp(timeoutError(`no connection within ${connectTimeoutMs} ms (emit.timeout)`)), connectTimeoutMs)
  session.on('goaway', (_code, last) => void (connection.lastStreamId = last))
  session.on('error', (error) => void (why = error))
  socket.on('error', (error) => {
    why = error
    // When TLS fails after the handshake, a session waits for the end of its socket, which does not come by itself.
    socket.destroy()
  })
  const ready = new Promise<Connection>((resolve, reject) => {
    // Not before the endpoint's own first frame: what is written earlier may go to something that does not speak HTTP/2.
    session.once('remoteSettings', () => {
      clearTimeout(timer)
      resolve(connection)
    })
    socket.once('close', () => {
      clearTimeout(timer)
      stop()
      // What the session has to say of it comes a moment later.
      setImmediate(() => reject(why))
    })
  })
  // Nobody may be waiting any more.
  ready.catch(() => undefined)
  const usable = (): boolean => !session.closed && !session.destroyed && !socket.destroyed && connection.lastStreamId === undefined
  return { session, socket, connection: ready, usable }
}

/** Creates them; nothing is opened yet. */
export function createConnections(options: ConnectionOptions, firstContext: SecureContext | undefined): Connections {
  let secureContext = firstContext
  let current: Opened | undefined
  const open = new Set<Opened>()
  return {
    get() {
      if (current === undefined || !current.usable()) {
        const opened = openConnection(options, secureContext)
        open.add(opened)
        opened.socket.once('close', () => open.delete(opened))
        current = opened
      }
      return current.connection
    },
    renew(context) {
      if (!options.origin.startsWith('https:')) return
      secureContext = context
      current?.session.close()
      current = undefined
    },
    async close() {
      await Promise.all(
        [...open].map(({ session, socket }) => {
          const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
          session.destroy()
          socket.destroy()
          return closed
        }),
      )
    },
  }
}
