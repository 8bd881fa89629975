import { describe, expect, it } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import { type DecodeLimits, defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { BinaryReader, CompactReader } from '../../../src/ingest/thrift.ts'
import { createZipkinThriftDecoder } from '../../../src/ingest/zipkin/decode-thrift.ts'
import { createKeyTable } from '../../../src/otlp/keys.ts'
import { createZipkinRoles } from '../../../src/translate/zipkin/keys.ts'
import type { ZipkinSpans } from '../../../src/translate/zipkin/model.ts'
import { plainModel } from '../../support/zipkin.ts'
import { encodeThrift, type ThriftField, type ThriftStruct } from '../../support/zipkin-oracles.ts'

const limited = (limits: Partial<DecodeLimits> = {}) =>
  createZipkinThriftDecoder(
    createKeyTable(createZipkinRoles()),
    createKeyTable(() => 0),
    { ...defaultDecodeLimits, ...limits },
  )

const decode = limited()
const ids: ThriftStruct = [
  [1, 'I64', 1n],
  [4, 'I64', 2n],
]

const both = (spans: readonly ThriftStruct[], decoder = decode): readonly ZipkinSpans[] => [
  decoder(new BinaryReader(encodeThrift(spans, 'binary'))),
  decoder(new CompactReader(encodeThrift(spans, 'compact'))),
]

const binaryAnnotation = (key: string, value: string | Buffer, type: number, ...more: ThriftField[]): ThriftStruct => [
  [1, 'String', key],
  [2, 'String', value],
  [3, 'I32', type],
  ...more,
]

const codeOf = (work: () => unknown): string => {
  try {
    work()
    return 'no error'
  } catch (error) {
    return error instanceof BridgeError ? error.code : `not a BridgeError: ${String(error)}`
  }
}

describe('createZipkinThriftDecoder', () => {
  it.each([
    [0, '01', 'Bool', 'true'],
    [0, '00', 'Bool', 'false'],
    [0, '', 'Bytes', ''],
    [0, '0101', 'Bytes', 'AQE='],
    [1, 'ff00', 'Bytes', '/wA='],
    [2, 'fffe', 'Int', '-2'],
    [2, 'ff', 'Bytes', '/w=='],
    [3, 'fffffffe', 'Int', '-2'],
    [3, '7fffffff', 'Int', '2147483647'],
    [4, '8000000000000000', 'Int', '-9223372036854775808'],
    [5, '3ff8000000000000', 'Double', '1.5'],
    [5, '3ff80000', 'Bytes', 'P/gAAA=='],
    [6, '68c3a9', 'String', 'hé'],
    [6, '', 'String', ''],
    [7, '01', 'Bytes', 'AQ=='],
    [-1, '01', 'Bytes', 'AQ=='],
  ])('Z-V3 to Z-V8: type %i of %s', (type, hex, want, text) => {
    for (const { spans } of both([[...ids, [8, 'List', [binaryAnnotation('k', Buffer.from(hex, 'hex'), type)]]]])) {
      expect(spans.map(plainModel)).toEqual([expect.objectContaining({ tags: [['k', want, text]] })])
    }
  })

  it('Z-V9 to Z-V11: endpoints', () => {
    const endpoint = (...fields: ThriftField[]): ThriftStruct => binaryAnnotation('k', 'v', 6, [4, 'Struct', fields])
    const list = [
      endpoint([1, 'I32', 0x0a000001], [2, 'I16', -15536], [3, 'String', 'fe']),
      endpoint([1, 'I32', 0x0a000001], [2, 'I16', -15536], [3, 'String', 'fe']),
      endpoint([4, 'String', Buffer.from('20010db8000000000000000000000001', 'hex')]),
      endpoint([4, 'String', '2001:db8::c001']),
      endpoint([4, 'String', '2001:db8::c001:1']),
      endpoint([4, 'String', Buffer.from([10, 0, 0, 2])]),
      endpoint(),
    ]
    for (const { spans } of both([[...ids, [8, 'List', list]]])) {
      const [span] = spans
      const endpoints = span?.version === 1 ? span.tagEndpoints : []
      expect(endpoints[0]).toBe(endpoints[1])
      expect(
        endpoints.map(({ serviceName, ipv4Word, ipv6Bytes, port }) => [serviceName.text, ipv4Word, ipv6Bytes !== undefined, port]),
      ).toEqual([
        ['fe', 0x0a000001, false, 50000],
        ['fe', 0x0a000001, false, 50000],
        ['', 0, true, 0],
        ['', 0, false, 0],
        ['', 0, false, 0],
        ['', 0x0a000002, false, 0],
        ['', 0, false, 0],
      ])
      expect(
        (plainModel(span as NonNullable<typeof span>) as { tagEndpoints: { ipv6: string }[] }).tagEndpoints.map(({ ipv6 }) => ipv6),
      ).toEqual(['', '', '', '2001:db8::c001', '2001:db8::c001:1', '', ''])
    }
  })

  it('Z-T4: takes negative times for none', () => {
    const span: ThriftStruct = [
      ...ids,
      [
        6,
        'List',
        [
          [
            [1, 'I64', -5n],
            [2, 'String', 'x'],
          ],
        ],
      ],
      [10, 'I64', -5n],
      [11, 'I64', -1n],
    ]
    for (const { spans } of both([span])) {
      expect(spans.map(plainModel)).toEqual([expect.objectContaining({ timestamp: 0n, duration: 0n, annotations: [[0n, 'x', undefined]] })])
    }
  })

  it('rejects spans without ids alone', () => {
    for (const { spans, rejected } of both([ids, [[4, 'I64', 2n]], [[1, 'I64', 1n]], ids])) {
      expect(spans).toHaveLength(2)
      expect(rejected).toEqual([
        { index: 1, reason: 'trace_id', text: 'traceId is all zeros' },
        { index: 2, reason: 'span_id', text: 'id is all zeros' },
      ])
    }
  })

  it('skips fields of another type than the IDL has', () => {
    const span: ThriftStruct = [...ids, [3, 'I64', 5n], [6, 'String', 'x'], [8, 'List', []], [9, 'I32', 1], [10, 'Bool', true]]
    for (const { spans } of both([span]))
      expect(spans.map(plainModel)).toEqual([expect.objectContaining({ name: '', timestamp: 0n, debug: false })])
  })

  it.each([
    ['a count of 33 million', '0c02000000'],
    ['a negative count', '0cffffffff'],
    ['a list of lists', '0f00000001 0c00000000'],
    ['a list of numbers', '0a00000001 0000000000000001'],
    ['nothing', ''],
    ['a list cut short', '0c00000001'],
    ['a text of negative length', '0c00000001 0b0003 ffffffff 00'],
    ['a text longer than the body', '0c00000001 0b0003 7fffffff 00'],
    ['a key longer than the body', '0c00000001 0f0008 0c00000001 0b0001 7fffffff 0b0002 00000000'],
    ['an unknown type', '0c00000001 100001 00 00'],
  ])('Z-V13, Z-V14: refuses %s', (_name, hex) => {
    expect(codeOf(() => decode(new BinaryReader(Buffer.from(hex.replaceAll(' ', ''), 'hex'))))).toBe('OB_DECODE_THRIFT')
  })

  it.each<[Partial<DecodeLimits>, readonly ThriftStruct[], string]>([
    [{ maxItems: 1 }, [ids, ids], 'OB_LIMIT_ITEMS'],
    [{ maxAttributes: 1 }, [[...ids, [8, 'List', [binaryAnnotation('a', 'b', 6), binaryAnnotation('a', 'b', 6)]]]], 'OB_LIMIT_LENGTH'],
    [{ maxEvents: 1 }, [[...ids, [6, 'List', [[[2, 'String', 'a']], [[2, 'String', 'b']]]]]], 'OB_LIMIT_LENGTH'],
    [{ maxStringBytes: 3 }, [[...ids, [3, 'String', 'long']]], 'OB_LIMIT_LENGTH'],
    [{ maxStringBytes: 3 }, [[...ids, [8, 'List', [binaryAnnotation('a', 'long', 6)]]]], 'OB_LIMIT_LENGTH'],
    [
      { maxStringBytes: 3 },
      [
        [
          ...ids,
          [
            6,
            'List',
            [
              [
                [1, 'I64', 1n],
                [2, 'String', 'long'],
              ],
            ],
          ],
        ],
      ],
      'OB_LIMIT_LENGTH',
    ],
    [{ maxDepth: 1 }, [[...ids, [99, 'Struct', [[1, 'Struct', [[1, 'Struct', []]]]]]]], 'OB_LIMIT_DEPTH'],
  ])('keeps to the limits %j', (limits, spans, code) => {
    const decoder = limited(limits)
    expect(codeOf(() => decoder(new BinaryReader(encodeThrift(spans, 'binary'))))).toBe(code)
    expect(codeOf(() => decoder(new CompactReader(encodeThrift(spans, 'compact'))))).toBe(code)
    expect(codeOf(() => both(spans))).toBe('no error')
  })
})
