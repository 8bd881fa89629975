import { describe, expect, it } from 'vitest'
import { parseDsl } from '../../../dashboards/filters/dsl.ts'
import { showParsed } from '../../support/dashboards/show-filter.ts'

const a = { term: { a: 1 } }
const b = { term: { b: { value: 'x', boost: 2 } } }
const c = { exists: { field: 'c' } }

describe('parseDsl', () => {
  it.each<readonly [unknown, string]>([
    [undefined, 'all'],
    [{}, 'all'],
    [{ match_all: {} }, 'all'],
    [{ match_none: {} }, 'none'],
    [a, 'a = 1'],
    [b, 'b = x'],
    [{ term: { b: { value: 'x', case_insensitive: true } } }, 'b * x i'],
    [{ terms: { f: ['a', 2], boost: 1 } }, 'f = a|2'],
    [{ terms: { f: [] } }, 'none'],
    [{ terms: { f: { index: 'i', id: '1', path: 'p' } } }, 'f ? terms that stand in another document'],
    [{ match: { f: 'a b' } }, 'f ~ a b'],
    [{ match: { f: { query: 'a b', operator: 'AND' } } }, 'f ~ a b (all)'],
    [{ match: { f: { query: 'a b', type: 'phrase' } } }, 'f "a b"'],
    [{ match: { f: { query: 'a', fuzziness: 'AUTO' } } }, 'f ≈ a'],
    [{ match_phrase: { f: { query: 'a b', slop: 2 } } }, 'f "a b" ~2'],
    [{ match_phrase_prefix: { f: 'a b' } }, 'f "a b" …'],
    [{ multi_match: { query: 'x', fields: ['a^2', 'b'] } }, '(a ~ x or b ~ x)'],
    [{ multi_match: { query: 'x y', fields: ['a'], type: 'phrase' } }, 'a "x y"'],
    [{ multi_match: { query: 'x' } }, '~ x'],
    [{ query_string: { query: 'a:1 b', default_operator: 'AND', fields: ['m'] } }, '(a ~ 1 and m ~ b)'],
    [{ simple_query_string: { query: 'a | b', fields: ['m'] } }, '(m ~ a or m ~ b)'],
    [{ range: { f: { gte: 1, lt: '2' } } }, 'f [1 2)'],
    [{ range: { f: { from: 1, to: 2, include_upper: false } } }, 'f [1 2)'],
    [{ prefix: { f: { prefix: 'x' } } }, 'f ^ x'],
    [{ wildcard: { f: 'a\\*b*' } }, 'f * a*b<any>'],
    [{ regexp: { f: { value: 'a.*' } } }, 'f /a.*/'],
    [{ ids: { values: ['1', 2] } }, '_id = 1|2'],
    [{ bool: { must: a, filter: [b], must_not: [c] } }, '(a = 1 and b = x and not c exists)'],
    [{ bool: { should: [a, b] } }, '(a = 1 or b = x)'],
    [{ bool: { must: [a], should: [b, c] } }, 'a = 1'],
    [{ bool: { must: [a], should: [b, c], minimum_should_match: 1 } }, '(a = 1 and (b = x or c exists))'],
    [{ bool: { should: [a, b], minimum_should_match: 2 } }, '(a = 1 and b = x)'],
    [{ bool: { should: [a, b], minimum_should_match: '100%' } }, '(a = 1 and b = x)'],
    [{ bool: { should: [a, b, c], minimum_should_match: '-1' } }, '? 2 of 3 conditions'],
    [{ bool: { should: [a, b, c], minimum_should_match: '2<75%' } }, '? some of 3 conditions'],
    [{ bool: {} }, 'all'],
    [{ constant_score: { filter: a } }, 'a = 1'],
    [{ function_score: { query: a, functions: [] } }, 'a = 1'],
    [{ boosting: { positive: a, negative: b } }, 'a = 1'],
    [{ dis_max: { queries: [a, b] } }, '(a = 1 or b = x)'],
    [{ nested: { path: 'p', query: a } }, 'p{a = 1}'],
    [
      { filtered: { query: a, filter: { and: [b, { or: [a, c] }, { not: c }] } } },
      '(a = 1 and b = x and (a = 1 or c exists) and not c exists)',
    ],
    [{ missing: { field: 'c' } }, 'not c exists'],
    [{ query: { query: a } }, 'a = 1'],
    [{ script: { script: 'x' } }, '? a script'],
    [{ geo_bounding_box: {} }, '? geometry'],
    [{ brand_new: {} }, '? the query brand_new'],
  ])('reads %j', (query, shown) => {
    expect(showParsed(parseDsl(query))).toBe(shown)
  })

  it.each([
    5,
    'x',
    { term: 5 },
    { term: { f: {} } },
    { range: { f: 5 } },
    { bool: 5 },
    { query_string: {} },
    { query_string: { query: '(' } },
    { exists: {} },
  ])('refuses %j', (query) => {
    expect(parseDsl(query)).toMatchObject({ ok: false })
  })

  it('refuses what is too deep, and takes keys that are none of ours', () => {
    let deep: unknown = a
    for (let depth = 0; depth < 500; depth++) deep = { bool: { must: [deep] } }
    expect(parseDsl(deep).ok).toBe(false)
    expect(showParsed(parseDsl(JSON.parse('{"term":{"__proto__":"x"}}')))).toBe('__proto__ = x')
  })
})
