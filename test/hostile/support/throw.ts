/** Runs the cases against a bridge and looks at it from outside after each. */

import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { type DatagramCase, type HttpCase, usualRiseMiB } from './cases.ts'
import type { Live } from './live.ts'
import { emitBatch, jaegerSpan, jsonType, zipkinJson, zipkinSpan } from './payloads.ts'
import type { Sink } from './sink.ts'
import { post, sendDatagrams } from './wire.ts'

const mebi = 2 ** 20

/** Asks until the answer is true; false after `limitMs`. */
export async function eventually(ask: () => boolean | Promise<boolean>, limitMs = 5000): Promise<boolean> {
  for (const end = Date.now() + limitMs; ; await delay(10)) {
    if (await ask()) return true
    if (Date.now() > end) return false
  }
}

/** Sum of a counter over all series with this reason. */
export function countOf(metrics: ReadonlyMap<string, number>, reason: string): number {
  let sum = 0
  for (const [series, value] of metrics) {
    if (/^otlp_bridge_(refused|dropped)_/.test(series) && series.includes(`reason="${reason}"`)) sum += value
  }
  return sum
}

export interface Range {
  readonly live: Live
  readonly sink: Sink
  /** Good spans sent so far, each of which must arrive once. */
  readonly sent: Set<string>
}

let marks = 0

/** Sends one good span by each way in; all must be taken. */
export async function stillServes({ live, sent }: Range): Promise<void> {
  expect(live.alive(), live.output().slice(-2000)).toBe(true)
  const mark = `mark ${++marks}`
  const reply = await post(live.ports.zipkin, '/api/v2/spans', jsonType, zipkinJson(zipkinSpan(mark)))
  expect([reply.status, reply.text]).toEqual([202, ''])
  sent.add(mark)
}

/** Runs `act`; memory may rise by so many MiB, and the bridge must go on as if nothing had been. */
export async function under(range: Range, riseMiB: number, act: () => Promise<void>): Promise<void> {
  const { live } = range
  live.resetPeak()
  const before = live.residentBytes()
  await act()
  const rise = (live.peakBytes() - before) / mebi
  await stillServes(range)
  expect(rise, `memory rose by ${rise.toFixed(0)} MiB from ${(before / mebi).toFixed(0)} MiB`).toBeLessThan(riseMiB)
}

const arrived = (sink: Sink, names: readonly string[]): boolean => names.every((name) => sink.names.get(name) === 1)

async function expectArrival({ sink }: Range, names: readonly string[]): Promise<void> {
  await eventually(() => arrived(sink, names))
  expect(Object.fromEntries(names.map((name) => [name, sink.names.get(name) ?? 0]))).toEqual(
    Object.fromEntries(names.map((name) => [name, 1])),
  )
}

/** One request: its answer, its neighbours, its counter, the memory it took. */
export async function throwRequest(range: Range, one: HttpCase): Promise<void> {
  const { live } = range
  const body = typeof one.body === 'function' ? await one.body() : one.body
  const before = one.reason === undefined ? 0 : countOf(await live.metrics(), one.reason)
  await under(range, one.riseMiB ?? usualRiseMiB, async () => {
    const reply = await post(live.ports[one.port], one.path, one.headers, body)
    expect([reply.status, reply.text.slice(0, 300)]).toEqual([one.status, expect.stringMatching(one.text ?? /^/)])
    if (one.rejected !== undefined) expect(reply.headers['x-otlp-bridge-rejected-spans']).toBe(String(one.rejected))
  })
  if (one.reason !== undefined) expect(countOf(await live.metrics(), one.reason), `counted as ${one.reason}`).toBeGreaterThan(before)
  await expectArrival(range, one.arrive ?? [])
}

/** Datagrams on one port, followed by a good one: nobody answers, so the counters and the sink must say what became of them. */
export async function throwDatagrams(range: Range, one: DatagramCase): Promise<void> {
  const { live, sent } = range
  const { reason } = one
  const before = reason === undefined ? 0 : countOf(await live.metrics(), reason)
  const mark = `datagram mark ${++marks}`
  await under(range, one.riseMiB ?? usualRiseMiB, async () => {
    await sendDatagrams(live.ports[one.port], [...one.datagrams, emitBatch('compact', jaegerSpan(mark))])
    await expectArrival(range, [...(one.arrive ?? []), mark])
  })
  sent.add(mark)
  if (reason !== undefined) {
    const counted = await eventually(async () => countOf(await live.metrics(), reason) > before)
    expect(counted, `counted as ${reason}`).toBe(true)
  }
}

/** Everything good arrived once, and the books of every format add up with nothing left in the queue. */
export async function expectBooksToBalance({ live, sink, sent }: Range): Promise<void> {
  await eventually(() => arrived(sink, [...sent]))
  expect([...sent].filter((name) => sink.names.get(name) !== 1)).toEqual([])
  await eventually(async () => (await live.books()).every((one) => one.queued === 0 && one.balance === 0))
  const books = await live.books()
  expect(books.map(({ format, queued, balance }) => ({ format, queued, balance }))).toEqual(
    books.map(({ format }) => ({ format, queued: 0, balance: 0 })),
  )
  expect(books.reduce((sum, one) => sum + one.delivered, 0)).toBe(sink.count())
  expect(sink.faults).toEqual([])
}
