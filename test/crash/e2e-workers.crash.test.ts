import { describe, expect, it } from 'vitest'
import { runSeed } from './support/random.ts'
import { workerKillRounds } from './support/worker-rounds.ts'

const rounds = Number(process.env['OTLP_BRIDGE_CRASH_ROUNDS'] ?? 20)

describe('kill -9 of workers under load', () => {
  it('loses nothing that was acknowledged', async () => {
    const rows = await workerKillRounds(Math.ceil(rounds / 2), runSeed())
    expect(rows.at(-1)?.acked).toBeGreaterThan(rounds * 100)
  })
})
