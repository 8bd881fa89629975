/** A cutover from the first phase to the last through a running bridge: switches, shares, books, the verdict, restarts. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LiveMinute, MirrorState, Overview, Readiness } from '../src/admin/api.ts'
import type { Pipeline } from '../src/pipeline.ts'
import { addressOf, type BothSides, startBothSides } from './support/both-sides.ts'
import type { OldSide } from './support/old-side.ts'

let sides: BothSides
let old: OldSide
beforeEach(async () => {
  sides = await startBothSides(['admin.port=0', 'admin.auth.basic=[{"user":"ana","password":"secret"}]', 'ingest.zipkin.port=0'])
  old = sides.old
})
afterEach(() => sides.close())

const load = (...set: string[]) => sides.load(`mirror.zipkin.url=${old.url}`, ...set)
const start = (...set: string[]): Promise<Pipeline> => sides.start(`mirror.zipkin.url=${old.url}`, ...set)
const arrived = (): number => sides.arrived()

const authorization = `Basic ${Buffer.from('ana:secret').toString('base64')}`

const ask = async <T>({ adminUrl }: Pipeline, path: string): Promise<T> =>
  (await (await fetch(`${adminUrl}/api/v1${path}`, { headers: { authorization } })).json()) as T

const state = async (pipeline: Pipeline): Promise<MirrorState> => (await ask<{ items: [MirrorState] }>(pipeline, '/mirror')).items[0]

/** Moves a switch as the page does. */
const change = async (
  pipeline: Pipeline,
  body: object,
): Promise<{ readonly status: number; readonly answer: MirrorState & { readonly message?: string } }> => {
  const { csrf } = await ask<{ csrf: string }>(pipeline, '/session')
  const { revision } = await state(pipeline)
  const response = await fetch(`${pipeline.adminUrl}/api/v1/mirror/zipkin`, {
    method: 'PUT',
    headers: {
      authorization,
      'content-type': 'application/json',
      'x-ob-csrf': csrf,
      origin: pipeline.adminUrl ?? '',
      'if-match': `"${revision}"`,
    },
    body: JSON.stringify({ reason: 'a test', ...body }),
  })
  return { status: response.status, answer: (await response.json()) as MirrorState & { message?: string } }
}

let ids = 0

/** Spans of traces that are all different, one a request. Returns the status of each. */
const send = async (pipeline: Pipeline, count: number, service = 'cart'): Promise<number[]> => {
  const url = addressOf(pipeline, 'ingest.zipkin')
  const statuses: number[] = []
  for (let at = 0; at < count; at++) {
    const traceId = (++ids * 0x9e3779b1).toString(16).padStart(16, '0').slice(-16)
    const span = { traceId, id: '1', name: 'get', timestamp: Date.now() * 1000, duration: 1, localEndpoint: { serviceName: service } }
    const response = await fetch(`${url}/api/v2/spans`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([span]),
    })
    await response.arrayBuffer()
    statuses.push(response.status)
  }
  return statuses
}

describe('a cutover', () => {
  it('goes from shadow to new-only and back, and neither side gets more or less than its phase says', async () => {
    const pipeline = await start('mirror.zipkin.phase=shadow')
    expect(await state(pipeline)).toMatchObject({ phase: 'shadow', answer: 'legacy', share: { new: 1, old: 1 }, switchable: true })

    // Shadow: the old side answers; the new side grows.
    old.answer = (_heard, response) => void response.writeHead(202, { 'x-old': 'yes', 'content-length': 0 }).end()
    await change(pipeline, { share: { new: 0.5 } })
    await send(pipeline, 40)
    expect(old.heard).toHaveLength(40)
    await expect.poll(() => pipeline.metrics.total('otlp_bridge_queue_items')).toBe(0)
    const half = arrived()
    expect(half).toBeGreaterThan(8)
    expect(half).toBeLessThan(32)

    // What the new side was not to get is accounted for.
    expect(pipeline.metrics.total('otlp_bridge_consumed_items_total', { reason: 'share' })).toBe(40 - half)
    expect((await ask<Overview>(pipeline, '/overview')).books.balanced).toBe(true)

    // Not a day old: refused, unless it is forced.
    const refused = await change(pipeline, { phase: 'dual' })
    expect(refused).toMatchObject({ status: 422, answer: { message: expect.stringContaining('h of 24 h in shadow') } })
    expect((await change(pipeline, { phase: 'dual', force: true })).answer).toMatchObject({
      phase: 'dual',
      answer: 'bridge',
      share: { new: 1 },
    })
    await send(pipeline, 10)
    await expect.poll(() => [arrived(), old.heard.length]).toEqual([half + 10, 50])

    // The old side shrinks to nothing, sender by sender.
    await change(pipeline, { phase: 'new-primary', force: true })
    await change(pipeline, { share: { old: 0 } })
    await send(pipeline, 10)
    await expect.poll(arrived).toBe(half + 20)
    expect(old.heard).toHaveLength(50)
    await change(pipeline, { phase: 'new-only', force: true })
    expect(await send(pipeline, 5)).toEqual([202, 202, 202, 202, 202])

    // Back: the old side gets all again.
    await change(pipeline, { phase: 'new-primary' })
    await change(pipeline, { share: { old: 1 } })
    await send(pipeline, 5)
    await expect.poll(() => [arrived(), old.heard.length]).toEqual([half + 30, 55])

    // The books say what each side was to get, and why the rest did not.
    const { minutes } = await ask<{ minutes: LiveMinute[] }>(pipeline, '/parity/live')
    const sums = { received: 0, old: 0, new: 0 }
    for (const one of minutes.filter(({ key }) => key === 'cart')) {
      sums.received += one.received
      sums.old += one.old.delivered
      sums.new += one.new.delivered
    }
    expect(sums).toEqual({ received: 70, old: 55, new: half + 30 })
    expect(minutes.map(({ verdict }) => verdict)).not.toContain('short')
    expect(minutes.map(({ text }) => text).join()).toContain('share')
  })

  it('keeps its switches over a restart, and lets a changed file win', async () => {
    const first = await start('mirror.zipkin.phase=shadow')
    await change(first, { phase: 'dual', force: true })
    await first.stop(1000)
    const second = await start('mirror.zipkin.phase=shadow')
    expect(await state(second)).toMatchObject({ phase: 'dual' })
    await second.reload(await load('mirror.zipkin.phase=new-primary', 'mirror.zipkin.share.old=0.5'))
    expect(await state(second)).toMatchObject({ phase: 'new-primary', share: { new: 1, old: 0.5 } })
  })

  it('holds the old side while it is paused, and sends what waited then', async () => {
    const pipeline = await start()
    await change(pipeline, { paused: true })
    expect(await send(pipeline, 3)).toEqual([202, 202, 202])
    await expect.poll(arrived).toBe(3)
    expect(old.heard).toHaveLength(0)
    await change(pipeline, { paused: false })
    await expect.poll(() => old.heard.length).toBe(3)
  })

  it('says of each service whether it may be cut over, and why not', async () => {
    const pipeline = await start()
    await send(pipeline, 2, 'cart')
    await send(pipeline, 2, 'pay')
    await expect.poll(arrived).toBe(4)
    const { items } = await ask<Readiness>(pipeline, '/readiness')
    expect(items.map(({ key, answer, question }) => [key, answer, question])).toEqual([
      ['cart', 'no-data', 'A'],
      ['pay', 'no-data', 'A'],
    ])
    expect(items[0]?.headline).toContain('cart: no data yet — ')
    const byId = new Map(items[0]?.checks.map(({ id, state: check }) => [id, check]))
    expect(['V3', 'V4'].map((id) => byId.get(id))).toEqual(['pass', 'pass'])
    const unknown = ['V1', 'V2', 'V6', 'V7', 'V8']
    expect(unknown.map((id) => byId.get(id))).toEqual(unknown.map(() => 'unknown'))
  })

  it('turns red when a phase lasts longer than it should', async () => {
    const pipeline = await start('mirror.zipkin.phaseUntil=2020-01-01')
    expect(pipeline.health.reasons().map(({ reason }) => reason)).toContain(
      'zipkin should have left phase dual by 2020-01-01 (mirror.zipkin.phaseUntil)',
    )
    const soon = new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10)
    await pipeline.reload(await load(`mirror.zipkin.phaseUntil=${soon}`))
    expect(pipeline.health.reasons().filter(({ part }) => part === 'cutover')).toEqual([])
    expect(
      pipeline.health
        .warnings()
        .map(({ reason }) => reason)
        .join(),
    ).toContain(`phase dual ends on ${soon}`)
  })
})
