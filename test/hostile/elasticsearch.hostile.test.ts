/** Every hostile request with documents of the list, against a bridge in a process of its own. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bulkCases } from './support/bulk-cases.ts'
import { bulkContentCases } from './support/bulk-content-cases.ts'
import { type Live, startLive } from './support/live.ts'
import { type Sink, startSink } from './support/sink.ts'
import type { Range } from './support/throw.ts'
import { throwBulk } from './support/throw-bulk.ts'
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

describe('after all of it', () => {
  it('the books balance and the bridge is well', () => expectWriteBooks(range))
})
