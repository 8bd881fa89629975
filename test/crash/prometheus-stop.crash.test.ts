import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { stateFolder, until } from '../emit/support/queues.ts'
import { type Bridge, startBridge } from './support/bridge.ts'
import { expectBalanced } from './support/drained.ts'
import { startWriteLoad } from './support/write-load.ts'
import { expectAllWritten, quickAssembler, startWriteSink, writesDrained } from './support/write-rounds.ts'

const held = (bridge: Bridge): Promise<number> => bridge.metric('otlp_bridge_held_items')

describe('SIGTERM in mid-assembly', () => {
  it('with a queue on disk, eight times under load: what waited goes on waiting after the next start', async () => {
    const sink = await startWriteSink()
    sink.mode = 'half'
    const options = { state: stateFolder(), endpoint: sink.url, settings: quickAssembler }
    let bridge: Bridge | undefined
    const load = startWriteLoad({ target: () => bridge?.ports, senders: [1, 2, 1, 2] })
    const rows: object[] = []
    for (let round = 1; round <= 8; round++) {
      const started = await startBridge(options)
      bridge = started
      await delay(round === 1 ? 6500 : 700 + round * 200)
      const waiting = await held(started)
      const ending = started.end()
      // Senders go on for a moment: those who come too late are told so.
      await delay(50)
      bridge = undefined
      const { code, tookMs } = await ending
      expect(code, started.output()).toBe(0)
      expect(waiting).toBeGreaterThan(0)
      rows.push({ round, waiting, tookMs: Math.round(tookMs), points: load.ledger.acked.size, arrived: sink.unique })
    }
    const last = await startBridge(options)
    bridge = last
    await load.stop()
    sink.mode = 'ok'
    await writesDrained(last)
    const books = await expectBalanced(last)
    console.log('SIGTERM in mid-assembly, 8 times', load.ledger.answers, sink.repeats())
    console.table(rows)
    console.table(books)
    console.log(expectAllWritten(load.ledger, sink))
    expect((await last.end()).code).toBe(0)
  })

  it('with a queue in memory: sends what waits before it ends', async () => {
    const sink = await startWriteSink()
    const bridge = await startBridge({ state: undefined, endpoint: sink.url, settings: quickAssembler })
    let up = true
    const load = startWriteLoad({ target: () => (up ? bridge.ports : undefined), senders: [1, 2] })
    await until(() => load.ledger.acked.size > 2000, 20_000)
    const waiting = await held(bridge)
    expect(waiting).toBeGreaterThan(0)
    up = false
    await delay(100)
    const { code } = await bridge.end()
    const { acked, ackedSamples, refusals } = load.ledger
    console.log(`memory queue: ${waiting} samples waited at SIGTERM, ${ackedSamples} acknowledged, ${sink.unique} points arrived`)
    expect([code, refusals], bridge.output()).toEqual([0, []])
    expect([...acked].filter((key) => !sink.has(key))).toEqual([])
    // Those whose senders were in the middle of a scrape go as they are; all others are whole.
    expect(sink.wrong.filter(({ key }) => acked.has(key))).toEqual([])
  })
})

describe('a queue that is full in mid-assembly', () => {
  it('tells senders to come back, and goes on with what waited', async () => {
    const sink = await startWriteSink()
    sink.mode = 'down'
    const settings = [...quickAssembler, 'queue.maxSize=3MiB']
    const bridge = await startBridge({ state: stateFolder(), endpoint: sink.url, settings })
    const load = startWriteLoad({ target: () => bridge.ports, senders: [1, 2, 1, 2], pauseMs: 5 })
    await until(() => (load.ledger.answers[503] ?? 0) > 50, 60_000)
    // Long enough for windows to end while there is no room for what they give.
    await delay(6000)
    await expectBalanced(bridge)
    const waiting = await held(bridge)
    const { ready, reasons } = await bridge.readiness()
    console.log('full in mid-assembly', load.ledger.answers, { waiting, ready, reasons })
    expect(ready).toBe(false)
    sink.mode = 'ok'
    await load.stop()
    await writesDrained(bridge)
    await expectBalanced(bridge)
    console.log(expectAllWritten(load.ledger, sink))
    await until(async () => (await bridge.readiness()).ready, 30_000)
    expect((await bridge.end()).code).toBe(0)
  })
})
