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
  const rows = Object.entries(sentences).map(([rule, sentence]) => `| ${rule} | ${cell(sentence)} |`)
  return `${page.slice(0, from + begin.length)}\n\n| rule | says |\n|---|---|\n${rows.join('\n')}\n\n${page.slice(to)}`
}
