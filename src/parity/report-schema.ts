/** The report of `parity --json` as a schema; `schema/parity-report.schema.json` is made of it. */

import { z } from 'zod'
import { differenceClasses, type ParityReport, parityFormats } from './model.ts'

const count = z.number().int().min(0)
const part = z.number().min(0).max(1)
const time = z.string().describe('RFC 3339, UTC.')
const value = z.union([z.string(), z.number(), z.boolean(), z.null()]).optional()

const cost = z.strictObject({ requests: count, bytes: count, seconds: z.number().min(0) })

const difference = z.strictObject({
  class: z.enum(differenceClasses).describe('Why the sides differ; `unexplained` alone counts.'),
  kind: z.enum(['missing_old', 'missing_new', 'extra_new', 'changed', 'unaccounted', 'mapping_changed']),
  rule: z.string().describe('Rule of the mapping or name of the reader; empty: none.'),
  path: z.string().describe('Field of the item, or (item) for the item as a whole.'),
  count: count.describe('How often it was seen.'),
  of: count.describe('Of how many that could have shown it.'),
  text: z.string().describe('The row in words.'),
  example: z.strictObject({ id: z.string(), old: value, new: value, expected: value }),
})

const item = z.strictObject({
  format: z.enum(parityFormats),
  key: z.string().describe('Service, job or index.'),
  window: z.strictObject({ from: time, to: time }),
  counts: z.strictObject({ expected: count, old: count, new: count, distinctOld: count, distinctNew: count }),
  samples: z.strictObject({
    asked: count,
    foundOld: count,
    foundNew: count,
    equal: count,
    explained: count,
    unexplained: count,
    lowerBound: part.describe('95 % lower bound (Wilson) of the part of the sample that is equal or explained.'),
  }),
  differences: z.array(difference).readonly(),
  parity: part.describe('The lower one of the scores over counts and over the sample.'),
  verdict: z.enum(['equal', 'explained', 'different', 'unjudged']),
  why: z.string(),
})

/** Version 1. What is added later is added as further keys, under a new version when they are required. */
export const parityReport = z
  .strictObject({
    version: z.literal(1),
    tool: z.string(),
    mappingHash: z.string(),
    startedAt: time,
    reference: z.enum(['books', 'old']).describe('`old`: what neither side has is not seen.'),
    settle: z.strictObject({ old: z.string(), new: z.string() }),
    result: z.strictObject({ parity: part, require: part, ok: z.boolean(), unjudged: count }),
    cost: z.strictObject({ old: cost, new: cost }),
    items: z.array(item).readonly(),
  })
  .describe('What otlp-bridge parity found.') satisfies z.ZodType<unknown, ParityReport>

/** JSON Schema of the report. */
export function parityReportSchema(): string {
  return `${JSON.stringify({ title: 'otlp-bridge parity report', ...z.toJSONSchema(parityReport, { io: 'input' }) }, null, 2)}\n`
}
