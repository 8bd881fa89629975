import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { type Bulk, ndjson, startBulk } from '../support/elasticsearch.ts'
import { countsOf, openBooks, queueFull } from '../support/fakes.ts'

const json = { 'content-type': 'application/json' }

let bulk: Bulk
const start = async (config: object = {}): Promise<Bulk> => {
  bulk = await startBulk(config)
  return bulk
}

afterEach(async () => {
  expect(openBooks(bulk.deps.metrics)).toEqual([])
  await bulk.listener.stop(0)
})

describe('a single document', () => {
  it.each([
    ['POST', '/logs/_doc', undefined, undefined],
    ['PUT', '/logs/_doc/7', '7', undefined],
    ['POST', '/logs/_doc/a%2Fb', 'a/b', undefined],
    ['PUT', '/logs/_create/7', '7', undefined],
    ['POST', '/logs/event', undefined, '_doc'],
    ['PUT', '/logs/event/7', '7', '_doc'],
  ])('is taken by %s %s', async (method, path, id, type) => {
    await start()
    const answer = await bulk.post(path, '{\n  "message": "a"\n}', json, method)
    expect([answer.status, answer.headers.get('x-elastic-product')]).toEqual([201, 'Elasticsearch'])
    expect(answer.json).toEqual({
      _index: 'logs',
      ...(type === undefined ? {} : { _type: type }),
      _id: id ?? expect.stringMatching(/^[\w-]{20}$/),
      _version: 1,
      result: 'created',
      _shards: { total: 1, successful: 1, failed: 0 },
      _seq_no: 0,
      _primary_term: 1,
    })
    expect(bulk.records()[0]).toMatchObject({ body: 'a', attributes: { 'elasticsearch.index': 'logs' } })
    if (id !== undefined) expect(bulk.records()[0]?.attributes).toMatchObject({ 'elasticsearch.document.id': id })
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_elasticsearch_items_total', 'status')).toEqual({ 201: 1 })
  })

  it.each([
    ['PUT', '/logs/_doc/1', '{"message":', 400, 'document_parsing_exception'],
    ['POST', '/logs/_doc', '[]', 400, 'document_parsing_exception'],
    ['POST', '/logs/_doc', ' \n', 400, 'parse_exception'],
    ['POST', '/logs/_doc', '', 400, 'parse_exception'],
    ['POST', '/Logs/_doc', '{}', 400, 'invalid_index_name_exception'],
    ['POST', '/logs/_update/1', '{"doc":{"message":"a"},"doc_as_upsert":true}', 400, 'illegal_argument_exception'],
    ['DELETE', '/logs/_doc/1', '', 400, 'illegal_argument_exception'],
    ['DELETE', '/logs/event/1', '', 400, 'illegal_argument_exception'],
  ])('is refused for %s %s with %j', async (method, path, body, status, type) => {
    await start()
    const response = await fetch(bulk.url + path, { method, headers: json, ...(body === '' ? {} : { body }) })
    const answer = (await response.json()) as { error: { type: string; reason: string; root_cause: unknown }; status: number }
    expect([response.status, answer.status, answer.error.type]).toEqual([status, status, type])
    expect(answer.error.root_cause).toEqual([{ type, reason: answer.error.reason }])
    expect(bulk.deps.fake.batches).toEqual([])
  })

  it('is refused with an id that came before, when it is to be created', async () => {
    await start()
    const create = () => bulk.post('/logs/_doc/1?op_type=create', '{"message":"a"}', json, 'PUT')
    expect([(await create()).status, (await create()).status]).toEqual([201, 409])
    const third = await bulk.post('/logs/_create/1', '{"message":"a"}', json)
    expect([third.status, third.json.error.type]).toEqual([409, 'version_conflict_engine_exception'])
    expect((await bulk.post('/logs/_doc/1', '{"message":"b"}', json)).status).toBe(201)
    expect(bulk.messages()).toEqual(['a', 'b'])
  })

  it('may be an upsert where that is wanted', async () => {
    await start({ upsert: 'append' })
    const answer = await bulk.post('/logs/_update/1', '{"doc":{"message":"a"},"doc_as_upsert":true}', json)
    expect([answer.status, answer.json.result, bulk.messages()]).toEqual([201, 'created', ['a']])
  })

  it('may be compressed, pretty, and several MiB long', async () => {
    await start()
    const message = Array.from({ length: 500_000 }, (_, at) => at).join(' ')
    const headers = { ...json, 'content-encoding': 'gzip' }
    const answer = await bulk.post('/logs/_doc?pretty&filter_path=result', gzipSync(JSON.stringify({ message })), headers)
    expect([answer.status, answer.text]).toEqual([201, '{\n  "result" : "created"\n}\n'])
    expect((await bulk.post('/logs/_doc', JSON.stringify({ message }), json)).status).toBe(201)
    expect(bulk.messages().map((one) => one === message)).toEqual([true, true])
  })

  it('is refused when it is too long', async () => {
    await start({ limits: { document: 1_500_000 } })
    const long = JSON.stringify({ message: 'x'.repeat(1_600_000) })
    expect((await bulk.post('/logs/_doc', long, json)).status).toBe(400)
    const longer = await bulk.post('/logs/_doc', JSON.stringify({ message: 'x'.repeat(6_000_000) }), json)
    expect([longer.status, longer.text]).toEqual([413, ''])
  })

  it('is not looked at with a type that is none', async () => {
    await start()
    expect((await bulk.post('/logs/_doc', '{}', { 'content-type': 'application/cbor' })).status).toBe(406)
    expect((await bulk.post('/logs/_doc', '{"message":"a"}', ndjson)).status).toBe(201)
  })

  it('waits for room as others do, and is refused whole', async () => {
    await start({ backpressure: { hold: 60 } })
    bulk.deps.fake.refuseWith = queueFull()
    const headers = { ...json, 'user-agent': 'elasticsearch-js/8.19.2' }
    const answer = await bulk.post('/logs/_doc', '{"message":"a"}', headers)
    expect([answer.status, answer.json.error.type]).toEqual([429, 'es_rejected_execution_exception'])
    bulk.deps.fake.refuseWith = undefined
    expect((await bulk.post('/logs/_doc', '{"message":"a"}', headers)).status).toBe(201)
  })
})
