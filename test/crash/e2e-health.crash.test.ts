import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { storeFile } from '../../src/emit/queue/store.ts'
import { stateFolder, until } from '../emit/support/queues.ts'
import { startBridge } from './support/bridge.ts'
import { drained, expectAllArrived, expectBalanced } from './support/drained.ts'
import { startFaultySink } from './support/faulty-sink.ts'
import { createLedger } from './support/ledger.ts'
import { startLoad } from './support/load.ts'

describe('/health/ready', () => {
  it('turns red with a reason when the endpoint is dead, and back', async () => {
    const sink = await startFaultySink()
    const ledger = createLedger()
    const bridge = await startBridge({ state: stateFolder(), endpoint: sink.url })
    expect(await bridge.readiness()).toEqual({ ready: true, reasons: [] })
    await sink.shut()
    const load = startLoad({ target: () => bridge.ports, ledger, pauseMs: 50 })
    await until(async () => !(await bridge.readiness()).ready, 30_000)
    expect((await bridge.readiness()).reasons[0]).toMatch(/^destination default failing since \d+ s: cannot reach the endpoint/)
    await sink.open()
    await until(async () => (await bridge.readiness()).ready, 30_000)
    await load.stop()
    await drained(bridge)
    await expectBalanced(bridge)
    expectAllArrived(ledger, sink)
  })

  it('turns red with a reason when the store is held by somebody else, and back; clients come back', async () => {
    const sink = await startFaultySink()
    const ledger = createLedger()
    const state = stateFolder()
    const bridge = await startBridge({ state, endpoint: sink.url })
    const load = startLoad({ target: () => bridge.ports, ledger, pauseMs: 50 })
    await until(() => ledger.acked.size > 100)
    const other = new DatabaseSync(storeFile(state))
    onTestFinished(() => other.close())
    other.exec('BEGIN IMMEDIATE')
    await until(async () => !(await bridge.readiness()).ready, 40_000)
    console.log('store held by another process:', (await bridge.readiness()).reasons)
    expect((await bridge.readiness()).reasons[0]).toMatch(/queue cannot store/)
    other.exec('ROLLBACK')
    await until(async () => (await bridge.readiness()).ready, 40_000)
    const before = ledger.acked.size
    await until(() => ledger.acked.size > before + 100, 30_000)
    await load.stop()
    await drained(bridge)
    await expectBalanced(bridge)
    expect(bridge.alive()).toBe(true)
    expect(ledger.withoutRetryAfter).toBe(0)
    expectAllArrived(ledger, sink)
  })
})

describe('a lack of file descriptors', () => {
  it('is survived; clients are answered again afterwards', async () => {
    const sink = await startFaultySink()
    const ledger = createLedger()
    const openFiles = 80
    const bridge = await startBridge({ state: stateFolder(), endpoint: sink.url, openFiles })
    const load = startLoad({ target: () => bridge.ports, ledger, pauseMs: 20 })
    await until(() => ledger.acked.size > 100)
    const sockets: Socket[] = []
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
    })
    for (let n = 0; n < 300; n++) {
      const socket = connect(n % 2 === 0 ? bridge.ports.zipkin : bridge.ports.jaegerHttp, '127.0.0.1')
      socket.on('error', () => {})
      sockets.push(socket)
    }
    // New connections to the endpoint are needed, and there is no descriptor for them.
    await sink.shut()
    await sink.open()
    const cpuBefore = bridge.cpuSeconds()
    await delay(4000)
    const cpu = bridge.cpuSeconds() - cpuBefore
    expect(bridge.alive(), bridge.output()).toBe(true)
    const open = readdirSync(`/proc/${bridge.pid}/fd`).length
    expect(open).toBeGreaterThanOrEqual(openFiles - 2)
    for (const socket of sockets) socket.destroy()
    const before = ledger.acked.size
    await until(() => ledger.acked.size > before + 200, 30_000)
    const health = await new Promise<number>((resolve, reject) => {
      get({ port: bridge.ports.zipkin, path: '/health', agent: new Agent() }, (answer) => {
        answer.resume()
        resolve(answer.statusCode ?? 0)
      }).on('error', reject)
    })
    expect(health).toBe(200)
    await load.stop()
    await drained(bridge)
    await expectBalanced(bridge)
    console.log(`${open} of ${openFiles} descriptors:`, ledger.answers, `${cpu.toFixed(2)} s of CPU in 4 s`)
    expectAllArrived(ledger, sink)
    await until(async () => (await bridge.readiness()).ready)
  })
})

const libraries = ['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)

describe('a clock that jumps by a day', () => {
  it.each(['+1d', '-1d'])('%s: nothing is lost, nothing runs in circles', async (jump) => {
    const library = libraries.find(existsSync)
    if (library === undefined) return console.warn('SKIPPED: libfaketime is not installed, so clock jumps were not tested')
    const sink = await startFaultySink()
    const ledger = createLedger()
    const clock = join(stateFolder(), 'clock')
    writeFileSync(clock, '+0')
    const bridge = await startBridge({
      state: stateFolder(),
      endpoint: sink.url,
      env: { LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' },
    })
    const startedMs = async (): Promise<number> => {
      const status = (await (await fetch(`http://127.0.0.1:${bridge.ports.admin}/api/status`)).json()) as { nowMs: number }
      return status.nowMs
    }
    const load = startLoad({ target: () => bridge.ports, ledger, pauseMs: 20 })
    await until(() => ledger.acked.size > 200)
    sink.mode = 'down'
    await delay(500)
    writeFileSync(clock, jump)
    await until(async () => Math.abs((await startedMs()) - Date.now()) > 80_000_000)
    await delay(1500)
    expect(await bridge.metric('otlp_bridge_queue_oldest_age_seconds')).toBeGreaterThanOrEqual(0)
    sink.mode = 'ok'
    const before = ledger.acked.size
    await until(() => ledger.acked.size > before + 200)
    await load.stop()
    await drained(bridge)
    await until(async () => (await bridge.readiness()).ready)
    const cpuBefore = bridge.cpuSeconds()
    await delay(3000)
    const cpu = bridge.cpuSeconds() - cpuBefore
    console.log(`clock ${jump}: ${ledger.acked.size} spans, idle afterwards ${cpu.toFixed(2)} s of CPU in 3 s`)
    expect(cpu).toBeLessThan(1)
    await expectBalanced(bridge)
    expectAllArrived(ledger, sink)
    expect((await bridge.end()).code).toBe(0)
  })
})
