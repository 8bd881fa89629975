/** Runs `otlp-bridge parity` in this process against real backends. */

import { type ParityCommandOptions, parity } from '../../src/cli/parity.ts'
import type { ParityReport } from '../../src/parity/model.ts'

/** Quick, without a running bridge's books, its report as JSON. */
export async function runParityCommand(options: ParityCommandOptions): Promise<{ readonly code: number; readonly report: ParityReport }> {
  let out = ''
  const io = {
    env: {},
    out: (data: string | Uint8Array) => {
      out += data.toString()
    },
    err: () => {},
    drained: async () => {},
    terminal: false,
    stdin: async () => new Uint8Array(),
    takeSignals: () => new AbortController().signal,
    takeHangups: () => {},
  }
  const code = await parity({ set: ['admin.enabled=false'], rate: '100', budget: '30s', json: true, ...options }, io)
  return { code, report: JSON.parse(out) }
}

const told = (report: ParityReport, fits: (name: string) => boolean): readonly string[] =>
  report.items.flatMap(({ key, differences }) =>
    differences.filter((one) => fits(one.class)).map((one) => `${key}: ${one.text} ${JSON.stringify(one.example)}`),
  )

/** What nothing explains, in words. */
export const faults = (report: ParityReport): readonly string[] => told(report, (name) => name === 'unexplained')
