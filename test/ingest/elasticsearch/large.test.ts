import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import { type Bulk, create, lines, ndjson, startBulk, statuses } from '../support/elasticsearch.ts'
import { countsOf, eventually, openBooks, openRaw, queueFull, type RawSocket, sumOf } from '../support/fakes.ts'
import { documents, filler, numbers, sendChunked } from '../support/large-documents.ts'

let bulk: Bulk
const start = async (config: object = {}): Promise<Bulk> => {
  bulk = await startBulk(config)
  return bulk
}

afterEach(async () => {
  expect(openBooks(bulk.deps.metrics)).toEqual([])
  await bulk.listener.stop(0)
})

/** 6 MB in 600 documents: more than one piece. */
const large = documents(600, 10_000)

describe('a large body of _bulk', () => {
  it('is handed on in pieces, and becomes the queue’s at once', async () => {
    await start()
    const answer = await bulk.post('/_bulk', large)
    expect([answer.status, answer.json.errors, statuses(answer).length]).toEqual([200, false, 600])
    const [staging] = bulk.deps.fake.stagings
    expect([bulk.deps.fake.stagings.length, staging?.state]).toEqual([1, 'committed'])
    expect(staging?.parts.length).toBeGreaterThanOrEqual(5)
    expect(bulk.messages()).toEqual(numbers(600))
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_translated_items_total', 'signal')).toEqual({ logs: 600 })
  })

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['zstd', zstdCompressSync],
  ])('is inflated as it comes: %s', async (encoding, compress) => {
    await start()
    const body = compress(documents(900, 10_000))
    expect(body.length).toBeGreaterThan(1024 * 1024)
    const answer = await bulk.post('/_bulk', body, { ...ndjson, 'content-encoding': encoding })
    expect([answer.status, bulk.deps.fake.stagings.length, bulk.messages()]).toEqual([200, 1, numbers(900)])
  })

  it('may be small until it is inflated', async () => {
    await start()
    const body = gzipSync(documents(1, 10).repeat(150_000))
    expect(body.length).toBeLessThan(1024 * 1024)
    const answer = await bulk.post('/_bulk?filter_path=errors', body, { ...ndjson, 'content-encoding': 'gzip' })
    expect([answer.json, bulk.deps.fake.stagings.length]).toEqual([{ errors: false }, 1])
    expect(sumOf(bulk.deps.metrics, 'otlp_bridge_received_items_total')).toBe(150_000)
  })

  it('may be of several gzip members', async () => {
    await start()
    const body = Buffer.concat([gzipSync(large.slice(0, 3_000_000)), gzipSync(large.slice(3_000_000))])
    const answer = await bulk.post('/_bulk', body, { ...ndjson, 'content-encoding': 'gzip' })
    expect([answer.status, bulk.messages()]).toEqual([200, numbers(600)])
  })

  it('may come without its length', async () => {
    await start()
    const socket = await sendChunked(bulk.url, '/_bulk?filter_path=errors', large)
    expect(await socket.until('{"errors":')).toContain('{"errors":false}')
    expect([bulk.deps.fake.stagings.length, bulk.messages()]).toEqual([1, numbers(600)])
    socket.destroy()
  })

  it.each([
    ['a bad action at its end', `${large}["x"]\n`, 'Malformed action/metadata line [1201], expected START_OBJECT but found [START_ARRAY]'],
    ['no line feed at its end', large.trimEnd(), 'The bulk request must be terminated by a newline [\\n]'],
    ['no document at its end', large + lines(create()), 'Malformed action/metadata line [1202], expected a document'],
    ['an action without index in the middle', `${large}${lines({ index: {} }, {})}${large}`, 'Validation Failed: 1: index is missing;'],
  ])('with %s is not taken at all', async (_what, body, reason) => {
    await start()
    const answer = await bulk.post('/_bulk', body)
    expect([answer.status, answer.json.error.reason]).toEqual([400, reason])
    expect([bulk.deps.fake.stagings.map(({ state }) => state), bulk.deps.fake.batches]).toEqual([['discarded'], []])
    expect(sumOf(bulk.deps.metrics, 'otlp_bridge_received_items_total')).toBe(0)
  })

  it('that is small and becomes large is handed on in parts, too', async () => {
    await start()
    const index = `logs-${'a'.repeat(90)}-${'b'.repeat(90)}`
    const body = lines({ create: {} }, { message: 'grown' }).repeat(50_000)
    expect(body.length).toBeLessThan(2_000_000)
    const answer = await bulk.post(`/${index}/_bulk`, body)
    expect([answer.status, answer.json.errors, statuses(answer).length]).toEqual([200, false, 50_000])
    const [staging] = bulk.deps.fake.stagings
    const sizes = staging?.parts.map(({ data }) => data.length) ?? []
    expect([bulk.deps.fake.stagings.length, staging?.state]).toEqual([1, 'committed'])
    expect(sizes.length).toBeGreaterThan(4)
    expect(Math.max(...sizes)).toBeLessThan(5_000_000)
    expect(sumOf(bulk.deps.metrics, 'otlp_bridge_translated_items_total')).toBe(50_000)
  })

  it('that is cut off is not taken at all', async () => {
    await start()
    const socket = await openRaw(bulk.url)
    socket.send(`POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${large.length}\r\n\r\n`)
    socket.send(large.slice(0, 4_000_000))
    await eventually(() => (bulk.deps.fake.stagings[0]?.parts.length ?? 0) >= 2)
    socket.destroy()
    await eventually(() => bulk.deps.fake.stagings[0]?.state === 'discarded')
    await eventually(() => countsOf(bulk.deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')['cut_off'] === 1)
    expect(bulk.deps.fake.batches).toEqual([])
    expect((await bulk.post('/_bulk', large)).json.errors).toBe(false)
  })

  it('that turns out to be too large is refused when it does', async () => {
    await start({ limits: { body: 2_000_000, compressedBody: 1_500_000 } })
    const send = async (body: Buffer, encoding: string): Promise<string> => {
      const socket: RawSocket = await openRaw(bulk.url)
      socket.send(
        `POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Encoding: ${encoding}\r\nTransfer-Encoding: chunked\r\n\r\n`,
      )
      socket.send(Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')]))
      const said = await socket.until('\r\n\r\n')
      socket.destroy()
      return said.slice(0, 12)
    }
    expect(await send(Buffer.from(large), 'identity')).toBe('HTTP/1.1 413')
    expect(await send(gzipSync(large), 'gzip')).toBe('HTTP/1.1 413')
    await eventually(() => countsOf(bulk.deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')['limit_body'] === 2)
    expect(bulk.deps.fake.batches).toEqual([])
  })

  it('that expands too much is refused, whether it is inflated at once or as it comes', async () => {
    await start({ limits: { ratio: 20 } })
    const headers = { ...ndjson, 'content-encoding': 'gzip' }
    const same = documents(1, 1000).repeat(40_000)
    const small = await bulk.post('/_bulk', gzipSync(same.slice(0, 3_000_000)), headers)
    const grown = await bulk.post('/_bulk', gzipSync(documents(200, 10_000) + same), headers)
    expect([small.status, small.text, grown.status, grown.text]).toEqual([413, '', 413, ''])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({ limit_ratio: 2 })
  })

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['zstd', zstdCompressSync],
  ])('that is broken in the middle is not taken at all: %s', async (encoding, compress) => {
    await start()
    const whole = compress(documents(900, 10_000))
    const headers = { ...ndjson, 'content-encoding': encoding }
    const cut = await bulk.post('/_bulk', whole.subarray(0, whole.length - 10), headers)
    const trailed = await bulk.post('/_bulk', Buffer.concat([whole, Buffer.from('garbage')]), headers)
    expect([cut.status, cut.json.error.type, trailed.status, trailed.json.error.type]).toEqual([
      400,
      'parse_exception',
      400,
      'parse_exception',
    ])
    expect([bulk.deps.fake.stagings.map(({ state }) => state), bulk.deps.fake.batches]).toEqual([['discarded', 'discarded'], []])
  })

  it('keeps documents whole that are longer than a piece', async () => {
    await start()
    const long = filler(3_000_000, 7)
    const body = lines(create(), { message: 'a' }, create(), { message: long }, create(), { message: 'b' }) + large
    const answer = await bulk.post('/_bulk?filter_path=errors', body)
    expect(answer.json).toEqual({ errors: false })
    const [a, found, b, ...rest] = bulk.messages()
    expect([a, found === long, b, rest]).toEqual(['a', true, 'b', numbers(600)])
  })

  it('loses no neighbour to a document that is too long, wherever that stands', async () => {
    await start({ limits: { document: 1_500_000 } })
    const long = lines({ message: filler(5_000_000, 3) })
    const body = lines(create('logs', 'x')) + long + large + lines(create()) + long + lines(create(), { message: 'last' })
    const answer = await bulk.post('/_bulk', body)
    const all = statuses(answer)
    expect([all[0], all.slice(1, 601).every((one) => one === 201), all.slice(601)]).toEqual([400, true, [400, 201]])
    expect(answer.json.items[0].create).toMatchObject({ _id: 'x', error: { reason: expect.stringContaining('longer than 1500000 bytes') } })
    expect(bulk.messages()).toEqual([...numbers(600), 'last'])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_refused_items_total', 'reason')).toEqual({ length: 2 })
  })

  it('may have a document that is too long as its last line, and as its only one', async () => {
    await start({ limits: { document: 1_500_000 } })
    const answer = await bulk.post('/_bulk', lines(create()) + lines({ message: filler(6_000_000, 3) }))
    expect([answer.status, statuses(answer), bulk.deps.fake.batches]).toEqual([200, [400], []])
  })

  it('is refused for an action that is too long', async () => {
    await start({ limits: { document: 1_500_000 } })
    const answer = await bulk.post('/_bulk', `{"create":{"_index":"${'i'.repeat(6_000_000)}"}}\n{}\n`)
    expect([answer.status, answer.json.error.reason]).toEqual([400, expect.stringMatching(/^Malformed action\/metadata line \[1\]/)])
  })

  it('waits in the socket while the queue stores what came before', async () => {
    await start()
    const { promise, resolve } = Promise.withResolvers<void>()
    bulk.deps.fake.gate = promise
    const answered = bulk.post('/_bulk?filter_path=errors', large)
    await eventually(() => (bulk.deps.fake.stagings[0]?.parts.length ?? 0) > 4)
    expect(bulk.deps.fake.batches).toEqual([])
    resolve()
    expect((await answered).json).toEqual({ errors: false })
  })

  it('is refused when the queue is full in the middle of it, and nothing of it is taken', async () => {
    await start({ backpressure: { hold: 0 } })
    const socket = await openRaw(bulk.url)
    const agent = 'Elastic-filebeat/8.1.0'
    socket.send(
      `POST /_bulk HTTP/1.1\r\nHost: a\r\nUser-Agent: ${agent}\r\nContent-Type: application/json\r\nContent-Length: ${large.length}\r\n\r\n`,
    )
    socket.send(large.slice(0, 3_000_000))
    await eventually(() => (bulk.deps.fake.stagings[0]?.parts.length ?? 0) > 1)
    bulk.deps.fake.refuseWith = queueFull()
    socket.send(large.slice(3_000_000))
    const said = await socket.until('"status":429')
    expect([said.slice(0, 12), said.match(/retry-after: (\d+)/i)?.[1]]).toEqual(['HTTP/1.1 429', '7'])
    expect([bulk.deps.fake.stagings[0]?.state, bulk.deps.fake.batches]).toEqual(['discarded', []])
    socket.destroy()
  })

  it('waits for room that its first piece does not find, and is taken then', async () => {
    await start()
    bulk.deps.fake.putError = queueFull()
    const answered = bulk.post('/_bulk?filter_path=errors', large)
    await eventually(() => sumOf(bulk.deps.metrics, 'otlp_bridge_elasticsearch_held_requests') === 1)
    bulk.deps.fake.putError = undefined
    expect([(await answered).json, bulk.messages()]).toEqual([{ errors: false }, numbers(600)])
    expect(bulk.deps.fake.stagings.at(-1)?.state).toBe('committed')
  })

  it('gets 429 for each item where that is better, also of those that come after', async () => {
    await start({ backpressure: { hold: 0 } })
    bulk.deps.fake.putError = queueFull()
    const answer = await bulk.post('/_bulk', large + lines(create(), '{'), { ...ndjson, 'user-agent': 'elasticsearch-js/8.19.2' })
    expect([answer.status, statuses(answer).length, new Set(statuses(answer))]).toEqual([200, 601, new Set([429])])
    expect(bulk.deps.fake.stagings.map(({ state }) => state)).toEqual(['discarded'])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_elasticsearch_backpressure_total', 'answer')).toEqual({ items: 1 })
  })

  it('that cannot be committed is refused, and counted once', async () => {
    await start({ backpressure: { hold: 0 } })
    const { promise, reject } = Promise.withResolvers<void>()
    bulk.deps.fake.gate = promise
    const answered = bulk.post('/_bulk', large)
    await eventually(() => sumOf(bulk.deps.metrics, 'otlp_bridge_queue_items') === 600)
    // The fake has counted for the queue by now; what is refused then is the queue's to take back.
    bulk.deps.metrics.books('es-bulk', 'logs').at('default').queued.value -= 600
    reject(new BridgeError('OB_QUEUE_BROKEN', 'cannot queue data: disk', { retryAfterSeconds: 3 }))
    const answer = await answered
    expect([answer.status, answer.json.error.type, answer.headers.get('retry-after')]).toEqual([503, 'cluster_block_exception', '3'])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_refused_items_total', 'reason')).toEqual({ queue_broken: 600 })
  })

  it('takes turns with others, all of which are taken in the end', async () => {
    await start()
    const answers = await Promise.all(Array.from({ length: 24 }, () => bulk.post('/_bulk?filter_path=errors', large)))
    expect(answers.map(({ json }) => json.errors)).toEqual(answers.map(() => false))
    expect(sumOf(bulk.deps.metrics, 'otlp_bridge_translated_items_total')).toBe(24 * 600)
  })
})
