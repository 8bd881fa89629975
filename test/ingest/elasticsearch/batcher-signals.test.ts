import { describe, expect, it } from 'vitest'
import { DocumentFate } from '../../../src/ingest/documents.ts'
import { createDocumentBatcher } from '../../../src/ingest/elasticsearch/batcher.ts'
import { elasticsearchTranslateConfig } from '../../../src/translate/elasticsearch/config.ts'
import { officialDecode } from '../../support/official-otlp.ts'

const limits = { maxFields: 10_000, maxListValues: 100_000, maxDepth: 100, maxBytes: 16 * 1024 * 1024 }

/** What became of documents, one piece of them: fates, parts and notes. */
function translate(documents: readonly (readonly [index: string, document: object])[], config: object = {}) {
  const batcher = createDocumentBatcher({ limits, translate: elasticsearchTranslateConfig.parse(config), nowMs: () => 1_800_000_000_000 })
  const lines = documents.map(([, document]) => Buffer.from(`${JSON.stringify(document)}\n`))
  batcher.open(Buffer.concat(lines))
  let at = 0
  const fates = lines.map((line, i) => {
    const start = at
    at += line.length
    return batcher.add(start, at - 1, { index: batcher.index(documents[i]?.[0] ?? ''), id: '', pipeline: '' })
  })
  const parts = batcher
    .take()
    .map(({ data, signal, ...rest }) => ({ signal, ...rest, plain: JSON.stringify(officialDecode(data, signal)) }))
  return { fates, parts, notes: batcher.notes(), left: batcher.take() }
}

const time = { '@timestamp': '2024-05-06T07:08:09.123Z' }
const service = { name: 'cart' }
const span = {
  ...time,
  service,
  trace: { id: '0af7651916cd43dd8448eb211c80319c' },
  span: { id: 'b7ad6b7169203331', name: 'SELECT "carts"', type: 'db' },
  event: { duration: 5 },
}
const metrics = { ...time, service, metricset: { name: 'cpu' }, event: { module: 'system' }, system: { cpu: { pct: 0.5, cores: 4 } } }

describe('createDocumentBatcher', () => {
  it('parts documents by what they are', () => {
    const documents = [
      ['traces-apm-default', span],
      ['logs-x-default', { ...time, message: 'm', service }],
      ['metrics-system.cpu-default', metrics],
      ['traces-apm-default', { ...span, trace: {} }],
      ['metrics-system.cpu-default', { ...time, message: 'no numbers' }],
    ] as const
    const { fates, parts, notes, left } = translate(documents, { metricsDocs: 'gauges' })
    const { Log, Span, Points } = DocumentFate
    expect(fates).toEqual([Span, Log, Points, Log, Log])
    expect(parts.map(({ plain, ...rest }) => rest)).toEqual([
      {
        signal: 'logs',
        items: 3,
        documents: 3,
        services: [{ service: 'cart', items: 2 }],
        indices: [
          { service: 'logs-x-default', items: 1 },
          { service: 'traces-apm-default', items: 1 },
          { service: 'metrics-system.cpu-default', items: 1 },
        ],
      },
      {
        signal: 'traces',
        items: 1,
        documents: 1,
        services: [{ service: 'cart', items: 1 }],
        indices: [{ service: 'traces-apm-default', items: 1 }],
      },
      {
        signal: 'metrics',
        items: 2,
        documents: 1,
        services: [{ service: 'cart', items: 2 }],
        indices: [{ service: 'metrics-system.cpu-default', items: 2 }],
      },
    ])
    expect(parts[1]?.plain).toContain('SELECT \\"carts\\"')
    expect(parts[2]?.plain).toContain('system.cpu.pct')
    expect(notes).toEqual([{ reason: 'metrics_as_logs', count: 1 }])
    expect(left).toEqual([])
  })

  it('gives each signal what it says where documents are and what they are called, whatever came before', () => {
    const documents = Array.from({ length: 12 }, (_, i) =>
      [
        ['traces-apm-default', { ...span, 'labels.color': 'red' }],
        ['metrics-system.cpu-default', { ...metrics, 'labels.color': 'red' }],
        ['logs-x-default', { ...time, message: 'm', service, labels: { color: 'red' } }],
      ].slice(0, 3 - (i % 3)),
    ).flat() as [string, object][]
    const { parts, notes } = translate(documents, { metricsDocs: 'gauges' })
    expect(notes).toEqual([])
    for (const [signal, index, label] of [
      ['traces', 'traces-apm-default', 'color'],
      ['metrics', 'metrics-system.cpu-default', 'labels.color'],
      ['logs', 'logs-x-default', 'labels.color'],
    ] as const) {
      const part = parts.find((one) => one.signal === signal)
      const times = (text: string) => (part?.plain.split(text).length ?? 0) - 1
      expect([signal, times(`"${index}"`), times(`"key":"${label}"`)]).toEqual([signal, part?.items, part?.items])
    }
  })

  it('counts what it did, whatever the documents became', () => {
    const document = { ...span, '@timestamp': 'yesterday', timestamp: { us: 1 }, a: 'b', 'labels.a': 'c' }
    const { notes } = translate([['traces-apm-default', document]])
    expect(notes).toEqual([
      { reason: 'timestamp_invalid', count: 1 },
      { reason: 'rename_collision', count: 1 },
    ])
  })

  it('makes log records of metrics unless it is told otherwise', () => {
    const { fates, parts, notes } = translate([['metrics-system.cpu-default', metrics]])
    expect(fates).toEqual([DocumentFate.Log])
    expect(parts.map(({ signal }) => signal)).toEqual(['logs'])
    expect(notes).toEqual([{ reason: 'metrics_as_logs', count: 1 }])
  })
})
