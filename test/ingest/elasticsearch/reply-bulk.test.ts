import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BulkResults } from '../../../src/ingest/elasticsearch/bulk-results.ts'
import { actionNames } from '../../../src/ingest/elasticsearch/decode-action.ts'
import { type ItemError, ItemErrors } from '../../../src/ingest/elasticsearch/es-errors.ts'
import { createFilter } from '../../../src/ingest/elasticsearch/filter-path.ts'
import { GeneratedIds, SequenceNumbers } from '../../../src/ingest/elasticsearch/generated-ids.ts'
import { IndexNames } from '../../../src/ingest/elasticsearch/index-name.ts'
import { prettyJson } from '../../../src/ingest/elasticsearch/pretty.ts'
import { BulkReply, sendBulkReply } from '../../../src/ingest/elasticsearch/reply-bulk.ts'
import { type ReplyOptions, shapeOf } from '../../../src/ingest/elasticsearch/reply-shapes.ts'

const plain: ReplyOptions = { filter: '', pretty: false, short: false, typed: false }

const createDeps = () => ({
  ids: new GeneratedIds({ now: () => 1_700_000_000_000, random: (bytes) => new Uint8Array(bytes).fill(7) }),
  sequences: new SequenceNumbers(),
})

/** All pieces of an answer. */
function piecesOf(results: BulkResults, options: ReplyOptions = plain, deps = createDeps()): Buffer[] {
  const reply = new BulkReply(results, shapeOf(options), 3, deps)
  const pieces: Buffer[] = []
  for (let piece = reply.next(); piece !== undefined; piece = reply.next()) pieces.push(piece)
  expect(reply.done).toBe(true)
  return pieces
}

const textOf = (results: BulkResults, options?: ReplyOptions): string => Buffer.concat(piecesOf(results, options)).toString()

/** One action as a test has it. */
interface Entry {
  readonly kind: number
  readonly index: string
  readonly id: string
  readonly typed: boolean
  readonly error: ItemError | undefined
  readonly number: number
}

const resultsOf = (entries: readonly Entry[]): BulkResults => {
  const results = new BulkResults()
  for (const { kind, index, id, typed, error, number } of entries) {
    if (error === undefined) results.add(kind, index, id, typed)
    else results.addFailed(kind, index, id, error, number, typed)
  }
  return results
}

/** The answer as a simple program would make it; ids that are made stand as `made`. */
function modelOf(entries: readonly Entry[], options: ReplyOptions): unknown {
  const next = new Map<string, number>()
  const items = entries.map(({ kind, index, id, typed, error, number }) => {
    const given = id !== '' ? id : error?.noId === 'null' ? null : error?.noId === 'empty' ? '' : 'made'
    const start = { _index: index, ...(typed || options.typed ? { _type: '_doc' } : {}), _id: given }
    if (error === undefined) {
      const seq = next.get(index) ?? 0
      next.set(index, seq + 1)
      const rest = options.short
        ? { result: 'created', status: 201 }
        : {
            _version: 1,
            result: 'created',
            _shards: { total: 1, successful: 1, failed: 0 },
            _seq_no: seq,
            _primary_term: 1,
            status: 201,
          }
      return { [actionNames[kind] as string]: { ...start, ...rest } }
    }
    const between = error.between === 'id' ? id : error.between === 'number' ? String(number) : ''
    const reason = error.reason + between + (error.after ?? '')
    const place = error.place === undefined ? {} : { index_uuid: '_na_', ...(error.place === 'shard' ? { shard: '0' } : {}), index }
    const told =
      error.wrapped === undefined
        ? { type: error.type, reason, ...place }
        : { type: error.type, reason: error.wrapped.reason, caused_by: { type: error.wrapped.type, reason } }
    return { [actionNames[kind] as string]: { ...start, status: error.status, error: told } }
  })
  return createFilter(options.filter)({ took: 3, errors: entries.some(({ error }) => error !== undefined), items }) ?? {}
}

const withoutMade = (text: string): string => text.replace(/"AYvP5WgABwcHBwcH[\w-]{4}"/g, '"made"')

const errors = new ItemErrors('8.19.0')
const oldErrors = new ItemErrors('7.17.0')
const names = new IndexNames(8)
const present = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('nothing there')
  return value
}

const entry = fc
  .record({
    kind: fc.nat(3),
    index: fc.oneof(fc.constantFrom('logs', 'a"\\b', 'é\u0000', ''), fc.string({ unit: 'binary', maxLength: 40 })),
    id: fc.oneof(fc.constantFrom('', 'x', '"\u0001', '\0' + '1\0'), fc.string({ unit: 'binary', maxLength: 60 })),
    typed: fc.boolean(),
    error: fc.constantFrom(
      undefined,
      undefined,
      undefined,
      errors.createOnly,
      errors.conflict,
      errors.emptyId,
      errors.rejected,
      errors.notObject,
      oldErrors.notObject,
      errors.document('expected a "comma" at byte 12 \0'),
      oldErrors.document('expected a comma at byte 12'),
      errors.document('no place \u0001 at all'),
      present(names.refusal('A')),
    ),
    number: fc.nat(2 ** 30),
  })
  .map((one): Entry => ({ ...one, id: one.error === errors.conflict && one.id === '' ? 'x' : one.id }))

const filters = [
  '',
  'errors,items.*.error,items.*.status',
  'items.*._index,items.*.status,items.*.error.type,items.*.error.reason',
  'took,errors',
  'errors',
  'items.*.error',
  'items.index._id',
  'items.*._shards',
  'nothing',
  '-items.*.error.**,-took',
  '**.reason',
  'items.*._seq_no,items.create',
  '-items.*._id,-items.*._seq_no',
  '-items.*.*',
]

describe('BulkReply', () => {
  it('says what Elasticsearch says, in its order', () => {
    const results = new BulkResults()
    results.add(0, 'logs', 'x')
    results.addFailed(1, 'A', '', present(names.refusal('A')))
    expect(textOf(results)).toBe(
      '{"took":3,"errors":true,"items":[{"create":{"_index":"logs","_id":"x","_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":0,"_primary_term":1,"status":201}},' +
        '{"index":{"_index":"A","_id":null,"status":400,"error":{"type":"invalid_index_name_exception","reason":"Invalid index name [A], must be lowercase","index_uuid":"_na_","index":"A"}}}]}',
    )
  })

  it('is the answer that a simple program would give, whatever is asked for', () => {
    const options = fc.record({ filter: fc.constantFrom(...filters), pretty: fc.boolean(), short: fc.boolean(), typed: fc.boolean() })
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 12 }), options, (entries, asked) => {
        const text = withoutMade(textOf(resultsOf(entries), asked))
        const model = modelOf(entries, asked)
        expect(text).toBe(asked.pretty ? prettyJson(model) : JSON.stringify(model))
      }),
      { numRuns: 1500 },
    )
  })

  it('is one piece when it is short, and pieces of 64 KiB otherwise', () => {
    const results = new BulkResults()
    for (let i = 0; i < 250; i++) results.add(i % 4, `logs-${i % 3}`, '')
    expect(piecesOf(results)).toHaveLength(1)
    for (let i = 0; i < 5000; i++) results.add(i % 4, `logs-${i % 3}`, i % 2 === 0 ? '' : `id ${i}`)
    const pieces = piecesOf(results)
    expect(pieces.every(({ length }) => length <= 65_536)).toBe(true)
    expect(pieces.length).toBeLessThan(30)
    const answer = JSON.parse(Buffer.concat(pieces).toString()) as {
      items: Record<string, { _id: string; _seq_no: number; _index: string }>[]
    }
    expect(answer.items).toHaveLength(5250)
    const all = answer.items.map((item, i) => present(item[actionNames[i < 250 ? i % 4 : (i - 250) % 4] as string]))
    expect(new Set(all.map(({ _id }) => _id)).size).toBe(5250)
    expect(all.filter(({ _index }) => _index === 'logs-1').map(({ _seq_no }) => _seq_no)).toEqual(Array.from({ length: 1750 }, (_, i) => i))
  })

  it('goes on with the numbers of an index in the next answer', () => {
    const deps = createDeps()
    const numbers = (): unknown[] => {
      const results = new BulkResults()
      results.add(0, 'a', '')
      results.add(0, 'b', '')
      results.add(0, 'a', '')
      const { items } = JSON.parse(Buffer.concat(piecesOf(results, plain, deps)).toString()) as { items: { create: { _seq_no: number } }[] }
      return items.map(({ create }) => create._seq_no)
    }
    expect(numbers()).toEqual([0, 0, 1])
    expect(numbers()).toEqual([2, 1, 3])
  })

  it('writes items that are longer than a piece', () => {
    const results = new BulkResults()
    const index = '"'.repeat(60_000)
    results.add(0, 'a', '')
    results.addFailed(0, index, '', present(names.refusal(index)))
    results.add(0, index, 'x')
    const { items } = JSON.parse(textOf(results)) as { items: { create: { _index: string } }[] }
    expect(items.map(({ create }) => create._index.length)).toEqual([1, 60_000, 60_000])
  })
})

describe('sendBulkReply', () => {
  /** What a client gets of it. */
  async function exchange(
    results: BulkResults,
    read: (status: number | undefined, headers: Record<string, unknown>) => boolean,
  ): Promise<string> {
    const server = createServer((_, response) => {
      void sendBulkReply(response, 200, { 'content-type': 'application/json' }, new BulkReply(results, shapeOf(plain), 1, createDeps()))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      return await new Promise((resolve, reject) => {
        const asked = request({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, agent: false }, (response) => {
          if (!read(response.statusCode, response.headers)) {
            response.destroy()
            resolve('')
            return
          }
          const parts: Buffer[] = []
          response.on('data', (part: Buffer) => parts.push(part))
          response.on('end', () => resolve(Buffer.concat(parts).toString()))
        })
        asked.on('error', reject)
        asked.end()
      })
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }

  const many = (count: number): BulkResults => {
    const results = new BulkResults()
    for (let i = 0; i < count; i++) results.add(0, 'logs', '')
    return results
  }

  it('gives the length of short answers', async () => {
    const text = await exchange(many(2), (_, headers) => {
      expect(headers['content-length']).toBe(String(Number(headers['content-length'])))
      return true
    })
    expect((JSON.parse(text) as { items: [] }).items).toHaveLength(2)
  })

  it('sends long ones in pieces', async () => {
    const text = await exchange(many(20_000), (_, headers) => headers['transfer-encoding'] === 'chunked')
    expect((JSON.parse(text) as { items: [] }).items).toHaveLength(20_000)
  })

  it('ends with the client', async () => {
    expect(await exchange(many(200_000), () => false)).toBe('')
  })
})
