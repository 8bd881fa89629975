import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Signal } from '../../../src/otlp/intake.ts'
import { requestToJson } from '../../../src/otlp/json/to-json.ts'
import { jsonToRequest } from '../../../src/otlp/json/to-proto.ts'
import { requestOf } from '../../../src/otlp/messages.ts'
import { arbitraryRequest, respell } from '../../support/arbitrary-otlp.ts'
import { officialDecode, type Plain } from '../../support/official-otlp.ts'

const signals: readonly Signal[] = ['traces', 'metrics', 'logs']

const encode = (json: string | Uint8Array, signal: Signal = 'traces', maxDepth = 64): Uint8Array =>
  jsonToRequest(signal, Buffer.from(json as string), maxDepth)

const spans = (text: string): string => `{"resourceSpans":[{"scopeSpans":[{"spans":[${text}]}]}]}`
const spanOf = (request: Uint8Array): Plain =>
  (officialDecode(request) as { resourceSpans: [{ scopeSpans: [{ spans: [Plain] }] }] }).resourceSpans[0].scopeSpans[0].spans[0]
/** What becomes of one span. */
const span = (text: string): Plain => spanOf(encode(spans(text)))
/** What becomes of one attribute's value. */
const value = (text: string): unknown =>
  (span(`{"attributes":[{"key":"k","value":${text}}]}`) as { attributes: [Plain] }).attributes[0]['value']
/** What becomes of one gauge's point. */
const point = (text: string): unknown =>
  (
    officialDecode(
      encode(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[${text}]}}]}]}]}`, 'metrics'),
      'metrics',
    ) as {
      resourceMetrics: [{ scopeMetrics: [{ metrics: [{ gauge: { dataPoints: [Plain] } }] }] }]
    }
  ).resourceMetrics[0].scopeMetrics[0].metrics[0].gauge.dataPoints[0]

/** A seeded generator, so that a spelling can be made again. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 4294967296
  }
}

describe('jsonToRequest', () => {
  it.each(signals)('writes %s that protobufjs with the official messages reads back', (signal) => {
    fc.assert(
      fc.property(arbitraryRequest(signal), (plain) => {
        expect(officialDecode(encode(JSON.stringify(plain), signal), signal)).toEqual(plain)
      }),
      { numRuns: 300 },
    )
  })

  it.each(signals)('takes every spelling of %s: names, numbers, enums, ids, blanks, escapes, unknown fields, nulls', (signal) => {
    fc.assert(
      fc.property(arbitraryRequest(signal), fc.integer({ min: 1 }), (plain, seed) => {
        const spelled = respell(plain, requestOf(signal), randomFrom(seed))
        expect(Buffer.compare(encode(spelled, signal), encode(JSON.stringify(plain), signal)), spelled).toBe(0)
      }),
      { numRuns: 300 },
    )
  })

  it.each(signals)('and requestToJson undo each other for %s', (signal) => {
    fc.assert(
      fc.property(arbitraryRequest(signal), (plain) => {
        // The first round puts fields into the order of the proto.
        const request = encode(requestToJson(signal, encode(JSON.stringify(plain), signal)), signal)
        expect(officialDecode(request, signal)).toEqual(plain)
        expect(Buffer.compare(encode(requestToJson(signal, request), signal), request)).toBe(0)
      }),
      { numRuns: 100 },
    )
  })

  it('takes the example of the specification', () => {
    const text = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"my.service"}}]},"scopeSpans":[{"scope":{"name":"my.library",
      "version":"1.0.0","attributes":[{"key":"my.scope.attribute","value":{"stringValue":"some scope attribute"}}]},"spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C",
      "spanId":"EEE19B7EC3C1B174","parentSpanId":"EEE19B7EC3C1B173","name":"I'm a server span","startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000",
      "kind":2,"attributes":[{"key":"my.span.attr","value":{"stringValue":"some value"}}]}]}]}]}`
    expect(spanOf(encode(text))).toMatchObject({
      traceId: '5b8efff798038103d269b633813fc60c',
      startTimeUnixNano: '1544712660000000000',
      kind: 2,
    })
  })

  it.each([
    ['1700000000123456789', '1700000000123456789'],
    ['"18446744073709551615"', '18446744073709551615'],
    ['18446744073709551615', '18446744073709551615'],
    ['1.7000000001234567e18', '1700000000123456700'],
    ['"1e3"', '1000'],
    ['10.0', '10'],
    ['1500e-2', '15'],
  ])('reads the time %s exactly', (text, expected) => {
    expect(span(`{"startTimeUnixNano":${text}}`)).toEqual({ startTimeUnixNano: expected })
  })

  it.each([
    ['-9223372036854775808', '-9223372036854775808'],
    ['"9223372036854775807"', '9223372036854775807'],
    ['-4294967296', '-4294967296'],
    ['-0', '0'],
    ['-1', '-1'],
  ])('reads the integer %s exactly', (text, expected) => {
    expect(value(`{"intValue":${text}}`)).toEqual({ intValue: expected })
    expect(point(`{"asInt":${text}}`)).toEqual({ asInt: expected })
  })

  it('reads every double as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.nat(20), (double, digits) => {
        for (const text of [String(double), double.toExponential(digits), double.toFixed(Math.min(digits, 15))]) {
          if (!Number.isFinite(Number(text))) continue
          expect(Object.is((point(`{"asDouble":${text}}`) as { asDouble: number }).asDouble, JSON.parse(text))).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })

  it.each([
    ['"NaN"', 'NaN'],
    ['"Infinity"', 'Infinity'],
    ['"-Infinity"', '-Infinity'],
    ['"1.5"', 1.5],
  ])('reads the double %s', (text, expected) => {
    expect(point(`{"asDouble":${text}}`)).toEqual({ asDouble: expected })
  })

  it.each([
    ['{"stringValue":""}', { stringValue: '' }],
    ['{"boolValue":false}', { boolValue: false }],
    ['{"intValue":0}', { intValue: '0' }],
    ['{"doubleValue":0}', { doubleValue: 0 }],
    ['{"bytesValue":""}', { bytesValue: '' }],
    ['{"bytesValue":"\\/+8="}', { bytesValue: '/+8=' }],
    ['{"bytesValue":{"0":104,"1": 255}}', { bytesValue: 'aP8=' }],
    ['{"bytesValue":{}}', { bytesValue: '' }],
    ['{"arrayValue":{}}', { arrayValue: {} }],
    ['{"arrayValue":{"values":[null,{"intValue":"1"},{}]}}', { arrayValue: { values: [{}, { intValue: '1' }, {}] } }],
    [
      '{"kvlistValue":{"values":[{"key":"a","value":{"kvlistValue":{"values":[]}}}]}}',
      { kvlistValue: { values: [{ key: 'a', value: { kvlistValue: {} } }] } },
    ],
    ['{}', {}],
  ])('keeps the attribute value %s', (text, expected) => {
    expect(value(text)).toEqual(expected)
  })

  it('leaves out nulls, empty ids and defaults', () => {
    expect(span('{"parentSpanId":"","name":null,"traceState":"","kind":0,"attributes":null,"status":null,"droppedLinksCount":0}')).toEqual(
      {},
    )
  })

  it('knows the names of enum values', () => {
    expect(span('{"kind":"SPAN_KIND_CLIENT","status":{"code":"STATUS_CODE_ERROR"}}')).toEqual({ kind: 3, status: { code: 2 } })
    const logs = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":"SEVERITY_NUMBER_WARN2"}]}]}]}'
    expect(JSON.stringify(officialDecode(encode(logs, 'logs'), 'logs'))).toContain('"severityNumber":14')
  })

  it('is not led astray by names of objects in JavaScript, nor by names that come twice', () => {
    const text =
      '{"__proto__":{"name":"x"},"constructor":{"prototype":1},"toString":1,"hasOwnProperty":[],"name":"a","name":"b","attributes":[{"key":"x"}],"attributes":[{"key":"y"}]}'
    expect(span(text)).toEqual({ name: 'b', attributes: [{ key: 'x' }, { key: 'y' }] })
  })

  it('makes half a surrogate pair U+FFFD and keeps whole ones', () => {
    expect(span('{"name":"\\ud83d\\ude00 \\ud83d \\ude00 \\ud83d\\n\\ud83d\\ud83d\\ude00 é"}')).toEqual({ name: '😀 � � �\n�😀 é' })
  })

  it('takes a byte order mark, control characters and bytes that are not UTF-8', () => {
    const body = Buffer.concat([Uint8Array.of(0xef, 0xbb, 0xbf), Buffer.from(spans('{"name":"a\nb'.concat('~"}')))])
    body[body.indexOf(0x7e)] = 0xff
    expect(spanOf(encode(body))).toEqual({ name: 'a\nb\ufffd' })
  })

  it.each([
    ['an id that is too short', '{"traceId":"5b8e"}', 'expected 32 hex digits', 'traceId'],
    ['an id that is no hex', '{"traceId":"zb8efff798038103d269b633813fc60c"}', 'expected 32 hex digits', 'traceId'],
    ['an id in base64', '{"spanId":"7uGbfsPBsXQ="}', 'expected 16 hex digits', 'spanId'],
    ['a number as id', '{"traceId":12345678901234567890123456789012}', 'expected a string', 'traceId'],
    [
      'a number too large for a double',
      '{"attributes":[{"key":"a","value":{"doubleValue":1e400}}]}',
      'expected a number that a double can hold',
      'attributes[0].value.doubleValue',
    ],
    [
      'hex digits for a double',
      '{"attributes":[{"value":{"doubleValue":"0x10"}}]}',
      'expected a number',
      'attributes[0].value.doubleValue',
    ],
    ['an empty double', '{"attributes":[{"value":{"doubleValue":""}}]}', 'expected a number', 'attributes[0].value.doubleValue'],
    ['2^63', '{"attributes":[{},{"value":{"intValue":9223372036854775808}}]}', 'not in the range of int64', 'attributes[1].value.intValue'],
    [
      '−2^63 − 1',
      '{"attributes":[{"value":{"intValue":-9223372036854775809}}]}',
      'not in the range of int64',
      'attributes[0].value.intValue',
    ],
    ['2^64', '{"startTimeUnixNano":18446744073709551616}', 'expected a whole number', 'startTimeUnixNano'],
    ['a fraction', '{"startTimeUnixNano":1.5}', 'expected a whole number', 'startTimeUnixNano'],
    ['an exponent without end', '{"startTimeUnixNano":1e999999}', 'expected a whole number', 'startTimeUnixNano'],
    ['a negative time', '{"startTimeUnixNano":"-1"}', 'not in the range of uint64', 'startTimeUnixNano'],
    ['an empty number', '{"startTimeUnixNano":""}', 'expected a whole number', 'startTimeUnixNano'],
    ['a uint32 that is too large', '{"flags":4294967296}', 'not in the range of uint32', 'flags'],
    ['an unknown enum name', '{"kind":"SPAN_KIND_ODD"}', 'unknown name', 'kind'],
    ['an enum name of another enum', '{"kind":"toString"}', 'unknown name', 'kind'],
    ['text as bool', '{"attributes":[{"value":{"boolValue":"true"}}]}', 'expected true or false', 'attributes[0].value.boolValue'],
    ['bad base64', '{"attributes":[{"value":{"bytesValue":"a*=="}}]}', 'expected base64', 'attributes[0].value.bytesValue'],
    ['half a base64 group', '{"attributes":[{"value":{"bytesValue":"abcde"}}]}', 'expected base64', 'attributes[0].value.bytesValue'],
    ['bytes that are none', '{"attributes":[{"value":{"bytesValue":{"0":256}}}]}', 'expected a byte', 'attributes[0].value.bytesValue'],
    ['bytes out of order', '{"attributes":[{"value":{"bytesValue":{"1":5}}}]}', 'expected base64', 'attributes[0].value.bytesValue'],
    ['a list that is none', '{"events":{}}', 'expected [', 'events'],
    ['an object that is none', '{"status":[]}', 'expected {', 'status'],
    ['null in a list of numbers', '{"events":[{"timeUnixNano":1},5]}', 'expected {', 'events[1]'],
  ])('refuses %s and says where', (_, text, message, path) => {
    const place = `$.resourceSpans[0].scopeSpans[0].spans[0].${path}`
    expect(() => encode(spans(text))).toThrow(
      expect.objectContaining({ code: 'OB_DECODE_JSON', message: expect.stringContaining(message), place }),
    )
  })

  it.each([
    ['nothing', ''],
    ['blanks', ' \n'],
    ['no object', '[]'],
    ['a word', 'null'],
    ['more behind the end', '{}{}'],
    ['a comma too many', '{"resourceSpans":[{},]}'],
    ['a comma too many in an object', '{"resourceSpans":[],}'],
    ['no closing brace', '{"resourceSpans":[]'],
    ['a bare name', '{resourceSpans:[]}'],
    ['a leading zero', '{"x":01}'],
    ['a lone minus', '{"x":-}'],
    ['a lone point', '{"x":1.}'],
    ['NaN without quotes', '{"x":NaN}'],
    ['an unknown escape', '{"x":"\\x"}'],
    ['a cut escape', '{"x":"\\u12'],
    ['an escape that runs into the end', '{"x":"\\u12"}'],
    ['a string without end', '{"x":"abc'],
    ['a string that ends in a backslash', '{"x":"abc\\'],
    ['other brackets', '{"x":[}'],
  ])('refuses what is no JSON: %s', (_, text) => {
    expect(() => encode(text)).toThrow(expect.objectContaining({ code: 'OB_DECODE_JSON' }))
  })

  it('never reads past the end of a body that is part of a larger one', () => {
    const whole = Buffer.from(`${spans('{"name":"n"}')}}]`)
    expect(() => jsonToRequest('traces', whole.subarray(0, whole.length - 3), 64)).toThrow(
      expect.objectContaining({ code: 'OB_DECODE_JSON' }),
    )
    expect(() => jsonToRequest('traces', whole.subarray(0, whole.length - 2), 64)).not.toThrow()
    const word = Buffer.from('{"x":null}')
    expect(() => jsonToRequest('traces', word.subarray(0, 8), 64)).toThrow(expect.objectContaining({ code: 'OB_DECODE_JSON' }))
  })

  it.each([
    ['lists below an unknown field', `{"x":${'['.repeat(10_000)}`],
    ['objects below an unknown field', `{"x":${'{"a":'.repeat(10_000)}`],
    ['attribute values', spans(`{"attributes":[{"value":${'{"arrayValue":{"values":['.repeat(10_000)}`)],
    ['lists of pairs', spans(`{"attributes":[{"value":${'{"kvlistValue":{"values":[{"value":'.repeat(10_000)}`)],
  ])('refuses %s nested 10,000 deep', (_, text) => {
    expect(() => encode(text)).toThrow(expect.objectContaining({ code: 'OB_LIMIT_DEPTH' }))
  })

  it('takes values nested up to the limit', () => {
    const nested = (depth: number): string =>
      spans(`{"attributes":[{"value":${'{"arrayValue":{"values":['.repeat(depth - 1)}{}${']}}'.repeat(depth - 1)}}]}`)
    expect(() => encode(nested(64))).not.toThrow()
    expect(() => encode(nested(65))).toThrow(expect.objectContaining({ code: 'OB_LIMIT_DEPTH' }))
  })

  it('fails with a code of ours and never otherwise on cut or changed bytes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...signals), fc.nat(), fc.nat(255), fc.boolean(), fc.nat(), (signal, at, byte, cut, seed) => {
        const [plain = {}] = fc.sample(arbitraryRequest(signal), { numRuns: 1, seed })
        const body = Buffer.from(respell(plain, requestOf(signal), randomFrom(seed)))
        const place = at % body.length
        const damaged = cut ? body.subarray(0, place) : body
        if (!cut) body[place] = byte
        try {
          officialDecode(jsonToRequest(signal, damaged, 64), signal)
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^OB_DECODE_JSON$|^OB_LIMIT_DEPTH$/) })
        }
      }),
      { numRuns: 300 },
    )
  })
})
