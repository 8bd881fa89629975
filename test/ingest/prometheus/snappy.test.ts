import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import { createSnappy, declaredLength, isFramed, type Snappy } from '../../../src/ingest/prometheus/snappy.ts'
import { mutated } from '../../support/mutate.ts'
import { snappyBody } from '../../support/remote-write.ts'
import { vectorFiles } from '../../support/shared.ts'

const maxBytes = 1024 * 1024
let snappy: Snappy
beforeAll(async () => {
  snappy = await createSnappy({ maxBytes, limitKey: 'prometheus.limits.decompressed' })
})

const bytes = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const messageOf = (work: () => unknown): string => {
  try {
    work()
    return 'no error'
  } catch (error) {
    if (error instanceof BridgeError) return `${error.code}: ${error.message}`
    throw error
  }
}
const refusal = (hex: string): string => messageOf(() => snappy.uncompress(bytes(hex)))

/** A declared length in as few bytes as it takes. */
const varint = (value: number): Uint8Array => {
  const found: number[] = []
  let rest = value
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) found.push((rest & 0x7f) | 0x80)
  return Uint8Array.from([...found, rest])
}

describe('declaredLength', () => {
  it('reads any length of 32 bits', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.uint8Array({ maxLength: 3 }), (length, rest) => {
        expect(declaredLength(Buffer.concat([varint(length), rest]))).toBe(length)
      }),
    )
  })

  it.each([
    ['00', 0],
    ['7f', 127],
    ['8000', 0],
    ['8080808000', 0],
    ['ffffffff0f', 0xffffffff],
  ])('reads %s', (hex, length) => {
    expect(declaredLength(bytes(hex))).toBe(length)
  })

  it.each([
    ['', 'cut off'],
    ['80', 'cut off'],
    ['ffffffff', 'cut off'],
    ['ffffffff10', 'beyond 32 bits'],
    ['ffffffff8f00', 'beyond 32 bits'],
    ['ffffffffffffffff7f', 'beyond 32 bits'],
    ['ffffffffffffffffff01', 'beyond 32 bits'],
    ['ffffffffffffffffffff01', 'beyond 32 bits'],
  ])('refuses "%s"', (hex, why) => {
    const message = messageOf(() => declaredLength(bytes(hex)))
    expect(message).toContain('OB_DECODE_ENCODING: cannot decompress body: the length at the start of the snappy block is')
    expect(message).toContain(why)
  })
})

describe('isFramed', () => {
  it.each([
    ['ff060000734e61507059', true],
    ['ff060000734e6150705901', true],
    ['ff060000734e615070', false],
    ['ff060000734e61507058', false],
    ['', false],
  ])('%s: %s', (hex, framed) => {
    expect(isFramed(bytes(hex))).toBe(framed)
  })
})

describe('createSnappy', () => {
  it('gives back what was compressed', () => {
    const repeating = fc
      .tuple(fc.uint8Array({ minLength: 1, maxLength: 80 }), fc.nat(500))
      .map(([one, times]) => Buffer.alloc(one.length * times, one))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 3_000 }), repeating), (plain) => {
        expect(Buffer.from(snappy.uncompress(snappyBody(plain))).equals(plain)).toBe(true)
      }),
    )
  })

  it('takes an empty block', () => {
    expect(snappy.uncompress(bytes('00'))).toHaveLength(0)
  })

  it('takes a block at the limit and no byte more', () => {
    expect(snappy.uncompress(snappyBody(Buffer.alloc(maxBytes)))).toHaveLength(maxBytes)
    expect(messageOf(() => snappy.uncompress(snappyBody(Buffer.alloc(maxBytes + 1))))).toBe(
      'OB_LIMIT_BODY: cannot decompress body: 1048577 bytes declared, the limit is 1048576 (prometheus.limits.decompressed)',
    )
  })

  it('refuses 47 bytes that declare 2.7 GB, and takes no memory for them', () => {
    const body = bytes('97eab4890a170a085f5f6e616d655f5f120b746573745f6d6574726963121009000000000000f03f10d48fc9b2a333')
    expect(declaredLength(body)).toBe(2_704_094_487)
    const before = process.memoryUsage()
    expect(messageOf(() => snappy.uncompress(body))).toContain('OB_LIMIT_BODY')
    const after = process.memoryUsage()
    expect(after.arrayBuffers + after.external - before.arrayBuffers - before.external).toBeLessThan(maxBytes)
  })

  it('refuses what is declared and cannot be in so few bytes', () => {
    // three bytes: a copy of 64
    expect(refusal('808004 00000000')).toBe('OB_DECODE_ENCODING: cannot decompress body: 4 bytes of snappy cannot hold the 65536 declared')
  })

  it('takes the densest block there is', () => {
    const plain = Buffer.alloc(64 * 1_000 + 1, 7)
    const copies = Buffer.concat(Array.from({ length: 1_000 }, () => bytes('fe0100')))
    const body = Buffer.concat([varint(plain.length), bytes('0007'), copies])
    expect(Buffer.from(snappy.uncompress(body)).equals(plain)).toBe(true)
  })

  it.each([
    ['nothing at all', ''],
    ['declared 0 with data', '00 0041'],
    ['more declared than there is', '02 0041'],
    ['less declared than there is', '01 044142'],
    ['a literal that is cut off', '03 084142'],
    ['a literal whose length is cut off', '03 f4ff'],
    ['a literal of 4 GB', '03 fcffffffff4142'],
    ['a copy with offset 0', '05 0041 0100'],
    ['a copy from before the start', '05 0041 0102'],
    ['a copy that is cut off', '05 0041 01'],
    ['a long copy with offset 0', '05 0041 0e0000'],
    ['a copy with an offset of 32 bits from before the start', '05 0041 0fffffffff'],
    ['a copy beyond what is declared', '04 0041 0101'],
    ['plain protobuf', '0a0a0a0808011204ffffffff'],
    ['gzip', '1f8b0800000000000003030000000000000000'],
    ['a zstd frame', '28b52ffd2400010000'],
  ])('refuses %s', (_name, hex) => {
    expect(refusal(hex)).toContain('OB_DECODE_ENCODING: cannot decompress body: ')
  })

  it('says of the framed format that it is that', () => {
    expect(refusal('ff060000734e61507059 010500004a2bd36e41')).toBe(
      'OB_DECODE_ENCODING: cannot decompress body: it is framed snappy, remote-write uses the block format',
    )
  })

  it('throws nothing but errors of the bridge for damaged blocks', () => {
    const payloads = [snappyBody(Buffer.from('remote-write, remote-write, remote-write'.repeat(9))), snappyBody(Buffer.alloc(300, 1))]
    fc.assert(
      fc.property(mutated(payloads), ({ bytes: damaged }) => {
        expect(messageOf(() => snappy.uncompress(damaged))).toMatch(/^(no error|OB_DECODE_ENCODING|OB_LIMIT_BODY)/)
      }),
      { numRuns: 1_000 },
    )
  })

  it.each(vectorFiles('prometheus').filter((file) => /23-.*\.bin$/.test(file)))('refuses %s as framed', (file) => {
    const body = readFileSync(file)
    expect([basename(file), isFramed(body)]).toEqual(['23-wire-framed-snappy.bin', true])
  })
})
