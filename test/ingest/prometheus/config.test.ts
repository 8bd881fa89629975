import { describe, expect, it } from 'vitest'
import { prometheusConfig, writeLimitsOf } from '../../../src/ingest/prometheus/config.ts'
import { prometheusTranslateConfig, resourceLabelsOf } from '../../../src/translate/prometheus/config.ts'

const MiB = 2 ** 20

describe('prometheusConfig', () => {
  it('has the paths and limits of the mapping', () => {
    const { port, paths, limits, whenFull, state } = prometheusConfig.parse({})
    expect({ port, paths, limits, whenFull, state }).toMatchObject({
      port: 9090,
      paths: ['/api/v1/write', '/api/v1/push', '/api/v1/receive', '/prometheus/api/v1/write', '/insert/{tenant}/prometheus/api/v1/write'],
      limits: { body: 128 * MiB, compressedBody: 32 * MiB, labels: 1000, name: 1024, value: 65_536, tenant: 150 },
      whenFull: 'auto',
      state: { every: 60_000 },
    })
  })

  it.each(['/write', '/a/{tenant}', '/{tenant}/write', '/a-b/c_d.e'])('takes the path %s', (path) => {
    expect(prometheusConfig.safeParse({ paths: [path] }).success).toBe(true)
  })

  it.each(['write', '', '/a?b', '/a b', '/{tenant}/{tenant}', '/x{tenant}', '/{tenant}x', '/{name}/write', '/a/*', '/:a', '/-/ready'])(
    'refuses the path %j',
    (path) => {
      expect(prometheusConfig.safeParse({ paths: [path] }).success).toBe(false)
    },
  )

  it.each([{ paths: [] }, { whenFull: 429 }, { state: { every: '10ms' } }, { limits: { ratio: 3 } }])('refuses %j', (section) => {
    expect(prometheusConfig.safeParse(section).success).toBe(false)
  })
})

describe('writeLimitsOf', () => {
  it('hands on what the user set', () => {
    const config = prometheusConfig.parse({ limits: { series: 7, samples: 8, labels: 9, buckets: 10 } })
    expect(writeLimitsOf(config)).toMatchObject({ maxSeries: 7, maxSamples: 8, maxHistograms: 8, maxLabels: 9, maxBuckets: 10 })
  })
})

describe('prometheusTranslateConfig', () => {
  it('has the defaults of the mapping, section 13', () => {
    expect(prometheusTranslateConfig.parse({})).toEqual({
      names: 'keep',
      unitFromSuffix: false,
      types: {},
      histograms: 'assemble',
      rw1: { typePolicy: 'heuristic', metadataWait: 60_000 },
      assembler: { window: 10_000, reorder: 2000, maxPending: 200_000, incomplete: 'derive' },
      late: 'drop',
      preferNative: true,
      floatHistograms: 'exact',
      gaugehistogram: 'gauges',
      stale: 'flag',
      startTime: 'unset',
      firstSeen: { subtract: false },
      created: 'consume',
      zeroSample: 'forward',
      jobSplit: 'exact-one',
      scrapeAttributes: false,
      resourceLabels: [],
      targetInfo: { dotted: false, wait: 0, max: 100_000, ttl: 86_400_000 },
      ha: { enabled: false, clusterLabel: 'cluster', replicaLabels: ['__replica__', 'prometheus_replica'], timeout: 30_000 },
      duplicates: 'drop',
      conflict: 'last',
      outOfOrder: 'forward',
      maxFuture: 600_000,
      streams: { max: 1_000_000, maxSize: 512 * MiB },
    })
  })

  it.each([
    { names: 'translate' },
    { types: { up: 'number' } },
    { resourceLabels: [''] },
    { resourceLabels: { pod: '' } },
    { ha: { replicaLabels: [] } },
    { assembler: { window: 'soon' } },
  ])('refuses %j', (section) => {
    expect(prometheusTranslateConfig.safeParse(section).success).toBe(false)
  })
})

describe('resourceLabelsOf', () => {
  it.each([
    [[], []],
    [
      ['pod', 'node'],
      [
        ['pod', 'pod'],
        ['node', 'node'],
      ],
    ],
    [{ pod: 'k8s.pod.name' }, [['pod', 'k8s.pod.name']]],
  ])('reads %j', (resourceLabels, pairs) => {
    expect([...resourceLabelsOf(prometheusTranslateConfig.parse({ resourceLabels }))]).toEqual(pairs)
  })
})
