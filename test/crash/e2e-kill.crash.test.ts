import { describe, expect, it } from 'vitest'
import { killRounds } from './support/kill-rounds.ts'
import { runSeed } from './support/random.ts'

const rounds = Number(process.env['OTLP_BRIDGE_CRASH_ROUNDS'] ?? 20)

describe('kill -9 under load', () => {
  it('loses nothing that was acknowledged, and repeats only what was in flight', async () => {
    const rows = await killRounds(rounds, runSeed())
    expect(rows.at(-1)?.acked).toBeGreaterThan(rounds * 100)
  })

  it.each(['written', 'forwarded'])('with ack %s loses nothing either', async (ack) => {
    const rows = await killRounds(Math.ceil(rounds / 4), runSeed(), [`queue.ack=${ack}`])
    expect(rows.at(-1)?.acked).toBeGreaterThan(rounds)
  })
})
