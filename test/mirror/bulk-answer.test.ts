import { describe, expect, it } from 'vitest'
import { createBulkAnswer } from '../../src/mirror/bulk-answer.ts'

const read = (text: string, step = text.length) => {
  const bytes = Buffer.from(text)
  const answer = createBulkAnswer()
  // Out of memory that is used again, as that of a socket.
  const memory = Buffer.alloc(Math.max(1, step))
  for (let at = 0; at < bytes.length; at += step) {
    const size = bytes.copy(memory, 0, at, at + step)
    answer.push(memory.subarray(0, size))
    memory.fill(0x5a)
  }
  return answer.end()
}

const good = (count: number): string =>
  JSON.stringify({ took: 3, errors: false, items: Array.from({ length: count }, () => ({ index: { status: 201 } })) })

const mixed = JSON.stringify({
  took: 1,
  errors: true,
  note: { items: [{ not: 'these' }], text: 'items' },
  items: [
    { create: { _index: 'a', _id: '1', status: 201 } },
    { create: { _index: 'b', _id: 'q"]}\\', status: 400, error: { type: 'parsing', reason: 'at [{"x' } } },
    { index: { status: 429, error: { type: 'full', reason: 'é' } } },
    { delete: { _index: 'c', status: 404, error: 'plain' } },
  ],
  after: [[], {}, 1],
})

describe('createBulkAnswer', () => {
  it.each([1, 2, 3, 7, 64, 10_000])('reads what became of each item, in pieces of %i bytes', (step) => {
    expect(read(mixed, step)).toEqual({
      count: 4,
      statuses: [201, 400, 429, 404],
      refusals: new Map([
        [1, { index: 'b', id: 'q"]}\\', error: 'parsing: at [{"x' }],
        [3, { index: 'c', id: undefined, error: 'plain' }],
      ]),
    })
  })

  it.each([1, 5, 8, 9, 10, 100, 100_000])('only counts where nothing failed, in pieces of %i bytes', (step) => {
    expect(read(good(500), step)).toEqual({ count: 500, statuses: undefined, refusals: new Map() })
  })

  it.each([
    ['nothing', ''],
    ['a page', '<html>"items":[{}]</html>'],
    ['no items', '{"took":1,"errors":true}'],
    ['items that are no list', '{"errors":true,"items":{"a":{"status":201}}}'],
    ['an item that is none', '{"errors":true,"items":[{"index":{"status":201}},null]}'],
    ['an item without a status', '{"errors":true,"items":[{"index":{}}]}'],
    ['a cut answer', mixed.slice(0, -9)],
    ['an answer cut in an item', mixed.slice(0, 150)],
    ['a list as a whole', '[{"errors":true,"items":[]}]'],
    ['an item of 65 kB', `{"errors":true,"items":[{"index":{"status":201,"x":"${'y'.repeat(65_536)}"}}]}`],
  ])('takes %s for no answer', (_name, text) => {
    for (const step of [1, 4096]) expect(read(text, step)).toBeUndefined()
  })

  it('keeps the words of the first thousand alone', () => {
    const item = '{"index":{"_id":"1","status":400,"error":{"type":"t","reason":"r"}}}'
    const results = read(`{"errors":true,"items":[${Array.from({ length: 3000 }, () => item).join(',')}]}`, 1000)
    expect(results?.count).toBe(3000)
    expect(results?.refusals.size).toBe(1000)
  })
})
