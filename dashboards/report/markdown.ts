/** The report as Markdown: a summary, then what needs a human, the worst first. */

import { statuses } from '../model.ts'
import { commandsFor } from './commands.ts'
import type { Report, ReportItem, ReportSource, Scored } from './model.ts'

/** Of an unreadable length: the JSON report has them all. */
const shownItems = 2000
const shownNames = 200

/** A cell: no markup, no line breaks, nothing that ends it. */
export const cell = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .replace(/[\\`*_{}[\]<>|#!~&]/g, (character) =>
      character === '<' ? '&lt;' : character === '>' ? '&gt;' : character === '&' ? '&amp;' : `\\${character}`,
    )

/** A fence that is longer than any in the text. */
export function fenced(text: string, language: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((one) => one.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}${language}\n${text}\n${fence}`
}

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`

const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')

const percent = (score: number): string => `${(Math.floor(score * 1000) / 10).toFixed(1)} %`

const scores = (list: readonly Scored[]): string =>
  table(
    ['', 'score', 'queries', ...statuses],
    list.map((one) => [cell(one.name), percent(one.score), one.items, ...statuses.map((status) => one.counts[status])]),
  )

const rank = (status: ReportItem['status']): number => statuses.indexOf(status)

const isOpen = ({ status }: Pick<ReportItem, 'status'>): boolean => rank(status) >= rank('approximate')

function itemText(source: ReportSource, item: ReportItem): string {
  const notes = item.notes.map(
    ({ code, text, suggestion, doc }) =>
      `- [${code}](${doc}): ${cell(text)}${suggestion === undefined ? '' : ` Suggestion: ${cell(suggestion)}`}`,
  )
  const measured = item.verify === null ? [] : [`- measured: **${item.verify.verdict}** ${cell(item.verify.text)}`]
  const after =
    item.after === null
      ? 'Nothing is written.'
      : item.after === item.before
        ? 'It was left as it is.'
        : fenced(item.after, item.afterLanguage ?? item.language)
  return [
    `#### ${cell(item.status)}: ${cell(item.title === '' ? item.id : item.title)}`,
    `\`${`${source.path} ${item.where}`.replace(/[`\p{Cc}\p{Cf}]/gu, ' ')}\` (${cell(item.id)})`,
    [...notes, ...measured].join('\n'),
    fenced(item.before, item.language),
    after,
  ]
    .filter((one) => one !== '')
    .join('\n\n')
}

export function markdownReport(report: Report): string {
  const { sources, scores: all, notConverted, inventory, assumptions } = report
  const open = sources
    .flatMap((source) => [...source.items, ...source.parts].filter(isOpen).map((item) => ({ source, item })))
    .sort((one, other) => rank(other.item.status) - rank(one.item.status))
  const parts = [
    `# Conversion of ${report.command}`,
    `${cell(report.tool)}, mapping ${cell(report.mappingHash.slice(0, 12))}. ${sources.length} converted, ${notConverted.length} not. Score ${percent(all.all.score)}: each query counts 1 when it is unchanged or exact, 0.6 approximate, 0.2 manual, 0 unsupported.`,
    scores([all.all]),
  ]
  if (assumptions.length > 0) parts.push('## Taken for granted', assumptions.map((one) => `- ${cell(one)}`).join('\n'))
  parts.push(
    '## Sources',
    table(
      ['source', 'kind', 'title', 'score', ...statuses],
      sources.map((one) => [
        cell(one.path),
        one.kind,
        cell(one.title),
        percent(one.score),
        ...statuses.map((status) => one.counts[status]),
      ]),
    ),
  )
  if (all.folders.length > 1) parts.push('## Folders', scores(all.folders))
  if (all.tags.length > 0) parts.push('## Tags', scores(all.tags))
  if (notConverted.length > 0) {
    parts.push(
      '## Not converted',
      table(
        ['file', 'kind', 'why'],
        notConverted.map(({ path, kind, notes }) => [
          cell(path),
          kind,
          notes.map(({ code, text, doc }) => `[${code}](${doc}) ${cell(text)}`).join('; '),
        ]),
      ),
    )
  }
  const fileNotes = sources.flatMap(({ path, notes }) =>
    notes.map(({ code, text, doc }) => `- ${cell(path)}: [${code}](${doc}) ${cell(text)}`),
  )
  if (fileNotes.length > 0) parts.push('## Of whole files', fileNotes.join('\n'))
  if (open.length > 0) {
    parts.push('## What needs a look, the worst first', ...open.slice(0, shownItems).map(({ source, item }) => itemText(source, item)))
    if (open.length > shownItems) parts.push(`And ${open.length - shownItems} more: report.json has them all.`)
  }
  parts.push('## Inventory')
  if (inventory.metrics.length > 0) {
    parts.push(
      table(
        ['metric', 'now', 'factor', 'queries', 'sources'],
        inventory.metrics
          .slice(0, shownNames)
          .map((one) => [
            cell(one.old),
            one.new === null ? '(gone)' : one.new === one.old ? '(same)' : cell(one.new),
            one.k,
            one.uses,
            one.dashboards,
          ]),
      ),
    )
  }
  if (inventory.fieldsUnmapped.length > 0)
    parts.push(
      'Fields without a home:',
      table(
        ['field', 'why', 'queries'],
        inventory.fieldsUnmapped.slice(0, shownNames).map((one) => [cell(one.field), cell(one.why), one.uses]),
      ),
    )
  if (inventory.datasourcesUnmapped.length > 0)
    parts.push(
      'Data sources that nobody mapped:',
      table(
        ['data source', 'sources'],
        inventory.datasourcesUnmapped.slice(0, shownNames).map((one) => [cell(one.datasource), one.dashboards]),
      ),
    )
  const commands = commandsFor(sources)
  if (commands.length > 0) parts.push('## To load the results', fenced(commands.join('\n'), 'sh'))
  return `${parts.join('\n\n')}\n`
}
