import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeMetrics } from '../../../src/otlp/encode/metrics.ts'
import { ReverseWriter } from '../../../src/otlp/encode/writer.ts'
import { createDocumentIndex } from '../../../src/translate/elasticsearch/document-index.ts'
import { type GaugeOptions, GaugePoints } from '../../../src/translate/elasticsearch/gauges.ts'
import type { DocumentContext } from '../../../src/translate/elasticsearch/to-otlp.ts'
import { createDocumentReader, noContext } from '../../support/documents.ts'
import { officialDecode } from '../../support/official-otlp.ts'

const options: GaugeOptions = { epoch: 'auto', indexAttribute: 'record', deriveServiceName: false, maxResources: 1000 }

interface Value {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: string | number
  readonly doubleValue?: number
  readonly arrayValue?: { readonly values: readonly Value[] }
}

interface Request {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes?: readonly { readonly key: string; readonly value: Value }[] }
    readonly scopeMetrics: readonly {
      readonly metrics: readonly {
        readonly name: string
        readonly unit?: string
        readonly metadata?: readonly { readonly key: string; readonly value: Value }[]
        readonly gauge: { readonly dataPoints: readonly Point[] }
      }[]
    }[]
  }[]
}

interface Point {
  readonly timeUnixNano: string
  readonly asDouble?: number
  readonly attributes?: readonly { readonly key: string; readonly value: Value }[]
}

const plain = (value: Value): unknown => (value.arrayValue === undefined ? Object.values(value)[0] : value.arrayValue.values.map(plain))

function attributesOf(list: Point['attributes'] = []): Record<string, unknown> {
  expect(new Set(list.map(({ key }) => key)).size).toBe(list.length)
  return Object.fromEntries(list.map(({ key, value }) => [key, plain(value)]))
}

interface Asked extends Partial<GaugeOptions> {
  readonly context?: Partial<DocumentContext>
}

function translate(documents: readonly unknown[], { context, ...changed }: Asked = {}) {
  const reader = createDocumentReader()
  const gauges = new GaugePoints(reader.plans, { ...options, ...changed })
  const added = documents.map((document) => {
    const { leaves, source, markers } = reader.read(document)
    return gauges.add(leaves, source, markers, { ...noContext, ...context })
  })
  const { count } = gauges.points
  const request = officialDecode(encodeMetrics(gauges.points, new ReverseWriter(), 1000), 'metrics') as unknown as Partial<Request>
  const resources = (request.resourceMetrics ?? []).map(({ resource, scopeMetrics }) => ({
    resource: attributesOf(resource.attributes),
    metrics: scopeMetrics.flatMap(({ metrics }) =>
      metrics.map(({ name, unit = '', metadata, gauge }) => ({
        name,
        unit,
        metadata: attributesOf(metadata),
        points: gauge.dataPoints.map(({ timeUnixNano, asDouble, attributes }) => ({
          time: String(timeUnixNano),
          value: asDouble,
          attributes: attributesOf(attributes),
        })),
      })),
    ),
  }))
  const services = gauges.services()
  const counts = { ...gauges.counts }
  gauges.clear()
  return { added, count, resources, services, counts, left: gauges.points.count + gauges.services().length }
}

/** Names and values of the points of a document, and the attributes they share. */
function pointsOf(document: unknown, asked?: Asked) {
  const { added, resources } = translate([document], asked)
  expect(added).toEqual([true])
  const metrics = resources.flatMap((one) => one.metrics)
  return {
    values: Object.fromEntries(metrics.map(({ name, points }) => [name, points[0]?.value])),
    attributes: metrics[0]?.points[0]?.attributes ?? {},
    resource: resources[0]?.resource ?? {},
    metrics,
  }
}

/** As Metricbeat sends it. */
const filesystem = {
  '@timestamp': '2024-05-06T07:08:09.123456789Z',
  metricset: { name: 'filesystem', period: 10000 },
  event: {
    module: 'system',
    dataset: 'system.filesystem',
    duration: 115000,
    created: '2024-05-06T07:08:10Z',
    ingested: '2024-05-06T07:08:11Z',
  },
  system: {
    filesystem: { device_name: '/dev/sda1', mount_point: '/', total: 1000, used: { pct: 0.25, bytes: 250 }, files: 7, readonly: false },
  },
  service: { type: 'system', name: 'host' },
  host: { name: 'web-1', ip: ['10.0.0.7'] },
  agent: { type: 'metricbeat', version: '8.19.0' },
  labels: { team: 'a', shard: 3 },
  tags: ['x', 'y'],
  process: { pid: 7 },
}

describe('GaugePoints', () => {
  it('makes a gauge of each number, with what else the document says as attributes', () => {
    const { values, attributes, resource, metrics } = pointsOf(filesystem)
    expect(values).toEqual({
      'metricset.period': 10000,
      'event.duration': 115000,
      'system.filesystem.total': 1000,
      'system.filesystem.used.pct': 0.25,
      'system.filesystem.used.bytes': 250,
      'system.filesystem.files': 7,
    })
    expect(attributes).toMatchObject({
      'metricset.name': 'filesystem',
      'event.module': 'system',
      'event.dataset': 'system.filesystem',
      'system.filesystem.device_name': '/dev/sda1',
      'system.filesystem.mount_point': '/',
      'system.filesystem.readonly': false,
      'labels.team': 'a',
      tags: ['x', 'y'],
    })
    expect(String(attributes['process.pid'])).toBe('7')
    expect(String(attributes['labels.shard'])).toBe('3')
    expect(Object.keys(attributes)).toHaveLength(10)
    expect(resource).toEqual({
      'service.name': 'host',
      'service.type': 'system',
      'host.name': 'web-1',
      'host.ip': ['10.0.0.7'],
      'agent.type': 'metricbeat',
      'agent.version': '8.19.0',
    })
    for (const { unit, points } of metrics) expect([unit, points.length, points[0]?.time]).toEqual(['', 1, '1714979289123456789'])
  })

  it('puts points of equal resources and names together', () => {
    const at = (mount_point: string, name = 'web-1') => ({
      ...filesystem,
      host: { name },
      system: { filesystem: { mount_point, total: 1 } },
      event: { module: 'system' },
      metricset: { name: 'filesystem' },
    })
    const { resources, count, services, left } = translate([at('/'), at('/var'), at('/', 'web-2')])
    expect(
      resources.map(({ resource, metrics }) => [resource['host.name'], metrics.map(({ name, points }) => [name, points.length])]),
    ).toEqual([
      ['web-1', [['system.filesystem.total', 2]]],
      ['web-2', [['system.filesystem.total', 1]]],
    ])
    expect(resources[0]?.metrics[0]?.points.map(({ attributes }) => attributes['system.filesystem.mount_point'])).toEqual(['/', '/var'])
    expect({ count, services, left }).toEqual({ count: 3, services: [{ service: 'host', items: 3 }], left: 0 })
  })

  it('takes every number of the module for measured, and elsewhere none that says which one it is', () => {
    const document = {
      '@timestamp': 1714979289,
      event: { module: 'nginx' },
      metricset: { name: 'stub' },
      nginx: { stub: { port: 80, requests: 5 } },
      server: { port: 8080 },
      process: { pid: 1, cpu: { pct: 0.5 } },
      numeric_labels: { zone: 2 },
    }
    const { values, attributes } = pointsOf(document)
    expect(values).toEqual({ 'nginx.stub.port': 80, 'nginx.stub.requests': 5, 'process.cpu.pct': 0.5 })
    expect(Object.keys(attributes)).toEqual(['event.module', 'metricset.name', 'server.port', 'process.pid', 'numeric_labels.zone'])
  })

  it('knows the module by the data set too', () => {
    expect(pointsOf({ '@timestamp': 1714979289, data_stream: { dataset: 'a.b', type: 'metrics' }, a: { b: { id: 4 } } }).values).toEqual({
      'a.b.id': 4,
    })
    expect(pointsOf({ '@timestamp': 1714979289, event: { dataset: 'a.b' }, a: { b: { id: 4 } } }).values).toEqual({ 'a.b.id': 4 })
  })

  it('reads samples of APM Server', () => {
    const samples = [
      { name: 'jvm.memory.heap.used', type: 'gauge', unit: 'byte', value: 1024 },
      { name: 'requests', type: 'counter', value: 3.5 },
      { name: 'plain', value: 1 },
    ]
    const { metrics, attributes } = pointsOf({
      '@timestamp': 1714979289,
      metricset: { name: 'app', samples },
      processor: { event: 'metric' },
    })
    expect(metrics.map(({ name, unit, metadata, points }) => [name, unit, metadata, points[0]?.value])).toEqual([
      ['jvm.memory.heap.used', 'By', { 'elasticsearch.metric.type': 'gauge' }, 1024],
      ['requests', '', { 'elasticsearch.metric.type': 'counter' }, 3.5],
      ['plain', '', {}, 1],
    ])
    expect(attributes).toEqual({ 'metricset.name': 'app', 'processor.event': 'metric' })
  })

  it.each([
    ['no numbers', { a: 'x' }],
    ['no time', { '@timestamp': undefined, a: 1 }],
    ['a time that cannot be read', { '@timestamp': 'yesterday', a: 1 }],
    ['a list of numbers', { a: 1, b: [1, 2] }],
    ['a list of one object', { a: 1, b: [{ c: 1 }] }],
    ['a list of objects', { a: 1, b: [{ c: 1 }, { c: 2 }] }],
    ['a histogram', { a: 1, metricset: { samples: [{ name: 'h', type: 'histogram', values: [1], counts: [2] }] } }],
    ['a summary', { a: 1, metricset: { samples: [{ name: 's', type: 'summary', value_count: 1, sum: 2 }] } }],
    ['samples that are none', { a: 1, metricset: { samples: ['x'] } }],
  ])('makes no points of a document with %s', (_, document) => {
    const result = translate([{ '@timestamp': '2024-05-06T07:08:09Z', ...document }])
    expect(result.added).toEqual([false])
    expect(result.count).toBe(0)
    expect(result.resources).toEqual([])
  })

  it('makes no points of a document with an integer that is no double', () => {
    const document = (value: string) => `{"@timestamp":"2024-05-06T07:08:09Z","a":${value}}`
    expect(translate([document('9007199254740993')]).added).toEqual([false])
    expect(pointsOf(document('9223372036854771712')).values).toEqual({ a: 2 ** 63 - 4096 })
    expect(pointsOf(document('-9007199254740994')).values).toEqual({ a: -9007199254740994 })
  })

  it('says where a document was meant to go', () => {
    const context = { index: createDocumentIndex('metrics-system.cpu-default', true), id: 'abc', pipeline: 'p' }
    const document = { '@timestamp': 1714979289, system: { cpu: { pct: 0.5 } } }
    expect(pointsOf(document, { context }).attributes).toEqual({
      'elasticsearch.index': 'metrics-system.cpu-default',
      'elasticsearch.pipeline': 'p',
      'data_stream.type': 'metrics',
      'data_stream.dataset': 'system.cpu',
      'data_stream.namespace': 'default',
    })
    expect(pointsOf(document, { context, indexAttribute: 'resource' }).resource).toEqual({
      'elasticsearch.index': 'metrics-system.cpu-default',
    })
  })

  it('keeps only what tells who it is on resources beyond the most', () => {
    const documents = ['a', 'b', 'c'].map((id) => ({ '@timestamp': 1714979289, x: 1, container: { id }, host: { name: 'h' } }))
    const { resources } = translate(documents, { maxResources: 1 })
    expect(
      resources.map(({ resource, metrics }) => [resource, metrics[0]?.points.map(({ attributes }) => attributes['container.id'])]),
    ).toEqual([
      [{ 'container.id': 'a', 'host.name': 'h' }, [undefined]],
      [{ 'host.name': 'h' }, ['b', 'c']],
    ])
  })

  it('loses no field of a document', () => {
    const name = fc.constantFrom(
      'a',
      'b',
      'labels',
      'numeric_labels',
      'id',
      'port',
      'host',
      'name',
      'service',
      'uptime',
      'http',
      'request',
      'bytes',
      'error',
      'message',
    )
    const leaf = fc.oneof(
      fc.integer({ min: 0, max: 1_000_000 }).map((value) => `v${value}`),
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.boolean(),
    )
    const tree: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
      node: fc.oneof({ maxDepth: 3 }, leaf, fc.dictionary(name, tie('node'), { maxKeys: 4 })),
    })).node
    fc.assert(
      fc.property(fc.dictionary(name, tree, { maxKeys: 6 }), (more) => {
        const given: string[] = []
        const gather = (value: unknown): void => {
          if (typeof value === 'object' && value !== null) for (const one of Object.values(value)) gather(one)
          else given.push(String(value))
        }
        const document = { ...more, measured: { it: 5 }, '@timestamp': '2024-05-06T07:08:09Z' }
        gather({ ...document, '@timestamp': {} })
        const { metrics, attributes, resource } = pointsOf(document)
        const found = [...metrics.map(({ points }) => points[0]?.value), ...Object.values(attributes), ...Object.values(resource)]
          .flat()
          .map(String)
        for (const text of new Set(given)) {
          const times = (list: readonly string[]) => list.filter((one) => one === text).length
          expect(times(found), text).toBeGreaterThanOrEqual(times(given))
        }
      }),
    )
  })
})
