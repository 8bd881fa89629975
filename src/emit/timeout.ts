/** Gives every send a time limit. */

import { isSendError, SendError, type Sender, stoppingError } from './sender.ts'

export interface TimeoutOptions {
  readonly timeoutMs: number
}

/**
 * A sender that gives up after the time given: then it rejects as transient. The data may have arrived, unless the sender below knows
 * better and says so with an error of its own.
 */
export function withTimeout<T>(send: Sender<T>, { timeoutMs }: TimeoutOptions): Sender<T> {
  return async (item, abort) => {
    if (abort.aborted) throw stoppingError()
    const own = new AbortController()
    let late = false
    const timer = setTimeout(() => {
      late = true
      own.abort()
    }, timeoutMs)
    const pass = (): void => own.abort()
    abort.addEventListener('abort', pass, { once: true })
    try {
      await send(item, own.signal)
    } catch (error) {
      if (late && !isSendError(error)) {
        const message = `cannot reach the endpoint: no answer within ${timeoutMs} ms (emit.timeout)`
        throw new SendError('transient', 'timeout', message, { mayHaveArrived: true, cause: error })
      }
      if (!late && abort.aborted && isSendError(error)) throw stoppingError()
      throw error
    } finally {
      clearTimeout(timer)
      abort.removeEventListener('abort', pass)
    }
  }
}
