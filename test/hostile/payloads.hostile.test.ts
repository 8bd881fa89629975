/** Every hostile payload of the list, against a bridge in a process of its own. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HttpCase } from './support/cases.ts'
import { datagramCases, jaegerCases } from './support/jaeger-cases.ts'
import { type Live, startLive } from './support/live.ts'
import { type Sink, startSink } from './support/sink.ts'
import { expectBooksToBalance, type Range, throwDatagrams, throwRequest } from './support/throw.ts'
import { zipkinCases } from './support/zipkin-cases.ts'

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

const light = (cases: readonly HttpCase[]): readonly HttpCase[] => cases.filter((one) => one.riseMiB === undefined)
const heavy = [...zipkinCases, ...jaegerCases].filter((one) => one.riseMiB !== undefined)

describe('Zipkin over HTTP', () => {
  it.each(light(zipkinCases))('$name', (one) => throwRequest(range, one))
})

describe('Jaeger Thrift over HTTP', () => {
  it.each(light(jaegerCases))('$name', (one) => throwRequest(range, one))
})

describe('datagrams', () => {
  it.each(datagramCases)('$name', (one) => throwDatagrams(range, one))
})

describe('after all of it', () => {
  it('the books balance and every good span arrived once', () => expectBooksToBalance(range))
})

describe('bodies that take memory, each against a process of its own', () => {
  it.each(heavy)('$name', async (one) => {
    const ownSink = await startSink()
    const own: Range = { live: await startLive(ownSink.url), sink: ownSink, sent: new Set() }
    try {
      await throwRequest(own, one)
      await expectBooksToBalance(own)
      expect(await own.live.stop()).toBe(0)
    } finally {
      await own.live.stop()
      await ownSink.close()
    }
  })
})
