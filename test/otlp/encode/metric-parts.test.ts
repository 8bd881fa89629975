import { describe, expect, it } from 'vitest'
import {
  encodeMetric,
  encodeResource,
  encodeScope,
  encodeTextAttributes,
  type MetricParts,
  passingTextAttributes,
  type TextAttribute,
  withAttribute,
} from '../../../src/otlp/encode/metric-parts.ts'
import { encodeMetrics } from '../../../src/otlp/encode/metrics.ts'
import { ReverseWriter } from '../../../src/otlp/encode/writer.ts'
import {
  attributeTag,
  type EncodedMetric,
  type EncodedResource,
  type EncodedScope,
  MetricData,
  MetricPoints,
} from '../../../src/otlp/metrics.ts'
import { officialDecode, type Plain } from '../../support/official-otlp.ts'

const noParts: MetricParts = { name: '', description: '', unit: '', data: MetricData.Gauge, monotonic: false, metadata: [] }
const nothing: Uint8Array = new Uint8Array(0)

interface Parts {
  readonly resource?: EncodedResource
  readonly scope?: EncodedScope
  readonly metric?: EncodedMetric
  readonly attributes?: Uint8Array
}

/** A request with one point made of these parts, as the official library reads it. */
function read({ resource, scope, metric, attributes = nothing }: Parts) {
  const points = new MetricPoints()
  const at = points.add(resource ?? encodeResource([]), scope ?? encodeScope('', '', [], ''), metric ?? encodeMetric(noParts), undefined)
  points.attributes[at] = new DataView(attributes.buffer, attributes.byteOffset, attributes.byteLength)
  points.attributesEnd[at] = attributes.length
  const plain = officialDecode(encodeMetrics(points, new ReverseWriter(), 100), 'metrics') as {
    resourceMetrics: [{ resource: Plain; scopeMetrics: [Plain & { metrics: [Plain & { gauge: { dataPoints: [Plain] } }] }] }]
  }
  const [group] = plain.resourceMetrics
  const [scopeMetrics] = group.scopeMetrics
  const [found] = scopeMetrics.metrics
  return { resource: group.resource, scopeMetrics, metric: found, attributes: found.gauge?.dataPoints[0]['attributes'] }
}

const pairs: readonly TextAttribute[] = [
  ['le', '0.5'],
  ['empty', ''],
  ['', 'no key'],
  ['größe 📏', 'ß'.repeat(100)],
  ['long', 'x'.repeat(70_000)],
]
const plainPairs = pairs.map(([key, value]) => ({ ...(key === '' ? {} : { key }), value: { stringValue: value } }))

describe('encodeTextAttributes', () => {
  it('writes attributes in their order, empty and long ones too', () => {
    expect(read({ attributes: encodeTextAttributes(pairs, attributeTag) }).attributes).toEqual(plainPairs)
    expect(encodeTextAttributes([], attributeTag)).toEqual(nothing)
  })

  it('repairs text that is no Unicode', () => {
    expect(read({ attributes: encodeTextAttributes([['a\ud800', '\udc00b']], attributeTag) }).attributes).toEqual([
      { key: 'a\ufffd', value: { stringValue: '\ufffdb' } },
    ])
  })

  it('gives memory of its own', () => {
    const first = encodeTextAttributes([['a', '1']], attributeTag)
    const copy = Buffer.from(first)
    for (let i = 0; i < 3000; i++) encodeTextAttributes([[`b${i}`, 'x'.repeat(100)]], attributeTag)
    expect(Buffer.compare(first, copy)).toBe(0)
    expect(first.buffer.byteLength).toBe(first.length)
  })
})

describe('passingTextAttributes', () => {
  it('writes the same', () => {
    for (const some of [pairs, pairs.slice(1), []]) {
      expect(Buffer.from(passingTextAttributes(some, attributeTag))).toEqual(Buffer.from(encodeTextAttributes(some, attributeTag)))
    }
  })
})

describe('withAttribute', () => {
  it('adds an attribute at the end and leaves the list as it was', () => {
    const list = encodeTextAttributes(pairs.slice(1), attributeTag)
    const copy = Buffer.from(list)
    expect(read({ attributes: withAttribute(list, 'le', '+Inf') }).attributes).toEqual([
      ...plainPairs.slice(1),
      { key: 'le', value: { stringValue: '+Inf' } },
    ])
    expect(Buffer.compare(list, copy)).toBe(0)
    expect(read({ attributes: withAttribute(nothing, 'le', '1') }).attributes).toEqual([{ key: 'le', value: { stringValue: '1' } }])
  })
})

describe('encodeResource', () => {
  it('writes attributes, and a resource that has none', () => {
    expect(read({ resource: encodeResource(pairs) }).resource).toEqual({ attributes: plainPairs })
    expect(read({ resource: encodeResource([]) }).resource).toEqual({})
  })
})

describe('encodeScope', () => {
  it('writes name, version, attributes, and the schema beside them', () => {
    const { scopeMetrics } = read({ scope: encodeScope('otlp-bridge', '1.2', pairs, 'https://schema/ü') })
    expect(scopeMetrics['scope']).toEqual({ name: 'otlp-bridge', version: '1.2', attributes: plainPairs })
    expect(scopeMetrics['schemaUrl']).toBe('https://schema/ü')
  })

  it('leaves out what is empty', () => {
    const { scopeMetrics } = read({ scope: encodeScope('', '', [], '') })
    expect(scopeMetrics['scope']).toEqual({})
    expect(scopeMetrics).not.toHaveProperty('schemaUrl')
  })
})

describe('encodeMetric', () => {
  it('writes name, description, unit and metadata', () => {
    const metric = encodeMetric({ ...noParts, name: 'http_total', description: 'All of it.', unit: 'By', metadata: pairs })
    const { gauge: _, ...found } = read({ metric }).metric
    expect(found).toEqual({ name: 'http_total', description: 'All of it.', unit: 'By', metadata: plainPairs })
  })

  it.each([
    ['a monotonic sum', true, { aggregationTemporality: 2, isMonotonic: true }],
    ['a sum that goes down, too', false, { aggregationTemporality: 2 }],
  ])('makes %s', (_, monotonic, expected) => {
    const metric = encodeMetric({ ...noParts, data: MetricData.Sum, monotonic })
    expect(read({ metric }).metric).toEqual({ sum: { ...expected, dataPoints: [{ asDouble: 0 }] } })
  })
})
