/**
 * OTLP over gRPC: one unary `Export` a request, on one HTTP/2 connection. The framing is five bytes (compressed or not, length), so it is
 * written here: a gRPC library costs three times the CPU for bodies of this size, and does not say whether a failed request was sent.
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */

import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2'
import type { SecureContext } from 'node:tls'
import { decodePartialSuccess, decodeRetryDelay } from '../../otlp/decode/response.ts'
import type { Signal } from '../../otlp/intake.ts'
import { SendError, stoppingError } from '../sender.ts'
import { classifyFault, classifyStatus } from './classify.ts'
import { classifyGrpcStatus } from './classify-grpc.ts'
import { type Connection, type Connections, createConnections } from './grpc-connection.ts'
import { type EndedStream, endOfStream, grpcMessage } from './grpc-stream.ts'
import { decodedOr, maxAnswerBytes, printable, type Transport, type WireRequest } from './wire.ts'

export interface GrpcTransportOptions {
  /** Scheme, host and port for each signal. */
  readonly urls: Readonly<Record<Signal, string>>
  /** Metadata of every request, names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Told to the endpoint with every request; who sends also ends it then. */
  readonly timeoutMs: number
  readonly keepAlive: { readonly timeMs: number; readonly timeoutMs: number }
  /** For https URLs; without one, the authorities that Node.js knows are trusted. */
  readonly secureContext?: SecureContext | undefined
  readonly nowMs: () => number
  readonly monotonicMs: () => number
}

const methods: Readonly<Record<Signal, string>> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
}

/** How often a request goes to another connection that the endpoint said it had not begun to work on. */
const freshConnections = 2

interface Channel {
  readonly connections: Connections
  readonly secure: boolean
  answered: boolean
}

/** All that came back, in the order in which it decides. */
interface Answer extends EndedStream {
  /** HTTP status; 0 when there was none. */
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Where `grpc-status` stands: the trailers, or the headers of an answer that has nothing else. */
  readonly trailers: IncomingHttpHeaders
}

const one = (header: string | string[] | undefined): string | undefined => (Array.isArray(header) ? header[0] : header)

/** At most eight digits are allowed. */
const grpcTimeout = (ms: number): string => (ms < 1e8 ? `${Math.max(1, Math.ceil(ms))}m` : `${Math.min(99_999_999, Math.ceil(ms / 1000))}S`)

const saidIn = (trailers: IncomingHttpHeaders): string => printable(grpcMessage(one(trailers['grpc-message'])))

const retryDelayIn = (trailers: IncomingHttpHeaders): number | undefined => {
  const details = one(trailers['grpc-status-details-bin'])
  return details === undefined ? undefined : decodedOr(Buffer.from(details, 'base64'), decodeRetryDelay)
}

/** The message of an answer; undefined when it is compressed, which was not asked for, or not whole. */
const messageIn = (body: Buffer): Buffer | undefined => {
  if (body.length < 5 || body[0] !== 0) return undefined
  const end = 5 + body.readUInt32BE(1)
  return end > body.length ? undefined : body.subarray(5, end)
}

const frameHead = (request: WireRequest): Buffer => {
  const head = Buffer.allocUnsafe(5)
  head[0] = request.contentEncoding === undefined ? 0 : 1
  head.writeUInt32BE(request.bytes, 1)
  return head
}

/** The cause below the words with which a session ends its streams. */
const causeOf = (fault: unknown): unknown => (fault instanceof Error && fault.cause instanceof Error ? fault.cause : fault)

/** Resolves when the stream is over, however it ended. */
async function exchange(connection: Connection, stream: ClientHttp2Stream, request: WireRequest, abort: AbortSignal): Promise<Answer> {
  let headers: IncomingHttpHeaders = {}
  let trailers: IncomingHttpHeaders = {}
  const cancel = (): void => stream.close(constants.NGHTTP2_CANCEL)
  stream.on('response', (received, flags) => {
    headers = received
    if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) trailers = received
  })
  stream.on('trailers', (received) => void (trailers = received))
  stream.on('end', () => {
    // It said what it had to say: what it does not want to read any more is not sent. Its trailers may still be on their way to us.
    setImmediate(() => {
      if (!stream.writableFinished && !stream.closed) cancel()
    })
  })
  stream.on('close', () => abort.removeEventListener('abort', cancel))
  const ended = endOfStream(connection, stream, maxAnswerBytes)
  abort.addEventListener('abort', cancel, { once: true })
  stream.cork()
  stream.write(frameHead(request))
  for (const part of request.body) stream.write(part)
  stream.end()
  stream.uncork()
  const over = await ended
  return { ...over, status: Number(headers[':status'] ?? 0), headers, trailers }
}

const errorOf = (answer: Answer, nowMs: number, neverAnswered: boolean): SendError | undefined => {
  const { status, headers, fault } = answer
  // Some proxies put the status of an answer without a message into headers that do not end it.
  const trailers = answer.trailers['grpc-status'] === undefined ? headers : answer.trailers
  const code = one(trailers['grpc-status'])
  if (code === '0' && !answer.whole) {
    const message = 'cannot deliver to the endpoint: it confirmed a request that it did not read to its end'
    return new SendError('transient', 'connection', message, { status, mayHaveArrived: true })
  }
  // A server may refuse before it has read everything, and then cut the request short: its answer counts.
  if (code !== undefined && /^\d+$/.test(code)) return classifyGrpcStatus(Number(code), saidIn(trailers), retryDelayIn(trailers))
  if (status !== 0 && (status < 200 || status >= 300)) return classifyStatus(status, '', one(headers['retry-after']), nowMs)
  if (answer.refused) {
    const message = 'cannot deliver to the endpoint: it takes no more requests on this connection'
    return new SendError('transient', 'connection', message, { cause: fault })
  }
  if (fault !== undefined) return classifyFault(causeOf(fault), neverAnswered, true)
  const type = one(headers['content-type']) ?? ''
  const words = type.startsWith('application/grpc') ? 'its answer has no status' : `it does not speak gRPC (${type}); see emit.protocol`
  return new SendError('transient', 'connection', `cannot deliver to the endpoint: ${printable(words)}`, { status, mayHaveArrived: true })
}

/** The answer to a request that never left. */
const unsent = (fault: unknown): Answer => ({
  status: 0,
  headers: {},
  trailers: {},
  body: Buffer.alloc(0),
  fault,
  refused: true,
  whole: false,
})

/** Creates the transport. The connection is opened on first use and kept. Messages may be as large as gRPC allows, 4 GiB. */
export function createGrpcTransport(options: GrpcTransportOptions): Transport {
  const channels = new Map<string, Channel>()
  const targets = new Map<Signal, Channel>()
  for (const signal of ['traces', 'metrics', 'logs'] as const) {
    const { origin, protocol } = new URL(options.urls[signal])
    let channel = channels.get(origin)
    if (channel === undefined) {
      const { keepAlive, monotonicMs } = options
      const connections = createConnections({ origin, connectTimeoutMs: options.timeoutMs, keepAlive, monotonicMs }, options.secureContext)
      channels.set(origin, (channel = { connections, secure: protocol === 'https:', answered: false }))
    }
    targets.set(signal, channel)
  }
  const noConnection = `no connection within ${options.timeoutMs} ms (emit.timeout)`
  const common = {
    ...options.headers,
    ':method': 'POST',
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': grpcTimeout(options.timeoutMs),
  }

  /** One try on one connection; undefined is success. */
  const attempt = async (channel: Channel, request: WireRequest, abort: AbortSignal): Promise<Answer | SendError> => {
    let connection: Connection
    try {
      connection = await unlessAborted(channel.connections.get(), abort)
    } catch (fault) {
      if (abort.aborted) return new SendError('transient', 'timeout', `cannot reach the endpoint: ${noConnection}`)
      return classifyFault(fault, channel.secure && !channel.answered, false)
    }
    const headers = { ...common, ':path': methods[request.signal], 'grpc-encoding': request.contentEncoding ?? 'identity' }
    connection.underWay++
    try {
      const stream = connection.session.request(headers)
      const answer = await exchange(connection, stream, request, abort)
      // Answered before everything was sent: the connection may still hold the memory.
      if (!answer.whole) request.onRepeat()
      if (answer.status !== 0) channel.answered = true
      else if (abort.aborted) connection.suspect()
      return answer
    } catch (fault) {
      // The connection was closed between the look at it and the request.
      return unsent(fault)
    } finally {
      connection.underWay--
    }
  }

  return {
    async send(request, abort) {
      const channel = targets.get(request.signal)
      if (channel === undefined) throw new Error(`BUG: no endpoint for ${request.signal}`)
      for (let tries = 0; ; tries++) {
        const answer = await attempt(channel, request, abort)
        if (answer instanceof SendError) throw answer
        const error = errorOf(answer, options.nowMs(), channel.secure && !channel.answered)
        if (error !== undefined) {
          if (abort.aborted) throw stoppingError()
          // Nobody worked on it: the specification of gRPC lets it go out again without being asked.
          if (answer.refused && tries < freshConnections) continue
          throw error
        }
        const message = messageIn(answer.body)
        const partial = message === undefined ? undefined : decodedOr(message, decodePartialSuccess)
        if (partial !== undefined && (partial.rejectedItems > 0 || partial.errorMessage !== '')) {
          request.onPartialSuccess({ rejectedItems: partial.rejectedItems, message: printable(partial.errorMessage) })
        }
        return
      }
    },
    renew(secureContext) {
      for (const { connections } of channels.values()) connections.renew(secureContext)
    },
    async close() {
      await Promise.all([...channels.values()].map(({ connections }) => connections.close()))
    },
  }
}

/** The promise, or a rejection as soon as it is aborted. */
function unlessAborted<T>(promise: Promise<T>, abort: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(stoppingError())
    if (abort.aborted) return stop()
    abort.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => abort.removeEventListener('abort', stop))
  })
}
