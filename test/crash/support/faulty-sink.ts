/** An OTLP/HTTP endpoint that fails on purpose and remembers every span id (or what else is read), how often and in which order it came. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { onTestFinished } from 'vitest'
import { decodeTraces } from '../../../src/otlp/decode/traces.ts'
import { closeNow, listenLocally } from '../../support/local-server.ts'
import { officialDecode } from '../../support/official-otlp.ts'
import { spanKey } from './ledger.ts'

/** How one request fails. What is taken counts as arrived although the bridge never hears of it. */
export const faultKinds = [
  'refuse unread',
  'refuse read',
  'take and refuse',
  'reset unread',
  'take and reset',
  'take and hang',
  'slow',
] as const

export type FaultKind = (typeof faultKinds)[number]

/** How often each confirmed span came again is told apart by what came between. */
export interface Repeats {
  /** Spans that came again although none of their earlier arrivals was confirmed: the sink's own doing. */
  readonly unconfirmed: number
  /** Spans that came again after a confirmation shortly before a kill: the removal was not stored yet. */
  readonly afterKill: number
  /** The longest time between a confirmation and the kill after which the span came again. */
  readonly longestBeforeKillMs: number
  /** Spans that came again for no reason that the sink knows. */
  readonly unexplained: number
}

/** What is read out of requests. */
export interface Reading<K> {
  keysOf(body: Buffer): readonly K[]
  /** How many keys another decoder sees. */
  countOf(body: Buffer): number
}

export interface FaultySinkOf<K> {
  readonly url: string
  /** Keys of spans in the order of their first arrival. */
  readonly order: readonly K[]
  has(key: K): boolean
  readonly unique: number
  repeats(): Repeats
  /** Requests by what was done to them. */
  readonly requests: Readonly<Record<string, number>>
  /** Spans in requests that are here and not answered. */
  spansOpen(): number
  /** Requests whose number of spans the official messages see otherwise. */
  readonly miscounted: number
  /** `ok`: confirms all; `half`: every second request fails; `down`: 503 to all; a kind: all fail so. */
  mode: 'ok' | 'half' | 'down' | FaultKind
  /** How long a confirmation takes in mode `ok`, in milliseconds. */
  delayMs: number
  /** Says that the bridge is killed now. */
  killed(): void
  /** Connections are refused until `open`, on the same port. */
  shut(): Promise<void>
  open(): Promise<void>
}

export type FaultySink = FaultySinkOf<number>

interface Arrival {
  confirmedMs: number | undefined
}

const slowMs = 150

/** A confirmation longer than this before a kill must have been stored: removals wait 25 ms for company, the rest is a slow machine. */
const settleWithinMs = 1500

const spansOf = (body: Buffer): number[] => {
  const keys: number[] = []
  for (const { scopeSpans } of decodeTraces(body).resourceSpans) {
    for (const { spans } of scopeSpans) for (const { span0, span1 } of spans) keys.push(spanKey(span0, span1))
  }
  return keys
}

interface Decoded {
  readonly resourceSpans?: readonly { readonly scopeSpans?: readonly { readonly spans?: readonly unknown[] }[] }[]
}

const officialCount = (body: Buffer): number =>
  ((officialDecode(body) as Decoded).resourceSpans ?? []).reduce(
    (sum, { scopeSpans = [] }) => sum + scopeSpans.reduce((inner, { spans = [] }) => inner + spans.length, 0),
    0,
  )

const answer = (response: ServerResponse, status: number): void =>
  void response.writeHead(status, { 'content-type': 'application/x-protobuf', 'content-length': 0 }).end()

/** Starts one for spans. */
export const startFaultySink = (random: () => number = Math.random): Promise<FaultySink> =>
  startFaultySinkOf({ keysOf: spansOf, countOf: officialCount }, random)

/** Starts it on a free port of 127.0.0.1; it is closed when the test ends. */
export async function startFaultySinkOf<K>({ keysOf, countOf }: Reading<K>, random: () => number): Promise<FaultySinkOf<K>> {
  const arrivals = new Map<K, Arrival>()
  const order: K[] = []
  const requests: Record<string, number> = {}
  const state = {
    mode: 'ok' as FaultySink['mode'],
    delayMs: 0,
    miscounted: 0,
    get unique() {
      return arrivals.size
    },
  }
  const repeats = { unconfirmed: 0, afterKill: 0, longestBeforeKillMs: 0, unexplained: 0 }
  let failNext = false
  let killedMs = 0
  let seen = 0
  let spansOpen = 0

  const repeated = ({ confirmedMs }: Arrival): void => {
    if (confirmedMs === undefined) repeats.unconfirmed++
    else if (Math.abs(killedMs - confirmedMs) < settleWithinMs) {
      repeats.afterKill++
      repeats.longestBeforeKillMs = Math.max(repeats.longestBeforeKillMs, Math.round(killedMs - confirmedMs))
    } else repeats.unexplained++
  }

  const take = (body: Buffer): Arrival[] => {
    const keys = keysOf(body)
    if (seen++ % 20 === 0 && countOf(body) !== keys.length) state.miscounted++
    return keys.map((key) => {
      let arrival = arrivals.get(key)
      if (arrival === undefined) {
        arrivals.set(key, (arrival = { confirmedMs: undefined }))
        order.push(key)
      } else {
        repeated(arrival)
        // From here on it is this arrival that counts.
        arrival.confirmedMs = undefined
      }
      return arrival
    })
  }

  const choose = (): FaultKind | 'ok' | 'down' => {
    if (state.mode !== 'half') return state.mode
    failNext = !failNext
    return failNext ? (faultKinds[Math.floor(random() * faultKinds.length)] as FaultKind) : 'ok'
  }

  const confirm = (response: ServerResponse, taken: readonly Arrival[], delay: number): void => {
    spansOpen += taken.length
    response.once('close', () => {
      spansOpen -= taken.length
      if (!response.writableFinished) return
      const now = performance.now()
      for (const arrival of taken) arrival.confirmedMs = now
    })
    if (delay === 0) answer(response, 200)
    else if (Number.isFinite(delay)) setTimeout(() => answer(response, 200), delay)
  }

  const onBody = (what: FaultKind | 'ok', request: IncomingMessage, response: ServerResponse, body: Buffer): void => {
    switch (what) {
      case 'refuse read':
        answer(response, 503)
        break
      case 'take and refuse':
        take(body)
        answer(response, 503)
        break
      case 'take and reset':
        take(body)
        request.socket.resetAndDestroy()
        break
      case 'take and hang':
        confirm(response, take(body), Number.POSITIVE_INFINITY)
        break
      default:
        confirm(response, take(body), what === 'slow' ? slowMs : state.delayMs)
    }
  }

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const what = choose()
    requests[what] = (requests[what] ?? 0) + 1
    request.on('error', () => {})
    if (what === 'refuse unread' || what === 'down') {
      answer(response, 503)
      request.resume()
      return
    }
    if (what === 'reset unread') {
      request.socket.resetAndDestroy()
      return
    }
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => onBody(what, request, response, Buffer.concat(parts)))
  }

  let server: Server | undefined
  let port = 0
  const open = async (): Promise<void> => {
    server = createServer(onRequest)
    port = await listenLocally(server, port)
  }
  const shut = async (): Promise<void> => {
    const was = server
    server = undefined
    if (was !== undefined) await closeNow(was)
  }
  await open()
  onTestFinished(shut)

  return Object.assign(state, {
    url: `http://127.0.0.1:${port}`,
    order,
    has: (key: K) => arrivals.has(key),
    repeats: () => ({ ...repeats }),
    requests,
    spansOpen: () => spansOpen,
    killed() {
      killedMs = performance.now()
    },
    shut,
    open,
  })
}
