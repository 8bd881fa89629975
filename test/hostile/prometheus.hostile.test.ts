/** Every hostile remote-write request of the list, against a bridge in a process of its own. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Live, startLive } from './support/live.ts'
import { type Sink, startSink } from './support/sink.ts'
import type { Range } from './support/throw.ts'
import { expectWriteBooks, throwWrite } from './support/throw-write.ts'
import { writeCases } from './support/write-cases.ts'
import { writeWireCases } from './support/write-wire-cases.ts'

let live: Live
let sink: Sink
let range: Range

beforeAll(async () => {
  sink = await startSink()
  live = await startLive(sink.url, ['translate.prometheus.assembler.window=1s'])
  range = { live, sink, sent: new Set() }
})

afterAll(async () => {
  const code = await live?.stop()
  await sink?.close()
  expect(code, live?.output().slice(-2000)).toBe(0)
})

describe('bodies and heads that are not what they say', () => {
  it.each(writeWireCases)('$name', async (one) => void (await throwWrite(range, one)))
})

describe('content that cannot be', () => {
  it.each(writeCases)('$name', async (one) => void (await throwWrite(range, one)))
})

describe('after all of it', () => {
  it('the books balance and the bridge is well', () => expectWriteBooks(range))
})
