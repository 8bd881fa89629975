import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { canSharePorts } from '../../src/ingest/claim.ts'
import { startBridge } from '../crash/support/bridge.ts'
import { expectAllArrived } from '../crash/support/drained.ts'
import { startFaultySink } from '../crash/support/faulty-sink.ts'
import { createLedger } from '../crash/support/ledger.ts'
import { startLoad } from '../crash/support/load.ts'
import { runSeed } from '../crash/support/random.ts'
import { workerKillRounds } from '../crash/support/worker-rounds.ts'
import { stateFolder, until } from '../emit/support/queues.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const startTwo = async (settings: readonly string[] = []) => {
  const sink = await startFaultySink()
  const bridge = await startBridge({ state: stateFolder(), endpoint: sink.url, args: ['--workers', '2'], settings })
  return { sink, bridge, pids: await bridge.workers() }
}

const itemsOf = async (port: number): Promise<number[]> => {
  const status = (await (await fetch(`http://127.0.0.1:${port}/api/status`)).json()) as { workers: { itemsPerSecond: number }[] }
  return status.workers.map((one) => one.itemsPerSecond)
}

describe.skipIf(!canSharePorts)('serve --workers', () => {
  it('shares ports and work, speaks with one voice, and drains on SIGTERM', async () => {
    const { sink, bridge, pids } = await startTwo()
    expect(new Set(pids).size).toBe(2)
    const ledger = createLedger()
    const load = startLoad({ target: () => bridge.ports, ledger, connections: 12, pauseMs: 5 })
    // The kernel spreads connections by chance; twelve on one side are one chance in two thousand.
    await until(async () => (await itemsOf(bridge.ports.admin)).every((rate) => rate > 0), 10_000)
    await load.stop()
    const received = await bridge.metric('otlp_bridge_received_items_total')
    expect(received).toBe(ledger.acked.size)
    expect(await bridge.metric('otlp_bridge_workers')).toBe(2)
    expect((await bridge.readiness()).reasons).toEqual([])
    expect((await bridge.end()).code, bridge.output()).toBe(0)
    expectAllArrived(ledger, sink)
    // One line a port, whoever of the two listens on it.
    expect(bridge.output().match(/"listening"/g)).toHaveLength(Object.keys(bridge.ports).length)
    expect(pids.filter(alive)).toEqual([])
  }, 60_000)

  it('loses nothing acknowledged when a worker is killed, and starts it again', async () => {
    const rows = await workerKillRounds(2, runSeed())
    expect(rows.at(-1)?.acked).toBeGreaterThan(100)
  }, 90_000)

  it('opens what must be alone in the first worker, again when that was killed, and has its pages', async () => {
    const { bridge, pids } = await startTwo(['ingest.prometheus.port=0'])
    const admin = `http://127.0.0.1:${bridge.ports.admin}/api`
    const addressOf = async (): Promise<string | undefined> => {
      const { listeners } = (await (await fetch(`${admin}/status`)).json()) as { listeners: { section: string; addresses: string[] }[] }
      return listeners.find(({ section }) => section === 'ingest.prometheus')?.addresses[0]
    }
    const address = (await addressOf()) as string
    // One after the other, on connections of their own: with two processes at the port some would meet the other one.
    const write = async (): Promise<number> =>
      (await fetch(`${address}/api/v1/write`, { method: 'POST', body: new Uint8Array([0]), headers: { connection: 'close' } })).status
    expect(await Promise.all(Array.from({ length: 8 }, write))).toEqual(Array(8).fill(204))
    expect(await (await fetch(`${admin}/metrics/types`)).json()).toMatchObject({ types: [] })
    process.kill(pids[0] as number, 'SIGKILL')
    await until(async () => (await write().catch(() => 0)) === 204, 20_000)
    expect(await addressOf()).toBe(address)
    await until(async () => (await fetch(`${admin}/metrics/types`)).status === 200, 10_000)
    expect((await fetch(`${admin}/other`)).status).toBe(404)
    expect((await bridge.end()).code, bridge.output()).toBe(0)
  }, 60_000)

  it('takes its workers along when it is killed itself', async () => {
    const { bridge, pids } = await startTwo()
    await bridge.end('SIGKILL')
    await until(() => !pids.some(alive), 10_000)
  }, 60_000)

  it('stops at once at a second signal', async () => {
    const { sink, bridge, pids } = await startTwo()
    const ledger = createLedger()
    sink.mode = 'take and hang'
    const load = startLoad({ target: () => bridge.ports, ledger })
    await until(() => ledger.acked.size > 50, 10_000)
    bridge.signal('SIGTERM')
    await until(() => bridge.output().includes('a second signal stops at once'), 10_000)
    const { code, tookMs } = await bridge.end('SIGTERM')
    expect(code).toBe(130)
    expect(tookMs).toBeLessThan(5000)
    await load.stop()
    await until(() => !pids.some(alive), 2000)
  }, 60_000)

  it('does not start at all when a port is taken', async () => {
    const server = createServer()
    server.listen({ port: 0, host: '127.0.0.1', reusePort: true })
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const settings = ['ingest.zipkin.host=127.0.0.1', `ingest.zipkin.port=${port}`, 'admin.port=0', 'queue.type=memory']
    const child = spawn(process.execPath, [main, 'serve', '--workers', '2', ...settings.flatMap((one) => ['--set', one])])
    let output = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => void (output += text))
    const [code] = await once(child, 'exit')
    expect([code, output]).toEqual([2, expect.stringMatching(/^OB_LISTEN: cannot listen on 127\.0\.0\.1:\d+: .*\(ingest\.zipkin\.port\)/)])
  }, 60_000)
})
