/** Parity as the page shows it: live out of the books, and what the parity command reported. */

import type { ParityRun } from '../admin/api.ts'
import type { ParitySource } from '../admin/sources.ts'
import { type LiveDeps, readLive } from '../books/live.ts'
import type { RunStore, RunSummary } from '../parity/runs.ts'

export interface ParitySourceDeps {
  readonly live: LiveDeps
  readonly runs: RunStore
  readonly samples: ParitySource['samples']
}

const iso = (ms: number): string => new Date(ms).toISOString()

const shown = (one: RunSummary): ParityRun => ({
  id: one.id,
  at: iso(one.atMs),
  format: one.formats.join(', '),
  from: iso(one.fromMs),
  to: iso(one.toMs),
  result: one.result,
  percent: one.parity === undefined ? null : one.parity * 100,
  compared: one.compared,
  missing: one.missing,
  text: one.why,
})

export function createParitySource({ live, runs, samples }: ParitySourceDeps): ParitySource {
  return {
    live: (query) => readLive(live, query),
    runs: async () => (await runs.list()).map(shown),
    async run(id) {
      const report = await runs.read(id)
      const summary = (await runs.list()).find((one) => one.id === id)
      return report === undefined || summary === undefined ? undefined : { run: shown(summary), report }
    },
    samples,
  }
}
