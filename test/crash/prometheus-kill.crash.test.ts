import { describe, expect, it } from 'vitest'
import { runSeed } from './support/random.ts'
import { writeKillRounds } from './support/write-rounds.ts'

const rounds = Number(process.env['OTLP_BRIDGE_CRASH_ROUNDS'] ?? 20)

describe('kill -9 under remote-write', () => {
  it('loses no acknowledged sample; histograms arrive whole and right, or not yet', async () => {
    const rows = await writeKillRounds(rounds, runSeed())
    expect(rows.at(-1)?.points).toBeGreaterThan(rounds * 100)
  })

  it.each([
    ['with ack written', ['queue.ack=written']],
    ['where histograms are sent again when members come late', ['translate.prometheus.late=reemit']],
    ['with series that wait for their target_info', ['translate.prometheus.targetInfo.wait=1s']],
  ])('%s loses nothing either', async (_, settings) => {
    const rows = await writeKillRounds(Math.ceil(rounds / 4), runSeed(), settings)
    expect(rows.at(-1)?.points).toBeGreaterThan(rounds * 25)
  })
})
