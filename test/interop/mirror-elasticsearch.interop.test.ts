/**
 * Clients of Elasticsearch send to the bridge, which has a real Elasticsearch 7 as its old side: what they sent is in both, also when the old side was
 * away for a while. `answer` is as in phase `dual` and in phase `shadow`.
 */

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasElasticsearch, startElasticsearch } from './elasticsearch-lab.ts'
import { type LogsSink, lineOf, startLogsSink } from './logs-sink.ts'
import type { Peer } from './peers.ts'
import { freeTcpPort } from './ports.ts'
import { type RestartingBridge, startRestartingBridge } from './restarting-bridge.ts'
import { type Shipper, shippers } from './shippers.ts'
import { until } from './wait.ts'

const lines = 3000
const named = (name: string): Shipper | undefined => shippers.find((one) => one.name === name)
/** Clients that a server of version 7 takes. */
const clients = ['node-7', 'node-8', 'python-7', 'go-7']
const isThere = hasElasticsearch(7)
const isInstalled = (name: string): boolean => named(name)?.installed() === true

/** A door to a port that can be shut: who comes is refused, and who is inside is thrown out. */
async function startGate(to: number) {
  const port = await freeTcpPort()
  const inside = new Set<Socket>()
  const pass = (client: Socket): void => {
    const server = connect(to, '127.0.0.1')
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      inside.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        inside.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  }
  const server = createServer(pass)
  const open = async (): Promise<void> => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  const shut = (): void => {
    server.close()
    for (const socket of inside) socket.destroy()
  }
  await open()
  return { port, open, shut }
}

describe.each(['dual', 'shadow'] as const)('a mirrored Elasticsearch 7 in phase %s', (phase) => {
  let node: Peer<{ readonly http: number }> | undefined
  let gate: Awaited<ReturnType<typeof startGate>>
  let bridge: RestartingBridge<'elastic'> | undefined
  let sink: LogsSink | undefined

  beforeAll(async () => {
    if (!isThere) return
    node = await startElasticsearch(7)
    gate = await startGate(node.ports.http)
    sink = await startLogsSink(() => 1)
    const { url } = sink
    bridge = await startRestartingBridge(['elastic'], (ports) => ({
      ingest: { elasticsearch: { port: ports.elastic, version: '7.17.29' } },
      emit: { endpoint: url },
      mirror: { elasticsearch: { url: `http://127.0.0.1:${gate.port}`, phase, breaker: { open: '1s' }, retry: { max: '2s' } } },
    }))
  }, 120_000)

  afterAll(async () => {
    await bridge?.stop()
    await sink?.close()
    gate?.shut()
    await node?.stop()
  }, 60_000)

  const elastic = async (method: string, path: string, body?: object): Promise<{ readonly [name: string]: unknown }> => {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`http://127.0.0.1:${node?.ports.http}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return (await response.json()) as { readonly [name: string]: unknown }
  }

  /** Texts of all documents of an index. */
  const stored = async (index: string): Promise<string[]> => {
    await elastic('POST', `/${index}/_refresh`)
    const { hits } = (await elastic('GET', `/${index}/_search?size=10000`)) as { hits?: { hits: readonly { _source: object }[] } }
    return (hits?.hits ?? []).map(
      ({ _source }) => Object.values(_source).find((value) => typeof value === 'string' && value.startsWith('#')) as string,
    )
  }

  const send = async (name: string, from: number, to: number): Promise<void> => {
    const shipper = named(name)
    if (shipper === undefined || bridge === undefined) throw new Error(`cannot send: there is no ${name}`)
    const feed = await shipper.start({ elasticsearch: bridge.ports.elastic, beats: 0 } as never)
    try {
      await feed.write(Array.from({ length: to - from + 1 }, (_, at) => lineOf(name, from + at)))
      const said = await feed.end()
      expect([said?.delivered, said?.lost], JSON.stringify(said)).toEqual([to - from + 1, 0])
    } finally {
      await feed.stop()
    }
  }

  const index = (name: string): string => `logs-${name}-default`
  const expected = (name: string, count: number): string[] => Array.from({ length: count }, (_, at) => lineOf(name, at + 1)).sort()

  const both = async (name: string, count: number): Promise<void> => {
    await until(`${count} lines at the sink`, () => (sink?.of(name).missing(count).count === 0 ? true : undefined), 30_000)
    const there = await until(
      `${count} documents in Elasticsearch`,
      async () => {
        const all = await stored(index(name))
        return all.length >= count ? all : undefined
      },
      60_000,
    )
    expect(there.sort()).toEqual(expected(name, count))
    expect(sink?.of(name).repeats).toBe(0)
    expect([...(sink?.faults ?? [])]).toEqual([])
  }

  it.skipIf(!isThere).each(clients)(
    'has every document of %s, and so has the sink',
    async (name) => {
      if (!isInstalled(name)) return void console.warn(`SKIPPED: ${named(name)?.remedy ?? name}`)
      await send(name, 1, lines)
      await both(name, lines)
    },
    120_000,
  )

  it.skipIf(!isThere || !isInstalled('node-7'))(
    'catches up after it was away',
    async () => {
      const name = 'node-7-careful'
      await send(name, 1, 1000)
      gate.shut()
      await send(name, 1001, 2000)
      await until('all at the sink', () => (sink?.of(name).missing(2000).count === 0 ? true : undefined), 30_000)
      expect((await stored(index(name))).length).toBeLessThan(2000)
      await gate.open()
      await both(name, 2000)
    },
    180_000,
  )

  it.skipIf(!isThere)('is asked what the bridge does not know', async () => {
    const ask = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${bridge?.ports.elastic}${path}`)
    const { cluster_uuid: own } = await elastic('GET', '/')
    const root = (await (await ask('/')).json()) as { cluster_uuid: string }
    expect(root.cluster_uuid).toBe(own)
    const nodes = (await (await ask('/_nodes/http')).json()) as { nodes: object }
    expect(nodes.nodes).toEqual({})
    expect((await ask(`/${index('node-7')}/_count`)).status).toBe(isInstalled('node-7') ? 200 : 404)
  })
})
