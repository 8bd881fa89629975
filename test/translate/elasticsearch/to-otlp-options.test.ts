/** Options of section 9 of the mapping that change what comes out, and the user's own rules. */

import { describe, expect, it } from 'vitest'
import { DocumentFate } from '../../../src/ingest/documents.ts'
import { createFieldMapping } from '../../../src/translate/elasticsearch/user-fields.ts'
import { createBatcher, noMeta, partsOf, type RecordParts, recordOf, translateDocuments } from '../../support/log-records.ts'

type Row = readonly [option: string, options: object, document: object, record: RecordParts, index?: string]

const trace = '4bf92f3577b34da6a3ce929d0e0e4736'

const rows: readonly Row[] = [
  [
    'ecs.renames none: names, lists and values stay',
    { ecs: { renames: 'none' } },
    { service: { environment: 'p' }, http: { request: { method: 'get' } }, host: { hostname: 'h', ip: 'a' }, error: { type: 'T' } },
    {
      attributes: { 'http.request.method': 'get', 'error.type': 'T' },
      resource: { 'service.environment': 'p', 'host.hostname': 'h', 'host.ip': 'a' },
    },
  ],
  [
    'ecs.renames none: parts of the record are read all the same',
    { ecs: { renames: 'none' } },
    { message: 'm', log: { level: 'warn', logger: 'l' }, trace: { id: trace } },
    { body: 'm', severity: 13, level: 'warn', scope: 'l', trace },
  ],
  ['ecs.renames full', { ecs: { renames: 'full' } }, { cloud: { service: { name: 'x' } } }, { resource: { 'cloud.platform': 'x' } }],
  [
    'indexAttribute resource',
    { indexAttribute: 'resource' },
    { a: 1 },
    { attributes: { a: 1n }, resource: { 'elasticsearch.index': 'i' } },
    'i',
  ],
  [
    'indexAttribute resource: a data stream stays on the record',
    { indexAttribute: 'resource' },
    {},
    {
      attributes: { 'data_stream.type': 'logs', 'data_stream.dataset': 'a', 'data_stream.namespace': 'b' },
      resource: { 'elasticsearch.index': 'logs-a-b' },
    },
    'logs-a-b',
  ],
  ['indexAttribute none', { indexAttribute: 'none' }, { a: 1 }, { attributes: { a: 1n } }, 'i'],
  [
    'nested kvlist: maps below the first level, labels in one piece',
    { nested: 'kvlist' },
    { a: { b: { c: 1 }, d: [2] }, 'e.f': 3, labels: { 'g.h': 'i' }, host: { name: 'h' } },
    { attributes: { a: { b: { c: 1n }, d: [2n] }, e: { f: 3n }, labels: { 'g.h': 'i' } }, resource: { 'host.name': 'h' } },
  ],
  ['nested kvlist: a scalar beside an object', { nested: 'kvlist' }, { a: 1, 'a.b': 2 }, { attributes: { a: 1n, 'a.b': 2n } }],
  [
    'body document: the whole of it, when there is no text',
    { body: 'document' },
    { '@timestamp': '2026-01-02', '@version': '1', level: 'info', a: { b: [1] }, host: { name: 'h' } },
    {
      time: '1767312000000000000',
      severity: 9,
      level: 'info',
      body: { '@timestamp': '2026-01-02', level: 'info', a: { b: [1n] }, host: { name: 'h' } },
      attributes: { 'elasticsearch.index': 'i' },
      resource: { 'host.name': 'h' },
    },
    'i',
  ],
  ['body document: a text goes before it', { body: 'document' }, { message: 'm', a: 1 }, { body: 'm', attributes: { a: 1n } }],
  ['keepEmpty', { keepEmpty: true }, { a: [], b: {}, c: { d: {} }, e: null }, { attributes: { a: [], b: {}, 'c.d': {} } }],
  [
    'keepEmpty: an object whose fields came before is not empty',
    { keepEmpty: true },
    { 'a.b': 1, a: { b: 2 } },
    { attributes: { 'a.b': 2n } },
  ],
  [
    'epoch millis: whole numbers are ms whatever their size',
    { epoch: 'millis' },
    { '@timestamp': 1767323045 },
    { time: '1767323045000000' },
  ],
  ['epoch millis: dates are dates', { epoch: 'millis' }, { '@timestamp': '2026-01-02' }, { time: '1767312000000000000' }],
  ['parseJsonBody', { parseJsonBody: true }, { message: ' {"a":{"b":[null,1]}} ' }, { body: { a: { b: [null, 1n] } } }],
  ['parseJsonBody: what is no object stays text', { parseJsonBody: true }, { message: '[1]' }, { body: '[1]' }],
]

const only = (texts: readonly object[], options: object, index?: string): RecordParts[] =>
  translateDocuments(
    texts.map((one) => JSON.stringify(one)),
    createBatcher(options),
    index,
  ).map(partsOf)

describe('LogTranslator: options (9)', () => {
  it.each(rows.map(([option, ...row]) => [option, row] as const))('%s', (_, [options, document, record, index]) => {
    expect(only([document], options, index)).toEqual([record])
  })

  it.each([
    [{ 'service.type': 'a', 'event.module': 'z' }],
    [{ 'event.module': 'z', 'kubernetes.labels.app.kubernetes.io/name': 'a', 'kubernetes.labels.app': 'b' }],
    [{ kubernetes: { labels: { app_kubernetes_io: { x: 1 }, 'app_kubernetes_io/name': 'a', app: 'b' } } }],
    [{ kubernetes: { labels: { app: 'a' }, container: { name: 'b' } } }],
    [{ kubernetes: { container: { name: 'a' } }, fields: { service: 'b' } }],
    [{ fields: { service: 'a' }, event: { module: 'z' } }],
    [{ event: { module: 'a' } }],
    [{ event: { module: 'z' }, service: { name: 'a' } }],
    [{ service: { type: '' }, event: { module: 'a' } }],
  ])('takes a name for the service where that is wanted: %j', (document) => {
    const { resource, ...rest } = partsOf(recordOf(document))
    expect(only([document], { serviceName: { derive: true } })).toEqual([{ ...rest, resource: { ...resource, 'service.name': 'a' } }])
  })

  it('moves what tells nobody apart to the record beyond maxResources', () => {
    const [, record] = only(
      [{ agent: { id: 'x' } }, { host: { name: 'h', ip: ['a'] }, agent: { id: 'y' } }],
      { maxResources: 1, indexAttribute: 'resource' },
      'i',
    )
    expect(record).toEqual({
      attributes: { 'host.ip': ['a'], 'agent.id': 'y', 'elasticsearch.index': 'i' },
      resource: { 'host.name': 'h' },
    })
  })

  it('nests what it moves there, too', () => {
    const documents = [{ agent: { id: 'x' } }, { 'container.id': 'c', agent: { id: 'y', x: { y: 1 } }, a: 1 }]
    const [, record] = only(documents, { maxResources: 1, nested: 'kvlist' })
    expect(record).toEqual({ attributes: { container: { id: 'c' }, agent: { id: 'y', x: { y: 1n } }, a: 1n } })
  })

  const fateOf = (options: object, index: string, document: object) => {
    const batcher = createBatcher(options)
    const text = Buffer.from(JSON.stringify(document))
    batcher.open(text)
    const fate = batcher.add(0, text.length, { ...noMeta, index: batcher.index(index) })
    const parts = batcher.take().map(({ signal, items, documents }) => ({ signal, items, documents }))
    return { fate, parts, ...(fate < DocumentFate.Discarded ? {} : { reason: batcher.reason }) }
  }
  const logs = { fate: DocumentFate.Log, parts: [{ signal: 'logs', items: 1, documents: 1 }] }
  const metrics = { '@timestamp': '2026-01-02', metricset: { name: 'cpu' }, system: { cpu: { cores: 4 } } }
  const apm = {
    '@timestamp': '2026-01-02',
    processor: { event: 'transaction' },
    trace: { id: trace },
    transaction: { id: '00f067aa0ba902b7', name: 't', duration: { us: 5 } },
  }

  it.each([
    ['metricsDocs logs', {}, 'metricbeat-7', metrics, logs],
    ['metricsDocs logs, by the index', {}, 'metrics-x-y', { message: 'm' }, logs],
    [
      'metricsDocs gauges',
      { metricsDocs: 'gauges' },
      'x',
      metrics,
      { fate: DocumentFate.Points, parts: [{ signal: 'metrics', items: 1, documents: 1 }] },
    ],
    ['metricsDocs drop', { metricsDocs: 'drop' }, 'x', metrics, { fate: DocumentFate.Discarded, parts: [], reason: 'metrics_docs' }],
    ['metricsDocs reject', { metricsDocs: 'reject' }, 'x', metrics, { fate: DocumentFate.Refused, parts: [], reason: 'metrics_docs' }],
    [
      'metricsDocs drop, of APM',
      { metricsDocs: 'drop' },
      'metrics-apm.app-default',
      { a: 1 },
      { fate: DocumentFate.Discarded, parts: [], reason: 'metrics_docs' },
    ],
    ['apmDocs spans', {}, 'x', apm, { fate: DocumentFate.Span, parts: [{ signal: 'traces', items: 1, documents: 1 }] }],
    ['apmDocs logs', { apmDocs: 'logs' }, 'traces-apm-default', apm, logs],
    ['apmDocs drop', { apmDocs: 'drop' }, 'x', apm, { fate: DocumentFate.Discarded, parts: [], reason: 'apm_docs' }],
    ['apmDocs reject', { apmDocs: 'reject' }, 'x', apm, { fate: DocumentFate.Refused, parts: [], reason: 'apm_docs' }],
    ['systemIndices discard', {}, '.monitoring-es-7', { a: 1 }, { fate: DocumentFate.Discarded, parts: [], reason: 'system_index' }],
    ['systemIndices logs', { systemIndices: 'logs' }, '.monitoring-es-7', { a: 1 }, logs],
    ['spans of Jaeger', {}, 'jaeger-span-2026-01-02', { a: 1 }, { fate: DocumentFate.Refused, parts: [], reason: 'jaeger' }],
    ['profiles', {}, 'profiling-events-all', { a: 1 }, { fate: DocumentFate.Refused, parts: [], reason: 'profiling' }],
    [
      'strictTimestamp',
      { strictTimestamp: true },
      'x',
      { '@timestamp': 'soon' },
      { fate: DocumentFate.Refused, parts: [], reason: 'timestamp' },
    ],
    ['strictTimestamp: none is no fault', { strictTimestamp: true }, 'x', { time: 'soon' }, logs],
  ])('%s', (_, options, index, document, wanted) => {
    expect(fateOf(options, index, document)).toEqual(wanted)
  })
})

describe("LogTranslator: the user's own rules", () => {
  const fields = createFieldMapping({
    fields: [
      { field: 'secret', drop: true },
      { field: 'team', resource: 'service.team' },
      { field: 'level', attribute: 'my.level' },
      { field: 'message.user', attribute: 'user.name' },
      { field: 'stream', attribute: 'data_stream.dataset' },
      { field: 'verb', attribute: 'http.request.method_original' },
      { field: 'tags2', resource: 'container.image.tags' },
      { field: 'x.*', attribute: 'y.*' },
      { field: '@timestamp', attribute: 'when' },
      { field: 'a', attribute: 'b' },
      { field: 'b', attribute: 'c' },
      { field: 'c', attribute: 'd' },
    ],
  })
  const own = (document: object, options: object = {}, index?: string) =>
    translateDocuments([JSON.stringify(document)], createBatcher(options, { fields }), index).map(partsOf)[0]

  it.each([
    ['leave a field out', { secret: 's', z: 1 }, { attributes: { z: 1n } }],
    ['move it to the resource', { team: 't' }, { resource: { 'service.team': 't' } }],
    ['take a role from it', { level: 'info' }, { attributes: { 'my.level': 'info' } }],
    [
      'take the time from it',
      { '@timestamp': '2026-01-02', time: '2026-01-03' },
      { time: '1767398400000000000', attributes: { when: '2026-01-02' } },
    ],
    ['take it out of a message', { message: { user: 'u', text: 't' } }, { body: { text: 't' }, attributes: { 'user.name': 'u' } }],
    ['hold for a pattern', { x: { q: 1, 'r.s': 2 } }, { attributes: { 'y.q': 1n, 'y.r.s': 2n } }],
    [
      'have the names that values are split into',
      { verb: 'v', http: { request: { method: 'get' } }, tags2: 't', kubernetes: { container_image: 'a:b' } },
      {
        attributes: { 'http.request.method_original': 'v', 'http.request.method': 'get' },
        resource: { 'container.image.tags': 't', 'container.image.name': 'a:b' },
      },
    ],
    ['pass names on', { c: 1, b: 2, a: 3 }, { attributes: { d: 1n, c: 2n, b: 3n } }],
    ['pass names on, whatever the order', { a: 3, b: 2, c: 1 }, { attributes: { d: 1n, c: 2n, b: 3n } }],
    ['take names back from those that got them', { a: 3, b: 2, d: 4, c: 1 }, { attributes: { a: 3n, b: 2n, c: 1n, d: 4n } }],
  ] as const)('%s', (_, document, record) => {
    expect(own(document)).toEqual(record)
  })

  it('leave a field out of a body that is the whole document', () => {
    expect(own({ secret: 's', z: 1 }, { body: 'document' })).toEqual({ body: { z: 1n } })
  })

  it('name the data set before the index does', () => {
    expect(own({ stream: 'own' }, {}, 'logs-a-b')).toEqual({
      attributes: { 'data_stream.dataset': 'own', 'elasticsearch.index': 'logs-a-b' },
    })
  })
})
