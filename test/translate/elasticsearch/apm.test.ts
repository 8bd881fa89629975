import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDocumentIndex } from '../../../src/translate/elasticsearch/document-index.ts'
import { ids, plainResources, span, spanOf, transaction, translateApm } from '../../support/apm-documents.ts'
import { createDocumentReader } from '../../support/documents.ts'

describe('ApmSpans', () => {
  it('translates a transaction as APM Server 7 stores it', () => {
    const { attributes, resource, ...rest } = spanOf(transaction)
    expect(rest).toEqual({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      parentId: '00f067aa0ba902b7',
      name: 'GET /cart',
      kind: 2,
      start: 1714979289123456000n,
      end: 1714979289156048000n,
      status: 0,
      links: [],
      scope: '',
    })
    expect(attributes).toEqual({
      'processor.name': 'transaction',
      'processor.event': 'transaction',
      'ecs.version': '1.12.0',
      'transaction.id': 'b7ad6b7169203331',
      'transaction.type': 'request',
      'transaction.result': 'HTTP 2xx',
      'transaction.sampled': true,
      'transaction.span_count.started': 2n,
      'transaction.span_count.dropped': 0n,
      'transaction.custom.cart.items': 3n,
      'event.outcome': 'success',
      'event.ingested': '2024-05-06T07:08:10.5Z',
      'http.request.method': 'GET',
      'http.request.method_original': 'get',
      'http.request.headers.Accept': ['*/*'],
      'http.request.body.size': 5n,
      'http.response.status_code': 200n,
      'url.full': 'https://shop.example/cart',
      tenant: 'blue',
      tier: 'gold',
      'process.pid': 7n,
      'process.command_args': ['node', 'server.js'],
      'observer.type': 'apm-server',
      'observer.version': '7.17.6',
    })
    expect(resource).toEqual({
      'service.name': 'cart',
      'service.version': '1.4.0',
      'deployment.environment.name': 'prod',
      'service.instance.id': 'cart-0',
      'service.runtime.name': 'node',
      'service.runtime.version': '24',
      'host.name': 'web-1',
      'host.hostname': 'web-1',
      'host.ip': ['10.0.0.7'],
      'host.arch': 'amd64',
      'host.os.platform': 'linux',
      'agent.name': 'nodejs',
      'agent.version': '4.1.0',
      'k8s.pod.name': 'cart-0',
      'k8s.namespace.name': 'shop',
      'container.id': 'c0ffee',
    })
  })

  it('translates a span as APM Server 8 sends it', () => {
    const { attributes, resource, ...rest } = spanOf(span)
    expect(rest).toEqual({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: '53995c3f42cd8ad8',
      parentId: 'b7ad6b7169203331',
      name: 'SELECT FROM carts',
      kind: 3,
      start: 1714979289125001000n,
      end: 1714979289128782042n,
      status: 2,
      links: [{ traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', attributes: {} }],
      scope: '',
    })
    expect(attributes).toEqual({
      'data_stream.type': 'traces',
      'data_stream.dataset': 'apm',
      'data_stream.namespace': 'default',
      'transaction.id': 'b7ad6b7169203331',
      'span.type': 'db',
      'span.subtype': 'postgresql',
      'span.action': 'query',
      'span.sync': true,
      'span.representative_count': 1n,
      'span.db.statement': 'SELECT 1',
      'span.db.type': 'sql',
      'span.db.rows_affected': 2n,
      'span.destination.service.resource': 'postgresql/shop',
      'span.composite.compression_strategy': 'exact_match',
      'span.composite.count': 3n,
      'span.composite.sum.us': 900n,
      'span.stacktrace': [{ exclude_from_grouping: false, filename: 'db.js', line: { number: 12n }, function: 'run' }],
      'event.outcome': 'failure',
      shard: 4n,
      ratio: 0.5,
      pool_name: ['a', 'b'],
      'service.target.type': 'postgresql',
      'service.target.name': 'shop',
    })
    expect(resource).toEqual({ 'service.name': 'cart', 'agent.name': 'nodejs', 'agent.version': '4.1.0' })
  })

  it('reads flat names as it reads nested ones', () => {
    const flat: Record<string, unknown> = {}
    const put = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) flat[path] = value
      else for (const [name, one] of Object.entries(value)) put(one, path === '' ? name : `${path}.${name}`)
    }
    put(transaction, '')
    expect(spanOf(flat)).toEqual(spanOf(transaction))
  })

  it('groups spans by equal resource, and counts them by service', () => {
    const other = { ...span, span: { ...span.span, id: '1111111111111111' } }
    const { taken, counts } = translateApm([span, transaction, other])
    expect(taken.spans).toBe(3)
    expect(plainResources(taken).map(({ scopes }) => scopes.map(({ spans }) => spans.map(({ spanId }) => spanId)))).toEqual([
      [['53995c3f42cd8ad8', '1111111111111111']],
      [['b7ad6b7169203331']],
    ])
    expect(taken.services).toEqual([
      { service: 'cart', items: 2 },
      { service: 'cart', items: 1 },
    ])
    expect(counts).toEqual({ timestamp_invalid: 0, bigint_as_string: 0, key_conflict: 0, rename_collision: 0, field_dropped: 0 })
  })

  it('takes the logger as the scope', () => {
    const { scope, attributes } = spanOf({ ...span, log: { logger: 'com.shop' } })
    expect(scope).toBe('com.shop')
    expect(attributes).not.toHaveProperty('log.logger')
  })

  it.each([
    ['no trace id', { ...span, trace: {} }],
    ['a trace id that is none', { ...span, trace: { id: 'x' } }],
    ['no span id', { ...span, span: { ...span.span, id: undefined } }],
    ['a span id that is too long', { ...span, span: { ...span.span, id: 'b7ad6b71692033310' } }],
    ['no transaction id', { ...transaction, transaction: { ...transaction.transaction, id: undefined } }],
    ['no duration', { ...span, event: { outcome: 'success' } }],
    ['a negative duration', { ...span, event: { duration: -1 } }],
    ['no time', { ...span, '@timestamp': undefined, timestamp: undefined }],
    ['no time that can be read', { ...span, '@timestamp': 'yesterday', timestamp: { us: 'x' } }],
  ])('makes no span of a document with %s', (_, document) => {
    const { added, taken, counts } = translateApm([document])
    expect(added).toEqual([false])
    expect(taken).toEqual({ traces: { resourceSpans: [] }, spans: 0, services: [] })
    expect(Object.values(counts)).toEqual([0, 0, 0, 0, 0])
  })

  describe('what a document is', () => {
    const both = {
      ...span,
      transaction: { id: '2222222222222222', name: 't', type: 'messaging', duration: { us: 1 } },
      event: { duration: 5000 },
    }

    it('goes by processor.event', () => {
      expect(spanOf({ ...both, processor: { event: 'span' } }).spanId).toBe('53995c3f42cd8ad8')
      expect(spanOf({ ...both, processor: { event: 'transaction' } }).spanId).toBe('2222222222222222')
    })

    it('goes by transaction.type without it', () => {
      expect(spanOf(both)).toMatchObject({ spanId: '2222222222222222', name: 't', kind: 5 })
      expect(spanOf(span).name).toBe('SELECT FROM carts')
    })

    it('keeps what belongs to the other one', () => {
      const { attributes } = spanOf({ ...both, processor: { event: 'span' } })
      expect(attributes).toMatchObject({ 'transaction.name': 't', 'transaction.duration.us': 1n, 'transaction.type': 'messaging' })
      expect(spanOf(both).attributes).toMatchObject({ 'span.id': '53995c3f42cd8ad8', 'span.name': 'SELECT FROM carts' })
    })

    it('leaves the span id out where it is that of the transaction', () => {
      expect(spanOf({ ...transaction, span: { id: 'B7AD6B7169203331' } }).attributes).not.toHaveProperty('span.id')
    })
  })

  describe('times', () => {
    const at = (time: unknown, us: unknown, duration: object = { event: { duration: 1 } }) => {
      const { start, end, attributes } = spanOf({ ...span, event: undefined, ...duration, '@timestamp': time, timestamp: { us } })
      return { start, length: end - start, kept: Object.keys(attributes).filter((name) => /timestamp|duration/.test(name)) }
    }

    it('takes the microseconds, or the time without them', () => {
      expect(at('2024-05-06T07:08:09.123Z', 1714979289123999)).toEqual({ start: 1714979289123999000n, length: 1n, kept: [] })
      expect(at('2024-05-06T07:08:09.123456789Z', undefined)).toEqual({ start: 1714979289123456789n, length: 1n, kept: [] })
      expect(at(undefined, 1714979289123999)).toEqual({ start: 1714979289123999000n, length: 1n, kept: [] })
      expect(at(1714979289123, '1714979289123999')).toEqual({ start: 1714979289123999000n, length: 1n, kept: [] })
      expect(at(['2024-05-06T07:08:09.123Z'], undefined).start).toBe(1714979289123000000n)
    })

    it('keeps a time that is another one', () => {
      expect(at('2024-05-06T07:08:10.123Z', 1714979289123999).kept).toEqual(['@timestamp'])
      expect(at('yesterday', 1714979289123999).kept).toEqual(['@timestamp'])
      expect(at('2024-05-06T07:08:09.123Z', 'x')).toEqual({ start: 1714979289123000000n, length: 1n, kept: ['timestamp.us'] })
      expect(translateApm([{ ...span, '@timestamp': 'yesterday' }]).counts.timestamp_invalid).toBe(1)
    })

    it('takes durations by their digits', () => {
      const micros = (us: string) => {
        const text = JSON.stringify({ ...span, event: undefined }).replace('"span":{', `"span":{"duration":{"us":${us}},`)
        const { start, end } = spanOf(text)
        return end - start
      }
      expect(micros('9007199254740993')).toBe(9007199254740993000n)
      expect(micros('3564.2981')).toBe(3564298n)
      expect(micros('"12"')).toBe(12000n)
      expect(micros('0')).toBe(0n)
    })

    it('takes the nanoseconds where both durations are the same, and else keeps them', () => {
      const durations = (duration: number) => at(undefined, 1, { event: { duration }, span: { ...span.span, duration: { us: 5 } } })
      expect(durations(5042)).toEqual({ start: 1000n, length: 5042n, kept: [] })
      expect(durations(6000)).toEqual({ start: 1000n, length: 5000n, kept: ['event.duration'] })
      expect(durations(4999)).toEqual({ start: 1000n, length: 5000n, kept: ['event.duration'] })
    })

    it('ends at the last nanosecond there is', () => {
      expect(spanOf({ ...span, event: { duration: '18446744073709551615' } }).end).toBe(2n ** 64n - 1n)
    })
  })

  it.each([
    ['transaction', 'request', undefined, 2],
    ['transaction', 'messaging', undefined, 5],
    ['transaction', 'page-load', undefined, 1],
    ['transaction', 'request', 'CONSUMER', 5],
    ['transaction', 'db', undefined, 1],
    ['span', 'db', undefined, 3],
    ['span', 'external', undefined, 3],
    ['span', 'messaging', undefined, 4],
    ['span', 'app', undefined, 1],
    ['span', 'request', undefined, 1],
    ['span', 'db.postgresql.query', undefined, 3],
    ['span', 'db', 'internal', 1],
    ['span', 'db', 'strange', 3],
  ])('gives a %s of type %s with kind %s the kind %i', (event, type, kind, expected) => {
    const base = event === 'span' ? span : transaction
    const document = {
      ...base,
      span: { ...span.span, kind, type },
      transaction: { ...transaction.transaction, type },
      processor: { event },
    }
    const { kind: got, attributes } = spanOf({ ...document, event: { duration: 1 } })
    expect(got).toBe(expected)
    expect(attributes['span.kind']).toBe(kind === 'strange' ? kind : undefined)
  })

  it('keeps a parent id that is none as an attribute', () => {
    const { parentId, attributes } = spanOf({ ...span, parent: { id: 'abcdefabcdef01234567' } })
    expect(parentId).toBe('0000000000000000')
    expect(attributes['parent.id']).toBe('abcdefabcdef01234567')
  })

  it('keeps what is more about a link, and links that are none', () => {
    const trace = { id: '4bf92f3577b34da6a3ce929d0e0e4736' }
    const links = [
      { 'trace.id': trace.id, span: { id: '00f067aa0ba902b7', name: 'n' }, kind: 'follows' },
      { trace, span: { id: 'linked_span' } },
    ]
    const result = spanOf({ ...span, span: { ...span.span, links } })
    expect(result.links).toEqual([{ traceId: trace.id, spanId: '00f067aa0ba902b7', attributes: { 'span.name': 'n', kind: 'follows' } }])
    expect(result.attributes['span.links']).toEqual([links[1]])
    expect(spanOf({ ...span, span: { ...span.span, links: ['x'] } }).attributes['span.links']).toEqual(['x'])
  })

  it('keeps the prefix of a label whose name another field has', () => {
    const document = { labels: { shard: 'x', message: 'label', 'url.full': 'u' }, ...{ message: 'text', url: { full: 'f' } } }
    const { attributes } = spanOf({ ...span, ...document })
    expect(attributes).toMatchObject({
      shard: 4n,
      'labels.shard': 'x',
      message: 'text',
      'labels.message': 'label',
      'url.full': 'f',
      'labels.url.full': 'u',
    })
    expect(translateApm([{ ...span, ...document }]).counts.rename_collision).toBe(3)
  })

  it("gives names back however many labels have taken each other's", () => {
    const names = Array.from({ length: 1500 }, (_, i) => `${'labels.'.repeat(i)}y`).reverse()
    const { attributes } = spanOf({ ...span, ...Object.fromEntries(names.map((name, i) => [name, `v${i}`])) })
    expect(names.map((name) => attributes[name])).toEqual(names.map((_, i) => `v${i}`))
  })

  it('leaves a value whole where the name for a part of it is taken', () => {
    const own = new Map([['verb', { drop: false, resource: false, name: 'http.request.method_original' }]])
    const fields = { named: (path: string) => own.get(path), fitting: () => undefined }
    const document = { ...span, verb: 'v', http: { request: { method: 'get' } } }
    expect(spanOf(document, { fields }).attributes).toMatchObject({ 'http.request.method': 'get', 'http.request.method_original': 'v' })
    expect(spanOf(document).attributes).toMatchObject({ 'http.request.method': 'GET', 'http.request.method_original': 'get', verb: 'v' })
  })

  it('follows the user in what he has names of his own for', () => {
    const own = new Map([
      ['labels.tenant', { drop: false, resource: true, name: 'tenant.id' }],
      ['span.name', { drop: false, resource: false, name: 'operation' }],
      ['span.type', { drop: true, resource: false, name: 'span.type' }],
    ])
    const fields = { named: (path: string) => own.get(path), fitting: () => undefined }
    const { attributes, resource, name, kind } = spanOf({ ...span, labels: { tenant: 'blue' } }, { fields })
    expect({ name, kind, operation: attributes['operation'], type: attributes['span.type'] }).toEqual({
      name: 'SELECT FROM carts',
      kind: 1,
      operation: 'SELECT FROM carts',
      type: undefined,
    })
    expect(resource['tenant.id']).toBe('blue')
  })

  describe('what is known beside the document', () => {
    const index = createDocumentIndex('traces-apm-default', true)

    it('becomes attributes', () => {
      const context = { index, id: 'abc', pipeline: 'p' }
      expect(spanOf(transaction, { context }).attributes).toMatchObject({
        'elasticsearch.index': 'traces-apm-default',
        'elasticsearch.document.id': 'abc',
        'elasticsearch.pipeline': 'p',
        'data_stream.type': 'traces',
        'data_stream.dataset': 'apm',
        'data_stream.namespace': 'default',
      })
      expect(spanOf({ ...span, data_stream: { type: 'traces' } }, { context }).attributes).not.toHaveProperty(['data_stream.dataset'])
    })

    it('has its place by the option', () => {
      expect(spanOf(span, { context: { index }, indexAttribute: 'resource' }).resource['elasticsearch.index']).toBe('traces-apm-default')
      const { attributes, resource } = spanOf(span, { context: { index }, indexAttribute: 'none' })
      expect({ ...attributes, ...resource }).not.toHaveProperty(['elasticsearch.index'])
    })
  })

  it('nests attributes when it is to', () => {
    const { attributes, resource } = spanOf(span, { nested: 'kvlist' })
    expect(attributes['span']).toMatchObject({ type: 'db', db: { statement: 'SELECT 1' } })
    expect(resource['service.name']).toBe('cart')
  })

  it('derives the name of a service when it is to', () => {
    const document = { ...span, service: { type: 'redis' }, kubernetes: { container: { name: 'c' } } }
    expect(spanOf(document, { deriveServiceName: true }).resource['service.name']).toBe('redis')
    expect(spanOf(document).resource).not.toHaveProperty(['service.name'])
    expect(spanOf({ ...document, service: { type: '' } }, { deriveServiceName: true }).resource['service.name']).toBe('c')
    expect(spanOf({ ...span, fields: { service: 'x' } }, { deriveServiceName: true }).resource['service.name']).toBe('cart')
  })

  it('keeps only what tells who it is on resources beyond the most', () => {
    const documents = ['a', 'b', 'c', 'b'].map((id) => ({ ...span, container: { id }, host: { name: 'h' } }))
    const { taken } = translateApm(documents, { maxResources: 1 })
    const [first, second] = plainResources(taken)
    expect(first?.resource).toMatchObject({ 'container.id': 'a' })
    expect(second?.resource).toEqual({ 'service.name': 'cart', 'host.name': 'h' })
    expect(second?.scopes[0]?.spans.map(({ attributes }) => attributes['container.id'])).toEqual(['b', 'c', 'b'])
  })

  it('forgets everything when it is cleared', () => {
    const { spans } = translateApm([])
    spans.clear()
    expect(spans.take().traces.resourceSpans).toEqual([])
  })

  it('loses no field of a document', () => {
    const name = fc.constantFrom(
      'a',
      'b',
      'labels',
      'numeric_labels',
      'name',
      'id',
      'host',
      'service',
      'hostname',
      'error',
      'type',
      'message',
      'version',
      'http',
      'request',
      'bytes',
      'size',
      'geo',
      'city_name',
    )
    const leaf = fc.integer({ min: 0, max: 1_000_000 }).map((value) => `v${value}`)
    const tree: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
      node: fc.oneof({ maxDepth: 4 }, leaf, fc.dictionary(name, tie('node'), { maxKeys: 4 })),
    })).node
    fc.assert(
      fc.property(fc.dictionary(name, tree, { maxKeys: 8 }), (more) => {
        const document = { ...more, span: span.span, trace: ids.trace, event: { duration: 1 }, '@timestamp': '2024-05-06T07:08:09Z' }
        const { leaves, source } = createDocumentReader().read(document)
        const texts: string[] = []
        for (let row = 0; row < leaves.count; row++) {
          const path = leaves.fields[row]?.path ?? ''
          if (/^(span|trace|event)\.|^@timestamp$/.test(path)) continue
          texts.push(Buffer.from(source.subarray(leaves.a[row], leaves.b[row])).toString())
        }
        const { attributes, resource } = spanOf(document)
        const found = [...Object.values(attributes), ...Object.values(resource)].flat()
        for (const text of new Set(texts)) {
          const times = (list: readonly unknown[]) => list.filter((one) => one === text).length
          expect(times(found), text).toBeGreaterThanOrEqual(times(texts))
        }
      }),
    )
  })
})
