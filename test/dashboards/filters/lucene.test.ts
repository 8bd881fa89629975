import { describe, expect, it } from 'vitest'
import { parseLucene } from '../../../dashboards/filters/lucene.ts'
import { parseSimpleQuery } from '../../../dashboards/filters/simple-query.ts'
import { showParsed } from '../../support/dashboards/show-filter.ts'

describe('parseLucene', () => {
  it.each([
    ['a', '~ a'],
    ['a b', '(~ a or ~ b)'],
    ['a OR b AND c', '(~ b and ~ c)'],
    ['a AND b OR c', '(~ a and ~ b)'],
    ['a AND b c', '(~ a and ~ b)'],
    ['+a b', '~ a'],
    ['+a -b c', '(~ a and not ~ b)'],
    ['a NOT b', '(~ a and not ~ b)'],
    ['-a', 'not ~ a'],
    ['a && b || !c', '(~ a and ~ b and not ~ c)'],
    ['a and b', '(~ a or ~ and or ~ b)'],
    ['f:(a OR b)', '(f ~ a or f ~ b)'],
    ['f:(+a -b)', '(f ~ a and not f ~ b)'],
    ['f:"a b"', 'f "a b"'],
    ['f:"a b"~3', 'f "a b" ~3'],
    ['f:"a \\" b"^2', 'f "a " b"'],
    ['foo~', '≈ foo'],
    ['f:foo~1^2', 'f ≈ foo'],
    ['foo~0', '~ foo'],
    ['(a b)^2 AND c', '((~ a or ~ b) and ~ c)'],
    ['f:[1 TO 5]', 'f [1 5]'],
    ['f:{1 TO 5]', 'f (1 5]'],
    ['f:[* TO 5}', 'f ( 5)'],
    ['f:["a b" TO *]', 'f [a b )'],
    ['f:[* TO *]', 'f exists'],
    ['f:>=5', 'f [5 )'],
    ['f:(>5 AND <=10)', '(f (5 ) and f ( 10])'],
    ['f:>-5', 'f (-5 )'],
    ['f:-5', 'f ~ -5'],
    ['_exists_:a.b', 'a.b exists'],
    ['NOT _exists_:"a b"', 'not a b exists'],
    ['f:*', 'f exists'],
    ['*:*', 'all'],
    ['*', 'all'],
    ['', 'all'],
    ['f:a*b?c', 'f * a<any>b<one>c'],
    ['f:a\\*b', 'f ~ a*b'],
    ['f:/re\\/x[/]/', undefined],
    ['f:/re\\/x/', 'f /re/x/'],
    ['/a\\.b/', '/a\\.b/'],
    ['@timestamp:[now-1h/h TO now]', '@timestamp [now-1h/h now]'],
    ['日本:語', '日本 ~ 語'],
    ['path:\\/var\\/log\\/*', 'path * /var/log/<any>'],
    ['f:a\\u0041', 'f ~ aA'],
    ['f:$x AND g:${y:lucene} AND h:[[z]] AND i:[$a TO $b]', '(f ~ $x and g ~ ${y:lucene} and h ~ [[z]] and i [$a $b])'],
    ['f:"10.0.0.0/8"', 'f in 10.0.0.0/8'],
    ['f : x', undefined],
    ['a\u3000b', '(~ a or ~ b)'],
  ])('reads %s', (text, shown) => {
    if (shown !== undefined) expect(showParsed(parseLucene(text))).toBe(shown)
  })

  it('takes another operator and other fields when nothing is written', () => {
    expect(showParsed(parseLucene('a b', { defaultOperator: 'and' }))).toBe('(~ a and ~ b)')
    expect(showParsed(parseLucene('a OR b', { defaultOperator: 'and' }))).toBe('(~ a or ~ b)')
    expect(showParsed(parseLucene('a f:b', { defaultFields: ['x', 'y'] }))).toBe('(x ~ a or y ~ a or f ~ b)')
  })

  it.each([
    'AND a',
    'a AND',
    '(',
    ')',
    'a)',
    'f:(',
    'f:()',
    '"a',
    'f:[1 TO',
    'f:[1 TO 5',
    'f:',
    'a:b:c',
    '/a',
    'a/b',
    'f:a^',
    '-',
    'f:[TO 5]x]',
    'a\\',
  ])('refuses %s', (text) => {
    expect(parseLucene(text)).toMatchObject({ ok: false })
  })

  it('says where names of fields stand', () => {
    const text = 'a.b:1 AND (_exists_:c -d\\:e:[1 TO 2])'
    const parsed = parseLucene(text)
    expect(parsed.ok && parsed.fields.map((one) => [text.slice(one.start, one.end), one.name])).toEqual([
      ['a.b', 'a.b'],
      ['c', 'c'],
      ['d\\:e', 'd:e'],
    ])
  })

  it('refuses what is too long, too deep or too much', () => {
    expect(parseLucene('a'.repeat(65_537)).ok).toBe(false)
    expect(parseLucene('('.repeat(60_000)).ok).toBe(false)
    expect(parseLucene('a '.repeat(20_000)).ok).toBe(false)
    expect(parseLucene('a '.repeat(9_000)).ok).toBe(true)
    expect(parseLucene('\\'.repeat(65_000)).ok).toBe(true)
    expect(parseLucene('${'.repeat(30_000)).ok).toBe(false)
    expect(parseLucene('+-!~^'.repeat(10_000)).ok).toBe(false)
  })
})

describe('parseSimpleQuery', () => {
  it.each([
    ['a b', '(~ a or ~ b)'],
    ['a + b | -c', '((~ a and ~ b) or not ~ c)'],
    ['"a b"~2 + (c | d*)', '("a b" ~2 and (~ c or * d<any>))'],
    ['"a', 'all'],
    [')) a', '~ a'],
    ['a~1', '≈ a'],
    ['', 'all'],
  ])('reads %s', (text, shown) => {
    expect(showParsed(parseSimpleQuery(text))).toBe(shown)
  })
})
