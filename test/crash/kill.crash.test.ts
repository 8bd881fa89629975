import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { openStore } from '../../src/emit/queue/store.ts'
import { drain, openLanes, stateFolder } from '../emit/support/queues.ts'
import { lanesOf } from './numbered.ts'

const rounds = Number(process.env['OTLP_BRIDGE_CRASH_ROUNDS'] ?? 20)
const child = fileURLToPath(new URL('./queue-child.ts', import.meta.url))

/** Destinations and the share that each takes of what it is handed out. */
type Shares = Readonly<Record<string, number>>

const start = async (path: string, notes: string, first: number, shares: Shares, ack = 'durable'): Promise<ChildProcess> => {
  const destinations = Object.entries(shares).map(([name, share]) => `${name}=${share}`)
  const started = spawn(process.execPath, [child, path, notes, String(first), ack, ...destinations], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(started.stdout, 'data')
  return started
}

const kill = async (one: ChildProcess): Promise<void> => {
  const gone = once(one, 'exit')
  expect(one.kill('SIGKILL')).toBe(true)
  await gone
}

const linesOf = (file: string): string[] => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [])

/** For each destination: what it misses of what was acknowledged, and what was still there for it. */
const outcome = async (path: string, notes: string, names: readonly string[]) => {
  const acknowledged = linesOf(`${notes}/acknowledged`).map(Number)
  const { queue, metrics, lane, lines: log } = await openLanes(path, names)
  const each = []
  for (const [at, name] of names.entries()) {
    const lines = linesOf(`${notes}/delivered-${name}`).map((line) => Number(line.split(' ')[0]))
    const left = await drain(lane(name))
    const delivered = [...lines, ...left]
    const seen = new Set(delivered)
    const missing = acknowledged.filter((number) => lanesOf(number, names.length).includes(at) && !seen.has(number))
    const strange = delivered.filter((number) => !lanesOf(number, names.length).includes(at))
    each.push({ name, missing, strange, repeats: delivered.length - seen.size, left: left.length, sums: metrics.sums()[at] })
  }
  await queue.close()
  for (const line of log) if (line.includes('set aside')) console.log(line)
  return { acknowledged: acknowledged.length, each, setAside: metrics.counter('otlp_bridge_queue_set_aside_files_total').value }
}

describe('kill -9', () => {
  it.each(['durable', 'written'])('loses nothing that was acknowledged with ack %s', async (ack) => {
    const path = stateFolder()
    const notes = stateFolder()
    for (let round = 0; round < rounds; round++) {
      const one = await start(path, notes, round * 1_000_000, { default: round % 3 === 2 ? 0 : 0.7 }, ack)
      await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 500))
      await kill(one)
    }
    const result = await outcome(path, notes, ['default'])
    const [one] = result.each
    console.log(`kill -9, ${rounds} times, ack ${ack}:`, { ...result, each: { ...one, sums: undefined } })
    expect(result).toMatchObject({ each: [{ missing: [] }], setAside: 0 })
    expect(result.acknowledged).toBeGreaterThan(rounds * 10)
    expect(one?.sums).toMatchObject({ queued: 0, carried: one?.left })
    // Only what was taken last and not settled: 16 a take, and what was settled in the last moments.
    expect(one?.repeats).toBeLessThan(rounds * 64)
  })

  it('two processes on one folder: the one that lives takes over what the killed one leaves', async () => {
    const path = stateFolder()
    const notes = stateFolder()
    const survivor = await start(path, notes, 500_000_000, { default: 1 })
    for (let round = 0; round < rounds / 2; round++) {
      const one = await start(path, notes, round * 1_000_000, { default: 0.3 })
      await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 400))
      await kill(one)
    }
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const deliveredByThen = linesOf(`${notes}/delivered-default`).length
    await kill(survivor)
    const result = await outcome(path, notes, ['default'])
    console.log('two processes:', { ...result, each: { ...result.each[0], sums: undefined }, deliveredByThen })
    expect(result).toMatchObject({ each: [{ missing: [] }], setAside: 0 })
  })

  it('several destinations, one quick, one slow, one at times: each misses nothing, and gets nothing that is not for it', async () => {
    const path = stateFolder()
    const notes = stateFolder()
    for (let round = 0; round < rounds; round++) {
      const shares = { quick: 1, slow: round % 2 === 0 ? 0.1 : 0, odd: round % 3 === 0 ? 0.8 : 0 }
      const one = await start(path, notes, round * 1_000_000, shares)
      await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 500))
      await kill(one)
    }
    const result = await outcome(path, notes, ['quick', 'slow', 'odd'])
    console.log(`kill -9 with three destinations, ${rounds} times:`, {
      ...result,
      each: result.each.map(({ sums: _, ...one }) => one),
    })
    const none = { missing: [], strange: [] }
    expect(result).toMatchObject({ each: [none, none, none], setAside: 0 })
    expect(result.acknowledged).toBeGreaterThan(rounds * 10)
    for (const { sums, left } of result.each) expect(sums).toMatchObject({ queued: 0, carried: left })
    // Every value went with the last of its destinations.
    const store = openStore(path, 'NORMAL')
    expect(store.prepare('SELECT (SELECT count(*) FROM batches) + (SELECT count(*) FROM shared) AS rows').get()).toEqual({ rows: 0 })
    store.close()
  })
})
