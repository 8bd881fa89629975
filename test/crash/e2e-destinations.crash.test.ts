import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { stateFolder, until } from '../emit/support/queues.ts'
import { type Bridge, startBridge } from './support/bridge.ts'
import { expectAllArrived } from './support/drained.ts'
import { type FaultySink, startFaultySink } from './support/faulty-sink.ts'
import { createLedger, type Ledger } from './support/ledger.ts'
import { startLoad } from './support/load.ts'

/** How long one destination is dead: 20 s, or `OTLP_BRIDGE_OUTAGE_MINUTES`. */
const outageMs =
  process.env['OTLP_BRIDGE_OUTAGE_MINUTES'] === undefined ? 20_000 : Number(process.env['OTLP_BRIDGE_OUTAGE_MINUTES']) * 60_000

/** Both alive, before and after: a quarter of the outage, at most a minute. */
const calmMs = Math.min(60_000, outageMs / 4)

interface Pace {
  readonly 'acknowledged / s': number
  readonly 'delivered to live / s': number
  /** How far delivery is behind the answers, by Little's law: spans on their way over spans a second. */
  readonly 'delivery behind, ms': number
}

/** Looks four times a second for as long as given. */
async function watch(ledger: Ledger, live: FaultySink, ms: number): Promise<Pace> {
  const [acked, unique, startedMs] = [ledger.acked.size, live.unique, performance.now()]
  let behind = 0
  let looks = 0
  while (performance.now() - startedMs < ms) {
    await delay(250)
    behind += ledger.acked.size - live.unique
    looks++
  }
  const seconds = (performance.now() - startedMs) / 1000
  const rate = (live.unique - unique) / seconds
  return {
    'acknowledged / s': Math.round((ledger.acked.size - acked) / seconds),
    'delivered to live / s': Math.round(rate),
    'delivery behind, ms': Math.round((Math.max(0, behind / looks) / rate) * 1000),
  }
}

const arrived = (bridge: Bridge, name: string): Promise<number> => bridge.metric('otlp_bridge_queue_items', `destination="${name}"`)

describe('two destinations, one of them dead for a while', () => {
  it(
    'do not hold each other back, and each gets everything',
    async () => {
      const [live, dead] = [await startFaultySink(), await startFaultySink()]
      const state = stateFolder()
      const ledger = createLedger()
      const file = join(stateFolder(), 'bridge.yaml')
      writeFileSync(
        file,
        JSON.stringify({
          emit: {
            destinations: [
              { name: 'live', endpoint: live.url },
              { name: 'dead', endpoint: dead.url },
            ],
          },
          ingest: { zipkin: {}, jaeger: { http: {} } },
        }),
      )
      const settings = ['emit.retry.initialInterval=1s', 'emit.retry.maxInterval=5s']
      const bridge = await startBridge({ state, endpoint: live.url, settings, args: ['-c', file] })
      const load = startLoad({ target: () => bridge.ports, ledger, connections: 4, pauseMs: 50 })
      await until(() => live.unique > 1000 && dead.unique > 1000)

      const before = await watch(ledger, live, calmMs)
      await dead.shut()
      const during = await watch(ledger, live, outageMs)
      const waiting = await arrived(bridge, 'dead')
      await dead.open()
      const openedMs = performance.now()
      await until(() => ledger.acked.size - dead.unique < 2000, 120_000)
      const caughtUpMs = Math.round(performance.now() - openedMs)
      const after = await watch(ledger, live, calmMs)
      await load.stop()
      await until(async () => (await arrived(bridge, 'live')) + (await arrived(bridge, 'dead')) === 0, 60_000)

      console.log(`two destinations, one dead for ${outageMs / 1000} s: ${waiting} spans waited for it, caught up in ${caughtUpMs} ms`)
      console.table({ 'both alive': before, 'one dead': during, 'both again': after })
      console.table({ acknowledged: ledger.acked.size, live: live.unique, dead: dead.unique })
      expectAllArrived(ledger, live)
      expectAllArrived(ledger, dead)
      expect(waiting).toBeGreaterThan((before['acknowledged / s'] * outageMs) / 2000)
      // The rate is the clients' own; a busy machine may slow them, a destination that holds back would stop them.
      expect(during['delivered to live / s']).toBeGreaterThan(before['delivered to live / s'] * 0.7)
      expect(during['delivery behind, ms']).toBeLessThan(before['delivery behind, ms'] * 3 + 250)
      const { reasons } = await bridge.readiness()
      expect(reasons.filter((one) => one.includes('books'))).toEqual([])
    },
    outageMs + 2 * calmMs + 240_000,
  )
})
