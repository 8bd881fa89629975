import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { drain, openDisk, stateFolder } from '../emit/support/queues.ts'

const rounds = Number(process.env['OTLP_BRIDGE_CRASH_ROUNDS'] ?? 20)
const child = fileURLToPath(new URL('./queue-child.ts', import.meta.url))

const start = async (path: string, notes: string, first: number, share: number, ack = 'durable'): Promise<ChildProcess> => {
  const started = spawn(process.execPath, [child, path, notes, String(first), String(share), ack], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(started.stdout, 'data')
  return started
}

const kill = async (one: ChildProcess): Promise<void> => {
  const gone = once(one, 'exit')
  expect(one.kill('SIGKILL')).toBe(true)
  await gone
}

const linesOf = (file: string): string[] => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [])

const outcome = async (path: string, notes: string) => {
  const acknowledged = new Set(linesOf(`${notes}/acknowledged`).map(Number))
  const lines = linesOf(`${notes}/delivered`).map((line) => line.split(' '))
  const { queue, metrics } = await openDisk(path)
  const left = await drain(queue)
  const sums = metrics.sums()
  await queue.close()
  const delivered = [...lines.map(([number]) => Number(number)), ...left]
  const seen = new Set(delivered)
  return {
    acknowledged: acknowledged.size,
    missing: [...acknowledged].filter((number) => !seen.has(number)),
    repeats: delivered.length - seen.size,
    left: left.length,
    sums,
    setAside: metrics.counter('otlp_bridge_queue_set_aside_files_total').value,
  }
}

describe('kill -9', () => {
  it.each(['durable', 'written'])('loses nothing that was acknowledged with ack %s', async (ack) => {
    const path = stateFolder()
    const notes = stateFolder()
    for (let round = 0; round < rounds; round++) {
      const one = await start(path, notes, round * 1_000_000, round % 3 === 2 ? 0 : 0.7, ack)
      await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 500))
      await kill(one)
    }
    const result = await outcome(path, notes)
    console.log(`kill -9, ${rounds} times, ack ${ack}:`, { ...result, sums: undefined })
    expect(result).toMatchObject({ missing: [], setAside: 0 })
    expect(result.acknowledged).toBeGreaterThan(rounds * 10)
    expect(result.sums).toMatchObject([{ queued: 0, carried: result.left }])
    // Only what was taken last and not settled: 16 a take, and what was settled in the last moments.
    expect(result.repeats).toBeLessThan(rounds * 64)
  })

  it('two processes on one folder: the one that lives takes over what the killed one leaves', async () => {
    const path = stateFolder()
    const notes = stateFolder()
    const survivor = await start(path, notes, 500_000_000, 1)
    for (let round = 0; round < rounds / 2; round++) {
      const one = await start(path, notes, round * 1_000_000, 0.3)
      await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 400))
      await kill(one)
    }
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const deliveredByThen = linesOf(`${notes}/delivered`).length
    await kill(survivor)
    const result = await outcome(path, notes)
    console.log('two processes:', { ...result, sums: undefined, deliveredByThen })
    expect(result).toMatchObject({ missing: [], setAside: 0 })
  })
})
