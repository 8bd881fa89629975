import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFields, HpackDecoder, HpackError } from '../../src/net/hpack.ts'

const decodeAll = (decoder: HpackDecoder, block: Uint8Array): (readonly [string, string])[] => {
  const fields: (readonly [string, string])[] = []
  decoder.decode(Buffer.from(block), 0, block.length, (name, value) => void fields.push([name, value]))
  return fields
}

const decode = (...blocks: string[]): (readonly [string, string])[][] => {
  const decoder = new HpackDecoder()
  return blocks.map((block) => decodeAll(decoder, Buffer.from(block.replaceAll(' ', ''), 'hex')))
}

describe('HpackDecoder', () => {
  it('reads the requests of RFC 7541, C.4, with Huffman and a table', () => {
    expect(
      decode('828684418cf1e3c2e5f23a6ba0ab90f4ff', '828684be5886a8eb10649cbf', '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf'),
    ).toEqual([
      [
        [':method', 'GET'],
        [':scheme', 'http'],
        [':path', '/'],
        [':authority', 'www.example.com'],
      ],
      [
        [':method', 'GET'],
        [':scheme', 'http'],
        [':path', '/'],
        [':authority', 'www.example.com'],
        ['cache-control', 'no-cache'],
      ],
      [
        [':method', 'GET'],
        [':scheme', 'https'],
        [':path', '/index.html'],
        [':authority', 'www.example.com'],
        ['custom-key', 'custom-value'],
      ],
    ])
  })

  it('reads fields that are not to be kept, and never kept', () => {
    expect(decode('00 0161 0162 10 0163 0164 04 0165')).toEqual([
      [
        ['a', 'b'],
        ['c', 'd'],
        [':path', 'e'],
      ],
    ])
  })

  it('forgets the oldest when the table is full, and what is larger than the table empties it', () => {
    const decoder = new HpackDecoder(100)
    const literal = (name: string, value: string): number[] => [
      0x40,
      name.length,
      ...Buffer.from(name),
      value.length,
      ...Buffer.from(value),
    ]
    decodeAll(decoder, Uint8Array.from([...literal('aaaa', 'bbbb'), ...literal('cccc', 'dddd')]))
    expect(decodeAll(decoder, Uint8Array.of(0xbe, 0xbf))).toEqual([
      ['cccc', 'dddd'],
      ['aaaa', 'bbbb'],
    ])
    decodeAll(decoder, Uint8Array.from(literal('eeee', 'ffff')))
    expect(decodeAll(decoder, Uint8Array.of(0xbe, 0xbf))).toEqual([
      ['eeee', 'ffff'],
      ['cccc', 'dddd'],
    ])
    decodeAll(decoder, Uint8Array.from(literal('g', 'h'.repeat(100))))
    expect(() => decodeAll(decoder, Uint8Array.of(0xbe))).toThrow(HpackError)
  })

  it('goes on through thousands of entries', () => {
    const decoder = new HpackDecoder()
    for (let i = 0; i < 5000; i++) {
      const value = Buffer.from(String(i))
      decodeAll(decoder, Uint8Array.of(0x40, 1, 0x61, value.length, ...value))
    }
    expect(decodeAll(decoder, Uint8Array.of(0xbe, 0xbf))).toEqual([
      ['a', '4999'],
      ['a', '4998'],
    ])
  })

  it('makes the table smaller when told so', () => {
    const decoder = new HpackDecoder()
    decodeAll(decoder, Uint8Array.of(0x40, 1, 0x61, 1, 0x62))
    expect(decodeAll(decoder, Uint8Array.of(0x20, 0x3f, 0xe1, 0x1f, 0x82))).toEqual([[':method', 'GET']])
    expect(() => decodeAll(decoder, Uint8Array.of(0xbe))).toThrow(HpackError)
  })

  it.each([
    ['an index of 0', '80'],
    ['an index beyond the table', 'be'],
    ['a name beyond the table', '7f 00 0161'],
    ['a cut off number', 'ff'],
    ['a number that is too large', 'ff ff ff ff ff 7f'],
    ['a text longer than the block', '00 05 61'],
    ['no value', '00 0161'],
    ['a table larger than allowed', '3f e2 1f'],
    ['a table size after a field', '82 20'],
    ['the end mark in a text', '00 84 ffffffff 00'],
    ['padding that is not ones', '00 81 18 00'],
    ['padding of a whole byte', '00 82 1fff 00'],
  ])('refuses %s', (_name, block) => {
    expect(() => decode(block)).toThrow(HpackError)
  })

  it('throws nothing else, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (block) => {
        try {
          decodeAll(new HpackDecoder(), block)
        } catch (error) {
          expect(error).toBeInstanceOf(HpackError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('encodeFields', () => {
  it('writes what the decoder reads', () => {
    const name = fc.string({ unit: fc.constantFrom(...'abc-:'), minLength: 1, maxLength: 200 })
    const value = fc.string({ unit: 'binary-ascii', maxLength: 400 })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.oneof(name, fc.constantFrom(':status', 'content-type', ':method')), value), { maxLength: 5 }),
        (fields) => {
          expect(decodeAll(new HpackDecoder(), encodeFields(fields))).toEqual(fields)
        },
      ),
    )
  })

  it('uses the static table and keeps nothing in the other one', () => {
    expect(
      Buffer.from(
        encodeFields([
          [':status', '200'],
          ['content-type', 'x'],
        ]),
      ).toString('hex'),
    ).toBe('880f100178')
  })
})
