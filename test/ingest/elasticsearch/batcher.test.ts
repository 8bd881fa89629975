import { describe, expect, it } from 'vitest'
import { DocumentFate } from '../../../src/ingest/documents.ts'
import { createBatcher, noMeta, receivedMs, recordOf, recordsOf, translateDocuments } from '../../support/log-records.ts'

describe('createDocumentBatcher', () => {
  it('groups records by equal resource and logger, and keeps their order within', () => {
    const records = translateDocuments([
      '{"message":"1","host":{"name":"a"},"log":{"logger":"x"}}',
      '{"message":"2","host":{"name":"b"},"log":{"logger":"x"}}',
      '{"message":"3","host.name":"a","log.logger":"x"}',
      '{"message":"4","host.name":"a"}',
    ])
    expect(records.map(({ body, scope, resource }) => [body, scope, resource])).toEqual([
      ['1', 'x', { 'host.name': 'a' }],
      ['3', 'x', { 'host.name': 'a' }],
      ['4', '', { 'host.name': 'a' }],
      ['2', 'x', { 'host.name': 'b' }],
    ])
  })

  it('keeps who it is on the resource when there are too many of them, and the rest on the record', () => {
    const documents = Array.from({ length: 5 }, (_, i) =>
      JSON.stringify({ host: { name: 'h', ip: [`10.0.0.${i}`] }, agent: { id: `a${i}` }, 'service.name': 's' }),
    )
    const records = translateDocuments(documents, createBatcher({ maxResources: 2 }))
    expect(records.map(({ resource }) => resource)).toEqual([
      { 'host.name': 'h', 'host.ip': ['10.0.0.0'], 'agent.id': 'a0', 'service.name': 's' },
      { 'host.name': 'h', 'host.ip': ['10.0.0.1'], 'agent.id': 'a1', 'service.name': 's' },
      { 'host.name': 'h', 'service.name': 's' },
      { 'host.name': 'h', 'service.name': 's' },
      { 'host.name': 'h', 'service.name': 's' },
    ])
    expect(records[4]?.attributes).toEqual({ 'host.ip': ['10.0.0.4'], 'agent.id': 'a4' })
  })

  it.each([
    ['a scalar and an object', { host: 'a', 'host.name': 'b', '@version': '1' }, { 'host.name': 'b', host: 'a' }, {}],
    [
      'two fields of one new name',
      { 'kubernetes.pod_name': 'a', kubernetes: { pod: { name: 'b' } } },
      { 'k8s.pod.name': 'a', 'kubernetes.pod.name': 'b' },
      {},
    ],
    [
      'a renamed field before the one of that name',
      { 'service.environment': 'a', 'deployment.environment.name': 'b' },
      { 'deployment.environment.name': 'b', 'service.environment': 'a' },
      {},
    ],
    [
      'a renamed field behind the one of that name',
      { 'deployment.environment.name': 'b', 'service.environment': 'a' },
      { 'deployment.environment.name': 'b', 'service.environment': 'a' },
      {},
    ],
    ['a host name where there is none', { host: { hostname: 'a' } }, { 'host.name': 'a' }, {}],
    ['a host name beside one', { host: { hostname: 'a', name: 'b' } }, { 'host.name': 'b', 'host.hostname': 'a' }, {}],
  ])('keeps both: %s', (_, own, resource, attributes) => {
    const record = recordOf(own)
    expect(record.resource).toEqual(resource)
    expect(record.attributes).toEqual(attributes)
  })

  it('takes an object for a body when it is the message', () => {
    expect(recordOf({ message: { a: 1, b: { c: 'd' } }, log: 'x' })).toMatchObject({
      body: { a: 1n, b: { c: 'd' } },
      attributes: { log: 'x' },
    })
    expect(recordOf({ message: 'text', 'message.keyword': 'k' })).toMatchObject({ body: 'text', attributes: { 'message.keyword': 'k' } })
  })

  it('takes the whole document for a body where that is wanted and there is no other', () => {
    const own = { a: { b: 1, 'c.d': 'e' }, labels: { 'x.y': 'z' }, host: { name: 'h' } }
    expect(recordOf(own, { body: 'document' })).toMatchObject({
      body: { a: { b: 1n, c: { d: 'e' } }, labels: { 'x.y': 'z' }, host: { name: 'h' } },
      attributes: {},
      resource: { 'host.name': 'h' },
    })
    expect(recordOf({ message: 'm', a: 1 }, { body: 'document' })).toMatchObject({ body: 'm', attributes: { a: 1n } })
  })

  it('reads JSON in a body where that is wanted', () => {
    const text = JSON.stringify({ a: [1, { b: null, c: 'é"' }], d: 9007199254740993n.toString() })
    expect(recordOf({ message: text, x: 'y' }, { parseJsonBody: true })).toMatchObject({
      body: { a: [1n, { c: 'é"' }], d: '9007199254740993' },
      attributes: { x: 'y' },
    })
    expect(recordOf({ message: text })).toMatchObject({ body: text })
    for (const broken of ['{"a":1', '{"a":1} x', '[1]', 'x', '{}x'])
      expect(recordOf({ message: broken }, { parseJsonBody: true }).body).toBe(broken)
    expect(recordOf({ message: '{}' }, { parseJsonBody: true }).body).toEqual({})
  })

  it('nests what has dots where that is wanted', () => {
    const record = recordOf(
      { a: { b: 1, c: { d: 'x' } }, 'e.f': [true], labels: { 'g.h': 'i' }, message: 'm', host: { name: 'h' } },
      { nested: 'kvlist' },
      'logs-a-b',
    )
    expect(record.attributes).toMatchObject({
      a: { b: 1n, c: { d: 'x' } },
      e: { f: [true] },
      labels: { 'g.h': 'i' },
      'elasticsearch.index': 'logs-a-b',
    })
    expect(record.resource).toEqual({ 'host.name': 'h' })
  })

  it('says when it came, and takes no time for one that cannot be read', () => {
    const record = recordOf({ '@timestamp': 'yesterday', timestamp: '2026-01-02T03:04:05Z', message: 'm' })
    expect(record.plain['timeUnixNano']).toBeUndefined()
    expect(record.plain['observedTimeUnixNano']).toBe(`${receivedMs}000000`)
    expect(record.attributes).toEqual({ '@timestamp': 'yesterday', timestamp: '2026-01-02T03:04:05Z' })
  })

  it('counts what it did', () => {
    const batcher = createBatcher()
    translateDocuments(
      ['{"@timestamp":"x","a":1,"a":2,"b":18446744073709551616,"service.environment":"p","deployment.environment.name":"q"}'],
      batcher,
    )
    expect(batcher.notes()).toEqual(
      ['timestamp_invalid', 'bigint_as_string', 'key_conflict', 'rename_collision'].map((reason) => ({ reason, count: 1 })),
    )
    expect(batcher.notes()).toEqual([])
    translateDocuments(['{"service.environment":"p","deployment.environment.name":"p"}', '{"host.name":"a","host.hostname":"b"}'], batcher)
    expect(batcher.notes()).toEqual([])
  })

  it('takes the first of a list for the time', () => {
    for (const time of ['["2023-11-14T22:13:20.123Z"]', '[1700000000123]', '[1700000000.123]']) {
      const [record] = translateDocuments([`{"@timestamp":${time}}`])
      expect(record?.plain['timeUnixNano'], time).toBe('1700000000123000000')
      expect(record?.attributes).toEqual({})
    }
    const [record] = translateDocuments(['{"@timestamp":["2023-11-14","x"]}'])
    expect(record?.attributes).toEqual({ '@timestamp': ['2023-11-14', 'x'] })
  })

  it('refuses documents whose time cannot be read where that is wanted, and leaves nothing of them', () => {
    const batcher = createBatcher({ strictTimestamp: true })
    const text = '{"@timestamp":"x","host.name":"a","message":"1"}\n{"@timestamp":"2026-01-02","host.name":"b","message":"2"}\n'
    batcher.open(Buffer.from(text))
    expect(batcher.add(0, text.indexOf('\n'), noMeta)).toBe(DocumentFate.Refused)
    expect(batcher.reason).toBe('timestamp')
    expect(batcher.add(text.indexOf('\n') + 1, text.length - 1, noMeta)).toBe(DocumentFate.Log)
    const [part] = batcher.take()
    expect(recordsOf(part?.data ?? new Uint8Array())).toMatchObject([{ body: '2', resource: { 'host.name': 'b' }, attributes: {} }])
  })

  it('refuses a bad document alone, says why, and reads on', () => {
    const batcher = createBatcher()
    const bad: [string | Uint8Array, string][] = [
      ['{"a":', 'json'],
      ['[1]', 'not_object'],
      ['', 'json'],
      [Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]), 'utf8'],
      [`${'{"a":'.repeat(200)}1${'}'.repeat(200)}`, 'depth'],
      [`{${Array.from({ length: 10_001 }, (_, i) => `"k${i}":1`).join(',')}}`, 'fields'],
      [`{"a":[${'1,'.repeat(100_000)}1]}`, 'fields'],
    ]
    const good = Buffer.from('{"message":"good"}')
    for (const [text, reason] of bad) {
      const line = Buffer.from(text)
      batcher.open(Buffer.concat([good, line, good]))
      expect(batcher.add(0, good.length, noMeta)).toBe(DocumentFate.Log)
      expect(batcher.add(good.length, good.length + line.length, noMeta), reason).toBe(DocumentFate.Refused)
      expect(batcher.reason).toBe(reason)
      expect(batcher.add(good.length + line.length, 2 * good.length + line.length, noMeta)).toBe(DocumentFate.Log)
      expect(recordsOf(batcher.take()[0]?.data ?? new Uint8Array()).map(({ body }) => body)).toEqual(['good', 'good'])
    }
  })

  it('keeps bytes that are no document as they came', () => {
    const batcher = createBatcher()
    const text = '{"a":"\\u00e9\\n", broken'
    const bytes = Buffer.concat([Buffer.from(text), Buffer.from([0xff, 0xfe])])
    batcher.open(bytes)
    expect(batcher.add(0, text.length, noMeta)).toBe(DocumentFate.Refused)
    batcher.addRaw(0, text.length, { ...noMeta, index: batcher.index('logs-a-b') }, 'elasticsearch.parse_error', 'it is not JSON')
    batcher.addRaw(text.length, bytes.length, noMeta, 'beats.parse_error', 'it is not UTF-8')
    const records = recordsOf(batcher.take()[0]?.data ?? new Uint8Array())
    expect(records).toMatchObject([
      {
        body: text,
        attributes: { 'elasticsearch.parse_error': 'it is not JSON', 'elasticsearch.index': 'logs-a-b', 'data_stream.dataset': 'a' },
      },
      { body: Buffer.from([0xff, 0xfe]), attributes: { 'beats.parse_error': 'it is not UTF-8' } },
    ])
  })

  it('does not touch the bytes that it is given', () => {
    const text = Buffer.from('{"message":"a\\n\\u00e9","b":"\\\\"}')
    const before = Buffer.from(text)
    const batcher = createBatcher()
    batcher.open(text)
    batcher.add(0, text.length, noMeta)
    expect(recordsOf(batcher.take()[0]?.data ?? new Uint8Array())).toMatchObject([{ body: 'a\né', attributes: { b: '\\' } }])
    expect(text.equals(before)).toBe(true)
  })

  it('keeps on its words after the table of names was emptied', () => {
    const batcher = createBatcher()
    for (let round = 0; round < 4; round++) {
      const names = Array.from({ length: 9000 }, (_, i) => `"r${round}k${i}":${i}`).join(',')
      const [record] = translateDocuments(
        [`{${names},"service.environment":"p","elasticsearch.index":"mine","log.level":"warn"}`],
        batcher,
        'logs',
      )
      expect(Object.keys(record?.attributes ?? {})).toHaveLength(9001)
      expect(record?.attributes['elasticsearch.index']).toBe('mine')
      expect(record?.resource).toEqual({ 'deployment.environment.name': 'p' })
    }
  })
})
