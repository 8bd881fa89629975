import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createDiskQueue } from '../../src/emit/queue/disk.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { recordOutcomes } from '../emit/support/mirrored.ts'
import { drain, laneOf, stateFolder, until } from '../emit/support/queues.ts'
import { query } from '../emit/support/staging.ts'

const rounds = Number(process.env['OTLP_BRIDGE_CRASH_ROUNDS'] ?? 20)
const child = fileURLToPath(new URL('./mirror-child.ts', import.meta.url))

const names = ['default', 'mirror.zipkin'] as const

const start = async (path: string, notes: string, first: number, ack: string, share: number): Promise<ChildProcess> => {
  const started = spawn(process.execPath, [child, path, notes, String(first), ack, String(share)], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(started.stdout, 'data')
  return started
}

const linesOf = (file: string): string[] => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [])

/** What each lane has had or still has, and what whoever is told was told of what was left. */
const outcome = async (path: string, notes: string) => {
  const { lines, outcomes } = recordOutcomes()
  const metrics = createMetrics()
  const lanes = names.map((destination) => ({ destination, whenFull: 'refuse' as const, mirror: destination !== 'default' }))
  const queue = await createDiskQueue(
    { path, lanes, maxSize: 2 ** 33, ack: 'durable', memoryTail: 2 ** 20, ballast: 0, adoptEveryMs: 200 },
    { metrics, log: silentLog, nowMs: Date.now, outcomes },
  )
  onTestFinished(() => queue.close())
  const seen = new Map<string, Set<number>>()
  let withoutAccount = 0
  for (const name of names) {
    lines.length = 0
    const left = await drain(laneOf(queue, name))
    const told = lines.map((line) => Number(line.split(' ')[4]))
    expect(told).toEqual(left)
    const delivered = linesOf(`${notes}/delivered-${name}`).map((line) => line.split(' ').map(Number))
    withoutAccount += delivered.filter(([number, account]) => number !== account).length
    seen.set(name, new Set([...left, ...delivered.map(([number = -1]) => number)]))
  }
  const [otlp = new Set<number>(), legacy = new Set<number>()] = names.map((name) => seen.get(name))
  const acknowledged = linesOf(`${notes}/acknowledged`).map(Number)
  return {
    acknowledged: acknowledged.length,
    both: [...otlp].filter((one) => legacy.has(one)).length,
    onlyOtlp: [...otlp].filter((one) => !legacy.has(one)),
    onlyLegacy: [...legacy].filter((one) => !otlp.has(one)),
    missing: acknowledged.filter((one) => !otlp.has(one) || !legacy.has(one)),
    withoutAccount,
    sums: metrics.sums().map(({ queued, elsewhere }) => [queued, elsewhere]),
  }
}

describe('kill -9 with a mirror', () => {
  it.each([
    ['durable', 0],
    ['durable', 0.7],
    ['written', 0.7],
  ])('leaves a batch and its envelope in both lanes or in none (ack %s, %d of it taken)', async (ack, share) => {
    const path = stateFolder()
    const notes = stateFolder()
    for (let round = 0; round < rounds; round++) {
      const one = await start(path, notes, round * 1_000_000, ack, round % 3 === 2 ? 0 : share)
      await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 400))
      const gone = once(one, 'exit')
      expect(one.kill('SIGKILL')).toBe(true)
      await gone
    }
    const { sums, ...result } = await outcome(path, notes)
    console.log(`kill -9 with a mirror, ${rounds} times, ack ${ack}:`, result)
    expect(result).toMatchObject({ onlyOtlp: [], onlyLegacy: [], missing: [], withoutAccount: 0 })
    expect(result.acknowledged).toBeGreaterThan(rounds * 5)
    expect(sums.flat().filter((one) => one !== 0)).toEqual([])
    expect(query(path, 'SELECT (SELECT count(*) FROM accounts) + (SELECT count(*) FROM batches)')).toBe(0)
    // Parts of requests that were not committed go with a later look.
    await until(() => query(path, 'SELECT count(*) FROM shared') === 0)
  })
})
