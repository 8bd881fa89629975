import { describe, expect, it } from 'vitest'
import { isBridgeError } from '../../../src/errors.ts'
import type { TranslatedBody } from '../../../src/ingest/adapter.ts'
import { createJaegerTranslators, type JaegerTranslatorOptions } from '../../../src/ingest/jaeger/translators.ts'
import { defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { type ThriftReader, ThriftType } from '../../../src/ingest/thrift.ts'
import { jaegerTranslateConfig } from '../../../src/translate/jaeger/config.ts'
import type { JaegerBatch } from '../../../src/translate/jaeger/model.ts'
import { officialDecode } from '../../support/official-otlp.ts'
import {
  type Encoding,
  i32,
  i64,
  list,
  messageBytes,
  type Struct,
  string,
  struct,
  structBytes,
  type Value,
} from '../../support/thrift-writer.ts'

const encodings: readonly Encoding[] = ['compact', 'binary', 'binary-old']

const span = (id: bigint, name = 'op'): Struct =>
  struct([
    [1, i64(5n)],
    [2, i64(0n)],
    [3, i64(id)],
    [5, string(name)],
    [7, i32(1)],
    [8, i64(1_000_000n)],
    [9, i64(10n)],
  ])

const batch = (spans: readonly Value[], ...more: (readonly [number, Value])[]): Struct =>
  struct([[1, struct([[1, string('svc')]])], [2, list('struct', spans)], ...more])

const emitBatch = (spans: readonly Value[]): Struct => struct([[1, batch(spans)]])

/** Stands in for Zipkin's translator: takes a list of structs, says how many there were. */
const zipkinList = (reader: ThriftReader): TranslatedBody => {
  reader.list()
  const { count } = reader
  for (let i = 0; i < count; i++) reader.skip(ThriftType.Struct, 64)
  return { received: count, items: count, data: new Uint8Array(0), drops: [], notes: [{ reason: 'zipkin', count }] }
}

const create = (options: Partial<JaegerTranslatorOptions> = {}) =>
  createJaegerTranslators({ limits: defaultDecodeLimits, translate: jaegerTranslateConfig.parse({}), zipkinList, ...options })

const translators = create()

const namesOf = (body: TranslatedBody): unknown =>
  ((officialDecode(body.data)['resourceSpans'] ?? []) as { scopeSpans: { spans: { name: string }[] }[] }[]).flatMap(({ scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map((one) => one.name)),
  )

const codeOf = (call: () => unknown): string | undefined => {
  try {
    call()
  } catch (error) {
    if (!isBridgeError(error)) throw error
    return error.code
  }
  return undefined
}

const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

describe('createJaegerTranslators: agent', () => {
  it.each(encodings)('takes emitBatch as oneway and as call, %s', (encoding) => {
    for (const type of [1, 4]) {
      const body = translators.agent(messageBytes('emitBatch', emitBatch([span(1n, 'a'), span(2n, 'b')]), encoding, type), 0)
      expect(body).toMatchObject({ received: 2, items: 2, drops: [], notes: [] })
      expect(namesOf(body)).toEqual(['a', 'b'])
    }
  })

  it.each(encodings)('hands emitZipkinBatch to the translator of Zipkin, %s', (encoding) => {
    const body = translators.agent(messageBytes('emitZipkinBatch', struct([[1, list('struct', [struct([]), struct([])])]]), encoding), 0)
    expect(body).toMatchObject({ received: 2, notes: [{ reason: 'zipkin', count: 2 }] })
  })

  it('takes the empty emitZipkinBatch that stops the Collector', () => {
    const datagram = new Uint8Array(Buffer.from('8281010f656d69745a69706b696e4261746368190c00', 'hex'))
    expect(translators.agent(datagram, 0)).toMatchObject({ received: 0, items: 0, drops: [] })
  })

  it.each(encodings)('takes the largest sequence number and arguments it does not know, %s', (encoding) => {
    const args = struct([[7, string('x')], ...[[1, batch([span(1n)])] as const], [2, i64(3n)]])
    expect(translators.agent(messageBytes('emitBatch', args, encoding, 4, 0x7fffffff), 0)).toMatchObject({ items: 1 })
  })

  it('takes a batch without spans', () => {
    expect(translators.agent(messageBytes('emitBatch', emitBatch([]), 'compact'), 0)).toMatchObject({ received: 0, items: 0 })
  })

  it.each([
    ['another method', messageBytes('emitMetrics', emitBatch([span(1n)]), 'compact')],
    ['a method whose name only begins like ours', messageBytes(`emitBatch${'x'.repeat(200)}`, emitBatch([span(1n)]), 'binary')],
    ['a reply', messageBytes('emitBatch', emitBatch([span(1n)]), 'compact', 2)],
    ['an exception', messageBytes('emitBatch', emitBatch([span(1n)]), 'binary', 3)],
    ['message type 0', messageBytes('emitBatch', emitBatch([span(1n)]), 'binary', 0)],
    ['no argument', messageBytes('emitBatch', struct([]), 'compact')],
    ['an argument of another type', messageBytes('emitBatch', struct([[1, string('batch')]]), 'compact')],
    ['a list where emitBatch has a struct', messageBytes('emitBatch', struct([[1, list('struct', [])]]), 'compact')],
    ['a struct where emitZipkinBatch has a list', messageBytes('emitZipkinBatch', emitBatch([span(1n)]), 'compact')],
    ['nothing', new Uint8Array(0)],
    ['one byte of compact', Uint8Array.of(0x82)],
    ['one byte of binary', Uint8Array.of(0x80)],
    ['65,507 zeros', new Uint8Array(65_507)],
    ['text', new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n')],
    ['a Batch without a message around it', structBytes(batch([span(1n)]), 'compact')],
  ])('refuses %s', (_what, datagram) => {
    expect(codeOf(() => translators.agent(datagram, 0))).toBe('OB_DECODE_THRIFT')
  })

  it('takes all messages of a datagram and notes that there were several', () => {
    const datagram = concat(
      messageBytes('emitBatch', emitBatch([span(1n, 'a')]), 'compact'),
      messageBytes('emitZipkinBatch', struct([[1, list('struct', [struct([])])]]), 'compact'),
      messageBytes('emitBatch', emitBatch([span(2n, 'b'), span(0n, 'no id')]), 'compact'),
    )
    const body = translators.agent(datagram, 0)
    expect(body).toMatchObject({ received: 4, items: 3, drops: [{ reason: 'span_id_zero', count: 1 }] })
    expect(body.notes).toContainEqual({ reason: 'several_messages_in_datagram', count: 1 })
    expect(namesOf(body)).toEqual(['a', 'b'])
  })

  it('keeps what stands before bytes that are no message', () => {
    const good = messageBytes('emitBatch', emitBatch([span(1n, 'a')]), 'binary')
    for (const rest of [Uint8Array.of(0), good.subarray(0, good.length - 3), new TextEncoder().encode('junk')]) {
      const body = translators.agent(concat(good, rest), 0)
      expect(body).toMatchObject({ received: 1, items: 1, notes: [{ reason: 'bytes_after_message', count: 1 }] })
      expect(namesOf(body)).toEqual(['a'])
    }
  })

  it('rejects one bad span and keeps its neighbours', () => {
    const body = translators.agent(messageBytes('emitBatch', emitBatch([span(1n, 'a'), span(0n, 'bad'), span(3n, 'c')]), 'compact'), 0)
    expect(body).toMatchObject({ received: 3, items: 2, drops: [{ reason: 'span_id_zero', count: 1, indexes: [1] }] })
    expect(body.drops[0]?.example).not.toContain('bad')
    expect(namesOf(body)).toEqual(['a', 'c'])
  })

  it('tells of batches that count themselves, and only of those', () => {
    const told: JaegerBatch[] = []
    const counting = create({ onClientStats: (one) => void told.push(one) })
    counting.agent(messageBytes('emitBatch', emitBatch([span(1n)]), 'compact'), 0)
    expect(told).toEqual([])
    const counts = struct([
      [1, i64(7n)],
      [3, i64(2n)],
    ])
    counting.agent(messageBytes('emitBatch', struct([[1, batch([], [3, i64(12n)], [4, counts])]]), 'compact'), 0)
    expect(told).toMatchObject([{ seqNo: 12n, stats: { fullQueueDroppedSpans: 7n, tooLargeDroppedSpans: 0n, failedToEmitSpans: 2n } }])
  })
})

describe('createJaegerTranslators: httpBinary and batchCompact', () => {
  it.each([
    ['httpBinary', 'binary'],
    ['batchCompact', 'compact'],
  ] as const)('%s ignores bytes behind the batch and notes them', (name, encoding) => {
    const body = concat(structBytes(batch([span(1n)]), encoding), Uint8Array.of(1, 2, 3))
    expect(translators[name](body, 0)).toMatchObject({ items: 1, notes: [{ reason: 'bytes_after_batch', count: 1 }] })
  })

  it.each([
    ['a list of 33,554,432 spans in eight bytes', '0f00020c02000000'],
    ['a compact body', Buffer.from(structBytes(batch([span(1n)]), 'compact')).toString('hex')],
    ['a bare list', '0c0000000100'],
    ['an empty body', ''],
    ['a struct of nothing', '00'],
  ])('httpBinary refuses %s', (_what, hex) => {
    expect(codeOf(() => translators.httpBinary(new Uint8Array(Buffer.from(hex, 'hex')), 0))).toBe('OB_DECODE_THRIFT')
  })

  it('refuses a batch with more spans than the limit before it reads them', () => {
    const small = create({ limits: { ...defaultDecodeLimits, maxItems: 2 } })
    expect(codeOf(() => small.httpBinary(structBytes(batch([span(1n), span(2n), span(3n)]), 'binary'), 0))).toBe('OB_LIMIT_ITEMS')
  })

  it('gives data of its own: the body may be reused at once', () => {
    const body = structBytes(batch([span(1n, 'kept')]), 'binary')
    const translated = translators.httpBinary(body, 0)
    body.fill(0)
    expect(namesOf(translated)).toEqual(['kept'])
  })

  it('goes on reading rightly when clients send more keys than the table holds', () => {
    const tagged = (from: number): Uint8Array =>
      structBytes(
        batch(
          Array.from({ length: 20 }, (_, i) =>
            struct([
              ...span(BigInt(i + 1)).fields.map(({ id, value }) => [id, value] as const),
              [
                10,
                list(
                  'struct',
                  Array.from({ length: 300 }, (_unused, k) =>
                    struct([
                      [1, string(`key ${from + i * 300 + k}`)],
                      [2, i32(3)],
                      [6, i64(BigInt(k))],
                    ]),
                  ),
                ),
              ],
            ]),
          ),
        ),
        'binary',
      )
    for (const from of [0, 6000, 0]) {
      const [resource] = officialDecode(translators.httpBinary(tagged(from), 0).data)['resourceSpans'] as {
        scopeSpans: { spans: { attributes: { key: string; value: object }[] }[] }[]
      }[]
      const attributes = resource?.scopeSpans[0]?.spans.flatMap((one) => one.attributes) ?? []
      expect(attributes).toEqual(Array.from({ length: 6000 }, (_, i) => ({ key: `key ${from + i}`, value: { intValue: String(i % 300) } })))
    }
    expect(translators.keys.size).toBeLessThanOrEqual(translators.keys.cap)
  })
})

describe('createJaegerTranslators: memory', () => {
  /** A list field: type, id, type of its elements, count. */
  const listHeader = (id: number, count: number): number[] => [
    0x0f,
    0,
    id,
    0x0c,
    count >>> 24,
    (count >>> 16) & 255,
    (count >>> 8) & 255,
    count & 255,
  ]
  const ids = [...[0x0a, 0, 1], 0, 0, 0, 0, 0, 0, 0, 5, ...[0x0a, 0, 3], 0, 0, 0, 0, 0, 0, 0, 5]

  it.each([
    ['tags', 10],
    ['logs', 11],
    ['references', 6],
  ])('refuses a body full of %s of one byte', (_what, id) => {
    const oneSpan = Uint8Array.from([...ids, ...listHeader(id, 10_000), ...new Array<number>(10_000).fill(0), 0])
    const spans = 40
    const body = concat(Uint8Array.from(listHeader(2, spans)), ...new Array<Uint8Array>(spans).fill(oneSpan), Uint8Array.of(0))
    expect(codeOf(() => translators.httpBinary(body, 0))).toBe('OB_LIMIT_LENGTH')
  })

  it('refuses a batch of more than 100,000 different keys', () => {
    const tags = (from: number): Value =>
      list(
        'struct',
        Array.from({ length: 9000 }, (_, i) =>
          struct([
            [1, string((from + i).toString(36))],
            [2, i32(2)],
          ]),
        ),
      )
    const spans = Array.from({ length: 12 }, (_, i) =>
      struct([...span(1n).fields.map(({ id, value }) => [id, value] as const), [10, tags(i * 9000)]]),
    )
    expect(codeOf(() => translators.httpBinary(structBytes(batch(spans), 'binary'), 0))).toBe('OB_LIMIT_LENGTH')
    expect(translators.httpBinary(structBytes(batch(spans.slice(0, 10)), 'binary'), 0)).toMatchObject({ items: 10 })
  })
})
