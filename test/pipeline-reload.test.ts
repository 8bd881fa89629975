import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type DemoSink, startDemoSink } from '../src/cli/demo-sink.ts'
import { loadBridgeConfig } from '../src/config/compose.ts'
import { type Pipeline, startPipeline } from '../src/pipeline.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { startSink } from './emit/support/otlp-sink.ts'

let folder: string
let pipeline: Pipeline
const open: (() => unknown)[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reload-'))
})
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
  await rm(folder, { recursive: true })
})

const base = ['ingest.zipkin.port=0', 'ingest.jaeger.http.port=0', 'ingest.jaeger.compact.port=0', 'admin.port=0', 'emit.batch.delay=5']
const config = (...set: string[]) => loadBridgeConfig({ set: [...base, `queue.path=${folder}/queue`, ...set] }, {})

const start = async (...set: string[]): Promise<void> => {
  pipeline = await startPipeline(await config(...set), { log: silentLog, version: 'test', nowMs: Date.now, random: Math.random })
  open.push(() => pipeline.stop(1000))
}

const reload = async (...set: string[]) => pipeline.reload(await config(...set))

const portOf = (section: string): number =>
  Number(
    new URL((pipeline.listeners.find((one) => one.section === `ingest.${section}`)?.addresses[0] ?? '').replace(/^(udp|grpc)/, 'http'))
      .port,
  )

/** A client that keeps its one connection open. */
const client = (port: number) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  open.push(() => agent.destroy())
  const sockets = new Set<Socket>()
  const post = (body: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const sending = request({ host: '127.0.0.1', port, path: '/api/v2/spans', method: 'POST', agent }, (response) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode ?? 0))
      })
      sending.on('socket', (socket) => sockets.add(socket))
      sending.on('error', reject)
      sending.end(body)
    })
  return { post, sockets }
}

const span = (id: number): string =>
  JSON.stringify([
    {
      traceId: 'a'.repeat(32),
      id: id.toString(16).padStart(16, '0'),
      name: 'x',
      timestamp: 1_700_000_000_000_000,
      duration: 1,
      remoteEndpoint: { ipv4: '10.0.0.1', port: 80 },
    },
  ])

const takenPort = async (): Promise<number> => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push(() => server.close())
  return (server.address() as AddressInfo).port
}

const freePort = async (): Promise<number> => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('Pipeline.reload', () => {
  it('leaves an endpoint alone that it does not concern: the same socket serves before and after', async () => {
    await start()
    const { post, sockets } = client(portOf('zipkin'))
    expect(await post('[]')).toBe(202)
    const report = await reload('ingest.jaeger.http.limits.items=5')
    expect(report.endpoints).toMatchObject({ kept: expect.arrayContaining(['zipkin', 'jaeger.compact']), restarted: ['jaeger.http'] })
    expect(await post('[]')).toBe(202)
    expect(sockets.size).toBe(1)
  })

  it('lets a changed translation be seen in the output, on the same port, with no connection refused', async () => {
    const sink = await startSink()
    const sent = (): string => sink.received.map(({ body }) => body.toString('latin1')).join('')
    await start(`emit.endpoint=${sink.url}`)
    const port = portOf('zipkin')
    const answers = new Set<number | string>()
    let on = true
    const knocking = (async () => {
      while (on)
        answers.add(
          await client(port)
            .post('[]')
            .catch(({ code }: NodeJS.ErrnoException) => code ?? ''),
        )
    })()
    expect(await client(port).post(span(1))).toBe(202)
    await expect.poll(sent).toContain('network.peer.address')
    expect(sent()).not.toContain('net.peer.ip')
    const report = await reload(`emit.endpoint=${sink.url}`, 'translate.semconv=legacy')
    expect(report.changed).toEqual(['translate'])
    expect(portOf('zipkin')).toBe(port)
    expect(await client(port).post(span(2))).toBe(202)
    await expect.poll(sent).toContain('net.peer.ip')
    on = false
    await knocking
    expect([...answers]).toEqual([202])
  })

  it('leaves the other formats alone when the translation of one changes', async () => {
    await start()
    // The agent's port takes Zipkin spans, too.
    const { endpoints } = await reload('translate.zipkin.kind.absent=unspecified')
    expect(endpoints).toMatchObject({ kept: ['jaeger.http'], restarted: ['zipkin', 'jaeger.compact'] })
    const again = await reload('translate.zipkin.kind.absent=unspecified', 'translate.jaeger.kind.absent=unspecified')
    expect(again.endpoints).toMatchObject({ kept: ['zipkin'], restarted: ['jaeger.http', 'jaeger.compact'] })
  })

  it('reads a mapping file again that changed, though no option did', async () => {
    const file = join(folder, 'mapping.yaml')
    await writeFile(file, 'metrics: []\n')
    const options = ['ingest.prometheus.port=0', `translate.prometheus.mapping=${file}`]
    await start(...options)
    expect((await reload(...options)).endpoints.restarted).toEqual([])
    await writeFile(file, 'metrics: [{ match: a, metric: b }]\n')
    expect((await reload(...options)).endpoints.restarted).toEqual(['prometheus'])
    expect((await reload(...options)).endpoints.restarted).toEqual([])
  })

  it('hands over the socket of a gRPC endpoint', async () => {
    await start('ingest.jaeger.grpc.port=0')
    const port = portOf('jaeger.grpc')
    const settled = async (): Promise<void> => {
      const session = connect(`http://127.0.0.1:${port}`)
      await once(session, 'remoteSettings')
      session.destroy()
    }
    await settled()
    const { endpoints } = await reload('ingest.jaeger.grpc.port=0', 'ingest.jaeger.grpc.limits.items=7')
    expect(endpoints).toMatchObject({ restarted: ['jaeger.grpc'] })
    expect(portOf('jaeger.grpc')).toBe(port)
    await settled()
  })

  it('moves an endpoint to another port', async () => {
    await start()
    const before = portOf('zipkin')
    const port = await freePort()
    const { endpoints } = await reload(`ingest.zipkin.port=${port}`)
    expect(endpoints.restarted).toEqual(['zipkin'])
    expect(await client(port).post('[]')).toBe(202)
    await expect(client(before).post('[]')).rejects.toThrow('ECONNREFUSED')
  })

  it('stops an endpoint that is no longer named and starts one that is new', async () => {
    await start()
    const without = await loadBridgeConfig(
      { set: ['ingest.zipkin.port=0', 'admin.port=0', 'emit.batch.delay=5', `queue.path=${folder}/queue`] },
      {},
    )
    expect((await pipeline.reload(without)).endpoints).toMatchObject({ kept: ['zipkin'], stopped: ['jaeger.http', 'jaeger.compact'] })
    expect(pipeline.listeners.map(({ section }) => section)).toEqual(['ingest.zipkin', 'admin'])
    expect((await reload()).endpoints).toMatchObject({ kept: ['zipkin'], started: ['jaeger.http', 'jaeger.compact'] })
  })

  it('has everything as before when a port is taken', async () => {
    await start()
    const before = pipeline.listeners
    const { post, sockets } = client(portOf('zipkin'))
    expect(await post('[]')).toBe(202)
    const port = await takenPort()
    const failed = reload('translate.semconv=both', `ingest.jaeger.http.port=${port}`, 'ingest.jaeger.http.host=127.0.0.1')
    await expect(failed).rejects.toMatchObject({ code: 'OB_LISTEN', place: 'ingest.jaeger.http.port' })
    expect(pipeline.listeners).toEqual(before)
    expect(await client(portOf('zipkin')).post('[]')).toBe(202)
    expect(sockets.size).toBe(1)
    expect((await reload()).endpoints.restarted).toEqual([])
  })

  it('refuses to send to itself from then on', async () => {
    await start()
    const failed = reload(`emit.endpoint=http://127.0.0.1:${portOf('zipkin')}`)
    await expect(failed).rejects.toMatchObject({ code: 'OB_LOOP' })
  })

  it('sends to another endpoint from then on, and loses nothing on the way', async () => {
    const first: DemoSink = await startDemoSink()
    const second: DemoSink = await startDemoSink()
    open.push(first.stop, second.stop)
    await start(`emit.endpoint=${first.endpoint}`)
    const { post } = client(portOf('zipkin'))
    for (let id = 1; id <= 20; id++) expect(await post(span(id))).toBe(202)
    expect((await reload(`emit.endpoint=${second.endpoint}`)).changed).toEqual(['emit'])
    for (let id = 21; id <= 40; id++) expect(await post(span(id))).toBe(202)
    await expect.poll(() => new Set([...first.seen.keys(), ...second.seen.keys()]).size).toBe(40)
    expect(second.seen.size).toBeGreaterThanOrEqual(20)
  })

  it('names what is used from the next start on, and goes on with what it has', async () => {
    await start()
    expect(await reload('queue.maxSize=1GiB', 'admin.host=127.0.0.1')).toMatchObject({
      nextStart: ['queue.maxSize', 'admin.host'],
      changed: [],
    })
    // Once more: still not in use.
    expect(await reload('queue.maxSize=1GiB')).toMatchObject({ nextStart: ['queue.maxSize'] })
  })

  it('sets the level of the log', async () => {
    const levels: string[] = []
    pipeline = await startPipeline(await config(), {
      log: silentLog,
      version: 'test',
      nowMs: Date.now,
      random: Math.random,
      setLogLevel: (level) => void levels.push(level),
    })
    open.push(() => pipeline.stop(1000))
    await reload('log.level=debug')
    await reload('log.level=debug')
    expect(levels).toEqual(['debug'])
  })

  it('changes nothing any more once it is stopping', async () => {
    await start()
    const stopping = pipeline.stop(1000)
    await expect(reload()).rejects.toMatchObject({ code: 'OB_STOPPING' })
    await stopping
  })
})
