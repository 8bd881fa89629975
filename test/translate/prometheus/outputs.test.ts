import { describe, expect, it } from 'vitest'
import { MetricData } from '../../../src/otlp/metrics.ts'
import { MetricType } from '../../../src/translate/prometheus/model.ts'
import { createMetric, createOutputs, type MetricParts, typeName } from '../../../src/translate/prometheus/outputs.ts'
import type { Label } from '../../../src/translate/prometheus/series-labels.ts'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
const parts = (type: number, more: Partial<MetricParts> = {}): MetricParts => ({
  name: 'm',
  unit: 's',
  description: 'd',
  type,
  factor: 1,
  ...more,
})

describe('typeName', () => {
  it.each([
    [0, 'unknown'],
    [4, 'gaugehistogram'],
    [7, 'stateset'],
    [200, 'unknown'],
  ])('%i is %s', (type, name) => expect(typeName(type)).toBe(name))
})

describe('createMetric', () => {
  it.each<[keyof typeof MetricType, number, boolean]>([
    ['Unknown', MetricData.Gauge, false],
    ['Gauge', MetricData.Gauge, false],
    ['Counter', MetricData.Sum, true],
    ['Info', MetricData.Sum, false],
    ['StateSet', MetricData.Sum, false],
    ['GaugeHistogram', MetricData.Gauge, false],
    ['Histogram', MetricData.Gauge, false],
    ['Summary', MetricData.Gauge, false],
  ])('gives floats of type %s their shape', (type, data, monotonic) => {
    expect(createMetric(parts(MetricType[type])).number).toMatchObject({ data, monotonic })
  })

  it('makes counts of histograms that go by themselves grow', () => {
    expect(createMetric(parts(MetricType.Histogram, { counts: true })).number).toMatchObject({ data: MetricData.Sum, monotonic: true })
  })

  it('makes each other shape once', () => {
    const metric = createMetric(parts(MetricType.Histogram))
    const histogram = metric.as(MetricData.ExponentialHistogram)
    expect(histogram).toMatchObject({ data: MetricData.ExponentialHistogram })
    expect(metric.as(MetricData.ExponentialHistogram)).toBe(histogram)
    expect(metric.as(metric.number.data)).toBe(metric.number)
    for (const word of ['m', 's', 'd', 'histogram']) expect(text(histogram.head)).toContain(word)
  })
})

describe('createOutputs', () => {
  const scope = { name: 'lib', version: '1', schemaUrl: '', attributes: [] }
  const sourceOf = (target: string, own: readonly Label[]) => ({ target, resource: own, scope })

  it('shares what is the same and lets go of what nobody uses', () => {
    const outputs = createOutputs(() => [])
    const one = outputs.acquireSource(sourceOf('t', [['a', '1']]))
    expect(outputs.acquireSource(sourceOf('t', [['a', '1']]))).toBe(one)
    const other = outputs.acquireSource({ ...sourceOf('t', [['a', '1']]), scope: { ...scope, name: 'other' } })
    expect(other).not.toBe(one)
    expect(outputs.sources.get(other).resource).toBe(outputs.sources.get(one).resource)
    expect(outputs.sources.get(other).scope).not.toBe(outputs.sources.get(one).scope)
    outputs.sources.release(one)
    outputs.sources.release(one)
    outputs.sources.release(other)
    expect(outputs.sources.size).toBe(0)
    const metric = outputs.acquireMetric(parts(1))
    expect(outputs.acquireMetric(parts(1, { description: 'other' }))).not.toBe(metric)
    expect(outputs.acquireMetric(parts(1))).toBe(metric)
  })

  it('tells sources apart that differ in one thing, whatever was asked for before', () => {
    const outputs = createOutputs(() => [])
    const wanted = [
      sourceOf('t', [['a', '1']]),
      sourceOf('u', [['a', '1']]),
      sourceOf('u', [['a', '2']]),
      sourceOf('u', [['b', '2']]),
      sourceOf('u', [
        ['b', '2'],
        ['c', '3'],
      ]),
      { ...sourceOf('u', [['b', '2']]), scope: { ...scope, version: '2' } },
    ]
    const found = wanted.map((one) => outputs.acquireSource(one))
    expect(new Set(found).size).toBe(wanted.length)
    expect(wanted.toReversed().map((one) => outputs.acquireSource({ ...one, resource: [...one.resource] }))).toEqual(found.toReversed())
  })

  it('makes a source again that nobody used any more', () => {
    const outputs = createOutputs(() => [])
    outputs.sources.release(outputs.acquireSource(sourceOf('t', [['a', '1']])))
    expect(outputs.sources.size).toBe(0)
    const again = outputs.acquireSource(sourceOf('t', [['a', '1']]))
    expect(outputs.sources.get(again).resource.bytes.length).toBeGreaterThan(0)
  })

  it('writes resources of a target anew, in place, when its target_info changes', () => {
    const info = new Map<string, readonly Label[]>()
    const outputs = createOutputs((target) => info.get(target) ?? [])
    const { resource } = outputs.sources.get(outputs.acquireSource(sourceOf('t', [['service.name', 'own']])))
    const { resource: other } = outputs.sources.get(outputs.acquireSource(sourceOf('u', [['service.name', 'own']])))
    info.set('t', [
      ['service.name', 'told'],
      ['pod', 'p'],
    ])
    outputs.targetChanged('t')
    outputs.targetChanged('nobody')
    expect([text(resource.bytes).includes('pod'), text(resource.bytes).includes('told')]).toEqual([true, false])
    expect(text(other.bytes)).not.toContain('pod')
    info.delete('t')
    outputs.targetChanged('t')
    expect(text(resource.bytes)).toBe(text(other.bytes))
  })

  it('knows the start of the process of a target for all scopes of it, as long as one is used', () => {
    const outputs = createOutputs(() => [])
    const first = outputs.acquireSource(sourceOf('t', []))
    const second = outputs.acquireSource({ ...sourceOf('t', []), scope: { ...scope, name: 'other' } })
    outputs.sources.get(first).process.startMs = 5
    expect(outputs.sources.get(second).process.startMs).toBe(5)
    outputs.sources.release(first)
    expect(outputs.sources.get(second).process.startMs).toBe(5)
    outputs.sources.release(second)
    expect(outputs.sources.get(outputs.acquireSource(sourceOf('t', []))).process.startMs).toBe(0)
  })
})
