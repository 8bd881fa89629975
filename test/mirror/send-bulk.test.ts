import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, it } from 'vitest'
import { assignedId, bulkActions, withAssignedIds } from '../../src/mirror/bulk-lines.ts'
import { decodeEnvelope } from '../../src/mirror/envelope.ts'
import { laneName } from '../../src/mirror/order.ts'
import { withFilterPath } from '../../src/mirror/send-bulk.ts'
import { type MirrorBench, mirrorForTest, quick } from './bench-lane.ts'
import { type ScriptedServer, type SeenRequest, type Step, scriptedForTest } from './scripted-server.ts'

let old: ScriptedServer
beforeEach(async () => {
  old = await scriptedForTest()
})

const start = (more: Record<string, unknown> = {}): Promise<MirrorBench> =>
  mirrorForTest('elasticsearch', { elasticsearch: { url: old.url, ...quick, ...more } })

const head = {
  target: '/logs/_bulk?refresh=false&filter_path=took',
  headers: ['Content-Type', 'application/x-ndjson'],
  lane: laneName('1'),
}

const doc = (at: number, op = 'create', id = true): string =>
  `{ "${op}" : {${id ? `"_id":"${at}"` : ''}} }\n{"message" :  "line ${at}", "n":1.0}\n`

const result = (op: string, status: number, more: object = {}) => ({ [op]: { _index: 'logs', _id: 'x', status, ...more } })

const answer = (...items: object[]): Step => ({
  status: 200,
  body: JSON.stringify({ errors: items.some((one) => JSON.stringify(one).includes('error')), took: 1, items }),
})

/** As Elasticsearch does: `errors` before the items. */
const good = (count: number): Step => answer(...Array.from({ length: count }, () => result('create', 201)))

const bodies = (seen: readonly SeenRequest[]): string[] => seen.map(({ body }) => body.toString())

const repeats = (b: MirrorBench, kind: string): number =>
  b.metrics.counter('otlp_bridge_mirror_repeats_total', { destination: 'mirror.elasticsearch', kind }).value

describe('createBulkOldSide', () => {
  it('asks for what it has to know of each item, and leaves the rest of the query', async () => {
    old.script(good(2))
    const { put, gone, left } = await start()
    await put(doc(1) + doc(2), head, 2)
    await gone(1)
    const items = 'items.*.status,items.*.error,items.*._index,items.*._id'
    expect(old.seen[0]?.url).toBe(`/logs/_bulk?refresh=false&filter_path=took,errors,${items}`)
    expect(left).toMatchObject([{ what: 'settled', rejected: 0 }])
  })

  it.each([
    ['plain', (body: string) => Buffer.from(body), []],
    ['gzip', (body: string) => gzipSync(body), ['Content-Encoding', 'gzip']],
  ] as const)('sends again what may be taken later, in the same bytes (%s)', async (_name, encode, headers) => {
    const error = { error: { type: 'es_rejected_execution_exception', reason: 'full' } }
    old.script(
      answer(result('create', 201), result('create', 429, error), result('create', 201), result('create', 503, error)),
      answer(
        result('create', 429, error),
        result('create', 409, { error: { type: 'version_conflict_engine_exception', reason: 'there' } }),
      ),
      good(1),
    )
    const b = await start()
    await b.put(encode(doc(1) + doc(2) + doc(3) + doc(4)), { ...head, headers: [...head.headers, ...headers] }, 4)
    await b.gone(1)
    expect(bodies(old.seen).slice(1)).toEqual([doc(2) + doc(4), doc(2)])
    expect(old.seen[1]?.rawHeaders.join()).not.toContain('ncoding')
    expect(b.left).toMatchObject([{ what: 'settled', rejected: 0 }])
    expect(repeats(b, 'repeat_absorbed')).toBe(1)
    expect(repeats(b, 'repeat_possible')).toBe(0)
  })

  it('names items that are refused for good, with their place', async () => {
    const error = { error: { type: 'mapper_parsing_exception', reason: 'failed to parse' } }
    old.script(answer(result('create', 201), result('create', 400, error), result('delete', 404), result('update', 404)))
    const { put, gone, left, mirror } = await start()
    const [first, second] = [doc(1), doc(2)]
    await put(`${first}${second}{"delete":{"_id":"9"}}\n{"update":{"_id":"8"}}\n{"doc":{}}\n`, head, 2)
    await gone(1)
    expect(left).toMatchObject([{ what: 'settled', rejected: 1, reason: 'old_400' }])
    expect(mirror.status().refused).toMatchObject([
      {
        index: 'logs',
        id: 'x',
        status: 400,
        error: 'mapper_parsing_exception: failed to parse',
        from: first.length,
        to: first.length + second.length,
      },
    ])
  })

  it.each([
    ['plain', (body: string) => Buffer.from(body), []],
    ['gzip', (body: string) => gzipSync(body), ['Content-Encoding', 'gzip']],
  ] as const)('buries what is refused for good as a request of its own, by status (%s)', async (_name, encode, headers) => {
    const parsing = { error: { type: 'mapper_parsing_exception', reason: 'failed to parse' } }
    const missing = { error: { type: 'index_not_found_exception', reason: 'no such index' } }
    old.script(answer(result('create', 400, parsing), result('create', 201), result('index', 404, missing), result('create', 400, parsing)))
    const b = await start()
    const last = doc(4).trimEnd()
    await b.put(encode(doc(1) + doc(2) + doc(3, 'index') + last), { ...head, headers: [...head.headers, ...headers] }, 4)
    await b.gone(1)
    const opened = b.dead.map((one) => ({ ...one, ...decodeEnvelope(one.data) }))
    expect(opened.map(({ items, reason, body }) => [items, reason, new TextDecoder().decode(body)])).toEqual([
      [2, 'old_400', doc(1) + doc(4)],
      [1, 'old_404', doc(3, 'index')],
    ])
    expect(opened[0]?.message).toBe(
      `the old side refused 2 items with 400 of a request that it took otherwise: index logs, _id x, bytes 0 to ${doc(1).length}: mapper_parsing_exception: failed to parse; index logs, _id x, bytes ${3 * doc(1).length - 1} to ${4 * doc(1).length - 2}: mapper_parsing_exception: failed to parse`,
    )
    expect(opened[0]?.head).toMatchObject({ target: head.target, lane: head.lane, headers: head.headers })
    expect(b.left).toMatchObject([{ what: 'settled', rejected: 3 }])
  })

  it('sends a dead letter of items again just as it is', async () => {
    const parsing = { error: { type: 'mapper_parsing_exception', reason: 'failed to parse' } }
    old.script(answer(result('create', 201), result('create', 400, parsing)), good(1))
    const b = await start({ assignIds: true })
    await b.put(doc(1, 'create', false) + doc(2, 'create', false), { ...head, id: 'envelope-1' }, 2)
    await b.gone(1)
    const [part] = b.dead
    await b.queue.put([{ batch: { format: 'elastic-bulk', signal: 'legacy', items: 1, data: part?.data as Uint8Array }, lanes: [1] }])
    await b.gone(2)
    // The id that it had: another would be that of the first line.
    expect(bodies(old.seen)[1]).toBe(bodies(old.seen)[0]?.split('\n').slice(2).join('\n'))
    expect(bodies(old.seen)[1]).toContain(assignedId('envelope-1', 1))
  })

  it('does not count what was to be changed or deleted as items', async () => {
    const error = { error: { type: 'illegal_argument_exception', reason: 'no' } }
    old.script(answer(result('create', 201), result('update', 400, error)))
    const { put, gone, left, dead } = await start()
    await put(`${doc(1)}{"update":{"_id":"8"}}\n{"doc":{}}\n`, head, 1)
    await gone(1)
    expect(left).toMatchObject([{ what: 'settled', rejected: 0 }])
    expect(dead).toMatchObject([{ items: 0, reason: 'old_400' }])
  })

  it('takes 409 of create for delivered: there before the first try, or brought by an earlier one', async () => {
    const there = result('create', 409, { error: { type: 'version_conflict_engine_exception', reason: 'there' } })
    old.script(answer(there, there), 'reset', answer(there, result('create', 201)))
    const b = await start()
    await b.put(doc(1) + doc(2), head, 2)
    await b.gone(1)
    await b.put(doc(3) + doc(4, 'index', false), head, 2)
    await b.gone(2)
    expect(b.left.map(({ what }) => what)).toEqual(['settled', 'settled'])
    expect([repeats(b, 'already_there'), repeats(b, 'repeat_absorbed'), repeats(b, 'repeat_possible')]).toEqual([2, 1, 1])
  })

  it.each<[string, Step]>([
    ['no items', { status: 200, body: '{"took":1,"errors":false}' }],
    ['fewer items than actions', good(1)],
    ['a page of HTML', { status: 200, body: '<html>it works</html>' }],
    ['nothing', { status: 200, body: '' }],
  ])('never takes a 200 with %s for success', async (_name, step) => {
    old.script(step)
    const { put, gone, left } = await start()
    await put(doc(1) + doc(2), head, 2)
    await gone(1)
    expect(old.seen).toHaveLength(8)
    expect(left).toMatchObject([{ what: 'buried', reason: 'old_not_understood' }])
  })

  it('counts actions itself where some of them are not items', async () => {
    old.script(answer(result('create', 201), result('delete', 200)))
    const { put, gone, left } = await start()
    await put(`${doc(1)}{"delete":{"_id":"9"}}\n`, head, 1)
    await gone(1)
    expect(left).toMatchObject([{ what: 'settled' }])
    expect(old.seen).toHaveLength(1)
  })

  it('assigns ids that are the same at each try, where it is told to', async () => {
    old.script({ status: 503 }, good(2))
    const { put, gone } = await start({ assignIds: true })
    await put(gzipSync(doc(1) + doc(2, 'create', false)), { ...head, id: 'envelope', headers: ['Content-Encoding', 'gzip'] }, 2)
    await gone(1)
    const expected = doc(1) + doc(2, 'create', false).replace('{}', `{"_id":"${assignedId('envelope', 1)}"}`)
    expect(bodies(old.seen)).toEqual([expected, expected])
  })

  it.each([
    ['with its length', true],
    ['in chunks', false],
  ])(
    'streams a body that stands in several envelopes, %s, and sends it or parts of it again before the next of its connection',
    async (_name, isKnown) => {
      const parts = [doc(1).slice(0, 20), doc(1).slice(20) + doc(2), doc(3)]
      const bytes = parts.join('').length
      const error = { error: { type: 'x', reason: 'y' } }
      old.script({ status: 503 }, answer(result('create', 201), result('create', 429, error), result('create', 201)), good(1), good(1))
      const { put, gone, left } = await start()
      const whole = isKnown ? { length: bytes } : {}
      for (const [part, body] of parts.entries()) await put(body, { ...head, id: 'large', part, last: part === 2, ...whole }, 1)
      await put(doc(4), { ...head, id: 'next' }, 1)
      await gone(4)
      expect(bodies(old.seen)).toEqual([parts.join(''), parts.join(''), doc(2), doc(4)])
      const raw = old.seen[0]?.rawHeaders ?? []
      expect(raw.includes('content-length')).toBe(isKnown)
      expect(left.map(({ id }) => id)).toEqual(['large', 'large', 'large', 'next'])
      expect(left.every(({ what }) => what === 'settled')).toBe(true)
    },
  )

  it('sends again and buries out of a large body what it did not take, with ids where it assigns them', async () => {
    const lines = Array.from({ length: 9 }, (_, at) => doc(at, 'create', at % 2 === 0))
    const packed = gzipSync(lines.join(''))
    const error = { error: { type: 'x', reason: 'y' } }
    const statuses = [201, 429, 201, 400, 503, 201, 404, 201, 201]
    old.script(
      answer(...statuses.map((one) => result('create', one, one < 300 ? {} : error))),
      answer(result('create', 400, error), result('create', 201)),
    )
    const b = await start({ assignIds: true })
    for (const part of [0, 1, 2]) {
      const body = packed.subarray(part * 40, part === 2 ? undefined : part * 40 + 40)
      await b.put(body, { ...head, headers: ['Content-Encoding', 'gzip'], id: 'large', part, last: part === 2 }, 3)
    }
    await b.gone(3)
    const sent = lines.map((line, at) => line.replace('{}', `{"_id":"${assignedId('large', at)}"}`))
    expect(bodies(old.seen)).toEqual([sent.join(''), `${sent[1]}${sent[4]}`])
    expect(b.dead.map(({ items, reason, data }) => [items, reason, new TextDecoder().decode(decodeEnvelope(data).body)])).toEqual([
      [1, 'old_400', sent[3]],
      [1, 'old_404', sent[6]],
      [1, 'old_400', sent[1]],
    ])
    expect(decodeEnvelope(b.dead[0]?.data as Uint8Array).head).not.toHaveProperty('part')
  })

  it('gives up a large request of which a part is gone', async () => {
    const { put, gone, left } = await start()
    await put(doc(1), { ...head, id: 'cut', part: 0, last: false }, 1)
    await put(doc(2), { ...head, id: 'next' }, 1)
    old.script(good(1))
    await gone(2)
    expect(left.map(({ what, id, reason }) => [what, id, reason])).toEqual([
      ['buried', 'cut', 'parts_missing'],
      ['settled', 'next', ''],
    ])
  })

  it('reads answers that come compressed although nobody asked for it', async () => {
    const body = gzipSync(
      JSON.stringify({ took: 1, errors: true, items: [result('create', 201), result('create', 429, { error: 'later' })] }),
    )
    old.script({ status: 200, body, headers: { 'content-encoding': 'gzip' } }, good(1))
    const { put, gone } = await start()
    await put(doc(1) + doc(2), head, 2)
    await gone(1)
    expect(bodies(old.seen)[1]).toBe(doc(2))
  })

  it('judges single documents by their status', async () => {
    old.script({ status: 201, body: '{}' }, { status: 409, body: '{}' }, { status: 400, body: 'bad' })
    const b = await start()
    for (const target of ['/logs/_doc', '/logs/_create/1', '/logs/_doc/2']) await b.put('{}', { ...head, target })
    await b.gone(3)
    expect(b.left.map(({ what, reason }) => `${what} ${reason}`)).toEqual(['settled ', 'settled ', 'buried old_400'])
    expect(repeats(b, 'already_there')).toBe(1)
  })

  it('counts what was taken of a request as possible repeats when another mirror begins anew with it', async () => {
    old.script(answer(result('create', 201), result('create', 429, { error: { type: 'es_rejected_execution_exception', reason: 'full' } })))
    const b = await start({ retry: { initial: '10m', max: '10m' } })
    await b.put(doc(1, 'create', false) + doc(2), head, 2)
    await expect.poll(() => old.seen.length).toBe(1)
    await expect.poll(() => b.mirror.status().inFlight).toBe(0)
    old.script(answer(result('create', 201), result('create', 201)))
    await b.replace()
    await b.gone(1)
    expect(bodies(old.seen)[1]).toBe(doc(1, 'create', false) + doc(2))
    expect(repeats(b, 'repeat_possible')).toBe(1)
  })

  it('takes 409 of a single document for a repeat that was absorbed, where a mirror before may have brought it', async () => {
    old.script('hang')
    const b = await start()
    await b.put('{}', { ...head, target: '/logs/_create/1' })
    await expect.poll(() => old.seen.length).toBe(1)
    old.script({ status: 409, body: '{}' })
    await b.replace()
    await b.gone(1)
    expect([repeats(b, 'already_there'), repeats(b, 'repeat_absorbed')]).toEqual([0, 1])
  })
})

describe('bulkActions', () => {
  it('finds every action and its lines, whatever the line ends', () => {
    const body = Buffer.from('{"index":{}}\r\n{"a":1}\r\n\n{"delete":{"_id":"1"}}\n{"update":{"_id":"2"}}\n{"doc":{}}')
    const actions = bulkActions(body)
    expect(actions.map(({ op, hasId }) => `${op} ${hasId}`)).toEqual(['index false', 'delete true', 'update true'])
    expect(actions.map(({ from, to }) => body.subarray(from, to).toString()).join('')).toBe(body.toString().replace('\r\n\n', '\r\n'))
  })
})

describe('withAssignedIds', () => {
  it('changes nothing but actions without an id', () => {
    const body = Buffer.from(
      '{"index":{"_index":"é","_id":null}}\n{"é":1}\n{ "create" : { } }\n{}\n{"delete":{}}\n{"index":{"_id":"1"}}\n{}\n',
    )
    const lines = Buffer.from(withAssignedIds(body, 'e')).toString().split('\n')
    expect(lines[0]).toBe(`{"index":{"_id":"${assignedId('e', 0)}","_index":"é","_id":null}}`)
    expect(lines[2]).toBe(`{ "create" : { "_id":"${assignedId('e', 1)}"} }`)
    expect(lines.slice(3)).toEqual(['{}', '{"delete":{}}', '{"index":{"_id":"1"}}', '{}', ''])
  })
})

describe('withFilterPath', () => {
  it('replaces it and leaves the rest', () => {
    expect(withFilterPath('/_bulk')).toMatch(/^\/_bulk\?filter_path=took,/)
    expect(withFilterPath('/_bulk?filter_path=a&x=%2F&filter_path')).toMatch(/^\/_bulk\?x=%2F&filter_path=took,errors,/)
  })
})
