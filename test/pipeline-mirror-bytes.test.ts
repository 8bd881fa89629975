/** Every vector through a mirror: what the old side gets is byte for byte what was sent, whatever carried it. Rule C-M1. */

import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadBridgeConfig } from '../src/config/compose.ts'
import { type Pipeline, startPipeline } from '../src/pipeline.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { type OldSide, startOldSide } from './support/old-side.ts'
import { vectorFiles } from './support/shared.ts'

const hash = (body: Uint8Array): string => createHash('sha256').update(body).digest('hex')

let folder: string
let old: OldSide
let sink: OldSide
let pipeline: Pipeline
const agent = createSocket('udp4')
const datagrams: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mirror-bytes-'))
  ;[old, sink] = await Promise.all([startOldSide(), startOldSide()])
  sink.answer = (_heard, response) => response.writeHead(200).end()
  await new Promise<void>((resolve) => agent.bind(0, '127.0.0.1', resolve))
  agent.on('message', (datagram) => datagrams.push(hash(datagram)))
  const set = [
    ...['ingest.zipkin.port=0', 'ingest.jaeger.http.port=0', 'ingest.jaeger.compact.port=0', 'ingest.jaeger.compact.receiveBuffer=4MiB'],
    ...['ingest.prometheus.port=0', 'admin.enabled=false', 'queue.type=memory', `emit.endpoint=${sink.url}`],
    ...['zipkin', 'jaeger.http', 'prometheus'].flatMap((one) => [`mirror.${one}.url=${old.url}`, `mirror.${one}.undecodable=mirror`]),
    ...[`mirror.jaeger.compact.url=udp://127.0.0.1:${agent.address().port}`, 'mirror.jaeger.compact.maxPacketSize=65507'],
    'mirror.jaeger.compact.undecodable=mirror',
  ]
  pipeline = await startPipeline(await loadBridgeConfig({ set }, {}), {
    log: silentLog,
    version: 'test',
    nowMs: Date.now,
    random: Math.random,
  })
})
afterAll(async () => {
  await pipeline.stop(1000)
  await Promise.all([old.stop(), sink.stop()])
  agent.close()
  await rm(folder, { recursive: true })
})

const addressOf = (section: string): string => pipeline.listeners.find((one) => one.section === section)?.addresses[0] ?? ''

/** Sends them and waits for what comes of it at the old side, in whatever order. */
async function through(url: string, headers: Record<string, string>, bodies: readonly Uint8Array[]): Promise<void> {
  old.heard.length = 0
  for (const body of bodies) await (await fetch(url, { method: 'POST', headers, body: new Uint8Array(body) })).arrayBuffer()
  await expect.poll(() => old.heard.length, { timeout: 10_000 }).toBe(bodies.length)
  expect(old.heard.map(({ sha256 }) => sha256).sort()).toEqual(bodies.map(hash).sort())
}

const read = (format: string, ending: string): Promise<Buffer[]> =>
  Promise.all(
    vectorFiles(format)
      .filter((file) => file.endsWith(ending) && !/\.(expected|collector|proto-src|thrift-src)\.json$/.test(basename(file)))
      .map((file) => readFile(file)),
  )

describe('what the old side gets of every vector', () => {
  it('is the same bytes: Zipkin JSON, as it is and compressed', async () => {
    const url = `${addressOf('ingest.zipkin')}/api/v2/spans`
    const bodies = await read('zipkin', '.json')
    await through(url, { 'content-type': 'application/json' }, bodies)
    await through(
      url,
      { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      bodies.map((body) => gzipSync(body)),
    )
  })

  it('is the same bytes: Zipkin Thrift and protobuf, readable or not', async () => {
    const bodies = await read('zipkin', '.bin')
    await through(`${addressOf('ingest.zipkin')}/api/v1/spans`, { 'content-type': 'application/x-thrift' }, bodies)
    await through(`${addressOf('ingest.zipkin')}/api/v2/spans`, { 'content-type': 'application/x-protobuf' }, bodies)
  })

  it('is the same bytes: Jaeger Thrift over HTTP', async () => {
    const headers = { 'content-type': 'application/vnd.apache.thrift.binary' }
    await through(`${addressOf('ingest.jaeger.http')}/api/traces?format=jaeger.thrift`, headers, await read('jaeger', '.http.bin'))
  })

  it('is the same bytes: remote-write of both versions', async () => {
    const { snappyBody } = await import('./support/remote-write.ts')
    const bodies = (await read('prometheus', '.bin')).map(snappyBody)
    const url = `${addressOf('ingest.prometheus')}/api/v1/write`
    await through(url, { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' }, bodies)
    const second = 'application/x-protobuf;proto=io.prometheus.write.v2.Request'
    await through(url, { 'content-type': second, 'content-encoding': 'snappy' }, bodies)
  })

  it('is the same datagrams, of every size', async () => {
    const bodies = [
      ...(await read('jaeger', '.udp-compact.bin')),
      Buffer.alloc(0),
      Buffer.alloc(1),
      Buffer.alloc(65_000, 7),
      Buffer.alloc(65_507, 9),
    ]
    const sender = createSocket('udp4')
    const port = Number(/\d+$/.exec(addressOf('ingest.jaeger.compact'))?.[0])
    for (const body of bodies) await new Promise<void>((resolve) => sender.send(body, port, '127.0.0.1', () => resolve()))
    await expect.poll(() => datagrams.length, { timeout: 5000 }).toBe(bodies.length)
    expect(datagrams).toEqual(bodies.map(hash))
    sender.close()
  })
})
