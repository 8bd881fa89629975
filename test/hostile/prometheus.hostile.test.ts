/** Every hostile remote-write request of the list, against a bridge in a process of its own. */

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mutated } from '../support/mutate.ts'
import { snappyBody } from '../support/remote-write.ts'
import { type Live, startLive } from './support/live.ts'
import { type Sink, startSink } from './support/sink.ts'
import type { Range } from './support/throw.ts'
import { expectWriteBooks, stillWrites, throwWrite, write, writtenOf } from './support/throw-write.ts'
import { writeCases } from './support/write-cases.ts'
import { plainRequests } from './support/write-mutations.ts'
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

describe('damaged requests', () => {
  it.each([1, 2] as const)('%s.0 over HTTP is taken or refused, and the books hold', async (version) => {
    const statuses: Record<number, number> = {}
    const bodies = fc.sample(mutated(plainRequests[version]), { numRuns: 1500, seed: 7 })
    for (const { bytes } of bodies) {
      const reply = await write(range, version, snappyBody(bytes), { 'x-scope-orgid': 'mutations' })
      statuses[reply.status] = (statuses[reply.status] ?? 0) + 1
      expect(Buffer.byteLength(reply.text)).toBeLessThanOrEqual(4096)
      expect(writtenOf(reply) !== undefined, `${reply.status} ${reply.text}`).toBe(version === 2)
    }
    console.log(`damaged requests of ${version}.0`, statuses)
    expect(Object.keys(statuses).sort()).toEqual(['204', '400'])
    await stillWrites(range)
  })
})

describe('after all of it', () => {
  it('the books balance and the bridge is well', () => expectWriteBooks(range))
})
