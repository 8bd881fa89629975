import { describe, expect, it } from 'vitest'
import { createDocumentFile } from '../../../src/ingest/elasticsearch/file.ts'
import { decodeTraces } from '../../../src/otlp/decode/traces.ts'
import { elasticsearchTranslateConfig } from '../../../src/translate/elasticsearch/config.ts'
import { goldenLogs } from '../../support/logs-sink.ts'
import { create, lines } from '../support/elasticsearch.ts'

const read = (form: 'es-bulk' | 'es-docs', text: string, maxItems = 1000) => {
  const fileOf = createDocumentFile(form, { translate: elasticsearchTranslateConfig.parse({}), fields: undefined, maxItems })
  return fileOf(Buffer.from(text), 1_700_000_000_000)
}

const messages = (data: Uint8Array): unknown[] => goldenLogs(data).map(({ body }) => body)

const span = {
  '@timestamp': '2026-01-02T03:04:05.678Z',
  processor: { event: 'transaction' },
  trace: { id: '4bf92f3577b34da6a3ce929d0e0e4736' },
  transaction: { id: '00f067aa0ba902b7', name: 'GET /', duration: { us: 5 } },
}

describe('a file of es-bulk', () => {
  it('is what a bulk request would be, each refused action by its number', () => {
    const { received, items, data, drops, notes } = read(
      'es-bulk',
      lines(
        create('i', '1'),
        { message: 'a' },
        create(),
        '{',
        { delete: { _index: 'i', _id: '1' } },
        create('i', '1'),
        {},
        create('i', '2'),
        {
          message: 'b',
        },
      ),
    )
    expect([received, items, messages(data)]).toEqual([5, 2, ['a', 'b']])
    expect(drops.map(({ reason, count, indexes }) => [reason, count, indexes])).toEqual([
      ['json', 1, [1]],
      ['delete', 1, [2]],
    ])
    expect(notes).toEqual([{ reason: 'duplicate_id', count: 1 }])
  })

  it('may lack its last line feed and the index that stood in a path', () => {
    const { data } = read('es-bulk', lines({ index: {} }, { message: 'a' }).trimEnd())
    expect(goldenLogs(data)[0]).toMatchObject({ body: 'a', attributes: { 'elasticsearch.index': 'unknown' } })
  })

  it('counts pipelines, and what is left out', () => {
    const { items, notes } = read('es-bulk', lines({ index: { pipeline: 'p' } }, { message: 'a' }, create('.kibana'), {}))
    expect([items, notes]).toEqual([
      1,
      [
        { reason: 'system_index', count: 1 },
        { reason: 'pipeline_ignored', count: 1 },
      ],
    ])
  })

  it('may be larger than a piece', () => {
    const filler = 'x'.repeat(10_000)
    const { items, data } = read('es-bulk', Array.from({ length: 500 }, (_, at) => lines(create(), { message: `${at}`, filler })).join(''))
    expect([items, messages(data)]).toEqual([500, Array.from({ length: 500 }, (_, at) => `${at}`)])
  })

  it.each([
    ['', /request body is required/],
    ['{"message":"a"}\n', /but found \[message\]/],
    [lines(create()), /expected a document/],
  ])('throws for %j', (text, message) => {
    expect(() => read('es-bulk', text)).toThrow(
      expect.objectContaining({ code: 'OB_DECODE_JSON', message: expect.stringMatching(message) }),
    )
  })

  it('throws for more than it may have', () => {
    expect(() => read('es-bulk', lines(create(), {}, create(), {}), 1)).toThrow(expect.objectContaining({ code: 'OB_LIMIT_ITEMS' }))
  })

  it('has other requests beside its own for what are no logs', () => {
    const { items, others = [] } = read('es-bulk', lines(create('traces-apm-default'), span, create(), { message: 'a' }))
    expect([items, others.map(({ signal, items }) => [signal, items])]).toEqual([1, [['traces', 1]]])
    expect(decodeTraces(others[0]?.data ?? new Uint8Array()).resourceSpans.length).toBe(1)
  })
})

describe('a file of es-docs', () => {
  const hit = (message: string, index = 'i') => ({ _index: index, _id: message, _score: null, _source: { message } })

  it.each([
    ['documents, one a line', lines({ message: 'a' }, '', { message: 'b' })],
    ['hits, one a line', lines(hit('a'), hit('b'))],
    ['answers to searches, one a line', lines({ hits: { hits: [hit('a')] } }, { took: 1, hits: { total: 1, hits: [hit('b')] } })],
    ['an answer over several lines', JSON.stringify({ hits: { hits: [hit('a'), hit('b')] } }, null, 2)],
    ['a list over several lines', JSON.stringify([{ message: 'a' }, hit('b')], null, 2)],
    ['a list of hits on a line', JSON.stringify([hit('a'), hit('b')])],
  ])('may hold %s', (_what, text) => {
    const { received, items, data, drops } = read('es-docs', text)
    expect([received, items, messages(data), drops]).toEqual([2, 2, ['a', 'b'], []])
  })

  it('may be one document over several lines', () => {
    const { data } = read('es-docs', JSON.stringify({ message: 'a', b: { c: 1 } }, null, 2))
    expect(goldenLogs(data)[0]).toMatchObject({ body: 'a', attributes: { 'b.c': { int: '1' } } })
  })

  it('has the index and the id of its hits', () => {
    const { data } = read('es-docs', lines(hit('a', 'logs-app-default')))
    expect(goldenLogs(data)[0]?.attributes).toEqual({
      'elasticsearch.index': 'logs-app-default',
      'elasticsearch.document.id': 'a',
      'data_stream.type': 'logs',
      'data_stream.dataset': 'app',
      'data_stream.namespace': 'default',
    })
  })

  it('loses to a bad line that line alone', () => {
    const { items, data, drops } = read('es-docs', lines({ message: 'a' }, '{"message":', '7', { message: 'b' }))
    expect([items, messages(data)]).toEqual([2, ['a', 'b']])
    expect(drops.map(({ reason, indexes }) => [reason, indexes])).toEqual([
      ['json', [1]],
      ['not_object', [2]],
    ])
  })

  it('may be larger than a piece', () => {
    const filler = 'x'.repeat(10_000)
    const { items } = read('es-docs', Array.from({ length: 500 }, (_, at) => lines({ message: `${at}`, filler })).join(''))
    expect(items).toBe(500)
  })

  it('throws when it is empty, or has more than it may have', () => {
    expect(() => read('es-docs', ' \n')).toThrow(expect.objectContaining({ code: 'OB_DECODE_JSON' }))
    expect(() => read('es-docs', lines({}, {}), 1)).toThrow(expect.objectContaining({ code: 'OB_LIMIT_ITEMS' }))
  })
})

describe('documents of es-docs where they lie', () => {
  const make = () => createDocumentFile('es-docs', { translate: elasticsearchTranslateConfig.parse({}), fields: undefined, maxItems: 1000 })
  const documents = [
    { '@timestamp': '2026-01-02T03:04:05.678Z', message: 'a "quoted" \\ text\n', service: { name: 's' } },
    { '@timestamp': 'no time', message: 'b', n: 1.5, list: [1, { a: 'b' }] },
    span,
    { message: 'größer', log: { level: 'warn' } },
  ]
  const ids = ['1', 'a"b', '', 'größe']

  /** A body with other things between documents, and their places. */
  const placesOf = (texts: readonly string[], index: string) => {
    const places = new Int32Array(texts.length * 4 + 3)
    let body = Buffer.from('{"hits":[')
    for (const [i, text] of texts.entries()) {
      for (const [column, part] of [(ids[i] ?? '') === '' ? '' : JSON.stringify(ids[i]), text].entries()) {
        const start = body.length
        body = Buffer.concat([body, Buffer.from(part)])
        places.set(part === '' ? [0, 0] : [start, body.length], i * 4 + (column === 0 ? 2 : 0))
        body = Buffer.concat([body, Buffer.from(', "x": ')])
      }
    }
    return { body, items: { count: texts.length, places, index } }
  }

  it('are what the same hits are, one a line: bytes, drops, notes; also the second time', () => {
    const translate = make()
    const texts = [...documents.map((one) => JSON.stringify(one, null, 1)), '[1]', '{"torn":']
    const hits = texts.map(
      (text, i) => `{"_index":"logs-app-x","_id":${JSON.stringify(ids[i] ?? '')},"_source":${text.replaceAll('\n', ' ')}}`,
    )
    const { body, items } = placesOf(texts.slice(0, 4), 'logs-app-x')
    const expected = translate(Buffer.from(hits.slice(0, 4).join('\n')), 1_700_000_000_000)
    for (let round = 0; round < 2; round++) {
      const before = Buffer.from(body)
      const found = translate.placed?.(body, items, 1_700_000_000_000)
      expect(found).toEqual(expected)
      expect(body).toEqual(before)
    }
    const { received, items: taken, drops } = translate.placed?.(...spread(placesOf(texts, 'logs-app-x'))) ?? expected
    expect([received, taken, drops.map(({ reason, indexes }) => [reason, indexes])]).toEqual([
      6,
      3,
      [
        ['not_object', [4]],
        ['json', [5]],
      ],
    ])
  })

  const spread = ({ body, items }: ReturnType<typeof placesOf>) => [body, items, 1_700_000_000_000] as const

  it('throws for more than it may have', () => {
    const translate = createDocumentFile('es-docs', { translate: elasticsearchTranslateConfig.parse({}), fields: undefined, maxItems: 1 })
    const { body, items } = placesOf(['{}', '{}'], '')
    expect(() => translate.placed?.(body, items, 0)).toThrow(expect.objectContaining({ code: 'OB_LIMIT_ITEMS' }))
  })
})
