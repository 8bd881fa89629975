import { describe, expect, it } from 'vitest'
import { parseKibanaFilter, parseKibanaQuery } from '../../../dashboards/filters/kibana-filter.ts'
import { showFilter, showParsed } from '../../support/dashboards/show-filter.ts'

const shown = (filter: unknown): string => {
  const read = parseKibanaFilter(filter)
  return read.ok ? showFilter(read.filter) : read.why
}

describe('parseKibanaFilter', () => {
  it.each<readonly [string, unknown, string]>([
    ['a phrase', { meta: { type: 'phrase', key: 'f', params: { query: 'x' } }, query: { match_phrase: { f: 'x' } } }, 'f "x"'],
    ['its opposite', { meta: { negate: true }, query: { match_phrase: { f: 'x' } } }, 'not f "x"'],
    ['one that is switched off', { meta: { disabled: true }, query: { match_phrase: { f: 'x' } } }, 'all'],
    ['a phrase of Kibana 5', { meta: {}, query: { match: { f: { query: 'x', type: 'phrase' } } } }, 'f "x"'],
    ['a range beside the description', { meta: { key: 'f' }, range: { f: { gte: 1, lt: 2 } } }, 'f [1 2)'],
    ['exists beside the description', { meta: { negate: true }, exists: { field: 'f' } }, 'not f exists'],
    [
      'phrases',
      {
        meta: { type: 'phrases' },
        query: { bool: { minimum_should_match: 1, should: [{ match_phrase: { f: 'a' } }, { match_phrase: { f: 'b' } }] } },
      },
      '(f "a" or f "b")',
    ],
    ['a description alone', { meta: { type: 'phrases', key: 'f', params: ['a', 'b'] } }, 'f = a|b'],
    ['a range in a description', { meta: { type: 'range', key: 'f', params: { gte: 1, lt: 5 } } }, 'f [1 5)'],
    [
      'a group',
      {
        meta: {
          type: 'combined',
          relation: 'OR',
          params: [
            { meta: {}, query: { match_phrase: { a: '1' } } },
            { meta: { negate: true }, query: { match_phrase: { b: '2' } } },
          ],
        },
      },
      '(a "1" or not b "2")',
    ],
    ['a script', { meta: {}, script: { script: {} } }, '? a script'],
    ['nothing', { meta: {} }, 'there is no query in it'],
    ['what is none', 7, 'a filter is an object'],
  ])('reads %s', (_, filter, text) => {
    expect(shown(filter)).toBe(text)
  })

  it('says what else is known of it', () => {
    const filter = { meta: { alias: 'Errors', index: 'dv-1' }, $state: { store: 'globalState' }, query: { match_all: {} } }
    expect(parseKibanaFilter(filter)).toMatchObject({ ok: true, alias: 'Errors', index: 'dv-1', pinned: true, disabled: false })
  })
})

describe('parseKibanaQuery', () => {
  it.each<readonly [unknown, string]>([
    [undefined, 'all'],
    ['a:1', 'a ~ 1'],
    [{ query: '', language: 'kuery' }, 'all'],
    [{ query: 'a: 1 or b: 2', language: 'kuery' }, '(a ~ 1 or b ~ 2)'],
    [{ query: 'a:1 b:2', language: 'lucene' }, '(a ~ 1 or b ~ 2)'],
    [{ query: { query_string: { query: 'a:1' } }, language: 'lucene' }, 'a ~ 1'],
    [{ query_string: { query: '*' } }, 'all'],
  ])('reads %j', (query, text) => {
    expect(showParsed(parseKibanaQuery(query))).toBe(text)
  })

  it('refuses a language that it does not know', () => {
    expect(parseKibanaQuery({ query: 'x', language: 'sql' })).toMatchObject({ ok: false })
  })
})
