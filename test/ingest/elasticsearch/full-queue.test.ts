import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import { type Bulk, create, creates, lines, ndjson, startBulk, statuses } from '../support/elasticsearch.ts'
import { countsOf, eventually, openBooks, openRaw, queueFull, type RawSocket, sumOf } from '../support/fakes.ts'

let bulk: Bulk
const start = async (backpressure: object = {}): Promise<Bulk> => {
  bulk = await startBulk({ backpressure })
  return bulk
}

let sockets: RawSocket[]
beforeEach(() => {
  sockets = []
})
afterEach(async () => {
  expect(openBooks(bulk.deps.metrics)).toEqual([])
  for (const socket of sockets) socket.destroy()
  await bulk.listener.stop(0)
})

/** A request as rsyslog sends it: without a name. */
async function sendNameless(body: string): Promise<RawSocket> {
  const socket = await openRaw(bulk.url)
  sockets.push(socket)
  socket.send(`POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  return socket
}

const held = (): number => sumOf(bulk.deps.metrics, 'otlp_bridge_elasticsearch_held_requests')
const pressed = () => countsOf(bulk.deps.metrics, 'otlp_bridge_elasticsearch_backpressure_total', 'answer')

describe('a full queue', () => {
  it('is waited for, with the body in the socket', async () => {
    await start()
    bulk.deps.fake.refuseWith = queueFull()
    const answered = bulk.post('/_bulk', creates('a'))
    await eventually(() => held() === 1)
    bulk.deps.fake.refuseWith = undefined
    expect([statuses(await answered), bulk.messages(), held(), pressed()]).toEqual([[201], ['a'], 0, {}])
  })

  it('is waited for with what was translated, when it turns out to be full then', async () => {
    await start()
    bulk.deps.fake.putError = queueFull()
    const answered = bulk.post('/_bulk', lines(create('i', '1'), { message: 'a' }, create(), '{'))
    await eventually(() => countsOf(bulk.deps.metrics, 'otlp_bridge_held_items', 'where')['backpressure'] === 1)
    expect(openBooks(bulk.deps.metrics)).toEqual([])
    bulk.deps.fake.putError = undefined
    expect([statuses(await answered), bulk.messages()]).toEqual([[201, 400], ['a']])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_held_items', 'where')).toEqual({})
    expect(statuses(await bulk.post('/_bulk', lines(create('i', '1'), { message: 'again' })))).toEqual([409])
  })

  it.each([
    ['Elastic-filebeat/8.1.0', 429, 'es_rejected_execution_exception'],
    ['syslog-ng 3.38.1/libcurl 7.88.1', 429, 'es_rejected_execution_exception'],
    ['elasticsearch-py/7.17.13', 503, 'cluster_block_exception'],
    ['go-elasticsearch/8.19.7', 503, 'cluster_block_exception'],
  ])('is told %s with %i in the end', async (agent, status, type) => {
    await start({ hold: 60 })
    bulk.deps.fake.refuseWith = queueFull()
    const answer = await bulk.post('/_bulk', creates('a'), { ...ndjson, 'user-agent': agent })
    expect([answer.status, answer.json.error.type, answer.headers.get('retry-after')]).toEqual([status, type, '7'])
    expect(answer.json.error.root_cause).toEqual([{ type, reason: answer.json.error.reason }])
    expect([answer.headers.get('x-elastic-product'), bulk.deps.fake.batches]).toEqual(['Elasticsearch', []])
    expect(pressed()).toEqual({ [status]: 1 })
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({ queue_full: 1 })
  })

  it.each(['at the door', 'after translation'])('is told elasticsearch-js item by item: %s', async (where) => {
    await start({ hold: 60 })
    if (where === 'at the door') bulk.deps.fake.refuseWith = queueFull()
    else bulk.deps.fake.putError = queueFull()
    const body = lines(create('i', '1'), { message: 'a' }, { index: { _index: 'i' } }, { message: 'b' })
    const headers = { ...ndjson, 'user-agent': 'elasticsearch-js/8.19.2 (linux)' }
    const answer = await bulk.post('/_bulk', body, headers)
    expect([answer.status, answer.json.errors, statuses(answer)]).toEqual([200, true, [429, 429]])
    expect(answer.json.items[0].create).toMatchObject({ _index: 'i', _id: '1', error: { type: 'es_rejected_execution_exception' } })
    expect([pressed(), bulk.deps.fake.batches]).toEqual([{ items: 1 }, []])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_elasticsearch_items_total', 'status')).toEqual({ 429: 2 })
    bulk.deps.fake.refuseWith = undefined
    bulk.deps.fake.putError = undefined
    expect([statuses(await bulk.post('/_bulk', body, headers)), bulk.messages()]).toEqual([
      [201, 201],
      ['a', 'b'],
    ])
  })

  it('does not keep elasticsearch-js from hearing that its request is wrong', async () => {
    await start({ hold: 0 })
    bulk.deps.fake.refuseWith = queueFull()
    const answer = await bulk.post('/_bulk', '{"index":7}\n{}\n', { ...ndjson, 'user-agent': 'elasticsearch-js/8.19.2' })
    expect([answer.status, answer.json.error.type]).toEqual([400, 'illegal_argument_exception'])
  })

  it('closes on who has no name, without an answer', async () => {
    await start({ hold: 60 })
    bulk.deps.fake.refuseWith = queueFull()
    const socket = await sendNameless(creates('a'))
    expect(await socket.closed()).toBe('')
    await eventually(() => pressed()['close'] === 1)
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_elasticsearch_requests_total', 'code')).toEqual({ 0: 1 })
  })

  it('closes on one of them a second, and takes the others when there is room meanwhile', async () => {
    await start({ hold: 60 })
    bulk.deps.fake.refuseWith = queueFull()
    const first = await sendNameless(creates('a'))
    await first.closed()
    const second = await sendNameless(creates('b'))
    await eventually(() => held() === 1)
    // Past the time that it may be held for: now it waits for its turn to be closed.
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect([held(), pressed()]).toEqual([1, { close: 1 }])
    bulk.deps.fake.refuseWith = undefined
    expect(await second.until('"status":201')).toContain('200 OK')
    expect(bulk.messages()).toEqual(['b'])
  })

  it('gives everyone the answer that the configuration says', async () => {
    await start({ hold: 0, answer: 503 })
    bulk.deps.fake.refuseWith = queueFull()
    const socket = await sendNameless(creates('a'))
    expect(await socket.until('"status":503')).toContain('HTTP/1.1 503')
    expect(pressed()).toEqual({ 503: 1 })
  })

  it('holds no more than it may', async () => {
    await start({ requests: 1 })
    bulk.deps.fake.refuseWith = queueFull()
    const first = bulk.post('/_bulk', creates('a'))
    await eventually(() => held() === 1)
    const second = await bulk.post('/_bulk', creates('b'))
    expect(second.status).toBe(429)
    bulk.deps.fake.refuseWith = undefined
    expect([statuses(await first), bulk.messages()]).toEqual([[201], ['a']])
  })

  it.each(['at the door', 'after translation'])('lets go of clients that leave: %s', async (where) => {
    await start()
    if (where === 'at the door') bulk.deps.fake.refuseWith = queueFull()
    else bulk.deps.fake.putError = queueFull()
    const socket = await sendNameless(creates('a'))
    await eventually(() => held() === 1)
    socket.destroy()
    await eventually(() => held() === 0)
    bulk.deps.fake.refuseWith = undefined
    bulk.deps.fake.putError = undefined
    expect((await bulk.post('/_bulk', creates('b'))).status).toBe(200)
    expect(bulk.messages()).toEqual(['b'])
  })

  it('is not waited for any more when the endpoint stops', async () => {
    await start()
    bulk.deps.fake.refuseWith = queueFull()
    const answered = bulk.post('/_bulk', creates('a'))
    await eventually(() => held() === 1)
    const stopped = bulk.listener.stop(5000)
    const answer = await answered
    expect([answer.status, answer.headers.get('connection')]).toEqual([429, 'close'])
    await stopped
  })

  it.each([
    ['OB_QUEUE_BROKEN', 'cannot queue data: disk'],
    ['OB_STOPPING', 'the bridge is stopping'],
  ] as const)('is not what %s is: that is told at once, with 503', async (code, message) => {
    await start()
    bulk.deps.fake.refuseWith = new BridgeError(code, message)
    const answer = await bulk.post('/_bulk', creates('a'), { ...ndjson, 'user-agent': 'Elastic-filebeat/8.1.0' })
    expect([answer.status, answer.json.error.type, answer.headers.get('retry-after')]).toEqual([503, 'cluster_block_exception', '5'])
    const nameless = await sendNameless(creates('a'))
    expect(await nameless.closed()).toBe('')
    bulk.deps.fake.refuseWith = undefined
    bulk.deps.fake.putError = new BridgeError(code, message)
    expect((await bulk.post('/_bulk', creates('a'))).status).toBe(503)
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_refused_items_total', 'signal')).toEqual({ logs: 1 })
  })

  it('says of a wrong request that it is wrong, not to come back', async () => {
    await start({ hold: 0 })
    bulk.deps.fake.refuseWith = queueFull()
    expect((await bulk.post('/_bulk', creates('a'), { 'content-type': 'application/smile' })).status).toBe(406)
  })

  it('does not keep anyone from shaking hands', async () => {
    await start()
    bulk.deps.fake.refuseWith = queueFull()
    expect((await fetch(bulk.url)).status).toBe(200)
  })
})

describe('ids that come again', () => {
  it('are 409 for create once their request was taken, and are counted for index', async () => {
    await start()
    const body = lines(
      create('i', '1'),
      { message: 'a' },
      create('j', '1'),
      { message: 'b' },
      { index: { _index: 'i', _id: '1' } },
      { message: 'c' },
    )
    expect(statuses(await bulk.post('/_bulk', body))).toEqual([201, 201, 201])
    const again = await bulk.post('/_bulk', body)
    expect(statuses(again)).toEqual([409, 409, 201])
    expect(again.json.items[0].create.error).toMatchObject({
      type: 'version_conflict_engine_exception',
      reason: '[1]: version conflict, document already exists (current version [1])',
    })
    expect(bulk.messages()).toEqual(['a', 'b', 'c', 'c'])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_elasticsearch_duplicate_ids_total', 'action')).toEqual({ create: 2, index: 1 })
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_consumed_items_total', 'reason')).toEqual({ duplicate_id: 2 })
  })

  it('are 409 within a request, too', async () => {
    await start()
    const body = lines(create('i', '1'), { message: 'a' }, create('i', '1'), { message: 'b' })
    expect([statuses(await bulk.post('/_bulk', body)), bulk.messages()]).toEqual([[201, 409], ['a']])
  })

  it('are those of good documents in taken requests alone', async () => {
    await start({ hold: 0 })
    const good = lines(create('i', '1'), { message: 'a' })
    expect(statuses(await bulk.post('/_bulk', lines(create('i', '2'), '{')))).toEqual([400])
    expect((await bulk.post('/_bulk', `${good}["x"]\n`)).status).toBe(400)
    bulk.deps.fake.putError = queueFull()
    expect((await bulk.post('/_bulk', good)).status).toBe(429)
    bulk.deps.fake.putError = undefined
    expect(statuses(await bulk.post('/_bulk', good + lines(create('i', '2'), { message: 'b' })))).toEqual([201, 201])
  })

  it('are forgotten after a while', async () => {
    let now = 1_700_000_000_000
    const { createFakeDeps } = await import('../support/fakes.ts')
    bulk = await startBulk(
      { dedupe: { ttl: '1m' } },
      {},
      createFakeDeps(() => now),
    )
    const body = lines(create('i', '1'), { message: 'a' })
    expect(statuses(await bulk.post('/_bulk', body))).toEqual([201])
    now += 59_000
    expect(statuses(await bulk.post('/_bulk', body))).toEqual([409])
    now += 60_000
    expect(statuses(await bulk.post('/_bulk', body))).toEqual([201])
  })
})
