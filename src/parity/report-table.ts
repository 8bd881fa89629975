/** The report for a terminal. */

import type { ParityReport, ReportItem } from './model.ts'

/** Keys and values are the senders': nothing of them may move a terminal's cursor. */
const plain = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)

/** `99.99 %`, cut and not rounded: 99.996 % is not 100 %. */
export const percent = (part: number): string => {
  if (part >= 1) return '100 %'
  return `${(Math.floor(part * 10_000 + 1e-9) / 100).toFixed(2)} %`
}

const windowText = ({ window: { from, to } }: ReportItem): string => `${from.slice(5, 10)} ${from.slice(11, 16)}–${to.slice(11, 16)}`

export const tableHead = ['key', 'window', 'expected', 'old', 'new', 'Δ', 'sampled', 'equal', 'explained', 'unexplained', 'parity'] as const

export const tableRow = (item: ReportItem): readonly (string | number)[] => {
  const { counts, samples } = item
  return [
    plain(item.key),
    windowText(item),
    counts.expected,
    counts.old,
    counts.new,
    counts.new - counts.old,
    samples.asked,
    samples.equal,
    samples.explained,
    samples.unexplained,
    item.verdict === 'unjudged' ? 'not judged' : percent(item.parity),
  ]
}

/** Explained differences listed under a key; `--json` has all. */
const mostExplained = 5

function detail(item: ReportItem): string {
  let text = ''
  const faults = item.differences.filter((one) => one.class === 'unexplained')
  const others = item.differences.filter((one) => one.class !== 'unexplained')
  for (const { text: words, example } of faults) text += `  ✗ ${plain(words)}\n      such as ${plain(example.id)}\n`
  for (const { class: name, text: words } of others.slice(0, mostExplained)) text += `  · ${name}: ${plain(words)}\n`
  if (others.length > mostExplained) text += `  · ${others.length - mostExplained} more explained differences\n`
  if (item.verdict === 'unjudged') text += `  ? not judged: ${plain(item.why)}\n`
  return text === '' ? '' : `${item.format} ${plain(item.key)} ${windowText(item)}\n${text}`
}

/** @param table makes a table of a head and rows */
export function printReport(
  report: ParityReport,
  table: (head: readonly string[], rows: readonly (readonly (string | number)[])[]) => string,
): string {
  const { items, result, reference, cost } = report
  if (items.length === 0) return 'nothing was compared: neither side has anything in the windows\n'
  const details = [...new Set(items.map(detail).filter((one) => one !== ''))]
  const weaker =
    reference === 'old'
      ? 'The old side is the reference: what neither side has is not seen.\n'
      : 'The books of the bridge are the reference.\n'
  const unjudged = result.unjudged === 0 ? '' : `, ${result.unjudged} not judged`
  const spent = (['old', 'new'] as const)
    .map((side) => `${side} ${cost[side].requests} requests, ${Math.round(cost[side].bytes / 1024)} KiB`)
    .join('; ')
  return [
    table(tableHead, items.map(tableRow)),
    ...details,
    `parity ${percent(result.parity)}${unjudged}: ${result.ok ? 'ok' : 'below what is required'} (${percent(result.require)})\n${weaker}asked: ${spent}\n`,
  ].join('\n')
}
