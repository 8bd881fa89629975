/** What types.ts remembers, and when earlier answers are to be asked for again. */

import { describe, expect, it } from 'vitest'
import { FamilyKind } from '../../../src/translate/prometheus/assembler.ts'
import { MetricType } from '../../../src/translate/prometheus/model.ts'
import { createTypes, type Resolved, type SeriesQuery, type Types, type TypesOptions } from '../../../src/translate/prometheus/types.ts'

const { Counter, Gauge, Histogram, GaugeHistogram, Summary, Info, Unknown } = MetricType

type Query = Partial<SeriesQuery> & { name: string }

const ask = (types: Types, query: Query | string, nowMs = 1000, tenant = ''): Resolved =>
  types.resolve(tenant, { native: false, declared: 0, ...(typeof query === 'string' ? { name: query } : query) }, nowMs)

const fresh = (options: TypesOptions = {}): Types => createTypes(options)

const learnt = (type: number, family = 'foo', options: TypesOptions = {}): Types => {
  const types = fresh(options)
  types.learn('', family, type, '', '', 0)
  return types
}

describe('settle', () => {
  it('is false for what nobody was told otherwise', () => {
    const types = fresh()
    expect(types.learn('', 'foo', Counter, 'Foos.', 's', 0)).toBe(false)
    ask(types, 'foo')
    expect(types.learn('', 'foo', Counter, 'Foo', 's', 0)).toBe(false)
    expect(types.settle()).toBe(false)
  })

  it.each([
    ['foo', 'foo', Gauge],
    ['foo_total', 'foo', Counter],
    ['foo_total', 'foo_total', Gauge],
    ['foo_count', 'foo', Summary],
    ['foo_count', 'foo_count', Gauge],
    ['foo_info', 'foo', Info],
    ['foo_gsum', 'foo', GaugeHistogram],
  ] as const)('series %s is to be looked at again after metadata of %s', (series, family, type) => {
    const types = fresh()
    const before = ask(types, series)
    expect(types.learn('', family, type, '', '', 0)).toBe(true)
    expect(types.settle()).toBe(true)
    expect(types.settle()).toBe(false)
    expect(ask(types, series)).not.toEqual(before)
  })

  it('is true for new help and units', () => {
    const types = learnt(Counter)
    ask(types, 'foo')
    expect(types.learn('', 'foo', Counter, 'Help.', '', 0)).toBe(true)
    types.settle()
    expect(types.learn('', 'foo', Counter, '', 'seconds', 0)).toBe(true)
  })

  it('is false when a request contradicts itself and ends as the last one did', () => {
    const types = learnt(Gauge)
    ask(types, 'foo')
    types.settle()
    types.learn('', 'foo', Counter, '', '', 1)
    types.learn('', 'foo', Gauge, '', '', 1)
    expect(types.settle()).toBe(false)
    expect(types.conflicts).toBe(2)
  })

  it('is false for series that bring types of their own and differ in them', () => {
    const types = fresh()
    ask(types, { name: 'foo', declared: Counter })
    ask(types, { name: 'foo', declared: Gauge })
    expect(types.settle()).toBe(false)
    ask(types, { name: 'foo', declared: Counter })
    expect(types.settle()).toBe(false)
  })

  it('is true when series bring what was unknown to others', () => {
    const types = fresh()
    ask(types, 'foo')
    ask(types, { name: 'foo', declared: Counter })
    expect(types.settle()).toBe(true)
  })

  it('is true for more changes than are looked at one by one', () => {
    const types = fresh()
    for (let at = 0; at < 10_001; at++) ask(types, `m${at}`)
    for (let at = 0; at < 10_001; at++) types.learn('', `m${at}`, Counter, '', '', 0)
    for (let at = 0; at < 10_001; at++) types.learn('', `m${at}`, Gauge, '', '', 0)
    expect(types.settle()).toBe(true)
    expect(types.settle()).toBe(false)
  })
})

describe('types that change', () => {
  it('counts a switch when the shape is another one', () => {
    const types = fresh()
    ask(types, 'foo_total')
    types.learn('', 'foo_total', Gauge, '', '', 0)
    expect(ask(types, 'foo_total').switched).toBe(true)
    expect(ask(types, 'foo_total').switched).toBe(false)
    expect(types.switches).toBe(1)
    expect(types.list()).toMatchObject([{ family: 'foo_total', type: 'gauge', switches: 1 }])
  })

  it('counts none between unknown and gauge', () => {
    const types = fresh()
    ask(types, 'foo')
    types.learn('', 'foo', Gauge, '', '', 0)
    expect(ask(types, 'foo').switched).toBe(false)
  })

  it('lets the last win, unknown never, and after some changes only once an hour', () => {
    const types = learnt(Counter)
    const say = (type: number, nowMs: number): number => {
      types.learn('', 'foo', type, '', '', nowMs)
      return ask(types, 'foo').type
    }
    expect(say(Unknown, 0)).toBe(Counter)
    expect(say(Gauge, 0)).toBe(Gauge)
    expect(say(Counter, 0)).toBe(Counter)
    expect(say(Gauge, 0)).toBe(Gauge)
    expect(say(Counter, 3_599_999)).toBe(Gauge)
    expect(say(Counter, 3_600_000)).toBe(Counter)
    expect(types.conflicts).toBe(5)
  })
})

describe('rw1.type_policy', () => {
  const hold = (): Types => fresh({ policy: 'hold', metadataWaitMs: 60_000 })

  it('hold: what nobody has said anything of waits, once', () => {
    const types = hold()
    expect(ask(types, 'foo_total', 1000).holdUntilMs).toBe(61_000)
    expect(ask(types, 'foo_total', 60_999).holdUntilMs).toBe(61_000)
    expect(ask(types, 'foo_total', 61_000).holdUntilMs).toBe(0)
    expect(ask(types, { name: 'bar_bucket', le: '1' }, 1000).holdUntilMs).toBe(61_000)
    expect(ask(types, 'baz_count', 1000).holdUntilMs).toBe(61_000)
  })

  it('hold: what is known, or that nobody will ever say anything of, does not', () => {
    const types = hold()
    types.learn('', 'foo_total', Counter, '', '', 0)
    for (const query of ['foo_total', 'up', 'job:x', 'target_info', 'x_created']) expect(ask(types, query).holdUntilMs).toBe(0)
    expect(ask(types, { name: 'z', declared: Gauge }).holdUntilMs).toBe(0)
    expect(ask(types, { name: 'z', native: true }).holdUntilMs).toBe(0)
  })

  it('heuristic: nothing waits', () => {
    expect(ask(fresh(), 'foo_total').holdUntilMs).toBe(0)
  })

  it('does not wait again after a restart', () => {
    const types = hold()
    ask(types, 'foo_total', 1000)
    const next = hold()
    next.import(types.export())
    expect(ask(next, 'foo_total', 70_000).holdUntilMs).toBe(0)
  })
})

describe('what is remembered', () => {
  it('is at most so many families, the least recently used out', () => {
    const types = fresh({ maxFamilies: 2 })
    for (const name of ['a', 'b', 'a', 'c']) types.learn('', name, Counter, '', '', 0)
    expect(['a', 'b', 'c'].map((name) => types.said('', name))).toEqual([Counter, Unknown, Counter])
    expect(types).toMatchObject({ families: 2, evicted: 1 })
  })

  it('is at most so many bytes', () => {
    const types = fresh({ maxBytes: 100_000 })
    for (let at = 0; at < 100; at++) types.learn('', `m${at}`, Counter, 'x'.repeat(4096), '', 0)
    expect(types.families).toBeLessThan(15)
    expect(types.families + types.evicted).toBe(100)
  })

  it('comes back as it was', () => {
    const types = fresh()
    types.learn('t', 'foo', Histogram, 'Foos.', 'seconds', 0)
    ask(types, { name: 'foo_bucket', le: '1' }, 5000, 't')
    ask(types, 'bar_count', 6000)
    types.decided('', 'bar', FamilyKind.Gauges, 7000)
    ask(types, 'baz_sum', 8000)
    const rows = JSON.parse(JSON.stringify(types.export()))
    const next = fresh()
    expect(next.import(rows)).toBe(3)
    expect(next.export()).toEqual(types.export())
    expect(next.list()).toEqual(types.list())
    expect(next.settle()).toBe(false)
    expect(ask(next, 'foo_sum', 9000, 't')).toMatchObject({ type: Histogram, help: 'Foos.', unit: 'seconds' })
    expect(ask(next, 'bar_count').why).toBe('h4')
    expect(ask(next, 'baz_sum').why).toBe('undecided')
  })

  it('leaves out rows of another form', () => {
    const [row] = learnt(Counter).export()
    const types = fresh()
    expect(
      types.import([null, 1, 'x', {}, [], { ...row, type: 'x' }, { ...row, family: 1 }, { ...row, said: 1 }, { ...row, family: '' }]),
    ).toBe(0)
    expect(types.import([{ ...row, why: 'toString' }])).toBe(1)
    expect(types.export()).toMatchObject([{ why: 'nothing', metaType: Counter }])
  })

  it('is listed, the latest at the end', () => {
    const types = fresh({ overrides: { b: 'counter' } })
    types.learn('', 'silent', Counter, '', '', 0)
    for (const name of ['a', 'b', 'c']) ask(types, name, 42)
    expect(types.list().map(({ family }) => family)).toEqual(['a', 'b', 'c'])
    expect(types.list(2)).toEqual([
      {
        tenant: '',
        family: 'b',
        type: 'counter',
        unit: '',
        help: '',
        why: 'translate.prometheus.types',
        overridden: true,
        sinceMs: 42,
        switches: 0,
      },
      expect.objectContaining({ family: 'c', overridden: false, why: 'nothing known' }),
    ])
  })

  it('tells what the user or metadata says of a family', () => {
    const types = learnt(Summary, 'foo', { overrides: { 'bar*': 'info' } })
    expect(['foo', 'bar', 'baz'].map((name) => types.said('', name))).toEqual([Summary, Info, Unknown])
  })
})
