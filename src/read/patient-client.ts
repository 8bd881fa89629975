/**
 * HTTP to a store whose whole history is read: connections are kept, and what passes is waited out for ever. Told of each wait, so that whoever
 * sets the pace can slow down; ends only for what does not pass.
 */

import type { SecureContext } from 'node:tls'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import requestFrom from 'undici/lib/api/api-request.js'
// The parts that are needed: the package's entry brings fetch, WebSocket and caches along.
import Pool from 'undici/lib/dispatcher/pool.js'
import { classifyFault, retryAfterMs } from '../emit/transport/classify.ts'
import { BridgeError, isBridgeError } from '../errors.ts'
import { wholeBody } from './answer-body.ts'

export interface PatientRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE' | 'HEAD'
  /** Below the client's URL, with a leading slash. */
  readonly path: string
  /** Repeated keys are allowed; undefined values are left out. */
  readonly query?: readonly (readonly [string, string | number | undefined])[]
  readonly headers?: Readonly<Record<string, string>>
  /** Texts are JSON unless `headers` has another `content-type`. */
  readonly body?: string | Uint8Array
  /** Statuses besides 2xx that are answers: 404 for an index that is not there. They are not waited out either. */
  readonly accept?: readonly number[]
  /** The same by what the body says, asked for every other status; what is not an answer is waited out or thrown. */
  readonly isAnswer?: ((status: number, body: Buffer) => boolean) | undefined
  /** How often it is asked at most, for what may be left undone: closing something. Then it rejects with OB_SOURCE. */
  readonly tries?: number
}

export interface PatientAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Inflated. */
  readonly body: Buffer
}

/** An answer whose body comes in pieces, inflated by nobody: `accept-encoding` is not sent. */
export interface PatientStream extends Omit<PatientAnswer, 'body'> {
  readonly body: AsyncIterable<Uint8Array>
}

export interface PatientClient {
  /** For messages: scheme, host, port and path, without user, password and query. */
  readonly name: string
  /**
   * The whole answer. Waits out 429, 502, 503, 504, time-outs and broken connections, for ever once the store has answered at all. Rejects with
   * OB_STOPPING when aborted; with OB_SOURCE for every other status, its message beginning with a word: `unauthorised` (401, 403), `too_large`
   * (an answer beyond {@link PatientOptions.maxBytes}), `source_error`.
   */
  send(request: PatientRequest, abort: AbortSignal): Promise<PatientAnswer>
  /** The same, parsed; undefined for an accepted status that is not 2xx. */
  json(request: PatientRequest, abort: AbortSignal): Promise<unknown>
  /** The same, as it comes and without a limit. What breaks behind the status is for the reader: it is thrown as it is. */
  stream(request: PatientRequest, abort: AbortSignal): Promise<PatientStream>
  close(): Promise<void>
}

export interface PatientOptions {
  /** With a path that all requests are below. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly secureContext?: SecureContext | undefined
  /** Of one request, until its answer is whole (`stream`: until it begins). */
  readonly timeoutMs: number
  /** Of an answer, as it comes and inflated. */
  readonly maxBytes: number
  /** Asks for gzip: worth it on a slow line alone, for it costs both sides more than reading does. */
  readonly compress: boolean
  /** At once; more wait. */
  readonly connections: number
}

export interface PatientDeps {
  readonly nowMs: () => number
  /** What the store says about its load. @param retryAfterMs 0: it did not say */
  readonly distress: (reason: string, retryAfterMs: number) => void
  /** Rejects with OB_STOPPING when the run stops. */
  readonly sleep: (ms: number) => Promise<void>
}

const passing: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** A store that has not answered once is a wrong address sooner than a passing fault. */
const firstTries = 4
const firstPauseMs = 500
const longestPauseMs = 30_000

const gunzipAsync = promisify(gunzip)

const headerOf = (headers: PatientAnswer['headers'], name: string): string | undefined => {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

/** The start of an error page, without what could move a terminal's cursor. */
const excerpt = (body: Uint8Array): string =>
  Buffer.from(body.subarray(0, 600))
    .toString()
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, 300)

/** OB_SOURCE with its word in front. @param word `vanished`, `partial_results`, `unauthorised`, `too_large`, `source_error` … */
export const sourceFault = (word: string, message: string, place = '', cause?: unknown): BridgeError =>
  new BridgeError('OB_SOURCE', `${word}: ${message}`, { place, cause })

/** The word of an OB_SOURCE; '' for others. */
export const faultWord = (error: unknown): string =>
  isBridgeError(error) && error.code === 'OB_SOURCE' ? (/^([a-z_]+): /.exec(error.message)?.[1] ?? 'source_error') : ''

const stopping = (): BridgeError => new BridgeError('OB_STOPPING', 'cannot read on: the run is stopping')

/** Its words for a fault of the connection. */
const wordsOf = (error: unknown): { readonly reason: string; readonly text: string } => {
  const found = classifyFault(error)
  const text = found.message.replace('cannot reach the endpoint: ', '').replaceAll('emit.tls.', '--').replaceAll('emit.endpoint', '--url')
  return { reason: found.reason, text }
}

/** Opens connections on first use and keeps them. Redirects are not followed. */
export function createPatientClient(options: PatientOptions, deps: PatientDeps): PatientClient {
  const { origin, pathname } = new URL(options.url)
  const base = pathname.replace(/\/+$/, '')
  const name = `${origin}${base}`
  const { secureContext, timeoutMs, maxBytes } = options
  const pool = new Pool(origin, {
    connections: options.connections,
    pipelining: 1,
    allowH2: false,
    ...(secureContext === undefined ? {} : { connect: { secureContext } }),
  })
  let hasAnswered = false

  const failed = (word: string, path: string, cause: string, error?: unknown): BridgeError =>
    sourceFault(word, `cannot read ${name}${path}: ${cause}`, path, error)

  const begin = (request: PatientRequest, signal: AbortSignal, compress: boolean) => {
    const query = new URLSearchParams()
    for (const [key, value] of request.query ?? []) if (value !== undefined) query.append(key, String(value))
    return requestFrom.call(pool, {
      method: request.method ?? (request.body === undefined ? 'GET' : 'POST'),
      path: `${base}${request.path}${query.size === 0 ? '' : `?${query}`}`,
      headers: {
        accept: 'application/json',
        ...(compress ? { 'accept-encoding': 'gzip' } : {}),
        ...(typeof request.body === 'string' ? { 'content-type': 'application/json' } : {}),
        ...options.headers,
        ...request.headers,
      },
      body: request.body ?? null,
      signal,
      // The time limit of the whole request is ours.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  }

  const tooLarge = (path: string): BridgeError =>
    failed('too_large', path, `the answer is larger than ${Math.round(maxBytes / 2 ** 20)} MiB`)

  const bodyOf = async (path: string, { headers, body }: Awaited<ReturnType<typeof begin>>): Promise<Buffer> => {
    const declared = Number(headerOf(headers, 'content-length') ?? 0)
    const plain = await wholeBody(body, declared, maxBytes, () => tooLarge(path))
    if (!/gzip/i.test(headerOf(headers, 'content-encoding') ?? '')) return plain
    try {
      return await gunzipAsync(plain, { maxOutputLength: maxBytes })
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(path)
      throw error
    }
  }

  /** One time limit, one abort. */
  const timed = async <T>(abort: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const own = new AbortController()
    const stop = (): void => own.abort(stopping())
    const timer = setTimeout(
      () => own.abort(Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEDOUT' })),
      timeoutMs,
    )
    abort.addEventListener('abort', stop, { once: true })
    try {
      return await work(own.signal)
    } catch (error) {
      throw own.signal.aborted ? own.signal.reason : error
    } finally {
      clearTimeout(timer)
      abort.removeEventListener('abort', stop)
    }
  }

  /** Tries until there is a status that counts. @param read what of the answer is wanted @param whole the same of one that `isAnswer` took */
  const patiently = async <T>(
    request: PatientRequest,
    abort: AbortSignal,
    compress: boolean,
    read: (answer: Awaited<ReturnType<typeof begin>>) => Promise<T>,
    whole: (answer: PatientAnswer) => T | undefined,
  ): Promise<T> => {
    const { path } = request
    for (let attempt = 0; ; attempt++) {
      if (abort.aborted) throw stopping()
      let reason: string
      let waitMs = 0
      try {
        const outcome = await timed(abort, async (signal) => {
          const answer = await begin(request, signal, compress)
          const { statusCode: status, headers } = answer
          if ((status >= 200 && status < 300) || request.accept?.includes(status) === true) return { value: await read(answer) }
          const body = await bodyOf(path, answer)
          const told = request.isAnswer?.(status, body) === true ? whole({ status, headers, body }) : undefined
          return { status, told, said: excerpt(body), waitMs: retryAfterMs(headerOf(headers, 'retry-after'), deps.nowMs()) }
        })
        hasAnswered = true
        if ('value' in outcome) return outcome.value
        const { status, said, told } = outcome
        if (told !== undefined) return told
        if (!passing.has(status)) {
          const word = status === 401 || status === 403 ? 'unauthorised' : status === 413 ? 'too_large' : 'source_error'
          throw failed(word, path, `status ${status}${said === '' ? '' : ` ${said}`}`)
        }
        reason = `http_${status}`
        waitMs = outcome.waitMs
      } catch (error) {
        if (isBridgeError(error)) throw error
        const { reason: fault, text } = wordsOf(error)
        // A certificate that is not trusted does not become so by waiting.
        if (!hasAnswered && (fault === 'tls' || attempt + 1 >= firstTries)) throw failed('source_error', path, text, error)
        reason = fault
      }
      if (request.tries !== undefined && attempt + 1 >= request.tries) throw failed('source_error', path, reason)
      deps.distress(reason, waitMs)
      await deps.sleep(Math.max(waitMs, Math.min(firstPauseMs * 2 ** Math.min(attempt, 10), longestPauseMs)))
    }
  }

  const send = (request: PatientRequest, abort: AbortSignal): Promise<PatientAnswer> =>
    patiently<PatientAnswer>(
      request,
      abort,
      options.compress,
      async (answer) => ({ status: answer.statusCode, headers: answer.headers, body: await bodyOf(request.path, answer) }),
      (answer) => answer,
    )

  return {
    name,
    send,
    async json(request, abort) {
      const { status, body } = await send(request, abort)
      if (status < 200 || status >= 300) return undefined
      try {
        return JSON.parse(body.toString())
      } catch (error) {
        throw failed('source_error', request.path, `the answer is not JSON: ${excerpt(body)}`, error)
      }
    },
    async stream(request, abort) {
      const answer = await patiently(
        request,
        abort,
        false,
        (one) => Promise.resolve(one),
        () => undefined,
      )
      // The abort of the beginning is gone: what is read later is ended by it as well.
      const stop = (): void => void answer.body.on('error', () => {}).destroy(stopping())
      abort.addEventListener('abort', stop, { once: true })
      answer.body.once('close', () => abort.removeEventListener('abort', stop))
      return { status: answer.statusCode, headers: answer.headers, body: answer.body }
    },
    close: () => pool.destroy(),
  }
}
