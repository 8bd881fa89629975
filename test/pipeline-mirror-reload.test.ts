/** Mirrors when the configuration changes while an old backend hangs, and when the bridge stops. */

import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type DemoSink, startDemoSink } from '../src/cli/demo-sink.ts'
import { loadBridgeConfig } from '../src/config/compose.ts'
import { type Pipeline, startPipeline } from '../src/pipeline.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { type OldSide, startOldSide } from './support/old-side.ts'

let folder: string
let old: OldSide
let sink: DemoSink
let pipeline: Pipeline
const open: (() => unknown)[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mirror-reload-'))
  old = await startOldSide()
  sink = await startDemoSink()
  open.push(() => old.stop(), sink.stop)
})
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
  await rm(folder, { recursive: true })
})

const load = (...set: string[]) => {
  const base = ['admin.port=0', `queue.path=${folder}/queue`, 'emit.batch.delay=5', `emit.endpoint=${sink.endpoint}`]
  return loadBridgeConfig({ set: [...base, 'ingest.zipkin.port=0', ...set] }, {})
}

const start = async (...set: string[]): Promise<void> => {
  pipeline = await startPipeline(await load(...set), { log: silentLog, version: 'test', nowMs: Date.now, random: Math.random })
  open.push(() => pipeline.stop(1000))
}

const span = JSON.stringify([{ traceId: '1', id: '2', name: 'get', timestamp: 1, duration: 1, localEndpoint: { serviceName: 'shop' } }])

const post = async (): Promise<number> => {
  const url = pipeline.listeners.find(({ section }) => section === 'ingest.zipkin')?.addresses[0]
  return (await fetch(`${url}/api/v2/spans`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: span })).status
}

const takenPort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push(() => server.close())
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
    await expect.poll(() => [...sink.seen.values()].reduce((sum, count) => sum + count, 0)).toBe(1)
    expect(await pipeline.stop(100)).toEqual({ left: 0, lost: 1 })
  })

  it('says what waits for an old side on disk', async () => {
    await start(`mirror.zipkin.url=${old.url}`)
    old.answer = () => {}
    expect(await post()).toBe(202)
    await expect.poll(() => [...sink.seen.values()].reduce((sum, count) => sum + count, 0)).toBe(1)
    expect(await pipeline.stop(100)).toEqual({ left: 1, lost: 0 })
  })
})
