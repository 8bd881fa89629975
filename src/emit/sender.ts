/** What every link of the sending chain is: it resolves when the other side has the item, and rejects with a {@link SendError} or OB_STOPPING. */

import { BridgeError } from '../errors.ts'
import type { Signal } from '../otlp/intake.ts'

/** Sends one item. `abort` ends it early: it then rejects with OB_STOPPING. */
export type Sender<T> = (item: T, abort: AbortSignal) => Promise<void>

/** What the endpoint said it did not take of a request it otherwise took. */
export interface PartialSuccess {
  readonly rejectedItems: number
  readonly message: string
}

/** One OTLP request: the concatenation of `parts` is an `Export<Signal>ServiceRequest`. */
export interface OutgoingRequest {
  readonly signal: Signal
  readonly parts: readonly Uint8Array[]
  readonly bytes: number
  readonly items: number
  /** Called for each try that failed and is repeated. @param mayHaveArrived the endpoint may have it all the same */
  onRepeat(mayHaveArrived?: boolean): void
  /** Called at most once, before the sender resolves. */
  onPartialSuccess(partial: PartialSuccess): void
}

/** How an attempt ended that did not succeed. */
export type Failure = 'throttled' | 'transient' | 'permanent'

const codeOf = { throttled: 'OB_SEND_THROTTLED', transient: 'OB_SEND_TRANSIENT', permanent: 'OB_SEND_PERMANENT' } as const

/** A failed attempt. */
export class SendError extends BridgeError {
  readonly failure: Failure
  /** A word for metrics and dead letters: `http_400`, `timeout`, `connection`. */
  readonly reason: string
  /** HTTP status, 0 when there was no answer. */
  readonly status: number
  /** True when the endpoint may have the data all the same: sending it again may repeat it. */
  readonly mayHaveArrived: boolean
  /** All that the endpoint gave as its reason, up to 64 KiB; the message has the beginning of it. */
  readonly said: string

  constructor(
    failure: Failure,
    reason: string,
    message: string,
    options: { status?: number; mayHaveArrived?: boolean; retryAfterSeconds?: number; cause?: unknown; said?: string } = {},
  ) {
    super(codeOf[failure], message, {
      retryAfterSeconds: options.retryAfterSeconds ?? 0,
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    })
    this.failure = failure
    this.reason = reason
    this.status = options.status ?? 0
    this.mayHaveArrived = options.mayHaveArrived ?? false
    this.said = options.said ?? ''
  }
}

/** True for a failed attempt, as against OB_STOPPING or a fault of our own. */
export function isSendError(error: unknown): error is SendError {
  return error instanceof Error && 'failure' in error && 'mayHaveArrived' in error
}

/** The error of a send ended by its abort signal. */
export function stoppingError(): BridgeError {
  return new BridgeError('OB_STOPPING', 'cannot send: the bridge is stopping', { retryAfterSeconds: 1 })
}
