import { describe, expect, it } from 'vitest'
import { createClaims } from '../../../src/translate/prometheus/claims.ts'
import { MetricType } from '../../../src/translate/prometheus/model.ts'
import { createNames, type MetricQuery, type Names } from '../../../src/translate/prometheus/names.ts'
import { createUserMapping, userMappingSchema } from '../../../src/translate/prometheus/user-mapping.ts'

const { Counter, Gauge, Histogram, Unknown, Summary, Info } = MetricType

const query = (name: string, type: number = Gauge, unit = ''): MetricQuery => ({ name, type, unit })

const short = (names: Names, name: string, type: number = Gauge, unit = ''): [string, string] => {
  const found = names.metric(query(name, type, unit))
  return [found.name, found.unit]
}

const keep = createNames({ names: 'keep', unitFromSuffix: false })
const strip = createNames({ names: 'strip', unitFromSuffix: false })

const mapping = createUserMapping(
  userMappingSchema.parse({
    labels: { pod: 'k8s.pod.name', junk: null },
    metrics: [
      { match: 'http_ms', metric: 'http.server.request.duration', unit: 's', factor: 0.001, labels: { uri: 'http.route' } },
      { match: 'http_seconds', metric: 'http.server.request.duration', unit: 's' },
      { match: 'go_*', labels: { junk: 'rubbish' } },
    ],
  }),
)
const semconv = createNames({ names: 'semconv', unitFromSuffix: false, mapping })

describe('names: keep', () => {
  it.each([
    ['http_requests_total', Counter, '', ['http_requests_total', '']],
    ['node_cpu_seconds_total', Counter, 'seconds', ['node_cpu_seconds_total', 's']],
    ['mem_bytes', Gauge, 'bytes', ['mem_bytes', 'By']],
    ['cpu_usage_ratio', Gauge, 'ratio', ['cpu_usage_ratio', '']],
    ['job:x:rate5m', Unknown, '', ['job:x:rate5m', '']],
  ] as const)('%s is kept', (name, type, unit, expected) => {
    expect(short(keep, name, type, unit)).toEqual(expected)
  })

  it('reads the unit from the name where it is told to, and metadata says none', () => {
    const names = createNames({ names: 'keep', unitFromSuffix: true })
    expect(short(names, 'node_cpu_seconds_total', Counter)).toEqual(['node_cpu_seconds_total', 's'])
    expect(short(names, 'x_seconds', Gauge, 'bytes')).toEqual(['x_seconds', 'By'])
    expect(short(names, 'x_bytes', Gauge, 'ratio')).toEqual(['x_bytes', ''])
    expect(short(keep, 'node_cpu_seconds_total', Counter)).toEqual(['node_cpu_seconds_total', ''])
  })

  it('asks nobody, and leaves the mapping alone', () => {
    const claims = createClaims(0)
    const names = createNames({ names: 'keep', unitFromSuffix: false, mapping })
    expect(names.metric(query('http_ms', Histogram), claims)).toMatchObject({ name: 'http_ms', factor: 1 })
    expect(names.label('http_ms', 'uri')).toBe('uri')
    expect(claims.unclaimed).toBe(0)
  })
})

describe('names: strip', () => {
  it.each([
    ['http_requests_total', Counter, '', ['http_requests', '']],
    ['node_cpu_seconds_total', Counter, 'seconds', ['node_cpu', 's']],
    ['http_request_duration_seconds', Histogram, 'seconds', ['http_request_duration', 's']],
    ['rpc_seconds', Summary, 's', ['rpc', 's']],
    ['jobs_total', Gauge, '', ['jobs_total', '']],
    ['jobs_total', Info, '', ['jobs_total', '']],
    ['node_cpu_seconds_total', Unknown, 'seconds', ['node_cpu_seconds_total', 's']],
    ['x_requests', Gauge, 'requests', ['x', 'requests']],
    ['x_seconds', Gauge, '', ['x_seconds', '']],
    ['x_seconds_y', Gauge, 'seconds', ['x_seconds_y', 's']],
    ['usage_ratio', Gauge, 'ratio', ['usage_ratio', '']],
    ['_total', Counter, '', ['_total', '']],
    ['__total', Counter, '', ['__total', '']],
    ['_seconds_total', Counter, 'seconds', ['_seconds', 's']],
    ['seconds_total', Counter, 'seconds', ['seconds', 's']],
    ['total', Counter, '', ['total', '']],
  ] as const)('%s', (name, type, unit, expected) => {
    expect(short(strip, name, type, unit)).toEqual(expected)
  })

  it('keeps both names when two metrics would get one, and says so', () => {
    const claims = createClaims()
    expect(strip.metric(query('foo_total', Counter), claims)).toMatchObject({ name: 'foo', renamed: true })
    expect(claims.generation).toBe(0)
    expect(strip.metric(query('foo', Gauge), claims).name).toBe('foo')
    expect(claims).toMatchObject({ generation: 1, contested: 1 })
    expect(strip.metric(query('foo_total', Counter), claims)).toMatchObject({ name: 'foo_total', renamed: false })
    expect(strip.metric(query('foo', Gauge), claims).name).toBe('foo')
    expect(claims.generation).toBe(1)
  })

  it('does so whichever comes first, and of the same type, too', () => {
    const claims = createClaims()
    expect(strip.metric(query('x', Counter), claims).name).toBe('x')
    expect(strip.metric(query('x_total', Counter), claims).name).toBe('x_total')
    expect(strip.metric(query('x_seconds', Gauge, 'seconds'), claims).name).toBe('x_seconds')
  })

  it('lets go of a name that is the own one of another, though that has two names itself', () => {
    const claims = createClaims()
    expect(strip.metric(query('a_total_total', Counter), claims).name).toBe('a_total')
    expect(strip.metric(query('a', Gauge), claims).name).toBe('a')
    // Contested with `a`, it keeps its own name, which somebody has got meanwhile.
    expect(strip.metric(query('a_total', Counter), claims).name).toBe('a_total')
    expect(strip.metric(query('a_total_total', Counter), claims).name).toBe('a_total_total')
    expect(claims.contested).toBe(2)
  })

  it('keeps tenants apart', () => {
    const claims = createClaims()
    expect(strip.metric({ ...query('foo_total', Counter), tenant: 'a' }, claims).name).toBe('foo')
    expect(strip.metric({ ...query('foo', Gauge), tenant: 'b' }, claims).name).toBe('foo')
    expect(claims.contested).toBe(0)
  })

  it('follows a metric whose type changes', () => {
    const claims = createClaims()
    expect(strip.metric(query('foo_total', Counter), claims).name).toBe('foo')
    expect(strip.metric(query('foo_total', Gauge), claims).name).toBe('foo_total')
    expect(strip.metric(query('foo', Gauge), claims).name).toBe('foo')
    expect(claims.contested).toBe(0)
  })

  it('renames no more metrics than it can remember', () => {
    const claims = createClaims(2)
    expect(['a_total', 'b_total', 'c_total'].map((name) => strip.metric(query(name, Counter), claims).name)).toEqual(['a', 'b', 'c_total'])
    expect(claims.unclaimed).toBe(1)
    // One that cannot be remembered has its own name all the same.
    expect(strip.metric(query('a', Gauge), claims).name).toBe('a')
    expect(strip.metric(query('a_total', Counter), claims).name).toBe('a_total')
    expect(claims.generation).toBe(1)
  })

  it('never gives two metrics one name, in whatever order they come', () => {
    const metrics = ['a', 'a_total', 'a_seconds', 'a_seconds_total', 'a_total_total', 'a_total_seconds'].flatMap((name) =>
      [Counter, Gauge].map((type) => query(name, type, 'seconds')),
    )
    let seed = 7
    const random = (below: number): number => {
      seed = (seed * 1103515245 + 12345) % 2147483648
      return Math.floor((seed / 2147483648) * below)
    }
    for (let run = 0; run < 200; run++) {
      const claims = createClaims(run % 2 === 0 ? 1000 : 4)
      const current = new Map<string, MetricQuery>()
      for (let step = 0; step < 20; step++) {
        const one = metrics[random(metrics.length)] as MetricQuery
        current.set(one.name, one)
        strip.metric(one, claims)
        let given: Map<string, string>
        let before: number
        do {
          before = claims.generation
          given = new Map([...current.values()].map((each) => [each.name, strip.metric(each, claims).name]))
        } while (claims.generation !== before)
        expect(new Set(given.values()).size, JSON.stringify([...given])).toBe(current.size)
      }
    }
  })
})

describe('names: semconv', () => {
  it('renames, sets the unit and scales by the mapping', () => {
    const found = semconv.metric(query('http_ms', Histogram, 'milliseconds'))
    expect(found).toMatchObject({ name: 'http.server.request.duration', unit: 's', factor: 0.001, renamed: true })
    expect(found.labels.get('uri')).toBe('http.route')
  })

  it('keeps what is not in it', () => {
    expect(semconv.metric(query('up'))).toMatchObject({ name: 'up', unit: '', factor: 1, renamed: true })
    expect(semconv.metric(query('go_threads', Gauge, 'bytes'))).toMatchObject({ name: 'go_threads', unit: 'By', factor: 1 })
  })

  it('lets two metrics share a name when type and unit agree, and only then', () => {
    const claims = createClaims()
    expect(semconv.metric(query('http_ms', Histogram), claims).name).toBe('http.server.request.duration')
    expect(semconv.metric(query('http_seconds', Histogram), claims).name).toBe('http.server.request.duration')
    expect(claims.generation).toBe(0)
    expect(semconv.metric(query('http_seconds', Summary), claims)).toMatchObject({
      name: 'http_seconds',
      unit: '',
      factor: 1,
      renamed: false,
    })
    expect(claims.generation).toBe(1)
    const other = semconv.metric(query('http_ms', Histogram, 'milliseconds'), claims)
    expect(other).toMatchObject({ name: 'http_ms', unit: 'ms', factor: 1, renamed: false })
    expect([...other.labels]).toEqual([...mapping.labels])
  })

  it('claims nothing for what only time can tell', () => {
    const claims = createClaims()
    semconv.metric(query('http_ms', Histogram), claims)
    semconv.metric(query('http_seconds', Histogram), claims)
    const found = semconv.metric({ ...query('http_seconds', Unknown), undecided: true }, claims)
    expect(found.name).toBe('http.server.request.duration')
    expect(claims.contested).toBe(0)
  })

  it('does not scale native histograms: they keep all that was theirs', () => {
    const native = { ...query('http_ms', Histogram, 'milliseconds'), exponential: true }
    expect(semconv.metric(native)).toMatchObject({ name: 'http_ms', unit: 'ms', factor: 1, renamed: false })
    expect(semconv.metric({ ...query('http_seconds', Histogram), exponential: true }).name).toBe('http.server.request.duration')
  })

  it('renames and leaves out labels', () => {
    expect(semconv.label('http_ms', 'uri')).toBe('http.route')
    expect(semconv.label('up', 'uri')).toBe('uri')
    expect(semconv.label('up', 'pod')).toBe('k8s.pod.name')
    expect(semconv.label('up', 'junk')).toBeUndefined()
    expect(semconv.label('go_threads', 'junk')).toBe('rubbish')
  })
})
