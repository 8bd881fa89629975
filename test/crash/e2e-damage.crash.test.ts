import { cpSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { storeFile } from '../../src/emit/queue/store.ts'
import { stateFolder, until } from '../emit/support/queues.ts'
import { type Bridge, startBridge } from './support/bridge.ts'
import { drained, expectBalanced } from './support/drained.ts'
import { type FaultySink, startFaultySink } from './support/faulty-sink.ts'
import { createLedger, type Ledger, missing, spanHex } from './support/ledger.ts'
import { startLoad } from './support/load.ts'
import { randomFrom, runSeed } from './support/random.ts'

/** Of the load below. */
const spansPerBatch = 10

const rounds = Number(process.env['OTLP_BRIDGE_CRASH_ROUNDS'] ?? 20)

interface Held {
  readonly state: string
  readonly ledger: Ledger
}

/** A state folder whose queue holds what was acknowledged. @param signal how the bridge that filled it ended */
const filled = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<Held> => {
  const sink = await startFaultySink()
  sink.mode = 'down'
  const state = stateFolder()
  const ledger = createLedger()
  const bridge = await startBridge({ state, endpoint: sink.url, settings: ['queue.ballast=0B'] })
  const load = startLoad({ target: () => bridge.ports, ledger, padding: 1000 })
  await until(() => ledger.acked.size > 2000, 30_000)
  await load.stop()
  await bridge.end(signal)
  return { state, ledger }
}

interface After {
  readonly lost: number
  readonly carried: number
  readonly damagedBatches: number
  readonly damagedItems: number
  readonly setAside: number
  /** Of a format or signal that no longer is one: among the dead letters. */
  readonly dead: number
}

/** Starts on a damaged folder: it must start, drain, balance, take new data and stop in order. What is lost must be counted. */
const startedAndDrained = async (state: string, held: Ledger, sink: FaultySink): Promise<After> => {
  const bridge: Bridge = await startBridge({ state, endpoint: sink.url, settings: ['queue.ballast=0B'] })
  await drained(bridge)
  const ledger = createLedger()
  const load = startLoad({ target: () => bridge.ports, ledger, connections: 2 })
  try {
    await until(() => ledger.acked.size > 50)
  } catch (cause) {
    throw new Error(`takes no new data: answers ${JSON.stringify(ledger.answers)}\n${bridge.output()}`, { cause })
  }
  await load.stop()
  await drained(bridge)
  const books = await expectBalanced(bridge)
  expect(missing(ledger, sink), bridge.output()).toEqual([])
  expect((await bridge.readiness()).reasons).toEqual([])
  const after = {
    lost: missing(held, sink).length,
    carried: books.reduce((sum, one) => sum + one.carried, 0),
    damagedBatches: await bridge.metric('otlp_bridge_queue_damaged_batches_total'),
    damagedItems: await bridge.metric('otlp_bridge_dropped_items_total', 'reason="damaged"'),
    setAside: await bridge.metric('otlp_bridge_queue_set_aside_files_total'),
    dead: await bridge.metric('otlp_bridge_dead_items_total'),
  }
  expect((await bridge.end()).code).toBe(0)
  // Damage must never make spans that nobody sent.
  const known = (key: number): boolean => held.acked.has(key) || held.doubtful.has(key) || ledger.acked.has(key)
  expect(sink.order.filter((key) => !known(key)).map(spanHex)).toEqual([])
  return after
}

const flip = (file: string, places: number, random: () => number): void => {
  const bytes = readFileSync(file)
  for (let n = 0; n < places; n++) {
    const at = Math.floor(random() * bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 + Math.floor(random() * 255))
  }
  writeFileSync(file, bytes)
}

const copyOf = (state: string): string => {
  const copy = stateFolder()
  cpSync(state, copy, { recursive: true })
  return copy
}

describe('flipped bytes in the store', () => {
  it('the bridge starts, sets aside what cannot be read and counts it, delivers the rest', async () => {
    const { state, ledger } = await filled('SIGTERM')
    const seed = runSeed()
    const rows: object[] = []
    for (let round = 0; round < rounds; round++) {
      const random = randomFrom(seed + round)
      const places = [1, 3, 10, 100][round % 4] as number
      const copy = copyOf(state)
      flip(storeFile(copy), places, random)
      const after = await startedAndDrained(copy, ledger, await startFaultySink())
      rows.push({ seed: seed + round, places, held: ledger.acked.size, ...after })
      // Nothing is lost uncounted. In batches, not items: a flipped byte may stand in the count itself.
      if (after.setAside === 0)
        expect(after.lost, `seed ${seed + round}`).toBeLessThanOrEqual(after.damagedBatches * spansPerBatch + after.dead)
      else expect(after.lost, `seed ${seed + round}`).toBeGreaterThanOrEqual(after.damagedItems)
    }
    console.table(rows)
  })

  // One byte in a row's `owner` is enough.
  it('a batch whose owner nobody knows is delivered or counted', async () => {
    const { state, ledger } = await filled('SIGTERM')
    const db = new DatabaseSync(storeFile(state))
    db.exec('UPDATE batches SET owner = 9999 WHERE id = (SELECT max(id) FROM batches)')
    db.close()
    const after = await startedAndDrained(state, ledger, await startFaultySink())
    expect(after.lost).toBe(after.damagedItems)
  })

  const logRounds = async (): Promise<{ rows: object[]; uncounted: number }> => {
    const { state, ledger } = await filled('SIGKILL')
    const seed = runSeed()
    const rows: object[] = []
    let uncounted = 0
    for (let round = 0; round < Math.ceil(rounds / 4); round++) {
      const copy = copyOf(state)
      const wal = `${storeFile(copy)}-wal`
      expect(existsSync(wal)).toBe(true)
      flip(wal, 1, randomFrom(seed + round))
      const after = await startedAndDrained(copy, ledger, await startFaultySink())
      rows.push({ seed: seed + round, held: ledger.acked.size, ...after })
      if (after.damagedBatches + after.setAside === 0) uncounted += after.lost
    }
    return { rows, uncounted }
  }

  it('in the log of a killed bridge do not keep it from starting, draining and taking new data', async () => {
    const { rows } = await logRounds()
    console.table(rows)
  })

  // SQLite ends its log at the first frame whose checksum does not hold, and what follows is gone without a word.
  it('in the log of a killed bridge: what is lost is counted', async () => {
    expect((await logRounds()).uncounted).toBe(0)
  })
})

describe('a store that is cut short', () => {
  it.each([0.02, 0.3, 0.7, 0.99])('to %d of its length: starts, saves what it can, takes new data', async (share) => {
    const { state, ledger } = await filled('SIGTERM')
    const length = readFileSync(storeFile(state)).length
    truncateSync(storeFile(state), Math.floor(length * share))
    const after = await startedAndDrained(state, ledger, await startFaultySink())
    console.log(`cut to ${share}:`, { held: ledger.acked.size, ...after })
    expect(after.damagedBatches + after.setAside).toBeGreaterThan(0)
  })
})

describe('a store that is none', () => {
  it.each([
    ['text', Buffer.from('this is no database\n'.repeat(5000))],
    ['zeros', Buffer.alloc(65_536)],
    ['nothing', Buffer.alloc(0)],
  ])('a file of %s: starts, sets it aside, takes new data', async (what, bytes) => {
    const state = stateFolder()
    writeFileSync(storeFile(state), bytes)
    const after = await startedAndDrained(state, createLedger(), await startFaultySink())
    // An empty file is a database without tables: nothing to set aside.
    expect(after.setAside).toBe(what === 'nothing' ? 0 : 1)
  })

  it('a folder in its place: starts, tells clients to come back, recovers when it is gone', async () => {
    const state = stateFolder()
    cpSync(join(import.meta.dirname, 'support'), storeFile(state), { recursive: true })
    const sink = await startFaultySink()
    const ledger = createLedger()
    const bridge = await startBridge({ state, endpoint: sink.url })
    const load = startLoad({ target: () => bridge.ports, ledger })
    await until(() => (ledger.answers[503] ?? 0) > 5 || ledger.acked.size > 100, 30_000)
    rmSync(storeFile(state), { recursive: true, force: true })
    await until(() => ledger.acked.size > 100, 60_000)
    await load.stop()
    await drained(bridge)
    await expectBalanced(bridge)
    expect(missing(ledger, sink)).toEqual([])
    expect(ledger.withoutRetryAfter).toBe(0)
  })
})
