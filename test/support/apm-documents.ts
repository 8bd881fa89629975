/** Transactions and spans of Elastic APM for tests, and the OTLP spans that come of them as plain JavaScript. */

import { expect } from 'vitest'
import { textToString } from '../../src/otlp/attributes.ts'
import { spanIdToHex, traceIdToHex } from '../../src/otlp/ids.ts'
import type { Span } from '../../src/otlp/model.ts'
import { toBigInt } from '../../src/otlp/time.ts'
import { type ApmOptions, ApmSpans, type TakenSpans } from '../../src/translate/elasticsearch/apm.ts'
import type { FieldOptions } from '../../src/translate/elasticsearch/names.ts'
import type { DocumentContext } from '../../src/translate/elasticsearch/to-otlp.ts'
import { createDocumentReader, noContext, plainAttributes } from './documents.ts'

const options: ApmOptions = { nested: 'flat', epoch: 'auto', indexAttribute: 'record', deriveServiceName: false, maxResources: 1000 }

interface Asked extends Partial<ApmOptions> {
  readonly context?: Partial<DocumentContext>
  readonly fields?: FieldOptions['fields']
}

/** Spans of documents, by rules that may differ from the usual ones. */
export function translateApm(documents: readonly unknown[], { context, fields, ...changed }: Asked = {}) {
  const reader = createDocumentReader(fields === undefined ? {} : { fields })
  const spans = new ApmSpans(reader.plans, { ...options, ...changed })
  const added = documents.map((document) => {
    const { leaves, source, markers } = reader.read(document)
    return spans.add(leaves, source, markers, { ...noContext, ...context })
  })
  return { added, counts: { ...spans.counts }, taken: spans.take(), spans }
}

const plainSpan = (span: Span) => ({
  traceId: traceIdToHex(span.trace0, span.trace1, span.trace2, span.trace3),
  spanId: spanIdToHex(span.span0, span.span1),
  parentId: spanIdToHex(span.parent0, span.parent1),
  name: textToString(span.name),
  kind: span.kind,
  start: toBigInt(span.startHi, span.startLo),
  end: toBigInt(span.endHi, span.endLo),
  status: span.statusCode,
  attributes: plainAttributes(span.attributes),
  links: span.links.map((link) => ({
    traceId: traceIdToHex(link.trace0, link.trace1, link.trace2, link.trace3),
    spanId: spanIdToHex(link.span0, link.span1),
    attributes: plainAttributes(link.attributes),
  })),
})

export const plainResources = ({ traces }: TakenSpans) =>
  traces.resourceSpans.map(({ attributes, scopeSpans }) => ({
    resource: plainAttributes(attributes),
    scopes: scopeSpans.map(({ scopeName, spans }) => ({ name: textToString(scopeName), spans: spans.map(plainSpan) })),
  }))

/** The only span of a document. */
export function spanOf(document: unknown, asked?: Asked) {
  const { added, taken } = translateApm([document], asked)
  expect(added).toEqual([true])
  const [only] = plainResources(taken)
  const span = only?.scopes[0]?.spans[0]
  if (only === undefined || span === undefined) throw new Error('no span')
  return { ...span, resource: only.resource, scope: only.scopes[0]?.name }
}

export const ids = {
  trace: { id: '0af7651916cd43dd8448eb211c80319c' },
  span: { id: 'b7ad6b7169203331' },
  parent: { id: '00f067aa0ba902b7' },
}

/** As APM Server 7 stores it. */
export const transaction = {
  '@timestamp': '2024-05-06T07:08:09.123Z',
  timestamp: { us: 1714979289123456 },
  processor: { name: 'transaction', event: 'transaction' },
  ecs: { version: '1.12.0' },
  trace: ids.trace,
  parent: ids.parent,
  transaction: {
    id: 'b7ad6b7169203331',
    name: 'GET /cart',
    type: 'request',
    result: 'HTTP 2xx',
    sampled: true,
    duration: { us: 32592 },
    span_count: { started: 2, dropped: 0 },
    custom: { cart: { items: 3 } },
  },
  event: { outcome: 'success', ingested: '2024-05-06T07:08:10.5Z' },
  http: { request: { method: 'get', headers: { Accept: ['*/*'] }, body: { bytes: 5 } }, response: { status_code: 200 } },
  url: { full: 'https://shop.example/cart' },
  labels: { tenant: 'blue', tier: 'gold' },
  service: { name: 'cart', version: '1.4.0', environment: 'prod', node: { name: 'cart-0' }, runtime: { name: 'node', version: '24' } },
  host: { name: 'web-1', hostname: 'web-1', ip: '10.0.0.7', architecture: 'amd64', os: { platform: 'linux' } },
  agent: { name: 'nodejs', version: '4.1.0' },
  kubernetes: { pod: { name: 'cart-0' }, namespace: 'shop' },
  container: { id: 'c0ffee' },
  process: { pid: 7, args: ['node', 'server.js'] },
  observer: { type: 'apm-server', version: '7.17.6' },
}

/** As APM Server 8 sends it: no processor, the duration in ns. */
export const span = {
  '@timestamp': '2024-05-06T07:08:09.125Z',
  timestamp: { us: 1714979289125001 },
  data_stream: { type: 'traces', dataset: 'apm', namespace: 'default' },
  trace: ids.trace,
  parent: { id: 'b7ad6b7169203331' },
  transaction: { id: 'b7ad6b7169203331' },
  span: {
    id: '53995c3f42cd8ad8',
    name: 'SELECT FROM carts',
    type: 'db',
    subtype: 'postgresql',
    action: 'query',
    sync: true,
    representative_count: 1,
    db: { statement: 'SELECT 1', type: 'sql', rows_affected: 2 },
    destination: { service: { resource: 'postgresql/shop' } },
    composite: { compression_strategy: 'exact_match', count: 3, sum: { us: 900 } },
    stacktrace: [{ exclude_from_grouping: false, filename: 'db.js', line: { number: 12 }, function: 'run' }],
    links: [{ trace: { id: '4bf92f3577b34da6a3ce929d0e0e4736' }, span: { id: '00f067aa0ba902b7' } }],
  },
  event: { outcome: 'failure', duration: 3781042 },
  numeric_labels: { shard: 4, ratio: 0.5 },
  labels: { pool_name: ['a', 'b'] },
  service: { name: 'cart', target: { type: 'postgresql', name: 'shop' } },
  agent: { name: 'nodejs', version: '4.1.0' },
}
