/** Runs cases of remote-write against a bridge and looks at it from outside after each. */

import { expect } from 'vitest'
import type { Version } from '../../support/remote-write.ts'
import { usualRiseMiB } from './cases.ts'
import { countOf, eventually, type Range, under } from './throw.ts'
import { post, type Reply } from './wire.ts'
import { bodyOf, good, writeHeaders, writePath } from './writes.ts'

/** Samples, histograms and exemplars written; undefined: the answer must not say. */
export type Written = readonly [samples: number, histograms: number, exemplars: number] | undefined

export interface WriteCase {
  readonly name: string
  readonly version: Version
  /** As it is sent, compressed. */
  readonly body: () => Uint8Array
  /** In place of the right ones; an empty value takes one away. */
  readonly headers?: Readonly<Record<string, string>>
  readonly path?: string
  readonly status: number
  readonly text?: RegExp
  /** `some`: in 2.0 it must say, and what it says is not known beforehand. */
  readonly written?: Written | 'some'
  /** Reasons under which something must be counted in `/metrics`, and by how much their counters move. */
  readonly reasons?: Readonly<Record<string, number>>
  /** Points of each metric that must arrive at the endpoint by it, no more and no less. */
  readonly arrive?: Readonly<Record<string, number>>
  /** See `Common.riseMiB` of cases.ts. */
  readonly riseMiB?: number
  readonly settings?: readonly string[]
}

const writtenNames = ['samples', 'histograms', 'exemplars'].map((one) => `x-prometheus-remote-write-${one}-written`)

/** What an answer says of what was written; undefined when it says nothing. */
export function writtenOf({ headers }: Reply): Written {
  const values = writtenNames.map((name) => headers[name])
  if (values.every((one) => one === undefined)) return undefined
  expect(values).toEqual([expect.stringMatching(/^\d+$/), expect.stringMatching(/^\d+$/), expect.stringMatching(/^\d+$/)])
  return values.map(Number) as unknown as Written
}

/** Sends a body with the right headers. */
export function write(range: Range, version: Version, body: Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
  return post(range.live.ports.prometheus, writePath, { ...writeHeaders(version), ...headers }, body)
}

let marks = 0

/** Sends one good series in each version; both must be taken. Returns their names. */
export async function stillWrites(range: Range): Promise<readonly string[]> {
  const names: string[] = []
  for (const version of [1, 2] as const) {
    const name = `mark_${++marks}`
    const reply = await write(range, version, bodyOf(version, [good(name)]))
    expect([reply.status, reply.text, writtenOf(reply)]).toEqual([204, '', version === 2 ? [1, 0, 0] : undefined])
    names.push(name)
  }
  return names
}

/** Points of these metrics have arrived: as many as said, beside those that were there before. */
export async function expectPoints(
  { sink }: Range,
  arrive: Readonly<Record<string, number>>,
  before: ReadonlyMap<string, number> = new Map(),
): Promise<void> {
  const names = Object.keys(arrive)
  const count = (name: string): number => (sink.points.get(name) ?? 0) - (before.get(name) ?? 0)
  await eventually(() => names.every((name) => count(name) >= (arrive[name] as number)))
  expect(Object.fromEntries(names.map((name) => [name, count(name)]))).toEqual(arrive)
}

/** Counters by reason, now. */
async function countsOf(range: Range, reasons: readonly string[]): Promise<Record<string, number>> {
  const metrics = await range.live.metrics()
  return Object.fromEntries(reasons.map((reason) => [reason, countOf(metrics, reason)]))
}

/** One request: its answer, its neighbours, its counters, the memory it took; and the bridge goes on as if nothing had been. Returns ms to the answer. */
export async function throwWrite(range: Range, one: WriteCase): Promise<number> {
  const { live } = range
  const body = one.body()
  const reasons = Object.keys(one.reasons ?? {})
  const before = await countsOf(range, reasons)
  const pointsBefore = new Map(range.sink.points)
  let names: readonly string[] = []
  let tookMs = 0
  await under(range, one.riseMiB ?? usualRiseMiB, async () => {
    const all = { ...writeHeaders(one.version), ...one.headers }
    const headers = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''))
    const startedAt = performance.now()
    const reply = await post(live.ports.prometheus, one.path ?? writePath, headers, body)
    tookMs = performance.now() - startedAt
    expect([reply.status, reply.text.slice(0, 600)]).toEqual([
      one.status,
      expect.stringMatching(one.text ?? (one.status === 204 ? /^$/ : /./)),
    ])
    if (one.written !== 'some') expect(writtenOf(reply)).toEqual(one.written)
    else expect(writtenOf(reply) !== undefined).toBe(one.version === 2)
    expect(Buffer.byteLength(reply.text)).toBeLessThanOrEqual(4096)
    if (one.status >= 400) expect(reply.headers['content-type']).toMatch(/^text\/plain/)
    names = await stillWrites(range)
  })
  const after = await countsOf(range, reasons)
  expect(Object.fromEntries(reasons.map((reason) => [reason, (after[reason] as number) - (before[reason] as number)]))).toEqual(
    one.reasons ?? {},
  )
  await expectPoints(range, { ...one.arrive, ...Object.fromEntries(names.map((name) => [name, 1])) }, pointsBefore)
  return tookMs
}

/** The books of every format add up with nothing left in the queue or held, the bridge is well, and the endpoint got what was delivered. */
export async function expectWriteBooks({ live, sink }: Range): Promise<void> {
  const held = async (): Promise<number> => {
    let sum = 0
    for (const [series, value] of await live.metrics()) if (series.startsWith('otlp_bridge_held_items')) sum += value
    return sum
  }
  await eventually(async () => (await held()) === 0 && (await live.books()).every((one) => one.queued === 0 && one.balance === 0), 20_000)
  expect(await held()).toBe(0)
  expect(sink.faults).toEqual([])
  const books = await live.books()
  expect(books.map(({ format, queued, balance }) => ({ format, queued, balance }))).toEqual(
    books.map(({ format }) => ({ format, queued: 0, balance: 0 })),
  )
  expect(books.reduce((sum, one) => sum + one.delivered, 0)).toBe(sink.count())
  const ready = await fetch(`http://127.0.0.1:${live.ports.admin}/health/ready`)
  expect([ready.status, await ready.text()]).toEqual([200, expect.anything()])
}
