/** The way to an old Jaeger collector over gRPC: the message with its prefix as it came, the metadata in its order. */

import { type ClientHttp2Stream, constants } from 'node:http2'
import type { SecureContext } from 'node:tls'
import { classifyFault } from '../emit/transport/classify.ts'
import { type Connection, createConnections } from '../emit/transport/grpc-connection.ts'
import { type EndedStream, endOfStream, grpcMessage } from '../emit/transport/grpc-stream.ts'
import type { LegacyAnswer } from '../ingest/mirror-door.ts'
import type { Errand, OldSide } from './errand.ts'
import { type HeaderRules, outgoingHeaders } from './headers.ts'
import { type Fault, headerIn, judgeGrpc, judgeHttp, type Tried } from './outcome.ts'
import { circumstances, judgeUnanswered, passedAnswerBytes } from './send-http.ts'

export interface GrpcOldSideOptions {
  /** `jaeger.grpc` */
  readonly endpoint: string
  /** Scheme, host, port, and what stands before every path. */
  readonly url: string
  readonly rules: HeaderRules
  readonly timeoutMs: number
  readonly secureContext?: SecureContext | undefined
  readonly nowMs: () => number
  readonly monotonicMs: () => number
}

/** Flag and length before a message. */
const prefixBytes = 5

/** Signs of life are asked for after so long, and waited for so long. */
const keepAlive = { timeMs: 30_000, timeoutMs: 10_000 }

const connectTimeoutMs = 10_000

/** What came back on a stream. */
interface Received extends EndedStream {
  readonly headers: readonly string[]
  readonly trailers: readonly string[]
}

const rawOf = (headers: unknown, raw: unknown): readonly string[] => {
  if (Array.isArray(raw)) return raw as string[]
  return Object.entries(headers as Record<string, string>).flatMap(([name, value]) => [name, String(value)])
}

const withoutPseudo = (headers: readonly string[], ...names: readonly string[]): string[] => {
  const kept: string[] = []
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] as string
    if (!name.startsWith(':') && !names.includes(name.toLowerCase())) kept.push(name, headers[at + 1] as string)
  }
  return kept
}

/** Resolves when the stream is over, however it ended. */
async function exchangeOn(connection: Connection, stream: ClientHttp2Stream, body: Uint8Array): Promise<Received> {
  let headers: readonly string[] = []
  let trailers: readonly string[] = []
  stream.on('response', (received, flags, raw: unknown) => {
    headers = rawOf(received, raw)
    if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) trailers = headers
  })
  stream.on('trailers', (received, _flags, raw: unknown) => void (trailers = rawOf(received, raw)))
  const ended = endOfStream(connection, stream, passedAnswerBytes)
  stream.end(body)
  const over = await ended
  return { ...over, headers, trailers }
}

/** Answers in which HTTP, not gRPC, says no: a proxy in front of the old side. Their status has three digits, that of gRPC two at most. */
const isHttpStatus = (status: number): boolean => status >= 100

/** Creates it; the connection is opened with the first request. */
export function createGrpcOldSide(options: GrpcOldSideOptions): OldSide & { renew(secureContext: SecureContext): void } {
  const { endpoint, rules } = options
  const { origin, host, pathname, protocol } = new URL(options.url)
  const base = pathname.replace(/\/+$/, '')
  const section = `mirror.${endpoint}`
  const { monotonicMs } = options
  const connections = createConnections({ origin, connectTimeoutMs, keepAlive, monotonicMs }, options.secureContext)
  let closed = false

  const faultOf = (error: unknown, sent: boolean): Tried => {
    if (closed) return { how: 'stopped' }
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const found = classifyFault(cause, false, sent)
    const message = found.message.replace('the endpoint', 'the old side').replaceAll('emit.', `${section}.`)
    const reason: Fault['reason'] = found.reason === 'tls' || found.reason === 'timeout' ? found.reason : 'connection'
    return { how: 'failed', fault: { reason, message, sent } }
  }

  const answerOf = ({ headers, trailers: end, body, fault, whole, refused }: Received, late: boolean): Tried => {
    // Some proxies put the status of an answer without a message into headers that do not end it.
    const trailers = headerIn(end, 'grpc-status') === undefined ? headers : end
    const code = headerIn(trailers, 'grpc-status')
    const answered = (answer: LegacyAnswer): Tried => ({ how: 'answered', answer })
    if (code !== undefined && /^\d{1,2}$/.test(code) && (code !== '0' || whole)) {
      const message =
        body.length > prefixBytes && body[0] === 0 ? body.subarray(prefixBytes, prefixBytes + body.readUInt32BE(1)) : body.subarray(0, 0)
      const metadata = trailers === headers ? [] : withoutPseudo(headers, 'date')
      return answered({ status: Number(code), headers: metadata, body: message, trailers: withoutPseudo(trailers, 'grpc-status') })
    }
    const status = Number(headerIn(headers, ':status') ?? 0)
    if (status !== 0 && status !== 200) return answered({ status, headers: withoutPseudo(headers), body })
    const none = Object.assign(new Error(`no answer within ${options.timeoutMs} ms (${section}.timeout)`), { code: 'ETIMEDOUT' })
    if (late) return faultOf(none, !refused)
    return faultOf(fault ?? new Error('its answer has no status of gRPC'), !refused)
  }

  const attempt = async (errand: Errand): Promise<Tried> => {
    const { head } = errand
    let timer: NodeJS.Timeout | undefined
    let late = false
    let connection: Connection
    try {
      connection = await connections.get()
    } catch (error) {
      return faultOf(error, false)
    }
    const metadata = outgoingHeaders(head.headers, head.from, rules, false).map((one, at) => (at % 2 === 0 ? one.toLowerCase() : one))
    const own = [':method', 'POST', ':scheme', protocol.slice(0, -1), ':authority', host, ':path', base + head.target, 'te', 'trailers']
    let stream: ClientHttp2Stream
    try {
      stream = connection.session.request([...own, ...withoutPseudo(metadata, 'host')])
    } catch (error) {
      // The connection was closed between the look at it and the request, or the metadata cannot be written.
      const code = error instanceof Error && 'code' in error ? String(error.code) : ''
      if (/^ERR_HTTP2_(INVALID|HEADER)|^ERR_INVALID/.test(code) && !/SESSION/.test(code)) return { how: 'impossible', message: code }
      return faultOf(error, false)
    }
    connection.underWay++
    timer = setTimeout(() => {
      late = true
      stream.close(constants.NGHTTP2_CANCEL)
      connection.suspect()
    }, options.timeoutMs)
    try {
      return answerOf(await exchangeOn(connection, stream, errand.body), late)
    } finally {
      clearTimeout(timer)
      connection.underWay--
    }
  }

  return {
    exchange: attempt,
    judge(errand, tried) {
      const unanswered = judgeUnanswered(tried)
      if (unanswered !== undefined || tried.how !== 'answered') return unanswered ?? { class: 'stopped' }
      const about = circumstances(errand, endpoint, rules, options.nowMs())
      const { answer } = tried
      if (isHttpStatus(answer.status)) return judgeHttp(answer, about)
      return judgeGrpc(answer.status, grpcMessage(headerIn(answer.trailers ?? [], 'grpc-message')), about)
    },
    renew: connections.renew,
    async close() {
      closed = true
      await connections.close()
    },
  }
}
