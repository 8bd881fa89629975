import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { uncompressSync } from 'snappy'
import { describe, expect, it } from 'vitest'
import { defaultWriteLimits } from '../../../src/ingest/prometheus/decode-limits.ts'
import { decodeWriteV1 } from '../../../src/ingest/prometheus/decode-v1.ts'
import { decodeWriteV2 } from '../../../src/ingest/prometheus/decode-v2.ts'
import { encodeTextAttributes } from '../../../src/otlp/encode/metric-parts.ts'
import { attributeTag, type EncodedExemplar } from '../../../src/otlp/metrics.ts'
import { fromDouble, toBigInt, toDouble } from '../../../src/otlp/time.ts'
import { encodeExemplar, maxExemplarBytes, maxExemplarLabels, sameExemplar } from '../../../src/translate/prometheus/exemplars.ts'
import { WriteRequest } from '../../../src/translate/prometheus/model.ts'
import { vectorFiles } from '../../support/shared.ts'

const sampleMs = 1_767_225_600_000

type Label = readonly [name: string | Uint8Array, value: string | Uint8Array]

/** A request with one exemplar, which is the second: the first has no labels. */
function requestOf(labels: readonly Label[], ms = 0, value = 1): WriteRequest {
  const request = new WriteRequest()
  const texts = ['', ...labels.flat()].map((one) => (typeof one === 'string' ? Buffer.from(one) : one))
  request.clear(2, Buffer.concat([Buffer.from('before'), ...texts]))
  request.ensureSymbols(texts.length)
  let at = 6
  for (const text of texts) {
    request.symbolStart[request.symbolCount] = at
    request.symbolEnd[request.symbolCount++] = at += text.length
  }
  request.ensureLabels(labels.length + 2)
  request.labelCount = 2
  for (let i = 0; i < labels.length; i++) {
    request.labelName[request.labelCount] = 1 + 2 * i
    request.labelValue[request.labelCount++] = 2 + 2 * i
  }
  request.exemplarCount = 2
  request.exemplarLabels[1] = 2
  request.exemplarLabelsEnd[1] = request.labelCount
  const words = { hi: 0, lo: 0 }
  fromDouble(value, words)
  request.exemplarHi[1] = words.hi
  request.exemplarLo[1] = words.lo
  request.exemplarMs[1] = ms
  return request
}

const encode = (labels: readonly Label[], ms?: number, value?: number) => encodeExemplar(requestOf(labels, ms, value), 1, sampleMs)

function taken(result: ReturnType<typeof encodeExemplar>): EncodedExemplar {
  if ('refused' in result) throw new Error(`${result.refused}: ${result.why}`)
  return result
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const attributes = (...pairs: [string, string][]): string => hex(encodeTextAttributes(pairs, attributeTag))

const traceHex = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanHex = '00f067aa0ba902b7'

describe('encodeExemplar', () => {
  it('takes ids out of labels, and keeps the rest', () => {
    const one = taken(encode([['span_id', spanHex], ['trace_id', traceHex], ['user', 'u1']], 1_767_225_599_990, 0.5)) // biome-ignore format: labels
    expect([hex(one.traceId), hex(one.spanId), hex(one.attributes)]).toEqual([traceHex, spanHex, attributes(['user', 'u1'])])
    expect([toBigInt(one.timeHi, one.timeLo), toDouble(one.valueHi, one.valueLo)]).toEqual([1_767_225_599_990_000_000n, 0.5])
  })

  it.each(['trace_id', 'traceID', 'traceId', 'TraceID', 'trace.id'])('knows %s as the trace id', (name) => {
    expect(hex(taken(encode([[name, traceHex]])).traceId)).toBe(traceHex)
  })

  it.each(['span_id', 'spanID', 'spanId', 'SpanID', 'span.id'])('knows %s as the span id', (name) => {
    expect(hex(taken(encode([[name, spanHex]])).spanId)).toBe(spanHex)
  })

  it('reads upper-case digits', () => {
    const one = taken(encode([['spanID', spanHex.toUpperCase()], ['traceID', traceHex.toUpperCase()]])) // biome-ignore format: labels
    expect([hex(one.traceId), hex(one.spanId), one.attributes.length]).toEqual([traceHex, spanHex, 0])
  })

  it.each([
    ['trace_id', '0'.repeat(32)],
    ['trace_id', traceHex.slice(1)],
    ['trace_id', `${traceHex}0`],
    ['trace_id', traceHex.slice(16)],
    ['trace_id', `g${traceHex.slice(1)}`],
    ['TraceId', traceHex],
    ['span_id', '0'.repeat(16)],
    ['span_id', traceHex],
    ['span_id', `${spanHex.slice(1)} `],
    ['traceid', traceHex],
  ])('keeps %s %j as an attribute', (name, value) => {
    const one = taken(encode([[name, value]]))
    expect([one.traceId.length, one.spanId.length, hex(one.attributes)]).toEqual([0, 0, attributes([name, value])])
  })

  it('takes one spelling, and keeps the other', () => {
    const other = 'f'.repeat(32)
    const one = taken(encode([['traceID', traceHex], ['trace_id', other]])) // biome-ignore format: labels
    expect([hex(one.traceId), hex(one.attributes)]).toEqual([traceHex, attributes(['trace_id', other])])
    const first = taken(encode([['traceID', 'none'], ['trace_id', other]])) // biome-ignore format: labels
    expect([hex(first.traceId), hex(first.attributes)]).toEqual([other, attributes(['traceID', 'none'])])
  })

  it('takes an exemplar without labels', () => {
    const one = taken(encodeExemplar(requestOf([]), 0, sampleMs))
    expect([one.traceId.length, one.spanId.length, one.attributes.length]).toEqual([0, 0, 0])
  })

  it('puts attributes in order, and leaves out those that are empty', () => {
    const one = taken(encode([['b', '2'], ['c', ''], ['a', '1'], ['ab', 'ä']])) // biome-ignore format: labels
    expect(hex(one.attributes)).toBe(attributes(['a', '1'], ['ab', 'ä'], ['b', '2']))
  })

  it('has the time of the sample where it has none of its own', () => {
    const one = taken(encode([], 0))
    expect(toBigInt(one.timeHi, one.timeLo)).toBe(1_767_225_600_000_000_000n)
  })

  it.each([-1, -(2 ** 63), 18_446_744_073_710, 2 ** 63, Number.NaN])('refuses the time %d', (ms) => {
    const request = requestOf([], 1)
    request.exemplarMs[1] = ms
    const result = encodeExemplar(request, 1, Number.isNaN(ms) ? -5 : sampleMs)
    expect(result).toMatchObject({ refused: 'exemplar_timestamp' })
  })

  it('takes the last millisecond that there is', () => {
    const one = taken(encode([], 18_446_744_073_709))
    expect(toBigInt(one.timeHi, one.timeLo)).toBe(18_446_744_073_709_000_000n)
  })

  it.each<[string, Label[], string]>([
    ['a label without a name', [['', 'x']], 'exemplar_label_empty'],
    ['a label without anything', [['', '']], 'exemplar_label_empty'],
    ['a label twice', [['a', '1'], ['a', '2']], 'exemplar_label_twice'], // biome-ignore format: labels
    ['a label twice, not side by side', [['a', '1'], ['b', '1'], ['a', '']], 'exemplar_label_twice'], // biome-ignore format: labels
    ['a name that is not UTF-8', [[Uint8Array.of(0xff), 'x']], 'exemplar_not_utf8'],
    ['a value that is not UTF-8', [['x', Uint8Array.of(0x61, 0xc3)]], 'exemplar_not_utf8'],
    ['an id that is not UTF-8', [['trace_id', Uint8Array.of(0xed, 0xa0, 0x80)]], 'exemplar_not_utf8'],
    ['a name that is not UTF-8 without a value', [[Uint8Array.of(0x80), '']], 'exemplar_not_utf8'],
    ['1 MB of labels', [['x', 'y'.repeat(1_000_000)]], 'exemplar_too_large'],
    ['one byte too many', [['x', 'y'.repeat(maxExemplarBytes)]], 'exemplar_too_large'],
    ['one label too many', Array.from({ length: maxExemplarLabels + 1 }, (_, i) => [`l${i}`, 'x'] as const), 'exemplar_too_many_labels'],
  ])('refuses %s', (_name, labels, refused) => {
    expect(encode(labels)).toMatchObject({ refused })
  })

  it('writes any labels as the encoder of attributes does', () => {
    const text = fc.oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }), fc.string({ minLength: 100, maxLength: 300 }))
    const labels = fc.uniqueArray(fc.tuple(text, text), { maxLength: 8, selector: ([name]) => name })
    fc.assert(
      fc.property(labels, (all) => {
        const wellFormed = all.map(([name, value]): [string, string] => [name.toWellFormed(), value.toWellFormed()])
        fc.pre(new Set(wellFormed.map(([name]) => name)).size === wellFormed.length)
        const inOrder = [...wellFormed].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        expect(hex(taken(encode(wellFormed)).attributes)).toBe(attributes(...inOrder))
      }),
    )
  })
})

describe('sameExemplar', () => {
  const labels: Label[] = [['trace_id', traceHex], ['user', 'u1'], ['zone', 'z']] // biome-ignore format: labels
  const one = taken(encode(labels, 5, 2))

  it('is true of equal ones, in whatever order labels came', () => {
    expect(sameExemplar(one, taken(encode(labels.toReversed(), 5, 2)))).toBe(true)
    expect(sameExemplar(one, taken(encode(labels.with(0, ['TraceID', traceHex]), 5, 2)))).toBe(true)
  })

  it.each<[string, readonly Label[], number, number]>([
    ['another time', labels, 6, 2],
    ['another value', labels, 5, 3],
    ['another trace', labels.with(0, ['trace_id', 'f'.repeat(32)]), 5, 2],
    ['a span', [...labels, ['span_id', spanHex]], 5, 2],
    ['another label', labels.with(2, ['zone', 'y']), 5, 2],
    ['one label less', labels.slice(0, 2), 5, 2],
  ])('is false with %s', (_name, other, ms, value) => {
    expect(sameExemplar(one, taken(encode(other, ms, value)))).toBe(false)
  })
})

const vectors = vectorFiles('prometheus').filter((file) => /\/18-.*\.bin$/.test(file))
const real = vectorFiles('prometheus/real').filter((file) => /exemplars\.bin$|second\.bin$/.test(file))

function decode(file: string): WriteRequest {
  const request = new WriteRequest()
  const body = uncompressSync(readFileSync(file), { asBuffer: true }) as Buffer
  if (file.includes('rw1')) decodeWriteV1(body, defaultWriteLimits, request)
  else decodeWriteV2(body, defaultWriteLimits, request)
  return request
}

describe.runIf(vectors.length > 0)('encodeExemplar of the shared vectors', () => {
  it.each(vectors)('%s', (file) => {
    const one = taken(encodeExemplar(decode(file), 0, sampleMs))
    expect([hex(one.traceId), hex(one.spanId), hex(one.attributes)]).toEqual([traceHex, spanHex, attributes(['user', 'u1'])])
    expect([toBigInt(one.timeHi, one.timeLo), toDouble(one.valueHi, one.valueLo)]).toEqual([1_767_225_599_990_000_000n, 1])
  })

  it.each(real)('%s: all exemplars have a trace', (file) => {
    const request = decode(file)
    expect(request.exemplarCount).toBeGreaterThan(0)
    for (let i = 0; i < request.exemplarCount; i++) expect(taken(encodeExemplar(request, i, sampleMs)).traceId).toHaveLength(16)
  })
})
