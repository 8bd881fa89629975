import { beforeEach, describe, expect, it } from 'vitest'
import { laneName } from '../../src/mirror/order.ts'
import { type MirrorBench, mirrorForTest, quick } from './bench-lane.ts'
import { type ScriptedServer, type Step, scriptedForTest } from './scripted-server.ts'

let old: ScriptedServer
beforeEach(async () => {
  old = await scriptedForTest()
})

const zipkin = (more: Record<string, unknown> = {}): Promise<MirrorBench> =>
  mirrorForTest('zipkin', { zipkin: { url: `${old.url}/old/`, ...quick, ...more } })

describe('createMirror', () => {
  it('sends method, path, headers and body as they came, and adds Via alone', async () => {
    const { put, gone } = await zipkin()
    const headers = [
      'Content-Type',
      'application/json',
      'X-B3-TraceId',
      'aB',
      'x-twice',
      '1',
      'X-Twice',
      '2',
      'b3',
      '0',
      'Accept-Encoding',
      'br',
    ]
    headers.push('Authorization', 'Bearer theirs', 'Host', 'zipkin.example')
    await put('[{"id":1}]', { target: '/api/v2/spans?x=%20y', headers })
    await gone(1)
    const [seen] = old.seen
    expect(seen?.method).toBe('POST')
    expect(seen?.url).toBe('/old/api/v2/spans?x=%20y')
    expect(seen?.body.toString()).toBe('[{"id":1}]')
    expect(seen?.rawHeaders).toEqual([
      ...['host', old.url.slice(7), 'connection', 'keep-alive'],
      ...headers.slice(0, 10),
      ...['Authorization', 'Bearer theirs', 'Via', '1.1 otlp-bridge-0a1b2c3d', 'content-length', '10'],
    ])
  })

  it('is forgotten when it is closed', async () => {
    const { mirror, metrics } = await zipkin()
    const before = metrics.gauge('otlp_bridge_mirror_in_flight', { destination: 'mirror.zipkin' })
    before.value = 7
    metrics.collect()
    expect(before.value).toBe(0)
    await mirror.close()
    before.value = 7
    metrics.collect()
    expect(before.value).toBe(7)
  })

  it('puts its own credentials, the host and the address where it is told to', async () => {
    const more = { auth: 'own', credentials: { username: 'u', password: 'p' }, hostHeader: 'pass', forwarded: true }
    const { put, gone } = await zipkin(more)
    await put('[]', { headers: ['Authorization', 'Bearer theirs', 'Host', 'zipkin.example'], from: '10.1.2.3' })
    await gone(1)
    const raw = old.seen[0]?.rawHeaders ?? []
    expect(raw.slice(0, 2)).toEqual(['host', 'zipkin.example'])
    expect(raw.slice(4, -2)).toEqual(['Via', '1.1 otlp-bridge-0a1b2c3d', 'Authorization', 'Basic dTpw', 'X-Forwarded-For', '10.1.2.3'])
  })

  it.each<[string, Step, boolean]>([
    ['429 with Retry-After', { status: 429, headers: { 'retry-after': '0' } }, false],
    ['503', { status: 503 }, false],
    ['502', { status: 502 }, true],
    ['500', { status: 500, body: 'no' }, false],
    ['408', { status: 408 }, false],
    ['a reset after the body', 'reset', true],
    ['an answer that is no HTTP', 'garbage', true],
  ])('sends again after %s, until it is taken', async (_name, step, ambiguous) => {
    old.script(step, step, { status: 202 })
    const { put, gone, left, metrics } = await zipkin()
    await put('[1]', {}, 3)
    await gone(1)
    expect(left).toMatchObject([{ what: 'settled', rejected: 0 }])
    expect(old.seen.map(({ body }) => body.toString())).toEqual(['[1]', '[1]', '[1]'])
    const possible = metrics.counter('otlp_bridge_mirror_repeats_total', { destination: 'mirror.zipkin', kind: 'repeat_possible' })
    expect(possible.value).toBe(ambiguous ? 6 : 0)
  })

  it('takes more from the queue for as long as there is some, whatever became of the memory of what has left', async () => {
    const { put, gone, left } = await zipkin()
    const body = new Uint8Array(2 ** 20)
    for (let count = 0; count < 40; count++) await put(body)
    await gone(40)
    expect(left.every(({ what }) => what === 'settled')).toBe(true)
  })

  it('sends again what got no answer within the time limit', async () => {
    old.script('hang', { status: 202 })
    const { put, gone, left } = await zipkin({ timeout: '40ms' })
    await put('[1]')
    await gone(1)
    expect(left[0]?.what).toBe('settled')
    expect(old.seen).toHaveLength(2)
  })

  it('keeps what an old side cannot be reached for, says so, and goes on when it is back', async () => {
    const port = Number(new URL(old.url).port)
    await old.close()
    let now = 0
    const legacy = { zipkin: { url: old.url, ...quick } }
    const { put, gone, left, mirror } = await mirrorForTest('zipkin', legacy, { monotonicMs: () => now })
    await put('[1]', {}, 7)
    await expect.poll(() => mirror.status().lastError?.text).toMatch(/cannot reach the old side: .*ECONNREFUSED/)
    now = 6000
    expect(mirror.health().reasons).toEqual([
      expect.stringMatching(/^mirror\.zipkin: the old side is failing since 6 s: .* \(7 items\) waits in the queue: nothing is lost$/),
    ])
    expect(mirror.status()).toMatchObject({ state: 'down', waiting: { requests: 1, items: 7 } })
    old = await scriptedForTest(port)
    await gone(1)
    expect(left[0]?.what).toBe('settled')
    expect(mirror.health().ok).toBe(true)
  })

  it.each([400, 404, 405, 406, 411, 413, 415, 422])(
    'puts what is answered with %i to the dead letters at once, with the reason',
    async (status) => {
      old.script({ status, body: `because ${'x'.repeat(600)}` }, { status: 202 })
      const { put, gone, left } = await zipkin({ concurrency: 1 })
      await put('[1]')
      await put('[2]')
      await gone(2)
      expect(left.map(({ what }) => what)).toEqual(['buried', 'settled'])
      expect(left[0]?.reason).toBe(`old_${status}`)
      expect(left[0]?.message).toBe(`mirror.zipkin: the old side answered HTTP ${status}: because ${'x'.repeat(504)}`)
    },
  )

  it('goes on past a request that is refused in the middle of 1,000', async () => {
    old.script((request) => ({ status: request.body.toString() === '[500]' ? 400 : 202 }))
    const { put, gone, left } = await zipkin({ concurrency: 8 })
    for (let at = 0; at < 1000; at++) await put(`[${at}]`)
    await gone(1000)
    expect(left.filter(({ what }) => what === 'buried')).toHaveLength(1)
    expect(new Set(old.seen.map(({ body }) => body.toString())).size).toBe(1000)
    expect(old.connections()).toBeLessThanOrEqual(8)
  })

  it('gives up after 8 tries what is answered with 500, and at once what is too large for Zipkin', async () => {
    old.script((request) => ({ status: 500, body: request.body.length > 5 ? '413 Payload Too Large' : 'oops' }))
    const { put, gone, left } = await zipkin()
    await put('[1]')
    await gone(1)
    await put('[1, 2, 3]')
    await gone(2)
    expect(old.seen).toHaveLength(9)
    expect(left.map(({ reason }) => reason)).toEqual(['old_500', 'old_413'])
  })

  it("keeps back everything where our own credentials are refused, and puts what a client's are refused for to the dead letters", async () => {
    old.script({ status: 401 })
    const own = await zipkin({ auth: 'own', credentials: { bearer: 'x' }, retry: { initial: '1ms', max: '10m' } })
    await own.put('[1]')
    await expect.poll(() => own.mirror.health().reasons).toEqual([expect.stringContaining('the old side refuses our credentials')])
    await own.put('[2]')
    expect(old.seen).toHaveLength(1)
    expect(own.left).toEqual([])
    await own.close()
    const pass = await zipkin()
    await pass.put('[1]')
    await pass.gone(1)
    expect(pass.left).toMatchObject([{ what: 'buried', reason: 'old_auth' }])
  })

  it('follows no redirect: everything waits, and health says where it leads', async () => {
    old.script({ status: 301, headers: { location: 'http://elsewhere/' } })
    const { put, mirror, left } = await zipkin({ retry: { max: '10m' } })
    await put('[1]')
    await expect
      .poll(() => mirror.health().reasons)
      .toEqual([expect.stringContaining('elsewhere us to http://elsewhere/'.replace('elsewhere us', 'elsewhere'))])
    expect(left).toEqual([])
  })

  it('sends nothing while it is paused, and goes on afterwards', async () => {
    const b = await zipkin()
    b.state = { ...b.state, paused: true }
    await b.put('[1]')
    await new Promise((resolve) => setImmediate(resolve))
    expect(old.seen).toHaveLength(0)
    expect(b.mirror.status().state).toBe('off')
    b.state = { ...b.state, paused: false }
    b.mirror.wake()
    await b.gone(1)
  })

  it('gives back what it has not sent when it is stopped', async () => {
    old.script('hang')
    const { put, runner, lane } = await zipkin({ concurrency: 8 })
    for (let at = 0; at < 20; at++) await put(`[${at}]`)
    await expect.poll(() => old.seen.length).toBe(8)
    await runner.handOver(0)
    expect(lane.stats().batches).toBe(20)
    expect(lane.waiting().items).toBe(20)
  })

  it('counts what it had under way when another mirror took over as possible repeats, and nothing else', async () => {
    old.script('hang')
    const b = await zipkin({ concurrency: 8 })
    for (let at = 0; at < 20; at++) await b.put(`[${at}]`)
    await expect.poll(() => old.seen.length).toBe(8)
    old.script({ status: 202 })
    await b.replace()
    await b.gone(20)
    const kind = { destination: 'mirror.zipkin', kind: 'repeat_possible' }
    expect(b.metrics.counter('otlp_bridge_mirror_repeats_total', kind).value).toBe(8)
    expect(old.seen).toHaveLength(28)
  })

  it('remembers for another mirror what may have arrived and waits to be tried again', async () => {
    old.script('reset', { status: 503 }, { status: 202 })
    const b = await zipkin({ retry: { initial: '10m', max: '10m' }, concurrency: 1 })
    await b.put('[1]')
    await b.put('[2]')
    await expect.poll(() => old.seen.length).toBe(2)
    await b.replace()
    await b.gone(2)
    const kind = { destination: 'mirror.zipkin', kind: 'repeat_possible' }
    expect(b.metrics.counter('otlp_bridge_mirror_repeats_total', kind).value).toBe(1)
  })

  it('leaves an old side alone after failures in a row', async () => {
    old.script({ status: 503 })
    const { put, mirror } = await zipkin({ breaker: { failures: 3, open: '10m' } })
    await put('[1]')
    await expect.poll(() => mirror.status().breaker).toBe('open')
    const { length } = old.seen
    await put('[2]')
    expect(old.seen).toHaveLength(length)
  })
})

describe('order', () => {
  const prometheus = (): Promise<MirrorBench> => mirrorForTest('prometheus', { prometheus: { url: old.url, ordering: 'lane', ...quick } })

  it('has one request of a connection under way, and others in parallel', async () => {
    let open = (): void => {}
    const gate = new Promise<void>((resolve) => (open = resolve))
    old.script((request) => (request.body.toString() === 'a1' ? { gate, status: 204 } : { status: 204 }))
    const { put, gone, left } = await prometheus()
    await put('a1', { lane: laneName('1') })
    await put('a2', { lane: laneName('1') })
    await put('b1', { lane: laneName('2') })
    await put('b2', { lane: laneName('2') })
    await gone(2)
    expect(old.seen.map(({ body }) => body.toString())).toEqual(['a1', 'b1', 'b2'])
    open()
    await gone(4)
    expect(old.seen.map(({ body }) => body.toString())).toEqual(['a1', 'b1', 'b2', 'a2'])
    expect(left.every(({ what }) => what === 'settled')).toBe(true)
  })

  it('sends a request again before the next of its connection', async () => {
    old.script({ status: 503 }, { status: 503 }, { status: 204 })
    const { put, gone } = await prometheus()
    await put('a1', { lane: laneName('1') })
    await put('a2', { lane: laneName('1') })
    await gone(2)
    expect(old.seen.map(({ body }) => body.toString())).toEqual(['a1', 'a1', 'a1', 'a2'])
  })

  it('lets a new connection wait for what closed ones of its address have left', async () => {
    let open = (): void => {}
    const gate = new Promise<void>((resolve) => (open = resolve))
    old.script((request) => (request.body.toString() === 'a1' ? { gate, status: 204 } : { status: 204 }))
    const { put, gone, mirror } = await prometheus()
    await put('a1', { lane: laneName('1') })
    await put('a2', { lane: laneName('1') })
    await expect.poll(() => old.seen.length).toBe(1)
    mirror.closed(laneName('1'))
    await put('b1', { lane: laneName('2') })
    await put('c1', { lane: laneName('3'), from: '10.0.0.2' })
    await gone(1)
    open()
    await gone(4)
    expect(old.seen.map(({ body }) => body.toString())).toEqual(['a1', 'c1', 'a2', 'b1'])
  })

  it('makes one connection of everything that an address sent to earlier runs', async () => {
    let open = (): void => {}
    const gate = new Promise<void>((resolve) => (open = resolve))
    old.script((request) => (request.body.toString() === 'a1' ? { gate, status: 204 } : { status: 204 }))
    const { put, gone } = await prometheus()
    await put('a1', { lane: 'earlier.1' })
    await put('b1', { lane: 'earlier.2' })
    await put('c1', { lane: laneName('9') })
    await put('d1', { lane: 'earlier.3', from: '10.0.0.2' })
    await gone(1)
    open()
    await gone(4)
    expect(old.seen.map(({ body }) => body.toString())).toEqual(['a1', 'd1', 'b1', 'c1'])
  })

  it('gives nothing back that is on its way to the dead letters when it is stopped', async () => {
    old.script({ status: 400 })
    let stored = (): void => {}
    const gate = new Promise<void>((resolve) => (stored = resolve))
    const { put, lane, gone, runner } = await prometheus()
    const released: number[] = []
    const { bury, release } = lane
    Object.assign(lane, {
      async bury(...of: Parameters<typeof bury>) {
        const done = bury(...of)
        await gate
        return done
      },
      release(batches: Parameters<typeof release>[0]) {
        released.push(...batches.map(({ id }) => id))
        release(batches)
      },
    })
    await put('a1', { lane: laneName('1') })
    await gone(1)
    const stopped = runner.stop(1000)
    await new Promise((resolve) => setTimeout(resolve, 30))
    stored()
    await stopped
    expect(released).toEqual([])
  })

  it('takes a repeat that Prometheus refuses as out of order for delivered, and a first try for a dead letter', async () => {
    const refusal: Step = { status: 400, body: 'out of order sample' }
    old.script('reset', refusal, refusal)
    const { put, gone, left, metrics } = await prometheus()
    await put('a1', { lane: laneName('1') }, 5)
    await gone(1)
    await put('a2', { lane: laneName('1') })
    await gone(2)
    expect(left).toMatchObject([{ what: 'settled' }, { what: 'buried', reason: 'old_out_of_order' }])
    expect(left[1]?.message).toContain('out_of_order_time_window')
    const count = (kind: string) => metrics.counter('otlp_bridge_mirror_repeats_total', { destination: 'mirror.prometheus', kind }).value
    expect(count('repeat_absorbed')).toBe(5)
  })
})
