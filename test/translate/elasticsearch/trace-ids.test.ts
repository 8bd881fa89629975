import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { spanIdToHex, traceIdToHex } from '../../../src/otlp/ids.ts'
import { readSpanId, readTraceFlags, readTraceId } from '../../../src/translate/elasticsearch/trace-ids.ts'

const four = new Int32Array(4)
const two = new Int32Array(2)
const inside = (text: string): Buffer => Buffer.from(`a${text}a`)

const trace = (text: string): string | undefined => {
  const bytes = inside(text)
  return readTraceId(bytes, 1, bytes.length - 1, four) ? traceIdToHex(...([...four] as [number, number, number, number])) : undefined
}
const span = (text: string): string | undefined => {
  const bytes = inside(text)
  return readSpanId(bytes, 1, bytes.length - 1, two) ? spanIdToHex(...([...two] as [number, number])) : undefined
}
const flags = (text: string): number => {
  const bytes = inside(text)
  return readTraceFlags(bytes, 1, bytes.length - 1)
}

const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-fA-F]{${length}}$`))
const isZero = (text: string): boolean => /^0*$/.test(text)

describe('readTraceId', () => {
  it('takes 32 digits, and 16 with zeros before them, in either case', () => {
    fc.assert(
      fc.property(fc.oneof(hex(32), hex(16)), (text) => {
        expect(trace(text)).toBe(isZero(text) ? undefined : text.toLowerCase().padStart(32, '0'))
      }),
    )
  })

  it('takes dashes out', () => {
    fc.assert(
      fc.property(fc.oneof(hex(32), hex(16)), fc.array(fc.nat(31), { maxLength: 6 }), (text, places) => {
        let dashed = text
        for (const at of places) dashed = `${dashed.slice(0, at)}-${dashed.slice(at)}`
        expect(trace(dashed)).toBe(isZero(text) ? undefined : text.toLowerCase().padStart(32, '0'))
      }),
    )
    expect(trace('4bf92f35-77b3-4da6-a3ce-929d0e0e4736')).toBe('4bf92f3577b34da6a3ce929d0e0e4736')
    expect(trace('00000000-0000-0000-0000-000000000000')).toBeUndefined()
  })

  it('takes nothing else: an id is never cut', () => {
    const wrong = fc.oneof(hex(8), hex(15), hex(17), hex(31), hex(33), hex(48), hex(64))
    fc.assert(
      fc.property(wrong, (text) => {
        expect(trace(text)).toBeUndefined()
      }),
    )
    for (const text of ['', '-', '-'.repeat(32), 'g'.repeat(32), `${'a'.repeat(31)} `, `0x${'a'.repeat(30)}`, '-'.repeat(1000)]) {
      expect(trace(text), text).toBeUndefined()
    }
  })

  it('leaves nothing of the id before', () => {
    expect(trace('f'.repeat(32))).toBe('f'.repeat(32))
    expect(trace('1'.repeat(16))).toBe('0'.repeat(16) + '1'.repeat(16))
  })
})

describe('readSpanId', () => {
  it('takes 16 digits in either case', () => {
    fc.assert(
      fc.property(hex(16), (text) => {
        expect(span(text)).toBe(isZero(text) ? undefined : text.toLowerCase())
      }),
    )
  })

  it('takes nothing else', () => {
    for (const text of ['', '0'.repeat(16), 'a'.repeat(15), 'a'.repeat(17), 'a'.repeat(32), 'g'.repeat(16), '0a-0b0c0d0e0f0102']) {
      expect(span(text), text).toBeUndefined()
    }
  })
})

describe('readTraceFlags', () => {
  it.each([
    ['01', 1],
    ['00', 0],
    ['1', 1],
    ['fF', 255],
    ['10', 16],
    ['', -1],
    ['001', -1],
    ['g1', -1],
    ['1g', -1],
    ['-1', -1],
  ])('reads %o as %i', (text, expected) => {
    expect(flags(text)).toBe(expected)
  })
})
