/** What goes wrong on the way of a cutover, one thing at a time and under load: a real Zipkin as the old side, spans counted on the new one. */

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Overview } from '../../src/admin/api.ts'
import { poster, type Sender, shopBody } from './cutover-load.ts'
import { ledger, startTap, type Tap } from './cutover-tap.ts'
import { type Peer, present, root, startZipkin } from './peers.ts'
import { type RestartingBridge, startRestartingBridge } from './restarting-bridge.ts'
import { type Sink, startSink } from './sink.ts'
import { until } from './wait.ts'

const ana = { OTLP_BRIDGE_ADMIN_USER: 'ana', OTLP_BRIDGE_ADMIN_PASSWORD: 'let-me-in' }
const authorization = `Basic ${Buffer.from('ana:let-me-in').toString('base64')}`
const headers = { 'content-type': 'application/json' }

describe.skipIf(!present('zipkin'))('a bridge with an old Zipkin, under load', () => {
  let zipkin: Peer<{ readonly http: number }>
  let sink: Sink
  let old: Tap
  let front: Tap
  let bridge: RestartingBridge<'zipkin'>
  /** What the old side answers to a request that has this text, or to all of the wrong user. */
  const wrong = { text: '', status: 400, user: false }

  beforeAll(async () => {
    zipkin = await startZipkin()
    sink = await startSink()
    old = await startTap(zipkin.ports.http, {
      instead: (request, body) => {
        if (wrong.user && request.headers.authorization !== 'Basic cmlnaHQ6cmlnaHQ=') return 401
        return wrong.text !== '' && body.includes(wrong.text) ? wrong.status : undefined
      },
    })
    bridge = await startRestartingBridge(['zipkin'], (ports) => ({
      ingest: { zipkin: { port: ports.zipkin } },
      emit: { endpoint: sink.url, batch: { delay: '50ms' } },
      mirror: {
        zipkin: {
          url: old.url,
          phase: 'dual',
          auth: 'own',
          credentials: { username: 'wrong', password: 'wrong' },
          breaker: { open: '1s' },
          retry: { initial: '100ms', max: '1s' },
        },
      },
      admin: { auth: { basic: [{ user: 'ana', password: 'let-me-in' }] } },
    }))
    front = await startTap(bridge.ports.zipkin)
  })

  afterAll(async () => {
    await bridge?.stop()
    await Promise.all([front?.close(), old?.close(), sink?.close(), zipkin?.stop()])
  })

  const load = (pauseMs = 20): Sender =>
    poster('shop', pauseMs, (n) => ({ url: `${front.url}/api/v2/spans`, headers, body: JSON.stringify(shopBody(n, 5, Date.now())) }))
  const overview = async (): Promise<Overview> =>
    (await (await fetch(`${bridge.admin}/api/v1/overview`, { headers: { authorization } })).json()) as Overview
  const waiting = async (): Promise<{ old: number; new: number }> => {
    const [zipkinRow] = (await overview()).endpoints.filter(({ mirror }) => mirror === 'zipkin')
    return { old: zipkinRow?.old?.queueItems ?? -1, new: zipkinRow?.new.queueItems ?? -1 }
  }
  const drained = (): Promise<true> =>
    until(
      'both queues empty',
      async () => {
        const now = await waiting()
        return now.old === 0 && now.new === 0 ? true : undefined
      },
      60_000,
    )
  const command = process.env['OTLP_BRIDGE_COMMAND'] ?? join(root, 'bin/otlp-bridge')
  const run = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)(command, [...args, '--admin', bridge.admin], { env: { ...process.env, ...ana } })).stdout

  /** Spans at the new side that were not sent, sent twice, or never came. */
  const spans = (): { readonly came: number; readonly repeats: number } => {
    const seen = new Set(sink.spans.map(({ traceId, spanId }) => `${traceId} ${spanId}`))
    return { came: seen.size, repeats: sink.spans.length - seen.size }
  }
  /** In this time under load; then both sides must have everything, each once. */
  const during = async (work: () => Promise<unknown>): Promise<void> => {
    const before = { spans: spans().came, requests: ledger(front, old).acknowledged }
    const sender = load()
    try {
      await delay(500)
      await work()
      await delay(500)
    } finally {
      await sender.stop()
    }
    await drained()
    const sums = ledger(front, old)
    expect(sums).toMatchObject({ missing: 0, repeats: 0, strange: 0 })
    expect(spans()).toEqual({ came: before.spans + (sums.acknowledged - before.requests) * 15, repeats: 0 })
    expect((await overview()).books.balanced).toBe(true)
  }

  it('holds back neither side when the old one answers after 5 s', async () => {
    old.delayMs = 5000
    const took: number[] = []
    try {
      await during(async () => {
        for (let round = 0; round < 30; round++) {
          await delay(100)
          took.push((await waiting()).new)
        }
        old.delayMs = 0
      })
    } finally {
      old.delayMs = 0
    }
    // 50 requests a second of 15 spans: what waits for the new side is a batch or two.
    expect(Math.max(...took)).toBeLessThan(500)
  })

  it('waits with red health and no dead letter while its credentials are wrong, and goes on when they are right', async () => {
    await during(async () => {
      wrong.user = true
      await until('the reason', async () => {
        const { health } = await overview()
        return health.reasons.some(({ text }) => /credential/i.test(text)) ? true : undefined
      })
      await delay(500)
      expect((await waiting()).old).toBeGreaterThan(0)
      expect((await overview()).deadItems).toBe(0)
      wrong.user = false
    })
    const said = async (): Promise<string> => (await overview()).health.reasons.map(({ text }) => text).join()
    await expect.poll(said, { timeout: 10_000 }).not.toContain('credentials')
  })

  it('is not held up by requests that the old side does not take', async () => {
    const before = { refused: ledger(front, old).refused, dead: (await overview()).deadItems }
    wrong.text = 'poison'
    wrong.status = 400
    const sender = load(5)
    for (let n = 0; n < 3; n++) {
      await delay(500)
      const [one] = shopBody(900_000 + n, 1, Date.now())
      const body = JSON.stringify([{ ...one, name: `poison ${n}` }])
      const reply = await fetch(`${front.url}/api/v2/spans`, { method: 'POST', headers, body })
      expect(reply.status).toBe(202)
    }
    await sender.stop()
    await drained()
    expect(ledger(front, old)).toMatchObject({ missing: 0, refused: before.refused + 3, repeats: 0 })
    expect((await overview()).deadItems).toBe(before.dead + 3)
    expect(spans().repeats).toBe(0)
    // Once the old side takes them they are tried again by hand.
    wrong.text = ''
    const listed = (await (await fetch(`${bridge.admin}/api/v1/dead`, { headers: { authorization } })).json()) as {
      items: { text: string }[]
    }
    expect(listed.items.map(({ text }) => text).join()).toContain('400')
  })

  it('loses nothing on a way forth and back', async () => {
    const missing = ledger(front, old).missing
    const before = { spans: spans().came, requests: ledger(front, old).acknowledged }
    const sender = load(5)
    for (let round = 0; round < 3; round++) {
      await delay(700)
      await run('phase', 'set', 'zipkin', 'new-primary', '--force', '--reason', 'drill')
      await delay(700)
      await run('phase', 'set', 'zipkin', '--back', '--reason', 'drill')
    }
    await delay(500)
    await sender.stop()
    await drained()
    const sums = ledger(front, old)
    expect(sums).toMatchObject({ missing, repeats: 0, strange: 0 })
    expect(spans()).toEqual({ came: before.spans + (sums.acknowledged - before.requests) * 15, repeats: 0 })
    expect(await run('phase', 'log')).toContain('drill')
    expect((await overview()).books.balanced).toBe(true)
  })
})
