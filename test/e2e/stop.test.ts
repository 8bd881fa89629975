import { describe, it } from 'vitest'
import { gracefulStops } from '../crash/support/stop-rounds.ts'

describe('SIGTERM under load', () => {
  it('leaves what was acknowledged delivered or in the queue of the next start', async () => {
    await gracefulStops(2)
  }, 60_000)
})
