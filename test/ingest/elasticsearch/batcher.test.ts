import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DocumentFate } from '../../../src/ingest/documents.ts'
import { createDocumentBatcher, type DocumentBatcherOptions } from '../../../src/ingest/elasticsearch/batcher.ts'
import { elasticsearchTranslateConfig } from '../../../src/translate/elasticsearch/config.ts'
import { ruleOf } from '../../../src/translate/elasticsearch/names.ts'
import { Role } from '../../../src/translate/elasticsearch/rules.ts'
import { officialDecode, type Plain } from '../../support/official-otlp.ts'

const limits = { maxFields: 10_000, maxListValues: 100_000, maxDepth: 100, maxBytes: 16 * 1024 * 1024 }
const receivedMs = 1_800_000_000_000

const create = (translate: object = {}, more: Partial<DocumentBatcherOptions> = {}) =>
  createDocumentBatcher({ limits, translate: elasticsearchTranslateConfig.parse(translate), nowMs: () => receivedMs, ...more })

interface LogRecord {
  readonly resource: Record<string, unknown>
  readonly attributes: Record<string, unknown>
  readonly scope: string
  readonly body: unknown
  readonly plain: Plain
}

/** A value as JSON has it, but integers as bigints. */
function plainOf(plain: Plain | undefined): unknown {
  if (plain === undefined) return null
  const { stringValue, boolValue, intValue, doubleValue, arrayValue, kvlistValue, bytesValue } = plain as Record<string, never>
  if (stringValue !== undefined) return stringValue
  if (boolValue !== undefined) return boolValue
  if (intValue !== undefined) return BigInt(intValue)
  if (doubleValue !== undefined) return doubleValue
  if (bytesValue !== undefined) return Buffer.from(bytesValue, 'base64')
  if (arrayValue !== undefined) return ((arrayValue as Plain)['values'] as Plain[] | undefined)?.map(plainOf) ?? []
  if (kvlistValue !== undefined) return attributesOf((kvlistValue as Plain)['values'])
  return null
}

function attributesOf(list: unknown): Record<string, unknown> {
  const pairs = ((list ?? []) as { key?: string; value?: Plain }[]).map(({ key = '', value }) => [key, plainOf(value)] as const)
  expect(new Set(pairs.map(([key]) => key)).size, 'each name once').toBe(pairs.length)
  return Object.fromEntries(pairs)
}

function recordsOf(data: Uint8Array): LogRecord[] {
  const groups = (officialDecode(data, 'logs')['resourceLogs'] ?? []) as Plain[]
  return groups.flatMap((group) =>
    ((group['scopeLogs'] ?? []) as Plain[]).flatMap((scope) =>
      ((scope['logRecords'] ?? []) as Plain[]).map((plain) => ({
        resource: attributesOf((group['resource'] as Plain | undefined)?.['attributes']),
        attributes: attributesOf(plain['attributes']),
        scope: String((scope['scope'] as Plain | undefined)?.['name'] ?? ''),
        body: plain['body'] === undefined ? undefined : plainOf(plain['body'] as Plain),
        plain,
      })),
    ),
  )
}

const meta = { index: undefined, id: '', pipeline: '' } as const

function translate(texts: readonly (string | Uint8Array)[], batcher = create(), index?: string): LogRecord[] {
  const lines = texts.map((one) => Buffer.from(one))
  const piece = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]))
  batcher.open(piece)
  let at = 0
  for (const { length } of lines) {
    const fate = batcher.add(at, at + length, { ...meta, index: index === undefined ? undefined : batcher.index(index) })
    expect(fate, batcher.message).toBe(DocumentFate.Log)
    at += length + 1
  }
  const parts = batcher.take()
  expect(parts.map(({ signal, items, documents }) => ({ signal, items, documents }))).toEqual(
    texts.length === 0 ? [] : [{ signal: 'logs', items: texts.length, documents: texts.length }],
  )
  return recordsOf(parts[0]?.data ?? new Uint8Array())
}

const one = (document: object, options: object = {}, index?: string): LogRecord => {
  const [record] = translate([JSON.stringify(document)], create(options), index)
  if (record === undefined) throw new Error('no record')
  return record
}

// --- conservation ------------------------------------------------------------------------------------------------------

function leavesOf(value: unknown, path: string | undefined, into: Map<string, unknown>): Map<string, unknown> {
  if (value === null) return into
  if (Array.isArray(value)) {
    if (value.length > 0) into.set(path ?? '', value.map(listed))
  } else if (typeof value === 'object') {
    for (const [name, own] of Object.entries(value as object)) leavesOf(own, path === undefined ? name : `${path}.${name}`, into)
  } else into.set(path ?? '', typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value)
  return into
}

function listed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(listed)
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value).map(([name, own]) => [name, listed(own)] as const)
    return Object.fromEntries(members.filter(([, own]) => own !== null && !(typeof own === 'object' && Object.keys(own).length === 0)))
  }
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value
}

const same = (left: unknown, right: unknown): boolean => {
  const text = (value: unknown): string => JSON.stringify(value, (_, own) => (typeof own === 'bigint' ? `${own}n` : own))
  return (
    text(left) === text(right) ||
    (Array.isArray(left) && left.length === 1 && same(left[0], right)) ||
    (Array.isArray(right) && right.length === 1 && same(left, right[0]))
  )
}

/** A value and all that is in it. */
const parts = (value: unknown): unknown[] =>
  value !== null && typeof value === 'object' ? [value, ...Object.values(value).flatMap(parts)] : [value]

/** Text and numbers of a value, as {@link anywhere} writes them. */
const scalarsOf = (value: unknown): string[] =>
  value !== null && typeof value === 'object'
    ? Object.values(value).flatMap(scalarsOf)
    : [JSON.stringify(String(value)).slice(1, -1).toLowerCase()]

/** All text and numbers of a record, for what stands in fields of its own. */
const anywhere = (record: LogRecord): string =>
  JSON.stringify({ ...record, plain: { ...record.plain, observedTimeUnixNano: '' } }, (_, own) =>
    typeof own === 'bigint' ? String(own) : own,
  ).toLowerCase()

const everyName = [
  ...[
    'message',
    'log',
    'msg',
    'MESSAGE',
    'short_message',
    'full_message',
    'level',
    'severity',
    'host',
    'path',
    'stream',
    'tags',
    'error.message',
    'error.type',
  ],
  ...[
    'event.original',
    'log.original',
    'log.level',
    'log.logger',
    'logger',
    'trace.id',
    'span.id',
    'transaction.id',
    'event.name',
    'service.name',
    'host.name',
  ],
  ...[
    'host.hostname',
    'host.ip',
    'kubernetes.pod_name',
    'kubernetes.labels.app',
    'labels.a.b',
    'http.request.method',
    'http.version',
    'os.type',
    'container.image.tag',
  ],
  ...[
    'kubernetes.container_image',
    'orchestrator.cluster.name',
    'orchestrator.type',
    'network.protocol.version',
    'exception.type',
    'elasticsearch.index',
    'exceptions',
  ],
  ...[
    'messageTemplate',
    'fields.SourceContext',
    'facility',
    'priority',
    '_PID',
    '_x',
    'container_name',
    'container_id',
    'source',
    'pid',
    'hostname',
    'err.stack',
    'url.path',
  ],
  ...[
    'service.environment',
    'deployment.environment.name',
    'source.geo.country_iso_code',
    'process.thread.name',
    'thread.name',
    'k8s.pod.name',
    'error.exception',
  ],
  ...[
    '__proto__',
    'constructor',
    'data_stream.type',
    'data_stream.dataset',
    'file.uid',
    'cloud.instance.id',
    'host.id',
    'levelno',
    'PRIORITY',
    'syslog.severity',
    'trace_flags',
  ],
]

const word = fc.oneof(
  fc.constantFrom(
    'info',
    'WARN',
    'x',
    '3',
    'F',
    'get',
    'GET',
    'macOS',
    'a/b:1',
    '4bf92f3577b34da6a3ce929d0e0e4736',
    '00f067aa0ba902b7',
    '1.1',
    'HTTP/2',
    'kubernetes',
    '/c',
  ),
  fc.string({ maxLength: 10 }),
)
const scalar = fc.oneof(
  word,
  word,
  fc.integer({ min: -100, max: 100 }),
  fc.maxSafeInteger(),
  fc.boolean(),
  fc.constant(null),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((own) => !Number.isInteger(own)),
)
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    scalar,
    scalar,
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('name', 'type', 'a', 'b c', 'message'), tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}))
const document = fc.dictionary(
  fc.oneof(fc.constantFrom(...everyName), fc.constantFrom(...everyName), fc.string({ minLength: 1, maxLength: 6 })),
  value,
  { maxKeys: 12, noNullPrototype: true },
)

/** Dotted and nested spellings of one path are one field of which the last counts: told by the decoder's tests. */
const isPlain = (own: Record<string, unknown>): boolean => {
  const paths: string[] = []
  const walk = (at: unknown, path: string | undefined): void => {
    if (at === null || typeof at !== 'object' || Array.isArray(at)) paths.push(path ?? '')
    else for (const [name, next] of Object.entries(at)) walk(next, path === undefined ? name : `${path}.${name}`)
  }
  walk(own, undefined)
  return new Set(paths).size === paths.length
}

describe('createDocumentBatcher', () => {
  it('loses nothing of any document but null and what is empty', () => {
    const batcher = create()
    fc.assert(
      fc.property(document.filter(isPlain), (own) => {
        const [record] = translate([JSON.stringify(own)], batcher, 'logs')
        if (record === undefined) throw new Error('no record')
        for (const [path, expected] of leavesOf(own, undefined, new Map())) {
          const rule = ruleOf(path, { renames: 'default' })
          // Put into other words, which rules.test.ts looks at.
          if (rule.role === Role.Ignored || rule.name === 'os.type') continue
          if (rule.role === Role.SeverityNumber && record.plain['severityNumber'] !== undefined) continue
          const names = [path, rule.name, ...rule.shaped.map(({ rule: shaped }) => shaped.name)]
          const found = names.some((name) =>
            [record.attributes, record.resource].some((list) => Object.hasOwn(list, name) && same(list[name], expected)),
          )
          if (found || same(record.body, expected)) continue
          // A part of the record, a part of the body, or another form of itself.
          const everything = anywhere(record)
          const isThere =
            parts([record.body, record.attributes, record.resource]).some((part) => same(part, expected)) ||
            scalarsOf(expected).every((text) => text.split(/[:/]/).every((piece) => everything.includes(piece.trim()))) ||
            scalarsOf(expected).every((text) => /^[pf]$/.test(text))
          expect(isThere, `${path} = ${String(scalarsOf(expected))} in ${everything}`).toBe(true)
        }
      }),
      { numRuns: 3000 },
    )
  })

  it('writes each name once, whatever names come together', () => {
    const batcher = create({ nested: 'flat', serviceName: { derive: true }, ecs: { renames: 'full' } })
    fc.assert(
      fc.property(fc.array(document, { maxLength: 4 }), (many) => {
        translate(
          many.map((own) => JSON.stringify(own)),
          batcher,
          'logs-a-b',
        )
      }),
      { numRuns: 500 },
    )
  })

  it('groups records by equal resource and logger, and keeps their order within', () => {
    const records = translate([
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
    const records = translate(documents, create({ maxResources: 2 }))
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
    const record = one(own)
    expect(record.resource).toEqual(resource)
    expect(record.attributes).toEqual(attributes)
  })

  it('takes an object for a body when it is the message', () => {
    expect(one({ message: { a: 1, b: { c: 'd' } }, log: 'x' })).toMatchObject({ body: { a: 1n, b: { c: 'd' } }, attributes: { log: 'x' } })
    expect(one({ message: 'text', 'message.keyword': 'k' })).toMatchObject({ body: 'text', attributes: { 'message.keyword': 'k' } })
  })

  it('takes the whole document for a body where that is wanted and there is no other', () => {
    const own = { a: { b: 1, 'c.d': 'e' }, labels: { 'x.y': 'z' }, host: { name: 'h' } }
    expect(one(own, { body: 'document' })).toMatchObject({
      body: { a: { b: 1n, c: { d: 'e' } }, labels: { 'x.y': 'z' }, host: { name: 'h' } },
      attributes: {},
      resource: { 'host.name': 'h' },
    })
    expect(one({ message: 'm', a: 1 }, { body: 'document' })).toMatchObject({ body: 'm', attributes: { a: 1n } })
  })

  it('reads JSON in a body where that is wanted', () => {
    const text = JSON.stringify({ a: [1, { b: null, c: 'é"' }], d: 9007199254740993n.toString() })
    expect(one({ message: text, x: 'y' }, { parseJsonBody: true })).toMatchObject({
      body: { a: [1n, { c: 'é"' }], d: '9007199254740993' },
      attributes: { x: 'y' },
    })
    expect(one({ message: text })).toMatchObject({ body: text })
    for (const broken of ['{"a":1', '{"a":1} x', '[1]', 'x', '{}x'])
      expect(one({ message: broken }, { parseJsonBody: true }).body).toBe(broken)
    expect(one({ message: '{}' }, { parseJsonBody: true }).body).toEqual({})
  })

  it('nests what has dots where that is wanted', () => {
    const record = one(
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
    const record = one({ '@timestamp': 'yesterday', timestamp: '2026-01-02T03:04:05Z', message: 'm' })
    expect(record.plain['timeUnixNano']).toBeUndefined()
    expect(record.plain['observedTimeUnixNano']).toBe(`${receivedMs}000000`)
    expect(record.attributes).toEqual({ '@timestamp': 'yesterday', timestamp: '2026-01-02T03:04:05Z' })
  })

  it('counts what it did', () => {
    const batcher = create()
    translate(
      ['{"@timestamp":"x","a":1,"a":2,"b":18446744073709551616,"service.environment":"p","deployment.environment.name":"q"}'],
      batcher,
    )
    expect(batcher.notes()).toEqual(
      ['timestamp_invalid', 'bigint_as_string', 'key_conflict', 'rename_collision'].map((reason) => ({ reason, count: 1 })),
    )
    expect(batcher.notes()).toEqual([])
    translate(['{"service.environment":"p","deployment.environment.name":"p"}', '{"host.name":"a","host.hostname":"b"}'], batcher)
    expect(batcher.notes()).toEqual([])
  })

  it('takes the first of a list for the time', () => {
    for (const time of ['["2023-11-14T22:13:20.123Z"]', '[1700000000123]', '[1700000000.123]']) {
      const [record] = translate([`{"@timestamp":${time}}`])
      expect(record?.plain['timeUnixNano'], time).toBe('1700000000123000000')
      expect(record?.attributes).toEqual({})
    }
    const [record] = translate(['{"@timestamp":["2023-11-14","x"]}'])
    expect(record?.attributes).toEqual({ '@timestamp': ['2023-11-14', 'x'] })
  })

  it('refuses documents whose time cannot be read where that is wanted, and leaves nothing of them', () => {
    const batcher = create({ strictTimestamp: true })
    const text = '{"@timestamp":"x","host.name":"a","message":"1"}\n{"@timestamp":"2026-01-02","host.name":"b","message":"2"}\n'
    batcher.open(Buffer.from(text))
    expect(batcher.add(0, text.indexOf('\n'), meta)).toBe(DocumentFate.Refused)
    expect(batcher.reason).toBe('timestamp')
    expect(batcher.add(text.indexOf('\n') + 1, text.length - 1, meta)).toBe(DocumentFate.Log)
    const [part] = batcher.take()
    expect(recordsOf(part?.data ?? new Uint8Array())).toMatchObject([{ body: '2', resource: { 'host.name': 'b' }, attributes: {} }])
  })

  it('refuses a bad document alone, says why, and reads on', () => {
    const batcher = create()
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
      expect(batcher.add(0, good.length, meta)).toBe(DocumentFate.Log)
      expect(batcher.add(good.length, good.length + line.length, meta), reason).toBe(DocumentFate.Refused)
      expect(batcher.reason).toBe(reason)
      expect(batcher.add(good.length + line.length, 2 * good.length + line.length, meta)).toBe(DocumentFate.Log)
      expect(recordsOf(batcher.take()[0]?.data ?? new Uint8Array()).map(({ body }) => body)).toEqual(['good', 'good'])
    }
  })

  it('keeps bytes that are no document as they came', () => {
    const batcher = create()
    const text = '{"a":"\\u00e9\\n", broken'
    const bytes = Buffer.concat([Buffer.from(text), Buffer.from([0xff, 0xfe])])
    batcher.open(bytes)
    expect(batcher.add(0, text.length, meta)).toBe(DocumentFate.Refused)
    batcher.addRaw(0, text.length, { ...meta, index: batcher.index('logs-a-b') }, 'elasticsearch.parse_error', 'it is not JSON')
    batcher.addRaw(text.length, bytes.length, meta, 'beats.parse_error', 'it is not UTF-8')
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
    const batcher = create()
    batcher.open(text)
    batcher.add(0, text.length, meta)
    expect(recordsOf(batcher.take()[0]?.data ?? new Uint8Array())).toMatchObject([{ body: 'a\né', attributes: { b: '\\' } }])
    expect(text.equals(before)).toBe(true)
  })

  it('keeps on its words after the table of names was emptied', () => {
    const batcher = create()
    for (let round = 0; round < 4; round++) {
      const names = Array.from({ length: 9000 }, (_, i) => `"r${round}k${i}":${i}`).join(',')
      const [record] = translate([`{${names},"service.environment":"p","elasticsearch.index":"mine","log.level":"warn"}`], batcher, 'logs')
      expect(Object.keys(record?.attributes ?? {})).toHaveLength(9001)
      expect(record?.attributes['elasticsearch.index']).toBe('mine')
      expect(record?.resource).toEqual({ 'deployment.environment.name': 'p' })
    }
  })
})
