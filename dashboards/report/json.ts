/** The report as JSON text, piece by piece: of a thousand dashboards it is longer than one wants to hold in memory. */

import type { Report } from './model.ts'

/** One line a source. */
export function* jsonReport(report: Report): Generator<string> {
  let before = '{\n'
  for (const [key, value] of Object.entries(report)) {
    yield `${before}  ${JSON.stringify(key)}: `
    before = ',\n'
    if (key !== 'sources') yield JSON.stringify(value)
    else {
      yield '['
      for (const [at, source] of report.sources.entries()) yield `${at === 0 ? '' : ','}\n    ${JSON.stringify(source)}`
      yield report.sources.length === 0 ? ']' : '\n  ]'
    }
  }
  yield '\n}\n'
}
