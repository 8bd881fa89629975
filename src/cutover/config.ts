/** Section `verdict` of the configuration: what must hold before somebody is told "now". */

import { z } from 'zod'
import { duration } from '../config/units.ts'

const minute = 60_000
const hour = 60 * minute

/** The conditions by their ids, each in a few words. @see docs/cutover.md */
export const conditions = {
  V1: 'live parity',
  V2: 'stored parity',
  V3: 'dead letters',
  V4: 'queue of the new side',
  V5: 'books',
  V6: 'nothing untranslatable',
  V7: 'a peak was seen',
  V8: 'dashboards and rules',
  V9: 'reads of the old side',
  V10: 'others who feed the old side',
  V11: 'history',
  V12: 'legacy clients',
  V13: 'roll-back tried',
} as const

export type ConditionId = keyof typeof conditions

const conditionId = z.enum(Object.keys(conditions) as [ConditionId, ...ConditionId[]])

/** As people write it; what is in force is printed as a number. */
const percentage = z
  .string()
  .regex(/^\d{1,3}(\.\d+)?%$/, { error: 'expected a percentage such as 99.99%' })
  // Without what binary fractions add.
  .transform((text) => Number((Number(text.slice(0, -1)) / 100).toFixed(10)))
  .refine((value) => value <= 1, { error: 'expected at most 100%' })

export const verdictConfig = z
  .strictObject({
    windows: z.number().int().min(1).max(100).default(3).describe('Windows in a row that must be equal.'),
    window: duration.default(10 * minute).describe('Length of one.'),
    require: z
      .union([z.number().min(0).max(1), percentage])
      .prefault('99.99%')
      .describe('Parity of what is stored, at the least: `99.99%`, or 0.9999.'),
    quiet: duration
      .default(24 * hour)
      .describe(
        'For how long there must have been no dead letters, nothing that could not be translated, and no reads of the old side; of the last two a day is known.',
      ),
    history: duration
      .default(24 * hour)
      .describe(
        'For how long an endpoint must have been in `shadow` before `dual`, and been watched before its busiest minute is believed.',
      ),
    hold: duration.default(30 * minute).describe('After something failed all must hold for so long before the verdict is `ready` again.'),
    silentAfter: duration.default(24 * hour).describe('A key that nothing came from for so long is silent: neither ready nor failing.'),
    exclude: z
      .array(z.string().min(1))
      .default([])
      .describe('Keys (services, jobs, indices; `*` at the end) that the verdict over an endpoint leaves out.'),
    waive: z
      .array(
        z.strictObject({
          condition: conditionId.describe('Which one.'),
          key: z.string().min(1).default('*').describe('For which service, job or index; `*` at the end stands for anything.'),
          by: z.string().min(1).describe('Who says so.'),
          reason: z.string().min(1).describe('Why; it is shown beside the verdict.'),
          until: z
            .string()
            .regex(/^\d{4}-\d\d-\d\d$/, { error: 'expected a day such as 2026-12-31' })
            .optional()
            .describe('Last day on which it counts.'),
        }),
      )
      .default([])
      .describe('Conditions that somebody decided to do without.'),
  })
  .prefault({})
  .describe('When the page and `otlp-bridge readiness` say that a service, job or index can be cut over.')

export type VerdictConfig = z.output<typeof verdictConfig>
