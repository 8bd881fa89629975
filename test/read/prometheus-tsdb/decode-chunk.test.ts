import { describe, expect, it } from 'vitest'
import { ByteCursor } from '../../../src/read/prometheus-tsdb/bytes.ts'
import { crc32c } from '../../../src/read/prometheus-tsdb/crc32c.ts'
import { decodeChunk } from '../../../src/read/prometheus-tsdb/decode-chunk.ts'
import { Samples } from '../../../src/read/prometheus-tsdb/samples.ts'

/** Bits as text, spaces for the eye, filled up with zeros to whole bytes. */
function bytesOf(bits: string): Uint8Array {
  const plain = bits.replaceAll(/\s/g, '')
  const bytes = new Uint8Array(Math.ceil(plain.length / 8))
  for (let at = 0; at < plain.length; at++) if (plain[at] === '1') bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (0x80 >> (at & 7))
  return bytes
}

const bin = (value: number, width: number): string => value.toString(2).padStart(width, '0')
const double = (value: number): string => {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  return bin(view.getUint32(0), 32) + bin(view.getUint32(4), 32)
}

const decode = (encoding: number, bits: string, minMs: number, maxMs: number): number[][] => {
  const samples = new Samples()
  decodeChunk(encoding, bytesOf(bits), minMs, maxMs, samples)
  return Array.from({ length: samples.count }, (_, at) => [samples.ms[at] as number, samples.startMs[at] as number])
}

describe('crc32c', () => {
  it.each([
    ['', 0],
    ['123456789', 0xe3069283],
    ['a'.repeat(1000), crc32c(Buffer.from('a'.repeat(400)), 0, 400, 0) === 0 ? 0 : undefined],
  ])('of %j', (text, expected) => {
    const bytes = Buffer.from(text)
    if (expected !== undefined) expect(crc32c(bytes)).toBe(expected)
    for (let cut = 0; cut <= bytes.length; cut += 7) {
      expect(crc32c(bytes, cut, bytes.length, crc32c(bytes, 0, cut))).toBe(crc32c(bytes))
    }
  })
})

describe('ByteCursor', () => {
  it.each([
    ['eleven bytes', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]],
    ['2^64 - 1', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]],
    ['a number that is cut off', [0x80]],
  ])('refuses %s', (_name, bytes) => {
    expect(() => new ByteCursor(Uint8Array.from(bytes)).uvarint()).toThrow(/^corrupt: /)
  })

  it('reads numbers of both signs', () => {
    expect(new ByteCursor(Uint8Array.of(0xac, 0x02)).uvarint()).toBe(300)
    expect([0, 1, 2, 3, 4].map((byte) => new ByteCursor(Uint8Array.of(byte)).varint())).toEqual([0, -1, 1, -2, 2])
  })
})

describe('decodeChunk', () => {
  const first = `${bin(1, 16)} ${bin(200, 8)} ${bin(1, 8)} ${double(1.5)}`

  it('reads one sample', () => {
    expect(decode(1, first, 100, 100)).toEqual([[100, 0]])
  })

  it.each([
    ['of the greatest positive 14 bits', `10 ${bin(2 ** 13, 14)}`, 2 ** 13],
    ['of the least 14 bits', `10 ${bin(2 ** 13 + 1, 14)}`, -(2 ** 13) + 1],
    ['of 17 bits', `110 ${bin(65_536, 17)}`, 65_536],
    ['of 20 bits', `1110 ${bin(2 ** 19, 20)}`, 2 ** 19],
    ['of 64 bits', `1111 ${bin(1, 32)} ${bin(5, 32)}`, 2 ** 32 + 5],
  ])('reads a change of time %s', (_name, bits, change) => {
    // Three samples: 100, 100 + 16,256, and that and 16,256 + change again.
    const delta = 16_256
    const head = `${bin(3, 16)} ${bin(200, 8)} ${bin(1, 8)} ${double(1.5)} ${bin(0x80, 8)} ${bin(0x7f, 8)} 0`
    const last = 100 + 2 * delta + change
    expect(decode(1, `${head} ${bits} 0`, 100, last).map(([ms]) => ms)).toEqual([100, 100 + delta, last])
  })

  it('reads two’s complement in XOR2, and start times', () => {
    const bits = `${bin(3, 16)} ${bin(0x82, 8)} ${bin(200, 8)} ${bin(1, 8)} ${double(2)} ${bin(20, 8)} ${bin(50, 8)} 0 110 ${bin(0x1fff, 13)} 0 10 ${bin(5, 3)}`
    // Start of the first: 100 − 10. The third has a field of its own: −3, so three after the time before.
    expect(decode(4, bits, 100, 199)).toEqual([
      [100, 90],
      [150, 90],
      [199, 153],
    ])
  })

  it.each<[string, number, string, number, number, RegExp]>([
    ['no samples', 1, bin(0, 16), 0, 0, /^corrupt: /],
    ['encoding 0', 0, first, 100, 100, /^unknown_encoding: /],
    ['encoding 7', 7, first, 100, 100, /^unknown_encoding: /],
    ['a first time that the index does not say', 1, first, 99, 100, /^corrupt: .*index/],
    ['a last time that the index does not say', 1, first, 100, 101, /^corrupt: .*index/],
    ['65,535 samples in some bytes', 1, first.replace(/^.{16}/, bin(65_535, 16)), 100, 100, /^corrupt: /],
    ['a difference without a window', 1, `${first.replace(/^.{16}/, bin(2, 16))} ${bin(5, 8)} 10 1111`, 100, 105, /^corrupt: /],
    ['a window of more than 64 bits', 1, `${first.replace(/^.{16}/, bin(2, 16))} ${bin(5, 8)} 11 11111 111111`, 100, 105, /^corrupt: /],
    [
      'times that go back',
      4,
      `${first.replace(/^.{16}/, `${bin(3, 16)} ${bin(0, 8)}`)} ${bin(5, 8)} 0 110 ${bin(0x1ff0, 13)} 0`,
      100,
      94,
      /^corrupt: .*ascend/,
    ],
    ['a schema that nobody knows', 2, `${bin(1, 16)} ${bin(0, 8)} ${bin(0, 8)} 11110 ${bin(100, 12)}`, 0, 0, /^corrupt: .*schema/],
    ['spans of 2^32', 2, `${bin(1, 16)} ${bin(0, 8)} ${bin(0, 8)} 0 11111110 ${bin(1, 24)} ${bin(0, 32)}`, 0, 0, /^too_large: /],
    [
      'spans that sum up past 2^31',
      2,
      `${bin(1, 16)} ${bin(0, 8)} ${bin(0, 8)} 0 10 001 11111110 ${bin(0, 24)} ${bin(2 ** 31, 32)} 0`,
      0,
      0,
      /^corrupt: .*spans/,
    ],
    [
      'more buckets than memory is given',
      2,
      `${bin(1, 16)} ${bin(0, 8)} ${bin(0, 8)} 0 10 001 1111110 ${bin(70_000, 25)} 0`,
      0,
      0,
      /^too_large: /,
    ],
  ])('refuses %s', (_name, encoding, bits, minMs, maxMs, message) => {
    expect(() => decode(encoding, bits, minMs, maxMs)).toThrow(message)
  })
})
