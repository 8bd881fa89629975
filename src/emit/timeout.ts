/** Gives every send a time limit. */

import { SendError, type Sender, stoppingError } from './sender.ts'

export interface TimeoutOptions {
  readonly timeoutMs: number
}

/** A sender that gives up after the time given: then it rejects as transient, and the data may have arrived. */
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
      if (late) {
        const message = `cannot reach the endpoint: no answer within ${timeoutMs} ms (emit.timeout)`
        throw new SendError('transient', 'timeout', message, { mayHaveArrived: true, cause: error })
      }
      throw error
    } finally {
      clearTimeout(timer)
      abort.removeEventListener('abort', pass)
    }
  }
}
