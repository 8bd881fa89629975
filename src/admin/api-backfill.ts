/** Answers of `/api/v1/backfill`. */

import { z } from 'zod'

const at = z.string().describe('Time, RFC 3339, UTC.')
const count = z.number().describe('A count.')

/** A run of `otlp-bridge backfill` whose ledger lies beside this bridge. */
export const backfillRun = z.object({
  run: z.string(),
  source: z.object({ kind: z.string(), name: z.string(), unit: z.string() }),
  destination: z.string(),
  created: at,
  cutover: at.optional().describe('With `--until cutover`: where the bridge took over.'),
  state: z.enum(['running', 'stopped', 'complete', 'losses']),
  part: z.number().describe('Of the plan that is done, 0 to 1.'),
  slices: z.record(z.string(), count).describe('By state.'),
  planned: count.describe('Items of the source, by estimate; 0: not known.'),
  read: count.describe('Items of the source.'),
  acknowledged: count.describe('OTLP items.'),
  skipped: count,
  rejected: count,
  dead: count,
  resent: count,
  perSecond: count.optional().describe('OTLP items a second since this was asked before; only while it runs.'),
  reached: at.optional().describe('Time of the newest item that was sent.'),
  failures: z.record(z.string(), count).describe('Slices that failed, by reason.'),
  trouble: z
    .array(z.object({ slice: z.string(), group: z.string(), state: z.string(), reason: z.string(), text: z.string() }))
    .readonly()
    .describe('The first slices that failed.'),
})
/** `GET /backfill`. */
export const backfillList = z.object({
  folder: z.string(),
  items: z.array(backfillRun).readonly().describe('Those that run first, then the latest.'),
  faults: z.array(z.string()).readonly().describe('Ledgers that cannot be read.'),
})
