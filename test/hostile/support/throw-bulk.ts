/** Runs cases of `_bulk` against a bridge and looks at it from outside after each. */

import { expect } from 'vitest'
import { usualRiseMiB } from './cases.ts'
import { countOf, eventually, type Range } from './throw.ts'
import { post, type Reply } from './wire.ts'

/** One item of an answer. */
interface Item {
  readonly _index?: string
  readonly _id?: string | null
  readonly status: number
  readonly error?: { readonly type: string; readonly reason: string }
}

/** Type and reason of the error of a whole request; '' is an answer without a body. */
export type Refusal = readonly [type: string, reason: RegExp | string] | ''

export interface BulkCase {
  readonly name: string
  /** As it is sent. */
  readonly body: string | Uint8Array | (() => Uint8Array | string | Promise<Uint8Array>)
  /** Default `/_bulk`. */
  readonly path?: string
  /** In place of the right ones; an empty value takes one away. */
  readonly headers?: Readonly<Record<string, string>>
  readonly status: number
  /** Of a request that is refused. */
  readonly error?: Refusal
  /** Statuses of all items, in order; of many alike as `201×1000`. Each after the other, separated by blanks. */
  readonly items?: string
  /** What errors of items say; each that has one. */
  readonly why?: RegExp
  /** Of an answer, whatever it says. */
  readonly text?: RegExp
  /** Reasons under which something must be counted in `/metrics`, and by how much their counters move. */
  readonly reasons?: Readonly<Record<string, number>>
  /** Log records with these texts that must arrive at the endpoint by it, no more and no less. */
  readonly arrive?: Readonly<Record<string, number>>
  /** See `Common.riseMiB` of cases.ts. */
  readonly riseMiB?: number
  readonly settings?: readonly string[]
  /** Milliseconds that the answer may take at the most. */
  readonly withinMs?: number
}

export const bulkHeaders: Readonly<Record<string, string>> = { 'content-type': 'application/x-ndjson', 'user-agent': 'hostile' }

/** Sends a body with the right headers. */
export function bulk(
  { live }: Range,
  body: Uint8Array | string,
  path = '/_bulk',
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  const all = Object.entries({ ...bulkHeaders, ...headers }).filter(([, value]) => value !== '')
  return post(live.ports.elasticsearch, path, Object.fromEntries(all), body)
}

/** The items of an answer. Throws when it is none. */
export function itemsOf({ text }: Reply): Item[] {
  const { items } = JSON.parse(text) as { items: Record<string, Item>[] }
  return items.map((item) => {
    const [only, ...more] = Object.values(item)
    if (only === undefined || more.length > 0) throw new Error(`an item of ${Object.keys(item).length} actions`)
    return only
  })
}

/** Statuses as a case writes them: `201 400×3`. */
export function statusesOf(items: readonly Item[]): string {
  const runs: [status: number, count: number][] = []
  for (const { status } of items) {
    const last = runs.at(-1)
    if (last !== undefined && last[0] === status) last[1]++
    else runs.push([status, 1])
  }
  return runs.map(([status, count]) => (count === 1 ? String(status) : `${status}×${count}`)).join(' ')
}

let marks = 0

/** Sends one good document; it must be taken. Returns its text. */
export async function stillBulks(range: Range): Promise<string> {
  const { live } = range
  expect(live.alive(), live.output().slice(-2000)).toBe(true)
  const message = `mark of _bulk ${++marks}`
  const reply = await bulk(range, `{"create":{"_index":"logs"}}\n{"message":"${message}"}\n`)
  expect([reply.status, statusesOf(itemsOf(reply))]).toEqual([200, '201'])
  return message
}

/** What every answer has, whatever it says. */
export function expectAnswer(reply: Reply): void {
  expect(reply.headers['x-elastic-product']).toBe('Elasticsearch')
  if (reply.text === '') return
  expect(reply.headers['content-type']).toMatch(/^application\/(vnd\.elasticsearch\+)?json/)
  if (reply.status === 200) return
  const said = JSON.parse(reply.text) as { error: { type: string; reason: string; root_cause: object[] } | string; status: number }
  expect(said.status).toBe(reply.status)
  if (typeof said.error === 'object') expect(said.error.root_cause).toMatchObject([{ type: said.error.type, reason: said.error.reason }])
  expect(Buffer.byteLength(reply.text)).toBeLessThanOrEqual(8192)
}

const expectRefusal = (reply: Reply, error: BulkCase['error']): void => {
  if (error === undefined) return
  if (error === '') {
    expect(reply.text).toBe('')
    return
  }
  const said = JSON.parse(reply.text) as { error: { type: string; reason: string } | string }
  const [type, reason] = error
  const words = typeof said.error === 'string' ? ['', said.error] : [said.error.type, said.error.reason]
  expect(words).toEqual([type, typeof reason === 'string' ? reason : expect.stringMatching(reason)])
}

async function countsOf({ live }: Range, reasons: readonly string[]): Promise<Record<string, number>> {
  const metrics = await live.metrics()
  return Object.fromEntries(reasons.map((reason) => [reason, countOf(metrics, reason)]))
}

/** Log records have arrived: as many as said, beside those that were there before. */
export async function expectBodies(
  { sink }: Range,
  arrive: Readonly<Record<string, number>>,
  before: ReadonlyMap<string, number>,
): Promise<void> {
  const names = Object.keys(arrive)
  const count = (name: string): number => (sink.bodies.get(name) ?? 0) - (before.get(name) ?? 0)
  await eventually(() => names.every((name) => count(name) >= (arrive[name] as number)), 30_000)
  expect(Object.fromEntries(names.map((name) => [name, count(name)]))).toEqual(arrive)
}

/** One request: its answer, its neighbours, its counters, the memory it took; and the bridge goes on as if nothing had been. Returns ms to the answer and MiB. */
export async function throwBulk(range: Range, one: BulkCase): Promise<{ readonly tookMs: number; readonly riseMiB: number }> {
  const { live, sink } = range
  const body = typeof one.body === 'function' ? await one.body() : one.body
  const reasons = Object.keys(one.reasons ?? {})
  const before = await countsOf(range, reasons)
  const bodiesBefore = new Map(sink.bodies)
  live.resetPeak()
  const residentBefore = live.residentBytes()
  const startedAt = performance.now()
  const reply = await bulk(range, body, one.path, one.headers)
  const tookMs = performance.now() - startedAt
  expect([reply.status, reply.status === one.status ? '' : reply.text.slice(0, 600)]).toEqual([one.status, ''])
  expectAnswer(reply)
  if (one.text !== undefined) expect(reply.text.slice(0, 600)).toMatch(one.text)
  if (one.status === 200 && one.items !== undefined) {
    const items = itemsOf(reply)
    expect(statusesOf(items), reply.text.slice(0, 2000)).toBe(one.items)
    const { errors } = JSON.parse(reply.text) as { errors: boolean }
    expect(errors).toBe(items.some(({ error }) => error !== undefined))
    for (const { status, error } of items) expect(error !== undefined, `${status}`).toBe(status >= 400)
    if (one.why !== undefined) for (const { error } of items) if (error !== undefined) expect(error.reason).toMatch(one.why)
  } else if (one.status !== 200) expectRefusal(reply, one.error)
  const message = await stillBulks(range)
  const riseMiB = (live.peakBytes() - residentBefore) / 2 ** 20
  const after = await countsOf(range, reasons)
  expect(Object.fromEntries(reasons.map((reason) => [reason, (after[reason] as number) - (before[reason] as number)]))).toEqual(
    one.reasons ?? {},
  )
  await expectBodies(range, { ...one.arrive, [message]: 1 }, bodiesBefore)
  const limit = one.riseMiB ?? usualRiseMiB
  expect(riseMiB, `memory rose by ${riseMiB.toFixed(0)} MiB from ${(residentBefore / 2 ** 20).toFixed(0)} MiB`).toBeLessThan(limit)
  if (one.withinMs !== undefined) expect(tookMs).toBeLessThan(one.withinMs)
  return { tookMs, riseMiB }
}
