import { afterEach, describe, expect, it } from 'vitest'
import type { Listener } from '../../../src/ingest/adapter.ts'
import { jaegerConfig } from '../../../src/ingest/jaeger/config.ts'
import { goDuration, startJaegerHealth } from '../../../src/ingest/jaeger/health.ts'
import type { Pages } from '../../../src/ingest/pages.ts'
import { createFakeDeps, quietPages } from '../support/fakes.ts'

let listener: Listener | undefined

afterEach(async () => {
  await listener?.stop(0)
  listener = undefined
})

async function start(pages: Pages, nowMs: () => number): Promise<string> {
  const { health } = jaegerConfig.parse({ health: { host: '127.0.0.1', port: 0 } })
  if (health === undefined) throw new Error('the endpoint is off')
  listener = await startJaegerHealth(health, pages, createFakeDeps(nowMs))
  return listener.addresses[0] as string
}

describe('startJaegerHealth', () => {
  it('J-H10: says since when it is available', async () => {
    let now = Date.UTC(2026, 0, 1)
    const address = await start(quietPages, () => now)
    now += 62_500
    const answer = await fetch(address)
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { status: 'Server available', upSince: '2026-01-01T00:00:00.000Z', uptime: '1m2.5s' },
    ])
  })

  it('J-H10: says when it is not, and why', async () => {
    const answer = await fetch(await start({ ...quietPages, trouble: () => 'the disk is full' }, () => 0))
    expect([answer.status, await answer.json()]).toEqual([
      503,
      expect.objectContaining({ status: 'Server not available', reason: 'the disk is full' }),
    ])
  })

  it('J-H10: serves metrics, and nothing else', async () => {
    const address = await start(quietPages, () => 0)
    expect(await (await fetch(`${address}/metrics`)).text()).toBe('up 1\n')
    expect((await fetch(`${address}/debug`)).status).toBe(404)
  })
})

describe('goDuration', () => {
  it.each([
    [0, '0s'],
    [1500, '1.5s'],
    [60_000, '1m0s'],
    [3_723_500, '1h2m3.5s'],
  ])('prints %d ms as %s', (ms, want) => {
    expect(goDuration(ms)).toBe(want)
  })
})
