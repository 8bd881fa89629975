/** Section 15, item 5: what a query finds among documents is what the LogQL made of it finds among the same documents after OTLP. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseKql } from '../../../dashboards/filters/kql.ts'
import { parseLucene } from '../../../dashboards/filters/lucene.ts'
import type { Filter } from '../../../dashboards/filters/model.ts'
import { logsOf } from '../../../dashboards/logql/filter.ts'
import { lokiLabel } from '../../../dashboards/naming/fields.ts'
import { doc, kqlText, luceneText } from '../../support/dashboards/arbitrary-queries.ts'
import { type Doc, fits } from '../../support/dashboards/filter-oracle.ts'
import { context, filterOf, parses } from '../../support/dashboards/log-context.ts'
import { passes } from '../../support/dashboards/logql-oracle.ts'

/** Loki has a `service_name` on every stream. */
const lineOf = (one: Doc) => {
  const labels = Object.fromEntries(Object.entries(one).map(([name, value]) => [lokiLabel(name), String(value)]))
  return { line: '', labels: { service_name: 'unknown_service', ...labels } }
}

function check(filter: Filter, docs: readonly Doc[]): void {
  const logs = logsOf(filter, context)
  expect(logs.status, logs.text).toBe('exact')
  expect(parses(logs.text), logs.text).toBe(true)
  for (const one of docs)
    expect(passes(logs.text, lineOf(one)), `${logs.text} of ${JSON.stringify(one)}`).toBe(fits(filter, withService(one)))
}

/** What the old side has to be compared with: Loki's own service name is there on every document. */
const withService = (one: Doc): Doc => ({ 'service.name': 'unknown_service', ...one })

describe('logsOf', () => {
  it('finds what a query in KQL finds', () => {
    fc.assert(
      fc.property(kqlText, fc.array(doc, { minLength: 6, maxLength: 6 }), (text, docs) => check(filterOf(parseKql(text)), docs)),
      { numRuns: 300 },
    )
  })

  it('finds what a query in Lucene finds', () => {
    fc.assert(
      fc.property(luceneText, fc.array(doc, { minLength: 6, maxLength: 6 }), (text, docs) => check(filterOf(parseLucene(text)), docs)),
      { numRuns: 300 },
    )
  })

  it('finds what a filter with its opposite finds: all', () => {
    fc.assert(
      fc.property(kqlText, fc.array(doc, { minLength: 4, maxLength: 4 }), (text, docs) => {
        const filter = filterOf(parseKql(text))
        const one = logsOf(filter, context).text
        const other = logsOf({ kind: 'not', part: filter }, context).text
        for (const each of docs) expect(passes(one, lineOf(each)), `${one} or ${other}`).toBe(!passes(other, lineOf(each)))
      }),
      { numRuns: 200 },
    )
  })
})
