import { describe, expect, it } from 'vitest'
import { createBudget, createHttpClient, createPace, type HttpClientOptions } from '../../src/read/http-client.ts'

const noLimit = { requests: 1e6, bytes: 1e9, timeMs: 1e9 }

function world(
  answer: (request: Request, at: number) => Response | Promise<Response>,
  over: Partial<HttpClientOptions> = {},
  limits = noLimit,
) {
  let now = 0
  const at: number[] = []
  const seen: Request[] = []
  const abort = new AbortController()
  const monotonicMs = (): number => now
  const client = createHttpClient(
    {
      url: 'http://user:p%40ss@backend.test/base/',
      rate: 5,
      concurrent: 2,
      timeoutMs: 10_000,
      budget: createBudget(limits, monotonicMs),
      ...over,
    },
    {
      fetch: async (input, init) => {
        const request = new Request(input, init)
        at.push(now)
        seen.push(request)
        return answer(request, at.length - 1)
      },
      monotonicMs,
      sleep: async (ms) => {
        now += ms
      },
      signal: abort.signal,
    },
  )
  return {
    client,
    at,
    seen,
    abort,
    pass: (ms: number) => {
      now += ms
    },
  }
}

const ok = (): Response => new Response('{"a":1}')

describe('createHttpClient', () => {
  it('asks at most 5 times a second, below its path, with the credentials of its URL', async () => {
    const { client, at, seen } = world(ok)
    for (let i = 0; i < 6; i++)
      expect(
        await client.json({
          path: '/x',
          query: [
            ['q', 'a b'],
            ['none', undefined],
          ],
        }),
      ).toEqual({ a: 1 })
    expect(at).toEqual([0, 200, 400, 600, 800, 1000])
    expect(seen[0]?.url).toBe('http://backend.test/base/x?q=a+b')
    expect(seen[0]?.headers.get('authorization')).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`)
    expect(client.cost).toMatchObject({ requests: 6, bytes: 42 })
    expect(client.name).toBe('http://backend.test/base')
  })

  it('has two requests under way and no more', async () => {
    const open: ((answer: Response) => void)[] = []
    const { client } = world(() => new Promise((answer) => open.push(answer)))
    const all = [client.send({ path: '/1' }), client.send({ path: '/2' }), client.send({ path: '/3' })]
    await new Promise(setImmediate)
    expect(open).toHaveLength(2)
    open[0]?.(ok())
    await all[0]
    await new Promise(setImmediate)
    expect(open).toHaveLength(3)
    for (const answer of open) answer(ok())
    await Promise.all(all)
  })

  it('waits as 429 says, halves its rate, and asks again', async () => {
    const { client, at } = world((_, n) => (n === 0 ? new Response('slow down', { status: 429, headers: { 'retry-after': '3' } }) : ok()))
    await client.send({ path: '/x' })
    await client.send({ path: '/x' })
    await client.send({ path: '/x' })
    expect(at).toEqual([0, 3000, 3400, 3800])
  })

  it('gives up after three 503s, naming the path and what was said', async () => {
    const { client, at } = world(() => new Response('<b>no\u001b[2J</b>', { status: 503 }))
    await expect(client.send({ path: '/x', query: [['secret', '1']] })).rejects.toMatchObject({
      code: 'OB_BACKEND',
      message: 'cannot read http://backend.test/base/x: status 503 <b>no [2J</b>',
    })
    expect(at).toHaveLength(3)
  })

  it.each([
    ['requests', { ...noLimit, requests: 2 }],
    ['MiB', { ...noLimit, bytes: 10 }],
  ])('ends when the budget of %s is used up', async (what, limits) => {
    const { client } = world(ok, {}, limits)
    await client.send({ path: '/x' })
    await expect(client.send({ path: '/x' }).then(() => client.send({ path: '/x' }))).rejects.toMatchObject({
      code: 'OB_PARITY',
      message: expect.stringContaining(what === 'MiB' ? 'budget' : what),
    })
  })

  it('ends when the time is used up', async () => {
    const { client, pass } = world(ok, {}, { ...noLimit, timeMs: 1000 })
    await client.send({ path: '/x' })
    pass(1000)
    await expect(client.send({ path: '/x' })).rejects.toMatchObject({ code: 'OB_PARITY' })
  })

  it('follows no redirect and takes a status only where it was said to be an answer', async () => {
    const { client } = world((_, n) =>
      n === 0 ? new Response(null, { status: 302, headers: { location: 'http://elsewhere.test' } }) : new Response('', { status: 404 }),
    )
    await expect(client.send({ path: '/x' })).rejects.toMatchObject({ code: 'OB_BACKEND' })
    expect(await client.json({ path: '/x', accept: [404] })).toBeUndefined()
  })
})

describe('createPace', () => {
  it('halves when an answer takes three times as long as usual, and comes back', () => {
    const pace = createPace(4)
    for (let i = 0; i < 6; i++) pace.answered(100, 1000)
    expect(pace.intervalMs).toBe(250)
    pace.answered(400, 1000)
    expect(pace.intervalMs).toBe(500)
    for (let i = 0; i < 40; i++) pace.answered(100, 1000)
    expect(pace.intervalMs).toBe(250)
  })

  it('does not take a large answer for a backend that suffers', () => {
    const pace = createPace(4)
    for (let i = 0; i < 6; i++) pace.answered(50, 1000)
    pace.answered(1800, 1_250_000)
    expect(pace.intervalMs).toBe(250)
  })

  it('never goes below a twentieth of the rate: one request in four seconds', () => {
    const pace = createPace(5)
    for (let i = 0; i < 20; i++) pace.refused()
    expect(pace.intervalMs).toBe(4000)
  })
})
