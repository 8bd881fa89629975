import { describe, expect, it } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import { type DecodeLimits, defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { createZipkinJsonDecoder } from '../../../src/ingest/zipkin/decode-json.ts'
import type { JsonVersion } from '../../../src/ingest/zipkin/json-reading.ts'
import { createKeyTable } from '../../../src/otlp/keys.ts'
import { SpanKind } from '../../../src/otlp/model.ts'
import { createZipkinRoles } from '../../../src/translate/zipkin/keys.ts'
import type { ZipkinSpans } from '../../../src/translate/zipkin/model.ts'
import { plainModel, spanOf } from '../../support/zipkin.ts'

const limited = (limits: Partial<DecodeLimits> = {}) =>
  createZipkinJsonDecoder(
    createKeyTable(createZipkinRoles()),
    createKeyTable(() => 0),
    { ...defaultDecodeLimits, ...limits },
  )

const decoder = limited()
const v2: JsonVersion = { version: 2, detect: false }

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const decode = (text: string, version = v2, decoding = decoder): ZipkinSpans => decoding(bytesOf(text), version)
const plain = (text: string, version = v2): object[] => decode(text, version).spans.map(plainModel)
const codeOf = (work: () => unknown): string => {
  try {
    work()
    return 'no error'
  } catch (error) {
    return error instanceof BridgeError ? error.code : `not a BridgeError: ${String(error)}`
  }
}

const hexZeros = '0000000000000000'

describe('createZipkinJsonDecoder', () => {
  it('decodes every field of a v2 span', () => {
    const text =
      '[{"traceId":"BD7a974555f6b982bd71977555f6b981","id":"2","parentId":"1","name":"Foo","kind":"server","debug":true,"shared":true,' +
      '"timestamp":1472470996199000,"duration":10,"localEndpoint":{"serviceName":"Fe","ipv4":"10.0.0.1","ipv6":"::1","port":80},' +
      '"remoteEndpoint":{"port":"5432"},"annotations":[{"timestamp":5,"value":"ev"}],"tags":{"a":"b","n":1.5}}]'
    expect(plain(text)).toEqual([
      {
        version: 2,
        traceId: 'bd7a974555f6b982bd71977555f6b981',
        id: '0000000000000002',
        parentId: '0000000000000001',
        name: 'Foo',
        kind: SpanKind.Server,
        kindWord: '',
        debug: true,
        shared: true,
        timestamp: 1472470996199000n,
        duration: 10n,
        localEndpoint: { serviceName: 'Fe', ipv4: '10.0.0.1', ipv6: '::1', port: 80 },
        remoteEndpoint: { serviceName: '', ipv4: '', ipv6: '', port: 5432 },
        annotations: [[5n, 'ev', undefined]],
        tags: [
          ['a', 'String', 'b'],
          ['n', 'Double', '1.5'],
        ],
      },
    ])
  })

  it('decodes every field of a v1 span', () => {
    const endpoint = { serviceName: 'fe', ipv4: '10.0.0.1', port: 80 }
    const other = { serviceName: 'be' }
    const body = {
      traceId: '1',
      id: '2',
      name: 'get',
      debug: true,
      annotations: [
        { timestamp: 7, value: 'sr', endpoint },
        { value: 'later', timestamp: 8, endpoint: null },
      ],
      binaryAnnotations: [
        { key: 'http.path', value: '/', endpoint },
        { key: 'sa', value: true, endpoint: other },
        { key: 'ca', value: 'true', endpoint },
        { key: 'ma', value: true },
        { key: 'n', value: 5 },
        { key: 'none', value: null },
        { endpoint, value: 'x', key: 'last' },
      ],
    }
    const fe = { serviceName: 'fe', ipv4: '10.0.0.1', ipv6: '', port: 80 }
    expect(plain(JSON.stringify([body]), { version: 1, detect: false })).toEqual([
      {
        version: 1,
        traceId: `${hexZeros}0000000000000001`,
        id: '0000000000000002',
        parentId: hexZeros,
        name: 'get',
        timestamp: 0n,
        duration: 0n,
        debug: true,
        annotations: [
          [7n, 'sr', fe],
          [8n, 'later', undefined],
        ],
        tags: [
          ['http.path', 'String', '/'],
          ['n', 'Int', '5'],
          ['last', 'String', 'x'],
        ],
        tagEndpoints: [fe, undefined, fe],
        addresses: [fe, { serviceName: 'be', ipv4: '', ipv6: '', port: 0 }, undefined],
      },
    ])
  })

  it.each([
    ['an empty body', ''],
    ['white space', ' \r\n\t'],
    ['an empty list', '[]'],
    ['an empty list with space', ' [ ] '],
    ['a byte order mark', '\ufeff[]'],
  ])('takes %s for no spans', (_name, text) => {
    expect(decode(text)).toEqual({ spans: [], rejected: [], notes: { otherVersion: 0, unreadableFields: 0 } })
  })

  it.each([
    '{',
    'hello',
    '[',
    '[{',
    '[{}',
    '[{},]',
    '[,{}]',
    '[{}{}]',
    '[{}]x',
    '[{}] []',
    '[{"id"}]',
    '[{"id":}]',
    '[{"id":1,}]',
    '[{"id" 1}]',
    '[{id:1}]',
    "[{'id':1}]",
    '[{"id":"1]',
    '[{"id":"1\\',
    '[{"id":"\\x"}]',
    '[{"id":"\\u12g4"}]',
    '[{"id":"\\u12',
    '[{"x":01}]',
    '[{"x":+1}]',
    '[{"x":1.}]',
    '[{"x":.5}]',
    '[{"x":1e}]',
    '[{"x":-}]',
    '[{"x":NaN}]',
    '[{"x":truE}]',
    '[{"x":nul}]',
    '[{"x":tru',
    '[{"x":1',
    '[{"x":[1,2}]',
    '[{"x":{"a":1]}]',
    '[{"x":"\\q"}]',
    '[{"tags":{"a":}}]',
    '[{"tags":{"a" "b"}}]',
    '[{"annotations":[{"timestamp":1 "value":"x"}]}]',
    '[{"localEndpoint":{"ipv4":}}]',
    'null',
    '"x"',
    '\u0000',
  ])('refuses %s', (text) => {
    expect(codeOf(() => decode(text))).toBe('OB_DECODE_JSON')
  })

  it('says where the fault is', () => {
    expect(() => decode('[{"traceId":"1"')).toThrow(
      expect.objectContaining({ place: 'byte 15', message: expect.stringContaining('unexpected end') }),
    )
    expect(() => decode('[{"traceId"="1"}]')).toThrow(expect.objectContaining({ place: 'byte 11' }))
  })

  it('never cuts a body short without saying so', () => {
    const body = JSON.stringify([
      spanOf({ tags: { 'ä\u2028"\\': '\n😀' }, localEndpoint: { ipv4: '1.2.3.4', port: 1 }, annotations: [{ timestamp: 1, value: 'x' }] }),
    ])
    const bytes = bytesOf(body)
    for (let end = 1; end < bytes.length; end++) expect(codeOf(() => decoder(bytes.subarray(0, end), v2))).toBe('OB_DECODE_JSON')
    expect(decoder(bytes, v2).spans).toHaveLength(1)
  })

  it.each([
    [{}, 'trace_id', 'Missing : traceId'],
    [{ traceId: '1' }, 'span_id', 'Missing : id'],
    [{ traceId: null, id: '1' }, 'trace_id', 'Missing : traceId'],
    [{ traceId: '', id: '1' }, 'trace_id', 'traceId is empty'],
    [{ traceId: 'xyz', id: '1' }, 'trace_id', 'xyz should be lower-hex encoded with no prefix'],
    [{ traceId: '1'.repeat(33), id: '1' }, 'trace_id', 'traceId.length > 32'],
    [{ traceId: '0', id: '1' }, 'trace_id', 'traceId is all zeros'],
    [{ traceId: '1', id: '0000000000000000' }, 'span_id', 'id is all zeros'],
    [{ traceId: '1', id: '1'.repeat(17) }, 'span_id', 'id.length > 16'],
    [{ traceId: '1', id: '1', parentId: 'BADID' }, 'parent_id', 'BADID should be lower-hex encoded with no prefix'],
    [{ traceId: { a: 1 }, id: '1' }, 'trace_id', '{"a":1} should be lower-hex encoded with no prefix'],
    [[spanOf()], 'not_a_span', 'Malformed'],
    [null, 'not_a_span', 'Malformed'],
  ])('rejects %j alone', (span, reason, text) => {
    const { spans, rejected } = decode(JSON.stringify([spanOf(), span, spanOf()]))
    expect([spans.length, rejected]).toEqual([2, [{ index: 1, reason, text }]])
  })

  it.each([
    ['1472470996199000', 1472470996199000n],
    ['8999999999999999', 8999999999999999n],
    ['9007199254740993', 9007199254740993n],
    ['18446744073709551615', 18446744073709551615n],
    ['18446744073709551616', 18446744073709551615n],
    ['1e400', 18446744073709551615n],
    ['1472470996199000.0', 1472470996199000n],
    ['1472470996199000.9', 1472470996199000n],
    ['1.472470996199e15', 1472470996199000n],
    ['"1472470996199000"', 1472470996199000n],
    ['" 12 "', 12n],
    ['""', 0n],
    ['1', 1n],
    ['123456789', 123456789n],
    ['1234567890', 1234567890n],
    ['4294967296', 4294967296n],
    ['0', 0n],
    ['-5', 0n],
    ['-0.5', 0n],
    ['null', 0n],
  ])('Z-T5: reads the time %s', (text, want) => {
    for (const after of ['', ' ', ',"name":"n"']) {
      const { spans, notes } = decode(`[{"traceId":"1","id":"2","timestamp":${text}${after},"duration":${text}${after}}]`)
      expect(spans.map(plainModel)).toEqual([expect.objectContaining({ timestamp: want, duration: want })])
      expect(notes.unreadableFields).toBe(0)
    }
  })

  it.each(['true', '"soon"', '{"a":1}', '[1]'])('takes the time %s as absent and counts it', (text) => {
    const { spans, notes } = decode(`[{"traceId":"1","id":"2","timestamp":${text}}]`)
    expect(spans.map(plainModel)).toEqual([expect.objectContaining({ timestamp: 0n })])
    expect(notes.unreadableFields).toBe(1)
  })

  it.each([
    ['5', 'Int', '5'],
    ['-0', 'Int', '0'],
    ['5.0', 'Int', '5'],
    ['1e3', 'Int', '1000'],
    ['9007199254740993', 'Int', '9007199254740993'],
    ['-9223372036854775808', 'Int', '-9223372036854775808'],
    ['9223372036854775808', 'Double', '9223372036854776000'],
    ['0.25', 'Double', '0.25'],
    ['1e400', 'Double', 'Infinity'],
    ['true', 'Bool', 'true'],
    ['false', 'Bool', 'false'],
    ['{ "a" : [ 1, "b \\" c" ] }', 'String', '{"a":[1,"b \\" c"]}'],
    ['[]', 'String', '[]'],
    ['"\\u0026 \\ud83d\\ude00 \\ud800 \\n\\t\\/\\b\\f\\r\\\\"', 'String', '& 😀 \ufffd \n\t/\b\f\r\\'],
  ])('Z-G2, Z-G4: reads the tag value %s', (text, type, want) => {
    expect(plain(`[{"traceId":"1","id":"2","tags":{"first":"1","k":${text},"last":"2"}}]`)).toEqual([
      expect.objectContaining({
        tags: [
          ['first', 'String', '1'],
          ['k', type, want],
          ['last', 'String', '2'],
        ],
      }),
    ])
  })

  it('Z-G3: skips null tags', () => {
    expect(plain('[{"traceId":"1","id":"2","tags":{"a":null}}]')).toEqual([expect.objectContaining({ tags: [] })])
  })

  it('takes keys that mean something to JavaScript for keys', () => {
    expect(
      plain('[{"traceId":"1","id":"2","__proto__":{"name":"no"},"constructor":1,"tags":{"__proto__":"a","constructor":"b","":"c"}}]'),
    ).toEqual([
      expect.objectContaining({
        name: '',
        tags: [
          ['__proto__', 'String', 'a'],
          ['constructor', 'String', 'b'],
          ['', 'String', 'c'],
        ],
      }),
    ])
  })

  it('lets the last of two equal keys count', () => {
    expect(
      plain(
        '[{"traceId":"9","id":"2","traceId":"1","name":"a","name":"b","tags":{"x":"1"},"tags":{"y":"2"},"kind":"what","kind":"CLIENT"}]',
      ),
    ).toEqual([
      expect.objectContaining({
        traceId: `${hexZeros}0000000000000001`,
        name: 'b',
        tags: [['y', 'String', '2']],
        kind: SpanKind.Client,
        kindWord: '',
      }),
    ])
  })

  it('knows keys written with escapes', () => {
    expect(plain('[{"trace\\u0049d":"1","i\\u0064":"2","\\u0074ags":{"a\\u0062":"c","ab\\u0063":"d"}}]')).toEqual([
      expect.objectContaining({
        tags: [
          ['ab', 'String', 'c'],
          ['abc', 'String', 'd'],
        ],
      }),
    ])
  })

  it('tells endpoints apart that differ in one byte, and reads escapes in them', () => {
    const endpoints = [
      '{"serviceName":"a","port":1}',
      '{"serviceName":"a","port":2}',
      '{"serviceName":"\\u0061"}',
      '{"serviceName":"\\u0062"}',
      '{"serviceName":"a","port":1}',
    ]
    const spans = endpoints.map((endpoint) => `{"traceId":"1","id":"2","localEndpoint":${endpoint}}`)
    const found = plain(`[${spans.join(',')}]`) as { localEndpoint: { serviceName: string; port: number } }[]
    expect(found.map(({ localEndpoint: { serviceName, port } }) => `${serviceName}${port}`)).toEqual(['a1', 'a2', 'a0', 'b0', 'a1'])
  })

  it('repairs what is not UTF-8 and goes on', () => {
    const bytes = Buffer.concat([Buffer.from('[{"traceId":"1","id":"2","name":"a'), Buffer.from([0xff, 0xfe]), Buffer.from('b"}]')])
    expect(decoder(bytes, v2).spans.map(plainModel)).toEqual([expect.objectContaining({ name: 'a\ufffd\ufffdb' })])
  })

  it('leaves the body as it was', () => {
    const bytes = bytesOf('[{"traceId":"1","id":"2","name":"\\u0041\\n","tags":{"\\u0061":"\\\\"}}]')
    const before = bytes.slice()
    decoder(bytes, v2)
    expect(bytes).toEqual(before)
  })

  it.each([
    [{ maxItems: 2 }, [spanOf(), spanOf(), spanOf()], 'OB_LIMIT_ITEMS'],
    [{ maxAttributes: 2 }, [spanOf({ tags: { a: '', b: '', c: '' } })], 'OB_LIMIT_LENGTH'],
    [
      { maxAttributes: 1 },
      [
        spanOf({
          binaryAnnotations: [
            { key: 'a', value: 'b' },
            { key: 'a', value: 'b' },
          ],
        }),
      ],
      'OB_LIMIT_LENGTH',
    ],
    [{ maxEvents: 1 }, [spanOf({ annotations: [{ value: 'a' }, { value: 'b' }] })], 'OB_LIMIT_LENGTH'],
    [{ maxStringBytes: 40 }, [spanOf({ name: 'n'.repeat(41) })], 'OB_LIMIT_LENGTH'],
    [{ maxDepth: 4 }, [spanOf({ unknown: [[[[]]]] })], 'OB_LIMIT_DEPTH'],
    [{ maxDepth: 4 }, [spanOf({ tags: { a: [[[]]] } })], 'OB_LIMIT_DEPTH'],
  ])('keeps to the limits %j', (limits, body, code) => {
    expect(codeOf(() => decode(JSON.stringify(body), v2, limited(limits)))).toBe(code)
    expect(codeOf(() => decode(JSON.stringify(body)))).toBe('no error')
  })

  it('refuses a body of nothing but brackets', () => {
    expect(codeOf(() => decode('['.repeat(100_000)))).toBe('OB_LIMIT_DEPTH')
    expect(codeOf(() => decode(`[{"x":${'{"x":'.repeat(100_000)}`))).toBe('OB_LIMIT_DEPTH')
  })

  it('refuses more different keys than any sender has', () => {
    const span = (from: number): string =>
      `{"traceId":"1","id":"2","tags":{${Array.from({ length: 5000 }, (_, i) => `"k${from + i}":""`).join(',')}}}`
    const body = `[${Array.from({ length: 22 }, (_, i) => span(i * 5000)).join(',')}]`
    expect(codeOf(() => decode(body))).toBe('OB_LIMIT_LENGTH')
    expect(codeOf(() => decode('[]'))).toBe('no error')
  })

  describe('version by the marks of a span (Z-H8)', () => {
    const base = { traceId: '1', id: '2' }
    const endpoint = { serviceName: 'a' }
    it.each([
      [{}, undefined],
      [{ annotations: [{ timestamp: 1, value: 'sr' }] }, undefined],
      [{ binaryAnnotations: [] }, 1],
      [{ annotations: [{ timestamp: 1, value: 'sr', endpoint }] }, 1],
      [{ kind: 'CLIENT' }, 2],
      [{ localEndpoint: endpoint }, 2],
      [{ remoteEndpoint: null }, 2],
      [{ tags: {} }, 2],
      [{ shared: false }, 2],
      [{ tags: {}, binaryAnnotations: [] }, undefined],
    ])('%j', (more, marked) => {
      const text = JSON.stringify([{ ...base, ...more }])
      for (const path of [1, 2] as const) {
        const { spans, notes } = decode(text, { version: path, detect: true })
        expect(spans.map(({ version }) => version)).toEqual([marked ?? path])
        expect(notes.otherVersion).toBe(marked === undefined || marked === path ? 0 : 1)
        expect(decode(text, { version: path, detect: false }).spans.map(({ version }) => version)).toEqual([path])
      }
    })
  })
})
