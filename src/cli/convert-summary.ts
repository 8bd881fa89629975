/** The table that a conversion ends with: sources by status, then what needs a look. */

import type { Report } from '../../dashboards/report/model.ts'
import { plainText, printTable } from './table.ts'

const shownLines = 100
const longestLine = 240
const statuses = ['unchanged', 'exact', 'approximate', 'manual', 'unsupported'] as const

const percent = (score: number): string => `${(Math.floor(score * 1000) / 10).toFixed(1)} %`

export function summaryOf(report: Report): string {
  const { sources, notConverted, scores } = report
  const counts = (one: { readonly counts: Report['scores']['all']['counts'] }): number[] => statuses.map((status) => one.counts[status])
  const rows = sources.map((one) => [one.path, one.kind, percent(one.score), ...counts(one)])
  const total = sources.length > 1 ? [['all', '', percent(scores.all.score), ...counts(scores.all)]] : []
  const parts = sources.length === 0 ? [] : [printTable(['source', 'kind', 'score', ...statuses], [...rows, ...total])]
  const lines: string[] = []
  for (const { path, kind, notes } of notConverted)
    for (const { code, text } of notes) lines.push(`not converted: ${path}${kind === '' ? '' : ` (${kind})`}: ${code} ${text}`)
  for (const { path, notes, items, parts: others } of sources) {
    for (const { code, text } of notes) lines.push(`${path}: ${code} ${text}`)
    for (const { id, status, notes: own, before } of [...items, ...others]) {
      if (status === 'unchanged' || status === 'exact') continue
      const why = own.map(({ code, text }) => `${code} ${text}`).join('; ')
      lines.push(`${status}: ${path} ${id}: ${why === '' ? before.slice(0, 120) : why}`)
    }
  }
  const shown = lines.slice(0, shownLines).map((line) => plainText(line.length > longestLine ? `${line.slice(0, longestLine)}…` : line))
  if (lines.length > shownLines) shown.push(`and ${lines.length - shownLines} more: --report DIR has them all`)
  if (shown.length > 0) parts.push(`${shown.join('\n')}\n`)
  return parts.join('\n')
}
