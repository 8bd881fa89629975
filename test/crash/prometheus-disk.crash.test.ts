import { readdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { storeFile } from '../../src/emit/queue/store.ts'
import { stateFolder, until } from '../emit/support/queues.ts'
import { type Bridge, startBridge } from './support/bridge.ts'
import { expectBalanced } from './support/drained.ts'
import { randomFrom, runSeed } from './support/random.ts'
import { mountSmallDisk } from './support/small-disk.ts'
import { startWriteLoad } from './support/write-load.ts'
import { expectAllWritten, quickAssembler, startWriteSink, writesDrained } from './support/write-rounds.ts'

const rounds = Number(process.env['OTLP_BRIDGE_CRASH_ROUNDS'] ?? 20)

describe('a disk that fills up while histograms wait', () => {
  it('tells senders to come back, takes nothing back that it sent, and goes on', async () => {
    const disk = mountSmallDisk(48)
    if (disk === undefined) return
    const sink = await startWriteSink()
    const bridge = await startBridge({ state: join(disk.path, 'queue'), endpoint: sink.url, settings: quickAssembler })
    const load = startWriteLoad({ target: () => bridge.ports, senders: [1, 2, 1, 2] })
    const { ledger } = load
    await until(() => ledger.acked.size > 2000, 30_000)
    for (let round = 1; round <= 3; round++) {
      const refused = ledger.answers[503] ?? 0
      disk.fill()
      await until(() => (ledger.answers[503] ?? 0) > refused + 20, 60_000)
      // Windows end meanwhile: what is put together cannot be stored either, and waits again.
      await delay(4500)
      expect((await bridge.readiness()).ready).toBe(false)
      await expectBalanced(bridge)
      disk.free()
      const before = ledger.acked.size
      await until(() => ledger.acked.size > before + 1000, 60_000)
    }
    await load.stop()
    await writesDrained(bridge)
    const books = await expectBalanced(bridge)
    console.log('a disk that was full three times', ledger.answers, expectAllWritten(ledger, sink))
    console.table(books)
    expect(books.reduce((all, one) => all + one.dropped + one.dead, 0)).toBe(0)
    expect(Object.keys(ledger.answers).sort()).toEqual(['204', '503'])
    // What was sent is not sent again because a request came again.
    expect(sink.repeats()).toMatchObject({ unconfirmed: 0 })
    expect((await bridge.end()).code).toBe(0)
  })
})

/** Resolves with the next file that begins to be written in a folder. */
const written = (folder: string, withinMs: number): Promise<string> =>
  new Promise((resolve) => {
    const watcher = watch(folder, (_event, name) => {
      if (name?.endsWith('.tmp') === true) end(name)
    })
    const timer = setTimeout(() => end('none'), withinMs)
    const end = (name: string): void => {
      clearTimeout(timer)
      watcher.close()
      resolve(name)
    }
  })

describe('kill -9 while the state is saved', () => {
  it('starts with what was saved before, and loses no sample', async () => {
    const random = randomFrom(runSeed())
    const sink = await startWriteSink(random)
    const state = stateFolder()
    const options = { state, endpoint: sink.url, settings: quickAssembler }
    let bridge: Bridge | undefined
    const load = startWriteLoad({
      target: () => bridge?.ports,
      senders: [1, 2],
      size: { counters: 300, histograms: 10, summaries: 3, natives: 3 },
    })
    const killedAt: Record<string, number> = {}
    for (let round = 1; round <= rounds / 2; round++) {
      const started = await startBridge(options)
      bridge = started
      await until(() => readdirSync(state).includes('prometheus'), 20_000)
      if (round === 1) await delay(6000)
      const name = await written(join(state, 'prometheus'), 5000)
      await delay(random() * 4)
      bridge = undefined
      await started.end('SIGKILL')
      sink.killed()
      killedAt[name] = (killedAt[name] ?? 0) + 1
      expect(started.output()).not.toMatch(/"level":"?(error|50)/)
    }
    const last = await startBridge(options)
    bridge = last
    await load.stop()
    await writesDrained(last)
    await expectBalanced(last)
    console.log('killed while saving', killedAt, expectAllWritten(load.ledger, sink))
    expect(killedAt['none'] ?? 0).toBeLessThan(rounds / 4)
    // Nothing of it was so damaged that it had to be set aside.
    expect(readdirSync(join(state, 'prometheus')).filter((name) => name.endsWith('.aside'))).toEqual([])
    expect((await last.end()).code).toBe(0)
  })
})

describe('a record of what waits that is damaged', () => {
  it('is set aside and said; all others are taken in', async () => {
    const sink = await startWriteSink()
    const state = stateFolder()
    const options = { state, endpoint: sink.url, settings: quickAssembler }
    const first = await startBridge(options)
    let bridge: Bridge | undefined = first
    const load = startWriteLoad({ target: () => bridge?.ports, senders: [1, 2] })
    await until(() => load.ledger.acked.size > 1500, 30_000)
    bridge = undefined
    await first.end('SIGKILL')
    sink.killed()

    const store = new DatabaseSync(storeFile(state))
    const ids = store.prepare("SELECT id FROM kept WHERE name = 'prometheus' ORDER BY id").all()
    expect(ids.length).toBeGreaterThan(10)
    const victim = Number(ids[Math.floor(ids.length / 2)]?.['id'])
    expect(store.prepare('UPDATE kept SET data = zeroblob(length(data)) WHERE id = ?').run(victim).changes).toBe(1)
    store.close()

    const second = await startBridge(options)
    bridge = second
    await until(() => /something that was kept is damaged and was set aside/.test(second.output()), 20_000)
    await load.stop()
    await writesDrained(second)
    await expectBalanced(second)
    const { ledger } = load
    const lost = new Set([...[...ledger.acked].filter((key) => !sink.has(key)), ...sink.wrong.map(({ key }) => key)])
    console.log(`one of ${ids.length} records damaged: ${lost.size} of ${ledger.acked.size} points are not there or not whole`)
    expect(await second.metric('otlp_bridge_queue_damaged_batches_total')).toBe(1)
    // Of one request: a quarter of a scrape.
    expect(lost.size).toBeLessThanOrEqual(10 + 3)
    expect(new Set([...lost].map((key) => key.split('|')[1])).size).toBeLessThanOrEqual(1)
    expect((await second.end()).code).toBe(0)
  })
})
