/** The short form of test/hostile: what takes milliseconds, against one process, and a few damaged payloads. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bulkCases } from './hostile/support/bulk-cases.ts'
import { bulkContentCases } from './hostile/support/bulk-content-cases.ts'
import { datagramCases, jaegerCases } from './hostile/support/jaeger-cases.ts'
import { type Live, startLive } from './hostile/support/live.ts'
import { everyPayload, feedMutations, targets } from './hostile/support/mutations.ts'
import { type Sink, startSink } from './hostile/support/sink.ts'
import { expectBooksToBalance, type Range, throwDatagrams, throwRequest } from './hostile/support/throw.ts'
import { throwBulk } from './hostile/support/throw-bulk.ts'
import { expectWriteBooks, throwWrite } from './hostile/support/throw-write.ts'
import { writeCases } from './hostile/support/write-cases.ts'
import { feedWriteMutations } from './hostile/support/write-mutations.ts'
import { writeWireCases } from './hostile/support/write-wire-cases.ts'
import { zipkinCases } from './hostile/support/zipkin-cases.ts'

describe('a bridge under hostile input', () => {
  let live: Live
  let sink: Sink
  let range: Range

  beforeAll(async () => {
    sink = await startSink()
    live = await startLive(sink.url, ['translate.prometheus.assembler.window=500ms'])
    range = { live, sink, sent: new Set() }
  }, 30_000)

  afterAll(async () => {
    const code = await live?.stop()
    await sink?.close()
    expect(code, live?.output().slice(-2000)).toBe(0)
  }, 30_000)

  const short = [...zipkinCases, ...jaegerCases].filter((one) => one.long !== true && one.riseMiB === undefined)

  it.each(short)('$port: $name', (one) => throwRequest(range, one))

  it.each(datagramCases)('datagram: $name', (one) => throwDatagrams(range, one))

  it.each([...writeWireCases, ...writeCases].filter((one) => one.version === 2))(
    'remote-write $name',
    async (one) => void (await throwWrite(range, one)),
  )

  it.each([...bulkCases, ...bulkContentCases])('_bulk %#: $name', async (one) => void (await throwBulk(range, one)))

  it('has balanced books and lost no good span', () => expectBooksToBalance(range))

  it('has balanced books and lost no good sample', () => expectWriteBooks(range))
})

describe.skipIf(everyPayload.length === 0)('damaged payloads', () => {
  it.each(targets)('$name throws nothing but errors of ours, quickly', (target) => {
    feedMutations(target, 600, 5)
  })
})

describe('damaged requests of remote-write', () => {
  it.each([1, 2] as const)('%s.0 throws nothing but errors of ours, quickly', (version) => feedWriteMutations(version, 400, 5))
})
