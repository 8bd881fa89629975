import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { stateFolder, until } from '../emit/support/queues.ts'
import { type Bridge, startBridge } from './support/bridge.ts'
import { drained, expectAllArrived, expectBalanced } from './support/drained.ts'
import { startFaultySink } from './support/faulty-sink.ts'
import { createLedger } from './support/ledger.ts'
import { startLoad } from './support/load.ts'
import { gracefulStops } from './support/stop-rounds.ts'

describe('SIGTERM', () => {
  it('under load, five times: what was acknowledged is delivered or still there at the next start', async () => {
    await gracefulStops(5)
  })

  it('with an endpoint that hangs: stops within its limit, a second one stops at once', async () => {
    const sink = await startFaultySink()
    const ledger = createLedger()
    sink.mode = 'take and hang'
    const options = { state: stateFolder(), endpoint: sink.url, settings: ['emit.timeout=60s'] }
    let bridge: Bridge | undefined = await startBridge(options)
    const load = startLoad({ target: () => bridge?.ports, ledger })
    await until(() => ledger.acked.size > 200)
    const first = bridge
    first.signal('SIGTERM')
    await delay(500)
    expect(first.alive()).toBe(true)
    const { code, tookMs } = await first.end()
    bridge = undefined
    sink.killed()
    expect(code).toBe(130)
    expect(tookMs).toBeLessThan(1000)

    bridge = await startBridge(options)
    await delay(500)
    const ended = await bridge.end()
    bridge = undefined
    console.log(`stopped after ${Math.round(ended.tookMs)} ms with an endpoint that hangs`)
    expect(ended).toMatchObject({ code: 0 })
    expect(ended.tookMs).toBeLessThan(25_000)

    sink.mode = 'ok'
    bridge = await startBridge(options)
    await load.stop()
    await drained(bridge)
    await expectBalanced(bridge)
    expectAllArrived(ledger, sink)
  })
})

describe('SIGTERM with a queue in memory', () => {
  it('delivers what is queued before it ends', async () => {
    const sink = await startFaultySink()
    const ledger = createLedger()
    sink.delayMs = 300
    const bridge = await startBridge({ state: undefined, endpoint: sink.url, settings: ['emit.batch.delay=2s'] })
    let up = true
    const load = startLoad({ target: () => (up ? bridge.ports : undefined), ledger })
    await until(() => ledger.acked.size > 1000)
    const waiting = ledger.acked.size - sink.unique
    const ending = bridge.end()
    await delay(50)
    up = false
    const { code, tookMs } = await ending
    await load.stop()
    console.log(`memory queue: ${waiting} spans waited at SIGTERM, ended after ${Math.round(tookMs)} ms`)
    expect(code).toBe(0)
    expect(waiting).toBeGreaterThan(0)
    expectAllArrived(ledger, sink)
  })

  it('with a dead endpoint ends within its limit, says what is lost, and exits with 1', async () => {
    const sink = await startFaultySink()
    const ledger = createLedger()
    sink.mode = 'down'
    const bridge = await startBridge({ state: undefined, endpoint: sink.url })
    const load = startLoad({ target: () => bridge.ports, ledger })
    await until(() => ledger.acked.size > 200)
    await load.stop()
    await expectBalanced(bridge)
    const { code, tookMs } = await bridge.end()
    expect(code).toBe(1)
    expect(tookMs).toBeLessThan(25_000)
    expect(bridge.output()).toContain(`"items":${ledger.acked.size}`)
  })
})
