import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDuplicates } from '../../../src/ingest/duplicates.ts'
import { BulkRun } from '../../../src/ingest/elasticsearch/bulk.ts'
import { BulkResults } from '../../../src/ingest/elasticsearch/bulk-results.ts'
import { ActionReader, noDefaults } from '../../../src/ingest/elasticsearch/decode-action.ts'
import { ItemErrors } from '../../../src/ingest/elasticsearch/es-errors.ts'
import { IndexNames } from '../../../src/ingest/elasticsearch/index-name.ts'
import { createBatcher, recordsOf } from '../../support/log-records.ts'

function createMeans() {
  const duplicates = () => createDuplicates({ ids: 1000, ttlMs: 60_000, nowMs: () => 0 })
  return {
    options: { maxItems: 1000, maxDocument: 10_000, lenientNewline: false, upsert: 'reject' },
    batcher: createBatcher(),
    errors: new ItemErrors('8.19.0'),
    names: new IndexNames(8),
    created: duplicates(),
    indexed: duplicates(),
  } as const
}

/** What became of a body that comes in pieces; each is a buffer of its own, overwritten when it is done with. */
function run(pieces: readonly Buffer[], means: ReturnType<typeof createMeans>) {
  const results = new BulkResults()
  const own = new BulkRun(means, new ActionReader(8), results, { ...noDefaults, index: 'default' })
  const records: unknown[] = []
  let rest = Buffer.alloc(0)
  for (const [at, next] of pieces.entries()) {
    const piece = Buffer.concat([rest, next])
    const end = own.read(piece, 0, at === pieces.length - 1)
    for (const { signal, data } of means.batcher.take()) {
      expect(signal).toBe('logs')
      records.push(...recordsOf(data).map(({ body, attributes }) => ({ body, attributes })))
    }
    rest = Buffer.from(piece.subarray(end))
    piece.fill(0x21)
    if (own.fault !== undefined) break
  }
  const isGood = own.end()
  const items = Array.from({ length: results.count }, (_, at) => results.errorAt(at)?.type ?? 'ok')
  const { refused, consumed, repeated } = own.tally
  if (isGood) own.commit()
  else own.discard()
  return {
    isGood,
    fault: own.fault,
    items,
    records,
    tally: { refused: Object.fromEntries(refused), consumed: Object.fromEntries(consumed), repeated },
  }
}

const id = fc.option(fc.constantFrom('1', '2', 'ä', 'a"b', '', 'x'.repeat(100)), { nil: undefined })
const action = fc.record({
  name: fc.constantFrom('create', 'index', 'create', 'update'),
  id,
  index: fc.constantFrom('a', 'b', 'BAD', undefined),
})
const document = fc.oneof(
  fc.nat(99).map((message) => JSON.stringify({ message, text: 'é\n"' })),
  fc.nat(99).map((message) => `{"message":"\\u00e9${message}","x":{"y":[1,{"z":null}]}}`),
  fc.constantFrom('{"a":', '[1]', 'x', '{"doc":{"a":1},"doc_as_upsert":true}', ' {"a":1} ', '{"\\u0000":"\\ud800"}'),
)
const pair = fc.oneof(
  { weight: 6, arbitrary: fc.record({ action, document, blank: fc.boolean(), feed: fc.constantFrom('\n', '\r\n') }) },
  { weight: 1, arbitrary: fc.constant('delete' as const) },
  { weight: 1, arbitrary: fc.constant('blank' as const) },
)
const body = fc.array(pair, { minLength: 1, maxLength: 12 }).map((pairs) =>
  pairs
    .map((one) => {
      if (one === 'blank') return '\n'
      if (one === 'delete') return '{"delete":{"_id":"1"}}\n'
      const { name, id: own, index } = one.action
      return `${JSON.stringify({ [name]: { _index: index, _id: own } })}${one.feed}${one.blank ? '\n' : ''}${one.document}${one.feed}`
    })
    .join(''),
)

describe('BulkRun', () => {
  it('says the same of a body, wherever its pieces end', () => {
    fc.assert(
      fc.property(body, fc.array(fc.nat(2000), { maxLength: 8 }), fc.boolean(), (text, cuts, isCut) => {
        const whole = Buffer.from(isCut ? text.slice(0, -1) : text)
        const places = [...new Set(cuts.map((cut) => cut % whole.length))].toSorted((a, b) => a - b)
        const pieces = [0, ...places].map((from, at) => whole.subarray(from, places[at] ?? whole.length))
        const inPieces = run(pieces, createMeans())
        const atOnce = run([whole], createMeans())
        // A fault ends it: what came before is thrown away by whoever asked.
        if (atOnce.isGood) expect(inPieces).toEqual(atOnce)
        else expect([inPieces.isGood, inPieces.fault]).toEqual([false, atOnce.fault])
      }),
      { numRuns: 1500 },
    )
  })

  it('has a result for each action, in order, and a record for each that was taken', () => {
    const means = createMeans()
    fc.assert(
      fc.property(body, (text) => {
        const { isGood, items, records, tally } = run([Buffer.from(text)], means)
        if (!isGood) return
        const sum = (counts: object): number => Object.values(counts).reduce((all: number, count: number) => all + count, 0)
        const actions = text.split('\n').filter((line) => /^\{"(create|index|update|delete)"/.test(line)).length
        expect(items).toHaveLength(actions)
        expect(records.length + sum(tally.refused) + sum(tally.consumed)).toBe(actions)
        expect(items.filter((one) => one === 'ok')).toHaveLength(records.length)
      }),
      { numRuns: 500 },
    )
  })
})
