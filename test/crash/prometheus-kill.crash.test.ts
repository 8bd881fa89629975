import { describe, expect, it } from 'vitest'
import { runSeed } from './support/random.ts'
import { writeKillRounds } from './support/write-rounds.ts'

const rounds = Number(process.env['OTLP_BRIDGE_CRASH_ROUNDS'] ?? 20)

describe('kill -9 under remote-write', () => {
  it('loses no acknowledged sample; histograms arrive whole and right, or not yet', async () => {
    const rows = await writeKillRounds(rounds, runSeed())
    expect(rows.at(-1)?.points).toBeGreaterThan(rounds * 100)
  })
})
