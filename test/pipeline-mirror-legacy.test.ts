/** `answer: legacy` of the other protocols, and sides that are not required: rows of table 1.7 that are not Zipkin's. */

import { createSocket } from 'node:dgram'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadBridgeConfig } from '../src/config/compose.ts'
import { sendsFrom } from '../src/mirror/loop.ts'
import { type Pipeline, startPipeline } from '../src/pipeline.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { type OldSide, startOldSide } from './support/old-side.ts'
import { snappyBody } from './support/remote-write.ts'
import { writeBody } from './support/writing.ts'

let old: OldSide
let sink: OldSide
const open: (() => Promise<unknown>)[] = []
beforeEach(async () => {
  ;[old, sink] = await Promise.all([startOldSide(), startOldSide()])
  sink.answer = (_heard, response) => response.writeHead(200).end()
  open.push(() => old.stop(), sink.stop)
})
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const start = async (...own: string[]): Promise<Pipeline> => {
  const set = ['admin.enabled=false', 'queue.type=memory', 'emit.batch.delay=5', `emit.endpoint=${sink.url}`, ...own]
  const deps = { log: silentLog, version: 'test', nowMs: Date.now, random: Math.random }
  const pipeline = await startPipeline(await loadBridgeConfig({ set }, {}), deps)
  open.push(() => pipeline.stop(500))
  return pipeline
}

const addressOf = (pipeline: Pipeline, section: string): string =>
  pipeline.listeners.find((one) => one.section === section)?.addresses[0] ?? 'http://nothing.invalid'

const booksOf = (pipeline: Pipeline, format: string) => pipeline.metrics.sums().find((one) => one.format === format)

describe('remote-write', () => {
  const types = { 1: 'application/x-protobuf', 2: 'application/x-protobuf;proto=io.prometheus.write.v2.Request' } as const
  const body = (version: 1 | 2) =>
    snappyBody(writeBody(version, [{ labels: 'up{job="node",instance="a:1"}', type: 'gauge', samples: [[Date.now(), 1]] } as never]))
  const write = (pipeline: Pipeline, version: 1 | 2, bytes: Uint8Array = body(version)) =>
    fetch(`${addressOf(pipeline, 'ingest.prometheus')}/api/v1/write`, {
      method: 'POST',
      headers: { 'content-type': types[version], 'content-encoding': 'snappy', 'user-agent': 'Prometheus/3.0' },
      body: new Uint8Array(bytes),
    })
  const prometheus = (...set: string[]) => start('ingest.prometheus.port=0', `mirror.prometheus.url=${old.url}`, ...set)

  it.each([1, 2] as const)('%s: passes success and its headers on, once the new side has the samples', async (version) => {
    old.answer = (_heard, response) => response.writeHead(204, { 'X-Prometheus-Remote-Write-Samples-Written': '77' }).end()
    const pipeline = await prometheus('mirror.prometheus.answer=legacy')
    const answer = await write(pipeline, version)
    expect([answer.status, answer.headers.get('x-prometheus-remote-write-samples-written')]).toEqual([204, '77'])
    await expect.poll(() => booksOf(pipeline, 'prometheus')).toMatchObject({ received: 1, delivered: 1, balance: 0 })
    expect(old.heard.length).toBe(1)
  })

  it.each([1, 2] as const)('%s: passes a refusal on, and the new side gets nothing', async (version) => {
    old.answer = (_heard, response) =>
      response.writeHead(400, { 'X-Prometheus-Remote-Write-Samples-Written': '0' }).end('out of order sample')
    const pipeline = await prometheus('mirror.prometheus.answer=legacy')
    const answer = await write(pipeline, version)
    expect([answer.status, await answer.text()]).toEqual([400, 'out of order sample'])
    expect(answer.headers.get('x-prometheus-remote-write-samples-written')).toBe('0')
    expect(booksOf(pipeline, 'prometheus')).toMatchObject({ received: 1, refused: 1, balance: 0 })
    expect(sink.heard).toEqual([])
    // The same again is no repeat of anything.
    old.answer = (_heard, response) => response.writeHead(204).end()
    expect((await write(pipeline, version)).status).toBe(204)
    await expect.poll(() => booksOf(pipeline, 'prometheus')).toMatchObject({ delivered: 1, balance: 0 })
  })

  it.each([1, 2] as const)('%s: answers itself when the old side is down', async (version) => {
    await old.stop()
    const pipeline = await prometheus('mirror.prometheus.answer=legacy')
    const answer = await write(pipeline, version)
    expect([answer.status, answer.headers.get('x-otlp-bridge-answer')]).toEqual([204, 'bridge'])
  })

  it.each([1, 2] as const)('%s: passes a request on of which every sample waits for others', async (version) => {
    const pipeline = await prometheus()
    const bytes = snappyBody(
      writeBody(version, [
        { labels: 'h_bucket{le="1",job="node",instance="a:1"}', type: 'histogram', samples: [[Date.now(), 1]] } as never,
      ]),
    )
    expect((await write(pipeline, version, bytes)).status).toBe(204)
    await expect.poll(() => old.heard.length).toBe(1)
    expect(old.heard[0]?.body.equals(bytes)).toBe(true)
  })

  it('passes on what it cannot read where the old side is the truth', async () => {
    old.answer = (_heard, response) => response.writeHead(422).end('mine')
    const pipeline = await prometheus('mirror.prometheus.phase=shadow')
    const answer = await write(pipeline, 1, Buffer.from('no snappy at all'))
    expect([answer.status, await answer.text()]).toEqual([422, 'mine'])
  })

  it('asks the old side for pages only when told so', async () => {
    old.answer = (heard, response) => response.writeHead(200).end(`${heard.method} ${heard.url} ${heard.body}`)
    const query = async (pipeline: Pipeline) =>
      await (await fetch(`${addressOf(pipeline, 'ingest.prometheus')}/api/v1/query?a=1`, { method: 'POST', body: 'query=up' })).text()
    expect(await query(await prometheus())).toContain('otlp-bridge stores nothing')
    expect(await query(await prometheus('mirror.prometheus.proxy.enabled=true'))).toBe('POST /api/v1/query?a=1 query=up')
  })
})

describe('Jaeger over HTTP', () => {
  // A Batch in Thrift binary: Process{serviceName: "s"} and one span of nothing but its ids.
  const batch = Buffer.from(
    '0c00010b00010000000173000f00020c000000010a000100000000000000010a000200000000000000000a000300000000000000020a000400000000000000000b00050000000167080007000000000a000800000000000000010a000900000000000000010000',
    'hex',
  )
  const jaeger = (...set: string[]) => start('ingest.jaeger.http.port=0', `mirror.jaeger.http.url=${old.url}`, ...set)
  const post = (pipeline: Pipeline) =>
    fetch(`${addressOf(pipeline, 'ingest.jaeger.http')}/api/traces?format=jaeger.thrift`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-thrift' },
      body: new Uint8Array(batch),
    })

  it('passes the old answer on', async () => {
    old.answer = (_heard, response) => response.writeHead(202, { 'X-Own': 'yes' }).end()
    const pipeline = await jaeger('mirror.jaeger.http.phase=shadow')
    const answer = await post(pipeline)
    expect([answer.status, answer.headers.get('x-own')]).toEqual([202, 'yes'])
    await expect.poll(() => booksOf(pipeline, 'jaeger-thrift-binary')).toMatchObject({ received: 1, delivered: 1, balance: 0 })
  })

  it('passes a refusal on', async () => {
    old.answer = (_heard, response) => response.writeHead(503, { 'Retry-After': '9' }).end('full')
    const pipeline = await jaeger('mirror.jaeger.http.phase=shadow')
    const answer = await post(pipeline)
    expect([answer.status, answer.headers.get('retry-after'), await answer.text()]).toEqual([503, '9', 'full'])
    expect(booksOf(pipeline, 'jaeger-thrift-binary')).toMatchObject({ received: 1, refused: 1, balance: 0 })
  })

  it('asks the old side for sampling strategies, and has its own when that is down', async () => {
    old.answer = (heard, response) => response.writeHead(200).end(heard.url)
    const pipeline = await jaeger('ingest.jaeger.sampling.port=0')
    const ask = async (section: string, path: string) => await (await fetch(addressOf(pipeline, section) + path)).text()
    expect(await ask('ingest.jaeger.http', '/api/sampling?service=s')).toBe('/api/sampling?service=s')
    expect(await ask('ingest.jaeger.sampling', '/sampling?service=s')).toBe('/api/sampling?service=s')
    await old.stop()
    expect(await ask('ingest.jaeger.http', '/api/sampling?service=s')).toContain('strategyType')
  })
})

describe('a new side that need not have the data', () => {
  const tags = Object.fromEntries(Array.from({ length: 10 }, (_, at) => [`tag${at}`, 'x'.repeat(10_000)]))
  const spans = (at: number) => JSON.stringify([{ traceId: '1', id: `${at + 1}`, timestamp: 1, duration: 1, tags }])

  it.each(['bridge', 'legacy'])('is left out when its queue is full, and the old side gets all (answer: %s)', async (answer) => {
    sink.answer = (_heard, response) => response.writeHead(503).end()
    const own = ['mirror.zipkin.phase=shadow', `mirror.zipkin.answer=${answer}`, 'queue.maxSize=1MiB']
    const pipeline = await start('ingest.zipkin.port=0', `mirror.zipkin.url=${old.url}`, ...own)
    const url = `${addressOf(pipeline, 'ingest.zipkin')}/api/v2/spans`
    const statuses: number[] = []
    for (let at = 0; at < 20; at++) {
      const headers = { 'content-type': 'application/json' }
      statuses.push((await fetch(url, { method: 'POST', headers, body: spans(at) })).status)
    }
    expect(new Set(statuses)).toEqual(new Set([202]))
    await expect.poll(() => old.heard.length).toBe(20)
    expect(pipeline.metrics.total('otlp_bridge_dropped_items_total')).toBeGreaterThan(5)
    expect(booksOf(pipeline, 'zipkin-json')).toMatchObject({ received: 20, balance: 0 })
  })
})

describe('datagrams', () => {
  it('that we sent ourselves are dropped and counted', async () => {
    const agent = createSocket('udp4')
    await new Promise<void>((resolve) => agent.bind(0, '127.0.0.1', resolve))
    open.push(() => new Promise((resolve) => agent.close(() => resolve(undefined))))
    const heard: Buffer[] = []
    agent.on('message', (datagram) => heard.push(datagram))
    const pipeline = await start(
      'ingest.jaeger.compact.port=0',
      `mirror.jaeger.compact.url=udp://127.0.0.1:${agent.address().port}`,
      'mirror.jaeger.compact.phase=shadow',
    )
    const sender = createSocket('udp4')
    await new Promise<void>((resolve) => sender.bind(0, '127.0.0.1', resolve))
    const send = (text: string) =>
      new Promise<void>((resolve) => {
        sender.send(text, Number(/\d+$/.exec(addressOf(pipeline, 'ingest.jaeger.compact'))?.[0]), '127.0.0.1', () => resolve())
      })
    const end = sendsFrom(sender.address().port)
    await send('ours')
    await expect.poll(() => pipeline.metrics.total('otlp_bridge_mirror_notes_total')).toBe(1)
    end()
    await send('theirs')
    await expect.poll(() => heard.map(String)).toEqual(['theirs'])
    sender.close()
  })

  it('must not be mirrored to a port of ours', async () => {
    await expect(
      start('ingest.jaeger.compact.port=0', 'ingest.jaeger.binary.port=19732', 'mirror.jaeger.compact.url=udp://localhost:19732'),
    ).rejects.toMatchObject({ code: 'OB_LOOP', place: 'mirror.jaeger.compact.url' })
  })

  it('know no answer of the old side', async () => {
    await expect(
      start('ingest.jaeger.compact.port=0', 'mirror.jaeger.compact.url=udp://localhost:1', 'mirror.jaeger.compact.answer=legacy'),
    ).rejects.toMatchObject({ code: 'OB_CONFIG' })
  })
})
