import { describe, expect, it } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import { type DecodeLimits, defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { createZipkinProtoDecoder } from '../../../src/ingest/zipkin/decode-proto.ts'
import { createKeyTable } from '../../../src/otlp/keys.ts'
import { createZipkinRoles } from '../../../src/translate/zipkin/keys.ts'
import { plainModel } from '../../support/zipkin.ts'
import { encodeProto } from '../../support/zipkin-oracles.ts'

const limited = (limits: Partial<DecodeLimits> = {}) =>
  createZipkinProtoDecoder(
    createKeyTable(createZipkinRoles()),
    createKeyTable(() => 0),
    { ...defaultDecodeLimits, ...limits },
  )

const decode = limited()
const ids = { traceId: Buffer.alloc(16, 1), id: Buffer.alloc(8, 2) }

const codeOf = (work: () => unknown): string => {
  try {
    work()
    return 'no error'
  } catch (error) {
    return error instanceof BridgeError ? error.code : `not a BridgeError: ${String(error)}`
  }
}

describe('createZipkinProtoDecoder', () => {
  it.each([
    [1, 1, '00000000000000000000000000000001', '0000000000000001'],
    [8, 5, '00000000000000000101010101010101', '0000000101010101'],
    [15, 8, '00010101010101010101010101010101', '0101010101010101'],
    [16, 7, '01010101010101010101010101010101', '0001010101010101'],
  ])('Z-I8: pads ids of %i and %i bytes', (traceBytes, idBytes, traceId, id) => {
    const { spans } = decode(
      encodeProto([{ traceId: Buffer.alloc(traceBytes, 1), id: Buffer.alloc(idBytes, 1), parentId: Buffer.alloc(idBytes, 1) }]),
    )
    expect(spans.map(plainModel)).toEqual([expect.objectContaining({ traceId, id, parentId: id })])
  })

  it.each([
    [{ id: ids.id }, 'trace_id', 'Missing : traceId'],
    [{ ...ids, traceId: Buffer.alloc(17, 1) }, 'trace_id', 'Invalid length of traceId'],
    [{ ...ids, traceId: Buffer.alloc(16) }, 'trace_id', 'traceId is all zeros'],
    [{ ...ids, id: Buffer.alloc(9, 1) }, 'span_id', 'Invalid length of id'],
    [{ ...ids, parentId: Buffer.alloc(9, 1) }, 'parent_id', 'Invalid length of parentId'],
  ])('rejects %j alone', (span, reason, text) => {
    const { spans, rejected } = decode(encodeProto([ids, span, ids]))
    expect([spans.length, rejected]).toEqual([2, [{ index: 1, reason, text }]])
  })

  it('takes an empty or zero parent for none', () => {
    for (const parentId of [Buffer.alloc(0), Buffer.alloc(8)]) {
      expect(decode(encodeProto([{ ...ids, parentId }])).spans.map(plainModel)).toEqual([
        expect.objectContaining({ parentId: '0000000000000000' }),
      ])
    }
  })

  it('keeps a kind and addresses that it does not know', () => {
    const { spans } = decode(
      encodeProto([{ ...ids, kind: 9, localEndpoint: { ipv4: Buffer.from('ab'), ipv6: Buffer.from('cde'), port: -1 } }]),
    )
    expect(spans.map(plainModel)).toEqual([
      expect.objectContaining({ kind: 0, kindWord: '9', localEndpoint: { serviceName: '', ipv4: 'ab', ipv6: 'cde', port: -1 } }),
    ])
  })

  it.each([
    ['a tag with its value first', '5a06 120162 0a0161', [['a', 'String', 'b']]],
    ['a tag without a value', '5a03 0a0161', [['a', 'String', '']]],
    ['an empty entry', '5a00', []],
    ['an unknown field in a tag', '5a08 0a0161 120162 1805', [['a', 'String', 'b']]],
    ['lengths in more bytes than needed', '5a8800 0a0161 12820062 63', [['a', 'String', 'bc']]],
    [
      'unknown fields around',
      'f80105 5a06 0a0161 120162 fa0102ffff fd0101020304 f90101020304050607 08 fb01 0801 fc01',
      [['a', 'String', 'b']],
    ],
  ])('reads %s', (_name, hex, tags) => {
    const inner = Buffer.concat([encodeProto([ids]).subarray(2), Buffer.from(hex.replaceAll(' ', ''), 'hex')])
    expect(decode(Buffer.concat([Buffer.from([0x0a, inner.length]), inner])).spans.map(plainModel)).toEqual([
      expect.objectContaining({ tags }),
    ])
  })

  it.each(['00', '0aff', '0a', '0a02 5a05', '0a04 5a020a05', '07', '0a80808080808080808080 01', '0a01 00', '0a03 310102'])(
    'refuses %s',
    (hex) => {
      expect(codeOf(() => decode(Buffer.from(hex.replaceAll(' ', ''), 'hex')))).toBe('OB_DECODE_PROTO')
    },
  )

  it.each([
    [{ maxItems: 1 }, [ids, ids], 'OB_LIMIT_ITEMS'],
    [{ maxAttributes: 1 }, [{ ...ids, tags: { a: '', b: '' } }], 'OB_LIMIT_LENGTH'],
    [{ maxEvents: 1 }, [{ ...ids, annotations: [{ value: 'a' }, { value: 'b' }] }], 'OB_LIMIT_LENGTH'],
    [{ maxStringBytes: 3 }, [{ ...ids, tags: { a: 'long' } }], 'OB_LIMIT_LENGTH'],
    [{ maxStringBytes: 3 }, [{ ...ids, tags: { long: 'a' } }], 'OB_LIMIT_LENGTH'],
    [{ maxStringBytes: 3 }, [{ ...ids, name: 'long' }], 'OB_LIMIT_LENGTH'],
  ])('keeps to the limits %j', (limits, spans, code) => {
    const body = encodeProto(spans)
    expect(codeOf(() => limited(limits)(body))).toBe(code)
    expect(codeOf(() => decode(body))).toBe('no error')
  })
})
