import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isBridgeError } from '../../../src/errors.ts'
import { createEsDecoder } from '../../../src/ingest/jaeger/decode-es.ts'
import { createJsonpbDecoder } from '../../../src/ingest/jaeger/decode-jsonpb.ts'
import { createUiJsonDecoder } from '../../../src/ingest/jaeger/decode-ui-json.ts'
import type { JsonBatch } from '../../../src/ingest/jaeger/json-findings.ts'
import { defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { textToString } from '../../../src/otlp/attributes.ts'
import { createKeyTable } from '../../../src/otlp/keys.ts'
import { createFieldKey } from '../../../src/translate/jaeger/field-keys.ts'
import { jaegerRoleOf } from '../../../src/translate/jaeger/keys.ts'
import { arbitraryBatch, type PlainBatch, plainBatch } from '../../support/jaeger-batches.ts'
import { esLines, jsonpbSpan, uiJson } from '../../support/jaeger-json.ts'

const keys = createKeyTable(jaegerRoleOf)
const ui = createUiJsonDecoder(keys, defaultDecodeLimits)
const es = createEsDecoder(keys, defaultDecodeLimits, createFieldKey('@', []))
const jsonpb = createJsonpbDecoder(keys, defaultDecodeLimits)

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

type Process = PlainBatch['process']

/** The batch with the process of every span where a batch in Thrift has it. */
function plainOf({ batch }: JsonBatch): { spans: PlainBatch['spans']; processes: Process[] } {
  return {
    spans: plainBatch(batch).spans,
    processes: batch.spans.map(({ process }) => plainBatch({ ...batch, spans: [], process }).process),
  }
}

/** What must be read: JSON has only two words for references. */
function wanted(plain: PlainBatch): { spans: PlainBatch['spans']; processes: Process[] } {
  const spans = plain.spans.map((span) => ({
    ...span,
    references: span.references.map((one) => ({ ...one, refType: one.refType === 0 ? 0 : 1 })),
  }))
  return { spans, processes: spans.map(() => plain.process) }
}

describe('createUiJsonDecoder', () => {
  const read = (document: unknown): JsonBatch => ui(bytesOf(typeof document === 'string' ? document : JSON.stringify(document)))
  const tagsOf = (...tags: unknown[]): unknown => plainBatch(read([{ traceID: '1', spanID: '2', tags }]).batch).spans[0]?.tags

  it('reads what a batch holds in every shape of the document', () => {
    fc.assert(
      fc.property(arbitraryBatch, fc.constantFrom('envelope', 'trace', 'traces', 'spans'), ({ plain }, shape) => {
        expect(plainOf(read(uiJson(plain, shape)))).toEqual(wanted(plain))
      }),
      { numRuns: 300 },
    )
  })

  it('looks processes up wherever they stand, and only as own keys', () => {
    const spans = [
      { traceID: '1', spanID: '2', processID: 'p1' },
      { traceID: '1', spanID: '3', processID: '__proto__' },
      { traceID: '1', spanID: '4', processID: 'p9' },
    ]
    const trace = `{"processes":{"p1":{"serviceName":"a"},"__proto__":{"serviceName":"b"}},"spans":${JSON.stringify(spans)}}`
    const { batch, notes } = read(trace)
    expect(batch.spans.map(({ process }) => process && textToString(process.serviceName))).toEqual(['a', 'b', undefined])
    expect([...notes]).toEqual([['process_missing', 1]])
  })

  it.each([
    ['int64 beyond a double, as text', { type: 'int64', value: '9223372036854775807' }, ['long', '9223372036854775807']],
    ['int64 with a decimal point', { type: 'int64', value: '5.0' }, ['long', '5']],
    ['int64 that is no number stays text', { type: 'int64', value: 'x' }, ['string', 'x']],
    ['int64 beyond 64 bits stays text', { type: 'int64', value: '9223372036854775808' }, ['string', '9223372036854775808']],
    ['bool as text', { type: 'bool', value: 'True' }, ['bool', 'true']],
    ['bool that is none stays text', { type: 'bool', value: 'yes' }, ['string', 'yes']],
    ['binary that is no base64 stays text', { type: 'binary', value: '*' }, ['string', '*']],
    ['float64 as text', { type: 'float64', value: '0.5' }, ['double', '3fe0000000000000']],
    ['no type is text', { value: 7 }, ['string', '7']],
    ['a string that is an object is its JSON', { type: 'string', value: { a: [1, null] } }, ['string', '{"a":[1,null]}']],
    ['an unknown type goes by the value', { type: 'int', value: 7 }, ['long', '7']],
    ['no value is the zero of its type', { type: 'int64', value: null }, ['long', '0']],
  ])('%s', (_name, tag, [kind, value]) => {
    expect(tagsOf({ key: 'k', ...tag })).toEqual([['k', kind, value]])
  })

  it('takes no longer for a text of digits than for any other', () => {
    const value = `${'1'.repeat(200_000)}x`
    expect(tagsOf({ key: 'k', type: 'float64', value }, { key: 'k', type: 'binary', value: '='.repeat(200_000) })).toHaveLength(2)
  })

  it('keeps the digits of numbers that no double holds', () => {
    const text =
      '[{"traceID":"1","spanID":"2","startTime":1577934245000000,"tags":[{"key":"n","type":"int64","value":-9223372036854775808}]}]'
    expect(plainBatch(read(text).batch).spans[0]?.tags).toEqual([['n', 'long', '-9223372036854775808']])
  })

  it('rejects single spans and says why, where and how many', () => {
    const { batch, faults } = read([
      { traceID: 'xyz', spanID: '2' },
      { traceID: '1', spanID: '2' },
      { traceID: '1', spanID: '11112222333344445' },
      { traceID: '1', spanID: '2', duration: 'long' },
      7,
    ])
    expect(batch.spans.map(({ invalid }) => invalid)).toEqual([
      'trace_id_unreadable',
      undefined,
      'span_id_unreadable',
      'time_unreadable',
      'not_a_span',
    ])
    expect(faults.get('span_id_unreadable')).toBe('span 2 at byte 61: spanID is not 1 to 16 hex digits')
  })

  it('notes what costs no span', () => {
    const span = {
      traceID: '1',
      spanID: '2',
      parentSpanID: 'zz',
      flags: 'many',
      references: [{ refType: 'CHILD_OF', traceID: '!', spanID: '1' }, 5],
      tags: [7],
      logs: [{ timestamp: 'noon', fields: [] }, 'log'],
      process: { serviceName: 's' },
    }
    const { batch, notes } = read({ spans: [span], warnings: ['clock skew'] })
    expect(batch.spans[0]).toMatchObject({ invalid: undefined, parent0: 0, parent1: 0, flags: 0, references: [], tags: [] })
    expect(Object.fromEntries(notes)).toEqual({
      parent_id_unreadable: 1,
      flags_unreadable: 1,
      reference_unreadable: 2,
      tag_unreadable: 1,
      log_time_unreadable: 1,
      log_unreadable: 1,
      trace_warning: 1,
    })
  })

  it.each([
    ['an error of the query API', '{"data":null,"errors":[{"code":404,"msg":"trace not found"}]}', 'error of the query API'],
    ['a span that is no trace', '{"traceID":"1","spanID":"2"}', 'neither `data` nor `spans`'],
    ['text', 'hello', 'is expected'],
    ['two documents', '[] []', 'more follows'],
    ['a cut', '[{"traceID":"1"', 'comma or }'],
  ])('refuses %s', (_name, text, message) => {
    expect(() => read(text)).toThrow(message)
  })

  it('takes an answer without traces', () => {
    expect(read('{"data":[],"total":0,"errors":null}').batch.spans).toEqual([])
  })

  it('refuses more spans than the limit before it keeps them', () => {
    const small = createUiJsonDecoder(keys, { ...defaultDecodeLimits, maxItems: 2 })
    expect(() => small(bytesOf('[{},{},{}]'))).toThrow(expect.objectContaining({ code: 'OB_LIMIT_ITEMS' }))
  })
})

describe('createEsDecoder', () => {
  const read = (...lines: unknown[]): JsonBatch =>
    es(bytesOf(lines.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n')))
  const span = { traceID: '1', spanID: '2' }
  const tagsOf = (source: object): unknown => plainBatch(read({ ...span, ...source }).batch).spans[0]?.tags

  it('reads what a batch holds, as either version of Jaeger stores it', () => {
    fc.assert(
      fc.property(arbitraryBatch, fc.boolean(), fc.boolean(), ({ plain }, typed, hits) => {
        fc.pre(plain.spans.length > 0)
        expect(plainOf(read(esLines(plain, typed, hits)))).toEqual(wanted(plain))
      }),
      { numRuns: 300 },
    )
  })

  it('joins tags that are fields to the tags, types by JSON', () => {
    const tag = { 'a@b': 'x', n: 7, f: 1.5, t: true, nothing: null, list: [1, { a: 2 }] }
    expect(tagsOf({ tags: [{ key: 'first', value: 'y' }], tag })).toEqual([
      ['first', 'string', 'y'],
      ['a.b', 'string', 'x'],
      ['n', 'long', '7'],
      ['f', 'double', '3ff8000000000000'],
      ['t', 'bool', 'true'],
      ['list', 'string', '[1,{"a":2}]'],
    ])
  })

  it('takes 1.0 for the integer that it was, and keeps every digit', () => {
    const text = '{"traceID":"1","spanID":"2","tag":{"one":1.0,"max":9223372036854775807,"more":9223372036854775808}}'
    expect(plainBatch(read(text).batch).spans[0]?.tags).toEqual([
      ['one', 'long', '1'],
      ['max', 'long', '9223372036854775807'],
      ['more', 'double', '43e0000000000000'],
    ])
  })

  it.each([
    ['hits of a page', [{ took: 3, hits: { total: 2, hits: [{ _source: span }, { _source: { ...span, spanID: '3' } }] } }]],
    ['a pretty-printed document', [JSON.stringify(span, undefined, 2), '']],
    ['a list', [JSON.stringify([span, span], undefined, 1)]],
    ['blank lines and carriage returns', [`${JSON.stringify(span)}\r`, '', `${JSON.stringify(span)}\r`]],
  ])('reads %s', (_name, lines) => {
    const { batch } = read(...lines)
    expect(batch.spans.every(({ invalid, span1 }) => invalid === undefined && span1 > 0)).toBe(true)
    expect(batch.spans.length).toBeGreaterThan(0)
  })

  it('passes over action lines and the documents of other indices', () => {
    const { batch, notes } = read(
      { index: { _index: 'jaeger-span-2025-11-21' } },
      span,
      { create: { _index: 'jaeger-service-2025-11-21' } },
      { serviceName: 's', operationName: 'o' },
      { serviceName: 's', operationName: 'o' },
      { delete: { _id: '1' } },
      { _index: 'jaeger-dependencies-2025-11-21', _source: { dependencies: [] } },
      span,
    )
    expect(batch.spans).toHaveLength(2)
    expect(Object.fromEntries(notes)).toEqual({ document_of_another_index: 3, bulk_delete: 1 })
  })

  it.each([0, 1, 2])('a damaged line costs itself alone: line %i', (damaged) => {
    const lines = [span, span, span].map((one, i) => (i === damaged ? '{"traceID":"1","spa' : JSON.stringify(one)))
    const { batch, faults } = read(...lines)
    expect(batch.spans.map(({ invalid }) => invalid)).toEqual([0, 1, 2].map((i) => (i === damaged ? 'not_json' : undefined)))
    expect(faults.get('not_json')).toContain(`span ${damaged} at byte `)
  })

  it('refuses a text in which nothing can be read', () => {
    expect(() => read('hello', 'world')).toThrow(expect.objectContaining({ code: 'OB_DECODE_JSON' }))
    expect(() => read({ a: 1, traceID: 'zz' })).toThrow('none of 1 can be read')
  })
})

describe('createJsonpbDecoder', () => {
  const read = (document: unknown): JsonBatch => jsonpb(bytesOf(typeof document === 'string' ? document : JSON.stringify(document)))
  /** Times that RFC 3339 can write and int64 can hold. */
  const inRange = (nanos: bigint): bigint => nanos % 9_000_000_000_000_000_000n

  it('reads what a span holds', () => {
    fc.assert(
      fc.property(arbitraryBatch, fc.constantFrom('seconds', 'nanos'), ({ plain }, form) => {
        const spans = plain.spans.map((span) => ({
          ...span,
          parentSpanId: '0000000000000000',
          start: inRange(span.start),
          duration: span.duration,
          logs: span.logs.map((log) => ({ ...log, time: inRange(log.time) })),
        }))
        for (const span of spans) expect(plainOf(read(jsonpbSpan(plain, span, form)))).toEqual(wanted({ ...plain, spans: [span] }))
      }),
      { numRuns: 300 },
    )
  })

  const ids = { traceId: 'AAAAAAAAAAE=', spanId: 'AAAAAAAAAAI=' }

  it('takes the names and numbers of the .proto file', () => {
    const span = { trace_id: ids.traceId, span_id: ids.spanId, operation_name: 'o', tags: [{ key: 'n', v_type: 2, v_int64: 7 }] }
    expect(plainBatch(read(span).batch).spans[0]).toMatchObject({
      traceId: '00000000000000000000000000000001',
      operationName: 'o',
      tags: [['n', 'long', '7']],
    })
  })

  it('takes whichever value is set where the type is unknown, and text where the value is not of its type', () => {
    const span = {
      ...ids,
      tags: [
        { key: 'a', vType: 'NEW', vBool: true },
        { key: 'b', vType: 'INT64', vInt64: 'x' },
      ],
    }
    const { batch, notes } = read(span)
    expect(plainBatch(batch).spans[0]?.tags).toEqual([
      ['a', 'bool', 'true'],
      ['b', 'string', 'x'],
    ])
    expect([...notes]).toEqual([['value_of_another_type', 1]])
  })

  it('gives spans of a request the process of its batch', () => {
    const { batch } = read({ batch: { process: { serviceName: 'p' }, spans: [ids, { ...ids, process: { serviceName: 'own' } }] } })
    expect(batch.spans.map(({ process }) => process?.serviceName)).toEqual(['p', 'own'])
  })

  it.each([
    ['no object', '[]'],
    ['a trace id of 17 bytes', { ...ids, traceId: Buffer.alloc(17, 1).toString('base64') }],
    ['a time that is none', { ...ids, startTime: 'yesterday' }],
    ['a duration that is none', { ...ids, duration: '5 parsecs' }],
  ])('refuses %s', (_name, document) => {
    expect(() => read(document)).toThrow(expect.objectContaining({ code: 'OB_DECODE_JSON' }))
  })
})

describe('damaged JSON', () => {
  it('is answered with an error of ours or with spans, in every form', () => {
    fc.assert(
      fc.property(arbitraryBatch, fc.nat(), fc.nat(255), ({ plain }, place, byte) => {
        for (const [decode, text] of [
          [ui, uiJson(plain, 'envelope')],
          [es, esLines(plain, true, true)],
          [jsonpb, plain.spans[0] === undefined ? '{}' : jsonpbSpan(plain, { ...plain.spans[0], start: 0n, logs: [] }, 'nanos')],
        ] as const) {
          const bytes = bytesOf(text)
          if (bytes.length > 0) bytes[place % bytes.length] = byte
          try {
            decode(bytes)
          } catch (error) {
            if (!isBridgeError(error)) throw error
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})
