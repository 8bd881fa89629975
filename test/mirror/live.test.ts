import { beforeEach, describe, expect, it } from 'vitest'
import { laneName } from '../../src/mirror/order.ts'
import type { Envelope } from '../../src/otlp/intake.ts'
import { type MirrorBench, mirrorForTest } from './bench-lane.ts'
import { type ScriptedServer, type Step, scriptedForTest } from './scripted-server.ts'

let old: ScriptedServer
beforeEach(async () => {
  old = await scriptedForTest()
})

const brief = { ordering: 'lane', retry: { initial: '1ms', max: '4ms' }, breaker: { failures: 2, open: '10m' } }

const start = (legacy: Record<string, unknown> = {}, more: Record<string, unknown> = {}): Promise<MirrorBench> =>
  mirrorForTest('prometheus', { prometheus: { url: old.url, ...brief, legacy, ...more } })

const envelopeOf = (data: Uint8Array): Envelope => ({ mirror: 'mirror.prometheus', format: 'prometheus-remote-write-1', items: 1, data })

const gate = (): { readonly closed: Promise<void>; open(): void } => {
  let open = (): void => {}
  const closed = new Promise<void>((resolve) => (open = resolve))
  return { closed, open: () => open() }
}

describe('ask', () => {
  it('gives the answer as it came, without what belongs to the connection', async () => {
    const headers = { 'X-One': 'a', 'Content-Type': 'text/plain', Connection: 'keep-alive, X-Gone', 'X-Gone': '1', Date: 'now' }
    old.script({ status: 418, headers, body: 'teapot' })
    const { mirror, envelope } = await start()
    const asked = await mirror.ask(envelopeOf(envelope('a', { headers: ['Accept-Encoding', 'gzip'] })))
    if (asked.how !== 'answered') throw new Error(asked.why)
    expect(asked.answer.status).toBe(418)
    expect(Buffer.from(asked.answer.body).toString()).toBe('teapot')
    expect(asked.answer.headers.slice(0, 6)).toEqual(['X-One', 'a', 'Content-Type', 'text/plain', 'Date', 'now'])
    expect(asked.answer.headers.join()).not.toMatch(/connection|x-gone|transfer-encoding/i)
    expect(old.seen[0]?.rawHeaders).toContain('Accept-Encoding')
  })

  it('lets a request that takes too long go on, as the first try of what is queued then', async () => {
    const { closed, open } = gate()
    old.script({ gate: closed, status: 204 })
    const { mirror, put, envelope, gone, left } = await start({ timeout: '20ms' })
    const asked = await mirror.ask(envelopeOf(envelope('a', { id: 'same' })))
    expect(asked).toEqual({ how: 'none', slow: true, fallback: 'bridge', why: 'no answer within 20 ms (legacy.timeout)' })
    await put('a', { id: 'same' })
    await put('b', { id: 'other' })
    await gone(0)
    open()
    await gone(2)
    expect(old.seen.map(({ body }) => body.toString())).toEqual(['a', 'b'])
    expect(left.map(({ what }) => what)).toEqual(['settled', 'settled'])
  })

  it('sends a second time only when that fails', async () => {
    old.script('reset', { status: 204 })
    const { mirror, put, envelope, gone, metrics } = await start({})
    const asked = await mirror.ask(envelopeOf(envelope('a', { id: 'same' })))
    expect(asked).toMatchObject({ how: 'none', slow: false, fallback: 'bridge' })
    await put('a', { id: 'same' })
    await gone(1)
    expect(old.seen).toHaveLength(2)
    const kind = { destination: 'mirror.prometheus', kind: 'repeat_possible' }
    expect(metrics.counter('otlp_bridge_mirror_repeats_total', kind).value).toBe(1)
  })

  describe('of a request that nobody remembers any more when it comes out of the queue', () => {
    const repeats = ({ metrics }: MirrorBench, kind = 'repeat_possible'): number =>
      metrics.counter('otlp_bridge_mirror_repeats_total', { destination: 'mirror.prometheus', kind }).value

    /** Asks with one mirror, and gives another one the same bytes: as after a restart, or a minute later. */
    const askThenQueue = async (first: MirrorBench): Promise<MirrorBench> => {
      const one = envelopeOf(first.envelope('a', { headers: ['X-One', 'a'] }))
      expect(await first.mirror.ask(one)).toMatchObject({ how: 'none', fallback: 'bridge' })
      await first.close()
      old.script({ status: 400, body: 'out of order sample' })
      const b = await start()
      await b.queue.put([{ batch: { ...one, signal: 'legacy', items: 3 }, lanes: [1] }])
      await b.gone(1)
      return b
    }

    it.each<[string, Step]>([
      ['took too long', 'hang'],
      ['got no answer', 'reset'],
    ])('counts one that %s as a possible repeat', async (_what, step) => {
      old.script(step)
      const b = await askThenQueue(await start({ timeout: '20ms' }))
      expect([repeats(b), repeats(b, 'repeat_absorbed')]).toEqual([3, 3])
      expect(b.left).toMatchObject([{ what: 'settled' }])
      expect(old.seen.at(-1)?.body.toString()).toBe('a')
      expect(old.seen.at(-1)?.rawHeaders).toContain('X-One')
    })

    it('counts one that was cut by the end of its mirror', async () => {
      old.script('hang')
      const first = await start()
      const one = envelopeOf(first.envelope('a'))
      const asking = first.mirror.ask(one)
      await expect.poll(() => old.seen.length).toBe(1)
      old.script({ status: 204 })
      await first.replace()
      expect(await asking).toMatchObject({ how: 'none' })
      await first.queue.put([{ batch: { ...one, signal: 'legacy' }, lanes: [1] }])
      await first.gone(1)
      expect(repeats(first)).toBe(1)
    })

    it('counts none that did not reach the old side', async () => {
      const nobody = await scriptedForTest()
      await nobody.close()
      const b = await askThenQueue(await mirrorForTest('prometheus', { prometheus: { url: nobody.url, ...brief } }))
      expect(repeats(b)).toBe(0)
      expect(b.left).toMatchObject([{ what: 'buried', reason: 'old_out_of_order' }])
    })
  })

  it('counts no repeat once a first try that took long was refused', async () => {
    const { closed, open } = gate()
    old.script({ gate: closed, status: 503 }, { status: 204 })
    const { mirror, queue, envelope, gone, metrics } = await start({ timeout: '20ms' })
    const one = envelopeOf(envelope('a'))
    expect(await mirror.ask(one)).toMatchObject({ how: 'none', slow: true })
    await queue.put([{ batch: { ...one, signal: 'legacy' }, lanes: [1] }])
    open()
    await gone(1)
    expect(old.seen).toHaveLength(2)
    const kind = { destination: 'mirror.prometheus', kind: 'repeat_possible' }
    expect(metrics.counter('otlp_bridge_mirror_repeats_total', kind).value).toBe(0)
  })

  it('asks nobody while the old side is left alone, or paused', async () => {
    const b = await start({ fallback: 'fail' })
    b.state = { ...b.state, paused: true }
    expect(await b.mirror.ask(envelopeOf(b.envelope('a')))).toMatchObject({ how: 'none', why: 'the mirror is paused', fallback: 'fail' })
    b.state = { ...b.state, paused: false }
    old.script('reset')
    await b.mirror.ask(envelopeOf(b.envelope('a')))
    await b.mirror.ask(envelopeOf(b.envelope('a')))
    expect(old.seen).toHaveLength(2)
    expect(await b.mirror.ask(envelopeOf(b.envelope('a')))).toMatchObject({ how: 'none', why: expect.stringMatching(/left alone/) })
    expect(old.seen).toHaveLength(2)
  })

  it('does not overtake what waits of the same connection', async () => {
    const { closed, open } = gate()
    old.script({ gate: closed, status: 204 })
    const { mirror, put, envelope, gone } = await start()
    await put('a', { lane: laneName('1') })
    await expect.poll(() => old.seen.length).toBe(1)
    const behind = await mirror.ask(envelopeOf(envelope('b', { lane: laneName('1') })))
    expect(behind).toMatchObject({ how: 'none', why: 'earlier requests of this connection wait for the old side' })
    const beside = mirror.ask(envelopeOf(envelope('c', { lane: laneName('2') })))
    open()
    expect(await beside).toMatchObject({ how: 'answered' })
    await gone(1)
  })

  it('does not overtake what is being read out of the queue', async () => {
    const { closed, open } = gate()
    const { mirror, put, envelope, lane, gone } = await start()
    const { take } = lane
    Object.assign(lane, {
      async take(limits: Parameters<typeof take>[0]) {
        const taken = await take(limits)
        await closed
        return taken
      },
    })
    await put('a', { lane: laneName('1') })
    await expect.poll(() => lane.waiting().bytes).toBe(0)
    const asked = await mirror.ask(envelopeOf(envelope('b', { lane: laneName('1') })))
    expect(asked).toMatchObject({ how: 'none', why: 'earlier requests of this connection wait for the old side' })
    open()
    await gone(1)
  })

  it('gives no half of an answer that is too long to be kept', async () => {
    old.script({ status: 200, body: 'x'.repeat(3 * 2 ** 20) })
    const { mirror, envelope } = await start()
    const asked = await mirror.ask(envelopeOf(envelope('a')))
    expect(asked).toMatchObject({ how: 'none', why: expect.stringContaining('longer than 1048576 bytes') })
  })

  it('does not show a client that our own credentials are refused', async () => {
    old.script({ status: 401 })
    const { mirror, envelope } = await start({}, { auth: 'own', credentials: { bearer: 'x' } })
    expect(await mirror.ask(envelopeOf(envelope('a')))).toMatchObject({
      how: 'none',
      why: expect.stringMatching(/refuses our credentials/),
    })
  })
})
