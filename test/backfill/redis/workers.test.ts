/** Several workers in processes of their own, one Redis, and what may happen to them (mapping backfill.md §4, §9.7). */

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createFileLedger, type FileLedger } from '../../../src/backfill/ledger-file.ts'
import { type Connection, connectRedis } from '../../../src/backfill/redis/connect.ts'
import { createPlanner, type PlannerOptions } from '../../../src/backfill/redis/planner.ts'
import { sleepFor } from '../../../src/backfill/sleep.ts'
import { stateFolder } from '../../emit/support/queues.ts'
import { type NumbersSource, numbersSource } from '../support/numbers-source.ts'
import { lawOne, metaOf, runName } from '../support/runs.ts'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.ts'
import type { WorkerProcessOptions } from './support/worker-process.ts'

interface Lab {
  readonly server: RedisServer
  readonly connection: Connection
  readonly file: FileLedger
  readonly source: NumbersSource
  readonly said: string[]
  readonly abort: AbortController
  plan(more?: Partial<PlannerOptions>): ReturnType<typeof createPlanner>
  work(): Worker
  /** Number → how often it arrived. */
  arrived(): Map<number, number>
}

interface Worker {
  readonly child: ChildProcess
  /** Pages that were about to go out. */
  readonly out: string[]
  /** Resolves when so many pages went out. */
  sent(pages: number): Promise<void>
  readonly ended: Promise<string>
}

type Shape = Omit<WorkerProcessOptions, 'url' | 'arrived'>

const usual: Shape = { slices: 6, perSlice: 60, perPage: 10, pageMs: 30, lockMs: 1000, parallel: 2 }

const worker = (options: WorkerProcessOptions): Worker => {
  const script = join(import.meta.dirname, 'support/worker-process.ts')
  const child = spawn(process.execPath, [script, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const out: string[] = []
  const waiting: { readonly pages: number; readonly done: () => void }[] = []
  let text = ''
  child.stdout?.on('data', (data: Buffer) => {
    out.push(...data.toString().trim().split('\n'))
    for (const one of waiting) if (out.length >= one.pages) one.done()
  })
  child.stderr?.on('data', (data: Buffer) => {
    text += data.toString()
  })
  return {
    child,
    out,
    sent: (pages) => (out.length >= pages ? Promise.resolve() : new Promise((done) => waiting.push({ pages, done }))),
    ended: new Promise((resolve) => child.once('exit', (code, signal) => resolve(`${code ?? signal} ${text.trim()}`))),
  }
}

const lab = async (shape: Partial<Shape> = {}, folder = stateFolder()): Promise<Lab> => {
  const what = { ...usual, ...shape }
  const server = await startRedis()
  const connection = await connectRedis(server.url)
  onTestFinished(() => connection.close())
  const file = await createFileLedger({ folder, run: runName, create: metaOf(), flushMs: 0 })
  onTestFinished(() => file.close())
  const source = numbersSource(what)
  await file.add(source.specs)
  const arrived = join(folder, 'arrived')
  const said: string[] = []
  const abort = new AbortController()
  return {
    server,
    connection,
    file,
    source,
    said,
    abort,
    plan: (more = {}) =>
      createPlanner({
        connection,
        file,
        control: { order: 'any', slackMs: 0, only: '', skipRefused: false },
        rate: undefined,
        rateBytes: undefined,
        abort: abort.signal,
        nowMs: Date.now,
        monotonicMs: () => performance.now(),
        sleep: sleepFor,
        say: (text) => said.push(text),
        feedMs: 20,
        mirrorMs: 50,
        ...more,
      }),
    work: () => worker({ ...what, url: server.url, arrived }),
    arrived() {
      const counts = new Map<number, number>()
      if (!existsSync(arrived)) return counts
      for (const line of readFileSync(arrived, 'utf8').trim().split('\n')) {
        for (const one of line.split(' ').slice(2)) counts.set(Number(one), (counts.get(Number(one)) ?? 0) + 1)
      }
      return counts
    },
  }
}

const extraOf = (arrived: ReadonlyMap<number, number>): number => [...arrived.values()].reduce((sum, one) => sum + one - 1, 0)

/** Everything is there, every repeat is counted, and the counts add up. */
const expectAll = async ({ file, arrived }: Lab, total: number, mostResent: number): Promise<number> => {
  const { counts, slices } = await file.summary()
  const there = arrived()
  expect(there.size).toBe(total)
  expect(lawOne(counts)).toEqual([0, 0])
  expect(counts).toMatchObject({ read: total, produced: total, acked: total })
  expect(counts.srcSum).toBe(counts.ackSum)
  expect(slices).toMatchObject({ pending: 0, running: 0, failed: 0 })
  const extra = extraOf(there)
  expect(counts.resent).toBeGreaterThanOrEqual(extra)
  expect(counts.resent).toBeLessThanOrEqual(mostResent)
  return extra
}

describe.skipIf(!hasRedis)('several workers', () => {
  it('do a run together: each slice once, the mirror alike, nothing secret in Redis', { timeout: 30_000 }, async () => {
    const one = await lab({ pageMs: 15, slices: 12 })
    const planner = one.plan()
    const [end, ...workers] = [planner.start(), ...[one.work(), one.work()].map(({ ended }) => ended)]
    expect((await end).end).toBe('complete')
    expect(await Promise.all(workers)).toEqual(['0 closed', '0 closed'])
    expect(await expectAll(one, 720, 0)).toBe(0)
    const owners = new Set(one.said.filter((text) => text.endsWith(': working')).map((text) => text.split(' ')[1]))
    expect(owners.size).toBe(2)
    expect((await one.file.slices()).map(({ state, attempts }) => [state, attempts])).toEqual(Array(12).fill(['done', 1]))
    const job = await one.connection.redis.hgetall(`otlp-bridge:{${runName}}:slice-${one.source.specs[0]?.id ?? ''}`)
    expect(JSON.parse(job['data'] ?? '')).toEqual({ run: runName, slice: one.source.specs[0]?.id })
  })

  it('go on where one was killed, and send no more than its pages again', { timeout: 30_000 }, async () => {
    const one = await lab()
    const end = one.plan().start()
    const [first, second] = [one.work(), one.work()]
    await first.sent(4)
    first.child.kill('SIGKILL')
    expect((await end).end).toBe('complete')
    expect(await second.ended).toBe('0 closed')
    // Two slices at a time, a page each.
    await expectAll(one, 360, 20)
    expect((await one.file.summary()).counts.notes['taken_over']).toBeGreaterThanOrEqual(1)
  })

  it('fence one that was frozen and comes back', { timeout: 30_000 }, async () => {
    const one = await lab()
    const end = one.plan().start()
    const [first, second] = [one.work(), one.work()]
    await first.sent(4)
    first.child.kill('SIGSTOP')
    expect((await end).end).toBe('complete')
    expect(await second.ended).toBe('0 closed')
    const before = await one.file.slices()
    first.child.kill('SIGCONT')
    expect(await first.ended).toBe('0 closed')
    // Whatever it had left to say of its slices was refused.
    const { redis } = one.connection
    const { createRedisLedger } = await import('../../../src/backfill/redis/ledger-redis.ts')
    const after = await createRedisLedger({ redis, meta: metaOf(), nowMs: Date.now }).slices()
    expect(after).toEqual(before)
    await expectAll(one, 360, 20)
    expect((await one.file.summary()).counts.notes['taken_over']).toBeGreaterThanOrEqual(1)
  })

  it('fence one that comes back while another is at its slice', { timeout: 30_000 }, async () => {
    const one = await lab({ slices: 2, perSlice: 400, parallel: 1 })
    const end = one.plan().start()
    const first = one.work()
    await first.sent(3)
    first.child.kill('SIGSTOP')
    const [slice] = first.out[0]?.split(' ') ?? []
    const second = one.work()
    while (!second.out.some((line) => line.startsWith(`${slice} `))) await second.sent(second.out.length + 1)
    first.child.kill('SIGCONT')
    expect((await end).end).toBe('complete')
    expect(await Promise.all([first.ended, second.ended])).toEqual(['0 closed', '0 closed'])
    await expectAll(one, 800, 10)
    expect((await one.file.summary()).counts.notes).toEqual({ taken_over: 1 })
  })

  it('go on when Redis has forgotten everything: it comes back out of the mirror', { timeout: 40_000 }, async () => {
    const one = await lab({ slices: 4, perSlice: 300, pageMs: 20 })
    // The mirror is behind, as it may be by a second.
    const end = one.plan({ mirrorMs: 500 }).start()
    const workers = [one.work(), one.work()]
    await Promise.all(workers.map((each) => each.sent(30)))
    await one.server.stop()
    await one.server.start()
    expect((await end).end).toBe('complete')
    expect(await Promise.all(workers.map(({ ended }) => ended))).toEqual(['0 closed', '0 closed'])
    expect(one.said.join('\n')).toMatch(/was restarted: .*put back/)
    // Half a second of pages of four slices, at 20 ms each, and the pages that were out.
    const extra = await expectAll(one, 1200, 4 * 10 * 30)
    console.info(`Redis forgot: ${extra} items arrived twice, ${(await one.file.summary()).counts.resent} are counted`)
  })

  it('let go of their slices when the planner stops, and the same plan goes on', { timeout: 30_000 }, async () => {
    const folder = stateFolder()
    const one = await lab({ perSlice: 300 }, folder)
    const end = one.plan().start()
    const [first] = [one.work(), one.work()]
    await first?.sent(4)
    one.abort.abort()
    expect((await end).end).toBe('interrupted')
    const { slices, counts } = await one.file.summary()
    expect(slices).toMatchObject({ running: 0 })
    expect(counts.acked).toBe(one.arrived().size)
    const again = one.plan({ abort: new AbortController().signal, clean: true }).start()
    expect((await again).end).toBe('complete')
    expect(await expectAll(one, 1800, 0)).toBe(0)
    // For workers that have not heard of it yet.
    const control = `otlp-bridge:{${runName}}:ledger:control`
    expect(await one.connection.redis.keys('otlp-bridge*').then((keys) => keys.filter((key) => !key.endsWith(':workers')))).toEqual([
      control,
    ])
    expect(await one.connection.redis.ttl(control)).toBeGreaterThan(0)
  })

  it('hand a slice on at once when one is told to stop', { timeout: 30_000 }, async () => {
    const one = await lab({ slices: 2, perSlice: 200, parallel: 1, lockMs: 600_000 })
    const end = one.plan().start()
    const [first, second] = [one.work(), one.work()]
    await Promise.all([first.sent(2), second.sent(2)])
    first.child.kill('SIGINT')
    expect(await first.ended).toMatch(/interrupted/)
    expect((await end).end).toBe('complete')
    expect(await expectAll(one, 400, 0)).toBe(0)
    expect((await one.file.summary()).counts.notes).toEqual({})
  })

  it('keep to the order of time among them', { timeout: 30_000 }, async () => {
    const one = await lab({ slices: 10, perSlice: 40, pageMs: 5, parallel: 4 })
    // An item a second: no page begins more than 50 items after the first that is missing.
    const slack = 50
    const end = one.plan({ control: { order: 'time', slackMs: slack * 1000, only: '', skipRefused: false } }).start()
    one.work()
    one.work()
    expect((await end).end).toBe('complete')
    await expectAll(one, 400, 0)
    let missing = 0
    const there = new Set<number>()
    for (const number of one.arrived().keys()) {
      expect(number - (number % 10)).toBeLessThanOrEqual(missing + slack)
      there.add(number)
      while (there.has(missing)) missing++
    }
  })

  it('share one rate', { timeout: 30_000 }, async () => {
    const one = await lab({ slices: 6, perSlice: 200, pageMs: 0, perPage: 20 })
    const since = performance.now()
    const end = one.plan({ rate: 400 }).start()
    one.work()
    one.work()
    expect((await end).end).toBe('complete')
    // 1,200 at 400 a second, the first second's worth at once.
    expect(performance.now() - since).toBeGreaterThan(1900)
    await expectAll(one, 1200, 0)
  })
})
