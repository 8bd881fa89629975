import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Listener } from '../../../src/ingest/adapter.ts'
import { countsOf, createFakeDeps, type FakeDeps } from '../support/fakes.ts'
import { type Answer, type AskOptions, ask, startHandshake } from '../support/handshake.ts'

/** 21 November 2026, UTC. */
const nowMs = Date.UTC(2026, 10, 21, 23, 59, 58)

let deps: FakeDeps
let listener: Listener | undefined
let folder: string

beforeEach(async () => {
  deps = createFakeDeps(() => nowMs)
  folder = await mkdtemp(join(tmpdir(), 'registry-'))
})
afterEach(async () => {
  await listener?.stop(0)
  listener = undefined
  await rm(folder, { recursive: true })
})

type Ask = (method: string, path: string, options?: AskOptions) => Promise<Answer>

const start = async (section: object = {}, dataPath?: string): Promise<Ask> => {
  const started = (listener = await startHandshake(section, { ...deps, dataPath }))
  return (method, path, options) => ask(started, method, path, options)
}

const acknowledged = { status: 200, json: { acknowledged: true } }
const typeOf = ({ json }: Answer): string => (json as { error: { type: string } }).error.type

describe('what is set up', () => {
  it('is there once it is put, in the form of its kind, and gone once it is deleted', async () => {
    const asked = await start()
    const body = { index_patterns: ['logs-*'], priority: 5, composed_of: ['c'], template: { settings: { number_of_shards: 1 } } }
    const cases: [path: string, body: object | undefined, shown: object, missing: number][] = [
      [
        '/_template/t',
        { index_patterns: ['a-*'], version: 7 },
        { t: { order: 0, settings: {}, mappings: {}, aliases: {}, index_patterns: ['a-*'], version: 7 } },
        404,
      ],
      ['/_index_template/t', body, { index_templates: [{ name: 't', index_template: body }] }, 404],
      ['/_component_template/t', { template: {} }, { component_templates: [{ name: 't', component_template: { template: {} } }] }, 404],
      [
        '/_ilm/policy/t',
        { policy: { phases: { hot: {} } } },
        {
          t: {
            version: 1,
            modified_date: '2026-11-21T23:59:58.000Z',
            policy: { phases: { hot: {} } },
            in_use_by: { indices: [], data_streams: [], composable_templates: [] },
          },
        },
        404,
      ],
      ['/_ingest/pipeline/t', { processors: [] }, { t: { processors: [] } }, 404],
      [
        '/_data_stream/t',
        undefined,
        { data_streams: [expect.objectContaining({ name: 't', timestamp_field: { name: '@timestamp' } })] },
        404,
      ],
    ]
    for (const [path, sent, shown, missing] of cases) {
      expect([path, (await asked('HEAD', path)).status, (await asked('GET', path)).status]).toEqual([path, missing, missing])
      expect((await asked('DELETE', path)).status).toBe(404)
      expect(await asked('PUT', path, sent === undefined ? {} : { body: sent })).toMatchObject(acknowledged)
      expect([path, (await asked('HEAD', path)).status]).toEqual([path, 200])
      expect([path, (await asked('GET', path)).json]).toEqual([path, shown])
      expect([path, (await asked('GET', path.slice(0, -2))).json]).toEqual([path, shown])
      expect(await asked('DELETE', path)).toMatchObject(acknowledged)
      expect([path, (await asked('HEAD', path)).status]).toEqual([path, missing])
    }
  })

  it('is found by patterns and lists', async () => {
    const asked = await start()
    for (const name of ['filebeat-7.17.29', 'filebeat-8.19.0', 'logs']) await asked('PUT', `/_template/${name}`, { body: {} })
    const names = async (path: string): Promise<string[]> => Object.keys((await asked('GET', path)).json as object)
    expect(await names('/_template/filebeat*')).toEqual(['filebeat-7.17.29', 'filebeat-8.19.0'])
    expect(await names('/_template/*8*,logs,none')).toEqual(['filebeat-8.19.0', 'logs'])
    expect(await names('/_template')).toHaveLength(3)
    expect(await names('/_template/*')).toHaveLength(3)
    expect((await asked('HEAD', '/_template/none*')).status).toBe(404)
    expect((await asked('GET', '/_cat/templates/filebeat*?h=name')).text).toBe('filebeat-7.17.29\nfilebeat-8.19.0 \n')
    expect(await asked('DELETE', '/_template/filebeat*')).toMatchObject(acknowledged)
    expect(await names('/_template')).toEqual(['logs'])
  })

  it('may be put again, unless it is to be made', async () => {
    const asked = await start()
    await asked('PUT', '/_index_template/t', { body: { version: 1 } })
    expect(await asked('POST', '/_index_template/t', { body: { version: 2 } })).toMatchObject(acknowledged)
    expect((await asked('GET', '/_index_template/t?filter_path=**.version')).json).toEqual({
      index_templates: [{ index_template: { version: 2 } }],
    })
    expect(await asked('PUT', '/_index_template/t?create=true', { body: {} })).toMatchObject({ status: 400 })
    await asked('PUT', '/_ilm/policy/t', { body: { policy: {} } })
    await asked('PUT', '/_ilm/policy/t', { body: { policy: {} } })
    expect((await asked('GET', '/_ilm/policy/t')).json).toMatchObject({ t: { version: 2 } })
  })

  it('comes compressed, too, and is refused when it is no object of JSON', async () => {
    const asked = await start({ registry: { body: '1KiB' } })
    const body = gzipSync(JSON.stringify({ index_patterns: ['x'], text: 'a'.repeat(900) }))
    expect(await asked('PUT', '/_template/t', { body, headers: { 'content-encoding': 'gzip' } })).toMatchObject(acknowledged)
    const cases: [body: string | Uint8Array, status: number, encoding?: string][] = [
      ['', 400],
      ['{', 400],
      ['[]', 400],
      ['null', 400],
      ['{"a":1}x', 400],
      [new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400],
      [`{"a":${'['.repeat(200)}${']'.repeat(200)}}`, 400],
      [JSON.stringify({ text: 'a'.repeat(2000) }), 413],
      [gzipSync(JSON.stringify({ text: 'a'.repeat(2000) })), 413, 'gzip'],
      ['{}', 400, 'gzip'],
      ['{}', 415, 'br'],
    ]
    for (const [sent, status, encoding] of cases) {
      const headers: Record<string, string> = encoding === undefined ? {} : { 'content-encoding': encoding }
      const answer = await asked('PUT', '/_template/refused', { body: sent, headers })
      expect([sent.slice(0, 20), answer.status, answer.headers['x-elastic-product']]).toEqual([sent.slice(0, 20), status, 'Elasticsearch'])
      expect(typeOf(answer)).not.toBe('')
    }
    expect((await asked('HEAD', '/_template/refused')).status).toBe(404)
  })

  it('has the names that Elasticsearch would let it have', async () => {
    const asked = await start()
    for (const name of ['a*', 'A', '_a', 'a%2cb', 'a%23b', 'a%20b', 'a'.repeat(256)]) {
      const answer = await asked('PUT', `/_template/${name}`, { body: {} })
      expect([name, answer.status, typeOf(answer)]).toEqual([name, 400, 'invalid_index_template_exception'])
    }
    expect((await asked('PUT', '/_ingest/pipeline/Upper', { body: {} })).status).toBe(200)
    for (const name of ['UPPER', '-a', '..', 'a%2cb', '%3ca', 'a'.repeat(256)]) {
      const answer = await asked('PUT', `/${name}`)
      expect([name, answer.status, typeOf(answer)]).toEqual([name, 400, 'invalid_index_name_exception'])
    }
  })

  it('holds names and keys that mean something to JavaScript', async () => {
    const asked = await start()
    const body = '{"__proto__":{"polluted":true},"constructor":1}'
    for (const name of ['__proto__', 'constructor', 'tostring']) {
      const path = `/_ingest/pipeline/${name}`
      expect((await asked('HEAD', path)).status).toBe(404)
      if (name.startsWith('_')) expect((await asked('PUT', path, { body })).status).toBe(400)
      else {
        expect(await asked('PUT', path, { body })).toMatchObject(acknowledged)
        expect((await asked('GET', path)).text).toBe(`{"${name}":${body}}`)
      }
    }
    const aliases = '{"aliases":{"constructor":{},"a__proto__":{"__proto__":1}}}'
    expect((await asked('PUT', '/valueof', { body: aliases })).status).toBe(200)
    expect((await asked('GET', '/_alias/a__proto__')).text).toBe('{"valueof":{"aliases":{"a__proto__":{"__proto__":1}}}}')
    expect((await asked('PUT', '/x', { body: '{"aliases":{"__proto__":{}}}' })).status).toBe(400)
    expect((await asked('PUT', '/_template/t', { body: '{"__proto__":{"order":9}}' })).status).toBe(200)
    expect((await asked('GET', '/_template/t')).text).toContain('"order":0')
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
})

describe('indices and aliases', () => {
  it('are found by either name once they are made, dates in names resolved', async () => {
    const asked = await start()
    expect((await asked('HEAD', '/filebeat-7.17.29')).status).toBe(404)
    const path = '/%3Cfilebeat-7.17.29-%7Bnow%2Fd%7D-000001%3E'
    const index = 'filebeat-7.17.29-2026.11.21-000001'
    const body = { aliases: { 'filebeat-7.17.29': { is_write_index: true } }, settings: { number_of_shards: 1 } }
    expect((await asked('PUT', path, { body })).json).toEqual({ acknowledged: true, shards_acknowledged: true, index })
    expect(await asked('PUT', path, { body })).toMatchObject({
      status: 400,
      json: { error: { type: 'resource_already_exists_exception' } },
    })
    for (const name of ['filebeat-7.17.29', index, path.slice(1), 'filebeat*', '_all']) {
      expect([name, (await asked('HEAD', `/${name}`)).status]).toEqual([name, 200])
      expect((await asked('GET', `/${name}`)).json).toMatchObject({
        [index]: { aliases: body.aliases, settings: { index: { number_of_shards: 1, provided_name: index } } },
      })
    }
    const found = { [index]: { aliases: body.aliases } }
    for (const one of [
      '/_alias/filebeat-7.17.29',
      '/_alias',
      '/_aliases',
      '/_alias/file*',
      `/${index}/_alias`,
      `/${index}/_alias/filebeat-7.17.29`,
    ]) {
      expect([one, (await asked('GET', one)).json]).toEqual([one, found])
    }
    expect((await asked('GET', '/_alias/none')).status).toBe(404)
    expect((await asked('GET', '/_alias/none*')).json).toEqual({})
    expect((await asked('GET', '/none*')).json).toEqual({})
    expect((await asked('PUT', '/filebeat-7.17.29')).status).toBe(400)
    expect(await asked('DELETE', `/${index}`)).toMatchObject(acknowledged)
    expect((await asked('HEAD', '/filebeat-7.17.29')).status).toBe(404)
    expect((await asked('DELETE', `/${index}`)).status).toBe(404)
  })

  it('resolves dates with steps, rounding and formats, and leaves what it cannot read as no name', async () => {
    const asked = await start()
    const made = async (name: string): Promise<unknown> =>
      ((await asked('PUT', `/${encodeURIComponent(name)}`)).json as { index?: string }).index
    const cases: [name: string, index: string | undefined][] = [
      ['<a-{now}>', 'a-2026.11.21'],
      ['<b-{now/M{yyyyMM}}-1>', 'b-202611-1'],
      ['<c-{now/d-1d}>', undefined],
      ['<d-{now-1d/d}-{now+1M{yyyy-MM-dd|+12:00}}>', 'd-2026.11.20-2026-12-21'],
      ['<e-{now/w}>', 'e-2026.11.16'],
      ['<f-{now+1s{HH.mm.ss}}>', 'f-23.59.59'],
      ['<g-{now+999999y}>', undefined],
      ['<h>', 'h'],
    ]
    for (const [name, index] of cases) expect([name, await made(name)]).toEqual([name, index])
  })

  it('change together', async () => {
    const asked = await start()
    await asked('PUT', '/one')
    expect(await asked('PUT', '/one/_alias/a', { body: { is_write_index: true } })).toMatchObject(acknowledged)
    const change = (...actions: object[]): Promise<Answer> => asked('POST', '/_aliases', { body: { actions } })
    expect(await change({ add: { indices: ['two', 'three'], alias: 'b' } }, { remove: { index: 'one', alias: 'a' } })).toMatchObject(
      acknowledged,
    )
    expect((await asked('GET', '/_alias/*')).json).toEqual({ three: { aliases: { b: {} } }, two: { aliases: { b: {} } } })
    expect((await change({ add: { index: 'one', alias: 'c' } }, { remove: { index: 'one', alias: 'none' } })).status).toBe(404)
    expect((await asked('HEAD', '/_alias/c')).status).toBe(404)
    expect((await change({ swap: {} })).status).toBe(400)
    expect((await change(...Array.from({ length: 101 }, () => ({})))).status).toBe(400)
    expect((await asked('POST', '/_aliases', { body: {} })).status).toBe(400)
    expect((await asked('DELETE', '/two/_alias/b')).status).toBe(200)
    expect((await asked('DELETE', '/two/_alias/b')).status).toBe(404)
    const many = Object.fromEntries(Array.from({ length: 101 }, (_one, at) => [`alias-${at}`, {}]))
    expect((await asked('PUT', '/many', { body: { aliases: many } })).status).toBe(400)
    expect((await asked('HEAD', '/many')).status).toBe(404)
  })
})

describe('the registry of an endpoint', () => {
  it('survives a restart, and so does the uuid, when there is a disk queue', async () => {
    const uuidOf = async (asked: Ask): Promise<string> => ((await asked('GET', '/')).json as { cluster_uuid: string }).cluster_uuid
    let asked = await start({}, folder)
    const uuid = await uuidOf(asked)
    await asked('PUT', '/_index_template/t', { body: { priority: 1 } })
    await asked('PUT', '/logs-000001', { body: { aliases: { logs: {} } } })
    await listener?.stop(0)
    asked = await start({}, folder)
    expect((await asked('HEAD', '/_index_template/t')).status).toBe(200)
    expect((await asked('HEAD', '/logs')).status).toBe(200)
    expect(await uuidOf(asked)).toBe(uuid)
    await listener?.stop(0)
    asked = await start()
    expect((await asked('HEAD', '/_index_template/t')).status).toBe(404)
    expect(await uuidOf(asked)).not.toBe(uuid)
    const derived = await uuidOf(asked)
    await listener?.stop(0)
    expect(await uuidOf(await start())).toBe(derived)
  })

  it('is one for all workers of a bridge', async () => {
    const other = await startHandshake({}, { ...createFakeDeps(() => nowMs), dataPath: folder })
    try {
      const asked = await start({}, folder)
      await asked('PUT', '/_template/t', { body: {} })
      expect((await ask(other, 'HEAD', '/_template/t')).status).toBe(200)
      expect((await ask(other, 'GET', '/?filter_path=cluster_uuid')).text).toBe((await asked('GET', '/?filter_path=cluster_uuid')).text)
      expect((await ask(other, 'DELETE', '/_template/t')).status).toBe(200)
      expect((await asked('HEAD', '/_template/t')).status).toBe(404)
    } finally {
      await other.stop(0)
    }
  })

  it('forgets what was not asked for the longest when it is full, and says so', async () => {
    let now = nowMs
    deps = createFakeDeps(() => now)
    const asked = await start({ registry: { entries: 3 } })
    for (const name of ['a', 'b', 'c']) {
      now += 120_000
      await asked('PUT', `/_template/${name}`, { body: {} })
    }
    now += 120_000
    expect((await asked('HEAD', '/_template/a')).status).toBe(200)
    expect(await asked('PUT', '/_index_template/d', { body: {} })).toMatchObject(acknowledged)
    const statuses = await Promise.all(
      ['_template/a', '_template/b', '_template/c', '_index_template/d'].map((path) => asked('HEAD', `/${path}`)),
    )
    expect(statuses.map(({ status }) => status)).toEqual([200, 404, 200, 200])
    expect(countsOf(deps.metrics, 'otlp_bridge_elasticsearch_registry_evicted_total', 'kind')).toEqual({ template: 1 })
  })

  it('holds no more bytes than it may', async () => {
    const asked = await start({ registry: { bytes: '10KiB', body: '8KiB' } })
    for (const name of ['a', 'b', 'c', 'd']) await asked('PUT', `/_ingest/pipeline/${name}`, { body: { text: 'x'.repeat(4000) } })
    expect(Object.keys((await asked('GET', '/_ingest/pipeline')).json as object)).toEqual(['c', 'd'])
  })

  it('does not send more than it can filter or indent', async () => {
    const asked = await start()
    for (let at = 0; at < 6; at++) await asked('PUT', `/_ingest/pipeline/p${at}`, { body: { text: 'x'.repeat(900_000) } })
    expect((await asked('GET', '/_ingest/pipeline')).text.length).toBeGreaterThan(5_400_000)
    expect((await asked('GET', '/_ingest/pipeline?pretty')).status).toBe(400)
    expect((await asked('GET', '/_ingest/pipeline/p1?pretty')).status).toBe(200)
    expect((await asked('GET', '/_ingest/pipeline?filter_path=*.none')).status).toBe(400)
  })
})
