/** The HTTP/2 connection to a gRPC endpoint: opened on first use, watched while it is used, replaced when it goes. */

import { type ClientHttp2Session, type ClientSessionOptions, connect, type SecureClientSessionOptions } from 'node:http2'
import type { SecureContext } from 'node:tls'

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
  readonly lastStreamId: number | undefined
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

/** Pings: once after a silence while requests are under way, and when a request got no answer. Gone with the session. */
function watchLife(connection: { readonly session: ClientHttp2Session; underWay: number }, options: ConnectionOptions) {
  const { session } = connection
  const { keepAlive, monotonicMs } = options
  let heardMs = monotonicMs()
  let suspectedMs = Number.NEGATIVE_INFINITY
  let asked: NodeJS.Timeout | undefined

  const ask = (): void => {
    if (asked !== undefined || session.closed || session.destroyed) return
    asked = setTimeout(() => {
      session.destroy(timeoutError(`the connection is dead: no sign of life within ${keepAlive.timeoutMs} ms (emit.keepAlive.timeout)`))
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
          if (connection.underWay > 0 && monotonicMs() - heardMs >= keepAlive.timeMs) ask()
        }, keepAlive.timeMs).unref()
  session.once('close', () => {
    clearInterval(tick)
    clearTimeout(asked)
  })
  return {
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
  readonly connection: Promise<Connection>
  /** False once no request may begin on it. */
  usable(): boolean
}

function openConnection(options: ConnectionOptions, secureContext: SecureContext | undefined): Opened {
  const { origin, connectTimeoutMs } = options
  const socketOptions: Record<string, unknown> = { keepAlive: true, keepAliveInitialDelay: tcpKeepAliveMs }
  if (secureContext !== undefined && origin.startsWith('https:')) socketOptions['secureContext'] = secureContext
  // What is not for HTTP/2 is handed on to the socket; the types do not know it.
  const sessionOptions: ClientSessionOptions | SecureClientSessionOptions = {
    ...socketOptions,
    settings: { enablePush: false },
    maxSessionMemory: maxSessionMegabytes,
  }
  const session = connect(origin, sessionOptions)
  let lastStreamId: number | undefined
  let why: unknown = new Error('the endpoint hung up before it said a word')
  const counts = { session, underWay: 0 }
  const connection: Connection = Object.defineProperty(Object.assign(counts, watchLife(counts, options)), 'lastStreamId', {
    get: () => lastStreamId,
  }) as typeof counts & Connection
  const timer = setTimeout(() => {
    session.destroy(timeoutError(`no connection within ${connectTimeoutMs} ms (emit.timeout)`))
  }, connectTimeoutMs)
  session.on('goaway', (_code, last) => void (lastStreamId = last))
  session.on('error', (error) => void (why = error))
  const ready = new Promise<Connection>((resolve, reject) => {
    // Not before the endpoint's own first frame: what is written earlier may go to something that does not speak HTTP/2.
    session.once('remoteSettings', () => {
      clearTimeout(timer)
      resolve(connection)
    })
    session.once('close', () => {
      clearTimeout(timer)
      reject(why)
    })
  })
  // Nobody may be waiting any more.
  ready.catch(() => undefined)
  return { session, connection: ready, usable: () => !session.closed && !session.destroyed && lastStreamId === undefined }
}

/** Creates them; nothing is opened yet. */
export function createConnections(options: ConnectionOptions, firstContext: SecureContext | undefined): Connections {
  let secureContext = firstContext
  let current: Opened | undefined
  const open = new Set<ClientHttp2Session>()
  return {
    get() {
      if (current === undefined || !current.usable()) {
        const opened = openConnection(options, secureContext)
        open.add(opened.session)
        opened.session.once('close', () => open.delete(opened.session))
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
      const all = [...open]
      await Promise.all(
        all.map((session) => {
          const closed = new Promise<void>((resolve) => session.once('close', resolve))
          session.destroy()
          return closed
        }),
      )
    },
  }
}
