import { describe, expect, it } from 'vitest'
import { logsKillRounds } from './support/logs-rounds.ts'
import { runSeed } from './support/random.ts'

const rounds = Number(process.env['OTLP_BRIDGE_CRASH_ROUNDS'] ?? 20)

describe('kill -9 under documents and Beats', () => {
  it('loses nothing that was acknowledged; large requests are there whole or not at all', async () => {
    const { rows, ledger, large } = await logsKillRounds(rounds, runSeed())
    expect(rows.at(-1)?.acked).toBeGreaterThan(rounds * 100)
    expect(ledger.answers['window'] ?? 0).toBeGreaterThan(rounds)
    // Some were killed in the middle.
    expect(large['begun, none'] ?? 0).toBeGreaterThan(rounds / 4)
  })

  it.each(['written', 'forwarded'])('with ack %s loses nothing either', async (ack) => {
    const { rows } = await logsKillRounds(Math.ceil(rounds / 4), runSeed(), [`queue.ack=${ack}`])
    expect(rows.at(-1)?.acked).toBeGreaterThan(rounds)
  })

  it('with large requests alone: no part of any is sent', async () => {
    const { large } = await logsKillRounds(Math.ceil(rounds / 2), runSeed(), [], { small: 0, beats: 0, large: 4, largeDocuments: 20_000 })
    expect(large['begun, none'] ?? 0).toBeGreaterThan(rounds / 4)
  })
})
