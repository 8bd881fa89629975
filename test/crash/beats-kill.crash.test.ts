import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { stateFolder } from '../emit/support/queues.ts'
import { officialDecode } from '../support/official-otlp.ts'
import { startBeatsLoad } from './support/beats-load.ts'
import { type Bridge, startBridge } from './support/bridge.ts'
import { drained, expectBalanced } from './support/drained.ts'
import { startFaultySinkOf } from './support/faulty-sink.ts'
import { randomFrom, runSeed } from './support/random.ts'

const rounds = Number(process.env['OTLP_BRIDGE_CRASH_ROUNDS'] ?? 20)

interface Logs {
  readonly resourceLogs?: readonly {
    readonly scopeLogs?: readonly { readonly logRecords?: readonly { readonly body?: { readonly stringValue?: string } }[] }[]
  }[]
}

/** Numbers of the events in a request. */
const numbersOf = (body: Buffer): number[] =>
  ((officialDecode(body, 'logs') as Logs).resourceLogs ?? []).flatMap(({ scopeLogs = [] }) =>
    scopeLogs.flatMap(({ logRecords = [] }) => logRecords.map((one) => Number(/^event (\d+)$/.exec(one.body?.stringValue ?? '')?.[1]))),
  )

describe('kill -9 under Beats', () => {
  it('loses no event whose window was acknowledged, and repeats nothing but windows that were sent again', async () => {
    const seed = runSeed()
    const random = randomFrom(seed)
    const sink = await startFaultySinkOf({ keysOf: numbersOf, countOf: (body) => numbersOf(body).length }, random)
    const state = stateFolder()
    let bridge: Bridge | undefined
    sink.mode = 'half'
    const load = startBeatsLoad({ target: () => bridge?.ports })
    const { ledger } = load
    for (let round = 1; round <= rounds; round++) {
      const started = await startBridge({ state, endpoint: sink.url })
      bridge = started
      await delay(100 + random() * 2000)
      bridge = undefined
      expect(started.alive(), started.output()).toBe(true)
      await started.end('SIGKILL')
      sink.killed()
    }
    const last = await startBridge({ state, endpoint: sink.url })
    bridge = last
    await load.stop()
    sink.mode = 'ok'
    await drained(last)
    const books = await expectBalanced(last)
    const missing = [...ledger.acked].filter((number) => !sink.has(number))
    const repeats = sink.repeats()
    console.log({
      seed,
      rounds,
      acked: ledger.acked.size,
      arrived: sink.unique,
      missing: missing.length,
      repeatedWindows: ledger.repeatedWindows,
      repeats,
    })
    expect(missing).toEqual([])
    expect(ledger.wrong).toEqual([])
    expect(sink.has(Number.NaN)).toBe(false)
    expect(repeats.unexplained).toBeLessThanOrEqual(ledger.resent.size)
    expect(books.reduce((all, one) => all + one.dropped + one.dead + one.refused, 0)).toBe(0)
    expect(ledger.acked.size).toBeGreaterThan(rounds * 100)
    expect((await last.end()).code).toBe(0)
  }, 600_000)
})
