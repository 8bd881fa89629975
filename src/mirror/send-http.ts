/** The way to an old backend over HTTP/1.1: what was received, byte for byte, on kept connections. */

import { getDefaultHighWaterMark, type Readable } from 'node:stream'
import type { SecureContext } from 'node:tls'
import type { Dispatcher } from 'undici'
// The part that is needed: the package's entry brings fetch, WebSocket and caches along, 13 MB in memory.
import Pool from 'undici/lib/dispatcher/pool.js'
import { classifyFault } from '../emit/transport/classify.ts'
import type { EnvelopeHead } from './envelope.ts'
import { type Errand, itemsOf, type OldSide } from './errand.ts'
import { endToEnd, type HeaderRules, outgoingHeaders } from './headers.ts'
import { type Circumstances, type Fault, judgeFault, judgeHttp, type Outcome, type Tried } from './outcome.ts'

export interface HttpOldSideOptions {
  /** Name of the mirror without `mirror.`: `zipkin`. */
  readonly endpoint: string
  /** Scheme, host, port, and what stands before every path. */
  readonly url: string
  readonly rules: HeaderRules
  readonly timeoutMs: number
  /** Connections at most; requests of clients that wait for the answer have {@link liveConnections} of their own. */
  readonly connections: number
  /** For https URLs; without one, the authorities that Node.js knows are trusted. */
  readonly secureContext?: SecureContext | undefined
  readonly nowMs: () => number
}

/** What goes out. */
export interface HttpRequest {
  readonly method: string
  /** Path and query, without that of the mirror's URL. */
  readonly target: string
  readonly headers: readonly string[]
  readonly body: Uint8Array | AsyncIterable<Uint8Array>
  /** Of a body in pieces; undefined: chunked. */
  readonly length?: number | undefined
  /** Bytes of the answer that are kept; the rest is read and let go. One for a client that is longer is none. */
  readonly keep: number
  /** Gives who reads the body of an answer as it comes, which is not kept then. */
  readonly reader?: ((status: number, headers: readonly string[]) => ((chunk: Uint8Array) => void) | undefined) | undefined
}

export interface HttpLine {
  send(request: HttpRequest, live: boolean): Promise<Tried>
  renew(secureContext: SecureContext): void
  close(): Promise<void>
}

/** Of an answer that nobody but us reads, so much is kept: for its message. */
export const shortAnswerBytes = 8 * 1024

/** Answers that go to a client may be this long: some 200 bytes for each document of a `_bulk` of 8 MiB. */
export const longAnswerBytes = 32 * 2 ** 20

/** As much where nothing is said of each item: hundreds of clients may wait at a time. */
export const passedAnswerBytes = 2 ** 20

/** A client that waits must not wait for another one's answer. */
const liveConnections = 256

/** Beyond it an answer is not read to its end: the connection goes. */
const drainedBytes = 2 ** 20

const nothing = new Uint8Array()

type ConnectionPool = InstanceType<typeof Pool>

/** The fault in our words. @param started the request had a connection */
function faultOf(error: unknown, started: boolean, section: string): Fault {
  const found = classifyFault(error, false, started ? undefined : false)
  const message = found.message.replace('the endpoint', 'the old side').replaceAll('emit.', `${section}.`)
  const reason = found.reason === 'tls' || found.reason === 'timeout' ? found.reason : 'connection'
  return { reason, message, sent: started && found.mayHaveArrived }
}

const latin1 = (values: readonly Uint8Array[]): string[] => values.map((value) => (value as Buffer).toString('latin1'))

/** Opens connections on first use. */
export function createHttpLine(options: Omit<HttpOldSideOptions, 'rules' | 'nowMs'>): HttpLine {
  const { origin, pathname } = new URL(options.url)
  const base = pathname.replace(/\/+$/, '')
  const section = `mirror.${options.endpoint}`
  const open = (secureContext: SecureContext | undefined) => {
    const one = (connections: number) =>
      new Pool(origin, {
        connections,
        pipelining: 1,
        allowH2: false,
        ...(secureContext === undefined ? {} : { connect: { secureContext } }),
      })
    return { queued: one(options.connections), live: one(liveConnections) }
  }
  let pools = open(options.secureContext)
  const retired = new Set<ConnectionPool>()
  const late = Object.assign(new Error(`no answer within ${options.timeoutMs} ms (${section}.timeout)`), { code: 'ETIMEDOUT' })
  let closed = false

  const send = (request: HttpRequest, live: boolean): Promise<Tried> =>
    new Promise((resolve) => {
      let controller: Dispatcher.DispatchController | undefined
      let over = false
      let status = 0
      let headers: string[] = []
      let chunks: Uint8Array[] = []
      let size = 0
      let read: ((chunk: Uint8Array) => void) | undefined
      const timer = setTimeout(() => {
        if (controller === undefined) finish({ how: 'failed', fault: faultOf(late, false, section) })
        else controller.abort(late)
      }, options.timeoutMs)
      const finish = (tried: Tried): void => {
        if (over) return
        over = true
        clearTimeout(timer)
        resolve(tried)
      }
      const answered = (): void => {
        const body = chunks.length === 0 ? nothing : chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks)
        finish({ how: 'answered', answer: { status, headers, body } })
      }
      const handler: Dispatcher.DispatchHandler = {
        onRequestStart(one) {
          // The time was over while it waited for a connection.
          if (over) one.abort(late)
          else controller = one
        },
        onResponseStart(one, code) {
          if (code < 200) return
          status = code
          // Nobody looks at those of a plain success.
          if (code < 300 && !live && request.keep <= shortAnswerBytes) return
          headers = latin1((one.rawHeaders ?? []) as unknown as Uint8Array[])
          if (live) headers = endToEnd(headers)
          read = request.reader?.(code, headers)
        },
        onResponseData(one, chunk) {
          if (read !== undefined) {
            read(chunk)
            return
          }
          size += chunk.length
          if (size <= request.keep) chunks.push(chunk)
          else if (live) {
            const message = `the answer of the old side is longer than ${request.keep} bytes`
            finish({ how: 'failed', fault: { reason: 'connection', message, sent: true } })
            one.abort(new Error(message))
          } else if (chunks.length > 0 && request.keep > shortAnswerBytes) chunks = []
          if (size > request.keep + drainedBytes) {
            // Its status stands, whatever else it has to say.
            answered()
            one.abort(new Error('the answer is too long'))
          }
        },
        onResponseEnd: answered,
        onResponseError(_one, error) {
          if (closed) finish({ how: 'stopped' })
          else finish({ how: 'failed', fault: faultOf(error, controller !== undefined, section) })
        },
      }
      const { body } = request
      const whole = body instanceof Uint8Array
      const length = whole ? undefined : request.length
      try {
        ;(live ? pools.live : pools.queued).dispatch(
          {
            method: request.method as Dispatcher.HttpMethod,
            path: base + request.target,
            headers: length === undefined ? (request.headers as string[]) : [...request.headers, 'Content-Length', String(length)],
            body: whole ? body : (body as unknown as Readable),
            headersTimeout: 0,
            bodyTimeout: 0,
          },
          handler,
        )
      } catch (error) {
        finish({ how: 'impossible', message: error instanceof Error ? error.message : String(error) })
      }
    })

  return {
    send,
    renew(secureContext) {
      if (!origin.startsWith('https:')) return
      for (const pool of [pools.queued, pools.live]) {
        retired.add(pool)
        void pool.close().finally(() => retired.delete(pool))
      }
      pools = open(secureContext)
    },
    async close() {
      closed = true
      await Promise.all([pools.queued, pools.live, ...retired].map((pool) => pool.destroy()))
    },
  }
}

/** From this length on a socket takes no more before it has written a piece to its end. */
const pieceAlone = getDefaultHighWaterMark(false)

/**
 * The bytes of a body that stands in several entries of the queue. Each is let go of when the next is asked for.
 * @param toSocket the reader hands a piece to a socket, and asks for the next when that takes more: then the memory of a long one is free
 */
export async function* piecesOf(errand: Errand, toSocket: boolean): AsyncGenerator<Uint8Array> {
  yield errand.body
  for (let at = 1; ; at++) {
    const piece = await errand.more?.(at)
    if (piece === undefined) return
    let wasAsked = false
    try {
      yield piece.body
      wasAsked = true
    } finally {
      errand.sent?.(at, toSocket && wasAsked && piece.body.length >= pieceAlone)
    }
  }
}

/** What one has to know to judge an answer to an errand. */
export function circumstances(errand: Errand, endpoint: string, rules: HeaderRules, nowMs: number): Circumstances {
  return { endpoint, auth: rules.authorization.mode, items: itemsOf(errand), ambiguous: errand.history.ambiguous, nowMs }
}

/** Everything that ended without an answer, as an outcome; undefined when there is one. */
export function judgeUnanswered(tried: Tried): Outcome | undefined {
  if (tried.how === 'answered') return undefined
  if (tried.how === 'stopped') return { class: 'stopped' }
  if (tried.how === 'failed') return judgeFault(tried.fault)
  return { class: 'poison', reason: 'internal', message: `the request cannot be written: ${tried.message}`, status: 0 }
}

/** Creates the way to an old backend that takes whole requests: Zipkin, a Jaeger collector, a receiver of remote-write. */
export function createHttpOldSide(options: HttpOldSideOptions): OldSide & Pick<HttpLine, 'renew'> {
  const { endpoint, rules } = options
  const line = createHttpLine(options)
  /** By the list received, which is the same one for requests that have the same headers; see `decodeEnvelope`. */
  const made = new WeakMap<readonly string[], string[]>()
  const queuedHeaders = ({ headers, from }: EnvelopeHead): string[] => {
    let own = made.get(headers)
    if (own === undefined) made.set(headers, (own = outgoingHeaders(headers, from, rules, false)))
    return own
  }
  return {
    exchange(errand, live) {
      const { head } = errand
      return line.send(
        {
          method: head.method,
          target: head.target,
          headers: live ? outgoingHeaders(head.headers, head.from, rules, true) : queuedHeaders(head),
          body: errand.more === undefined ? errand.body : piecesOf(errand, true),
          length: head.length,
          keep: live ? passedAnswerBytes : shortAnswerBytes,
        },
        live,
      )
    },
    judge: (errand, tried) =>
      judgeUnanswered(tried) ??
      (tried.how === 'answered' ? judgeHttp(tried.answer, circumstances(errand, endpoint, rules, options.nowMs())) : { class: 'stopped' }),
    renew: line.renew,
    close: line.close,
  }
}
