/** The report as data (cutover 3.8). */

import { createHash } from 'node:crypto'
import type { Cost, Difference, ParityReport, ReportItem, Shown } from './model.ts'

/** Windows of keys and what is said of them → the report. The whole is as good as its worst key. */
export function reportOf(parts: Omit<ParityReport, 'version' | 'result'> & { readonly require: number }): ParityReport {
  const { require, ...rest } = parts
  const judgedItems = rest.items.filter(({ verdict }) => verdict !== 'unjudged')
  const unjudged = rest.items.length - judgedItems.length
  const parity = judgedItems.length === 0 ? 0 : Math.min(...judgedItems.map((one) => one.parity))
  return { version: 1, ...rest, result: { parity, require, ok: unjudged === 0 && judgedItems.length > 0 && parity >= require, unjudged } }
}

const hidden = (value: Shown): Shown => {
  if (typeof value !== 'string') return value === undefined || value === null ? value : `<${typeof value}>`
  return `<text of ${value.length}, ${createHash('sha256').update(value).digest('hex').slice(0, 8)}>`
}

const redactedDifference = (one: Difference): Difference => ({
  ...one,
  text: one.text.replace(/(?:"(?:[^"\\]|\\.)*"?|nothing) became (?:"(?:[^"\\]|\\.)*"?|nothing)/, 'another value'),
  example: {
    id: one.example.id,
    ...('old' in one.example ? { old: hidden(one.example.old) } : {}),
    ...('new' in one.example ? { new: hidden(one.example.new) } : {}),
    ...('expected' in one.example ? { expected: hidden(one.example.expected) } : {}),
  },
})

/** The same report with every value replaced by its type and the start of its hash; names of services and attributes stay. */
export const redacted = (report: ParityReport): ParityReport => ({
  ...report,
  items: report.items.map((item): ReportItem => {
    const differences = item.differences.map(redactedDifference)
    const at = item.differences.findIndex(({ text }) => text === item.why)
    return { ...item, differences, why: differences[at]?.text ?? item.why }
  }),
})

/** What a side was asked, rounded to what can be meant. */
export const costOf = ({ requests, bytes, seconds }: Cost): Cost => ({ requests, bytes, seconds: Math.round(seconds * 100) / 100 })
