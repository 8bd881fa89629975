import { afterEach, describe, expect, it } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import { rewriteNodes } from '../../../src/ingest/elasticsearch/pass-through.ts'
import type { MirrorState } from '../../../src/ingest/mirror-door.ts'
import { type Bulk, creates, startBulk } from '../support/elasticsearch.ts'
import { createFakeMirror, type FakeMirror } from '../support/fake-mirror.ts'
import { createFakeDeps } from '../support/fakes.ts'

let bulk: Bulk
let mirror: FakeMirror

const start = async (state: Partial<MirrorState> = {}, config: object = {}): Promise<void> => {
  mirror = createFakeMirror('elasticsearch', state)
  bulk = await startBulk(config, {}, { ...createFakeDeps(), mirrors: () => mirror.door })
}

afterEach(() => bulk.listener.stop(0))

const ask = async (method: string, path: string, body?: string): Promise<[number, string]> => {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' }
  const response = await fetch(bulk.url + path, { method, headers, ...(body === undefined ? {} : { body }) })
  return [response.status, await response.text()]
}

const down = (_request: unknown, _response: unknown, { failed }: { failed?: ((error: BridgeError) => void) | undefined }): void =>
  failed?.(new BridgeError('OB_MIRROR_DOWN', 'cannot pass request on: the old backend cannot be reached'))

describe('createPassThrough', () => {
  it('passes on what brings no documents', async () => {
    await start({}, { prefix: '/es' })
    expect(await ask('GET', '/es/i/_search?q=a%20b')).toEqual([200, 'old'])
    expect(mirror.proxied.map(({ options }) => options.target)).toEqual(['/i/_search?q=a%20b'])
  })

  it('keeps what was set up there, so that it can answer alone', async () => {
    await start()
    mirror.onProxy = (_request, response, options) => {
      options.answered?.(200)
      response.end('{"acknowledged":true}')
    }
    const template = '{"index_patterns":["a*"],"settings":{"x":1}}'
    expect(await ask('PUT', '/_template/t', template)).toEqual([200, '{"acknowledged":true}'])
    expect(Buffer.from(mirror.proxied[0]?.options.body ?? []).toString()).toBe(template)
    await ask('PUT', '/_data_stream/logs-a-b')
    mirror.state = { ...mirror.state, proxy: false, old: 'off' }
    expect(JSON.parse((await ask('GET', '/_template/t'))[1])).toMatchObject({ t: { index_patterns: ['a*'] } })
    expect((await ask('GET', '/_data_stream/logs-a-b'))[0]).toBe(200)
  })

  it('keeps nothing of what the old side refused', async () => {
    await start()
    mirror.onProxy = (_request, response, options) => {
      options.answered?.(400)
      response.writeHead(400).end()
    }
    expect((await ask('PUT', '/_template/t', '{}'))[0]).toBe(400)
    mirror.state = { ...mirror.state, proxy: false }
    expect((await ask('GET', '/_template/t'))[0]).toBe(404)
  })

  it('answers alone while the old side cannot be reached', async () => {
    await start({ newUi: 'https://grafana.example' })
    mirror.onProxy = down
    expect(JSON.parse((await ask('GET', '/'))[1])).toMatchObject({ tagline: 'You Know, for Search' })
    expect((await ask('PUT', '/_ilm/policy/p', '{"policy":{}}'))[0]).toBe(200)
    const [status, text] = await ask('POST', '/i/_search')
    expect([status, text]).toEqual([503, expect.stringContaining('https://grafana.example')])
    expect((await ask('POST', '/i/_search', '{"query":{}}'))[0]).toBe(502)
  })

  it('says where the data is once the old side is gone', async () => {
    await start({ old: 'off', proxy: false }, { newBackend: 'Loki' })
    expect(await ask('GET', '/i/_count')).toEqual([503, expect.stringContaining('the data is in Loki')])
    expect((await ask('GET', '/_license'))[0]).toBe(200)
    expect(mirror.proxied).toEqual([])
  })

  it('counts changes that the new side cannot follow', async () => {
    await start()
    expect(await ask('POST', '/i/_update/1', '{"doc":{}}')).toEqual([200, 'old'])
    await ask('DELETE', '/i/_doc/1')
    expect(mirror.counts).toEqual({ write_not_translated: 2 })
    mirror.state = { ...mirror.state, proxy: false, old: 'off' }
    expect((await ask('DELETE', '/i/_doc/1'))[0]).toBe(400)
  })

  it('lets nobody change the cluster unless that is wanted', async () => {
    await start()
    expect(await ask('PUT', '/_cluster/settings', '{}')).toEqual([403, expect.stringContaining('blocked by otlp-bridge: proxy.admin')])
    mirror.state = { ...mirror.state, admin: true }
    expect(await ask('PUT', '/_cluster/settings', '{}')).toEqual([200, 'old'])
  })

  it('refuses what came back to it', async () => {
    await start()
    const response = await fetch(`${bulk.url}/_bulk`, { method: 'POST', body: creates('a'), headers: { via: '1.1 otlp-bridge-own' } })
    expect([response.status, bulk.deps.fake.batches]).toEqual([508, []])
  })

  it('rewrites answers about nodes alone', async () => {
    await start({}, { publicAddress: 'bridge:9200' })
    await ask('GET', '/_nodes/http')
    await ask('GET', '/_cat/nodes')
    const [nodes, cat] = mirror.proxied
    expect(cat?.options.rewrite).toBeUndefined()
    const body = Buffer.from('{"nodes":{"a":{"http":{"publish_address":"10.0.0.1:9200"}}}}')
    expect(Buffer.from(nodes?.options.rewrite?.(body) ?? []).toString()).toContain('"publish_address":"bridge:9200"')
  })
})

describe('rewriteNodes', () => {
  const body = Buffer.from(
    JSON.stringify({
      cluster_name: 'c',
      nodes: {
        a: {
          name: 'n',
          http: { bound_address: ['[::]:9200', '1.2.3.4:9200'], publish_address: 'es/1.2.3.4:9200', max_content_length_in_bytes: 7 },
        },
        b: { name: 'm' },
      },
    }),
  )

  it('leads every node to the bridge', () => {
    expect(JSON.parse(Buffer.from(rewriteNodes(body, 'bridge:9200')).toString())).toEqual({
      cluster_name: 'c',
      nodes: {
        a: { name: 'n', http: { bound_address: ['bridge:9200'], publish_address: 'bridge:9200', max_content_length_in_bytes: 7 } },
        b: { name: 'm' },
      },
    })
  })

  it('leaves statistics as they are', () => {
    const stats = Buffer.from('{"nodes":{"a":{"http":{"current_open":3}}}}')
    expect(rewriteNodes(stats, undefined)).toBe(stats)
  })

  it('names none where the bridge has no address', () => {
    expect(JSON.parse(Buffer.from(rewriteNodes(body, undefined)).toString())).toEqual({ cluster_name: 'c', nodes: {} })
  })
})
