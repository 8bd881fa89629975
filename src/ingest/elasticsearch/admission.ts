/** A request and the full queue: how long it waits for room, and how it is let go when there is none. Section 2 of the page on shippers. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { BridgeError } from '../../errors.ts'
import { headerOf } from '../exchange.ts'
import { asBridgeError } from '../receive.ts'
import { type Answer, createCloseTimes, type Patience, patienceFor } from './back-pressure.ts'
import type { ElasticsearchConfig } from './config.ts'
import type { Hold } from './hold.ts'

/** The sender of one request. */
export interface Client {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** When it began to wait; undefined while it has not. All its waits together are bounded. */
  since: number | undefined
  patience: Patience | undefined
}

/** How a wait ended: there is room (or another error, which trying again will show), there is none, or nobody waits any more. */
export type Room = 'room' | 'none' | 'gone'

export interface Admission {
  client(request: IncomingMessage, response: ServerResponse): Client
  /** Waits for room, as long as this client may. @param bytes that it holds meanwhile */
  wait(client: Client, bytes: number): Promise<Room>
  /** What the client is told now that there was no room. */
  answer(client: Client): Answer
  /**
   * Closes the connection without an answer, in its turn; `room` when there was some before that. The request has not been answered in either case.
   */
  close(client: Client): Promise<Room>
}

export interface AdmissionDeps {
  readonly hold: Hold
  readonly backpressure: ElasticsearchConfig['backpressure']
  /** A clock that does not jump. */
  readonly monotonicMs: () => number
}

/** True for errors that pass by themselves when the queue has room again. */
export const isFull = (error: unknown): boolean => asBridgeError(error).code === 'OB_QUEUE_FULL'

/** An error that the client may come back after, whatever it is. */
export const isPassing = (error: BridgeError): boolean => error.retry === 'later' && error.code !== 'OB_CUT_OFF'

export const goneError = (): BridgeError => new BridgeError('OB_CUT_OFF', 'cannot answer request: its sender is gone')

export function createAdmission({ hold, backpressure, monotonicMs }: AdmissionDeps): Admission {
  const closeIn = createCloseTimes(monotonicMs)

  const patienceOf = (client: Client): Patience => {
    const { request } = client
    client.patience ??= patienceFor(
      { agent: headerOf(request, 'user-agent'), meta: headerOf(request, 'x-elastic-client-meta') },
      backpressure,
    )
    return client.patience
  }

  const waitFor = async ({ response }: Client, bytes: number, forMs: number): Promise<Room | 'full'> => {
    if (response.destroyed) return 'gone'
    const waiting = hold.wait(bytes, forMs)
    response.on('close', waiting.leave)
    const how = await waiting.promise
    response.off('close', waiting.leave)
    return how === 'over' ? 'none' : how
  }

  return {
    client: (request, response) => ({ request, response, since: undefined, patience: undefined }),
    async wait(client, bytes) {
      const now = monotonicMs()
      client.since ??= now
      const how = await waitFor(client, bytes, patienceOf(client).holdMs - (now - client.since))
      return how === 'full' ? 'none' : how
    },
    answer: (client) => patienceOf(client).answer,
    async close(client) {
      const { request, response } = client
      const delayMs = closeIn(request.socket.remoteAddress ?? '')
      if (delayMs > 0) {
        const how = await waitFor(client, 0, delayMs)
        if (how === 'room' || how === 'gone') return how
        // Nothing but the connection is held, and of those there is a limit.
        if (how === 'full') await closed(response, delayMs)
      }
      if (response.destroyed) return 'gone'
      request.socket.destroy()
      return 'none'
    },
  }
}

/** Resolves after the time, or when the client is gone. */
function closed(response: ServerResponse, afterMs: number): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      response.off('close', end)
      resolve()
    }
    const timer = setTimeout(end, afterMs)
    response.on('close', end)
  })
}
