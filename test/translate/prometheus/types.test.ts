import { describe, expect, it } from 'vitest'
import { FamilyKind, Member } from '../../../src/translate/prometheus/assembler.ts'
import { MetricType } from '../../../src/translate/prometheus/model.ts'
import { createTypes, type Resolved, type SeriesQuery, type Types, type TypesOptions } from '../../../src/translate/prometheus/types.ts'

const { Counter, Gauge, Histogram, GaugeHistogram, Summary, Info, StateSet, Unknown } = MetricType

type Query = Partial<SeriesQuery> & { name: string }

const ask = (types: Types, query: Query | string, nowMs = 1000, tenant = ''): Resolved =>
  types.resolve(tenant, { native: false, declared: 0, ...(typeof query === 'string' ? { name: query } : query) }, nowMs)

/** What a series is, in short. */
const shown = ({ family, member, type, why, special }: Resolved): unknown[] => [
  family,
  member,
  type,
  why,
  ...(special === undefined ? [] : [special]),
]

const fresh = (options: TypesOptions = {}): Types => createTypes(options)

const learnt = (type: number, family = 'foo', options: TypesOptions = {}): Types => {
  const types = fresh(options)
  types.learn('', family, type, '', '', 0)
  return types
}

describe('resolve by name', () => {
  it.each([
    ['h1', { name: 'foo_bucket', le: '0.5' }, ['foo', Member.Bucket, Histogram, 'h1']],
    ['h1', { name: 'foo_bucket', le: '+Inf' }, ['foo', Member.Bucket, Histogram, 'h1']],
    ['h1', { name: 'foo_bucket', le: '1e0' }, ['foo', Member.Bucket, Histogram, 'h1']],
    ['h1 without le', { name: 'foo_bucket' }, ['foo_bucket', 0, Unknown, 'nothing']],
    ['h1, le is no number', { name: 'foo_bucket', le: 'x' }, ['foo_bucket', 0, Unknown, 'nothing']],
    ['le elsewhere', { name: 'foo', le: '1' }, ['foo', 0, Unknown, 'nothing']],
    ['h2 to h4', { name: 'foo_sum' }, ['foo', Member.Sum, Unknown, 'undecided']],
    ['h2 to h4', { name: 'foo_count' }, ['foo', Member.Count, Unknown, 'undecided']],
    ['h5', { name: 'foo', quantile: '0.99' }, ['foo', Member.Quantile, Summary, 'h5']],
    ['h5', { name: 'foo', quantile: '1' }, ['foo', Member.Quantile, Summary, 'h5']],
    ['h5, beyond 1', { name: 'foo', quantile: '99' }, ['foo', 0, Unknown, 'nothing']],
    ['h5, below 0', { name: 'foo', quantile: '-0.5' }, ['foo', 0, Unknown, 'nothing']],
    ['h5, no number', { name: 'foo', quantile: 'p99' }, ['foo', 0, Unknown, 'nothing']],
    ['h6', { name: 'foo_total' }, ['foo_total', 0, Counter, 'h6']],
    ['h7', { name: 'foo_created' }, ['foo_created', 0, Unknown, 'h7', 'created']],
    ['h8', { name: 'target_info' }, ['target_info', 0, Unknown, 'h8', 'target_info']],
    ['h9', { name: 'otel_scope_info' }, ['otel_scope_info', 0, Unknown, 'h9', 'otel_scope_info']],
    ['h10', { name: 'foo_info' }, ['foo_info', 0, Unknown, 'h10']],
    ['h11', { name: 'up' }, ['up', 0, Unknown, 'h11']],
    ['h11', { name: 'ALERTS' }, ['ALERTS', 0, Unknown, 'h11']],
    ['h11', { name: 'ALERTS_FOR_STATE' }, ['ALERTS_FOR_STATE', 0, Unknown, 'h11']],
    ['h11', { name: 'scrape_samples_scraped' }, ['scrape_samples_scraped', 0, Unknown, 'h11']],
    ['rule 4', { name: 'job:foo_total' }, ['job:foo_total', 0, Unknown, 'recording rule']],
    ['rule 4', { name: 'job:foo_bucket', le: '1' }, ['job:foo_bucket', 0, Unknown, 'recording rule']],
    ['rule 4', { name: 'job:foo', quantile: '0.5' }, ['job:foo', 0, Unknown, 'recording rule']],
    ['rule 6', { name: 'foo' }, ['foo', 0, Unknown, 'nothing']],
    ['a suffix alone', { name: '_total' }, ['_total', 0, Unknown, 'nothing']],
    ['a suffix alone', { name: '_count' }, ['_count', 0, Unknown, 'nothing']],
    ['a native histogram', { name: 'foo_total', native: true }, ['foo_total', 0, Histogram, 'native']],
    ['a native histogram', { name: 'foo_count', native: true }, ['foo_count', 0, Histogram, 'native']],
    ['a native histogram of a rule', { name: 'job:foo', native: true }, ['job:foo', 0, Histogram, 'native']],
  ] as const)('%s: %j', (_, query, expected) => {
    const found = ask(fresh(), query)
    expect(shown(found)).toEqual(expected)
    expect(found.badBound).toBe(false)
  })

  it('says what a _created series is the start of', () => {
    expect(ask(fresh(), 'foo_created').of).toBe('foo')
    expect(ask(fresh(), 'foo').of).toBe('')
  })

  it('marks bounds that are not a number', () => {
    expect(ask(fresh(), { name: 'foo_bucket', le: 'NaN' }).badBound).toBe(true)
    expect(ask(fresh(), { name: 'foo', quantile: 'nan' }).badBound).toBe(true)
    expect(ask(fresh(), { name: 'foo_bucket', le: '-nan', declared: Histogram }).badBound).toBe(true)
  })
})

describe('resolve by metadata', () => {
  it.each([
    ['counter', Counter, 'foo', { name: 'foo' }, ['foo', 0, Counter]],
    ['counter, named without _total', Counter, 'foo', { name: 'foo_total' }, ['foo_total', 0, Counter]],
    ['counter, named with _total', Counter, 'foo_total', { name: 'foo_total' }, ['foo_total', 0, Counter]],
    ['counter, its start', Counter, 'foo', { name: 'foo_created' }, ['foo_created', 0, Unknown, 'created']],
    ['gauge', Gauge, 'foo_total', { name: 'foo_total' }, ['foo_total', 0, Gauge]],
    ['gauge by its very name', Gauge, 'foo_created', { name: 'foo_created' }, ['foo_created', 0, Gauge]],
    ['gauge by its very name', Gauge, 'foo_count', { name: 'foo_count' }, ['foo_count', 0, Gauge]],
    ['gauge by its very name', Gauge, 'foo_bucket', { name: 'foo_bucket', le: '1' }, ['foo_bucket', 0, Gauge]],
    ['histogram', Histogram, 'foo', { name: 'foo_bucket', le: '1' }, ['foo', Member.Bucket, Histogram]],
    ['histogram, no le', Histogram, 'foo', { name: 'foo_bucket' }, ['foo_bucket', 0, Unknown]],
    ['histogram', Histogram, 'foo', { name: 'foo_sum' }, ['foo', Member.Sum, Histogram]],
    ['histogram', Histogram, 'foo', { name: 'foo_count' }, ['foo', Member.Count, Histogram]],
    ['histogram, its start', Histogram, 'foo', { name: 'foo_created' }, ['foo_created', 0, Unknown, 'created']],
    ['histogram, floats of its name', Histogram, 'foo', { name: 'foo' }, ['foo', 0, Unknown]],
    ['histogram, native', Histogram, 'foo', { name: 'foo', native: true }, ['foo', 0, Histogram]],
    ['summary', Summary, 'foo', { name: 'foo', quantile: '0.5' }, ['foo', Member.Quantile, Summary]],
    ['summary', Summary, 'foo', { name: 'foo_sum' }, ['foo', Member.Sum, Summary]],
    ['summary', Summary, 'foo', { name: 'foo_count' }, ['foo', Member.Count, Summary]],
    ['summary named _count', Summary, 'foo_count', { name: 'foo_count', quantile: '0.5' }, ['foo_count', Member.Quantile, Summary]],
    ['summary, quantile beyond 1', Summary, 'foo', { name: 'foo', quantile: '50' }, ['foo', 0, Unknown]],
    ['info', Info, 'foo', { name: 'foo_info' }, ['foo_info', 0, Info]],
    ['info', Info, 'foo_info', { name: 'foo_info' }, ['foo_info', 0, Info]],
    ['stateset', StateSet, 'foo', { name: 'foo' }, ['foo', 0, StateSet]],
    ['gauge histogram', GaugeHistogram, 'foo', { name: 'foo_gcount' }, ['foo_gcount', 0, GaugeHistogram]],
    ['gauge histogram', GaugeHistogram, 'foo', { name: 'foo_gsum' }, ['foo_gsum', 0, GaugeHistogram]],
    ['gauge histogram', GaugeHistogram, 'foo', { name: 'foo_bucket', le: '1' }, ['foo_bucket', 0, GaugeHistogram]],
    ['gauge histogram, native', GaugeHistogram, 'foo', { name: 'foo', native: true }, ['foo', 0, GaugeHistogram]],
    ['a rule of that very name', Counter, 'job:foo', { name: 'job:foo' }, ['job:foo', 0, Counter]],
  ] as const)('%s', (_, type, family, query, [name, member, expected, special]) => {
    const why = 'metadata 1.0'
    const rest = special === undefined ? [] : [special]
    expect(shown(ask(learnt(type, family), query))).toEqual([name, member, expected, why, ...rest])
    // The same word in a series' own metadata, where it stands for the series and not for a name.
    if (family === 'foo') {
      const own = fresh()
      expect(shown(ask(own, { ...query, declared: type }))).toEqual([name, member, expected, 'metadata 2.0', ...rest])
      const label = { name: query.name, typeLabel: ['', 'counter', '', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset'][type] }
      expect(shown(ask(fresh(), { ...query, ...label }))).toEqual([name, member, expected, 'label __type__', ...rest])
    }
  })

  it('keeps to the order of the rules', () => {
    const types = learnt(Gauge, 'foo_total')
    expect(ask(types, { name: 'foo_total', typeLabel: 'counter' }).why).toBe('metadata 1.0')
    expect(ask(types, { name: 'foo_total', declared: Counter }).why).toBe('metadata 2.0')
    expect(ask(fresh(), { name: 'job:foo', typeLabel: 'counter' }).type).toBe(Counter)
    expect(ask(fresh(), { name: 'foo_total', typeLabel: 'unknown' }).why).toBe('h6')
    expect(ask(fresh(), { name: 'foo_total', typeLabel: 'nonsense' }).why).toBe('h6')
  })

  it('asks for the name without suffix only when nothing is said of the name', () => {
    const types = learnt(Counter)
    types.learn('', 'foo_total', Gauge, '', '', 0)
    expect(ask(types, 'foo_total').type).toBe(Gauge)
    // Said to be unknown is said, too: the name decides.
    const unknown = learnt(Histogram)
    unknown.learn('', 'foo_count', Unknown, 'Foos.', '', 0)
    expect(shown(ask(unknown, 'foo_count'))).toEqual(['foo', Member.Count, Unknown, 'undecided'])
  })

  it('does not take what is said of a gauge for its neighbours', () => {
    const types = learnt(Gauge)
    expect(shown(ask(types, 'foo_total'))).toEqual(['foo_total', 0, Counter, 'h6'])
    expect(shown(ask(types, 'foo_count'))).toEqual(['foo_count', 0, Unknown, 'h4'])
    expect(shown(ask(types, { name: 'foo_bucket', le: '1' }))).toEqual(['foo', Member.Bucket, Histogram, 'h1'])
  })

  it('remembers what came with series, for those that come without', () => {
    const types = fresh()
    ask(types, { name: 'foo_bucket', le: '1', declared: Histogram, help: 'Foos.', unit: 'seconds' })
    expect(ask(types, 'foo_count')).toMatchObject({ family: 'foo', type: Histogram, why: 'metadata 2.0', help: 'Foos.', unit: 'seconds' })
    types.learnSeries('', { name: 'bar', native: false, declared: StateSet }, 0)
    expect(ask(types, 'bar').type).toBe(StateSet)
  })

  it('keeps tenants apart', () => {
    const types = fresh()
    types.learn('a', 'foo', Counter, '', '', 0)
    expect(ask(types, 'foo', 0, 'a').type).toBe(Counter)
    expect(ask(types, 'foo', 0, '').type).toBe(Unknown)
    types.learn('1:', 'x', Counter, '', '', 0)
    expect(ask(types, ':x', 0, '1').type).toBe(Unknown)
  })

  it('takes any number for a type, and never throws', () => {
    const types = fresh()
    for (const type of [-1, 8, 255, 1.5, Number.NaN]) types.learn('', 'foo_total', type, '', '', 0)
    expect(ask(types, 'foo_total').why).toBe('h6')
    for (const declared of [-1, 8, 99, Number.NaN]) expect(ask(types, { name: 'foo_total', declared }).why).toBe('h6')
  })
})

describe('help and unit', () => {
  it('keeps the longer help and the last unit, for all members', () => {
    const types = fresh()
    types.learn('', 'foo', Histogram, 'Long help.', 'seconds', 0)
    types.learn('', 'foo', Histogram, 'Short.', '', 0)
    for (const query of [{ name: 'foo_bucket', le: '1' }, { name: 'foo_sum' }, { name: 'foo_count' }]) {
      expect(ask(types, query)).toMatchObject({ help: 'Long help.', unit: 'seconds' })
    }
    types.learn('', 'foo', Histogram, '', 'milliseconds', 0)
    expect(ask(types, 'foo_sum').unit).toBe('milliseconds')
  })

  it('takes the unit of the series before that of the family, and that before its label', () => {
    const types = fresh()
    expect(ask(types, { name: 'foo', unitLabel: 'bytes' }).unit).toBe('bytes')
    types.learn('', 'foo', Gauge, '', 'seconds', 0)
    expect(ask(types, { name: 'foo', unitLabel: 'bytes' }).unit).toBe('seconds')
    expect(ask(types, { name: 'foo', declared: Gauge, unit: 'hours', unitLabel: 'bytes' }).unit).toBe('hours')
  })

  it('finds them for a counter that is known without _total', () => {
    const types = fresh()
    types.learn('', 'foo', Counter, 'Foos.', 'bytes', 0)
    expect(ask(types, 'foo_total')).toMatchObject({ family: 'foo_total', help: 'Foos.', unit: 'bytes' })
  })

  it('leaves out what is too long to be kept', () => {
    const types = fresh()
    types.learn('', 'foo', Gauge, `${'x'.repeat(4095)}😀`, 'u'.repeat(64), 0)
    expect(ask(types, 'foo')).toMatchObject({ help: 'x'.repeat(4095), unit: '' })
    const name = `${'n'.repeat(1024)}_total`
    expect(types.learn('', name, Gauge, '', '', 0)).toBe(false)
    expect(ask(types, name).type).toBe(Counter)
    expect(types.families).toBe(1)
  })
})

describe('overrides', () => {
  const overrides = {
    foo_count: 'gauge',
    foo: 'histogram',
    foo_sum: 'counter',
    'bar*': 'gauge',
    x_total: 'unknown',
    '*': 'counter',
  }

  it('go before everything, the first that fits', () => {
    const types = fresh({ overrides })
    types.learn('', 'x_total', Counter, '', '', 0)
    expect(shown(ask(types, 'foo_count'))).toEqual(['foo_count', 0, Gauge, 'override'])
    expect(shown(ask(types, { name: 'foo_bucket', le: '1' }))).toEqual(['foo', Member.Bucket, Histogram, 'override'])
    expect(shown(ask(types, 'foo_sum'))).toEqual(['foo', Member.Sum, Histogram, 'override'])
    expect(shown(ask(types, { name: 'bar_bucket', le: '1', declared: Histogram }))).toEqual(['bar_bucket', 0, Gauge, 'override'])
    expect(shown(ask(types, 'x_total'))).toEqual(['x_total', 0, Unknown, 'override'])
    expect(shown(ask(types, 'job:y'))).toEqual(['job:y', 0, Counter, 'override'])
  })

  it('take patterns for names of series, too', () => {
    const types = fresh({ overrides: { 'http_*': 'histogram', 'rpc_*': 'summary' } })
    expect(shown(ask(types, { name: 'http_x_bucket', le: '1' }))).toEqual(['http_x', Member.Bucket, Histogram, 'override'])
    expect(shown(ask(types, 'rpc_x_count'))).toEqual(['rpc_x', Member.Count, Summary, 'override'])
    expect(shown(ask(types, { name: 'rpc_x', quantile: '0.5' }))).toEqual(['rpc_x', Member.Quantile, Summary, 'override'])
  })

  it('make no float of a native histogram', () => {
    expect(ask(fresh({ overrides }), { name: 'bar', native: true }).type).toBe(Histogram)
  })

  it('do not make a metric of target_info', () => {
    expect(ask(fresh({ overrides }), 'target_info').special).toBe('target_info')
  })
})

describe('members that only time can tell', () => {
  it('are gauges of their own when the assembler says so', () => {
    const types = fresh()
    ask(types, 'machine_count')
    types.decided('', 'machine', FamilyKind.Gauges, 5000)
    expect(types.settle()).toBe(true)
    expect(shown(ask(types, 'machine_count'))).toEqual(['machine_count', 0, Unknown, 'h4'])
    expect(types.list()).toMatchObject([
      { family: 'machine', type: 'unknown', why: 'h4: _count or _sum alone', sinceMs: 1000, switches: 0 },
    ])
  })

  it.each([
    ['_sum', { name: 'foo_sum' }, ['foo', Member.Sum, Unknown, 'undecided']],
    ['buckets', { name: 'foo_bucket', le: '1' }, ['foo', Member.Bucket, Histogram, 'h1']],
    ['quantiles', { name: 'foo', quantile: '0.5' }, ['foo', Member.Quantile, Summary, 'h5']],
  ] as const)('are looked at again when %s come later', (_, query, expected) => {
    const types = fresh()
    ask(types, 'foo_count')
    types.decided('', 'foo', FamilyKind.Gauges, 5000)
    types.settle()
    expect(shown(ask(types, query))).toEqual(expected)
    expect(types.settle()).toBe(true)
    expect(shown(ask(types, 'foo_count'))).toEqual(['foo', Member.Count, Unknown, 'undecided'])
    expect(types.settle()).toBe(false)
  })

  it('stay gauges when sum and count turn out to belong to different series', () => {
    const types = fresh()
    ask(types, 'foo_count')
    ask(types, 'foo_sum')
    types.decided('', 'foo', FamilyKind.Gauges, 5000)
    expect(ask(types, 'foo_sum').why).toBe('h4')
    expect(ask(types, 'foo_count').why).toBe('h4')
  })

  it('are told series by series where others of the name are a histogram', () => {
    const types = fresh()
    ask(types, { name: 'foo_bucket', le: '1' })
    ask(types, 'foo_count')
    types.decided('', 'foo', FamilyKind.Gauges, 5000)
    expect(shown(ask(types, 'foo_count'))).toEqual(['foo', Member.Count, Unknown, 'undecided'])
    expect(types.list()[0]).toMatchObject({ type: 'histogram', why: 'h1: _bucket with le' })
  })

  it.each([
    [FamilyKind.Histogram, false, 'histogram', 'h2'],
    [FamilyKind.Summary, false, 'summary', 'h3'],
  ] as const)('kind %s is written down', (kind, _, type, why) => {
    const types = fresh()
    ask(types, 'foo_count')
    ask(types, 'foo_sum')
    expect(types.list()).toMatchObject([{ type: 'undecided' }])
    types.decided('', 'foo', kind, 5000)
    expect(types.list()).toMatchObject([{ type, why: expect.stringContaining(why) }])
    types.decided('', 'foo', FamilyKind.Gauges, 6000)
    expect(types.list()).toMatchObject([{ type }])
  })

  it('obey metadata that comes later', () => {
    const types = fresh()
    ask(types, 'foo_count')
    types.decided('', 'foo', FamilyKind.Gauges, 5000)
    types.settle()
    expect(types.learn('', 'foo', Summary, '', '', 6000)).toBe(true)
    expect(shown(ask(types, 'foo_count'))).toEqual(['foo', Member.Count, Summary, 'metadata 1.0'])
  })

  it('says nothing of families that nobody asked for', () => {
    const types = fresh()
    types.decided('', 'foo', FamilyKind.Gauges, 0)
    expect(types.families).toBe(0)
  })
})
