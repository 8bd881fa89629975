import { describe, expect, it } from 'vitest'
import { backoffMs, type RetryPolicy, withRetry } from '../../src/emit/retry.ts'
import { SendError, type Sender } from '../../src/emit/sender.ts'
import { withTimeout } from '../../src/emit/timeout.ts'

const policy: RetryPolicy = { initialIntervalMs: 100, maxIntervalMs: 1000, maxElapsedMs: undefined }
const transient = new SendError('transient', 'http_503', 'cannot deliver')

const harness = (send: Sender<string>, given: Partial<RetryPolicy> = {}) => {
  let nowMs = 0
  const slept: number[] = []
  const sender = withRetry(send, {
    policy: { ...policy, ...given },
    random: () => 0.5,
    monotonicMs: () => nowMs,
    sleep: async (ms) => {
      slept.push(ms)
      nowMs += ms
    },
    onRetry: () => {},
  })
  return { sender, slept }
}

describe('backoffMs', () => {
  it.each([
    [0, 0, 0.5, 100],
    [1, 0, 0.5, 200],
    [2, 0, 0, 200],
    [2, 0, 0.999, 600],
    [60, 0, 0.999, 1000],
    [0, 7, 0, 7000],
    [0, 7, 0.5, 7050],
  ])('attempt %d, Retry-After %d s, random %d → %d ms', (attempt, retryAfter, random, expected) => {
    expect(backoffMs(policy, attempt, retryAfter, random)).toBe(expected)
  })
})

describe('withRetry', () => {
  it('repeats without end until it succeeds', async () => {
    let left = 5000
    const { sender, slept } = harness(async () => {
      if (left-- > 0) throw transient
    })
    await sender('x', new AbortController().signal)
    expect(slept).toHaveLength(5000)
  })

  it('does not repeat what is refused for good', async () => {
    const { sender, slept } = harness(() => Promise.reject(new SendError('permanent', 'http_400', 'no')))
    await expect(sender('x', new AbortController().signal)).rejects.toMatchObject({ reason: 'http_400' })
    expect(slept).toEqual([])
  })

  it('gives up after maxElapsed without sleeping past it, as a permanent failure', async () => {
    const { sender, slept } = harness(() => Promise.reject(transient), { maxElapsedMs: 1000 })
    await expect(sender('x', new AbortController().signal)).rejects.toMatchObject({ failure: 'permanent', reason: 'retry_exhausted' })
    expect(slept.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(1000)
  })

  it('rejects with OB_STOPPING when aborted while waiting', async () => {
    const abort = new AbortController()
    const sender = withRetry(() => Promise.reject(transient), {
      policy,
      random: () => 0,
      monotonicMs: () => 0,
      sleep: async () => abort.abort(),
      onRetry: () => {},
    })
    await expect(sender('x', abort.signal)).rejects.toMatchObject({ code: 'OB_STOPPING' })
  })
})

describe('withTimeout', () => {
  const untilAborted: Sender<string> = (_, abort) =>
    new Promise((_resolve, reject) => abort.addEventListener('abort', () => reject(new Error('aborted')), { once: true }))

  it('ends a send that takes too long as transient: it may have arrived', async () => {
    const sender = withTimeout(untilAborted, { timeoutMs: 5 })
    const expected = { failure: 'transient', reason: 'timeout', mayHaveArrived: true }
    await expect(sender('x', new AbortController().signal)).rejects.toMatchObject(expected)
  })

  it('believes the sender below that the data has not arrived', async () => {
    const unsent = new SendError('transient', 'timeout', 'no connection')
    const sender = withTimeout<string>(
      (_, abort) => new Promise((_resolve, reject) => abort.addEventListener('abort', () => reject(unsent), { once: true })),
      { timeoutMs: 5 },
    )
    await expect(sender('x', new AbortController().signal)).rejects.toBe(unsent)
  })

  it('is stopping when it is aborted, whatever the sender below makes of it', async () => {
    const abort = new AbortController()
    const sender = withTimeout<string>(
      (_, inner) => new Promise((_resolve, reject) => inner.addEventListener('abort', () => reject(transient), { once: true })),
      { timeoutMs: 60_000 },
    )
    const sent = sender('x', abort.signal)
    abort.abort()
    await expect(sent).rejects.toMatchObject({ code: 'OB_STOPPING' })
  })

  it('passes an abort on, as what it is', async () => {
    const abort = new AbortController()
    const sent = withTimeout(untilAborted, { timeoutMs: 60_000 })('x', abort.signal)
    abort.abort()
    await expect(sent).rejects.toThrow('aborted')
  })
})
