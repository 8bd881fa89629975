import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { type Bulk, create, creates, lines, ndjson, startBulk, statuses } from '../support/elasticsearch.ts'
import { countsOf, openBooks, openRaw, sumOf } from '../support/fakes.ts'

let bulk: Bulk
const start = async (config: object = {}, translate: object = {}): Promise<Bulk> => {
  bulk = await startBulk(config, translate)
  return bulk
}

afterEach(async () => {
  expect(openBooks(bulk.deps.metrics)).toEqual([])
  await bulk.listener.stop(0)
})

const errorOf = async (body: string, config: object = {}, path = '/_bulk'): Promise<unknown[]> => {
  await start(config)
  const { status, json } = await bulk.post(path, body)
  expect(json.error.root_cause).toEqual([{ type: json.error.type, reason: json.error.reason }])
  expect([json.status, bulk.deps.fake.batches]).toEqual([status, []])
  return [status, json.error.type, json.error.reason]
}

describe('startElasticsearch', () => {
  it('takes a bulk request, and answers each of its actions', async () => {
    await start()
    const body = lines(create(), { message: 'a' }, { index: { _index: 'x', _id: '7' } }, { message: 'b' })
    const answer = await bulk.post('/_bulk', body)
    expect([answer.status, answer.headers.get('x-elastic-product'), answer.headers.get('content-type')]).toEqual([
      200,
      'Elasticsearch',
      'application/json',
    ])
    expect(answer.json).toEqual({
      took: expect.any(Number),
      errors: false,
      items: [
        { create: expect.objectContaining({ _index: 'logs', _id: expect.stringMatching(/^[\w-]{20}$/), status: 201, _seq_no: 0 }) },
        { index: expect.objectContaining({ _index: 'x', _id: '7', result: 'created', status: 201 }) },
      ],
    })
    expect(bulk.messages()).toEqual(['a', 'b'])
    const { metrics } = bulk.deps
    expect(countsOf(metrics, 'otlp_bridge_elasticsearch_items_total', 'action')).toEqual({ create: 1, index: 1 })
    expect(countsOf(metrics, 'otlp_bridge_elasticsearch_requests_total', 'code')).toEqual({ 200: 1 })
    expect(countsOf(metrics, 'otlp_bridge_elasticsearch_bytes_total', 'encoding')).toEqual({ identity: body.length })
    expect(countsOf(metrics, 'otlp_bridge_received_bytes_total', 'format')).toEqual({ 'es-bulk': body.length })
  })

  it.each([
    ['POST', '/_bulk'],
    ['PUT', '/_bulk'],
    ['POST', '/_bulk/?refresh=true&timeout=1m'],
    ['PUT', '/%3Clogs-%7Bnow%2Fd%7D%3E/_bulk'],
    ['POST', '/logs/event/_bulk'],
  ])('serves %s %s', async (method, path) => {
    await start()
    const answer = await bulk.post(path, creates('a'), ndjson, method)
    expect([answer.status, statuses(answer), bulk.messages()]).toEqual([200, [201], ['a']])
  })

  it('takes the index of the path for actions that have none', async () => {
    await start()
    const answer = await bulk.post('/paths/_bulk', lines({ index: {} }, { message: 'a' }, { create: { _index: 'own' } }, { message: 'b' }))
    expect(answer.json.items.map((item: Record<string, { _index: string }>) => Object.values(item)[0]?._index)).toEqual(['paths', 'own'])
  })

  it('serves below a prefix alone', async () => {
    await start({ prefix: '/_es/' })
    expect((await bulk.post('/_es/_bulk', creates('a'))).status).toBe(200)
    const elsewhere = await bulk.post('/_bulk', creates('b'))
    expect([elsewhere.status, elsewhere.json.status, elsewhere.headers.get('x-elastic-product')]).toEqual([404, 404, 'Elasticsearch'])
    expect((await fetch(`${bulk.url}/_es`)).status).toBe(200)
    expect(bulk.messages()).toEqual(['a'])
  })

  it('leaves everything else to those who shake hands', async () => {
    await start()
    const root = await fetch(bulk.url)
    expect([root.status, ((await root.json()) as { tagline: string }).tagline]).toEqual([200, 'You Know, for Search'])
    const get = await fetch(`${bulk.url}/_bulk`)
    expect([get.status, get.headers.get('x-elastic-product')]).toEqual([405, 'Elasticsearch'])
    const template = await bulk.post('/_index_template/x', '{"index_patterns":["x"]}', { 'content-type': 'application/json' }, 'PUT')
    expect([template.status, template.json]).toEqual([200, { acknowledged: true }])
  })

  it('answers in the media type that was asked for', async () => {
    await start()
    const headers = { 'content-type': 'application/vnd.elasticsearch+x-ndjson; compatible-with=8' }
    const type = 'application/vnd.elasticsearch+json;compatible-with=8'
    const answer = await bulk.post('/_bulk', creates('a'), { ...headers, accept: 'application/vnd.elasticsearch+json; compatible-with=8' })
    expect(answer.headers.get('content-type')).toBe(type)
    const fault = await bulk.post('/_bulk', '[]\n', { ...headers, accept: '*/*' })
    expect([fault.status, fault.headers.get('content-type')]).toEqual([400, type])
  })

  it('answers what filter_path and pretty want', async () => {
    await start()
    const filtered = await bulk.post('/_bulk?filter_path=errors,items.*.error,items.*.status', creates('a'))
    expect(filtered.json).toEqual({ errors: false, items: [{ create: { status: 201 } }] })
    const pretty = await bulk.post('/_bulk?pretty', creates('a'))
    expect(pretty.text).toMatch(/^\{\n {2}"took" : /)
    const bad = await bulk.post('/_bulk?pretty=perhaps', creates('a'))
    expect([bad.status, bad.json.error.type]).toEqual([400, 'illegal_argument_exception'])
    // It is for answers alone that are none of an error.
    const fault = await bulk.post('/_bulk?filter_path=took&pretty', '[]\n')
    expect([fault.text, fault.json.error.type]).toEqual([expect.stringMatching(/^\{\n {2}"error" : /), 'illegal_argument_exception'])
  })

  it('counts parameters that nobody knows', async () => {
    await start()
    expect((await bulk.post('/_bulk?refresh&foo=1&bar=2', creates('a'))).status).toBe(200)
    expect(sumOf(bulk.deps.metrics, 'otlp_bridge_elasticsearch_unknown_parameters_total')).toBe(2)
  })

  it('asks for the body where its sender waits for that', async () => {
    await start()
    const socket = await openRaw(bulk.url)
    const body = creates('a')
    socket.send(
      `POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`,
    )
    expect(await socket.until('100 Continue')).toContain('HTTP/1.1 100')
    socket.send(body)
    expect(await socket.until('"status":201')).toContain('200 OK')
    socket.destroy()
  })

  it('wants credentials where it is told to, in the words of Elasticsearch', async () => {
    await start({ auth: { basic: [{ user: 'elastic', password: 'secret' }] } })
    const refused = await bulk.post('/_bulk', creates('a'))
    expect([refused.status, refused.json.error.type, refused.headers.get('www-authenticate')]).toEqual([
      401,
      'security_exception',
      expect.stringContaining('Basic realm="security"'),
    ])
    const authorization = `Basic ${Buffer.from('elastic:secret').toString('base64')}`
    expect((await bulk.post('/_bulk', creates('b'), { ...ndjson, authorization })).status).toBe(200)
    expect(bulk.messages()).toEqual(['b'])
  })

  it('says that it could not load what it needs only once it is asked', async () => {
    await start()
    expect([bulk.listener.warnings?.(), bulk.listener.trouble?.()]).toEqual([[], []])
  })
})

describe('a body of _bulk', () => {
  it.each([
    ['no bytes', '', 'parse_exception', 'request body is required'],
    ['only line feeds', '\n\r\n \n', 'action_request_validation_exception', 'Validation Failed: 1: no requests added;'],
    [
      'no final line feed',
      '{"create":{"_index":"i"}}\n{}',
      'illegal_argument_exception',
      'The bulk request must be terminated by a newline [\\n]',
    ],
    [
      'a cut action',
      '{"create":{"_index":"i"}}\n{}\n{"cre',
      'illegal_argument_exception',
      'The bulk request must be terminated by a newline [\\n]',
    ],
    [
      'an action without its document',
      '{"delete":{"_index":"i","_id":"1"}}\n{"create":{"_index":"i"}}\n',
      'illegal_argument_exception',
      'Malformed action/metadata line [3], expected a document',
    ],
    [
      'an action that is none',
      '\n{"create":{"_index":"i"}}\n{}\n\n["x"]\n{}\n',
      'illegal_argument_exception',
      'Malformed action/metadata line [5], expected START_OBJECT but found [START_ARRAY]',
    ],
    ['no index', '{"create":{}}\n{}\n', 'action_request_validation_exception', 'Validation Failed: 1: index is missing;'],
  ])('with %s is refused whole', async (_what, body, type, reason) => {
    expect(await errorOf(body)).toEqual([400, type, reason])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({ decode_json: 1 })
    expect(sumOf(bulk.deps.metrics, 'otlp_bridge_received_items_total')).toBe(0)
  })

  it('may have lines of nothing, carriage returns, and a byte order mark', async () => {
    await start()
    const body = `\ufeff\r\n{"create":{"_index":"i"}}\r\n\r\n{"message":"a"}\r\n\n  \n{"create":{"_index":"i"}}\n\n\n{"message":"b"}\n\n`
    const answer = await bulk.post('/_bulk', body)
    expect([statuses(answer), bulk.messages()]).toEqual([
      [201, 201],
      ['a', 'b'],
    ])
  })

  it('may lack its last line feed where that is allowed', async () => {
    await start({ lenientNewline: true })
    const answer = await bulk.post('/_bulk', creates('a', 'b').trimEnd())
    expect([statuses(answer), bulk.messages()]).toEqual([
      [201, 201],
      ['a', 'b'],
    ])
    expect((await bulk.post('/_bulk', `${creates('c')}{"create":{"_index":"i"}}`)).json.error.reason).toMatch(/expected a document/)
  })

  it('loses none of its neighbours to a bad document', async () => {
    await start()
    const body = lines(create(), { message: 'a' }, create(), '{"message":', create('A'), {}, create(), '[1]', create(), { message: 'b' })
    const answer = await bulk.post('/_bulk', body)
    expect([answer.json.errors, statuses(answer), bulk.messages()]).toEqual([true, [201, 400, 400, 400, 201], ['a', 'b']])
    expect(answer.json.items.map((item: { create: { error?: { type: string } } }) => item.create.error?.type)).toEqual([
      undefined,
      'document_parsing_exception',
      'invalid_index_name_exception',
      'document_parsing_exception',
      undefined,
    ])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_refused_items_total', 'reason')).toEqual({ json: 1, index_name: 1, not_object: 1 })
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_received_items_total', 'signal')).toEqual({ logs: 5 })
  })

  it('may have no good document at all', async () => {
    await start()
    const answer = await bulk.post('/_bulk', lines(create(), '{', create(), 'x'))
    expect([statuses(answer), bulk.deps.fake.batches]).toEqual([[400, 400], []])
  })

  it('may change and delete nothing', async () => {
    await start()
    const upsert = lines({ update: { _index: 'i', _id: '1' } }, { doc: { message: 'a' }, doc_as_upsert: true })
    const body = upsert + lines({ delete: { _index: 'i', _id: '1' } }, create(), { message: 'b' })
    const answer = await bulk.post('/_bulk', body)
    expect([statuses(answer), bulk.messages()]).toEqual([[400, 400, 201], ['b']])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_refused_items_total', 'reason')).toEqual({ update: 1, delete: 1 })
  })

  it('may bring upserts where they are wanted', async () => {
    await start({ upsert: 'append' })
    const update = (body: object) => lines({ update: { _index: 'i', _id: '1' } }, body)
    const answer = await bulk.post(
      '/_bulk',
      update({ doc: { message: 'a' }, doc_as_upsert: true }) +
        update({ doc: { message: 'b' } }) +
        update({ script: 's', upsert: { message: 'c' } }),
    )
    expect([statuses(answer), bulk.messages()]).toEqual([
      [201, 400, 201],
      ['a', 'c'],
    ])
  })

  it('of winston is never refused an item', async () => {
    await start()
    const action = { index: { _index: 'i', pipeline: null }, attempts: 0 }
    const answer = await bulk.post('/_bulk', lines(action, { message: 'a' }, action, '{"message":'))
    expect([answer.json.errors, statuses(answer), bulk.messages()]).toEqual([false, [201, 201], ['a', '{"message":']])
    expect(bulk.records()[1]?.attributes).toMatchObject({ 'elasticsearch.parse_error': expect.stringContaining('JSON') })
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_notes_total', 'reason')).toEqual({ raw_document: 1 })
  })

  it('tells people of pipelines that nobody runs, once each', async () => {
    await start()
    const piped = (pipeline: string) => lines({ index: { _index: 'i', pipeline } }, { message: 'a' })
    await bulk.post('/_bulk?pipeline=p1', creates('x') + piped('p2'))
    await bulk.post('/_bulk', piped('p2'))
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_elasticsearch_pipeline_ignored_total', 'pipeline')).toEqual({ p1: 1, p2: 2 })
    expect(bulk.deps.lines.filter((line) => line.includes('pipeline')).length).toBe(2)
    expect(bulk.records()[0]?.attributes).toMatchObject({ 'elasticsearch.pipeline': 'p1' })
  })

  it('may bring what is left out', async () => {
    await start()
    const answer = await bulk.post('/_bulk', lines(create('.monitoring-es-7'), { message: 'a' }, create(), { message: 'b' }))
    expect([statuses(answer), bulk.messages()]).toEqual([[201, 201], ['b']])
    expect(sumOf(bulk.deps.metrics, 'otlp_bridge_elasticsearch_system_docs_discarded_total')).toBe(1)
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_consumed_items_total', 'reason')).toEqual({ system_index: 1 })
  })

  it('is refused with more actions than it may have', async () => {
    const [status, type] = await errorOf(creates('a', 'b', 'c'), { limits: { items: 2 } })
    expect([status, type]).toEqual([413, 'content_too_long_exception'])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({ limit_items: 1 })
  })

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['zstd', zstdCompressSync],
  ])('may come as %s', async (encoding, compress) => {
    await start()
    const headers = { ...ndjson, 'content-encoding': encoding }
    expect(statuses(await bulk.post('/_bulk', compress(creates('a', 'b')), headers))).toEqual([201, 201])
    const bad = compress(creates('c')).subarray(0, 30)
    const refused = await bulk.post('/_bulk', bad, headers)
    expect([refused.status, refused.json.error.type, bulk.messages()]).toEqual([400, 'parse_exception', ['a', 'b']])
    expect(sumOf(bulk.deps.metrics, 'otlp_bridge_elasticsearch_bytes_total')).toBeGreaterThan(30)
  })

  it.each([
    [{ ...ndjson, 'content-encoding': 'br' }, 415, 'unsupported_encoding'],
    [{ ...ndjson, 'content-encoding': 'gzip, gzip' }, 415, 'unsupported_encoding'],
    [{ 'content-type': 'application/smile' }, 406, 'unsupported_type'],
    [{ 'content-type': 'application/x-www-form-urlencoded' }, 406, 'unsupported_type'],
  ])('is not read with %j', async (headers, status, reason) => {
    await start()
    const answer = await bulk.post('/_bulk', creates('a'), headers as Record<string, string>)
    expect([answer.status, answer.json.status, bulk.deps.fake.batches]).toEqual([status, status, []])
    if (status === 406) expect(answer.json.error.type).toBe('media_type_header_exception')
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({ [reason]: 1 })
  })

  it('may come without a type, unless that is not wanted', async () => {
    await start({ lenientContentType: false })
    const head = (body: string) => `POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const strict = await openRaw(bulk.url)
    strict.send(head(creates('a')))
    expect(await strict.until('media_type_header_exception')).toContain('406')
    strict.destroy()
    await bulk.listener.stop(0)
    await start()
    const lenient = await openRaw(bulk.url)
    lenient.send(head(creates('a')))
    expect(await lenient.until('"status":201')).toContain('200 OK')
    lenient.destroy()
  })

  it('that is too large is answered with 413 and nothing, and the connection ends', async () => {
    await start({ limits: { body: 1000, compressedBody: 1000 } })
    const socket = await openRaw(bulk.url)
    socket.send(`POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n`)
    const said = await socket.until('\r\n\r\n')
    expect(said).toMatch(/^HTTP\/1.1 413 /)
    expect(said).toMatch(/content-length: 0/i)
    expect(said).toMatch(/connection: close/i)
    expect(said).toMatch(/x-elastic-product: Elasticsearch/i)
    socket.destroy()
    const inflated = await bulk.post('/_bulk', gzipSync(creates('a'.repeat(2000))), { ...ndjson, 'content-encoding': 'gzip' })
    expect([inflated.status, inflated.text]).toEqual([413, ''])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({ limit_body: 2 })
  })

  it('may come in chunks of one byte', async () => {
    await start()
    const socket = await openRaw(bulk.url)
    socket.send('POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n')
    for (const byte of Buffer.from(creates('ä', 'b')))
      socket.send(Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]))
    socket.send('0\r\n\r\n')
    await socket.until('"errors":false')
    expect(bulk.messages()).toEqual(['ä', 'b'])
    socket.destroy()
  })
})
