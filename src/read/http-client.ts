/**
 * Reads from a backend that others work with: few requests a second, few at once, slower when it suffers, and an end to all of it (cutover 3.9).
 * Nothing here writes: GET, and POST for searches.
 */

import { BridgeError } from '../errors.ts'

export interface HttpRequest {
  readonly method?: 'GET' | 'POST'
  /** Below the client's URL, with a leading slash. */
  readonly path: string
  /** Repeated keys are allowed; undefined values are left out. */
  readonly query?: readonly (readonly [string, string | number | undefined])[]
  readonly headers?: Readonly<Record<string, string>>
  /** JSON or form text of a POST. */
  readonly body?: string
  /** Statuses besides 2xx that are answers: 404 for an id that is not there. */
  readonly accept?: readonly number[]
}

export interface HttpResponse {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
}

export interface HttpCost {
  requests: number
  bytes: number
  seconds: number
}

export interface HttpClient {
  /** For messages: without user, password and query. */
  readonly name: string
  readonly cost: HttpCost
  /**
   * Waits for its turn, asks, and reads the whole answer. 429 and 503 are asked again, after what `Retry-After` says, three times at most.
   * Rejects with OB_BACKEND when there is no answer in time or a status that was not accepted, with OB_PARITY when the budget is used up.
   */
  send(request: HttpRequest): Promise<HttpResponse>
  /** The same, parsed. Rejects with OB_BACKEND when it is not JSON. Undefined for an accepted status that is not 2xx. */
  json(request: HttpRequest): Promise<unknown>
}

/** What all requests of a run may cost together. */
export interface HttpBudget {
  /** Asked before each request: how many bytes are left. Throws OB_PARITY when requests, bytes or time are used up. */
  left(): number
  spend(requests: number, bytes: number): void
}

export interface HttpClientOptions {
  /** With a path that all requests are below; user and password become Basic authentication. */
  readonly url: string
  /** Requests a second. */
  readonly rate: number
  readonly concurrent: number
  readonly timeoutMs: number
  readonly headers?: Readonly<Record<string, string>>
  readonly budget: HttpBudget
}

export interface HttpClientDeps {
  readonly fetch: typeof fetch
  readonly monotonicMs: () => number
  readonly sleep: (ms: number) => Promise<void>
  readonly signal: AbortSignal
}

const tries = 3
/** A latency above this many times the usual one says that the backend suffers. */
const slow = 3
/** Answers this fast say nothing about a backend's load. */
const fastMs = 100
const remembered = 21
/** A large answer takes its time on an idle backend, too: latency counts by pieces of this many bytes. */
const pieceBytes = 65_536
/** The rate never falls below this part of what was asked for: a request in 4 s by default. */
const slowest = 20
/** After this many good answers the rate grows again. */
const goodInARow = 10
const longestPauseMs = 30_000

/** The rate of requests: halved when the backend suffers, never below a twentieth; grows back by a quarter. */
export interface Pace {
  /** Milliseconds between two requests. */
  readonly intervalMs: number
  /** @param bytes of the answer */
  answered(tookMs: number, bytes: number): void
  refused(): void
}

export function createPace(rate: number): Pace {
  const latencies: number[] = []
  let now = rate
  let good = 0
  const halve = (): void => {
    now = Math.max(now / 2, rate / slowest)
    good = 0
  }
  return {
    get intervalMs() {
      return 1000 / now
    },
    answered(tookMs, bytes) {
      const latencyMs = tookMs / Math.max(1, bytes / pieceBytes)
      const median = [...latencies].sort((a, b) => a - b)[latencies.length >> 1] ?? 0
      const suffers = latencies.length >= 5 && latencyMs > fastMs && latencyMs > slow * median
      latencies.push(latencyMs)
      if (latencies.length > remembered) latencies.shift()
      if (suffers) {
        halve()
        return
      }
      if (++good < goodInARow || now >= rate) return
      good = 0
      now = Math.min(rate, now * 1.25)
    },
    refused: halve,
  }
}

export interface BudgetLimits {
  readonly requests: number
  readonly bytes: number
  readonly timeMs: number
}

/** One budget for both sides of a run; its time runs from now. */
export function createBudget(limits: BudgetLimits, monotonicMs: () => number): HttpBudget {
  const startMs = monotonicMs()
  let requests = 0
  let bytes = 0
  const over = (what: string): never => {
    throw new BridgeError('OB_PARITY', `cannot ask on: the budget of ${what} is used up`)
  }
  return {
    left() {
      if (requests >= limits.requests) over(`${limits.requests} requests`)
      if (bytes >= limits.bytes) over(`${Math.round(limits.bytes / 2 ** 20)} MiB`)
      if (monotonicMs() - startMs >= limits.timeMs) over(`${Math.round(limits.timeMs / 1000)} s`)
      return limits.bytes - bytes
    },
    spend(moreRequests, moreBytes) {
      requests += moreRequests
      bytes += moreBytes
    },
  }
}

/** Seconds or a date, as milliseconds from now; 1 s when the header says nothing. */
function pauseOf(headers: Headers, attempt: number): number {
  const given = headers.get('retry-after') ?? ''
  const seconds = /^\d+$/.test(given) ? Number(given) : 2 ** attempt
  return Math.min(seconds * 1000, longestPauseMs)
}

async function readBody(answer: Response, most: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of answer.body ?? []) {
    size += piece.length
    // Leaving the loop cancels what is still to come.
    if (size > most) throw new BridgeError('OB_PARITY', 'cannot ask on: an answer is larger than what is left of the budget of bytes')
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

/** The start of an error page, without what could move a terminal's cursor. */
const excerpt = (body: Uint8Array): string =>
  Buffer.from(body.subarray(0, 300))
    .toString()
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, 160)

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message
}

export function createHttpClient(options: HttpClientOptions, deps: HttpClientDeps): HttpClient {
  const { budget } = options
  const base = new URL(options.url)
  const headers: Record<string, string> = { ...options.headers }
  if (base.username !== '') {
    const user = `${decodeURIComponent(base.username)}:${decodeURIComponent(base.password)}`
    headers['authorization'] = `Basic ${Buffer.from(user).toString('base64')}`
  }
  const prefix = `${base.origin}${base.pathname.replace(/\/+$/, '')}`
  const pace = createPace(options.rate)
  const cost: HttpCost = { requests: 0, bytes: 0, seconds: 0 }
  const waiting: (() => void)[] = []
  let running = 0
  let nextMs = 0

  const enter = async (): Promise<void> => {
    if (running < options.concurrent) running++
    else await new Promise<void>((go) => waiting.push(go))
  }
  const leave = (): void => {
    const next = waiting.shift()
    if (next === undefined) running--
    else next()
  }
  const turn = async (): Promise<void> => {
    const now = deps.monotonicMs()
    const at = Math.max(now, nextMs)
    nextMs = at + pace.intervalMs
    if (at > now) await deps.sleep(at - now)
  }

  const failed = (path: string, cause: string, error?: unknown): BridgeError =>
    new BridgeError('OB_BACKEND', `cannot read ${prefix}${path}: ${cause}`, error === undefined ? {} : { cause: error })

  const once = async (request: HttpRequest): Promise<HttpResponse> => {
    const query = new URLSearchParams()
    for (const [key, value] of request.query ?? []) if (value !== undefined) query.append(key, String(value))
    const search = query.size === 0 ? '' : `?${query}`
    const left = budget.left()
    const startMs = deps.monotonicMs()
    let bytes = 0
    cost.requests++
    budget.spend(1, 0)
    try {
      const answer = await deps.fetch(`${prefix}${request.path}${search}`, {
        method: request.method ?? 'GET',
        redirect: 'manual',
        headers: {
          accept: 'application/json',
          ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
          ...request.headers,
        },
        body: request.body ?? null,
        signal: AbortSignal.any([deps.signal, AbortSignal.timeout(options.timeoutMs)]),
      })
      const body = await readBody(answer, left)
      bytes = body.length
      cost.bytes += bytes
      budget.spend(0, body.length)
      return { status: answer.status, headers: answer.headers, body }
    } catch (error) {
      deps.signal.throwIfAborted()
      if (error instanceof BridgeError) {
        budget.spend(0, left)
        throw error
      }
      const late = error instanceof Error && error.name === 'TimeoutError'
      throw failed(request.path, late ? `no answer within ${options.timeoutMs} ms` : reasonOf(error), error)
    } finally {
      const tookMs = deps.monotonicMs() - startMs
      cost.seconds += tookMs / 1000
      pace.answered(tookMs, bytes)
    }
  }

  const send = async (request: HttpRequest): Promise<HttpResponse> => {
    await enter()
    try {
      for (let attempt = 0; ; attempt++) {
        await turn()
        const response = await once(request)
        const { status } = response
        if ((status >= 200 && status < 300) || request.accept?.includes(status) === true) return response
        const busy = status === 429 || status === 503
        if (busy) pace.refused()
        if (!busy || attempt + 1 >= tries) throw failed(request.path, `status ${status} ${excerpt(response.body)}`.trimEnd())
        await deps.sleep(pauseOf(response.headers, attempt))
      }
    } finally {
      leave()
    }
  }

  return {
    name: prefix,
    cost,
    send,
    async json(request) {
      const { status, body } = await send(request)
      if (status < 200 || status >= 300) return undefined
      try {
        return JSON.parse(Buffer.from(body).toString())
      } catch (error) {
        throw failed(request.path, `the answer is not JSON: ${excerpt(body)}`, error)
      }
    },
  }
}
