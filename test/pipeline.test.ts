import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startDemoSink } from '../src/cli/demo-sink.ts'
import { loadBridgeConfig } from '../src/config/compose.ts'
import { type Pipeline, startPipeline } from '../src/pipeline.ts'
import { silentLog } from '../src/telemetry/log.ts'

let folder: string
const open: (() => Promise<unknown>)[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pipeline-'))
})
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
  await rm(folder, { recursive: true })
})

const start = async (...set: string[]): Promise<Pipeline> => {
  const base = ['ingest.zipkin.port=0', 'admin.port=0', `queue.path=${folder}/queue`, 'emit.batch.delay=5', 'emit.retry.initialInterval=20']
  const config = await loadBridgeConfig({ set: [...base, ...set] }, {})
  const pipeline = await startPipeline(config, { log: silentLog, version: 'test', nowMs: Date.now, random: Math.random })
  open.push(() => pipeline.stop(1000))
  return pipeline
}

const addressOf = (pipeline: Pipeline, section: string): string =>
  pipeline.listeners.find((one) => one.section === section)?.addresses[0] ?? 'http://nothing.invalid'

/** The books of formats that saw anything. */
const books = (pipeline: Pipeline) => pipeline.metrics.sums().filter((one) => one.received + one.carried > 0)

const post = async (pipeline: Pipeline): Promise<number> => {
  const body = await readFile(new URL('../fixtures/zipkin/v1-thrift/in.bin', import.meta.url))
  const headers = { 'content-type': 'application/x-thrift' }
  return (await fetch(`${addressOf(pipeline, 'ingest.zipkin')}/api/v1/spans`, { method: 'POST', body, headers })).status
}

/** A port nobody listens on: bound once and given back. */
const freePort = async (): Promise<{ port: number; server: Server }> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, server }
}

describe('startPipeline', () => {
  it('starts only what ingest names, and the admin port', async () => {
    const pipeline = await start()
    expect(pipeline.listeners.map((one) => one.section)).toEqual(['ingest.zipkin', 'admin'])
  })

  it('carries spans from the endpoint to the sink, and the books balance', async () => {
    const sink = await startDemoSink()
    open.push(sink.stop)
    const pipeline = await start(`emit.endpoint=${sink.endpoint}`)
    expect(await post(pipeline)).toBe(202)
    await expect.poll(() => [...sink.seen.values()].reduce((sum, count) => sum + count, 0)).toBe(4)
    await expect.poll(() => books(pipeline)).toMatchObject([{ format: 'zipkin-thrift', received: 4, delivered: 4, queued: 0, balance: 0 }])
    expect(pipeline.health.reasons()).toEqual([])
  })

  it('keeps on disk what the endpoint could not take, and sends it after the next start', async () => {
    const { port, server } = await freePort()
    await new Promise((resolve) => server.close(resolve))
    const first = await start(`emit.endpoint=http://127.0.0.1:${port}`)
    expect(await post(first)).toBe(202)
    expect(await first.stop(300)).toEqual({ left: 4, lost: 0 })

    const sink = await startDemoSink()
    open.push(sink.stop)
    const second = await start(`emit.endpoint=${sink.endpoint}`)
    await expect.poll(() => sink.seen.size).toBe(3)
    await expect.poll(() => books(second)).toMatchObject([{ carried: 4, delivered: 4, balance: 0 }])
  })

  it('sends what a memory queue holds before it stops', async () => {
    const sink = await startDemoSink()
    open.push(sink.stop)
    const pipeline = await start('queue.type=memory', 'emit.batch.delay=100', `emit.endpoint=${sink.endpoint}`)
    expect(await post(pipeline)).toBe(202)
    expect(await pipeline.stop(5000)).toEqual({ left: 0, lost: 0 })
    expect(sink.seen.size).toBe(3)
  })

  it('says that what a memory queue still holds is lost', async () => {
    const { port, server } = await freePort()
    await new Promise((resolve) => server.close(resolve))
    const pipeline = await start('queue.type=memory', `emit.endpoint=http://127.0.0.1:${port}`)
    expect(await post(pipeline)).toBe(202)
    expect(await pipeline.stop(200)).toEqual({ left: 0, lost: 4 })
  })

  it('names the knob of a port that is taken, and closes what it had opened', async () => {
    const { port, server } = await freePort()
    open.push(() => new Promise((resolve) => server.close(resolve)))
    const failed = start(`admin.port=${port}`, 'admin.host=127.0.0.1')
    await expect(failed).rejects.toMatchObject({ code: 'OB_LISTEN', place: 'admin.port' })
    expect((await start()).listeners).toHaveLength(2)
  })

  it.each(['emit.endpoint', 'emit.tracesEndpoint'])('refuses to send to itself by %s', async (key) => {
    const { port, server } = await freePort()
    await new Promise((resolve) => server.close(resolve))
    const failed = start(`ingest.zipkin.port=${port}`, `${key}=http://localhost:${port}/v1/traces`)
    await expect(failed).rejects.toMatchObject({ code: 'OB_LOOP', message: expect.stringContaining('ingest.zipkin') })
  })
})
