/** The rules of the mapping pages, out of the tables that `translate --explain` reads. */

import { jaegerSentences } from '../../src/translate/jaeger/sentences.ts'
import { zipkinSentences } from '../../src/translate/zipkin/sentences.ts'

/** What the rules of each format say, by their ids. */
export const sentencesOf: Readonly<Record<'jaeger' | 'zipkin', Readonly<Record<string, string>>>> = {
  jaeger: jaegerSentences,
  zipkin: zipkinSentences,
}

const begin = '<!-- rules: written by `npm run docs` -->'
const end = '<!-- end of rules -->'

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('*', '\\*').replaceAll('_', '\\_')

/** The page with the table of rules between its two marks. Throws when it has no marks. */
export function withRules(page: string, sentences: Readonly<Record<string, string>>): string {
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new Error(`cannot write rules: the page has no ${begin}`)
  const rows = [['rule', 'says'], ...Object.entries(sentences).map(([rule, sentence]) => [rule, cell(sentence)])]
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string => `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = rows
  const rule = widths.map((width) => '-'.repeat(width))
  return `${page.slice(0, from + begin.length)}\n\n${[head, rule, ...body].map(line).join('\n')}\n\n${page.slice(to)}`
}
