import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { stateFolder, until } from '../emit/support/queues.ts'
import { type Bridge, startBridge } from './support/bridge.ts'
import { drained, expectAllArrived, expectBalanced } from './support/drained.ts'
import { startFaultySink } from './support/faulty-sink.ts'
import { createLedger } from './support/ledger.ts'
import { startLoad } from './support/load.ts'

/** Length of the long outage: 20 s, or `OTLP_BRIDGE_OUTAGE_MINUTES`. */
const outageMs =
  process.env['OTLP_BRIDGE_OUTAGE_MINUTES'] === undefined ? 20_000 : Number(process.env['OTLP_BRIDGE_OUTAGE_MINUTES']) * 60_000

/** The farthest that a span came behind one of its connection that was sent later, in spans. */
const worstDisorder = (order: readonly number[]): number => {
  const highest = new Map<number, number>()
  let worst = 0
  for (const key of order) {
    const connection = Math.floor(key / 2 ** 32)
    const sequence = key % 2 ** 32
    const seen = highest.get(connection) ?? 0
    worst = Math.max(worst, seen - sequence)
    highest.set(connection, Math.max(seen, sequence))
  }
  return worst
}

describe('a long outage', () => {
  it(
    'with a restart and a kill -9 in its middle leaves no gap',
    async () => {
      const sink = await startFaultySink()
      const state = stateFolder()
      const ledger = createLedger()
      // The real waits between tries, but for the longest.
      const options = { state, endpoint: sink.url, settings: ['emit.retry.initialInterval=1s', 'emit.retry.maxInterval=5s'] }
      let bridge: Bridge = await startBridge(options)
      let up = true
      const load = startLoad({ target: () => (up ? bridge.ports : undefined), ledger, connections: 4, pauseMs: 100 })
      await until(() => sink.unique > 100)

      const startedMs = performance.now()
      const sleepUntil = (share: number): Promise<void> => delay(startedMs + outageMs * share - performance.now())
      await sink.shut()
      await until(async () => !(await bridge.readiness()).ready, 30_000)
      expect((await bridge.readiness()).reasons[0]).toMatch(/destination default failing since \d+ s/)

      await sleepUntil(0.4)
      up = false
      const stopped = await bridge.end()
      expect(stopped).toMatchObject({ code: 0 })
      expect(stopped.tookMs).toBeLessThan(5000)
      bridge = await startBridge(options)
      up = true

      await sleepUntil(0.6)
      const heldBefore = ledger.acked.size
      up = false
      await bridge.end('SIGKILL')
      sink.killed()
      bridge = await startBridge(options)
      up = true

      await sleepUntil(0.8)
      sink.mode = 'down'
      await sink.open()
      await sleepUntil(1)
      const arrivedBefore = sink.unique
      sink.mode = 'ok'
      const openedMs = performance.now()
      await load.stop()
      await drained(bridge)
      const drainMs = Math.round(performance.now() - openedMs)
      const books = await expectBalanced(bridge)
      console.log(`an outage of ${outageMs / 1000} s:`)
      console.table({
        'acknowledged before it': arrivedBefore,
        'acknowledged by the kill': heldBefore,
        'acknowledged in all': ledger.acked.size,
        delivered: sink.unique,
        'drained after, ms': drainMs,
        'worst disorder of a connection, spans': worstDisorder(sink.order.slice(arrivedBefore)),
        repeats: JSON.stringify(sink.repeats()),
      })
      console.table(books)
      expectAllArrived(ledger, sink)
      expect(ledger.acked.size).toBeGreaterThan(arrivedBefore + 500)
      await until(async () => (await bridge.readiness()).ready)
    },
    outageMs + 180_000,
  )

  it('ends with the oldest first, restarts notwithstanding', async () => {
    const sink = await startFaultySink()
    const state = stateFolder()
    const ledger = createLedger()
    // One request at a time: then the order of sending is the order of arriving.
    const options = { state, endpoint: sink.url, settings: ['emit.concurrency=1'] }
    await sink.shut()
    let bridge: Bridge | undefined
    const load = startLoad({ target: () => bridge?.ports, ledger, connections: 4, pauseMs: 10 })
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGTERM'] as const) {
      bridge = await startBridge(options)
      await delay(1500)
      const ended = bridge
      bridge = undefined
      await ended.end(signal)
    }
    sink.killed()
    const last = await startBridge(options)
    bridge = last
    await delay(1000)
    await sink.open()
    await load.stop()
    await drained(last)
    await expectBalanced(last)
    expectAllArrived(ledger, sink)
    expect(ledger.acked.size).toBeGreaterThan(500)
    expect(worstDisorder(sink.order)).toBeLessThanOrEqual(0)
  })
})
