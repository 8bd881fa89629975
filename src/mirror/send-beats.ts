/** The way to an old Logstash: events as they came, in windows of our own, on one connection for each of a client. */

import type { SecureContext } from 'node:tls'
import { classifyFault } from '../emit/transport/classify.ts'
import type { OpenedEnvelope } from './envelope.ts'
import type { Errand, OldSide } from './errand.ts'
import { type LumberjackConnection, type LumberjackOptions, openLumberjack } from './lumberjack.ts'
import type { Fault, Tried } from './outcome.ts'
import { judgeUnanswered } from './send-http.ts'

export interface BeatsOldSideOptions extends Omit<LumberjackOptions, 'connectTimeoutMs' | 'countsAnew'> {
  readonly endpoint: string
}

const connectTimeoutMs = 10_000

/** Connections that nothing was sent on for so long are closed: before a Logstash does it. */
const idleMs = 30_000

/** Connections that are kept open; beyond them those go first that were used last longest ago. */
const maxConnections = 256

/** What of a request the old side has acknowledged already: whole parts, and events of the next. */
interface Memo {
  part: number
  acked: number
}

const memoOf = (errand: Errand): Memo => {
  errand.memo ??= { part: 0, acked: 0 } satisfies Memo
  return errand.memo as Memo
}

interface Kept {
  readonly connection: LumberjackConnection
  busy: boolean
  timer: NodeJS.Timeout | undefined
}

/** Events in an envelope: one, unless its head says otherwise. */
function eventsOf({ head, body }: Pick<OpenedEnvelope, 'head' | 'body'>): Uint8Array[] {
  if (head.lengths === undefined) return body.length === 0 ? [] : [body]
  let at = 0
  return head.lengths.map((length) => body.subarray(at, (at += length)))
}

const taken: Tried = { how: 'answered', answer: { status: 200, headers: [], body: new Uint8Array() } }

/** Creates it; a connection is opened with the first window of each client's. After a partial acknowledgement only the rest goes again. */
export function createBeatsOldSide(options: BeatsOldSideOptions): OldSide & { renew(secureContext: SecureContext): void } {
  const section = `mirror.${options.endpoint}`
  let { secureContext } = options
  const kept = new Map<string, Kept>()
  const opening = new Set<Promise<unknown>>()
  let closed = false
  /** What the old side is: see `LumberjackOptions`. */
  let countsAnew = false

  const drop = (lane: string): void => {
    const one = kept.get(lane)
    if (one === undefined) return
    clearTimeout(one.timer)
    kept.delete(lane)
    one.connection.close()
  }

  const connectionOf = async (lane: string): Promise<Kept> => {
    const known = kept.get(lane)
    if (known?.connection.isUsable === true && !known.busy) {
      kept.delete(lane)
      kept.set(lane, known)
      return known
    }
    if (known?.busy !== true) drop(lane)
    const promise = openLumberjack({ ...options, connectTimeoutMs, secureContext, countsAnew })
    opening.add(promise)
    const connection = await promise.finally(() => opening.delete(promise))
    const one: Kept = { connection, busy: false, timer: undefined }
    // Without an order several windows of one name may be under way: each has a connection, and the last is kept.
    kept.set(lane, one)
    for (const [name, other] of kept) {
      if (kept.size <= maxConnections) break
      if (!other.busy && other !== one) drop(name)
    }
    return one
  }

  const faultOf = (error: unknown, sent: boolean): Tried => {
    if (closed) return { how: 'stopped' }
    const found = classifyFault(error, false, sent)
    const message = found.message.replace('the endpoint', 'the old side').replaceAll('emit.', `${section}.`)
    const reason: Fault['reason'] = found.reason === 'tls' || found.reason === 'timeout' ? found.reason : 'connection'
    return { how: 'failed', fault: { reason, message, sent } }
  }

  /** A window for each part; what was acknowledged does not go again. */
  const sendParts = async (errand: Errand, memo: Memo, connection: LumberjackConnection): Promise<void> => {
    for (;;) {
      const part = memo.part === 0 ? errand : await errand.more?.(memo.part)
      if (part === undefined) return
      const before = memo.acked
      await connection.send(eventsOf(part).slice(before), (acked) => (memo.acked = before + acked))
      // It was copied, and its window is acknowledged.
      errand.sent?.(memo.part, true)
      memo.part++
      memo.acked = 0
    }
  }

  const exchange = async (errand: Errand): Promise<Tried> => {
    const memo = memoOf(errand)
    const lane = errand.head.lane || errand.head.from
    let one: Kept
    try {
      one = await connectionOf(lane)
    } catch (error) {
      return faultOf(error, false)
    }
    if (closed) {
      one.connection.close()
      return { how: 'stopped' }
    }
    clearTimeout(one.timer)
    one.busy = true
    try {
      await sendParts(errand, memo, one.connection)
      one.busy = false
      if (kept.get(lane) === one) one.timer = setTimeout(() => drop(lane), idleMs).unref()
      else one.connection.close()
      return taken
    } catch (error) {
      one.busy = false
      one.connection.close()
      countsAnew ||= one.connection.seemsToCount
      if (kept.get(lane) === one) kept.delete(lane)
      return faultOf(error, true)
    }
  }

  return {
    exchange,
    judge: (_errand, tried) => judgeUnanswered(tried) ?? { class: 'delivered' },
    doubles(errand) {
      const { part, acked } = memoOf(errand)
      let items = 0
      for (const one of errand.parts.slice(part)) items += one.items
      return Math.max(0, items - acked)
    },
    closed(lane) {
      if (kept.get(lane)?.busy === false) drop(lane)
    },
    renew(context) {
      secureContext = context
      for (const [lane, { busy }] of kept) if (!busy) drop(lane)
    },
    async close() {
      closed = true
      for (const lane of [...kept.keys()]) drop(lane)
      await Promise.allSettled(opening)
    },
  }
}
