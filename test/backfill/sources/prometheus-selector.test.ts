import { describe, expect, it } from 'vitest'
import { matchersOf, nameMatcher, parseSelector, selectorText } from '../../../src/backfill/sources/prometheus-selector.ts'

describe('parseSelector', () => {
  it('reads names, braces, all four signs, quotes and escapes', () => {
    expect(parseSelector(`up{job="a\\"b",env!='x',code=~"2..|\\\\d",zone!~"eu",}`)).toEqual([
      { type: 0, name: '__name__', value: 'up' },
      { type: 0, name: 'job', value: 'a"b' },
      { type: 1, name: 'env', value: 'x' },
      { type: 2, name: 'code', value: '2..|\\d' },
      { type: 3, name: 'zone', value: 'eu' },
    ])
    expect(parseSelector('{}')).toEqual([])
    expect(parseSelector('up')).toHaveLength(1)
  })

  it('refuses what is no selector', () => {
    for (const text of ['', '{job}', '{job=a}', 'rate(up[5m])', 'up{job="a"', '{job="a" x="b"}']) {
      expect(() => parseSelector(text), text).toThrow(/expected a selector/)
    }
  })
})

describe('matchersOf', () => {
  it('takes services for jobs, with their namespace or without', () => {
    const [matcher] = matchersOf({ query: undefined, services: ['api', 'a.b'] })
    const pattern = new RegExp(`^(?:${matcher?.value})$`)
    expect(['api', 'shop/api', 'a.b', 'xapi', 'aXb'].map((job) => pattern.test(job))).toEqual([true, true, true, false, false])
  })
})

describe('selectorText', () => {
  it('writes what parseSelector reads', () => {
    const matchers = [nameMatcher(['up', 'a.b_total']), ...parseSelector('{job="a\\"b\\\\",x!~"y"}')]
    expect(parseSelector(selectorText(matchers))).toEqual(matchers)
  })
})
