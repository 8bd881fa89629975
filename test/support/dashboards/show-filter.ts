/** A filter as one line, for tables of tests. */

import type { Filter, Parsed, Test } from '../../../dashboards/filters/model.ts'

function showTest(test: Test): string {
  switch (test.op) {
    case 'term':
      return `= ${test.values.join('|')}`
    case 'match':
      return `~ ${test.words}${test.all ? ' (all)' : ''}`
    case 'phrase':
      return `"${test.words}"${test.slop > 0 ? ` ~${test.slop}` : ''}${test.prefix ? ' …' : ''}`
    case 'prefix':
      return `^ ${test.text}`
    case 'wildcard':
      return `* ${test.pieces.map((one) => (typeof one === 'string' ? one : one.sign === 'any' ? '<any>' : '<one>')).join('')}${test.ignoreCase ? ' i' : ''}`
    case 'regex':
      return `/${test.pattern}/`
    case 'range': {
      const low = test.from === undefined ? '(' : `${test.from.inclusive ? '[' : '('}${test.from.value}`
      return `${low} ${test.to === undefined ? ')' : `${test.to.value}${test.to.inclusive ? ']' : ')'}`}`
    }
    case 'exists':
      return 'exists'
    case 'cidr':
      return `in ${test.block}`
    case 'fuzzy':
      return `≈ ${test.text}`
    case 'unsupported':
      return `? ${test.what}`
  }
}

export function showFilter(filter: Filter): string {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return `(${filter.parts.map(showFilter).join(` ${filter.kind} `)})`
    case 'not':
      return `not ${showFilter(filter.part)}`
    case 'nested':
      return `${filter.path}{${showFilter(filter.part)}}`
    case 'leaf':
      return `${filter.field ?? ''} ${showTest(filter.test)}`.trim()
    default:
      return filter.kind
  }
}

export const showParsed = (parsed: Parsed): string => (parsed.ok ? showFilter(parsed.filter) : `${parsed.at}: ${parsed.why}`)
