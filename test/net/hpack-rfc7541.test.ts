/** The examples of RFC 7541, the code of its appendix B, and a table beside a slow one that is plainly right. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HpackDecoder, HpackError } from '../../src/net/hpack.ts'

type Field = readonly [name: string, value: string]

const decodeWith = (decoder: HpackDecoder, block: Uint8Array): Field[] => {
  const fields: Field[] = []
  decoder.decode(Buffer.from(block), 0, block.length, (name, value) => void fields.push([name, value]))
  return fields
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

const requests: readonly (readonly Field[])[] = [
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
]

const answer = (status: string, second: string, more: readonly Field[] = []): Field[] => [
  [':status', status],
  ['cache-control', 'private'],
  ['date', `Mon, 21 Oct 2013 20:13:${second} GMT`],
  ['location', 'https://www.example.com'],
  ...more,
]

const answers: readonly (readonly Field[])[] = [
  answer('302', '21'),
  answer('307', '21'),
  answer('200', '22', [
    ['content-encoding', 'gzip'],
    ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
  ]),
]

describe('HpackDecoder, the examples of RFC 7541', () => {
  it.each<[string, string, Field]>([
    ['C.2.1', '400a637573746f6d2d6b65790d637573746f6d2d686561646572', ['custom-key', 'custom-header']],
    ['C.2.2', '040c2f73616d706c652f70617468', [':path', '/sample/path']],
    ['C.2.3', '100870617373776f726406736563726574', ['password', 'secret']],
    ['C.2.4', '82', [':method', 'GET']],
  ])('reads the field of %s', (_name, block, field) => {
    expect(decodeWith(new HpackDecoder(), hex(block))).toEqual([field])
  })

  it.each<[string, number, readonly (readonly Field[])[], string[]]>([
    [
      'C.3, requests as they are',
      4096,
      requests,
      [
        '828684410f7777772e6578616d706c652e636f6d',
        '828684be58086e6f2d6361636865',
        '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
      ],
    ],
    [
      'C.5, answers as they are, through a table of 256 bytes',
      256,
      answers,
      [
        '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d',
        '4803333037c1c0bf',
        '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
      ],
    ],
    [
      'C.6, answers with Huffman, through a table of 256 bytes',
      256,
      answers,
      [
        '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
        '4883640effc1c0bf',
        '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
      ],
    ],
  ])('reads %s', (_name, tableBytes, expected, blocks) => {
    const decoder = new HpackDecoder(tableBytes)
    expect(blocks.map((block) => decodeWith(decoder, hex(block)))).toEqual(expected)
  })

  it('reads numbers as C.1 has them', () => {
    // Table sizes have a prefix of five bits; one byte more than allowed is refused, so that this cannot pass by chance.
    for (const [size, block] of [
      [10, '2a'],
      [1337, '3f9a0a'],
      [30, '3e'],
      [31, '3f00'],
    ] as const) {
      expect(decodeWith(new HpackDecoder(size), hex(`${block}82`))).toEqual([[':method', 'GET']])
      expect(() => decodeWith(new HpackDecoder(size - 1), hex(`${block}82`))).toThrow(HpackError)
    }
  })

  it('gives the beginning of a cut block or refuses it, and nothing else', () => {
    const block = hex('488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3')
    const whole = answers[0] ?? []
    let good = 0
    for (let length = 0; length < block.length; length++) {
      const fields: Field[] = []
      try {
        new HpackDecoder().decode(block, 0, length, (name, value) => void fields.push([name, value]))
        good++
      } catch (error) {
        expect(error).toBeInstanceOf(HpackError)
      }
      expect(fields).toEqual(whole.slice(0, fields.length))
    }
    expect(good).toBe(whole.length)
  })
})

/** Appendix B: code and bits of the bytes that no client would let through, 0 to 31 and 127. The others are seen in http2-clients.test.ts. */
const controls: readonly (readonly [code: number, bits: number])[] = [
  [0x1ff8, 13],
  [0x7fffd8, 23],
  ...[0xfffffe2, 0xfffffe3, 0xfffffe4, 0xfffffe5, 0xfffffe6, 0xfffffe7, 0xfffffe8].map((code) => [code, 28] as const),
  [0xffffea, 24],
  [0x3ffffffc, 30],
  [0xfffffe9, 28],
  [0xfffffea, 28],
  [0x3ffffffd, 30],
  ...[0xfffffeb, 0xfffffec, 0xfffffed, 0xfffffee, 0xfffffef, 0xffffff0, 0xffffff1, 0xffffff2].map((code) => [code, 28] as const),
  [0x3ffffffe, 30],
  ...[0xffffff3, 0xffffff4, 0xffffff5, 0xffffff6, 0xffffff7, 0xffffff8, 0xffffff9, 0xffffffa, 0xffffffb].map((code) => [code, 28] as const),
  [0xffffffc, 28],
]

/** A field `x` whose value is these bits, padded with ones, or with what is given. */
const bitsField = (bits: string, padding = '1'.repeat((8 - (bits.length % 8)) % 8)): Buffer => {
  const bytes = (bits + padding).match(/.{8}/g)?.map((one) => Number.parseInt(one, 2)) ?? []
  return Buffer.from([0, 1, 0x78, 0x80 | bytes.length, ...bytes])
}

describe('HpackDecoder, Huffman', () => {
  it('knows the codes of control characters', () => {
    expect(controls.length).toBe(33)
    controls.forEach(([code, bits], i) => {
      const symbol = String.fromCharCode(i === 32 ? 127 : i)
      expect(decodeWith(new HpackDecoder(), bitsField(code.toString(2).padStart(bits, '0')))).toEqual([['x', symbol]])
    })
  })

  it('takes up to seven ones as padding, and nothing else', () => {
    const a = '00011'
    for (let ones = 0; ones < 8; ones++) {
      // As many codes of five bits as leave room for so many ones: 5n + ones is a multiple of 8.
      const count = (5 * (8 - ones)) % 8 || 8
      const decoded = decodeWith(new HpackDecoder(), bitsField(a.repeat(count), '1'.repeat(ones)))
      expect(decoded).toEqual([['x', 'a'.repeat(count)]])
    }
    expect(() => decodeWith(new HpackDecoder(), bitsField(a.repeat(8), '1'.repeat(8)))).toThrow(HpackError)
    for (const padding of ['000', '110', '011', '101']) {
      expect(() => decodeWith(new HpackDecoder(), bitsField(a, padding))).toThrow(HpackError)
    }
  })

  it('refuses the end mark, wherever it stands', () => {
    for (const before of ['', '00011', '00011'.repeat(5)]) {
      expect(() => decodeWith(new HpackDecoder(), bitsField(`${before}${'1'.repeat(30)}`))).toThrow(HpackError)
    }
  })

  it('reads texts of any length', () => {
    for (const length of [1000, 5000, 40_000]) {
      const bytes = Buffer.from(
        `${'00011'.repeat(length)}${'1'.repeat((8 - ((length * 5) % 8)) % 8)}`.match(/.{8}/g)?.map((one) => Number.parseInt(one, 2)) ?? [],
      )
      const size: number[] = [0xff]
      let rest = bytes.length - 127
      for (; rest > 127; rest >>>= 7) size.push((rest & 127) | 128)
      const block = Buffer.concat([Uint8Array.of(0, 1, 0x78), Uint8Array.from([...size, rest]), bytes])
      expect(decodeWith(new HpackDecoder(), block)).toEqual([['x', 'a'.repeat(length)]])
    }
  })
})

/** The dynamic table as section 2.3.3 tells it: newest first. */
class Model {
  readonly entries: Field[] = []
  max: number
  constructor(max: number) {
    this.max = max
  }
  get bytes(): number {
    return this.entries.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0)
  }
  shrink(to: number): void {
    while (this.bytes > to) this.entries.pop()
  }
  add(field: Field): void {
    const bytes = field[0].length + field[1].length + 32
    this.shrink(Math.max(0, this.max - bytes))
    if (bytes <= this.max) this.entries.unshift(field)
  }
}

const literal = (first: number, ...texts: string[]): number[] => [
  first,
  ...texts.flatMap((text) => [text.length, ...Buffer.from(text, 'latin1')]),
]

describe('HpackDecoder, its table', () => {
  // Few lengths, so that entries often fit to the byte.
  const text = fc.tuple(fc.constantFrom(...'abcdefg'), fc.constantFrom(0, 1, 9, 34, 100)).map(([unit, length]) => unit.repeat(length))
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), name: text, value: text }),
    fc.record({ kind: fc.constant('name' as const), pick: fc.nat(10), value: text }),
    fc.record({
      kind: fc.constant('size' as const),
      size: fc.oneof(fc.nat(600), fc.constantFrom(31, 32, 33, 34, 64, 65, 68, 100, 164, 232, 600)),
    }),
  )

  it('holds what a slow table holds, after any steps', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
        const decoder = new HpackDecoder(600)
        const model = new Model(600)
        const expectField = (block: number[], field: Field): void => expect(decodeWith(decoder, Uint8Array.from(block))).toEqual([field])
        for (const one of steps) {
          if (one.kind === 'size') {
            const { size } = one
            decodeWith(decoder, Uint8Array.from(size < 31 ? [0x20 | size] : [0x3f, ((size - 31) & 127) | 128, (size - 31) >> 7]))
            model.max = size
            model.shrink(size)
          } else if (one.kind === 'add') {
            expectField(literal(0x40, one.name, one.value), [one.name, one.value])
            model.add([one.name, one.value])
          } else {
            const found = model.entries[one.pick]
            if (found === undefined) continue
            const index = 62 + one.pick
            const name = index < 63 ? [0x40 | index] : [0x7f, index - 63]
            expectField([...name, one.value.length, ...Buffer.from(one.value)], [found[0], one.value])
            model.add([found[0], one.value])
          }
          // The 61 static entries come first.
          for (const [i, field] of model.entries.entries()) expectField([0x80 | (62 + i)], field)
          expect(() => decodeWith(decoder, Uint8Array.of(0x80 | (62 + model.entries.length)))).toThrow(HpackError)
        }
      }),
    )
  })
})
