import { describe, expect, it } from 'vitest'
import { budgetOf } from '../../src/parity/budget.ts'
import { judged, judgementOf } from '../../src/parity/explain.ts'
import { keyFilter } from '../../src/parity/keys.ts'
import type { Difference, KeyResult } from '../../src/parity/model.ts'
import { wholeItem } from '../../src/parity/model.ts'
import { percent } from '../../src/parity/report-table.ts'
import { requiredOf } from '../../src/parity/run.ts'
import { countScore, lowerBound, scoreOf } from '../../src/parity/score.ts'
import { windowsOf } from '../../src/parity/window.ts'

const now = Date.parse('2026-11-22T12:34:56Z')
const iso = (ms: number): string => new Date(ms).toISOString().slice(11, 19)
const shown = (options: Parameters<typeof windowsOf>[0], settleMs = 10_000): readonly string[] =>
  windowsOf(options, now, settleMs).map(({ fromMs, toMs }) => `${iso(fromMs)}-${iso(toMs)}`)

describe('windowsOf', () => {
  it('is the last ten minutes that have settled, in whole minutes', () => {
    expect(shown({})).toEqual(['12:24:00-12:34:00'])
    expect(shown({}, 60_000)).toEqual(['12:23:00-12:33:00'])
  })

  it('gives as many windows as asked for, oldest first', () => {
    expect(shown({ windows: '3', window: '5m' })).toEqual(['12:19:00-12:24:00', '12:24:00-12:29:00', '12:29:00-12:34:00'])
  })

  it('cuts --since and --until into hours at most, never later than what has settled', () => {
    expect(shown({ since: '2h', until: 'now-5m' })).toEqual(['10:34:00-11:34:00', '11:34:00-12:29:00'])
    expect(shown({ since: '2026-11-22T12:30:00Z', until: 'now' })).toEqual(['12:30:00-12:34:00'])
  })

  it.each([
    [{ since: 'yesterday' }, '--since yesterday'],
    [{ since: '10s' }, '--since 10s'],
    [{ windows: '0' }, '--windows 0'],
    [{ window: 'long' }, '--window long'],
    [{ since: '1h', windows: '2' }, 'not to be given with --since'],
  ])('refuses %o', (options, message) => {
    expect(() => windowsOf(options, now, 0)).toThrow(message)
  })
})

describe('budgetOf', () => {
  const standard = { requests: 2000, bytes: 2 ** 30, timeMs: 60_000 }
  it.each([
    [undefined, standard],
    ['90s', { ...standard, timeMs: 90_000 }],
    ['500req|64MiB', { ...standard, requests: 500, bytes: 2 ** 26 }],
    ['2m,10req', { ...standard, timeMs: 120_000, requests: 10 }],
  ])('reads %s', (text, limits) => {
    expect(budgetOf(text, standard)).toEqual(limits)
  })

  it('refuses what is no limit', () => {
    expect(() => budgetOf('many', standard)).toThrow('--budget many')
  })
})

describe('keyFilter', () => {
  it('takes globs, separated by commas, of any case', () => {
    const wanted = keyFilter(['checkout,cart*'])
    expect(['checkout', 'Cart-2', 'pay', 'x.checkout'].map(wanted)).toEqual([true, true, false, false])
    expect(keyFilter([])('anything')).toBe(true)
  })
})

const difference = (over: Partial<Difference>): Difference => ({
  class: 'unexplained',
  kind: 'missing_new',
  rule: '',
  path: wholeItem,
  count: 1,
  of: 100,
  text: 'x',
  example: { id: '1' },
  ...over,
})

const result = (over: Partial<KeyResult>): KeyResult => ({
  format: 'zipkin',
  key: 'cart',
  window: { fromMs: 0, toMs: 60_000 },
  counts: { expected: 100, old: 100, new: 100, distinctOld: 100, distinctNew: 100 },
  samples: { asked: 10, foundOld: 10, foundNew: 10, equal: 10, explained: 0, unexplained: 0 },
  differences: [],
  unjudged: '',
  ...over,
})

const score = (over: Partial<KeyResult>) => {
  const one = result(over)
  return scoreOf(one, one.differences)
}

describe('scoreOf', () => {
  it('is 1 and equal where nothing is wrong, and says how sure that is', () => {
    expect(score({})).toMatchObject({ parity: 1, verdict: 'equal', samples: { lowerBound: expect.closeTo(0.722, 3) } })
  })

  it('takes the lower one of counts and samples', () => {
    const samples = { asked: 10, foundOld: 10, foundNew: 10, equal: 8, explained: 0, unexplained: 2 }
    expect(score({ samples, differences: [difference({ path: 'name', kind: 'changed', count: 2, of: 10 })] })).toMatchObject({
      parity: 0.8,
      verdict: 'different',
    })
  })

  it('counts a gap that no difference tells', () => {
    const counts = { expected: 100, old: 100, new: 90, distinctOld: 100, distinctNew: 90 }
    expect(countScore(counts, [])).toBeCloseTo(0.9)
    expect(countScore(counts, [difference({ class: 'share', count: 10 })])).toBe(1)
  })

  it('does not let what is missing and what is too many make up for each other', () => {
    expect(score({ differences: [difference({ count: 5 }), difference({ kind: 'extra_new', count: 5 })] }).parity).toBeCloseTo(0.9)
  })

  it('is no success where nothing could be judged', () => {
    expect(score({ unjudged: 'no answer' })).toMatchObject({ verdict: 'unjudged', why: 'no answer' })
  })

  it('is below 1 for a denied explanation that is in neither score', () => {
    const one = result({ differences: [difference({ class: 'duplicate', path: '(new copies)', kind: 'extra_new', count: 3 })] })
    const denied = one.differences.map((each) => judged(each, judgementOf([], ['duplicate'])))
    expect(scoreOf(one, one.differences)).toMatchObject({ parity: 1, verdict: 'explained' })
    expect(scoreOf(one, denied)).toMatchObject({ verdict: 'different', parity: expect.closeTo(0.97) })
  })
})

describe('lowerBound', () => {
  it('does not sell 5 of 5 as certainty', () => {
    expect(lowerBound(5, 5)).toBeCloseTo(0.566, 3)
    expect(lowerBound(0, 0)).toBe(0)
    expect(lowerBound(1000, 1000)).toBeGreaterThan(0.996)
  })
})

describe('judged', () => {
  it('accepts by class, kind and rule; what is denied stays denied', () => {
    const as = (one: Difference, accept: string[], deny: string[] = []) => judged(one, judgementOf(accept, deny)).class
    expect(as(difference({}), ['missing_new'])).toBe('accepted')
    expect(as(difference({ class: 'mapped', rule: 'Z-N1' }), ['Z-N1'])).toBe('accepted')
    expect(as(difference({ class: 'mapped', rule: 'Z-N1' }), [], ['Z-N1'])).toBe('unexplained')
    expect(as(difference({ class: 'reader' }), ['reader'], ['reader'])).toBe('unexplained')
    expect(as(difference({ class: 'reader' }), ['missing_new'])).toBe('reader')
  })

  it('refuses words that name nothing', () => {
    expect(() => judgementOf(['whatever'], [])).toThrow('--accept whatever')
  })
})

describe('requiredOf and percent', () => {
  it('read and print parts without rounding up', () => {
    expect([requiredOf('99.99%'), requiredOf('0.5'), requiredOf('100%')]).toEqual([0.9999, 0.5, 1])
    expect(() => requiredOf('150%')).toThrow('--require')
    expect([percent(1), percent(0.99999), percent(0.9999)]).toEqual(['100 %', '99.99 %', '99.99 %'])
  })
})
