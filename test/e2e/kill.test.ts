import { describe, expect, it } from 'vitest'
import { killRounds } from '../crash/support/kill-rounds.ts'
import { runSeed } from '../crash/support/random.ts'

describe('kill -9 under load', () => {
  it('loses nothing that was acknowledged, twice in a row', async () => {
    const rows = await killRounds(2, runSeed())
    expect(rows.at(-1)?.acked).toBeGreaterThan(100)
  }, 60_000)
})
