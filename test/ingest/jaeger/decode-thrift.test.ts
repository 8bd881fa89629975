import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isBridgeError } from '../../../src/errors.ts'
import { createThriftBatchDecoder } from '../../../src/ingest/jaeger/decode-thrift.ts'
import { defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { BinaryReader, CompactReader, type ThriftReader } from '../../../src/ingest/thrift.ts'
import { createKeyTable } from '../../../src/otlp/keys.ts'
import { jaegerRoleOf } from '../../../src/translate/jaeger/keys.ts'
import { arbitraryBatch, plainBatch } from '../../support/jaeger-batches.ts'
import { bool, i32, i64, list, type Struct, string, struct, structBytes, type Value } from '../../support/thrift-writer.ts'

const decode = createThriftBatchDecoder(createKeyTable(jaegerRoleOf), defaultDecodeLimits)
const encodings = ['binary', 'compact'] as const

const readerOf = (bytes: Uint8Array, encoding: (typeof encodings)[number]): ThriftReader =>
  encoding === 'compact' ? new CompactReader(bytes) : new BinaryReader(bytes)

/** The bytes somewhere in the middle of a larger buffer, as a body of a kept buffer is. */
const inside = (bytes: Uint8Array, before: number): Uint8Array => {
  const whole = new Uint8Array(before + bytes.length + 5).fill(0x0b)
  whole.set(bytes, before)
  return whole.subarray(before, before + bytes.length)
}

const tag = (...fields: (readonly [number, Value | undefined])[]): Struct => struct(fields)
const batchOfTags = (...tags: Struct[]): Struct => struct([[2, list('struct', [struct([[10, list('struct', tags)]])])]])

const errorOf = (call: () => unknown): unknown => {
  try {
    call()
  } catch (error) {
    return error
  }
  return undefined
}

describe.each(encodings)('createThriftBatchDecoder, %s', (encoding) => {
  const tagsOf = (batch: Struct): unknown => plainBatch(decode(readerOf(structBytes(batch, encoding), encoding))).spans[0]?.tags

  it("reads what Apache's library writes, whatever the order of fields and whatever stands between them", () => {
    fc.assert(
      fc.property(arbitraryBatch, fc.nat(7), ({ plain, struct: batch }, before) => {
        const bytes = inside(structBytes(batch, encoding), before)
        const reader = readerOf(bytes, encoding)
        expect(plainBatch(decode(reader))).toEqual(plain)
        expect(reader.at).toBe(bytes.length)
      }),
      { numRuns: 400 },
    )
  })

  it('answers every truncation with OB_DECODE_THRIFT and nothing else', () => {
    fc.assert(
      fc.property(arbitraryBatch, ({ struct: batch }) => {
        const bytes = structBytes(batch, encoding)
        const step = Math.max(1, Math.floor(bytes.length / 200))
        for (let length = 0; length < bytes.length; length += step) {
          const error = errorOf(() => decode(readerOf(inside(bytes.subarray(0, length), 3), encoding)))
          if (isBridgeError(error) && error.code === 'OB_DECODE_THRIFT') continue
          throw new Error(`cut to ${length} of ${bytes.length} bytes: ${String(error)}`, { cause: error })
        }
      }),
      { numRuns: 60 },
    )
  })

  it('names the byte at which a body ends too early', () => {
    const bytes = structBytes(batchOfTags(tag([1, string('key')], [2, i32(0)], [3, string('value')])), encoding)
    const error = errorOf(() => decode(readerOf(bytes.subarray(0, bytes.length - 4), encoding)))
    expect(isBridgeError(error) && error.place).toMatch(/^byte \d+$/)
  })

  it('reads the value field that is set when vType is unknown or absent', () => {
    expect(
      tagsOf(
        batchOfTags(
          tag([1, string('a')], [2, i32(9)], [3, string('text')]),
          tag([1, string('b')], [2, i32(-1)], [6, i64(5n)]),
          tag([1, string('c')], [5, bool(true)]),
        ),
      ),
    ).toEqual([
      ['a', 'string', 'text'],
      ['b', 'long', '5'],
      ['c', 'bool', 'true'],
    ])
  })

  it('gives the zero value of the type where the field that vType names is absent', () => {
    expect(
      tagsOf(
        batchOfTags(
          tag([1, string('s')], [2, i32(0)]),
          tag([1, string('d')], [2, i32(1)]),
          tag([1, string('b')], [2, i32(2)]),
          tag([1, string('l')], [2, i32(3)], [3, string('not this')]),
          tag([1, string('x')], [2, i32(4)]),
        ),
      ),
    ).toEqual([
      ['s', 'string', ''],
      ['d', 'double', '0000000000000000'],
      ['b', 'bool', 'false'],
      ['l', 'long', '0'],
      ['x', 'binary', ''],
    ])
  })

  it('skips a field whose type is not that of the IDL', () => {
    const bytes = structBytes(
      struct([
        [1, string('no process')],
        [
          2,
          list('struct', [
            struct([
              [1, i32(4)],
              [3, i64(6n)],
              [5, i64(1n)],
              [10, string('no tags')],
              [7, bool(true)],
            ]),
          ]),
        ],
        [3, string('x')],
      ]),
      encoding,
    )
    expect(plainBatch(decode(readerOf(bytes, encoding)))).toMatchObject({
      process: undefined,
      seqNo: undefined,
      spans: [{ traceId: '0'.repeat(32), spanId: '0000000000000006', operationName: '', flags: 0, tags: [] }],
    })
  })

  it('wants the field Spans: what has none is no batch', () => {
    const error = errorOf(() => decode(readerOf(structBytes(struct([[1, struct([[1, string('svc')]])]]), encoding), encoding)))
    expect(error).toMatchObject({ code: 'OB_DECODE_THRIFT', message: expect.stringContaining('Spans is not set') })
  })

  it.each([
    ['spans', 'OB_LIMIT_ITEMS', { maxItems: 2 }, struct([[2, list('struct', [struct([]), struct([]), struct([])])]])],
    ['tags', 'OB_LIMIT_LENGTH', { maxAttributes: 1 }, batchOfTags(tag([1, string('a')]), tag([1, string('b')]))],
    ['strings', 'OB_LIMIT_LENGTH', { maxStringBytes: 9 }, batchOfTags(tag([1, string('a')], [2, i32(0)], [3, string('ten bytes!')]))],
    ['keys', 'OB_LIMIT_LENGTH', { maxStringBytes: 9 }, batchOfTags(tag([1, string('ten bytes!')], [2, i32(0)], [3, string('')]))],
    [
      'logs',
      'OB_LIMIT_LENGTH',
      { maxEvents: 1 },
      struct([[2, list('struct', [struct([[11, list('struct', [struct([]), struct([])])]])])]]),
    ],
    [
      'references',
      'OB_LIMIT_LENGTH',
      { maxEvents: 1 },
      struct([[2, list('struct', [struct([[6, list('struct', [struct([]), struct([])])]])])]]),
    ],
  ])('refuses more %s than the limit with %s', (_what, code, limits, batch) => {
    const strict = createThriftBatchDecoder(createKeyTable(jaegerRoleOf), { ...defaultDecodeLimits, ...limits })
    expect(errorOf(() => strict(readerOf(structBytes(batch, encoding), encoding)))).toMatchObject({ code })
  })
})
