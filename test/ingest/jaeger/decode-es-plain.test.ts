import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TranslatedBody } from '../../../src/ingest/adapter.ts'
import { JsonReader } from '../../../src/ingest/exact-json.ts'
import { createEsDecoder } from '../../../src/ingest/jaeger/decode-es.ts'
import { createPlainSpanReader } from '../../../src/ingest/jaeger/decode-es-plain.ts'
import { createJsonSpanReader } from '../../../src/ingest/jaeger/decode-json.ts'
import { createJsonFindings, type JsonBatch } from '../../../src/ingest/jaeger/json-findings.ts'
import { jsonLimitsOf } from '../../../src/ingest/jaeger/json-limits.ts'
import { createJaegerTranslators, jaegerOptionsOf } from '../../../src/ingest/jaeger/translators.ts'
import { defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { encodeTraces } from '../../../src/otlp/encode/traces.ts'
import { ReverseWriter } from '../../../src/otlp/encode/writer.ts'
import { createKeyTable } from '../../../src/otlp/keys.ts'
import { jaegerTranslateConfig } from '../../../src/translate/jaeger/config.ts'
import { createFieldKey } from '../../../src/translate/jaeger/field-keys.ts'
import { jaegerRoleOf } from '../../../src/translate/jaeger/keys.ts'
import type { JaegerSpan } from '../../../src/translate/jaeger/model.ts'
import { jaegerToTraces } from '../../../src/translate/jaeger/to-otlp.ts'
import { mutated } from '../../support/mutate.ts'

const keys = createKeyTable(jaegerRoleOf)
const fieldKey = createFieldKey('@', [])
const plain = createPlainSpanReader(keys, defaultDecodeLimits, fieldKey)
const whole = createJsonSpanReader(keys, defaultDecodeLimits, { binary: 'hex', fieldKey })
const options = jaegerOptionsOf(jaegerTranslateConfig.parse({}))

function otlpOf(span: JaegerSpan): { readonly bytes: string; readonly notes: unknown } {
  const batch = { nanosPerTick: 1000, process: undefined, spans: [span], seqNo: undefined, stats: undefined }
  const { data, notes, drops } = jaegerToTraces(batch, options)
  return { bytes: Buffer.from(encodeTraces(data, new ReverseWriter(), 4096)).toString('hex'), notes: [notes, drops] }
}

const bytesOf = (document: unknown): Uint8Array => Buffer.from(typeof document === 'string' ? document : JSON.stringify(document))

const plainly = (bytes: Uint8Array): JaegerSpan | undefined => (plain.open(bytes) ? plain.read(0, bytes.length) : undefined)

/** What the other reader makes of it, and what it noticed; undefined when it is no JSON. */
function wholly(bytes: Uint8Array): { readonly span: JaegerSpan; readonly notes: number } | undefined {
  const findings = createJsonFindings()
  const reader = new JsonReader(bytes, jsonLimitsOf(defaultDecodeLimits))
  try {
    const value = reader.value()
    reader.finish()
    const { span } = whole.span(value, 0, 0, findings)
    return { span, notes: findings.batch([span], 1000).notes.size }
  } catch {
    return undefined
  }
}

function same(bytes: Uint8Array): boolean {
  // Unescaping must not reach the bytes that were handed in.
  const before = Buffer.from(bytes).toString('hex')
  const found = plainly(bytes)
  expect(Buffer.from(bytes).toString('hex')).toBe(before)
  if (found === undefined) return false
  const read = wholly(bytes)
  expect(read?.span.invalid).toBeUndefined()
  expect(read?.notes).toBe(0)
  expect(otlpOf(found)).toEqual(read === undefined ? undefined : otlpOf(read.span))
  return true
}

const id = (digits: number) =>
  fc
    .array(fc.integer({ min: 0, max: 15 }), { minLength: digits, maxLength: digits })
    .map((list) => list.map((one) => one.toString(16)).join(''))
    .filter((text) => /[1-9a-f]/.test(text))
const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom('', 'a "b"', '\\', '\n', 'é', '\u{1f600}'),
)
const time = fc.integer({ min: 0, max: 4e15 })
const tag = fc.oneof(
  fc.record({ key: text, type: fc.constant('string'), value: text }),
  fc.record({ key: text, type: fc.constant('bool'), value: fc.constantFrom('true', 'false', true, false) }),
  fc.record({
    key: text,
    type: fc.constant('int64'),
    value: fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String), fc.integer(), fc.constantFrom('007', '-0')),
  }),
  fc.record({
    key: text,
    type: fc.constant('float64'),
    value: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }).map(String), fc.double({ noNaN: true, noDefaultInfinity: true })),
  }),
  fc.record({ key: text, type: fc.constant('binary'), value: fc.constantFrom('', '00ff', 'ABCDEF') }),
  fc.record({
    key: fc.constantFrom('span.kind', 'error', 'http.status_code', 'otel.status_code'),
    value: fc.constantFrom('server', 'true', '500', 'ERROR'),
  }),
)
const tags = fc.option(fc.array(tag, { maxLength: 5 }), { nil: null })
const number = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.maxSafeInteger())
const fields = fc.option(
  fc.dictionary(
    fc.oneof(text, fc.constantFrom('span@kind', 'http@status_code', 'error', 'a@b', 'a.b', 'otel@status_code')),
    fc.oneof(text, number, fc.boolean()),
    {
      maxKeys: 5,
    },
  ),
  { nil: null },
)
const document = fc.record(
  {
    traceID: fc.oneof(id(32), id(16), id(7)),
    spanID: id(16),
    parentSpanID: id(16),
    flags: fc.nat(9),
    operationName: text,
    references: fc.option(
      fc.array(fc.record({ refType: fc.constantFrom('CHILD_OF', 'FOLLOWS_FROM'), traceID: id(32), spanID: id(16) }), { maxLength: 3 }),
      { nil: null },
    ),
    startTime: time,
    startTimeMillis: time,
    duration: time,
    tags,
    tag: fields,
    logs: fc.option(fc.array(fc.record({ timestamp: time, fields: tags }), { maxLength: 3 }), { nil: null }),
    process: fc.record({ serviceName: text, tags, tag: fields }, { requiredKeys: ['serviceName'] }),
    warnings: fc.constant(null),
  },
  { requiredKeys: ['traceID', 'spanID', 'startTime', 'process'] },
)

describe('createPlainSpanReader', () => {
  it('reads what Jaeger writes, as the reader of everything else does', () => {
    let read = 0
    fc.assert(
      fc.property(document, (one) => {
        if (same(bytesOf(one))) read++
      }),
      { numRuns: 1000 },
    )
    // Numbers written with an exponent and the like are few.
    expect(read).toBeGreaterThan(800)
  })

  it('gives of damaged documents what the other reader gives, or nothing', () => {
    const seeds = fc.sample(document, { numRuns: 40, seed: 7 }).map(bytesOf)
    fc.assert(
      fc.property(mutated(seeds), ({ bytes }) => {
        same(bytes)
      }),
      { numRuns: 4000 },
    )
  })

  it.each([
    ['a list among tags as fields', '{"traceID":"1","spanID":"1","startTime":1,"tag":{"a":[1]}}'],
    ['nothing among tags as fields', '{"traceID":"1","spanID":"1","startTime":1,"tag":{"a":null}}'],
    ['a field twice', '{"traceID":"1","spanID":"1","startTime":1,"tag":{"a":1,"b":2,"a":3}}'],
    ['a field twice, once with an escape', '{"traceID":"1","spanID":"1","startTime":1,"tag":{"a":1,"\\u0061":3}}'],
    ['tags behind tags as fields', '{"traceID":"1","spanID":"1","startTime":1,"tag":{"a":1},"tags":[]}'],
    ['half a surrogate pair', '{"traceID":"1","spanID":"1","startTime":1,"operationName":"\\ud83d"}'],
    ['a name with an escape', '{"traceID":"1","spanID":"1","startTime":1,"span\\u0049D":"2"}'],
    ['a member that is not known', '{"traceID":"1","spanID":"1","startTime":1,"more":1}'],
    ['a list of warnings', '{"traceID":"1","spanID":"1","startTime":1,"warnings":[]}'],
    ['a type that is not known', '{"traceID":"1","spanID":"1","startTime":1,"tags":[{"key":"a","type":"long","value":1}]}'],
    ['a value before its type', '{"traceID":"1","spanID":"1","startTime":1,"tags":[{"key":"a","value":1,"type":"int64"}]}'],
    ['no value', '{"traceID":"1","spanID":"1","startTime":1,"tags":[{"key":"a","type":"int64"}]}'],
    ['an envelope', '{"_index":"a","_source":{"traceID":"1","spanID":"1","startTime":1}}'],
    ['a value of another type', '{"traceID":"1","spanID":"1","startTime":1,"tags":[{"key":"a","type":"int64","value":"x"}]}'],
    ['a quoted time', '{"traceID":"1","spanID":"1","startTime":"1"}'],
    ['a fraction', '{"traceID":"1","spanID":"1","startTime":1.5}'],
    ['no time', '{"traceID":"1","spanID":"1"}'],
    ['more behind it', '{"traceID":"1","spanID":"1","startTime":1} {}'],
    ['a byte order mark', '\ufeff{"traceID":"1","spanID":"1","startTime":1}'],
    ['a process by name', '{"traceID":"1","spanID":"1","startTime":1,"processID":"p1"}'],
    ['beyond int64', '{"traceID":"1","spanID":"1","startTime":1,"tags":[{"key":"a","type":"int64","value":"9223372036854775808"}]}'],
  ])('leaves to the other reader: %s', (_, json) => {
    expect(plainly(bytesOf(json))).toBeUndefined()
  })

  it('takes spans of one process for such, and only those', () => {
    const one = (service: string, host: string) =>
      JSON.stringify({
        traceID: '1',
        spanID: '2',
        startTime: 3,
        process: { serviceName: service, tags: [{ key: 'host', type: 'string', value: host }] },
      })
    const lines = [one('a', 'x'), one('a', 'x'), one('a', 'y'), one('b', 'x'), one('a', 'x"'), one('a', 'x"'), one('a', 'x')]
    const body = bytesOf(lines.join('\n'))
    expect(plain.open(body)).toBe(true)
    let at = 0
    const spans = lines.map((line) => {
      const end = at + Buffer.byteLength(line)
      const span = plain.read(at, end)
      at = end + 1
      return span as JaegerSpan
    })
    expect(spans[1]?.process).toBe(spans[0]?.process)
    expect(spans[6]?.process).toBe(spans[0]?.process)
    expect(new Set(spans.map((span) => otlpOf(span).bytes)).size).toBe(4)
    for (const [i, span] of spans.entries()) expect(otlpOf(span)).toEqual(otlpOf((wholly(bytesOf(lines[i])) as { span: JaegerSpan }).span))
  })
})

/** One line of a body: mostly a document as it is, now and then one that nobody expects. */
const line = fc.oneof(
  { weight: 8, arbitrary: document.map((one) => JSON.stringify(one)) },
  { weight: 2, arbitrary: fc.constantFrom('shop', 'cart').chain((serviceName) => documentOf(serviceName)) },
  document.map((one) => JSON.stringify({ _index: 'jaeger-span-2026-11-18', _id: 'a', _source: one })),
  document.map((one) => JSON.stringify({ ...one, more: { nested: [1, 2] } })),
  document.map((one) => JSON.stringify(one, null, ' ').replaceAll('\n', ' ')),
  document.map((one) => JSON.stringify({ ...one, traceID: 'no id' })),
  document.map((one) => JSON.stringify(one).replace('"startTime":', '"startTime":-')),
  fc.constantFrom(
    '',
    '{',
    '{}',
    '[]',
    'null',
    '{"index":{"_index":"jaeger-span-x"}}',
    '{"delete":{"_id":"a"}}',
    '{"serviceName":"a","operationName":"b"}',
  ),
)

function documentOf(serviceName: string): fc.Arbitrary<string> {
  const key = fc.constantFrom('http.method', 'http.path', 'peer.service')
  const short = fc.array(fc.record({ key, type: fc.constantFrom('string', 'int64'), value: fc.constantFrom('1', '2') }), { maxLength: 3 })
  const tag = fc.dictionary(fc.constantFrom('span@kind', 'a@b', 'c'), fc.constantFrom('server', 1, true), { maxKeys: 3 })
  const one = {
    traceID: id(32),
    spanID: id(16),
    startTime: time,
    tags: short,
    tag,
    process: fc.record({ serviceName: fc.constant(serviceName), tags: short }),
  }
  return fc.record(one).map((found) => JSON.stringify(found))
}

/** What a decoder gives, or what it throws. */
function outcomeOf(decode: () => JsonBatch): { readonly bytes: string; readonly rest: unknown } | string {
  try {
    const { batch, notes, faults } = decode()
    const { data, notes: more, drops } = jaegerToTraces(batch, options)
    return {
      bytes: Buffer.from(encodeTraces(data, new ReverseWriter(), 4096)).toString('hex'),
      rest: [batch.spans.length, notes, faults, more, drops],
    }
  } catch (error) {
    return String(error)
  }
}

describe('createEsDecoder', () => {
  const limits = { ...defaultDecodeLimits, maxItems: 12, maxAttributes: 4 }
  const decode = createEsDecoder(createKeyTable(jaegerRoleOf), limits, fieldKey)
  const { esJson } = createJaegerTranslators({
    limits,
    translate: jaegerTranslateConfig.parse({}),
    zipkinList: () => expect.fail('no Zipkin here'),
  })
  /** OTLP bytes of the translator, which keeps no spans. */
  const translated = (body: Uint8Array): string => {
    try {
      return Buffer.from(esJson(body, 0).data).toString('hex')
    } catch (error) {
      return String(error)
    }
  }
  /** Where origins of tags are asked for, every document is read by the reader that knows all. */
  const sameBoth = (body: Uint8Array): void => {
    const before = Buffer.from(body).toString('hex')
    const expected = outcomeOf(() => decode(body, new Map()))
    expect(outcomeOf(() => decode(body))).toEqual(expected)
    expect(translated(body)).toEqual(typeof expected === 'string' ? expected : expected.bytes)
    expect(Buffer.from(body).toString('hex')).toBe(before)
  }
  /** Documents in lines, and where they lie in something else. */
  const told = (translate: () => TranslatedBody): unknown => {
    try {
      const { data, drops, notes, received, items } = translate()
      const at = (text: string): string => text.replace(/ at byte \d+/, '')
      return {
        data: Buffer.from(data).toString('hex'),
        drops: drops.map((drop) => ({ ...drop, example: at(drop.example) })),
        notes,
        received,
        items,
      }
    } catch (error) {
      return error instanceof Error && 'code' in error ? error.code : String(error)
    }
  }

  it('gives of documents where they lie what it gives of them in lines', () => {
    const placed = esJson.placed ?? expect.fail('it takes no places')
    // One that begins as a line is told to be of lines by its first document.
    const first = '{"traceID":"1","spanID":"2","startTime":3,"tags":[{"key":"a","type":"string","value":"b"}]}'
    fc.assert(
      fc.property(fc.array(line, { maxLength: 11 }), fc.constantFrom(',', '},"sort":[1]},{"_source":'), (lines, between) => {
        const all = [first, ...lines.filter((one) => !one.includes('\n'))]
        const body = Buffer.from(`[${all.join(between)}]`)
        const places = new Int32Array(all.length * 4)
        let at = 1
        for (const [i, one] of all.entries()) {
          places[i * 4] = at
          places[i * 4 + 1] = at + Buffer.byteLength(one)
          at += Buffer.byteLength(one) + between.length
        }
        const before = body.toString('hex')
        const found = told(() => placed(body, { count: all.length, places, index: '' }, 0))
        expect(found).toEqual(told(() => esJson(Buffer.from(all.join('\n')), 0)))
        expect(body.toString('hex')).toBe(before)
      }),
      { numRuns: 500 },
    )
  })

  it('leaves tags whose names lack a quotation mark to the other reader', () => {
    for (const tag of [
      '{key":"a","value":"b"}',
      '{"key":"a",type":"bool","value":true}',
      '{"key":"a","type":"bool",value":true}',
      '{"key":"a"}',
    ]) {
      sameBoth(Buffer.from(`{"traceID":"1","spanID":"2","startTime":3}\n{"traceID":"1","spanID":"2","startTime":3,"tags":[${tag}]}`))
    }
  })

  it('gives of any body what it gives without the reader of plain documents: spans, drops, notes, errors', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 14 }), (lines) => sameBoth(bytesOf(lines.join('\n')))),
      { numRuns: 1500 },
    )
  })

  it('gives the same of damaged bodies', () => {
    const bodies = fc
      .sample(fc.array(line, { minLength: 1, maxLength: 6 }), { numRuns: 40, seed: 8 })
      .map((lines) => bytesOf(lines.join('\n')))
    fc.assert(
      fc.property(mutated(bodies), ({ bytes }) => sameBoth(bytes)),
      { numRuns: 3000 },
    )
  })

  it('gives the same of a body with more keys than are kept', () => {
    const one = (i: number) => ({ traceID: '1', spanID: '2', startTime: 3, tags: [{ key: `k${i}`, value: '' }], tag: { [`f${i}`]: i } })
    sameBoth(bytesOf(Array.from({ length: 12 }, (_, i) => JSON.stringify(one(i % 5))).join('\n')))
    const many = createEsDecoder(createKeyTable(jaegerRoleOf, 8), defaultDecodeLimits, fieldKey)
    const body = bytesOf(Array.from({ length: 6000 }, (_, i) => JSON.stringify(one(i))).join('\n'))
    expect(outcomeOf(() => many(body))).toEqual(outcomeOf(() => many(body, new Map())))
  })
})
