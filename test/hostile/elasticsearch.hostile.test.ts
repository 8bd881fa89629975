/** Every hostile request with documents of the list, against a bridge in a process of its own. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bulkCases } from './support/bulk-cases.ts'
import { bulkContentCases } from './support/bulk-content-cases.ts'
import { throwDocuments, throwGzipMutations, throwMutations } from './support/bulk-mutations.ts'
import { type Live, startLive } from './support/live.ts'
import { type Sink, startSink } from './support/sink.ts'
import type { Range } from './support/throw.ts'
import { stillBulks, throwBulk } from './support/throw-bulk.ts'
import { expectWriteBooks } from './support/throw-write.ts'

let live: Live
let sink: Sink
let range: Range

beforeAll(async () => {
  sink = await startSink()
  live = await startLive(sink.url)
  range = { live, sink, sent: new Set() }
})

afterAll(async () => {
  const code = await live?.stop()
  await sink?.close()
  expect(code, live?.output().slice(-2000)).toBe(0)
})

describe('bodies that are not what they say', () => {
  it.each(bulkCases)('$name', async (one) => void (await throwBulk(range, one)))
})

describe('documents that cannot be, or hardly', () => {
  it.each(bulkContentCases)('$name', async (one) => void (await throwBulk(range, one)))
})

describe('damaged requests', () => {
  it.each([
    ['bodies', throwMutations, 4000, 7],
    ['bodies, other ones', throwMutations, 4000, 8],
    ['compressed bodies', throwGzipMutations, 1000, 7],
    ['single documents', throwDocuments, 2000, 7],
  ] as const)('%s are taken or refused, with an item for each action', async (what, act, runs, seed) => {
    const statuses = await act(range, runs, seed)
    console.log(`damaged ${what}`, statuses)
    expect(Object.keys(statuses).length).toBeGreaterThanOrEqual(2)
    await stillBulks(range)
  })
})

describe('after all of it', () => {
  it('the books balance and the bridge is well', () => expectWriteBooks(range))
})
