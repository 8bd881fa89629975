import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Signal } from '../../../src/otlp/intake.ts'
import { requestToJson } from '../../../src/otlp/json/to-json.ts'
import { arbitraryRequest } from '../../support/arbitrary-otlp.ts'
import { officialEncode, type Plain } from '../../support/official-otlp.ts'

const signals: readonly Signal[] = ['traces', 'metrics', 'logs']

const textOf = (bytes: Uint8Array, signal: Signal = 'traces'): string => Buffer.from(requestToJson(signal, bytes)).toString()
const plainOf = (bytes: Uint8Array, signal: Signal = 'traces'): unknown => JSON.parse(textOf(bytes, signal))

/** A field of a message in protobuf, its number below 16. */
const field = (number: number, ...inner: (Uint8Array | string)[]): Buffer => {
  const body = Buffer.concat(inner.map((one) => Buffer.from(one)))
  return Buffer.concat([Uint8Array.of((number << 3) | 2, body.length), body])
}

/** A request with one span made of these fields. */
const oneSpan = (...fields: Uint8Array[]): Buffer => field(1, field(2, field(2, ...fields)))
const spanOf = (request: Uint8Array): unknown =>
  (plainOf(request) as { resourceSpans: [{ scopeSpans: [{ spans: [Plain] }] }] }).resourceSpans[0].scopeSpans[0].spans[0]

describe('requestToJson', () => {
  it.each(signals)('writes %s as protobufjs with the official messages understands them', (signal) => {
    fc.assert(
      fc.property(arbitraryRequest(signal), (plain) => {
        expect(plainOf(officialEncode(plain, signal), signal)).toEqual(plain)
      }),
      { numRuns: 300 },
    )
  })

  it('writes fields in the order of the proto, whatever their order was', () => {
    const id = Buffer.alloc(8, 1)
    expect(textOf(oneSpan(field(5, 'name'), field(2, id)))).toBe(
      '{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"0101010101010101","name":"name"}]}]}]}',
    )
  })

  it('joins the elements of a list that stand apart', () => {
    const attribute = (key: string): Buffer => field(9, field(1, key))
    expect(spanOf(oneSpan(attribute('a'), field(5, 'n'), attribute('b')))).toEqual({ name: 'n', attributes: [{ key: 'a' }, { key: 'b' }] })
  })

  it('takes the last of a field that comes twice, also within a oneof', () => {
    const value = field(9, field(1, 'k'), field(2, field(1, 'text'), Uint8Array.of(0x18, 5)))
    expect(spanOf(oneSpan(field(5, 'first'), value, field(5, 'last')))).toEqual({
      name: 'last',
      attributes: [{ key: 'k', value: { intValue: '5' } }],
    })
  })

  it('takes lists of numbers packed, unpacked and mixed', () => {
    const packed = Buffer.concat([Uint8Array.of(0x32, 16), Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0])])
    const single = Uint8Array.of(0x31, 3, 0, 0, 0, 0, 0, 0, 0)
    const request = field(1, field(2, field(2, field(9, field(1, packed, single)))))
    expect(plainOf(request, 'metrics')).toEqual({
      resourceMetrics: [{ scopeMetrics: [{ metrics: [{ histogram: { dataPoints: [{ bucketCounts: ['1', '2', '3'] }] } }] }] }],
    })
  })

  it('leaves out what OTLP does not know', () => {
    expect(spanOf(oneSpan(field(5, 'n'), Uint8Array.of(0xf8, 0x07, 1), field(15, field(14, 'x'))))).toEqual({ name: 'n', status: {} })
  })

  it('escapes text', () => {
    const text = '"\\/\b\f\n\r\t\u0000\u001f\u007fé€😀'
    expect(spanOf(oneSpan(field(5, text)))).toEqual({ name: text })
    const long = text.repeat(400)
    const size = Buffer.byteLength(long)
    const head = (tag: number, length: number): Uint8Array => Uint8Array.of(tag, (length & 0x7f) | 0x80, length >>> 7)
    const nest = (tag: number, inner: Uint8Array): Uint8Array => Buffer.concat([head(tag, inner.length), inner])
    expect(spanOf(nest(0x0a, nest(0x12, nest(0x12, Buffer.concat([head(0x2a, size), Buffer.from(long)])))))).toEqual({ name: long })
  })

  it('repairs names that are not UTF-8 and writes such values as bytes', () => {
    const bad = Uint8Array.of(0x61, 0xff)
    expect(spanOf(oneSpan(field(5, bad), field(9, field(1, 'k'), field(2, field(1, bad)))))).toEqual({
      name: 'a\ufffd',
      attributes: [{ key: 'k', value: { bytesValue: 'Yf8=' } }],
    })
  })

  it.each([
    ['-0', -0, '-0'],
    ['NaN', Number.NaN, '"NaN"'],
    ['-Infinity', Number.NEGATIVE_INFINITY, '"-Infinity"'],
    ['the largest', Number.MAX_VALUE, '1.7976931348623157e+308'],
  ])('writes the double %s', (_, value, text) => {
    const bits = Buffer.alloc(9, 0x21)
    bits.writeDoubleLE(value, 1)
    expect(textOf(oneSpan(field(9, field(1, 'k'), field(2, bits))))).toContain(`{"doubleValue":${text}}`)
  })

  it('fails with OB_DECODE_PROTO or OB_LIMIT_DEPTH and never otherwise on cut or changed bytes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...signals), fc.nat(), fc.nat(255), fc.boolean(), fc.nat(), (signal, at, byte, cut, seed) => {
        const [plain = {}] = fc.sample(arbitraryRequest(signal), { numRuns: 1, seed })
        const bytes = Buffer.from(officialEncode(plain, signal))
        if (bytes.length === 0) return
        const place = at % bytes.length
        const damaged = cut ? bytes.subarray(0, place) : bytes
        if (!cut) bytes[place] = byte
        try {
          plainOf(damaged, signal)
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^OB_DECODE_PROTO$|^OB_LIMIT_DEPTH$/) })
        }
      }),
      { numRuns: 200 },
    )
  })

  it('does not follow values nested without end', () => {
    let value: Buffer = Buffer.alloc(0)
    const nest = (tag: number, inner: Buffer): Buffer => {
      const length: number[] = []
      let rest = inner.length
      for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80)
      return Buffer.concat([Uint8Array.of(tag, ...length, rest), inner])
    }
    for (let i = 0; i < 2000; i++) value = nest(0x2a, nest(0x0a, value))
    const request = nest(0x0a, nest(0x0a, nest(0x0a, nest(0x12, value))))
    expect(() => requestToJson('traces', request)).toThrow(expect.objectContaining({ code: 'OB_LIMIT_DEPTH' }))
  })
})
