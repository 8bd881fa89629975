import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isBridgeError } from '../../src/errors.ts'
import { BinaryReader, CompactReader, type ThriftReader, ThriftType } from '../../src/ingest/thrift.ts'
import { toSignedBigInt, type Words } from '../../src/otlp/time.ts'
import { arbitraryValue } from '../support/jaeger-batches.ts'
import { i64, messageBytes, string, struct, structBytes } from '../support/thrift-writer.ts'

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const binary = (text: string): ThriftReader => new BinaryReader(hex(text))
const compact = (text: string): ThriftReader => new CompactReader(hex(text))
const words: Words = { hi: 0, lo: 0 }

/** Code of what a call throws; errors that are not ours are thrown on. */
const codeOf = (call: () => unknown): string | undefined => {
  try {
    call()
  } catch (error) {
    if (!isBridgeError(error)) throw error
    return error.code
  }
  return undefined
}

/** Reads a whole struct the way a decoder does that knows none of its fields. */
const skipStruct = (reader: ThriftReader): void => reader.skip(ThriftType.Struct, 64)

/** The binary bytes of `depth` structs in each other, each the field 1 of the one around it. */
const nestedStructs = (depth: number): string => '0c0001'.repeat(depth) + '00'.repeat(depth + 1)

describe('BinaryReader', () => {
  it.each([
    ['a list of 33,554,432 structs in eight bytes', '0f 0002 0c 02000000'],
    ['a list of 2^31 − 1 bytes', '0f 0001 03 7fffffff 00'],
    ['a negative count', '0f 0001 0c ffffffff'],
    ['the most negative count', '0e 0001 0b 80000000'],
    ['a list of stops', '0f 0001 00 00000001 00'],
    ['a list of void', '0f 0001 01 00000001 00'],
    ['a list of a type that is none', '0f 0001 10 00000001 00'],
    ['a map with a negative count', '0d 0001 0b 0b 80000000'],
    ['a map with 2^31 − 1 entries', '0d 0001 03 03 7fffffff 0000'],
    ['a map with keys of no type', '0d 0001 00 0b 00000001 00000000 00'],
    ['a string with a negative length', '0b 0001 ffffffff 00'],
    ['a string longer than its body', '0b 0001 00000005 61 62 00'],
    ['field type 16', '10 0001 00 00'],
    ['field type 255', 'ff 0001 00 00'],
    ['field type 1', '01 0001 00'],
    ['an empty body', ''],
    ['a field header cut off', '0c 00'],
    ['a struct without its stop', '02 0001 01'],
  ])('refuses %s', (_what, bytes) => {
    expect(codeOf(() => skipStruct(binary(bytes)))).toBe('OB_DECODE_THRIFT')
  })

  it('skips structs nested as deep as the limit and no deeper', () => {
    expect(codeOf(() => skipStruct(binary(nestedStructs(63))))).toBeUndefined()
    expect(codeOf(() => skipStruct(binary(nestedStructs(64))))).toBe('OB_LIMIT_DEPTH')
    expect(codeOf(() => skipStruct(binary(nestedStructs(10_000))))).toBe('OB_LIMIT_DEPTH')
  })

  it('refuses 10,000 lists in each other', () => {
    expect(codeOf(() => skipStruct(binary(`0f0001${'0f00000001'.repeat(10_000)}0300000000 00`)))).toBe('OB_LIMIT_DEPTH')
  })

  it('takes empty collections of any element type, as generated code writes them', () => {
    const reader = binary('0f 0001 00 00000000  0d 0002 00 00 00000000  0e 0003 ff 00000000  00')
    skipStruct(reader)
    expect(reader.at).toBe(reader.end)
  })

  it.each([
    ['a strict header', '80010004 00000002 6162 00000007', { messageType: 4, sequence: 7 }],
    ['an old header', '00000002 6162 01 7fffffff', { messageType: 1, sequence: 0x7fffffff }],
    ['the smallest sequence number', '80010001 00000002 6162 80000000', { messageType: 1, sequence: -0x80000000 }],
  ])('reads %s', (_what, bytes, expected) => {
    const reader = binary(bytes)
    reader.message()
    expect(reader).toMatchObject(expected)
    expect(Buffer.from(reader.bytes.subarray(reader.sliceStart, reader.sliceEnd)).toString()).toBe('ab')
    expect(reader.at).toBe(reader.end)
  })

  it.each([
    ['another version', '80020001 00000001 61 00000000'],
    ['a name longer than the message', '80010001 7fffffff 61 00000000'],
    ['a negative name length', '80010001 ffffffff 61 00000000'],
    ['an old header that ends behind its name', '00000001 61'],
    ['one byte', '80'],
  ])('refuses a message with %s', (_what, bytes) => {
    expect(codeOf(() => binary(bytes).message())).toBe('OB_DECODE_THRIFT')
  })
})

describe('CompactReader', () => {
  it.each([
    ['a list of 2^28 structs in five bytes', '29 fc 80808010'],
    ['a list of 2^32 − 1 bytes', '19 f3 ffffffff0f'],
    ['a list of stops', '19 10 00 00'],
    ['a list of a type that is none', '19 1d 00 00'],
    ['a map with 2^31 entries', '1b 8080808008 88 00'],
    ['a map with keys of no type', '1b 01 0e 00 00'],
    ['a map with values of no type', '1b 01 80 00 00'],
    ['a map that ends behind its count', '1b 01'],
    ['a string longer than its body', '18 05 6162 00'],
    ['a string of 2^32 − 1 bytes', '18 ffffffff0f 61'],
    ['field type 13', '1d 00'],
    ['field type 15', '1f 00'],
    ['a varint that does not end', '15 ffffffffffffffffffffff00 00'],
    ['a varint cut off', '15 ff'],
    ['a long varint cut off', '16 ffffffffff'],
    ['a double cut off', '17 00000000'],
    ['an empty body', ''],
    ['a field id cut off', '05'],
    ['a struct without its stop', '11'],
  ])('refuses %s', (_what, bytes) => {
    expect(codeOf(() => skipStruct(compact(bytes)))).toBe('OB_DECODE_THRIFT')
  })

  it('refuses a varint of 11 bytes where a number is read', () => {
    const elevenBytes = `${'ff'.repeat(10)}01`
    expect(codeOf(() => compact(elevenBytes).i32())).toBe('OB_DECODE_THRIFT')
    expect(codeOf(() => compact(elevenBytes).i64(words))).toBe('OB_DECODE_THRIFT')
    expect(codeOf(() => compact(elevenBytes).binary())).toBe('OB_DECODE_THRIFT')
  })

  it('reads the longest varint there may be, and one with needless bytes', () => {
    compact(`${'ff'.repeat(9)}01`).i64(words)
    expect(toSignedBigInt(words.hi, words.lo)).toBe(-(2n ** 63n))
    compact('8280808080808080 8000').i64(words)
    expect(toSignedBigInt(words.hi, words.lo)).toBe(1n)
    expect(compact('84808000').i32()).toBe(2)
  })

  it('skips structs nested as deep as the limit and no deeper', () => {
    const nested = (depth: number): string => '1c'.repeat(depth) + '00'.repeat(depth + 1)
    expect(codeOf(() => skipStruct(compact(nested(63))))).toBeUndefined()
    expect(codeOf(() => skipStruct(compact(nested(64))))).toBe('OB_LIMIT_DEPTH')
    expect(codeOf(() => skipStruct(compact(nested(10_000))))).toBe('OB_LIMIT_DEPTH')
  })

  it('reads the bools of a list from bytes and those of a field from its header', () => {
    const reader = compact('19 31 01 02 01  12  00')
    reader.field(0)
    reader.list()
    expect([reader.count, reader.elementType]).toEqual([3, ThriftType.Bool])
    expect([reader.bool(true), reader.bool(true), reader.bool(true)]).toEqual([true, false, true])
    expect(reader.field(1)).toBe(true)
    expect([reader.fieldId, reader.bool()]).toEqual([2, false])
  })

  it.each([
    ['oneway', '82 81 01 02 6162', { messageType: 4, sequence: 1 }],
    ['call', '82 21 00 02 6162', { messageType: 1, sequence: 0 }],
    ['the largest sequence number', '82 81 ffffffff0f 02 6162', { messageType: 4, sequence: 0xffffffff }],
  ])('reads a message header: %s', (_what, bytes, expected) => {
    const reader = compact(bytes)
    reader.message()
    expect(reader).toMatchObject(expected)
    expect(reader.at).toBe(reader.end)
  })

  it.each([
    ['another protocol', '81 81 01 01 61'],
    ['another version', '82 82 01 01 61'],
    ['a name longer than the message', '82 81 01 ff7f 61'],
    ['one byte', '82'],
    ['no name', '82 81 01'],
  ])('refuses a message with %s', (_what, bytes) => {
    expect(codeOf(() => compact(bytes).message())).toBe('OB_DECODE_THRIFT')
  })
})

describe.each(['binary', 'compact'] as const)('skip, %s', (encoding) => {
  it("leaves the reader exactly behind whatever Apache's library writes", () => {
    fc.assert(
      fc.property(arbitraryValue, arbitraryValue, (first, second) => {
        const bytes = structBytes(
          struct([
            [3, first],
            [900, second],
            [-4, i64(-5n)],
          ]),
          encoding,
        )
        const reader = encoding === 'compact' ? new CompactReader(bytes) : new BinaryReader(bytes)
        const ids: number[] = []
        for (let id = 0; reader.field(id); ) {
          id = reader.fieldId
          ids.push(id)
          if (id === -4) {
            reader.i64(words)
            expect(toSignedBigInt(words.hi, words.lo)).toBe(-5n)
          } else reader.skip(reader.fieldType, 64)
        }
        expect(ids).toEqual([3, 900, -4])
        expect(reader.at).toBe(bytes.length)
      }),
      { numRuns: 500 },
    )
  })

  it('answers any bytes at all with a code of ours or with an end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const code = codeOf(() => skipStruct(encoding === 'compact' ? new CompactReader(bytes) : new BinaryReader(bytes)))
        expect([undefined, 'OB_DECODE_THRIFT', 'OB_LIMIT_DEPTH']).toContain(code)
      }),
      { numRuns: 3000 },
    )
  })
})

describe('message', () => {
  it.each(['binary', 'binary-old', 'compact'] as const)('reads what Apache’s library writes as %s', (encoding) => {
    for (const [type, sequence] of [
      [1, 0],
      [4, 1],
      [4, 0x7fffffff],
    ] as const) {
      const bytes = messageBytes('emitBatch', struct([[1, string('x')]]), encoding, type, sequence)
      const reader = encoding === 'compact' ? new CompactReader(bytes) : new BinaryReader(bytes)
      reader.message()
      const name = Buffer.from(bytes.subarray(reader.sliceStart, reader.sliceEnd)).toString()
      expect([name, reader.messageType, reader.sequence]).toEqual(['emitBatch', type, sequence])
      expect(reader.field(0)).toBe(true)
    }
  })
})
