import { describe, expect, it } from 'vitest'
import { createEndpoints } from '../../src/emit/endpoints.ts'
import { SendError, stoppingError } from '../../src/emit/sender.ts'

const never = new AbortController().signal
const transient = new SendError('transient', 'http_503', 'down')
const lost = new SendError('transient', 'timeout', 'late', { mayHaveArrived: true })
const throttled = (retryAfterSeconds: number): SendError => new SendError('throttled', 'http_429', 'slow', { retryAfterSeconds })
const permanent = new SendError('permanent', 'http_400', 'no', { status: 400 })

/** What an endpoint does with the next requests: an error, or nothing for success; the last holds on. */
type Script = Record<string, Error | undefined>

const harness = (script: Script, balance: 'spread' | 'failover' = 'failover') => {
  let nowMs = 0
  const asked: string[] = []
  const log: string[] = []
  const pending: { name: string; end: (error?: Error) => void }[] = []
  let hold = false
  const endpoints = createEndpoints<string>(
    Object.keys(script).map((name) => ({
      name,
      send: () => {
        asked.push(name)
        if (hold) return new Promise((resolve, reject) => pending.push({ name, end: (error) => (error ? reject(error) : resolve()) }))
        const error = script[name]
        return error === undefined ? Promise.resolve() : Promise.reject(error)
      },
    })),
    {
      balance,
      breaker: { failures: 2, cooldownMs: 100, maxCooldownMs: 1000, monotonicMs: () => nowMs },
      onFailover: (_, from, error) => void log.push(`${from} ${error.reason}`),
      onState: (name, up) => void log.push(`${name} ${up ? 'up' : 'down'}`),
    },
  )
  return {
    endpoints,
    asked,
    log,
    script,
    pending,
    hold: (on: boolean) => void (hold = on),
    pass: (ms: number) => void (nowMs += ms),
    send: () => endpoints.send('x', never),
    /** Who was asked since the last look. */
    seen: () => asked.splice(0).join(' '),
  }
}

describe('createEndpoints with failover', () => {
  it('asks the first that works, in order', async () => {
    const { send, seen, log } = harness({ a: undefined, b: undefined })
    await send()
    await send()
    expect(seen()).toBe('a a')
    expect(log).toEqual([])
  })

  it('goes to the next at once, and leaves the first alone after failures in a row', async () => {
    const { send, seen, log, endpoints } = harness({ a: transient, b: lost, c: undefined })
    await send()
    await send()
    expect(seen()).toBe('a b c a b c')
    await send()
    expect(seen()).toBe('c')
    expect(log).toEqual(['a http_503', 'b timeout', 'a down', 'a http_503', 'b down', 'b timeout'])
    expect(endpoints.status().map(({ name, up }) => [name, up])).toEqual([
      ['a', false],
      ['b', false],
      ['c', true],
    ])
  })

  it('tries the first again when its time is over, with one request, and goes back to it', async () => {
    const { send, seen, pass, script, log } = harness({ a: transient, b: undefined })
    await send()
    await send()
    pass(100)
    await send()
    expect(seen()).toBe('a b a b a b')
    pass(199)
    await send()
    expect(seen()).toBe('b')
    pass(1)
    script['a'] = undefined
    await send()
    await send()
    expect(seen()).toBe('a a')
    expect(log.at(-1)).toBe('a up')
  })

  it('sends nothing else to an endpoint while one request tries it', async () => {
    const { send, seen, pass, hold, pending } = harness({ a: transient, b: undefined })
    await send()
    await send()
    pass(100)
    seen()
    hold(true)
    const first = send()
    const second = send()
    expect(seen()).toBe('a b')
    for (const { end } of pending) end()
    await Promise.all([first, second])
  })

  it('throws what is refused for good, without asking others, and holds it for a sign of life', async () => {
    const { send, seen, endpoints, script } = harness({ a: permanent, b: undefined })
    for (let times = 0; times < 5; times++) await expect(send()).rejects.toBe(permanent)
    expect(seen()).toBe('a a a a a')
    expect(endpoints.status()[0]).toMatchObject({ up: true, lastError: undefined })
    script['a'] = transient
    await send()
    script['a'] = permanent
    await expect(send()).rejects.toBe(permanent)
    script['a'] = transient
    await send()
    expect(endpoints.status()[0]?.up).toBe(true)
  })

  it('says nothing about an endpoint whose request was given up', async () => {
    const { send, script, endpoints } = harness({ a: stoppingError(), b: undefined })
    for (let times = 0; times < 5; times++) await expect(send()).rejects.toMatchObject({ code: 'OB_STOPPING' })
    script['a'] = undefined
    await send()
    expect(endpoints.status()[0]).toMatchObject({ up: true, inFlight: 0 })
  })

  it('leaves an endpoint that asks for a pause alone for it, and others take its share', async () => {
    const { send, seen, pass, script, endpoints } = harness({ a: throttled(2), b: undefined })
    await send()
    await send()
    expect(seen()).toBe('a b b')
    expect(endpoints.status()[0]?.up).toBe(true)
    script['a'] = undefined
    pass(2000)
    await send()
    expect(seen()).toBe('a')
  })

  it('throws the failure that lets us come back soonest', async () => {
    const { send } = harness({ a: transient, b: throttled(60) })
    await expect(send()).rejects.toMatchObject({ failure: 'transient', reason: 'http_503', retryAfterSeconds: 0 })
  })

  it('counts for the last alone that data may have arrived: the others were told of', async () => {
    const { send } = harness({ a: lost, b: throttled(60) })
    await expect(send()).rejects.toMatchObject({ reason: 'timeout', mayHaveArrived: false })
  })

  it('asks nobody while all are left alone, and says why', async () => {
    const { send, seen, pass } = harness({ a: transient, b: lost })
    await expect(send()).rejects.toMatchObject({ reason: 'timeout', mayHaveArrived: true })
    await expect(send()).rejects.toMatchObject({ failure: 'transient' })
    seen()
    await expect(send()).rejects.toMatchObject({
      failure: 'transient',
      reason: 'breaker_open',
      mayHaveArrived: false,
      retryAfterSeconds: 0,
      message: expect.stringMatching(/any of 2 endpoints.*: down/),
    })
    expect(seen()).toBe('')
    pass(100)
    await expect(send()).rejects.toMatchObject({ failure: 'transient' })
    expect(seen()).toBe('a b')
  })

  it('waits for the shortest pause when all asked for one', async () => {
    const { send, pass } = harness({ a: throttled(5), b: throttled(3) })
    await expect(send()).rejects.toMatchObject({ failure: 'throttled', retryAfterSeconds: 3 })
    pass(1000)
    await expect(send()).rejects.toMatchObject({ failure: 'throttled', reason: 'breaker_open', retryAfterSeconds: 2 })
  })
})

describe('createEndpoints with spread', () => {
  it('takes turns', async () => {
    const { send, seen } = harness({ a: undefined, b: undefined, c: undefined }, 'spread')
    for (let times = 0; times < 6; times++) await send()
    expect(seen()).toBe('a b c a b c')
  })

  it('prefers the one with the least under way', async () => {
    const { send, seen, hold, pending } = harness({ a: undefined, b: undefined }, 'spread')
    hold(true)
    const first = [send(), send(), send()]
    expect(seen()).toBe('a b a')
    pending.find(({ name }) => name === 'b')?.end()
    await first[1]
    const second = [send(), send()]
    expect(seen()).toBe('b b')
    for (const { end } of pending) end()
    await Promise.all([...first, ...second])
  })

  it('does without the one that fails, and takes it back', async () => {
    const { send, seen, pass, script } = harness({ a: transient, b: undefined, c: undefined }, 'spread')
    for (let times = 0; times < 6; times++) await send()
    expect(
      seen()
        .split(' ')
        .filter((name) => name === 'a'),
    ).toHaveLength(2)
    pass(100)
    script['a'] = undefined
    for (let times = 0; times < 6; times++) await send()
    expect(
      seen()
        .split(' ')
        .filter((name) => name === 'a'),
    ).toHaveLength(2)
  })
})

describe('createEndpoints with one', () => {
  it('asks it every time, whatever it said before', async () => {
    const { send, seen, log, script } = harness({ a: transient })
    for (let times = 0; times < 5; times++) await expect(send()).rejects.toBe(transient)
    expect(seen()).toBe('a a a a a')
    script['a'] = throttled(60)
    await expect(send()).rejects.toMatchObject({ retryAfterSeconds: 60 })
    script['a'] = undefined
    await send()
    expect(log).toEqual(['a down', 'a up'])
  })
})
