/** Section 15, item 5: what a query finds among documents is what the LogQL made of it finds among the same documents after OTLP. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseKql } from '../../../dashboards/filters/kql.ts'
import { parseLucene } from '../../../dashboards/filters/lucene.ts'
import type { Filter } from '../../../dashboards/filters/model.ts'
import { logsOf } from '../../../dashboards/logql/filter.ts'
import { lokiLabel } from '../../../dashboards/naming/fields.ts'
import { type Doc, fits } from '../../support/dashboards/filter-oracle.ts'
import { context, filterOf, parses } from '../../support/dashboards/log-context.ts'
import { passes } from '../../support/dashboards/logql-oracle.ts'

const words = ['alpha', 'Beta', 'a.b', 'x-y', 'c*d', 'q"r', 'b\\s', 'ünï', 'a|b', '(z)', 'alphabet', '$', '[k]']
const keywordFields = ['service.name', 'k.one', 'k.two', 'url.path', 'host.name']
const numberFields = ['n.one', 'n.two']

const keyword = fc.constantFrom(...words)
const number = fc.integer({ min: -3, max: 3 })
const doc: fc.Arbitrary<Doc> = fc
  .record(
    {
      ...Object.fromEntries(keywordFields.map((name) => [name, keyword])),
      ...Object.fromEntries(numberFields.map((name) => [name, number])),
    },
    { requiredKeys: [] },
  )
  .map((one) => ({ ...one }) as Doc)

/** Loki has a `service_name` on every stream. */
const lineOf = (one: Doc) => {
  const labels = Object.fromEntries(Object.entries(one).map(([name, value]) => [lokiLabel(name), String(value)]))
  return { line: '', labels: { service_name: 'unknown_service', ...labels } }
}

const quoted = (word: string): string => `"${word.replaceAll(/[\\"]/g, '\\$&')}"`
const bare = (word: string): string => word.replaceAll(/[^\p{L}\p{N}]/gu, '\\$&')

const kqlLeaf = fc.oneof(
  fc.tuple(fc.constantFrom(...keywordFields), keyword).map(([field, word]) => `${field}: ${quoted(word)}`),
  fc
    .tuple(fc.constantFrom(...keywordFields), keyword)
    .map(([field, word]) => `${field} : ${word.replaceAll(/[\\():<>"*{}$[\]]/g, '\\$&')}`),
  fc.tuple(fc.constantFrom(...keywordFields), fc.constantFrom('al*', '*a', 'a*t', '*')).map(([field, wild]) => `${field}: ${wild}`),
  fc
    .tuple(fc.constantFrom(...keywordFields), keyword, keyword)
    .map(([field, one, other]) => `${field}: (${quoted(one)} or ${quoted(other)})`),
  fc.tuple(fc.constantFrom(...keywordFields), keyword).map(([field, word]) => `${field}: (not ${quoted(word)})`),
  fc
    .tuple(fc.constantFrom(...numberFields), fc.constantFrom('<', '<=', '>', '>='), number)
    .map(([field, op, value]) => `${field} ${op} ${value}`),
)

const kqlText = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    kqlLeaf,
    fc.tuple(tie('node'), tie('node')).map(([one, other]) => `(${one} and ${other})`),
    fc.tuple(tie('node'), tie('node')).map(([one, other]) => `(${one} OR ${other})`),
    fc.tuple(tie('node'), tie('node'), tie('node')).map(([one, other, third]) => `${one} or ${other} and ${third}`),
    tie('node').map((one) => `not (${one})`),
  ),
})).node

const luceneLeaf = fc.oneof(
  fc.tuple(fc.constantFrom(...keywordFields), keyword).map(([field, word]) => `${field}:${quoted(word)}`),
  fc.tuple(fc.constantFrom(...keywordFields), keyword).map(([field, word]) => `${field}:${bare(word)}`),
  fc.tuple(fc.constantFrom(...keywordFields), fc.constantFrom('al*', '?eta', 'a*t', '*')).map(([field, wild]) => `${field}:${wild}`),
  fc.constantFrom(...keywordFields, ...numberFields).map((field) => `_exists_:${field}`),
  fc
    .tuple(fc.constantFrom(...numberFields), fc.constantFrom('[', '{'), number, number, fc.constantFrom(']', '}'))
    .map(([field, open, low, high, close]) => `${field}:${open}${Math.min(low, high)} TO ${Math.max(low, high)}${close}`),
  fc
    .tuple(fc.constantFrom(...numberFields), fc.constantFrom('<', '<=', '>', '>='), number)
    .map(([field, op, value]) => `${field}:${op}${value}`),
)

const luceneText = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    luceneLeaf,
    fc.tuple(tie('node'), tie('node')).map(([one, other]) => `(${one} AND ${other})`),
    fc.tuple(tie('node'), tie('node')).map(([one, other]) => `(${one} ${other})`),
    fc.tuple(tie('node'), tie('node')).map(([one, other]) => `(${one} || NOT ${other})`),
    fc.tuple(tie('node'), tie('node'), tie('node')).map(([one, other, third]) => `(+(${one}) -(${other}) (${third}))`),
    fc.tuple(tie('node'), tie('node'), tie('node')).map(([one, other, third]) => `(${one} OR ${other} AND ${third})`),
  ),
})).node

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
