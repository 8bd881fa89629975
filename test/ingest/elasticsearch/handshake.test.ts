import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Listener } from '../../../src/ingest/adapter.ts'
import { countsOf, createFakeDeps, type FakeDeps, openRaw, queueFull, sumOf } from '../support/fakes.ts'
import { type Answer, type AskOptions, ask, startHandshake } from '../support/handshake.ts'

let deps: FakeDeps
let listener: Listener | undefined

beforeEach(() => {
  deps = createFakeDeps()
})
afterEach(async () => {
  await listener?.stop(0)
  listener = undefined
})

const start = async (section: object = {}): Promise<(method: string, path: string, options?: AskOptions) => Promise<Answer>> => {
  const started = (listener = await startHandshake(section, deps))
  return (method, path, options) => ask(started, method, path, options)
}

const errorOf = ({ json }: Answer): { type: string; reason: string; root: unknown; status: number } => {
  const { error, status } = json as { error: { type: string; reason: string; root_cause: unknown }; status: number }
  return { type: error.type, reason: error.reason, root: error.root_cause, status }
}

const versionOf = ({ json }: Answer): string => (json as { version: { number: string } }).version.number

describe('createHandshake', () => {
  it('says what a server says of itself, with the uuid of an installation and what belongs to its version', async () => {
    const asked = await start({ version: '7.17.29' })
    const root = await asked('GET', '/')
    expect(root).toMatchObject({
      status: 200,
      headers: { 'x-elastic-product': 'Elasticsearch', 'content-type': 'application/json' },
      json: {
        name: 'otlp-bridge',
        cluster_name: 'otlp-bridge',
        cluster_uuid: expect.stringMatching(/^[\w-]{22}$/),
        version: {
          number: '7.17.29',
          build_flavor: 'default',
          build_hash: expect.stringMatching(/^[0-9a-f]{40}$/),
          build_snapshot: false,
          lucene_version: '8.11.3',
          minimum_wire_compatibility_version: '6.8.0',
          minimum_index_compatibility_version: '6.0.0-beta1',
        },
        tagline: 'You Know, for Search',
      },
    })
    expect(root.text).toContain('{\n  "name" : "otlp-bridge",\n')
    expect((await asked('GET', '/?pretty=false')).text).not.toContain('\n')
    for (const path of ['/_license', '/_license?human=false', '/_xpack/license']) {
      const license = (await asked('GET', path)).json as { license: Record<string, unknown> }
      expect(license.license).toMatchObject({ status: 'active', type: 'basic', mode: 'basic' })
      expect(Object.keys(license.license).filter((key) => key.includes('expiry'))).toEqual([])
    }
    expect((await asked('GET', '/_xpack')).json).toMatchObject({ features: { ilm: { available: true, enabled: true } } })
    expect((await asked('GET', '/_ilm/status')).json).toEqual({ operation_mode: 'RUNNING' })
    expect((await asked('GET', '/_security/_authenticate')).json).toMatchObject({ username: 'otlp-bridge', enabled: true })
    expect((await asked('POST', '/_logstash/pipeline/x', { body: {} })).json).toEqual({})
  })

  it('tells Beats and Agents that are newer their own version, and nobody else', async () => {
    const asked = await start()
    const told = async (agent: string): Promise<string> => versionOf(await asked('GET', '/', { headers: { 'user-agent': agent } }))
    const cases: [agent: string, version: string][] = [
      ['Elastic-filebeat/8.20.1 (linux; amd64)', '8.20.1'],
      ['Elastic-filebeat/9.0.0', '9.0.0'],
      ['Elastic-Heartbeat/8.19.1 (x)', '8.19.1'],
      ['elastic-agent/10.2.3', '10.2.3'],
      ['Elastic-filebeat/8.19.0', '8.19.0'],
      ['Elastic-filebeat/7.17.29 (linux; amd64)', '8.19.0'],
      ['Elastic-filebeat/9.1', '8.19.0'],
      ['Elastic-filebeat/9.1.0.1', '8.19.0'],
      ['Elastic-filebeat/9999.1.0', '8.19.0'],
      ['elastic-java/9.1.0 (Java/21)', '8.19.0'],
      ['elastic-transport-python/9.1.0', '8.19.0'],
      ['elastic/9.0.32 (linux-amd64)', '8.19.0'],
      ['elasticsearch-js/9.4.3', '8.19.0'],
      ['x Elastic-filebeat/9.0.0', '8.19.0'],
    ]
    for (const [agent, version] of cases) expect([agent, await told(agent)]).toEqual([agent, version])
    await listener?.stop(0)
    const silent = await start({ versionEcho: false })
    expect(versionOf(await silent('GET', '/', { headers: { 'user-agent': 'Elastic-filebeat/9.0.0' } }))).toBe('8.19.0')
  })

  it('answers HEAD as GET, without a body', async () => {
    const asked = await start()
    for (const path of ['/', '/_license', '/_cat/health', '/_cluster/health', '/nothing', '/_index_template/x', '/_cat/templates']) {
      const [get, head] = [await asked('GET', path), await asked('HEAD', path)]
      expect([path, head.status, head.text, head.headers['content-length']]).toEqual([path, get.status, '', get.headers['content-length']])
      expect(head.headers['x-elastic-product']).toBe('Elasticsearch')
    }
  })

  it('answers below its prefix, with and without a slash at the end, and nowhere else', async () => {
    const asked = await start({ prefix: '/_es/' })
    for (const path of ['/_es', '/_es/', '/_es//', '/_es?pretty', '/_es/_license', '/_es/_license/', '//_es']) {
      expect([path, (await asked('GET', path)).status]).toEqual([path, path === '//_es' ? 404 : 200])
    }
    for (const path of ['/', '/_license', '/_esx', '/_esx/_license', '/x/_es/']) {
      const answer = await asked('GET', path)
      expect([path, answer.status, answer.headers['x-elastic-product']]).toEqual([path, 404, 'Elasticsearch'])
      expect(errorOf(answer)).toMatchObject({ type: 'resource_not_found_exception', status: 404 })
    }
    await asked('PUT', '/_es/_template/x', { body: {} })
    expect((await asked('HEAD', '/_es/_template/x')).status).toBe(200)
  })

  it('tells unknown paths from methods that a path does not know', async () => {
    const asked = await start()
    const unknown = await asked('GET', '/a/b/c/d')
    expect(unknown.status).toBe(400)
    expect(errorOf(unknown)).toEqual({
      type: 'illegal_argument_exception',
      reason: 'no handler found for uri [/a/b/c/d] and method [GET]',
      root: [{ type: 'illegal_argument_exception', reason: 'no handler found for uri [/a/b/c/d] and method [GET]' }],
      status: 400,
    })
    const cases: [method: string, path: string, status: number, allow: string | undefined][] = [
      ['POST', '/', 405, 'GET,HEAD'],
      ['GET', '/_bulk', 405, 'POST,PUT'],
      ['DELETE', '/logs/_bulk', 405, 'POST,PUT'],
      ['PATCH', '/logs', 405, 'DELETE,GET,HEAD,PUT'],
      ['POST', '/_cluster/health', 405, 'GET,HEAD'],
      ['OPTIONS', '/_bulk', 200, 'POST,PUT'],
      ['GET', '/_foo', 400, undefined],
      ['GET', '/_foo/bar', 400, undefined],
      ['GET', '/_cat/foo', 400, undefined],
      ['GET', `/${'a/'.repeat(50)}`, 400, undefined],
    ]
    for (const [method, path, status, allow] of cases) {
      const answer = await asked(method, path)
      expect([method, path, answer.status, answer.headers['allow']]).toEqual([method, path, status, allow])
      expect(answer.headers['x-elastic-product']).toBe('Elasticsearch')
      if (status >= 400) expect(errorOf(answer)).toMatchObject({ root: [{ type: expect.any(String), reason: expect.any(String) }], status })
    }
  })

  it('takes paths as they are: parts are decoded one by one, and lead nowhere', async () => {
    const asked = await start()
    expect((await asked('GET', '//')).status).toBe(200)
    expect((await asked('GET', '//_license//')).status).toBe(200)
    expect((await asked('GET', 'http://somewhere:9200/_license')).status).toBe(200)
    for (const path of ['/%2e%2e', '/..', '/%2e%2e/', '/./']) {
      expect([path, errorOf(await asked('GET', path)).type]).toEqual([path, 'invalid_index_name_exception'])
    }
    expect((await asked('GET', '/_template/%2e%2e')).json).toEqual({})
    expect((await asked('GET', '/%5flicense')).status).toBe(200)
    expect((await asked('GET', '/_xpack%2flicense')).status).toBe(400)
    expect(errorOf(await asked('GET', '/%zz')).reason).toContain('escape sequence')
    expect(errorOf(await asked('GET', '/%ff')).reason).toContain('escape sequence')
    expect((await asked('PUT', '/_template/a%00b', { body: {} })).status).toBe(400)
    expect((await asked('PUT', '/a%00b')).status).toBe(400)
  })

  it('answers in the media type that is asked for', async () => {
    const asked = await start()
    const vnd = (version: number): string => `application/vnd.elasticsearch+json;compatible-with=${version}`
    const cases: [headers: Record<string, string>, type: string][] = [
      [{}, 'application/json'],
      [{ accept: '*/*' }, 'application/json'],
      [{ accept: 'text/html' }, 'application/json'],
      [{ accept: 'application/vnd.elasticsearch+json; compatible-with=8' }, vnd(8)],
      [{ accept: 'application/vnd.elasticsearch+json;compatible-with=7' }, vnd(7)],
      [{ accept: 'application/vnd.elasticsearch+json; compatible-with=8,text/plain' }, vnd(8)],
      [{ 'content-type': 'application/vnd.elasticsearch+x-ndjson; compatible-with=9' }, vnd(9)],
      [{ accept: 'application/json', 'content-type': vnd(9) }, 'application/json'],
    ]
    for (const path of ['/', '/nothing', '/a/b/c/d']) {
      for (const [headers, type] of cases) {
        const answer = await asked('GET', path, { headers })
        expect([path, headers, answer.headers['content-type']]).toEqual([path, headers, type])
      }
    }
  })

  it('indents and filters what it is told to', async () => {
    const asked = await start()
    expect((await asked('GET', '/?filter_path=version.number')).json).toEqual({ version: { number: '8.19.0' } })
    expect((await asked('GET', '/?filter_path=nothing')).json).toEqual({})
    expect((await asked('GET', '/nothing?filter_path=status,error.type&pretty')).text).toBe(
      '{\n  "error" : {\n    "type" : "index_not_found_exception"\n  },\n  "status" : 404\n}\n',
    )
    expect((await asked('GET', '/_cat/indices?format=json&pretty')).text).toBe('[ ]\n')
    expect((await asked('GET', '/_cluster/settings?pretty=true')).text).toBe('{\n  "persistent" : { },\n  "transient" : { }\n}\n')
  })

  it('is in good health, unless it is to say that the queue is full', async () => {
    const asked = await start()
    deps.fake.refuseWith = queueFull()
    expect(await asked('GET', '/_cluster/health?timeout=30s&wait_for_status=yellow')).toMatchObject({
      status: 200,
      json: { cluster_name: 'otlp-bridge', status: 'green', timed_out: false, number_of_nodes: 1, unassigned_shards: 0 },
    })
    expect((await asked('GET', '/')).status).toBe(200)
    expect((await asked('PUT', '/_template/t', { body: {} })).status).toBe(200)
    await listener?.stop(0)
    const honest = await start({ health: { reflectsQueue: true } })
    expect(await honest('GET', '/_cluster/health')).toMatchObject({ status: 503, json: { status: 'red' }, headers: { 'retry-after': '7' } })
    expect((await honest('GET', '/_license')).status).toBe(200)
    deps.fake.refuseWith = undefined
    expect((await honest('GET', '/_cluster/health')).status).toBe(200)
  })

  it('names one node at its public address, or none', async () => {
    const asked = await start()
    const none = { _nodes: { total: 0, successful: 0, failed: 0 }, cluster_name: 'otlp-bridge', nodes: {} }
    for (const path of ['/_nodes', '/_nodes/http', '/_nodes/_all/http', '/_nodes/_local'])
      expect((await asked('GET', path)).json).toEqual(none)
    await listener?.stop(0)
    const told = await start({ publicAddress: 'logs.example.com:9201' })
    for (const path of ['/_nodes', '/_nodes/http', '/_nodes/_all/http', '/_nodes/_local']) {
      const { nodes } = (await told('GET', path)).json as { nodes: Record<string, { http: Record<string, unknown> }> }
      expect(Object.values(nodes)).toMatchObject([
        { host: 'logs.example.com', version: '8.19.0', http: { publish_address: 'logs.example.com:9201' } },
      ])
    }
    expect((await told('GET', '/_nodes/stats')).json).toEqual(none)
  })

  it('says of searches that nothing is stored here, and where it is', async () => {
    const asked = await start({ newBackend: 'https://logs.example.com' })
    for (const path of ['/_search', '/logs-*/_search', '/logs/_count', '/_msearch', '/_mget', '/logs/_doc/1', '/_search/scroll']) {
      const answer = await asked('GET', path)
      expect([path, answer.status, errorOf(answer).type]).toEqual([path, 400, 'illegal_argument_exception'])
      expect(errorOf(answer).reason).toContain('otlp-bridge stores nothing: documents are forwarded to https://logs.example.com')
    }
    expect((await asked('POST', '/logs/_search', { body: { query: {} } })).status).toBe(400)
    for (const path of ['/_refresh', '/logs/_refresh', '/_flush', '/logs/_flush']) {
      expect((await asked('POST', path)).json).toEqual({ _shards: { total: 0, successful: 0, failed: 0 } })
    }
    expect(errorOf(await asked('POST', '/_security/api_key', { body: {} }))).toMatchObject({ type: 'security_exception', status: 400 })
  })

  it('throws monitoring away, and counts it', async () => {
    const asked = await start()
    const body = '{"index":{}}\n{"a":1}\n\n{"index":{}}\n{"a":2}\n'
    const answer = { took: 0, ignored: true, errors: false }
    expect((await asked('POST', '/_monitoring/bulk?interval=10s', { body })).json).toEqual(answer)
    const { gzipSync } = await import('node:zlib')
    const headers = { 'content-encoding': 'gzip' }
    expect((await asked('POST', '/_monitoring/bulk', { body: gzipSync(body), headers })).json).toEqual(answer)
    expect((await asked('GET', '/_monitoring/bulk')).json).toEqual(answer)
    expect(sumOf(deps.metrics, 'otlp_bridge_elasticsearch_system_docs_discarded_total')).toBe(4)
    expect((await asked('POST', '/_monitoring/bulk', { body, headers })).status).toBe(400)
    expect((await asked('POST', '/_monitoring/bulk', { body, headers: { 'content-encoding': 'br' } })).status).toBe(415)
  })

  it('asks for credentials as Elasticsearch does, on every path', async () => {
    const asked = await start({ auth: { basic: [{ user: 'beat', password: 'secret' }], apiKey: { keys: ['id:key'] } } })
    for (const path of ['/', '/_license', '/_cluster/health', '/nothing', '/a/b/c/d', '/_cat/health']) {
      const answer = await asked('GET', path)
      expect([path, answer.status, answer.headers['x-elastic-product']]).toEqual([path, 401, 'Elasticsearch'])
      expect(errorOf(answer)).toMatchObject({ type: 'security_exception', status: 401 })
    }
    const raw = await openRaw(listener?.addresses[0] ?? '')
    raw.send('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect((await raw.closed()).match(/^www-authenticate: .*$/gim)).toEqual([
      'www-authenticate: Basic realm="security", charset="UTF-8"',
      'www-authenticate: ApiKey',
    ])
    const encoded = (text: string): string => Buffer.from(text).toString('base64')
    const with_ = (authorization: string): Promise<Answer> => asked('GET', '/_security/_authenticate', { headers: { authorization } })
    expect((await with_(`Basic ${encoded('beat:secret')}`)).json).toMatchObject({ username: 'beat', authentication_type: 'realm' })
    expect((await with_(`ApiKey ${encoded('id:key')}`)).json).toMatchObject({ authentication_type: 'api_key' })
    expect((await with_(`ApiKey ${encoded('id:other')}`)).status).toBe(401)
    expect((await with_(`Basic ${encoded('beat:other')}`)).status).toBe(401)
  })

  it('counts who asked for what, and keeps no more than a hundred names apart', async () => {
    const asked = await start()
    const header = (agent: string) => ({ headers: { 'user-agent': agent } })
    await asked('GET', '/', header('Elastic-filebeat/7.17.29 (linux; amd64)'))
    await asked('GET', '/_license', header('Elastic-filebeat/7.17.29 (linux; amd64)'))
    await asked('GET', '/')
    await asked('GET', '/a/b/c/d', header('curl/8'))
    const name = 'otlp_bridge_elasticsearch_handshake_total'
    expect(countsOf(deps.metrics, name, 'endpoint')).toEqual({ '/': 2, _license: 1, other: 1 })
    expect(countsOf(deps.metrics, name, 'agent')).toEqual({ 'Elastic-filebeat/7.17.29': 2, none: 1, 'curl/8': 1 })
  })
})
