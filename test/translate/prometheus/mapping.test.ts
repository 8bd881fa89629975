import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Member } from '../../../src/translate/prometheus/assembler.ts'
import { createClaims } from '../../../src/translate/prometheus/claims.ts'
import { dottedName } from '../../../src/translate/prometheus/dotted.ts'
import { type MapOptions, type Mapped, mapSeries, type SeriesMetadata } from '../../../src/translate/prometheus/mapping.ts'
import { MetricType } from '../../../src/translate/prometheus/model.ts'
import { createNames } from '../../../src/translate/prometheus/names.ts'
import type { Label } from '../../../src/translate/prometheus/series-labels.ts'
import { createUserMapping, userMappingSchema } from '../../../src/translate/prometheus/user-mapping.ts'

const options: MapOptions = {
  names: createNames({ names: 'keep', unitFromSuffix: false }),
  jobSplit: 'exact-one',
  scrapeAttributes: false,
  resourceLabels: new Map(),
}

const gauge: SeriesMetadata = { family: 'm', member: 0, type: MetricType.Gauge, unit: '' }

const labelsOf = (labels: Readonly<Record<string, string>>): Label[] => Object.entries(labels)

const map = (labels: Readonly<Record<string, string>>, more: Partial<MapOptions> = {}, metadata: Partial<SeriesMetadata> = {}): Mapped =>
  mapSeries(labelsOf({ __name__: 'm', ...labels }), { ...gauge, ...metadata }, { ...options, ...more })

const mappedBy = (file: unknown): Partial<MapOptions> => ({
  names: createNames({ names: 'semconv', unitFromSuffix: false, mapping: createUserMapping(userMappingSchema.parse(file)) }),
})

describe('job and instance', () => {
  it.each([
    [{ job: 'api' }, { 'service.name': 'api' }],
    [{ job: 'prod/api' }, { 'service.namespace': 'prod', 'service.name': 'api' }],
    [{ job: 'serviceMonitor/ns/x/0' }, { 'service.name': 'serviceMonitor/ns/x/0' }],
    [{ job: 'a/b/' }, { 'service.name': 'a/b/' }],
    [{ job: '/api' }, { 'service.name': '/api' }],
    [{ job: 'prod/' }, { 'service.name': 'prod/' }],
    [{ job: '/' }, { 'service.name': '/' }],
    [{ job: '' }, {}],
    [{}, {}],
    [{ instance: 'host:9100' }, { 'service.instance.id': 'host:9100' }],
    [{ instance: '' }, {}],
    [
      { job: 'prod/api', instance: 'h:1' },
      { 'service.namespace': 'prod', 'service.name': 'api', 'service.instance.id': 'h:1' },
    ],
  ])('%j', (labels, resource) => {
    const mapped = map(labels)
    expect(Object.fromEntries(mapped.resource)).toEqual(resource)
    expect(mapped.attributes).toEqual([])
  })

  it('are not split when that is not wanted', () => {
    expect(map({ job: 'prod/api' }, { jobSplit: 'never' }).resource).toEqual([['service.name', 'prod/api']])
  })

  it('leave exported_job and exported_instance alone', () => {
    expect(map({ exported_job: 'a', exported_instance: 'b' }).attributes).toEqual([
      ['exported_job', 'a'],
      ['exported_instance', 'b'],
    ])
  })
})

describe('scrapeAttributes', () => {
  it.each([
    ['host:9100', 'host', '9100'],
    ['10.0.0.1:80', '10.0.0.1', '80'],
    ['[::1]:9100', '::1', '9100'],
    ['[fe80::1%eth0]:9100', 'fe80::1%eth0', '9100'],
  ])('%s', (instance, address, port) => {
    expect(map({ instance }, { scrapeAttributes: true }).resource).toEqual([
      ['service.instance.id', instance],
      ['server.address', address],
      ['server.port', port],
    ])
  })

  it.each(['host', 'host:', ':80', 'host:http', 'host:65536', 'https://host:443', 'https://host/x', '::1:80', '::1', 'a b:80'])(
    '%s tells none',
    (instance) => {
      expect(map({ instance }, { scrapeAttributes: true }).resource).toEqual([['service.instance.id', instance]])
    },
  )

  it('do not displace what a label says', () => {
    const more = { scrapeAttributes: true, resourceLabels: new Map([['node', 'server.address']]) }
    expect(map({ instance: 'host:1', node: 'n1' }, more).resource).toEqual([
      ['service.instance.id', 'host:1'],
      ['server.address', 'n1'],
      ['server.port', '1'],
    ])
  })
})

describe('scope', () => {
  it('is made of otel_scope_ labels', () => {
    const mapped = map({
      otel_scope_name: 'lib',
      otel_scope_schema_url: 'https://x/1',
      otel_scope_team: 'edge',
      otel_scope_version: '1.2',
      a: 'b',
    })
    expect(mapped.scope).toEqual({ name: 'lib', version: '1.2', schemaUrl: 'https://x/1', attributes: [['team', 'edge']] })
    expect(mapped.attributes).toEqual([['a', 'b']])
  })

  it('is there without a name, too', () => {
    expect(map({ otel_scope_team: 'edge' }).scope).toEqual({ name: '', version: '', schemaUrl: '', attributes: [['team', 'edge']] })
  })

  it('is none without such labels', () => {
    const mapped = map({ otel_scope_: 'x', otel_scope_name: '' })
    expect(mapped.scope).toBeUndefined()
    expect(mapped.attributes).toEqual([['otel_scope_', 'x']])
    expect(mapped.consumed).toEqual(['otel_scope_name'])
  })
})

describe('attributes', () => {
  it('are all other labels, verbatim and in their order', () => {
    expect(map({ z: '1', 'a.b': '2', __meta: '3', é: '4', le: '1', quantile: 'x' }).attributes).toEqual([
      ['z', '1'],
      ['a.b', '2'],
      ['__meta', '3'],
      ['é', '4'],
      ['le', '1'],
      ['quantile', 'x'],
    ])
  })

  it('are not what says something of the series, nor what has no value', () => {
    const mapped = map({ __type__: 'gauge', __unit__: 's', empty: '' })
    expect(mapped.attributes).toEqual([])
    expect(mapped.consumed).toEqual(['__type__', '__unit__', 'empty'])
  })

  it.each([
    [Member.Bucket, ['le', '0.5']],
    [Member.Quantile, ['quantile', '0.9']],
    [Member.Sum, undefined],
    [Member.Count, undefined],
  ])('of member %s lack le and quantile', (member, bound) => {
    const mapped = map({ a: 'b', le: '0.5', quantile: '0.9' }, {}, { member, type: MetricType.Histogram })
    expect(mapped).toMatchObject({ attributes: [['a', 'b']], consumed: ['le', 'quantile'], member, bound })
  })
})

describe('resourceLabels', () => {
  const more = {
    resourceLabels: new Map([
      ['cluster', 'cluster'],
      ['pod', 'k8s.pod.name'],
      ['app', 'service.name'],
      ['kubernetes_pod', 'k8s.pod.name'],
    ]),
  }

  it('become attributes of the resource', () => {
    const mapped = map({ job: 'j', cluster: 'c', pod: 'p', a: 'b' }, more)
    expect(mapped.resource).toEqual([
      ['service.name', 'j'],
      ['cluster', 'c'],
      ['k8s.pod.name', 'p'],
    ])
    expect(mapped.attributes).toEqual([['a', 'b']])
  })

  it('give way to job and instance, and stay where they were', () => {
    expect(map({ app: 'x', job: 'j' }, more)).toMatchObject({ resource: [['service.name', 'j']], attributes: [['app', 'x']] })
    expect(map({ app: 'x' }, more)).toMatchObject({ resource: [['service.name', 'x']], attributes: [] })
  })

  it('stay both where two would become one', () => {
    expect(map({ pod: 'p', kubernetes_pod: 'q', cluster: 'c' }, more)).toMatchObject({
      resource: [['cluster', 'c']],
      attributes: [
        ['pod', 'p'],
        ['kubernetes_pod', 'q'],
      ],
    })
  })
})

describe('tenantAttribute', () => {
  it('is an attribute of the resource where there is a tenant', () => {
    const more = { tenantAttribute: 'tenant.id', resourceLabels: new Map([['t', 'tenant.id']]) }
    expect(map({ t: 'x' }, more, { tenant: 'a' })).toMatchObject({ resource: [['tenant.id', 'a']], attributes: [['t', 'x']] })
    expect(map({ t: 'x' }, more)).toMatchObject({ resource: [['tenant.id', 'x']], attributes: [] })
    expect(map({}, {}, { tenant: 'a' }).resource).toEqual([])
  })

  it('does not stand in for job', () => {
    expect(map({ job: 'j' }, { tenantAttribute: 'service.name' }, { tenant: 'a' }).resource).toEqual([['service.name', 'j']])
  })
})

describe("the user's mapping", () => {
  const more = mappedBy({
    labels: { uri: 'http.route', path: 'url.path', junk: null, a: 'b', b: 'c' },
    metrics: [{ match: 'm', metric: 'new.name', unit: 's', factor: 0.001, labels: { path: 'http.route.path' } }],
  })

  it('renames the metric and its labels', () => {
    expect(map({ uri: '/x', path: '/y', junk: '1', z: '2' }, more)).toMatchObject({
      metric: 'new.name',
      unit: 's',
      factor: 0.001,
      family: 'm',
      attributes: [
        ['http.route', '/x'],
        ['http.route.path', '/y'],
        ['z', '2'],
      ],
      dropped: ['junk'],
    })
  })

  it('does not displace a label that has that name already', () => {
    expect(map({ uri: '/x', 'http.route': '/y', z: '1' }, more).attributes).toEqual([
      ['uri', '/x'],
      ['http.route', '/y'],
      ['z', '1'],
    ])
  })

  it('renames in a chain, and not when its end is taken', () => {
    expect(map({ a: '1', b: '2' }, more).attributes).toEqual([
      ['b', '1'],
      ['c', '2'],
    ])
    expect(map({ a: '1', b: '2', c: '3' }, more).attributes).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ])
  })

  it('gives way to resourceLabels, but for labels that are left out', () => {
    const both = { ...more, resourceLabels: new Map([...Object.entries({ uri: 'uri', junk: 'junk' })]) }
    expect(map({ uri: '/x', junk: '1' }, both)).toMatchObject({ resource: [['uri', '/x']], attributes: [], dropped: ['junk'] })
  })

  it('keeps everything of a metric whose new name is not its alone', () => {
    const shared = mappedBy({
      metrics: [
        { match: 'm', metric: 'x', labels: { a: 'z' } },
        { match: 'n', metric: 'x' },
      ],
    })
    const claims = createClaims()
    map({}, { ...shared, claims }, { family: 'n', type: MetricType.Counter })
    expect(map({ a: '1' }, { ...shared, claims })).toMatchObject({ metric: 'm', attributes: [['a', '1']] })
    expect(claims.generation).toBe(1)
  })
})

describe('mapSeries', () => {
  it('loses nothing of the labels', () => {
    const key = fc.constantFrom(
      ...['job', 'instance', 'le', 'quantile', '__type__', '__unit__', 'a', 'b', 'c', 'd', 'pod', 'app', 'x.y', 'junk', 'server.port'],
      ...['otel_scope_name', 'otel_scope_version', 'otel_scope_schema_url', 'otel_scope_a', 'otel_scope_', 'service.name', 'tenant'],
    )
    const target = fc.constantFrom('a', 'b', 'c', 'd', 'x.y', 'service.name', 'service.instance.id', 'tenant', 'pod', 'server.port')
    const cases = fc.record({
      keys: fc.uniqueArray(key),
      slashes: fc.integer({ min: 0, max: 2 }),
      member: fc.integer({ min: 0, max: 4 }),
      renamed: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'pod', 'app', 'x.y'), fc.option(target)),
      moved: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'pod', 'app', 'service.name'), target),
      scrapeAttributes: fc.boolean(),
    })
    fc.assert(
      fc.property(cases, ({ keys, slashes, member, renamed, moved, scrapeAttributes }) => {
        const taken = new Set<string | null>()
        const labels = Object.fromEntries(Object.entries(renamed).filter(([, to]) => to === null || (!taken.has(to) && taken.add(to))))
        const given = keys.map((name, at): Label => {
          if (name === 'job') return [name, `job${'/job'.repeat(slashes)}`]
          return [name, name === 'instance' ? 'host:1' : `value ${at}`]
        })
        const mapped = mapSeries(
          [['__name__', 'm'], ...given],
          { ...gauge, member, tenant: 'tenant' },
          {
            ...options,
            ...mappedBy({ labels }),
            resourceLabels: new Map(Object.entries(moved)),
            scrapeAttributes,
            tenantAttribute: 'tenant',
          },
        )
        const { resource, attributes, scope, consumed, dropped } = mapped
        // No key twice where a key may stand but once.
        for (const pairs of [resource, attributes, scope?.attributes ?? []]) {
          expect(new Set(pairs.map(([name]) => name)).size).toBe(pairs.length)
        }
        const parts = new Map(resource)
        const namespace = parts.get('service.namespace')
        const job = namespace === undefined ? parts.get('service.name') : `${namespace}/${parts.get('service.name')}`
        const values = [
          ...resource.filter(([name]) => name !== 'service.namespace').map(([name, value]) => (name === 'service.name' ? job : value)),
          ...attributes.map(([, value]) => value),
          ...(scope === undefined ? [] : [scope.name, scope.version, scope.schemaUrl, ...scope.attributes.map(([, value]) => value)]),
        ]
        for (const [name, value] of given) {
          const gone = consumed.includes(name) || dropped.includes(name)
          expect(values.filter((one) => one === value).length + (gone ? 1 : 0), name).toBe(1)
          if (consumed.includes(name)) expect(['le', 'quantile', '__type__', '__unit__']).toContain(name)
          if (dropped.includes(name)) expect(labels[name]).toBeNull()
        }
        const derived = new Set(['tenant', 'host', '1'])
        expect(values.filter((value) => value !== '' && !derived.has(value ?? '')).length).toBe(
          given.length - consumed.length - dropped.length,
        )
      }),
      { numRuns: 1000 },
    )
  })
})

describe('dottedName', () => {
  it.each([
    ['k8s_pod_name', 'k8s.pod.name'],
    ['cloud_availability_zone', 'cloud.availability_zone'],
    ['deployment_environment', 'deployment.environment'],
    ['deployment_environment_name', 'deployment.environment.name'],
    ['process_parent_pid', 'process.parent_pid'],
    ['service_version', 'service.version'],
    ['my_own_label', 'my_own_label'],
    ['k8s.pod.name', 'k8s.pod.name'],
    ['constructor', 'constructor'],
  ])('%s: %s', (label, name) => {
    expect(dottedName(label)).toBe(name)
  })
})
