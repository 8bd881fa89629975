import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { storeFile } from '../../src/emit/queue/store.ts'
import { stateFolder, until } from '../emit/support/queues.ts'
import { type Bridge, startBridge } from './support/bridge.ts'
import { drained, expectAllArrived, expectBalanced } from './support/drained.ts'
import { type FaultySink, startFaultySink } from './support/faulty-sink.ts'
import { createLedger, type Ledger } from './support/ledger.ts'
import { type Load, type LoadOptions, startLoad } from './support/load.ts'
import { mountSmallDisk, type SmallDisk } from './support/small-disk.ts'

interface Setting {
  readonly sink: FaultySink
  readonly ledger: Ledger
  readonly bridge: Bridge
  /** Clients until `stop`. */
  load(options?: Partial<LoadOptions>): Load
}

interface OnSmallDisk extends Setting {
  readonly disk: SmallDisk
  readonly state: string
}

/** A bridge on a small disk with an endpoint that is down; undefined where there can be no such disk. */
const onSmallDisk = async (mebibytes: number, settings: readonly string[] = []): Promise<OnSmallDisk | undefined> => {
  const disk = mountSmallDisk(mebibytes)
  if (disk === undefined) return undefined
  const state = join(disk.path, 'queue')
  const sink = await startFaultySink()
  sink.mode = 'down'
  const ledger = createLedger()
  const bridge = await startBridge({ state, endpoint: sink.url, settings })
  const load = (options: Partial<LoadOptions> = {}): Load =>
    startLoad({ target: () => bridge.ports, ledger, padding: 6000, pauseMs: 5, ...options })
  return { disk, state, sink, ledger, bridge, load }
}

const refusals = ({ answers }: Ledger): number => answers[503] ?? 0

/** Clients are told to come back, in the protocol's words, and nobody is left without an answer. */
const expectToldToComeBack = ({ ledger, bridge }: Setting): void => {
  expect(bridge.alive(), bridge.output()).toBe(true)
  expect(Object.keys(ledger.answers).sort()).toEqual(['202', '503'])
  expect(ledger.withoutRetryAfter).toBe(0)
}

const expectRed = async ({ bridge }: Setting, reason: RegExp): Promise<void> => {
  const { ready, reasons } = await bridge.readiness()
  expect(ready).toBe(false)
  expect(
    reasons.some((one) => reason.test(one)),
    reasons.join('; '),
  ).toBe(true)
}

/** The fault is over: clients are served again without anybody's doing, and everything arrives. */
const expectRecovered = async (setting: Setting): Promise<void> => {
  const { ledger, bridge, sink } = setting
  sink.mode = 'ok'
  const before = ledger.acked.size
  const load = setting.load({ connections: 2, padding: 100 })
  try {
    await until(() => ledger.acked.size > before + 100, 30_000)
  } catch {
    const { reasons } = await bridge.readiness()
    throw new Error(`clients are still refused: ${reasons.join('; ')}\n${bridge.output().slice(-3000)}`)
  }
  await load.stop()
  const books = await drained(bridge)
  await expectBalanced(bridge)
  expectToldToComeBack(setting)
  expectAllArrived(ledger, sink)
  expect(books.reduce((sum, one) => sum + one.dropped + one.dead, 0)).toBe(0)
  await until(async () => (await bridge.readiness()).ready, 30_000)
}

describe('a full disk', () => {
  it.each([
    ['with a ballast of 1 MiB', 32, '1MiB'],
    ['with the default ballast', 64, '16MiB'],
    ['with a ballast that is larger than the disk', 16, '64MiB'],
  ])('%s, filled by the queue itself: tells clients to come back, drains, goes on', async (_, mebibytes, ballast) => {
    const setting = await onSmallDisk(mebibytes, [`queue.ballast=${ballast}`, 'queue.memoryTail=1MiB'])
    if (setting === undefined) return
    const { ledger, bridge, sink, disk } = setting
    const load = setting.load()
    await until(() => refusals(ledger) > 10, 60_000)
    await expectRed(setting, /queue cannot store|% full/)
    expectToldToComeBack(setting)
    await load.stop()
    await expectBalanced(bridge)
    const held = ledger.acked.size
    const free = disk.freeBytes()
    // Nothing but draining makes room.
    sink.mode = 'ok'
    await until(() => sink.unique >= held, 60_000)
    console.log(`${mebibytes} MiB, ballast ${ballast}: full at ${held} spans, ${free} bytes free`, ledger.answers)
    await expectRecovered(setting)
  })

  it.each(['the space is freed', 'only draining makes room'])('filled by somebody else, until %s', async (until_) => {
    const setting = await onSmallDisk(48)
    if (setting === undefined) return
    const { ledger, sink, disk, bridge } = setting
    const load = setting.load()
    await until(() => ledger.acked.size > 500, 30_000)
    disk.fill()
    await until(() => refusals(ledger) > 10, 60_000)
    await expectRed(setting, /queue cannot store/)
    expectToldToComeBack(setting)
    if (until_ === 'the space is freed') {
      disk.free()
      const before = ledger.acked.size
      await until(() => ledger.acked.size > before + 100, 60_000)
      await load.stop()
    } else {
      await load.stop()
      const held = ledger.acked.size
      sink.mode = 'ok'
      await until(() => sink.unique >= held, 60_000)
      await drained(bridge)
      await expectBalanced(bridge)
      disk.free()
    }
    await expectRecovered(setting)
  })

  it('killed while full, started while still full: starts, drains, goes on', async () => {
    const setting = await onSmallDisk(32)
    if (setting === undefined) return
    const { ledger, sink, state } = setting
    const load = setting.load()
    await until(() => refusals(ledger) > 10, 60_000)
    await load.stop()
    await setting.bridge.end('SIGKILL')
    sink.killed()
    const bridge = await startBridge({ state, endpoint: sink.url })
    await expectRecovered({ ...setting, bridge, load: (options) => startLoad({ target: () => bridge.ports, ledger, ...options }) })
  })
})

describe('a store that turns read-only', () => {
  it('tells clients to come back, goes on when it can be written again', async () => {
    const sink = await startFaultySink()
    sink.mode = 'down'
    const ledger = createLedger()
    const state = stateFolder()
    const bridge = await startBridge({ state, endpoint: sink.url })
    const setting = {
      sink,
      ledger,
      bridge,
      load: (options: Partial<LoadOptions> = {}) => startLoad({ target: () => bridge.ports, ledger, ...options }),
    }
    const load = setting.load()
    await until(() => ledger.acked.size > 500, 30_000)
    // A file system with files open for writing cannot be made read-only; files can, but not on a tmpfs.
    const files = [storeFile(state), `${storeFile(state)}-wal`]
    const immutable = (flag: '+i' | '-i'): void => void execFileSync('chattr', [flag, ...files], { stdio: 'pipe' })
    try {
      immutable('+i')
    } catch {
      console.warn('SKIPPED: files cannot be made immutable here, so a store that turns read-only was not tested')
      await load.stop()
      return
    }
    try {
      await until(() => refusals(ledger) > 10, 60_000)
      await expectRed(setting, /queue cannot store/)
      // What is held goes out meanwhile; that it went cannot be noted yet.
      const held = ledger.acked.size
      sink.mode = 'ok'
      await until(() => sink.unique >= held)
      await load.stop()
      expectToldToComeBack(setting)
      await expectBalanced(bridge)
    } finally {
      immutable('-i')
    }
    await expectRecovered(setting)
  })

  it('and a file system that is so at the start: starts, answers, recovers', async () => {
    const disk = mountSmallDisk(48)
    if (disk === undefined) return
    const sink = await startFaultySink()
    const ledger = createLedger()
    const state = join(disk.path, 'queue')
    disk.readOnly(true)
    const bridge = await startBridge({ state, endpoint: sink.url })
    const load = (options: Partial<LoadOptions> = {}): Load => startLoad({ target: () => bridge.ports, ledger, ...options })
    const first = load()
    await until(() => refusals(ledger) > 10, 60_000)
    await first.stop()
    disk.readOnly(false)
    await expectRecovered({ sink, ledger, bridge, load })
  })
})
