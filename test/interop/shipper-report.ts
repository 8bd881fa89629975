/** The outcome as a table for people. */

import type { Outcome } from './shipper-rounds.ts'

const number = new Intl.NumberFormat('en-US')

const cells = (outcome: Outcome | undefined): string =>
  outcome === undefined ? ' | ' : `${number.format(outcome.missing)} | ${number.format(outcome.repeats)}`

/** Markdown: a row a shipper, as it comes and with the setting that helps, which is said where something is missing without. */
export function shipperTable(outcomes: readonly Outcome[]): string {
  const careful = ({ shipper }: Outcome): boolean => shipper.name.endsWith('-careful')
  const titles = [...new Set(outcomes.map(({ shipper }) => shipper.title))]
  const rows = titles.map((title) => {
    const own = outcomes.filter(({ shipper }) => shipper.title === title)
    const plain = own.find((one) => !careful(one))
    const setting = own.some(({ missing }) => missing > 0) ? (own[0]?.shipper.setting ?? '') : ''
    return `| ${title} | ${cells(plain)} | ${cells(own.find(careful))} | ${setting} |`
  })
  const lines = [...new Set(outcomes.map((outcome) => number.format(outcome.lines)))].join(', ')
  return [
    `Of ${lines} lines each:`,
    '',
    '| shipper | missing | repeats | missing with the setting | repeats | the setting |',
    '| --- | --: | --: | --: | --: | --- |',
    ...rows,
    '',
  ].join('\n')
}
