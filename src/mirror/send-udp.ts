/** The way to an old agent: datagrams as they came, one for one; or what is in them, to an old collector over HTTP. */

import { createSocket, type Socket } from 'node:dgram'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Errand, OldSide } from './errand.ts'
import { sendsFrom } from './loop.ts'
import { judgeHttp, type Outcome, type Tried } from './outcome.ts'
import { circumstances, createHttpLine, type HttpLine, type HttpOldSideOptions, judgeUnanswered, shortAnswerBytes } from './send-http.ts'
import { type ReframedBatch, reframeDatagram } from './thrift-http.ts'

export interface UdpOldSideOptions {
  /** `udp://host:port` */
  readonly url: string
  /** Larger datagrams are left out. */
  readonly maxPacketSize: number
  /** `mirror.jaeger.compact` */
  readonly name: string
  readonly metrics: Metrics
}

/** Datagrams in an envelope: one, unless its head says otherwise. */
function datagramsOf({ head, body }: Errand): Uint8Array[] {
  if (head.lengths === undefined) return [body]
  let at = 0
  return head.lengths.map((length) => body.subarray(at, (at += length)))
}

/** A code of the system, or what was said. */
const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : error.message)

/** The buffer of the socket is full: what the network cannot take now. */
const passing: ReadonlySet<string> = new Set(['ENOBUFS', 'EAGAIN', 'EWOULDBLOCK', 'ENOMEM', 'EAI_AGAIN'])

/**
 * Creates it. There is no answer to a datagram: what was handed to the network counts as sent. That nobody listens there is heard a moment later, for
 * an agent on the same machine, and counted as `old_unreachable`.
 */
export function createUdpOldSide(options: UdpOldSideOptions): OldSide {
  const { hostname, port } = new URL(options.url.replace(/^udp:/, 'http:'))
  const host = hostname.replace(/^\[|\]$/g, '')
  const skipped = (reason: string): { value: number } =>
    options.metrics.counter('otlp_bridge_mirror_skipped_total', { destination: options.name, reason })
  let opening: Promise<Socket> | undefined
  let closed = false

  /** Connected, so that the system tells us when nobody listens. */
  const open = (): Promise<Socket> => {
    opening ??= new Promise<Socket>((resolve, reject) => {
      const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
      let forget = (): void => {}
      const failed = (error: Error): void => {
        opening = undefined
        socket.close()
        reject(error)
      }
      socket.once('error', failed)
      socket.once('close', () => forget())
      // 80 is what a URL of http leaves out.
      socket.connect(Number(port || 80), host, () => {
        socket.off('error', failed)
        socket.on('error', (error) => {
          if (codeOf(error) === 'ECONNREFUSED') skipped('old_unreachable').value++
        })
        forget = sendsFrom(socket.address().port)
        resolve(socket)
      })
    })
    return opening
  }

  const sendOne = (socket: Socket, datagram: Uint8Array): Promise<string | undefined> =>
    new Promise((resolve) => socket.send(datagram, (error) => resolve(error === null ? undefined : codeOf(error))))

  const send = async (errand: Errand): Promise<Outcome> => {
    let socket: Socket
    try {
      socket = await open()
    } catch (error) {
      if (closed) return { class: 'stopped' }
      const message = `cannot reach the old agent: ${error instanceof Error ? error.message : String(error)}`
      return { class: 'transient', reason: 'connection', message, status: 0, waitMs: 0, ambiguous: false }
    }
    const datagrams = datagramsOf(errand)
    // After a try that could not send all of them, the rest goes.
    for (let at = typeof errand.memo === 'number' ? errand.memo : 0; at < datagrams.length; at++) {
      const datagram = datagrams[at] as Uint8Array
      if (datagram.length > options.maxPacketSize) {
        skipped('too_large_old').value++
        continue
      }
      let failure = await sendOne(socket, datagram)
      // What it says is about an earlier datagram, and was counted or is now; this one did not go.
      if (failure === 'ECONNREFUSED') {
        skipped('old_unreachable').value++
        failure = await sendOne(socket, datagram)
      }
      if (failure === undefined) continue
      if (failure === 'EMSGSIZE') skipped('too_large_old').value++
      else if (failure === 'ECONNREFUSED') skipped('old_unreachable').value++
      else if (closed) return { class: 'stopped' }
      else {
        errand.memo = at
        const message = `cannot send to the old agent: ${failure}`
        const busy = passing.has(failure)
        return { class: 'transient', reason: failure.toLowerCase(), message, status: 0, waitMs: 0, ambiguous: false, progress: busy }
      }
    }
    return { class: 'delivered', sent: true }
  }

  /** The outcome of the send stands in for what would have been said on the wire. */
  const outcomes = new WeakMap<Errand, Outcome>()
  const nothing: Tried = { how: 'stopped' }
  return {
    async exchange(errand) {
      outcomes.set(errand, await send(errand))
      return nothing
    },
    judge: (errand) => outcomes.get(errand) ?? { class: 'stopped' },
    doubles: () => 0,
    async close() {
      closed = true
      const socket = await opening?.catch(() => undefined)
      opening = undefined
      if (socket !== undefined) await new Promise<void>((resolve) => socket.close(() => resolve()))
    },
  }
}

/** As {@link createUdpOldSide}, over HTTP to an old collector: the same content, other bytes. Each datagram is a request; an envelope is over when all are. */
export function createReframingOldSide(options: HttpOldSideOptions & { readonly metrics: Metrics }): OldSide & Pick<HttpLine, 'renew'> {
  const line = createHttpLine(options)
  const skipped = options.metrics.counter('otlp_bridge_mirror_skipped_total', {
    destination: `mirror.${options.endpoint}`,
    reason: 'undecodable',
  })
  const { rules } = options
  const own = ['Via', rules.via, ...(rules.authorization.value === undefined ? [] : ['Authorization', rules.authorization.value])]

  const request = ({ method, body }: ReframedBatch) => {
    const zipkin = method === 'emitZipkinBatch'
    const target = zipkin ? '/api/v1/spans' : '/api/traces?format=jaeger.thrift'
    return { method: 'POST', target, headers: ['Content-Type', 'application/x-thrift', ...own], body, keep: shortAnswerBytes }
  }

  const sent: Tried = { how: 'answered', answer: { status: 202, headers: [], body: new Uint8Array() } }
  return {
    async exchange(errand) {
      const datagrams = datagramsOf(errand)
      for (let at = typeof errand.memo === 'number' ? errand.memo : 0; at < datagrams.length; at++) {
        errand.memo = at
        let batch: ReframedBatch
        try {
          batch = reframeDatagram(datagrams[at] as Uint8Array)
        } catch {
          skipped.value++
          continue
        }
        const tried = await line.send(request(batch), false)
        if (tried.how !== 'answered' || tried.answer.status >= 300) return tried
      }
      return sent
    },
    judge: (errand, tried) =>
      judgeUnanswered(tried) ??
      (tried.how === 'answered'
        ? judgeHttp(tried.answer, circumstances(errand, options.endpoint, rules, options.nowMs()))
        : { class: 'stopped' }),
    renew: line.renew,
    close: line.close,
  }
}
