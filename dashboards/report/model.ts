/** The report of a conversion as data: section 11 of the conversion reference. Its JSON schema is made of this; `version` grows when something changes its meaning. */

import { z } from 'zod'
import { statuses } from '../model.ts'

export const reportVersion = 1

const status = z.enum(statuses)

const note = z.strictObject({
  code: z.string().describe('Public code: docs/reference/conversion-codes.md says why, and what to do.'),
  text: z.string(),
  suggestion: z.string().optional(),
  doc: z.string().describe('Where the code is explained.'),
})

const item = z
  .strictObject({
    id: z.string().describe('Unique in its source, stable between runs.'),
    kind: z.string().describe('target, variable, annotation, rule; of parts: panel, link, datasource, label, layout, receiver, file.'),
    where: z.string().describe('Place in the source.'),
    title: z.string(),
    language: z.string(),
    afterLanguage: z.string().optional(),
    status,
    before: z.string(),
    after: z.string().nullable().describe('null: nothing is written.'),
    edits: z.array(
      z
        .strictObject({ start: z.int(), end: z.int(), from: z.string(), to: z.string(), rule: z.string() })
        .describe('Offsets in UTF-16 units.'),
    ),
    notes: z.array(note),
    uses: z.strictObject({ metrics: z.array(z.string()), labels: z.array(z.string()), fields: z.array(z.string()) }),
    verify: z
      .strictObject({ verdict: z.string(), text: z.string(), worst: z.number().optional() })
      .nullable()
      .describe('What comparing both backends said; null: not compared.'),
  })
  .describe('One query, or one part around queries.')

const counts = z
  .strictObject({ unchanged: z.int(), exact: z.int(), approximate: z.int(), manual: z.int(), unsupported: z.int() })
  .describe('Queries by status.')

const source = z.strictObject({
  path: z.string(),
  link: z.string().optional().describe('Where it is seen in the old user interface.'),
  sha256: z.string(),
  kind: z.string(),
  title: z.string(),
  uid: z.string(),
  tags: z.array(z.string()),
  output: z.array(z.string()).describe('Files that were made of it.'),
  status: status.describe('The worst of its queries and parts.'),
  score: z.number().describe('Σ weight ÷ queries; 1 of none.'),
  counts,
  items: z.array(item).describe('Queries. Each of the source is exactly one.'),
  parts: z.array(item).describe('Everything else that changed or needs a word; not in the score.'),
  notes: z.array(note),
})

const scored = z.strictObject({ name: z.string(), score: z.number(), items: z.int(), counts })

export const reportSchema = z
  .strictObject({
    version: z.literal(reportVersion),
    tool: z.string(),
    command: z.enum(['dashboards', 'alerts']),
    mappingHash: z.string().describe('SHA-256 of everything that decides names and forms: two reports with the same one can be compared.'),
    assumptions: z.array(z.string()).describe('What was taken for granted, because nobody said otherwise.'),
    sources: z.array(source),
    notConverted: z.array(z.strictObject({ path: z.string(), kind: z.string(), outcome: z.string(), notes: z.array(note) })),
    scores: z.strictObject({ all: scored, folders: z.array(scored), tags: z.array(scored) }),
    inventory: z.strictObject({
      metrics: z.array(
        z.strictObject({
          old: z.string(),
          new: z.string().nullable().describe('null: there is no such series any more.'),
          k: z.number().describe('New value = old value × k.'),
          uses: z.int(),
          dashboards: z.int(),
        }),
      ),
      fieldsUnmapped: z.array(z.strictObject({ field: z.string(), why: z.string(), uses: z.int(), dashboards: z.int() })),
      datasourcesUnmapped: z.array(z.strictObject({ datasource: z.string(), uses: z.int(), dashboards: z.int() })),
    }),
  })
  .describe('Report of otlp-bridge convert.')

export type Report = z.output<typeof reportSchema>
export type ReportSource = Report['sources'][number]
export type ReportItem = ReportSource['items'][number]
export type ReportNote = ReportSource['notes'][number]
export type Scored = Report['scores']['all']
export type Counts = Scored['counts']
