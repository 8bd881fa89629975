import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import type { MirrorState } from '../../../src/ingest/mirror-door.ts'
import type { Seen } from '../../../src/ingest/observe.ts'
import { type Answer, type Bulk, create, creates, lines, ndjson, startBulk, statuses } from '../support/elasticsearch.ts'
import { answered, createFakeMirror, type FakeMirror } from '../support/fake-mirror.ts'
import { countsOf, createFakeDeps, openBooks, openRaw, queueFull, sumOf } from '../support/fakes.ts'
import { documents, numbers, sendChunked } from '../support/large-documents.ts'

let bulk: Bulk
let mirror: FakeMirror

const start = async (state: Partial<MirrorState> = {}, config: object = {}): Promise<Bulk> => {
  mirror = createFakeMirror('elasticsearch', state)
  const deps = { ...createFakeDeps(), mirrors: (name: string) => (name === 'elasticsearch' ? mirror.door : undefined) }
  bulk = await startBulk(config, {}, deps)
  return bulk
}

afterEach(async () => {
  expect(openBooks(bulk.deps.metrics)).toEqual([])
  await bulk.listener.stop(0)
})

/** Everything that the queue has for the old side, one body after the other. */
const forOld = (): Buffer =>
  Buffer.concat(bulk.deps.fake.batches.flatMap(({ envelope }) => (envelope === undefined ? [] : [envelope.data])))

const read = 'filter_path=took,errors,items.*.status,items.*.error,items.*._index,items.*._id'

describe('a mirrored _bulk, answered by the bridge', () => {
  it('puts the bytes as they came with the batch', async () => {
    await start()
    const body = lines(create('logs', 'a"\\'), { message: 'a\\nb\u00e9' }, { index: { _index: 'x' } }, { message: 'b' })
    const answer = await bulk.post('/_bulk', body, { ...ndjson, 'user-agent': 'tester/1', 'x-opaque-id': 'o' })
    expect([answer.status, statuses(answer), answer.headers.get('x-otlp-bridge-answer')]).toEqual([200, [201, 201], null])
    const [batch] = bulk.deps.fake.batches
    expect(bulk.deps.fake.batches.length).toBe(1)
    expect(batch).toMatchObject({
      signal: 'logs',
      items: 2,
      keys: [
        { service: 'logs', items: 1 },
        { service: 'x', items: 1 },
      ],
      client: { address: '127.0.0.1', userAgent: 'tester/1', hints: { 'x-opaque-id': 'o' } },
      envelope: { mirror: 'mirror.elasticsearch', format: 'es-bulk', items: 2 },
    })
    expect(forOld().toString()).toBe(body)
    const [{ head, key } = { head: undefined, key: undefined }] = mirror.wrapped
    expect([head?.method, head?.target, head?.address, key]).toEqual(['POST', `/_bulk?${read}`, '127.0.0.1', 'logs'])
    expect(head?.headers).toContain('tester/1')
  })

  it.each([
    ['/_bulk?filter_path=took&refresh=true&x=%20', `/_bulk?refresh=true&x=%20&${read}`],
    ['/_bulk?filter%5Fpath=took', `/_bulk?${read}`],
    ['/_bulk?', `/_bulk?${read}`],
    ['/a%2Fb/_bulk?pipeline=p', `/a%2Fb/_bulk?pipeline=p&${read}`],
  ])('asks the old side for what is read of its answer: %s', async (url, target) => {
    await start()
    await bulk.post(url, lines({ create: { _index: 'logs' } }, {}))
    expect(mirror.wrapped[0]?.head.target).toBe(target)
  })

  it('cuts the prefix off', async () => {
    await start({}, { prefix: '/es' })
    await bulk.post('/es/logs/_bulk', lines({ create: {} }, {}))
    expect(mirror.wrapped[0]?.head.target).toBe(`/logs/_bulk?${read}`)
  })

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['zstd', zstdCompressSync],
  ])('leaves it compressed: %s', async (encoding, compress) => {
    await start()
    const body = compress(creates('a', 'b'))
    const answer = await bulk.post('/_bulk', body, { ...ndjson, 'content-encoding': encoding })
    expect([answer.status, bulk.messages(), forOld().equals(body)]).toEqual([200, ['a', 'b'], true])
  })

  it('takes update and delete, which the old side carries out', async () => {
    await start()
    const body = lines({ update: { _index: 'i', _id: '1' } }, { doc: { a: 1 } }, { delete: { _index: 'i', _id: '2' } }, create(), {
      message: 'a',
    })
    const answer = await bulk.post('/_bulk', body)
    expect(answer.json.errors).toBe(false)
    expect(answer.json.items.map((item: object) => Object.values(item).map(({ status, result }) => [status, result])[0])).toEqual([
      [200, 'updated'],
      [200, 'deleted'],
      [201, 'created'],
    ])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_consumed_items_total', 'reason')).toEqual({ not_translatable: 2 })
    expect(mirror.counts).toEqual({ write_not_translated: 2 })
    expect([forOld().toString(), bulk.messages()]).toEqual([body, ['a']])
  })

  it('refuses update and delete once the old side need not have the data', async () => {
    await start({ old: 'optional' })
    const answer = await bulk.post('/_bulk', lines({ delete: { _index: 'i', _id: '2' } }, create(), { message: 'a' }))
    expect([statuses(answer), mirror.counts]).toEqual([[400, 201], {}])
  })

  it('puts the envelope alone when nothing in it is ours', async () => {
    await start()
    const body = lines({ delete: { _index: 'i', _id: '2' } })
    expect(statuses(await bulk.post('/_bulk', body))).toEqual([200])
    expect(bulk.deps.fake.batches.map(({ items, data }) => [items, data.length])).toEqual([[0, 0]])
    expect(forOld().toString()).toBe(body)
  })

  it('puts one envelope with a request of several signals', async () => {
    await start()
    const metric = {
      '@timestamp': '2024-05-06T07:08:09.123Z',
      metricset: { name: 'cpu' },
      event: { module: 'system' },
      system: { cpu: { pct: 1 } },
    }
    const body = lines(create('logs'), { message: 'a' }, create('metrics-system.cpu-default'), metric)
    expect(statuses(await bulk.post('/_bulk', body))).toEqual([201, 201])
    expect(forOld().toString()).toBe(body)
  })

  it('refuses what cannot be read, and mirrors nothing of it', async () => {
    await start()
    expect((await bulk.post('/_bulk', '["x"]\n')).status).toBe(400)
    expect([bulk.deps.fake.batches, mirror.wrapped]).toEqual([[], []])
  })

  it('goes without an envelope while the old side gets nothing', async () => {
    await start({ old: 'off' })
    expect((await bulk.post('/_bulk', creates('a'))).status).toBe(200)
    expect([bulk.messages(), mirror.wrapped]).toEqual([['a'], []])
  })

  it('gives all or nothing of a request that the queue does not take', async () => {
    await start({}, { backpressure: { hold: 0, answer: 429 } })
    bulk.deps.fake.refuseWith = queueFull()
    expect((await bulk.post('/_bulk', creates('a'))).status).toBe(429)
    expect(bulk.deps.fake.batches).toEqual([])
  })

  it('lets the new side go without where it need not have the data', async () => {
    await start({ new: 'optional', answer: 'bridge' }, { backpressure: { hold: 0, answer: 429 } })
    const { fake } = bulk.deps
    let isFirst = true
    Object.defineProperty(fake, 'putError', {
      get: () => {
        const error = isFirst ? queueFull() : undefined
        isFirst = false
        return error
      },
    })
    const answer = await bulk.post('/_bulk', creates('a', 'b'))
    expect([answer.status, bulk.messages(), forOld().toString()]).toEqual([200, [], creates('a', 'b')])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_dropped_items_total', 'reason')).toEqual({ shed_full: 2 })
  })
})

describe('a large mirrored _bulk', () => {
  const large = documents(900, 10_000)

  const check = (body: Uint8Array): void => {
    expect(bulk.deps.fake.stagings.map(({ state }) => state)).toEqual(['committed'])
    expect(bulk.messages()).toEqual(numbers(900))
    expect(forOld().equals(body)).toBe(true)
    const { wrapped } = mirror
    expect(wrapped.length).toBeGreaterThan(1)
    expect(wrapped.map(({ part }) => part)).toEqual(wrapped.map((_one, at) => at))
    expect(wrapped.map(({ last }) => last)).toEqual(wrapped.map((_one, at) => at === wrapped.length - 1))
    expect(wrapped.reduce((sum, { items }) => sum + items, 0)).toBe(900)
    expect(Math.max(...wrapped.map((one) => one.body.length))).toBeLessThanOrEqual(1024 * 1024)
  }

  it('goes to the old side in parts, with those of the batch', async () => {
    await start()
    expect((await bulk.post('/_bulk', large)).status).toBe(200)
    check(Buffer.from(large))
  })

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['zstd', zstdCompressSync],
  ])('stays compressed: %s', async (encoding, compress) => {
    await start()
    const body = compress(large)
    expect((await bulk.post('/_bulk', body, { ...ndjson, 'content-encoding': encoding })).status).toBe(200)
    check(body)
  })

  it('may be small on the wire', async () => {
    await start()
    const body = gzipSync(documents(1, 10).repeat(150_000))
    expect((await bulk.post('/_bulk?filter_path=errors', body, { ...ndjson, 'content-encoding': 'gzip' })).status).toBe(200)
    expect([forOld().equals(body), mirror.wrapped.length, mirror.wrapped[0]?.last, mirror.wrapped[0]?.items]).toEqual([
      true,
      1,
      true,
      150_000,
    ])
  })

  it('may be small, and become large in our hands', async () => {
    await start()
    const index = `logs-${'a'.repeat(90)}-${'b'.repeat(90)}`
    const body = lines({ create: {} }, { message: 'grown' }).repeat(50_000)
    expect((await bulk.post(`/${index}/_bulk`, body)).status).toBe(200)
    expect([forOld().toString() === body, mirror.wrapped.reduce((sum, { items }) => sum + items, 0)]).toEqual([true, 50_000])
  })

  it('may come without its length', async () => {
    await start()
    const socket = await sendChunked(bulk.url, '/_bulk?filter_path=errors', large)
    expect(await socket.until('{"errors":')).toContain('{"errors":false}')
    check(Buffer.from(large))
    socket.destroy()
  })

  it('is nobody’s when its end is bad', async () => {
    await start()
    expect((await bulk.post('/_bulk', `${large}["x"]\n`)).status).toBe(400)
    expect([bulk.deps.fake.stagings.map(({ state }) => state), bulk.deps.fake.batches]).toEqual([['discarded'], []])
  })

  it('is answered by the bridge where the old side is to answer, and says so', async () => {
    await start({ answer: 'legacy' })
    const answer = await bulk.post('/_bulk', large)
    expect([answer.status, answer.headers.get('x-otlp-bridge-answer'), mirror.asked]).toEqual([200, 'bridge', []])
    check(Buffer.from(large))
  })
})

describe('a mirrored _bulk, answered by the old side', () => {
  const three = lines(create('logs', '1'), { message: 'a' }, create('logs', '2'), { message: 'b' }, create('logs', '3'), { message: 'c' })
  const items = (...all: readonly number[]): object => ({
    took: 3,
    errors: all.some((status) => status >= 400),
    items: all.map((status, at) => ({ create: { _index: 'logs', _id: String(at + 1), status } })),
  })
  const legacy = async (state: Partial<MirrorState> = {}, config: object = {}): Promise<void> => {
    await start({ answer: 'legacy', ...state }, config)
  }

  it('passes its answer on as it came, and its query as it is', async () => {
    await legacy()
    const text = '{"took":7,  "errors":false,"items":[1,2,3]}'
    mirror.answer = answered(200, text, ['X-Elastic-Product', 'Elasticsearch', 'X-Own', 'yes'])
    const answer = await bulk.post('/_bulk?filter_path=items', three)
    expect([answer.status, answer.text, answer.headers.get('x-own'), answer.headers.get('x-otlp-bridge-answer')]).toEqual([
      200,
      text,
      'yes',
      null,
    ])
    expect(bulk.messages()).toEqual(['a', 'b', 'c'])
    expect(mirror.wrapped.map(({ head, body }) => [head.target, body.toString()])).toEqual([['/_bulk?filter_path=items', three]])
    expect(bulk.deps.fake.batches.map(({ envelope }) => envelope)).toEqual([undefined])
  })

  it('reads a compressed answer, and passes its bytes on', async () => {
    await legacy()
    const body = gzipSync(JSON.stringify(items(201, 400, 201)))
    mirror.answer = async () => ({ how: 'answered', answer: { status: 200, headers: ['Content-Encoding', 'gzip'], body } })
    const answer = await bulk.post('/_bulk', three)
    expect([statuses(answer), bulk.messages()]).toEqual([
      [201, 400, 201],
      ['a', 'c'],
    ])
  })

  it('gives the new side what the old one took, or had: 200, 201, 409', async () => {
    await legacy()
    mirror.answer = answered(200, items(201, 429, 409))
    expect(statuses(await bulk.post('/_bulk', three))).toEqual([201, 429, 409])
    expect(bulk.messages()).toEqual(['a', 'c'])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_refused_items_total', 'reason')).toEqual({ old_429: 1 })
  })

  it('takes the item that comes again', async () => {
    await legacy()
    mirror.answer = answered(200, items(201, 429, 201))
    await bulk.post('/_bulk', three)
    mirror.answer = answered(200, items(201))
    await bulk.post('/_bulk', lines(create('logs', '2'), { message: 'b' }))
    expect(bulk.messages()).toEqual(['a', 'c', 'b'])
  })

  it.each([
    ['hidden results', '/_bulk?filter_path=errors', { errors: true }],
    ['fewer items than actions', '/_bulk?filter_path=items.*.error', { items: [{ create: { error: {} } }] }],
    ['something else', '/_bulk', '<html>'],
  ])('gives it all where the old side does not say: %s', async (_what, url, body) => {
    await legacy()
    mirror.answer = answered(200, body)
    expect((await bulk.post(url, three)).status).toBe(200)
    expect([bulk.messages(), mirror.counts]).toEqual([['a', 'b', 'c'], { unknown_outcome: 3 }])
  })

  it.each([400, 413, 429, 503])('gives it nothing of a request that was refused with %i', async (status) => {
    await legacy()
    mirror.answer = answered(status, { error: 'x' }, ['Retry-After', '9'])
    const answer: Answer = await bulk.post('/_bulk', three)
    expect([answer.status, answer.text, answer.headers.get('retry-after')]).toEqual([status, '{"error":"x"}', '9'])
    expect(bulk.deps.fake.batches).toEqual([])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_refused_items_total', 'reason')).toEqual({ [`old_${status}`]: 3 })
  })

  it('keeps what was refused where that is wanted', async () => {
    await legacy({ keepRefused: true })
    mirror.answer = answered(400, {})
    expect([(await bulk.post('/_bulk', three)).status, bulk.messages()]).toEqual([400, ['a', 'b', 'c']])
  })

  it('answers by itself when the old side does not, and queues the request for it', async () => {
    await legacy()
    mirror.answer = { how: 'none', why: 'it took 10 s', slow: true, fallback: 'bridge' }
    const answer = await bulk.post('/_bulk', three)
    expect([answer.status, statuses(answer), answer.headers.get('x-otlp-bridge-answer')]).toEqual([200, [201, 201, 201], 'bridge'])
    expect([forOld().toString(), bulk.messages(), mirror.wrapped.length]).toEqual([three, ['a', 'b', 'c'], 1])
  })

  it.each([
    ['slow', 504],
    ['down', 502],
  ] as const)('fails where that is wanted: %s', async (why, status) => {
    await legacy()
    mirror.answer = { how: 'none', why, slow: why === 'slow', fallback: 'fail' }
    const answer = await bulk.post('/_bulk', three)
    expect([answer.status, answer.json.status, bulk.deps.fake.batches]).toEqual([status, status, []])
  })

  it('tells the client to come back when the new side must have the data and cannot take it', async () => {
    await legacy({}, { backpressure: { hold: 0, answer: 503 } })
    mirror.answer = async () => {
      bulk.deps.fake.refuseWith = queueFull()
      return answered(200, items(201, 201, 201))
    }
    const answer = await bulk.post('/_bulk', three)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '7'])
  })

  it('passes the answer on when the new side need not have it', async () => {
    await legacy({ new: 'optional' })
    bulk.deps.fake.refuseWith = queueFull()
    mirror.answer = answered(200, items(201, 201, 201))
    expect(statuses(await bulk.post('/_bulk', three))).toEqual([201, 201, 201])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_dropped_items_total', 'reason')).toEqual({ shed_full: 3 })
  })

  it('lets the old side judge what cannot be read here', async () => {
    await legacy({ undecodable: 'mirror' })
    mirror.answer = answered(400, { error: 'theirs' })
    const answer = await bulk.post('/_bulk', '["x"]\n')
    expect([answer.text, mirror.wrapped[0]?.body.toString(), mirror.counts]).toEqual(['{"error":"theirs"}', '["x"]\n', { undecodable: 1 }])
  })

  it('waits with bodies without a length as with others', async () => {
    await legacy()
    mirror.answer = answered(200, items(201, 201, 500))
    const socket = await openRaw(bulk.url)
    const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`
    socket.send('POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n')
    socket.send(`${chunk(three.slice(0, 30))}${chunk(three.slice(30))}0\r\n\r\n`)
    expect(await socket.until('500}}]}')).toContain('"status":201')
    expect([mirror.wrapped[0]?.body.toString(), bulk.messages()]).toEqual([three, ['a', 'b']])
    socket.destroy()
  })

  it('passes a body of some MiB on whole', async () => {
    await legacy()
    const body = documents(300, 20_000)
    mirror.answer = answered(200, { took: 1, errors: false, items: [] })
    expect((await bulk.post('/_bulk', body)).text).toBe('{"took":1,"errors":false,"items":[]}')
    expect([bulk.messages().length, mirror.wrapped.length, mirror.wrapped[0]?.body.toString() === body]).toEqual([300, 1, true])
  })
})

describe('the observer of documents', () => {
  it('sees some of them, before and after', async () => {
    const seen: Seen[] = []
    const observer = {
      wants: (name: string) => name === 'elasticsearch',
      see: (one: Seen) => void seen.push({ ...one, body: one.body.slice() }),
    }
    mirror = createFakeMirror('elasticsearch')
    bulk = await startBulk({}, {}, { ...createFakeDeps(), observer })
    const body = gzipSync(lines(create(), { message: 'a' }, { delete: { _index: 'i', _id: '1' } }))
    await bulk.post('/_bulk?refresh', body, { ...ndjson, 'content-encoding': 'gzip', 'user-agent': 'tester/1' })
    expect(seen.map(({ body: plain, otlp, ...rest }) => ({ ...rest, body: Buffer.from(plain).toString(), otlp: otlp.length > 0 }))).toEqual(
      [
        {
          endpoint: 'elasticsearch',
          format: 'es-bulk',
          signal: 'logs',
          atMs: 1_700_000_000_000,
          client: { address: '127.0.0.1', userAgent: 'tester/1', hints: undefined },
          request: 'POST /_bulk?refresh',
          headers: expect.arrayContaining(['tester/1']),
          items: 1,
          refused: '1 items were refused',
          body: lines(create(), { message: 'a' }, { delete: { _index: 'i', _id: '1' } }),
          otlp: true,
        },
      ],
    )
  })
})

describe('a mirrored single document', () => {
  it('goes to both sides', async () => {
    await start()
    const answer = await bulk.post('/logs/_doc/7?refresh=true', '{"message":"a"}', { 'content-type': 'application/json' }, 'PUT')
    expect([answer.status, bulk.messages(), forOld().toString()]).toEqual([201, ['a'], '{"message":"a"}'])
    expect([mirror.wrapped[0]?.head.target, mirror.wrapped[0]?.head.method, mirror.wrapped[0]?.key]).toEqual([
      '/logs/_doc/7?refresh=true',
      'PUT',
      'logs',
    ])
  })

  it.each([
    [201, ['a']],
    [409, ['a']],
    [400, []],
    [503, []],
  ])('follows the old side where that answers: %i', async (status, messages) => {
    await start({ answer: 'legacy' })
    mirror.answer = answered(status, { theirs: true })
    const answer = await bulk.post('/logs/_create/7', '{"message":"a"}', { 'content-type': 'application/json' })
    expect([answer.status, answer.text, bulk.messages()]).toEqual([status, '{"theirs":true}', messages])
  })

  it('that we refuse goes nowhere', async () => {
    await start()
    expect((await bulk.post('/logs/_doc', '{"message":', { 'content-type': 'application/json' })).status).toBe(400)
    expect([bulk.deps.fake.batches, mirror.wrapped, sumOf(bulk.deps.metrics, 'otlp_bridge_refused_items_total')]).toEqual([[], [], 1])
  })
})
