import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeTraces } from '../../../src/otlp/decode/traces.ts'
import { tracesToPlain } from '../../../src/otlp/encode/json.ts'
import { encodeTraces } from '../../../src/otlp/encode/traces.ts'
import { ReverseWriter } from '../../../src/otlp/encode/writer.ts'
import { createKey } from '../../../src/otlp/keys.ts'
import { type KeyValue, type Traces, ValueType } from '../../../src/otlp/model.ts'
import { arbitrarySpan, arbitraryTraces, sliceOf } from '../../support/arbitrary-traces.ts'
import { normalizeOtlp } from '../../support/normalize.ts'
import { officialDecode, officialEncode } from '../../support/official-otlp.ts'

const comparable = (plain: unknown): unknown => normalizeOtlp(plain)

const oneSpan = (attributes: readonly KeyValue[], change: object = {}): Traces => {
  const [span] = fc.sample(arbitrarySpan, { numRuns: 1, seed: 7 })
  const whole = { ...span, attributes, events: [], links: [], ...change } as Traces['resourceSpans'][0]['scopeSpans'][0]['spans'][0]
  return { resourceSpans: [{ attributes: [], scopeSpans: [{ scopeName: '', scopeVersion: '', spans: [whole] }] }] }
}

describe('encodeTraces', () => {
  it('writes what protobufjs with the official messages reads back, whatever the guess of the size', () => {
    const writer = new ReverseWriter()
    fc.assert(
      fc.property(arbitraryTraces, fc.nat(4000), (traces, guess) => {
        const bytes = encodeTraces(traces, writer, guess)
        expect(comparable(officialDecode(bytes))).toEqual(comparable(tracesToPlain(traces)))
      }),
      { numRuns: 400 },
    )
  })

  it('keeps earlier messages of the same chunk untouched', () => {
    const writer = new ReverseWriter()
    fc.assert(
      fc.property(fc.array(arbitraryTraces, { minLength: 2, maxLength: 5 }), (many) => {
        const encoded = many.map((traces) => encodeTraces(traces, writer, 100))
        const copies = many.map((traces) => Buffer.from(encodeTraces(traces, new ReverseWriter(), 100)))
        encoded.forEach((bytes, i) => {
          expect(Buffer.compare(bytes, copies[i] as Buffer)).toBe(0)
        })
      }),
      { numRuns: 60 },
    )
  })

  it('gives requests that concatenate to one request', () => {
    const writer = new ReverseWriter()
    fc.assert(
      fc.property(arbitraryTraces, arbitraryTraces, (first, second) => {
        const both = Buffer.concat([encodeTraces(first, writer, 50), encodeTraces(second, writer, 50)])
        const joined = { resourceSpans: [...first.resourceSpans, ...second.resourceSpans] }
        expect(comparable(officialDecode(both))).toEqual(comparable(tracesToPlain(joined)))
      }),
      { numRuns: 60 },
    )
  })

  it('grows past its chunk for a large value', () => {
    const large = 'x'.repeat(3_000_000)
    const traces = oneSpan([{ key: createKey('k'), type: ValueType.String, a: 0, b: 0, ref: large }])
    expect(comparable(officialDecode(encodeTraces(traces, new ReverseWriter(), 10)))).toEqual(comparable(tracesToPlain(traces)))
  })

  it.each([
    ['short', [0xff, 0x41]],
    ['cut off inside a character', [0x61, 0x62, 0x63, 0x64, 0xe2, 0x82]],
    ['an encoded surrogate', [0xed, 0xa0, 0x80, 0x61]],
    ['long', [...new Array(400).fill(0x61), 0xc3]],
  ])('writes text that is not UTF-8 as bytes in values and repaired in names: %s', (_, raw) => {
    const { source, start, end } = sliceOf(Uint8Array.from(raw), 5, 5)
    const traces = oneSpan([{ key: createKey('k'), type: ValueType.Text, a: start, b: end, ref: source }], { name: { source, start, end } })
    const plain = officialDecode(encodeTraces(traces, new ReverseWriter(), 10)) as {
      resourceSpans: [{ scopeSpans: [{ spans: [{ name: string; attributes: [{ value: object }] }] }] }]
    }
    const [span] = plain.resourceSpans[0].scopeSpans[0].spans
    expect(span.attributes[0].value).toEqual({ bytesValue: Buffer.from(raw).toString('base64') })
    expect(span.name).toBe(Buffer.from(raw).toString('utf8'))
  })
})

describe('decodeTraces', () => {
  it('reads what protobufjs with the official messages wrote', () => {
    fc.assert(
      fc.property(arbitraryTraces, (traces) => {
        const plain = tracesToPlain(traces)
        const bytes = officialEncode(plain)
        expect(comparable(tracesToPlain(decodeTraces(bytes)))).toEqual(comparable(plain))
      }),
      { numRuns: 200 },
    )
  })

  it('fails with OB_DECODE_PROTO and never otherwise on cut or changed bytes', () => {
    const writer = new ReverseWriter()
    fc.assert(
      fc.property(arbitraryTraces, fc.nat(), fc.nat(255), fc.boolean(), (traces, at, byte, cut) => {
        const bytes = Buffer.from(encodeTraces(traces, writer, 500))
        if (bytes.length === 0) return
        const place = at % bytes.length
        const damaged = cut ? bytes.subarray(0, place) : bytes
        if (!cut) bytes[place] = byte
        try {
          decodeTraces(damaged)
        } catch (error) {
          expect(error).toMatchObject({ code: 'OB_DECODE_PROTO' })
        }
      }),
      { numRuns: 300 },
    )
  })
})
