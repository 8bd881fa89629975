import { describe, expect, it } from 'vitest'
import { parseKql } from '../../../dashboards/filters/kql.ts'
import { showParsed } from '../../support/dashboards/show-filter.ts'

describe('parseKql', () => {
  it.each([
    ['a: 1 or b: 2 and not c: 3', '(a ~ 1 or (b ~ 2 and not c ~ 3))'],
    ['NOT a: 1 AND b: 2 Or c: 3', '((not a ~ 1 and b ~ 2) or c ~ 3)'],
    ['(a: 1 or b: 2) and c: 3', '((a ~ 1 or b ~ 2) and c ~ 3)'],
    ['not (a: 1)', 'not a ~ 1'],
    ['a : "x y"', 'a "x y"'],
    ['message: x y z', 'message ~ x y z'],
    ['message: x y and b: 1', '(message ~ x y and b ~ 1)'],
    ['f: (a or b and not "c d")', '(f ~ a or (f ~ b and not f "c d"))'],
    ['f >= 5 and f<10', '(f [5 ) and f ( 10))'],
    ['f: web-*', 'f * web-<any>'],
    ['f: "web-*"', 'f "web-*"'],
    ['f: web\\-\\*', 'f ~ web-*'],
    ['f: *', 'f exists'],
    ['*', 'all'],
    ['*: x', '~ x'],
    ['', 'all'],
    ['foo bar or "a b"', '(~ foo bar or "a b")'],
    ['a.b\\:c: 1', 'a.b:c ~ 1'],
    ['"a b": 1', 'a b ~ 1'],
    ['f: a\\u0041\\tb', 'f ~ aA\tb'],
    ['f: cannot do order android', 'f ~ cannot do order android'],
    ['f: a \\and b', 'f ~ a and b'],
    ['a: { b: 1 and c.d: 2 }', 'a{(a.b ~ 1 and a.c.d ~ 2)}'],
    ['a: { b: { c: 1 } }', 'a{a.b{a.b.c ~ 1}}'],
    ['ip: 10.0.0.0/8 or ip: "2001:db8::/32"', '(ip in 10.0.0.0/8 or ip in 2001:db8::/32)'],
    ['f: $a and g: ${b:csv}', '(f ~ $a and g ~ ${b:csv})'],
    ['имя: "значение"', 'имя "значение"'],
  ])('reads %s', (text, shown) => {
    expect(showParsed(parseKql(text))).toBe(shown)
  })

  it.each(['f:', '(a: 1', 'a: 1)', '"a', 'f: (a or', 'a: 1 and', 'a: { b: 1', 'f: a\\', 'and: :', 'f >', '{'])('refuses %s', (text) => {
    expect(parseKql(text)).toMatchObject({ ok: false })
  })

  it('says where names of fields stand', () => {
    const text = 'a.b: 1 and not "c d" >= 2'
    const parsed = parseKql(text)
    expect(parsed.ok && parsed.fields.map((one) => [text.slice(one.start, one.end), one.name])).toEqual([
      ['a.b', 'a.b'],
      ['"c d"', 'c d'],
    ])
  })

  it('refuses what is too long, too deep or too much, and takes what is nearly so', () => {
    expect(parseKql('a'.repeat(65_537)).ok).toBe(false)
    expect(parseKql('('.repeat(300)).ok).toBe(false)
    expect(parseKql(`${'('.repeat(150)}a: 1${')'.repeat(150)}`).ok).toBe(true)
    expect(parseKql('not '.repeat(16_000)).ok).toBe(false)
    expect(parseKql(Array.from({ length: 7000 }, () => 'a: 1').join(' or ')).ok).toBe(true)
    expect(parseKql(`f: ${'* '.repeat(30_000)}`).ok).toBe(true)
  })
})
