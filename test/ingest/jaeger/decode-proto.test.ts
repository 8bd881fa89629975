import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isBridgeError } from '../../../src/errors.ts'
import { createJaegerProtoDecoder, type JaegerProtoDecoder } from '../../../src/ingest/jaeger/decode-proto.ts'
import { type DecodeLimits, defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { createKeyTable } from '../../../src/otlp/keys.ts'
import { jaegerRoleOf } from '../../../src/translate/jaeger/keys.ts'
import { arbitraryRequest, arbitrarySpan, encodeJaeger, officialBatch, plainProtoBatch } from '../../support/jaeger-proto.ts'

const limited = (limits: Partial<DecodeLimits> = {}): JaegerProtoDecoder =>
  createJaegerProtoDecoder(createKeyTable(jaegerRoleOf), { ...defaultDecodeLimits, ...limits })

const decoder = limited()

/** The bytes somewhere in the middle of a larger buffer, as a message in kept memory is. */
const inside = (bytes: Uint8Array, before: number): Uint8Array => {
  const whole = new Uint8Array(before + bytes.length + 5).fill(0x0a)
  whole.set(bytes, before)
  return whole.subarray(before, before + bytes.length)
}

/** What comes out, or the code of the error. */
const outcome = (read: () => unknown): unknown => {
  try {
    return read()
  } catch (error) {
    return isBridgeError(error) ? error.code : 'error'
  }
}

const ours = (type: 'PostSpansRequest' | 'Span', bytes: Uint8Array): unknown =>
  outcome(() => plainProtoBatch(type === 'Span' ? decoder.span(bytes) : decoder.postSpans(bytes)))
const theirs = (type: 'PostSpansRequest' | 'Span', bytes: Uint8Array): unknown => {
  const read = outcome(() => officialBatch(type, bytes))
  return read === 'error' ? 'OB_DECODE_PROTO' : read
}

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const trace = Buffer.alloc(16, 1)
const id = Buffer.alloc(8, 2)
const ids = { traceId: trace, spanId: id }
const spans = (...list: object[]): Uint8Array => encodeJaeger('PostSpansRequest', { batch: { spans: list } })

describe('createJaegerProtoDecoder beside protobufjs', () => {
  it('reads any request, whatever the layout', () => {
    fc.assert(
      fc.property(arbitraryRequest, fc.nat(7), (bytes, before) => {
        expect(ours('PostSpansRequest', inside(bytes, before))).toEqual(theirs('PostSpansRequest', bytes))
      }),
      { numRuns: 500 },
    )
  })

  it('reads any span of a topic, cut off at any byte', () => {
    fc.assert(
      fc.property(arbitrarySpan, (bytes) => {
        const step = Math.max(1, Math.floor(bytes.length / 150))
        for (let length = 0; length <= bytes.length; length += step) {
          const cut = bytes.subarray(0, length)
          expect(ours('Span', inside(cut, 3))).toEqual(theirs('Span', cut))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('merges messages that come twice', () => {
    const [one, two] = [
      encodeJaeger('Span', { ...ids, startTime: { seconds: 5 }, process: { serviceName: 'a', tags: [{ key: 'x' }] } }),
      encodeJaeger('Span', { startTime: { nanos: 7 }, duration: { nanos: 1 }, process: { serviceName: 'b', tags: [{ key: 'y' }] } }),
    ]
    const both = Buffer.concat([one, two])
    expect(ours('Span', both)).toEqual(theirs('Span', both))
    expect(ours('Span', both)).toMatchObject({
      spans: [
        {
          start: 5_000_000_007n,
          duration: 1n,
          process: {
            serviceName: 'b',
            tags: [
              ['x', 'string', ''],
              ['y', 'string', ''],
            ],
          },
        },
      ],
    })
  })

  it('throws nothing but errors with codes, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), arbitraryRequest, fc.nat(), (noise, bytes, at) => {
        const mixed = Uint8Array.from(bytes)
        if (mixed.length > 0) mixed.set(noise.subarray(0, Math.min(4, mixed.length - (at % mixed.length))), at % mixed.length)
        for (const body of [noise, mixed]) expect(outcome(() => decoder.postSpans(body))).not.toBe('error')
      }),
      { numRuns: 300 },
    )
  })
})

describe('createJaegerProtoDecoder', () => {
  it('does not take the next field for the value of a tag that has none', () => {
    // A log whose only tag is an int64 of 0, and behind it the flags of the span: 28 09.
    const log = '4a 09 12 07 0a 03 6b6579 10 02 28 09'
    const span = Buffer.concat([hex('0a 10'), trace, hex('12 08'), id, hex(log)])
    const body = Buffer.concat([hex('0a'), Buffer.from([span.length + 2]), hex('0a'), Buffer.from([span.length]), span])
    expect(ours('PostSpansRequest', body)).toEqual(theirs('PostSpansRequest', body))
    expect(ours('PostSpansRequest', body)).toMatchObject({ spans: [{ flags: 9, logs: [{ fields: [['key', 'long', '0']] }] }] })
  })

  it.each([
    ['8 bytes', Buffer.alloc(8, 1), '00000000000000000101010101010101', undefined],
    ['15 bytes', Buffer.alloc(15, 1), '00010101010101010101010101010101', undefined],
    ['none', Buffer.alloc(0), '0'.repeat(32), undefined],
    ['7 bytes', Buffer.alloc(7, 1), '0'.repeat(32), 'trace_id_width'],
    ['17 bytes', Buffer.alloc(17, 1), '0'.repeat(32), 'trace_id_width'],
  ])('J-I2: reads a trace id of %s', (_name, traceId, want, invalid) => {
    expect(ours('PostSpansRequest', spans({ ...ids, traceId }, ids))).toMatchObject({
      spans: [{ traceId: want, invalid }, { invalid: undefined }],
    })
  })

  it.each([
    ['1 byte', Buffer.alloc(1, 2), '0000000000000002', undefined],
    ['9 bytes', Buffer.alloc(9, 2), '0000000000000000', 'span_id_width'],
  ])('J-I2: reads a span id of %s', (_name, spanId, want, invalid) => {
    expect(ours('PostSpansRequest', spans({ ...ids, spanId }))).toMatchObject({ spans: [{ spanId: want, invalid }] })
  })

  it('gives a sole parent in the same trace as the parent, and makes no reference of it', () => {
    const parent = { traceId: trace, spanId: Buffer.alloc(8, 3) }
    const [plain, other, twice, itself] = decoder.postSpans(
      spans(
        { ...ids, references: [parent] },
        { ...ids, references: [{ ...parent, refType: 1 }] },
        { ...ids, references: [parent, { ...parent, spanId: Buffer.alloc(8, 4) }] },
        { ...ids, references: [ids] },
      ),
    ).spans
    expect([plain?.parent0, plain?.parent1, plain?.references.length]).toEqual([0x03030303, 0x03030303, 0])
    for (const span of [other, twice, itself]) expect(span?.parent0).toBe(0)
    expect([other, twice, itself].map((span) => span?.references.length)).toEqual([1, 2, 1])
  })

  it('recognises a process that comes again', () => {
    const process = { serviceName: 'svc', tags: [{ key: 'hostname', vStr: 'h' }] }
    const [one, two, three] = decoder.postSpans(
      spans({ ...ids, process }, { ...ids, process: { serviceName: 'other' } }, { ...ids, process }),
    ).spans
    expect(one?.process).toBe(three?.process)
    expect(one?.process).not.toBe(two?.process)
  })

  it.each([
    ['a bool left out', '0a0161 1001', ['a', 'bool', 'false']],
    ['an int left out', '0a0161 1002', ['a', 'long', '0']],
    ['a double left out', '0a0161 1003', ['a', 'double', '0000000000000000']],
    ['bytes left out', '0a0161 1004', ['a', 'binary', '']],
    ['a value left out', '0a0161', ['a', 'string', '']],
    ['nothing', '', ['', 'string', '']],
    ['a v_type that is known to nobody', '0a0161 1009 2801', ['a', 'long', '1']],
    ['a bool of another number', '0a0161 1001 2005', ['a', 'bool', 'true']],
    ['a length in more bytes than needed', '0a0161 1a8100 62', ['a', 'string', 'b']],
  ])('reads a tag with %s', (_name, tag, want) => {
    const bytes = hex(tag)
    const span = Buffer.concat([encodeJaeger('Span', ids), Uint8Array.of(0x42, bytes.length), bytes])
    expect(ours('Span', span)).toMatchObject({ spans: [{ tags: [want] }] })
  })

  it.each([
    ['spans', 'OB_LIMIT_ITEMS', { maxItems: 2 }, spans({}, {}, {})],
    ['tags', 'OB_LIMIT_LENGTH', { maxAttributes: 1 }, spans({ tags: [{ key: 'a' }, { key: 'b' }] })],
    ['fields', 'OB_LIMIT_LENGTH', { maxAttributes: 1 }, spans({ logs: [{ fields: [{ key: 'a' }, { key: 'b' }] }] })],
    ['process tags', 'OB_LIMIT_LENGTH', { maxAttributes: 1 }, spans({ process: { tags: [{ key: 'a' }, { key: 'b' }] } })],
    ['logs', 'OB_LIMIT_LENGTH', { maxEvents: 1 }, spans({ logs: [{}, {}] })],
    ['references', 'OB_LIMIT_LENGTH', { maxEvents: 1 }, spans({ references: [ids, ids] })],
    ['warnings', 'OB_LIMIT_LENGTH', { maxEvents: 1 }, spans({ warnings: ['a', 'b'] })],
    ['bytes of a value', 'OB_LIMIT_LENGTH', { maxStringBytes: 9 }, spans({ tags: [{ key: 'a', vStr: 'ten bytes!' }] })],
    ['bytes of a key', 'OB_LIMIT_LENGTH', { maxStringBytes: 9 }, spans({ tags: [{ key: 'ten bytes!' }] })],
    ['bytes of a name', 'OB_LIMIT_LENGTH', { maxStringBytes: 9 }, spans({ operationName: 'ten bytes!' })],
    ['bytes of a service name', 'OB_LIMIT_LENGTH', { maxStringBytes: 9 }, spans({ process: { serviceName: 'ten bytes!' } })],
  ])('refuses more %s than the limit with %s', (_what, code, limits, body) => {
    expect(outcome(() => limited(limits).postSpans(body))).toBe(code)
    expect(outcome(() => void decoder.postSpans(body))).toBeUndefined()
  })

  it('refuses more empty logs than could have come with content', () => {
    const logs = Buffer.alloc(2 * 9_000)
    for (let at = 0; at < logs.length; at += 2) logs[at] = 0x4a
    const span = Buffer.concat([Uint8Array.of(0x0a, 0xd0, 0x8c, 0x01), logs])
    const body = (count: number): Uint8Array => {
      const batch = Buffer.concat(Array.from({ length: count }, () => span))
      return Buffer.concat([
        Uint8Array.of(
          0x0a,
          (batch.length & 0x7f) | 0x80,
          ((batch.length >>> 7) & 0x7f) | 0x80,
          ((batch.length >>> 14) & 0x7f) | 0x80,
          batch.length >>> 21,
        ),
        batch,
      ])
    }
    expect(outcome(() => decoder.postSpans(body(3)).spans.length)).toBe(3)
    expect(outcome(() => decoder.postSpans(body(60)).spans.length)).toBe('OB_LIMIT_LENGTH')
  })

  it('takes no bytes for a batch without spans', () => {
    expect(decoder.postSpans(new Uint8Array(0))).toMatchObject({ nanosPerTick: 1, spans: [], process: undefined })
  })
})
