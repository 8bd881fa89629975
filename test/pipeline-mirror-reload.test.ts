/** Mirrors when the configuration changes while an old backend hangs, and when the bridge stops. */

import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Pipeline } from '../src/pipeline.ts'
import { addressOf, type BothSides, startBothSides } from './support/both-sides.ts'
import type { OldSide } from './support/old-side.ts'

let sides: BothSides
let old: OldSide
let pipeline: Pipeline

beforeEach(async () => {
  sides = await startBothSides(['admin.port=0', 'ingest.zipkin.port=0'])
  old = sides.old
})
afterEach(() => sides.close())

const load = (...set: string[]) => sides.load(...set)
const start = async (...set: string[]): Promise<void> => {
  pipeline = await sides.start(...set)
}

const span = JSON.stringify([{ traceId: '1', id: '2', name: 'get', timestamp: 1, duration: 1, localEndpoint: { serviceName: 'shop' } }])

const post = async (): Promise<number> => {
  const url = addressOf(pipeline, 'ingest.zipkin')
  return (await fetch(`${url}/api/v2/spans`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: span })).status
}

const takenPort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  sides.open.push(() => server.close())
  return (server.address() as AddressInfo).port
}

const phase = async (): Promise<string> => {
  const answer = await fetch(`${pipeline.adminUrl}/api/v1/mirror`)
  const { items } = (await answer.json()) as { items: { phase: string }[] }
  return items[0]?.phase ?? ''
}

describe('a reload that fails', () => {
  it('leaves a mirror sending whose requests it had cut', async () => {
    await start(`mirror.zipkin.url=${old.url}`)
    const heard = () => old.heard.filter(({ url }) => url === '/api/v2/spans').length
    old.answer = (_heard, response) => {
      if (heard() > 1) response.writeHead(202, { 'content-length': 0 }).end()
    }
    expect(await post()).toBe(202)
    await expect.poll(() => old.heard.length).toBe(1)
    const wanted = await load(
      `mirror.zipkin.url=${old.url}/other`,
      `ingest.jaeger.http.port=${await takenPort()}`,
      'ingest.jaeger.http.host=127.0.0.1',
    )
    await expect(pipeline.reload(wanted)).rejects.toMatchObject({ code: 'OB_LISTEN' })
    await expect.poll(heard, { timeout: 5000 }).toBe(2)
    await expect.poll(() => pipeline.metrics.total('otlp_bridge_mirror_queue_items')).toBe(0)
    // The mirror that was to be had it in between.
    expect(pipeline.metrics.total('otlp_bridge_mirror_repeats_total')).toBeGreaterThanOrEqual(old.heard.length - 1)
    expect(await post()).toBe(202)
    await expect.poll(heard).toBe(3)
  })

  it('leaves the switches where they were', async () => {
    await start(`mirror.zipkin.url=${old.url}`)
    const wanted = await load(
      `mirror.zipkin.url=${old.url}`,
      'mirror.zipkin.phase=new-only',
      `ingest.jaeger.http.port=${await takenPort()}`,
      'ingest.jaeger.http.host=127.0.0.1',
    )
    await expect(pipeline.reload(wanted)).rejects.toMatchObject({ code: 'OB_LISTEN' })
    expect(await phase()).toBe('dual')
  })
})

describe('a bridge that stops', () => {
  it('says what an old side has not got and was in memory alone', async () => {
    await start('queue.type=memory', `mirror.zipkin.url=${old.url}`)
    old.answer = () => {}
    expect(await post()).toBe(202)
    await expect.poll(() => sides.arrived()).toBe(1)
    expect(await pipeline.stop(100)).toEqual({ left: 0, lost: 1 })
  })

  it('says what waits for an old side on disk', async () => {
    await start(`mirror.zipkin.url=${old.url}`)
    old.answer = () => {}
    expect(await post()).toBe(202)
    await expect.poll(() => sides.arrived()).toBe(1)
    expect(await pipeline.stop(100)).toEqual({ left: 1, lost: 0 })
  })
})
