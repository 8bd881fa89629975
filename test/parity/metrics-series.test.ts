import { describe, expect, it } from 'vitest'
import { findStrategy, type PredictOptions, predict, sentLabels, seriesKey, unaccountedLabels } from '../../src/parity/metrics-series.ts'
import { MetricType } from '../../src/translate/prometheus/model.ts'
import { createNames } from '../../src/translate/prometheus/names.ts'
import { createTypes } from '../../src/translate/prometheus/types.ts'

function options(more: Partial<PredictOptions> = {}): PredictOptions {
  const types = createTypes({})
  types.learn('', 'jobs', MetricType.Counter, '', '', 0)
  types.learn('', 'lat', MetricType.Histogram, '', '', 0)
  return {
    types,
    map: {
      names: createNames({ names: 'keep', unitFromSuffix: false }),
      jobSplit: 'exact-one',
      scrapeAttributes: false,
      resourceLabels: new Map(),
    },
    histograms: 'assemble',
    created: 'consume',
    external: {},
    replicaLabels: [],
    ...more,
  }
}

const labels = { __name__: 'jobs', job: 'prod/api', instance: 'a:1', path: '/' }

describe('predict', () => {
  it('knows names by type, and gives job and instance back', () => {
    expect(predict(labels, 'UnderscoreEscapingWithSuffixes', options())).toMatchObject({
      name: 'jobs_total',
      labels: { ...labels, __name__: 'jobs_total' },
      renamed: '12.1 UnderscoreEscapingWithSuffixes',
      factor: 1,
    })
    expect(predict(labels, 'NoTranslation', options())).toMatchObject({ name: 'jobs', renamed: '' })
  })

  it('knows what a bucket is one of', () => {
    const found = predict({ __name__: 'lat_bucket', job: 'a', le: '1' }, 'NoTranslation', options())
    expect(found).toMatchObject({ name: 'lat_bucket', base: 'lat', bound: 1 })
  })
})

describe('sentLabels', () => {
  it('adds external labels where the series has none of that name, and takes the first replica label off', () => {
    const how = { external: { cluster: 'x', __replica__: 'r', path: 'never' }, replicaLabels: ['__replica__', 'prometheus_replica'] }
    expect(sentLabels(labels, how)).toEqual({ ...labels, cluster: 'x' })
  })
})

describe('seriesKey', () => {
  it('is the same for bounds that are the same number, and in any order of labels', () => {
    expect(seriesKey({ __name__: 'b', le: '1', a: 'x' })).toBe(seriesKey({ a: 'x', le: '1.0', __name__: 'b' }))
    expect(seriesKey({ __name__: 'b', le: '+Inf' })).not.toBe(seriesKey({ __name__: 'b', le: '1' }))
  })
})

describe('findStrategy', () => {
  it.each([
    [['jobs_total', 'a_b'], 'UnderscoreEscapingWithSuffixes'],
    [['jobs_total', 'a__b'], 'NoUTF8EscapingWithSuffixes'],
    [['jobs', 'a__b'], 'NoTranslation'],
    [[], 'NoTranslation'],
  ] as const)('finds %j to be %s', (there, expected) => {
    expect(findStrategy(['jobs', 'a__b'], new Set(there), options())).toBe(expected)
  })
})

/** A label that is lost in the bridge and in the command alike: what is predicted has it as little as what is found. */
describe('unaccountedLabels', () => {
  const predicted = (more: Partial<PredictOptions> = {}) => {
    const found = predict(labels, 'NoTranslation', options(more))
    if (found === undefined) throw new Error('dropped')
    return found
  }

  it('names a label whose value is on no label of the new side', () => {
    const { path: _, ...found } = labels
    expect(unaccountedLabels(predicted(), found)).toEqual(['path'])
    expect(unaccountedLabels(predicted(), { ...found, other_name: '/' })).toEqual([])
    expect(unaccountedLabels(predicted(), { ...found, joined: 'x;/' })).toEqual([])
  })

  it('leaves out what rules take away', () => {
    const map = { ...options().map, resourceLabels: new Map([['path', 'url.path']]) }
    expect(unaccountedLabels(predicted({ map }), { ...labels, path: '' })).toEqual([])
  })
})
