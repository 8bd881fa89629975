import { describe, expect, it } from 'vitest'
import { numberOf, parsePromql } from '../../../dashboards/promql/parse.ts'

describe('parsePromql', () => {
  it.each([
    ['nothing', '', 'syntax'],
    ['a function that is gone', 'holt_winters(a[5m], 1, 2)', 'syntax'],
    ['a parenthesis too few', '(a', 'syntax'],
    ['a string without an end', 'a{b="c', 'syntax'],
    ['an escape that there is not', 'a{b="\\q"}', 'syntax'],
    ['two names', 'a{"b"}', 'syntax'],
    ['deep nesting', `${'('.repeat(800)}a${')'.repeat(800)}`, 'depth'],
    ['many operators in a row', Array(800).fill('a').join('+'), 'depth'],
    ['more than 64 KiB', 'a'.repeat(65_537), 'length'],
  ])('refuses %s', (_, text, fault) => {
    expect(parsePromql(text)).toBe(fault)
  })

  it('reads everything around a selector', () => {
    expect(parsePromql('# x\nsum by (le, "x.y") (rate({"a.b", c=~\'d\'}[5m] offset 1h)) # y')).toMatchObject({
      kind: 'aggregate',
      op: 'sum',
      modifier: { kind: 'by', labels: { names: [{ name: 'le' }, { name: 'x.y', isQuoted: true }] } },
      args: [
        {
          kind: 'call',
          name: 'rate',
          args: [
            {
              kind: 'modified',
              how: 'offset',
              inner: {
                kind: 'matrix',
                inner: { kind: 'selector', name: { name: 'a.b' }, matchers: [{ operator: '=~', value: { value: 'd' } }] },
              },
            },
          ],
        },
      ],
    })
  })
})

describe('numberOf', () => {
  it.each([
    ['5m', 300],
    ['1h30m', 5400],
    ['250ms', 0.25],
    ['1e3', 1000],
    ['0x10', 16],
    ['+Inf', Number.POSITIVE_INFINITY],
    ['5m + 1', Number.NaN],
  ])('reads %s', (text, seconds) => {
    expect(numberOf(text)).toBe(seconds)
  })
})
