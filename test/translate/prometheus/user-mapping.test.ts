import { describe, expect, it } from 'vitest'
import { isPattern, matches } from '../../../src/translate/patterns.ts'
import { createUserMapping, userMappingSchema } from '../../../src/translate/prometheus/user-mapping.ts'

const faultsOf = (file: unknown): string[] => {
  const { error } = userMappingSchema.safeParse(file)
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

const indexed = (file: unknown) => createUserMapping(userMappingSchema.parse(file))

describe('userMappingSchema', () => {
  it('takes an empty file', () => {
    expect(userMappingSchema.parse({})).toEqual({ metrics: [], labels: {} })
  })

  it('takes all that may be said', () => {
    const file = {
      labels: { pod: 'k8s.pod.name', junk: null },
      metrics: [
        {
          match: 'http_server_requests_milliseconds',
          metric: 'http.server.request.duration',
          unit: 's',
          factor: 0.001,
          labels: { uri: 'http.route', junk: 'junk' },
        },
        { match: 'jvm_*', labels: { area: 'jvm.memory.type' } },
      ],
    }
    expect(faultsOf(file)).toEqual([])
    expect(userMappingSchema.parse(file).metrics[1]).toEqual({ match: 'jvm_*', factor: 1, labels: { area: 'jvm.memory.type' } })
  })

  const refused: readonly (readonly [what: string, file: unknown, fault: RegExp])[] = [
    ['unknown keys', { metric: [] }, /Unrecognized|unknown/i],
    ['unit 1', { metrics: [{ match: 'a', unit: '1' }] }, /^metrics\.0\.unit: .*x_ratio/],
    ['factor 0', { metrics: [{ match: 'a', factor: 0 }] }, /^metrics\.0\.factor/],
    ['a negative factor', { metrics: [{ match: 'a', factor: -1 }] }, /^metrics\.0\.factor/],
    ['an infinite factor', { metrics: [{ match: 'a', factor: Number.POSITIVE_INFINITY }] }, /^metrics/],
    ['an empty name', { metrics: [{ match: 'a', metric: '' }] }, /^metrics\.0\.metric/],
    ['an empty attribute', { labels: { a: '' } }, /^labels\.a/],
    ['the same metric twice', { metrics: [{ match: 'a' }, { match: 'b' }, { match: 'a' }] }, /^metrics\.2\.match: .*metrics\.0/],
    [
      'two units of one new name',
      {
        metrics: [
          { match: 'a', metric: 'x', unit: 's' },
          { match: 'b', metric: 'x', unit: 'ms' },
        ],
      },
      /^metrics\.1\.unit: .*of a, "s": both become x$/,
    ],
    ['two labels of all to one attribute', { labels: { a: 'x', b: 'x' } }, /^labels\.b: .*b and a would both become x$/],
    ['two labels of a metric to one attribute', { metrics: [{ match: 'm', labels: { a: 'x', b: 'x' } }] }, /^metrics\.0\.labels\.b/],
    [
      'a label of a metric to the attribute of one of all',
      { labels: { a: 'x' }, metrics: [{ match: 'm', labels: { b: 'x' } }] },
      /^metrics\.0\.labels\.b: .*both become x$/,
    ],
    ...['__name__', '__type__', '__unit__', 'le', 'quantile', 'job', 'instance', 'otel_scope_name'].map(
      (label) => [`label ${label}`, { labels: { [label]: 'x' } }, /^labels\..*: cannot be renamed: it (is|becomes)/] as const,
    ),
  ]

  it.each(refused)('refuses %s', (_, file, fault) => {
    const faults = faultsOf(file)
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatch(fault)
  })

  it('names the metric of a fault in a section by its old name', () => {
    expect(faultsOf({ metrics: { a: { name: 'x', unit: 's' }, b: { name: 'x', unit: 'ms' } } })[0]).toMatch(/^metrics\.b\.unit: /)
    expect(faultsOf({ metrics: { a: { type: 'number' } } })).toHaveLength(1)
  })

  it('tells all faults at once', () => {
    expect(faultsOf({ labels: { a: 'x', b: 'x', job: 'y' }, metrics: [{ match: 'a' }, { match: 'a' }] })).toHaveLength(3)
  })

  it('lets two metrics of one unit become one, and a label take the place of one that goes elsewhere', () => {
    expect(
      faultsOf({
        labels: { a: 'b', b: 'c' },
        metrics: [
          { match: 'x', metric: 'z', unit: 's' },
          { match: 'y', metric: 'z', unit: 's', labels: { a: null, d: 'b' } },
        ],
      }),
    ).toEqual([])
  })

  it('refuses more patterns than can be tried', () => {
    const metrics = Array.from({ length: 1001 }, (_, at) => ({ match: `m${at}_*` }))
    expect(faultsOf({ metrics })).toEqual(['metrics: expected at most 1000 with a pattern'])
    expect(faultsOf({ metrics: metrics.slice(1) })).toEqual([])
  })

  it('describes each key', () => {
    const { properties } = JSON.parse(JSON.stringify(userMappingSchema.toJSONSchema({ io: 'input' })))
    const [list, section] = properties.metrics.anyOf
    const entry = { properties: { ...list.items.properties, ...section.additionalProperties.properties } }
    expect(
      [...Object.values(properties), ...Object.values(entry.properties)].every((one) => (one as { description?: string }).description),
    ).toBe(true)
  })
})

describe('createUserMapping', () => {
  const mapping = indexed({
    labels: { pod: 'k8s.pod.name', path: 'url.path' },
    metrics: [
      { match: 'jvm_memory_*', metric: 'jvm.memory' },
      { match: 'jvm_*', unit: 'x' },
      { match: 'jvm_memory_used', metric: 'jvm.memory.used', labels: { path: null, area: 'jvm.memory.type' } },
    ],
  })

  it('prefers a name to patterns, and the first pattern to later ones', () => {
    expect(mapping.metric('jvm_memory_used')?.metric).toBe('jvm.memory.used')
    expect(mapping.metric('jvm_memory_max')?.metric).toBe('jvm.memory')
    expect(mapping.metric('jvm_threads')).toMatchObject({ metric: undefined, unit: 'x' })
    expect(mapping.metric('process_threads')).toBeUndefined()
  })

  it('puts labels of a metric before those of all', () => {
    expect([...(mapping.metric('jvm_memory_used')?.labels ?? [])]).toEqual([
      ['pod', 'k8s.pod.name'],
      ['path', null],
      ['area', 'jvm.memory.type'],
    ])
    expect([...mapping.labels.keys()]).toEqual(['pod', 'path'])
  })

  it('takes a section by old names for the list that it is', () => {
    const section = indexed({
      metrics: { lat_ms: { name: 'lat', unit: 's', factor: 0.001, type: 'histogram' }, 'x_*': { type: 'gauge' }, x_y: { type: 'counter' } },
    })
    expect(section.metric('lat_ms')).toMatchObject({ metric: 'lat', unit: 's', factor: 0.001 })
    expect(Object.entries(section.types)).toEqual([
      ['lat_ms', 'histogram'],
      ['x_y', 'counter'],
      ['x_*', 'gauge'],
    ])
  })

  it('knows all labels that it says anything of', () => {
    expect([...mapping.labelNames]).toEqual(['pod', 'path', 'area'])
  })

  it('is not fooled by names of objects', () => {
    expect(mapping.metric('constructor')).toBeUndefined()
    expect(mapping.labels.get('__proto__')).toBeUndefined()
  })
})

describe('matches', () => {
  it.each([
    ['a', 'a', true],
    ['a', 'ab', false],
    ['ab', 'a', false],
    ['*', '', true],
    ['*', 'anything', true],
    ['a*', 'a', true],
    ['a*c', 'abc', true],
    ['a*c', 'abcd', false],
    ['*_total', 'x_total', true],
    ['*_total', '_total_x', false],
    ['a*b*c', 'aXbYbZc', true],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['?', '', false],
    ['**a', 'ba', true],
    ['a.c', 'abc', false],
  ])('%s, %s: %s', (pattern, name, expected) => {
    expect(matches(pattern, name)).toBe(expected)
  })

  it('ends soon, whatever is asked', () => {
    const began = performance.now()
    expect(matches('*a'.repeat(300), `${'a'.repeat(1023)}b`)).toBe(false)
    expect(performance.now() - began).toBeLessThan(500)
  })
})

describe('isPattern', () => {
  it('tells patterns from names', () => {
    expect(['a', 'a*', '?', 'job:x'].map(isPattern)).toEqual([false, true, true, false])
  })
})
