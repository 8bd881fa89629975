/** The outcome as a table for people. */

import type { Outcome } from './shipper-rounds.ts'

const number = new Intl.NumberFormat('en-US')

/** Markdown: a row a shipper, those that lost nothing first; the setting is said where something is missing. */
export function shipperTable(outcomes: readonly Outcome[]): string {
  const rows = [...outcomes]
    .sort((a, b) => Number(a.missing > 0) - Number(b.missing > 0))
    .map(({ shipper, lines, missing, repeats, said }) => {
      const careful = shipper.name.endsWith('-careful')
      const how = careful ? `with ${shipper.setting}` : 'as it comes'
      const help = missing === 0 ? '' : shipper.setting
      const told = said === undefined ? '' : said.lost === 0 ? 'none' : number.format(said.lost)
      return `| ${shipper.title} | ${how} | ${number.format(lines)} | ${number.format(missing)} | ${number.format(repeats)} | ${told} | ${help} |`
    })
  return [
    '| shipper | how | lines | missing | repeats | lost by its own word | what helps |',
    '| --- | --- | --: | --: | --: | --: | --- |',
    ...rows,
    '',
  ].join('\n')
}
