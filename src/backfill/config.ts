/** Section `backfill` of the configuration: what a command need not say each time. */

import { z } from 'zod'

export const backfillConfig = z
  .strictObject({
    ledger: z
      .string()
      .min(1)
      .default('./otlp-bridge-data/backfill')
      .describe('Folder of the ledgers, one file a run: how far each slice has come. A run that stopped goes on from it. As `--ledger`.'),
    parallel: z.number().int().min(1).max(64).default(4).describe('Slices under way at the same time, at the most. As `--parallel`.'),
    rate: z.string().optional().describe('Items a second at the most, as in `20000/s`. Below it the pace follows both sides. As `--rate`.'),
    rateBytes: z.string().optional().describe('Bytes of OTLP a second at the most, as in `30MB/s`. As `--rate-bytes`.'),
    only: z
      .string()
      .optional()
      .describe('Times of day at which it runs, as in `22:00-06:00,Sat-Sun@Europe/Berlin`; else it waits. Default: always. As `--only`.'),
    sources: z
      .record(z.string().min(1), z.record(z.string().min(1), z.unknown()))
      .default({})
      .meta({ secret: true })
      .describe(
        'Options of sources by their kind, as on the command line but in camelCase: `jaeger-es: { url: …, apiKey: … }`. Flags win.',
      ),
  })
  .prefault({})
  .describe('The command `otlp-bridge backfill`: history out of old stores.')

/** With every default filled in. */
