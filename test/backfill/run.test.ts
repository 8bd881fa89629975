import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Progress } from '../../src/backfill/progress.ts'
import { sourceFault } from '../../src/backfill/source.ts'
import { BridgeError } from '../../src/errors.ts'
import { stateFolder } from '../emit/support/queues.ts'
import { numbersIn, numbersSource } from './support/numbers-source.ts'
import { lawOne, openLedger, prepareRun, recordingSink, runAll, runName } from './support/runs.ts'

const once = (from: number, to: number): Map<number, number> => new Map(Array.from({ length: to - from }, (_, at) => [from + at, 1]))

const sorted = (map: ReadonlyMap<number, number>): [number, number][] => [...map].sort((a, b) => a[0] - b[0])

describe('createRun', () => {
  it('sends every item of every slice once, and ends all slices as done', async () => {
    const ledger = await openLedger(stateFolder())
    const source = numbersSource({ slices: 7, perSlice: 25, perPage: 4 })
    const sink = recordingSink()
    const { end, summary, progress } = await runAll({ source, sink, ledger })
    expect(end).toBe('complete')
    expect(sorted(sink.arrived)).toEqual(sorted(once(0, 175)))
    expect(summary?.slices).toMatchObject({ done: 7, pending: 0, running: 0 })
    expect(summary?.counts).toMatchObject({ read: 175, translated: 175, produced: 175, acked: 175, resent: 0 })
    expect(summary?.counts.srcSum).toBe(summary?.counts.ackSum)
    expect(progress.ended).toEqual({ done: 7, done_with_losses: 0, failed: 0 })
    expect(source.open_.open).toBe(0)
    await ledger.close()
  })

  it('reads the next page while one is out, and sends none before its answer', async () => {
    const ledger = await openLedger(stateFolder())
    const out = new Set<string>()
    let readWhileOut = 0
    const source = numbersSource({ slices: 2, perSlice: 20, perPage: 5, onRead: () => void (readWhileOut += out.size > 0 ? 1 : 0) })
    const sink = recordingSink({
      async before(slice) {
        expect(out.has(slice)).toBe(false)
        out.add(slice)
        await new Promise((resolve) => setImmediate(resolve))
        out.delete(slice)
      },
    })
    await runAll({ source, sink, ledger })
    expect(readWhileOut).toBeGreaterThan(0)
    await ledger.close()
  })

  it('fails a slice that cannot be read, with its reason, and goes on with the others', async () => {
    const ledger = await openLedger(stateFolder())
    const source = numbersSource({
      slices: 3,
      perSlice: 10,
      perPage: 4,
      onRead(slice, from) {
        if (slice === 1 && from === 8) throw sourceFault('vanished', 'cannot read index b: it is not there', { place: 'b' })
      },
    })
    const sink = recordingSink()
    const { end, summary, progress } = await runAll({ source, sink, ledger })
    expect(end).toBe('complete')
    expect(summary?.failures).toEqual({ vanished: 1 })
    expect(summary?.slices).toMatchObject({ done: 2, failed: 1 })
    expect(sink.arrived.size).toBe(28)
    expect(summary?.counts.read).toBe(28)
    expect(progress.said).toMatchObject([{ side: 'source', group: 'g1', message: 'cannot read index b: it is not there' }])
    const [failed] = await ledger.slices({ states: ['failed'] })
    expect(failed).toMatchObject({ reason: 'vanished', cursor: 8, page: 2 })
    await ledger.close()
  })

  it('goes on at the cursor of a failed slice when it is retried, and repeats nothing', async () => {
    const ledger = await openLedger(stateFolder())
    let broken = true
    const source = numbersSource({
      slices: 1,
      perSlice: 10,
      perPage: 4,
      onRead(_, from) {
        if (broken && from === 4) throw new TypeError('no such thing')
      },
    })
    const sink = recordingSink()
    expect((await runAll({ source, sink, ledger })).summary?.failures).toEqual({ source_error: 1 })
    broken = false
    expect(await ledger.retry({ states: ['failed'], reason: 'vanished' })).toBe(0)
    expect(await ledger.retry({ states: ['failed'] })).toBe(1)
    const { summary } = await runAll({ source, sink, ledger })
    expect(summary?.slices.done).toBe(1)
    expect(summary?.failures).toEqual({})
    expect(sorted(sink.arrived)).toEqual(sorted(once(0, 10)))
    expect(summary?.counts.resent).toBe(0)
    await ledger.close()
  })

  it.each([
    ['not_a_span', 'done'],
    ['corrupt', 'done_with_losses'],
  ] as const)('ends a slice with items skipped as %s as %s', async (skipReason, state) => {
    const ledger = await openLedger(stateFolder())
    const source = numbersSource({ slices: 2, perSlice: 10, perPage: 3, skipEvery: 2, skipReason })
    const sink = recordingSink()
    const { summary } = await runAll({ source, sink, ledger })
    expect(summary?.slices[state]).toBe(2)
    expect(summary?.counts).toMatchObject({ read: 20, translated: 10, skipped: { [skipReason]: 10 }, acked: 10 })
    expect(await ledger.dead()).toHaveLength(10)
    await ledger.close()
  })

  it('counts what the destination refuses, and ends the slice with losses', async () => {
    const ledger = await openLedger(stateFolder())
    const source = numbersSource({ slices: 2, perSlice: 10, perPage: 3 })
    const sink = recordingSink({ refuses: (number) => (number === 13 ? 'invalid' : undefined) })
    const { summary } = await runAll({ source, sink, ledger })
    expect(summary?.slices).toMatchObject({ done: 1, done_with_losses: 1 })
    expect(summary?.counts).toMatchObject({ acked: 19, rejected: { invalid: 1 } })
    expect((await ledger.slices({ states: ['done_with_losses'] }))[0]?.reason).toBe('invalid')
    await ledger.close()
  })

  it('stops with nothing lost when the destination takes nothing at all', async () => {
    const ledger = await openLedger(stateFolder())
    const source = numbersSource({ slices: 4, perSlice: 10, perPage: 3 })
    let pages = 0
    let shut = true
    const sink = recordingSink({
      before() {
        if (shut && ++pages > 5) throw new BridgeError('OB_DESTINATION', 'cannot send to it: 401')
      },
    })
    const first = await runAll({ source, sink, ledger })
    expect(first.end).toBe('destination')
    expect(first.error?.message).toBe('cannot send to it: 401')
    expect(first.summary?.slices.running).toBe(0)
    shut = false
    const { end, summary } = await runAll({ source, sink, ledger })
    expect(end).toBe('complete')
    expect(sorted(sink.arrived)).toEqual(sorted(once(0, 40)))
    expect(summary?.counts.acked).toBe(40)
    expect(lawOne(summary?.counts ?? (undefined as never))).toEqual([0, 0])
    await ledger.close()
  })

  it('stops at what is refused for its age, and keeps the slice where it was', async () => {
    const ledger = await openLedger(stateFolder())
    const source = numbersSource({ slices: 4, perSlice: 10, perPage: 5 })
    const sink = recordingSink({ refuses: (number) => (number < 15 ? 'too_old' : undefined) })
    const first = await runAll({ source, sink, ledger, options: { parallel: 1, order: 'time' } })
    expect(first.end).toBe('refused')
    expect(first.summary?.slices.pending).toBe(4)
    expect((await ledger.slices({ limit: 1 }))[0]).toMatchObject({ reason: 'destination_refuses_old', cursor: undefined })
    const { end, summary } = await runAll({ source, sink, ledger, options: { parallel: 1, order: 'time', skipRefused: true } })
    expect(end).toBe('complete')
    expect(summary?.counts).toMatchObject({ acked: 25, rejected: { too_old: 15 }, resent: 0 })
    await ledger.close()
  })

  it('lets the page that is out come to its end when it is told to stop, and closes what it has open', async () => {
    const ledger = await openLedger(stateFolder())
    const abort = new AbortController()
    const source = numbersSource({ slices: 3, perSlice: 30, perPage: 5 })
    let pages = 0
    const sink = recordingSink({
      before() {
        if (++pages === 4) abort.abort()
      },
    })
    const first = await runAll({ source, sink, ledger, options: { abort: abort.signal } })
    expect(first.end).toBe('interrupted')
    expect(first.summary?.slices).toMatchObject({ running: 0, done: 0 })
    expect(first.summary?.counts.acked).toBe(sink.arrived.size)
    expect(source.open_.open).toBe(0)
    const { summary } = await runAll({ source, sink, ledger })
    expect(sorted(sink.arrived)).toEqual(sorted(once(0, 90)))
    expect(summary?.counts.resent).toBe(0)
    await ledger.close()
  })

  it('leaves a page without an answer as an intent after the time of grace, and counts it when it goes out again', async () => {
    const folder = stateFolder()
    const ledger = await openLedger(folder)
    const abort = new AbortController()
    const source = numbersSource({ slices: 1, perSlice: 20, perPage: 5 })
    let hang = true
    const sink = recordingSink({
      after(_slice, page) {
        if (!hang || page !== 2) return undefined
        abort.abort()
        return new Promise(() => {})
      },
    })
    const first = await runAll({ source, sink, ledger, options: { abort: abort.signal, graceMs: 5 } })
    expect(first.end).toBe('interrupted')
    await ledger.close()
    hang = false
    const again = await openLedger(folder)
    const { summary } = await runAll({ source, sink, ledger: again })
    expect(summary?.counts).toMatchObject({ acked: 20, resent: 5 })
    expect([...sink.arrived.values()].reduce((all, one) => all + one, 0)).toBe(25)
    await again.close()
  })

  it('says that the source has changed when the page that is read again is another', async () => {
    const folder = stateFolder()
    const ledger = await openLedger(folder)
    const kill = new AbortController()
    const sink = recordingSink({
      after(_slice, page) {
        if (page === 1 && !kill.signal.aborted) kill.abort()
      },
    })
    const shape = { slices: 1, perSlice: 20, perPage: 5 }
    await runAll({ source: numbersSource(shape), sink, ledger, options: { kill: kill.signal } })
    await ledger.close()
    const again = await openLedger(folder)
    const { summary } = await runAll({ source: numbersSource({ ...shape, alter: (one) => one + 1000 }), sink, ledger: again })
    expect(summary?.counts).toMatchObject({ acked: 20, resent: 5, notes: { source_changed: 1 } })
    await again.close()
  })

  it('counts nothing as resent where the destination took the page back', async () => {
    const folder = stateFolder()
    const ledger = await openLedger(folder)
    const kill = new AbortController()
    const source = numbersSource({ slices: 1, perSlice: 20, perPage: 5 })
    const first = recordingSink({ restores: true, before: (_slice, page) => (page === 2 ? kill.abort() : undefined) })
    await runAll({ source, sink: first, ledger, options: { kill: kill.signal } })
    await ledger.close()
    const again = await openLedger(folder)
    const { summary } = await runAll({ source, sink: recordingSink({ restores: true }), ledger: again })
    expect(summary?.counts).toMatchObject({ acked: 20, resent: 0 })
    await again.close()
  })

  it('counts everything as resent after a ledger was made anew', async () => {
    const folder = stateFolder()
    await (await openLedger(folder)).close()
    writeFileSync(join(folder, `${runName}.db`), 'not a database'.repeat(100))
    const ledger = await openLedger(folder, { rebuild: true })
    const { summary } = await runAll({ source: numbersSource({ slices: 2, perSlice: 10, perPage: 3 }), sink: recordingSink(), ledger })
    expect(summary?.counts).toMatchObject({ acked: 20, resent: 20 })
    await ledger.close()
  })

  it('counts nothing as resent then where the destination took everything back', async () => {
    const folder = stateFolder()
    await (await openLedger(folder)).close()
    writeFileSync(join(folder, `${runName}.db`), 'not a database'.repeat(100))
    const ledger = await openLedger(folder, { rebuild: true })
    const source = numbersSource({ slices: 2, perSlice: 10, perPage: 3 })
    const { summary } = await runAll({ source, sink: recordingSink({ restores: true }), ledger })
    expect(summary?.counts).toMatchObject({ acked: 20, resent: 0 })
    await ledger.close()
  })

  it('sends everything again after a run that was done is begun anew, and goes on with it when that was stopped', async () => {
    const folder = stateFolder()
    const shape = { slices: 3, perSlice: 10, perPage: 5 }
    const first = await openLedger(folder)
    const sink = recordingSink()
    await runAll({ source: numbersSource(shape), sink, ledger: first })
    await first.close()
    const again = await openLedger(folder, { rebuild: true })
    expect((await again.summary()).counts.read).toBe(0)
    const abort = new AbortController()
    const stopping = recordingSink({ arrived: sink.arrived, before: () => abort.abort() })
    await runAll({ source: numbersSource(shape), sink: stopping, ledger: again, options: { abort: abort.signal, parallel: 1 } })
    await again.close()
    const then = await openLedger(folder, { rebuild: true })
    const { summary } = await runAll({ source: numbersSource(shape), sink, ledger: then })
    expect(summary?.counts).toMatchObject({ acked: 30, resent: 30 })
    expect([...sink.arrived.values()]).toEqual(Array.from({ length: 30 }, () => 2))
    expect(readdirSync(folder).filter((name) => name.includes('.replaced-') && !/-(wal|shm)$/.test(name))).toHaveLength(1)
    await then.close()
  })

  it('does nothing more with a slice that was taken over', async () => {
    const ledger = await openLedger(stateFolder())
    const source = numbersSource({ slices: 1, perSlice: 20, perPage: 5 })
    const sink = recordingSink({
      async after(slice, page) {
        if (page !== 1) return
        await ledger.release(slice, 1, { intent: 'keep' })
        await ledger.take('somebody else')
      },
    })
    const { end, summary } = await runAll({ source, sink, ledger })
    expect(end).toBe('complete')
    expect(summary?.slices.running).toBe(1)
    expect(summary?.counts.acked).toBe(5)
    expect(sink.arrived.size).toBe(10)
    await ledger.close()
  })

  it('ends when one slice after the other cannot be read for want of rights', async () => {
    const ledger = await openLedger(stateFolder())
    const source = numbersSource({
      slices: 30,
      perSlice: 4,
      perPage: 4,
      onRead() {
        throw sourceFault('unauthorised', 'cannot read: 401')
      },
    })
    const { end, summary } = await runAll({ source, sink: recordingSink(), ledger })
    expect(end).toBe('source')
    expect(summary?.slices.failed).toBeGreaterThanOrEqual(10)
    expect(summary?.slices.failed).toBeLessThan(13)
    await ledger.close()
  })

  it('fails a slice whose source or destination miscounts, instead of calling it done', async () => {
    const ledger = await openLedger(stateFolder())
    const source = numbersSource({ slices: 2, perSlice: 10, perPage: 5 })
    const sink = recordingSink()
    const { summary } = await runAll({
      source,
      sink: {
        ...sink,
        async deliver(slice, page, requests, abort) {
          const told = await sink.deliver(slice, page, requests, abort)
          return requests.some(({ data }) => numbersIn(data).includes(12)) ? { ...told, acked: told.acked - 1 } : told
        },
      },
      ledger,
    })
    expect(summary?.failures).toEqual({ internal: 1 })
    expect(summary?.slices.done).toBe(1)
    await ledger.close()
  })

  it('rests while the time of day forbids it, and goes on behind it', async () => {
    const ledger = await openLedger(stateFolder())
    const source = numbersSource({ slices: 1, perSlice: 20, perPage: 5 })
    let closedUntil = 0
    const sink = recordingSink({
      before(_slice, page) {
        if (page === 1) closedUntil = performance.now() + 60
      },
    })
    const states = new Set<string>()
    const run = await prepareRun({
      source,
      sink,
      ledger,
      deps: { windows: { waitMs: () => Math.max(0, closedUntil - performance.now()), text: 'now' } },
    })
    const look = setInterval(() => states.add(run.progress().state), 5)
    const { summary } = await run.start()
    clearInterval(look)
    expect(summary?.counts.acked).toBe(20)
    expect(source.open_.rests).toBeGreaterThan(0)
    expect(states).toContain('waiting')
    await ledger.close()
  })

  it('begins no slice further ahead than the slack, and shows what is under way', async () => {
    const ledger = await openLedger(stateFolder())
    const source = numbersSource({ slices: 6, perSlice: 10, perPage: 2, stepMs: 60_000 })
    const spread: number[] = []
    const seen: Progress[] = []
    const sink = recordingSink({
      before() {
        const now = run.progress()
        seen.push(now)
        const begins = now.running.map((one) => one.positionMs ?? 0)
        spread.push(Math.max(...begins) - Math.min(...begins))
      },
    })
    const run = await prepareRun({ source, sink, ledger, options: { parallel: 6, order: 'time', slackMs: 15 * 60_000 } })
    const { end } = await run.start()
    expect(end).toBe('complete')
    expect(Math.max(...spread)).toBeLessThanOrEqual(15 * 60_000)
    expect(Math.max(...seen.map(({ running }) => running.length))).toBe(2)
    expect(seen[0]).toMatchObject({ state: 'running', parallel: 6, frontierMs: 0 })
    expect(seen[0]?.running[0]).toMatchObject({ group: 'g0', phase: 'send', planned: 10, readBefore: 0, positionMs: 0 })
    await ledger.close()
  })
})
