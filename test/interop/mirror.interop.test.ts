/** The doors of mirrors with a real Zipkin server and a real Jaeger as old sides, and the clients that people have. */

import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Bridge, startBridge } from './bridge.ts'
import { type JaegerPorts, type Peer, present, runClient, startJaeger, startScript, startZipkin } from './peers.ts'
import { clientRuns } from './runs.ts'
import { type Sink, startSink } from './sink.ts'
import { type Recorded, type Tap, teeHttp, teeUdp } from './tee.ts'
import { until } from './wait.ts'

const hash = (body: Uint8Array): string => createHash('sha256').update(body).digest('hex')

/** Headers that may differ between the two sides of a mirror. */
const between = new Set([
  'via',
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'accept-encoding',
  'keep-alive',
  'te',
  'expect',
])

/** What must be the same of a request on both sides. */
const pith = ({ method, path, headers, body }: Recorded) => ({
  method,
  path,
  headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !between.has(name))),
  sha256: hash(body),
})

const byHash = (a: { sha256: string }, b: { sha256: string }): number => (a.sha256 < b.sha256 ? -1 : 1)

/** Requests that bring data. */
const posts = (seen: readonly Recorded[]) =>
  seen
    .filter(({ method }) => method === 'POST')
    .map(pith)
    .sort(byHash)

describe.skipIf(!present('zipkin', 'jaeger-v2'))('a bridge with the old Zipkin and the old Jaeger behind it', () => {
  let zipkin: Peer<{ readonly http: number }>
  let jaeger: Peer<JaegerPorts>
  let sink: Sink
  let bridge: Bridge
  const out: { zipkin?: Tap<Recorded>; jaegerHttp?: Tap<Recorded>; compact?: Tap<Buffer>; binary?: Tap<Buffer> } = {}

  const start = (phase: 'shadow' | 'dual'): Promise<Bridge> =>
    startBridge(sink.url, [
      `mirror.zipkin.url=http://127.0.0.1:${out.zipkin?.port}`,
      `mirror.jaeger.http.url=http://127.0.0.1:${out.jaegerHttp?.port}`,
      `mirror.jaeger.compact.url=udp://127.0.0.1:${out.compact?.port}`,
      `mirror.jaeger.binary.url=udp://127.0.0.1:${out.binary?.port}`,
      ...['zipkin', 'jaeger.http'].map((one) => `mirror.${one}.phase=${phase}`),
      ...['zipkin', 'jaeger.http'].map((one) => `mirror.${one}.retry.max=500ms`),
      'mirror.zipkin.breaker.open=500ms',
    ])

  beforeAll(async () => {
    ;[zipkin, jaeger, sink] = await Promise.all([startZipkin(), startJaeger(), startSink()])
    out.zipkin = await teeHttp([zipkin.ports.http])
    out.jaegerHttp = await teeHttp([jaeger.ports.thriftHttp])
    out.compact = await teeUdp([jaeger.ports.compact])
    out.binary = await teeUdp([jaeger.ports.binary])
    bridge = await start('dual')
  })

  afterAll(async () => {
    await bridge?.stop()
    await Promise.all([...Object.values(out).map((one) => one.close()), sink?.close(), zipkin?.stop(), jaeger?.stop()])
  })

  const servicesOf = async (port: number, path: string): Promise<string[]> => {
    const answer = (await (await fetch(`http://127.0.0.1:${port}${path}`)).json()) as string[] | { data: string[] }
    return Array.isArray(answer) ? answer : answer.data
  }

  /** One run of a client through the bridge; both sides must see the same requests and have the data. */
  const run = async ({ language, jaeger: road, services }: (typeof clientRuns)[number]): Promise<void> => {
    sink.spans.length = 0
    const before = { zipkin: out.zipkin?.seen.length ?? 0, http: out.jaegerHttp?.seen.length ?? 0 }
    const udpOut = road === 'binary' ? out.binary : out.compact
    const beforeUdp = udpOut?.seen.length ?? 0
    const { ports } = bridge
    const into = {
      zipkin: await teeHttp([ports.zipkin]),
      http: await teeHttp([ports.jaegerHttp]),
      udp: await teeUdp([road === 'binary' ? ports.binary : ports.compact]),
    }
    await runClient(language, {
      zipkinUrl: `http://127.0.0.1:${into.zipkin.port}/api/v2/spans`,
      jaegerUrl: `http://127.0.0.1:${into.http.port}/api/traces`,
      ...(road === 'http' ? {} : { agent: `127.0.0.1:${into.udp.port}` }),
    })
    await until('two spans at the new side', () => (sink.spans.length >= 2 ? true : undefined))
    const sent = [posts(into.zipkin.seen), posts(into.http.seen)]
    const got = () => [posts(out.zipkin?.seen.slice(before.zipkin) ?? []), posts(out.jaegerHttp?.seen.slice(before.http) ?? [])]
    await until('all requests at the old sides', () => (got().flat().length >= sent.flat().length ? true : undefined))
    expect(got()).toEqual(sent)
    const datagrams = () => udpOut?.seen.slice(beforeUdp).map(hash) ?? []
    await until('all datagrams at the old agent', () => (datagrams().length >= into.udp.seen.length ? true : undefined))
    expect(datagrams()).toEqual(into.udp.seen.map(hash))
    await until('the service at the old Zipkin', async () =>
      (await servicesOf(ports.zipkin, '/api/v2/services')).includes(services[0]) ? true : undefined,
    )
    await until('the service at the old Jaeger', async () =>
      (await servicesOf(jaeger.ports.query, '/api/services')).includes(services[1]) ? true : undefined,
    )
    await Promise.all([into.zipkin.close(), into.http.close(), into.udp.close()])
  }

  const runs = clientRuns.filter(({ title }) => !title.includes('binary to the compact'))

  it.each(runs.map((one) => [one.title, one] as const))('gives both sides what %s sends, byte for byte', async (_title, one) => {
    if (present(one.language)) await run(one)
  })

  it('serves the pages of the old Zipkin', async () => {
    const page = await fetch(`http://127.0.0.1:${bridge.ports.zipkin}/zipkin/`)
    expect([page.status, (await page.text()).includes('<html')]).toEqual([200, true])
    expect((await (await fetch(`http://127.0.0.1:${bridge.ports.zipkin}/zipkin/config.json`)).json()) as object).toHaveProperty(
      'queryLimit',
    )
  })

  it('keeps what the old Zipkin misses while it is stopped', async () => {
    const { http } = zipkin.ports
    await zipkin.stop()
    const body = JSON.stringify([
      {
        traceId: '000000000000abcd',
        id: '000000000000abcd',
        name: 'kept',
        timestamp: Date.now() * 1000,
        duration: 5,
        localEndpoint: { serviceName: 'kept' },
      },
    ])
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`http://127.0.0.1:${bridge.ports.zipkin}/api/v2/spans`, { method: 'POST', headers, body })
    expect(answer.status).toBe(202)
    zipkin = await startScript('zipkin', { ZIPKIN_PORT: String(http), COLLECTOR_GRPC_ENABLED: 'true' }, { http })
    await until('the span at the old Zipkin', async () => {
      const found = await fetch(`http://127.0.0.1:${http}/api/v2/trace/000000000000abcd`)
      return found.status === 200 ? true : undefined
    })
  })

  it('gives the answers of the old sides, and both still get everything', async () => {
    await bridge.stop()
    bridge = await start('shadow')
    for (const one of runs.filter(({ language, jaeger: road }) => road === 'http' && present(language))) await run(one)
    const answer = await fetch(`http://127.0.0.1:${bridge.ports.zipkin}/api/v2/spans`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '[{"traceId":"xyz"}]',
    })
    const direct = await fetch(`http://127.0.0.1:${zipkin.ports.http}/api/v2/spans`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '[{"traceId":"xyz"}]',
    })
    expect([answer.status, await answer.text()]).toEqual([direct.status, await direct.text()])
  })
})
