import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Lane, QueueStaging } from '../../../src/emit/queue/queue.ts'
import { setAsideStore, storeFile } from '../../../src/emit/queue/store.ts'
import { batch, drain, numberOf, type OpenLanes, openLanes, stateFolder, until } from '../support/queues.ts'

const names = ['a', 'b']

/** Which of the two a part is for. */
const wanted = fc.constantFrom([0], [1], [0, 1], [0, 1], [])
const bytes = fc.integer({ min: 4, max: 20_000 })
const which = fc.nat({ max: 2 })

const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('put' as const), lanes: wanted, bytes }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('add' as const), which, lanes: wanted, bytes }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('commit' as const), which, wait: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('discard' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('take' as const), lane: fc.nat({ max: 1 }), settle: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('set aside' as const) }) },
)

interface Part {
  readonly number: number
  readonly lanes: readonly number[]
}

interface Request {
  readonly staging: QueueStaging
  readonly parts: Part[]
}

const contentsOf = (path: string) => {
  const db = new DatabaseSync(storeFile(path), { timeout: 1000 })
  const count = (table: string): number => {
    const there = db.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(table)
    return there === undefined ? 0 : Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n'])
  }
  const contents = { rows: count('batches'), values: count('shared'), requests: count('stagings') }
  db.close()
  return contents
}

/** What each destination must get, in its order; the outcome of a call that failed is nothing. */
const createModel = () => {
  const due: number[][] = names.map(() => [])
  const got: number[][] = names.map(() => [])
  return {
    due,
    got,
    taken: (parts: readonly Part[]): void => {
      for (const { number, lanes } of parts) for (const at of lanes) due[at]?.push(number)
    },
  }
}

describe('stage, in whatever order things happen', () => {
  it.each(['written', 'memory', 'durable'] as const)(
    'with ack %s: what was committed comes whole and in order, what was not never',
    async (ack) => {
      const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const path = stateFolder()
        const open = (): Promise<OpenLanes> => openLanes(path, names, { ack, heldPerRequest: 3000, memoryTail: 30_000 })
        const model = createModel()
        let now = await open()
        let next = 0
        const open3 = new Map<number, Request>()
        const commits: Promise<void>[] = []
        let setAside = false
        const lane = (at: number): Lane => now.lane(names[at] as string)
        const part = (lanes: readonly number[]): Part => ({ number: next++, lanes })
        const request = (at: number): Request => {
          let found = open3.get(at)
          if (found === undefined) open3.set(at, (found = { staging: now.queue.stage(), parts: [] }))
          return found
        }
        for (const one of steps) {
          if (one.kind === 'put') {
            const it = part(one.lanes)
            // Puts and commits are stored in the order in which they are called.
            await Promise.all(commits.splice(0))
            await now.queue.put([{ batch: batch(it.number, one.bytes), lanes: one.lanes }])
            model.taken([it])
          } else if (one.kind === 'add') {
            const to = request(one.which)
            const it = part(one.lanes)
            const added = await to.staging.add([{ batch: batch(it.number, one.bytes), lanes: one.lanes }]).then(
              () => true,
              () => false,
            )
            // Only a file that is gone ends a request here.
            if (!added) expect(setAside).toBe(true)
            if (added) to.parts.push(it)
            else open3.delete(one.which)
          } else if (one.kind === 'commit') {
            const { staging, parts } = request(one.which)
            open3.delete(one.which)
            const commit = staging.commit().then(
              () => model.taken(parts),
              () => expect(setAside).toBe(true),
            )
            commits.push(commit)
            if (one.wait) await Promise.all(commits.splice(0))
          } else if (one.kind === 'discard') {
            open3.get(one.which)?.staging.discard()
            open3.delete(one.which)
          } else if (one.kind === 'take') {
            const taken = await lane(one.lane).take({ maxItems: 5, maxBytes: 1e6 })
            if (one.settle) {
              model.got[one.lane]?.push(...taken.map(numberOf))
              await lane(one.lane).settle(taken)
            } else lane(one.lane).release(taken)
          } else if (one.kind === 'restart') {
            await Promise.all(commits.splice(0))
            await now.queue.close()
            const { requests } = contentsOf(path)
            expect(requests).toBe(0)
            now = await open()
            open3.clear()
          } else if (ack !== 'memory') {
            await Promise.all(commits.splice(0))
            // Everything is in memory as long as it is little: the new file gets all of it.
            if (now.queue.stats().bytes > 25_000) continue
            setAsideStore(path, Date.now())
            setAside = true
            const it = part([0])
            await now.queue.put([{ batch: batch(it.number, 100), lanes: [0] }])
            model.taken([it])
          }
        }
        await Promise.all(commits.splice(0))
        for (const { staging } of open3.values()) staging.discard()
        for (const at of names.keys()) {
          // With ack memory it is stored some time after the answer.
          await until(() => lane(at).waiting().items === lane(at).stats().items)
          model.got[at]?.push(...(await drain(lane(at))))
          const [due, got] = [model.due[at] as number[], model.got[at] as number[]]
          if (setAside) expect(got.toSorted((a, b) => a - b).every((number) => due.includes(number))).toBe(true)
          else expect(got).toEqual(due)
        }
        await until(() => contentsOf(path).values === 0)
        expect(contentsOf(path)).toEqual({ rows: 0, values: 0, requests: 0 })
        expect(now.metrics.sums().every(({ queued }) => queued === 0)).toBe(true)
        await now.queue.close()
      })
      await fc.assert(property, { numRuns: Number(process.env['OTLP_BRIDGE_RUNS'] ?? 10) })
    },
    60_000,
  )
})
