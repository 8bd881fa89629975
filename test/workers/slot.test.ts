import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { loadBridgeConfig } from '../../src/config/compose.ts'
import type { Logger } from '../../src/telemetry/log.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import type { FromWorker, ToWorker, WorkerReport } from '../../src/workers/protocol.ts'
import { createSlot, restartWaitMs, type Slot } from '../../src/workers/slot.ts'
import type { Child } from '../../src/workers/spawn.ts'

const config = await loadBridgeConfig({}, {})

const report = (name = ''): WorkerReport => ({
  series: [],
  reasons: [],
  warnings: [],
  listeners: [{ section: name, addresses: [] }],
  queue: { type: 'disk', ack: '', batches: 0, items: 0, bytes: 0, maxBytes: 0, deadItems: 0 },
  destinations: [],
  usage: { cpuSeconds: 0, residentBytes: 0, heapUsedBytes: 0 },
})

interface FakeChild extends Child {
  readonly told: ToWorker[]
  readonly kills: string[]
  says(message: FromWorker): void
  ends(why: string): void
}

let children: FakeChild[]
const newest = (): FakeChild => children.at(-1) as FakeChild

const spawn = (): FakeChild => {
  let take: (message: FromWorker) => void = () => {}
  let done: (why: string) => void = () => {}
  const told: ToWorker[] = []
  const kills: string[] = []
  const child: FakeChild = {
    pid: 1000 + children.length,
    told,
    kills,
    send: (message) => void told.push(message),
    onMessage: (given) => {
      take = given
    },
    onExit: (given) => {
      done = given
    },
    kill: (signal) => void kills.push(signal),
    says: (message) => take(message),
    ends: (why) => done(why),
  }
  children.push(child)
  return child
}

let ends: WorkerReport[]
let backs: number

const create = (log: Logger = silentLog): Slot =>
  createSlot(3, {
    spawn,
    log,
    nowMs: Date.now,
    startMessage: (claimPorts) => ({ kind: 'start', worker: 3, config, instanceId: 'x', claimPorts, terminal: false }),
    onEnd: (_slot, last) => void ends.push(last),
    onBack: () => void backs++,
  })

const started = async (): Promise<Slot> => {
  const slot = create()
  const starting = slot.start(true)
  newest().says({ kind: 'started', report: report('first') })
  await starting
  return slot
}

beforeEach(() => {
  vi.useFakeTimers()
  children = []
  ends = []
  backs = 0
})
afterEach(() => {
  vi.useRealTimers()
})

describe('createSlot', () => {
  it('starts a process and knows what it says', async () => {
    const slot = await started()
    expect(newest().told).toMatchObject([{ kind: 'start', claimPorts: true }])
    expect([slot.state, slot.pid, slot.report?.listeners[0]?.section]).toEqual(['running', 1000, 'first'])
  })

  it('rejects with what the process failed of, and does not try again', async () => {
    const slot = create()
    const starting = slot.start(true)
    newest().says({ kind: 'failed', error: { code: 'OB_LISTEN', message: 'cannot listen', place: 'ingest.zipkin.port' } })
    newest().ends('exit code 2')
    await expect(starting).rejects.toMatchObject({ code: 'OB_LISTEN', place: 'ingest.zipkin.port' })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(children).toHaveLength(1)
    expect(ends).toEqual([])
  })

  it('rejects when the process ends without a word', async () => {
    const starting = create().start(true)
    newest().ends('signal SIGKILL')
    await expect(starting).rejects.toThrow('worker 3 ended while it started: signal SIGKILL')
  })

  it('starts a process that ended again at once, hands on its last words, and says when it is back', async () => {
    const slot = await started()
    newest().ends('signal SIGKILL')
    expect([slot.state, slot.fault, slot.report, slot.pid]).toEqual(['down', 'signal SIGKILL', undefined, undefined])
    expect(ends.map(({ listeners }) => listeners[0]?.section)).toEqual(['first'])
    await vi.advanceTimersByTimeAsync(0)
    expect(newest().told).toMatchObject([{ kind: 'start', claimPorts: false }])
    expect([slot.state, backs]).toEqual(['starting', 0])
    newest().says({ kind: 'started', report: report() })
    await vi.advanceTimersByTimeAsync(0)
    expect([slot.state, slot.restarts, backs, slot.fault]).toEqual(['running', 1, 1, ''])
  })

  it('waits longer and longer for one that dies again quickly', async () => {
    await started()
    const waits: number[] = []
    for (let death = 0; death < 4; death++) {
      const before = Date.now()
      const count = children.length
      newest().ends('exit code 1')
      while (children.length === count) await vi.advanceTimersByTimeAsync(100)
      waits.push(Date.now() - before)
      newest().says({ kind: 'started', report: report() })
      await vi.advanceTimersByTimeAsync(0)
    }
    expect(waits).toEqual([100, 500, 1000, 2000])
  })

  it('waits no longer for one that lived well in between', async () => {
    await started()
    for (let death = 0; death < 3; death++) {
      newest().ends('exit code 1')
      await vi.advanceTimersByTimeAsync(5000)
      newest().says({ kind: 'started', report: report() })
      await vi.advanceTimersByTimeAsync(20_000)
    }
    newest().ends('exit code 1')
    await vi.advanceTimersByTimeAsync(0)
    expect(children).toHaveLength(5)
  })

  it('tries again when a restart fails', async () => {
    const slot = await started()
    newest().ends('signal SIGKILL')
    await vi.advanceTimersByTimeAsync(0)
    newest().says({ kind: 'failed', error: { code: undefined, message: 'no memory', place: '' } })
    newest().ends('exit code 2')
    await vi.advanceTimersByTimeAsync(0)
    expect([slot.state, slot.fault]).toEqual(['down', 'no memory'])
    await vi.advanceTimersByTimeAsync(1000)
    expect(children).toHaveLength(3)
  })

  it('waits for a report no longer than it is told to', async () => {
    const slot = await started()
    const patient = slot.refresh(1000)
    newest().says({ kind: 'report', call: 1, report: report('second') })
    await patient
    expect(slot.report?.listeners[0]?.section).toBe('second')
    const vain = slot.refresh(1000)
    await vi.advanceTimersByTimeAsync(1000)
    await vain
    expect(slot.report?.listeners[0]?.section).toBe('second')
  })

  it('asks for a page of its listeners', async () => {
    const slot = await started()
    const has = slot.page('metrics/types', { family: 'up' }, 100)
    expect(newest().told.at(-1)).toEqual({ kind: 'page', call: 1, path: 'metrics/types', query: { family: 'up' } })
    newest().says({ kind: 'page', call: 1, json: '{"types":[]}' })
    expect(await has).toEqual({ content: { types: [] } })
    const hasNot = slot.page('other', {}, 100)
    newest().says({ kind: 'page', call: 2, json: undefined })
    expect(await hasNot).toBeUndefined()
    const silent = slot.page('metrics/types', {}, 100)
    await vi.advanceTimersByTimeAsync(100)
    expect(await silent).toBeUndefined()
  })

  it('hands back what a reload did, and what it failed of', async () => {
    const slot = await started()
    const outcome = { changed: [], nextStart: [], endpoints: { kept: ['zipkin'], started: [], restarted: [], stopped: [] } }
    const good = slot.reload(config, true, 1000)
    newest().says({ kind: 'reloaded', call: 1, outcome })
    expect(await good).toEqual(outcome)
    const bad = slot.reload(config, true, 1000)
    newest().says({ kind: 'reloaded', call: 2, outcome: { code: 'OB_LISTEN', message: 'taken', place: '' } })
    await expect(bad).rejects.toMatchObject({ code: 'OB_LISTEN', message: 'taken' })
  })

  it('ends a process that does not answer a reload: nobody knows which configuration it has', async () => {
    const slot = await started()
    const reload = slot.reload(config, true, 1000)
    const outcome = expect(reload).rejects.toThrow('worker 3 does not answer')
    await vi.advanceTimersByTimeAsync(1000)
    await outcome
    expect(newest().kills).toEqual(['SIGKILL'])
  })

  it('reloads nothing in a process that ends meanwhile: the next one starts with the new configuration', async () => {
    const slot = await started()
    const reload = slot.reload(config, true, 1000)
    newest().ends('exit code 1')
    expect(await reload).toBe(undefined)
  })

  it('stops the process, and does not start it again', async () => {
    const slot = await started()
    const stopping = slot.stop(5000)
    expect(newest().told.at(-1)).toEqual({ kind: 'stop', deadlineMs: 5000 })
    newest().says({ kind: 'stopped', outcome: { left: 2, lost: 0 }, report: report('last') })
    newest().ends('exit code 0')
    expect(await stopping).toEqual({ left: 2, lost: 0 })
    expect(ends.map(({ listeners }) => listeners[0]?.section)).toEqual(['last'])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(children).toHaveLength(1)
  })

  it('ends a process that does not stop in time', async () => {
    const slot = await started()
    const stopping = slot.stop(5000)
    await vi.advanceTimersByTimeAsync(7999)
    expect(newest().kills).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(newest().kills).toEqual(['SIGKILL'])
    newest().ends('signal SIGKILL')
    expect(await stopping).toBe(undefined)
  })

  it('stops one that is down: it does not come back', async () => {
    const slot = await started()
    newest().ends('exit code 1')
    await slot.stop(1000)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(children).toHaveLength(1)
  })
})

describe('restartWaitMs', () => {
  it('is nothing at first, and half a minute at the most', () => {
    expect([0, 1, 2, 3, 9, 50].map(restartWaitMs)).toEqual([0, 0, 500, 1000, 30_000, 30_000])
  })
})
