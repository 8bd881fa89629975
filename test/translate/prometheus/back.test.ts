import { describe, expect, it } from 'vitest'
import { Member } from '../../../src/translate/prometheus/assembler.ts'
import {
  type BackendOptions,
  back,
  backLabel,
  backName,
  forward,
  type Strategy,
  strategies,
} from '../../../src/translate/prometheus/back.ts'
import { boundText } from '../../../src/translate/prometheus/bound-text.ts'
import { type MapOptions, type Mapped, mapSeries } from '../../../src/translate/prometheus/mapping.ts'
import { MetricType } from '../../../src/translate/prometheus/model.ts'
import { createNames } from '../../../src/translate/prometheus/names.ts'
import type { Label } from '../../../src/translate/prometheus/series-labels.ts'
import { createTypes, type Types } from '../../../src/translate/prometheus/types.ts'
import { createUserMapping, userMappingSchema } from '../../../src/translate/prometheus/user-mapping.ts'

const { Counter, Gauge, Histogram, Summary, Info, Unknown } = MetricType

/** Strategies in the order of the columns of section 12.1. */
const [withSuffixes, withoutSuffixes, utf8WithSuffixes, noTranslation] = strategies

const keep = createNames({ names: 'keep', unitFromSuffix: false })
const options: MapOptions = { names: keep, jobSplit: 'exact-one', scrapeAttributes: false, resourceLabels: new Map() }

const mapped = (more: Partial<Mapped> = {}): Mapped => ({
  metric: 'm',
  unit: '',
  factor: 1,
  type: Gauge,
  family: 'm',
  member: 0,
  resource: [],
  scope: undefined,
  attributes: [],
  bound: undefined,
  consumed: [],
  dropped: [],
  ...more,
})

describe('backName', () => {
  // Section 12.1: measured on Prometheus v0.315.0.
  it.each([
    [Counter, 'http_requests_total', '', ['http_requests_total', 'http_requests_total', 'http_requests_total', 'http_requests_total']],
    [
      Counter,
      'node_cpu_seconds_total',
      's',
      ['node_cpu_seconds_total', 'node_cpu_seconds_total', 'node_cpu_seconds_total', 'node_cpu_seconds_total'],
    ],
    [
      Counter,
      'requests_no_suffix',
      '',
      ['requests_no_suffix_total', 'requests_no_suffix', 'requests_no_suffix_total', 'requests_no_suffix'],
    ],
    [
      Counter,
      'process_cpu_total',
      's',
      ['process_cpu_seconds_total', 'process_cpu_total', 'process_cpu_seconds_total', 'process_cpu_total'],
    ],
    [Counter, 'total_bytes_read', 'By', ['bytes_read_total', 'total_bytes_read', 'total_bytes_read_bytes_total', 'total_bytes_read']],
    [
      Counter,
      'my_seconds_total_count',
      's',
      ['my_seconds_count_total', 'my_seconds_total_count', 'my_seconds_total_count_seconds_total', 'my_seconds_total_count'],
    ],
    [Info, 'build_info', '', ['build_info', 'build_info', 'build_info', 'build_info']],
    [Gauge, 'cpu_usage_ratio', '1', ['cpu_usage_ratio', 'cpu_usage_ratio', 'cpu_usage_ratio', 'cpu_usage_ratio']],
    [Gauge, 'buildinfo_one', '1', ['buildinfo_one_ratio', 'buildinfo_one', 'buildinfo_one_ratio', 'buildinfo_one']],
    [Gauge, 'mem_used', 'By', ['mem_used_bytes', 'mem_used', 'mem_used_bytes', 'mem_used']],
    [
      Gauge,
      'node_memory_bytes_free',
      'By',
      ['node_memory_bytes_free', 'node_memory_bytes_free', 'node_memory_bytes_free_bytes', 'node_memory_bytes_free'],
    ],
    [Gauge, 'a__b', '', ['a_b', 'a__b', 'a__b', 'a__b']],
    [Gauge, '_lead_metric', '', ['lead_metric', '_lead_metric', '_lead_metric', '_lead_metric']],
    [
      Gauge,
      'job:http_requests:rate5m',
      '',
      ['job:http_requests:rate5m', 'job:http_requests:rate5m', 'job:http_requests:rate5m', 'job:http_requests:rate5m'],
    ],
    [Gauge, 'dotted.name', 's', ['dotted_name_seconds', 'dotted_name', 'dotted.name_seconds', 'dotted.name']],
    [
      Histogram,
      'http_request_duration_seconds',
      's',
      ['http_request_duration_seconds', 'http_request_duration_seconds', 'http_request_duration_seconds', 'http_request_duration_seconds'],
    ],
    [Histogram, 'lat_ms', 'ms', ['lat_ms_milliseconds', 'lat_ms', 'lat_ms_milliseconds', 'lat_ms']],
    [
      Summary,
      'rpc_duration_seconds',
      's',
      ['rpc_duration_seconds', 'rpc_duration_seconds', 'rpc_duration_seconds', 'rpc_duration_seconds'],
    ],
    // What was read in the backend's source.
    [Gauge, 'x', 'By/s', ['x_bytes_per_second', 'x', 'x_bytes_per_second', 'x']],
    [Gauge, 'x', '1/s', ['x_per_second', 'x', 'x_per_second', 'x']],
    [Gauge, 'x_per_second', '1/s', ['x_per_second_per_second', 'x_per_second', 'x_per_second', 'x_per_second']],
    [Counter, 'x', '{request}', ['x_total', 'x', 'x_total', 'x']],
    [Gauge, 'x', 'kBy', ['x_kBy', 'x', 'x_kBy', 'x']],
    [Gauge, 'x_tebibytes', 'TiBy', ['x_tebibytes_tibibytes', 'x_tebibytes', 'x_tebibytes_tibibytes', 'x_tebibytes']],
    [Gauge, 'x', '%', ['x_percent', 'x', 'x_percent', 'x']],
    [Gauge, 'x', 'odd@@unit', ['x_odd_unit', 'x', 'x_odd@@unit', 'x']],
    [Gauge, '2xx', '', ['_2xx', '_2xx', '2xx', '2xx']],
    [Counter, 'total', '', ['total', 'total', 'total_total', 'total']],
    [Unknown, 'x', '1', ['x_ratio', 'x', 'x_ratio', 'x']],
    [Info, 'x', '1', ['x', 'x', 'x', 'x']],
    [Gauge, 'é', '', [undefined, undefined, 'é', 'é']],
    [Gauge, '___', '', [undefined, '___', '___', '___']],
  ] as const)('type %i, %s, unit %j', (type, name, unit, expected) => {
    expect(strategies.map((strategy) => backName(name, unit, type, strategy))).toEqual(expected)
  })
})

describe('backLabel', () => {
  it.each([
    ['http.method', 'http_method'],
    ['_lead', 'key_lead'],
    ['__two', '__two'],
    ['9x', 'key_9x'],
    ['a__b', 'a__b'],
    ['a:b', 'a_b'],
    ['é', 'key_'],
    ['éé', undefined],
    ['a😀', 'a_'],
    ['__', undefined],
  ])('%s', (attribute, label) => {
    expect([withSuffixes, withoutSuffixes].map((strategy) => backLabel(attribute, strategy))).toEqual([label, label])
    expect([utf8WithSuffixes, noTranslation].map((strategy) => backLabel(attribute, strategy))).toEqual([attribute, attribute])
  })
})

describe('back', () => {
  it('puts the values of attributes that become one label side by side', () => {
    const one = mapped({
      attributes: [
        ['b.c', '2'],
        ['b_c', '3'],
        ['b-c', '1'],
        ['a', '0'],
      ],
    })
    expect(back(one, withSuffixes)?.labels).toEqual([
      ['a', '0'],
      ['b_c', '1;2;3'],
    ])
    expect(back(one, noTranslation)?.labels).toHaveLength(4)
  })

  it.each([
    [Member.Bucket, Histogram, ['le', '5e-1'], 'm_bucket', [['le', '0.5']]],
    [Member.Bucket, Histogram, ['le', 'Inf'], 'm_bucket', [['le', '+Inf']]],
    [Member.Bucket, Histogram, ['le', '1.0'], 'm_bucket', [['le', '1']]],
    [Member.Bucket, Histogram, undefined, 'm_bucket', []],
    [Member.Sum, Histogram, undefined, 'm_sum', []],
    [Member.Count, Unknown, undefined, 'm_count', []],
    [Member.Quantile, Summary, ['quantile', '0.990'], 'm', [['quantile', '0.99']]],
    [0, Histogram, undefined, 'm', []],
  ] as const)('names member %i', (member, type, bound, name, labels) => {
    expect(back(mapped({ member, type, bound }), withSuffixes)).toEqual({ name, labels, targetInfo: undefined })
  })

  it('puts the unit before the suffix of a member, and never ratio', () => {
    const one = mapped({ metric: 'lat_ms', unit: 'ms', member: Member.Bucket, type: Histogram })
    expect(strategies.map((strategy) => back(one, strategy)?.name)).toEqual([
      'lat_ms_milliseconds_bucket',
      'lat_ms_bucket',
      'lat_ms_milliseconds_bucket',
      'lat_ms_bucket',
    ])
    expect(back(mapped({ unit: '1', member: Member.Count, type: Unknown }), withSuffixes)?.name).toBe('m_count')
  })

  it('scales bounds, and not quantiles', () => {
    const one = mapped({ member: Member.Bucket, type: Histogram, factor: 0.001, bound: ['le', '250'] })
    expect(back(one, noTranslation)?.labels).toEqual([['le', '0.25']])
    const other = mapped({ member: Member.Quantile, type: Summary, factor: 0.001, bound: ['quantile', '0.5'] })
    expect(back(other, noTranslation)?.labels).toEqual([['quantile', '0.5']])
  })

  it('is nothing where the backend drops the point', () => {
    expect(back(mapped({ metric: 'é' }), withSuffixes)).toBeUndefined()
    expect(back(mapped({ attributes: [['éé', '1']] }), withoutSuffixes)).toBeUndefined()
    expect(back(mapped({ metric: 'é', attributes: [['éé', '1']] }), noTranslation)).toMatchObject({ name: 'é', labels: [['éé', '1']] })
  })
})

// Section 12.2.
describe('back of the resource', () => {
  const shown = (resource: readonly Label[], options?: BackendOptions, strategy: Strategy = withSuffixes) => {
    const found = back(mapped({ resource, attributes: [['a', 'b']] }), strategy, options)
    return found && { labels: Object.fromEntries(found.labels), targetInfo: found.targetInfo && Object.fromEntries(found.targetInfo) }
  }

  it.each([
    [
      [
        ['service.namespace', 'prod'],
        ['service.name', 'api'],
      ],
      { job: 'prod/api' },
    ],
    [[['service.name', 'api']], { job: 'api' }],
    [[['service.namespace', 'prod']], {}],
    [[['service.instance.id', 'h:p']], { instance: 'h:p' }],
    [[], {}],
  ] as const)('%j: job and instance, no target_info', (resource, labels) => {
    expect(shown(resource)).toEqual({ labels: { a: 'b', ...labels }, targetInfo: undefined })
  })

  const whole: Label[] = [
    ['service.namespace', 'prod'],
    ['service.name', 'api'],
    ['service.instance.id', 'h:p'],
    ['k8s.pod.name', 'p'],
  ]
  const identity = { job: 'prod/api', instance: 'h:p' }

  it('puts other attributes on target_info alone', () => {
    expect(shown(whole)).toEqual({ labels: { a: 'b', ...identity }, targetInfo: { ...identity, k8s_pod_name: 'p' } })
    expect(shown(whole, {}, noTranslation)?.targetInfo).toEqual({ ...identity, 'k8s.pod.name': 'p' })
  })

  it('puts promoted ones on every series, where they displace nothing', () => {
    expect(shown(whole, { promoteResourceAttributes: ['k8s.pod.name', 'absent'] })?.labels).toEqual({
      a: 'b',
      ...identity,
      k8s_pod_name: 'p',
    })
    expect(shown([...whole, ['a', 'z']], { promoteResourceAttributes: 'all' })?.labels).toEqual({
      a: 'b',
      ...identity,
      k8s_pod_name: 'p',
      service_name: 'api',
      service_namespace: 'prod',
      service_instance_id: 'h:p',
    })
  })

  it('keeps identifying attributes where that is set', () => {
    expect(shown(whole, { keepIdentifyingResourceAttributes: true })?.targetInfo).toEqual({
      ...identity,
      k8s_pod_name: 'p',
      service_name: 'api',
      service_namespace: 'prod',
      service_instance_id: 'h:p',
    })
  })

  it('has no target_info without job and instance', () => {
    expect(shown([['k8s.pod.name', 'p']])?.targetInfo).toBeUndefined()
  })

  it('shows the scope only where it is promoted', () => {
    const one = mapped({ scope: { name: 'lib', version: '1', schemaUrl: '', attributes: [['a.b', 'x']] } })
    expect(back(one, withSuffixes)?.labels).toEqual([])
    expect(back(one, withSuffixes, { promoteScopeMetadata: true })?.labels).toEqual([
      ['otel_scope_a_b', 'x'],
      ['otel_scope_name', 'lib'],
      ['otel_scope_version', '1'],
    ])
    expect(back(mapped(), withSuffixes, { promoteScopeMetadata: true })?.labels).toEqual([])
  })
})

// Section 12.3.
describe('forward and back', () => {
  const types = (): Types => {
    const made = createTypes({})
    made.learn('', 'foo_total', Counter, '', '', 0)
    made.learn('', 'bare', Counter, '', '', 0)
    made.learn('', 'lat', Histogram, '', 'seconds', 0)
    made.learn('', 'wait_seconds', Summary, '', 'seconds', 0)
    made.learn('', 'size', Gauge, '', 'bytes', 0)
    made.learn('', 'node_memory_bytes_free', Gauge, '', 'bytes', 0)
    return made
  }

  const names = (name: string, mapping: MapOptions = options): (string | undefined)[] => {
    const one = forward(name, [], types(), mapping)
    return strategies.map((strategy) => back(one, strategy)?.name)
  }

  it.each([
    ['foo_total', ['foo_total', 'foo_total', 'foo_total', 'foo_total']],
    ['bare', ['bare_total', 'bare', 'bare_total', 'bare']],
    ['never_typed', ['never_typed', 'never_typed', 'never_typed', 'never_typed']],
    ['lat_bucket', ['lat_seconds_bucket', 'lat_bucket', 'lat_seconds_bucket', 'lat_bucket']],
    ['lat_sum', ['lat_seconds_sum', 'lat_sum', 'lat_seconds_sum', 'lat_sum']],
    ['lat_count', ['lat_seconds_count', 'lat_count', 'lat_seconds_count', 'lat_count']],
    ['wait_seconds', ['wait_seconds', 'wait_seconds', 'wait_seconds', 'wait_seconds']],
    ['wait_seconds_count', ['wait_seconds_count', 'wait_seconds_count', 'wait_seconds_count', 'wait_seconds_count']],
    ['size', ['size_bytes', 'size', 'size_bytes', 'size']],
    [
      'node_memory_bytes_free',
      ['node_memory_bytes_free', 'node_memory_bytes_free', 'node_memory_bytes_free_bytes', 'node_memory_bytes_free'],
    ],
    ['unknown_bucket', ['unknown_bucket', 'unknown_bucket', 'unknown_bucket', 'unknown_bucket']],
    ['job:foo:rate5m', ['job:foo:rate5m', 'job:foo:rate5m', 'job:foo:rate5m', 'job:foo:rate5m']],
  ])('keep: %s', (name, expected) => {
    expect(names(name)).toEqual(expected)
  })

  it('strip: suffixes come back where the backend adds them', () => {
    const strip = { ...options, names: createNames({ names: 'strip', unitFromSuffix: false }) }
    expect(names('foo_total', strip)).toEqual(['foo_total', 'foo', 'foo_total', 'foo'])
    expect(names('wait_seconds_sum', strip)).toEqual(['wait_seconds_sum', 'wait_sum', 'wait_seconds_sum', 'wait_sum'])
  })

  it('takes a summary without quantile for one, though nothing is learnt by it', () => {
    const known = types()
    expect(forward('wait_seconds', [], known, options)).toMatchObject({ type: Summary, member: Member.Quantile })
    expect(forward('plain', [], known, options)).toMatchObject({ type: Unknown, member: 0 })
    expect(known.list().find(({ family }) => family === 'plain')).toMatchObject({ type: 'unknown' })
  })

  it('carries labels of a selector through the mapping of the user', () => {
    const file = userMappingSchema.parse({
      metrics: [{ match: 'lat', metric: 'http.duration', unit: 's', factor: 0.001, labels: { uri: 'http.route' } }],
    })
    const mapping = { ...options, names: createNames({ names: 'semconv', unitFromSuffix: false, mapping: createUserMapping(file) }) }
    const labels: Label[] = [
      ['__name__', 'lat_bucket'],
      ['job', 'prod/api'],
      ['le', '100'],
      ['uri', '/x'],
    ]
    expect(back(forward('lat_bucket', labels, types(), mapping), withSuffixes)).toEqual({
      name: 'http_duration_seconds_bucket',
      labels: [
        ['http_route', '/x'],
        ['job', 'prod/api'],
        ['le', '0.1'],
      ],
      targetInfo: undefined,
    })
  })

  it('changes nothing by default, on a backend that adds nothing', () => {
    const labels: Label[] = [
      ['code', '200'],
      ['exported_job', 'x'],
      ['instance', 'h:1'],
      ['job', 'a/b/c'],
      ['method', 'GET'],
    ]
    for (const strategy of [withoutSuffixes, noTranslation]) {
      for (const name of ['foo_total', 'bare', 'lat_sum', 'size', 'up', 'a__b', '_lead', 'job:x']) {
        expect(back(forward(name, labels, types(), options), strategy)).toEqual({ name, labels, targetInfo: undefined })
      }
    }
  })

  it('maps as live traffic is mapped', () => {
    const resolved = types().resolve('', { name: 'lat_bucket', le: '1', native: false, declared: 0 }, 0)
    const labels: Label[] = [
      ['le', '1'],
      ['job', 'x'],
    ]
    expect(forward('lat_bucket', labels, types(), options)).toEqual(mapSeries(labels, resolved, options))
  })
})

describe('boundText', () => {
  it.each([
    [1, '1'],
    [0.005, '0.005'],
    [1e-7, '0.0000001'],
    [1.5e-9, '0.0000000015'],
    [-2.5e-8, '-0.000000025'],
    [1e21, '1000000000000000000000'],
    [1.25e22, '12500000000000000000000'],
    [-1e21, '-1000000000000000000000'],
    [Number.POSITIVE_INFINITY, '+Inf'],
    [Number.NEGATIVE_INFINITY, '-Inf'],
    [0, '0'],
  ])('%d', (value, text) => {
    expect(boundText(value)).toBe(text)
  })
})
