import { describe, expect, it } from 'vitest'
import { tokenRanges } from '../../../src/backfill/sources/cassandra-source.ts'
import type { Long64 } from '../../../src/backfill/sources/cassandra-store.ts'
import { createJaegerRowReader, joinSpans } from '../../../src/backfill/sources/jaeger-cassandra.ts'
import type { JaegerRow } from '../../../src/backfill/sources/jaeger-cassandra-row.ts'
import { translateRows } from '../../../src/backfill/sources/row-page.ts'
import { decodeTraces } from '../../../src/otlp/decode/traces.ts'
import { tracesToJson } from '../../../src/otlp/encode/json.ts'
import { otlpSpans } from '../../../src/read/otlp-json.ts'
import { sourceDeps } from '../support/source-deps.ts'

const long = (value: bigint): Long64 => ({ high: Number(BigInt.asIntN(32, value >> 32n)), low: Number(BigInt.asIntN(32, value)) })
const startMicros = 1_762_500_000_123_456n

const row = (changes: Partial<JaegerRow> = {}): JaegerRow => ({
  trace_id: Buffer.from('ffffffffffffffff8000000000000001', 'hex'),
  span_id: long(-1n),
  span_hash: long(-5n),
  parent_id: long(0n),
  operation_name: 'GET /ü',
  flags: 1,
  start_time: long(startMicros),
  duration: long(1_500_000n),
  tags: [],
  logs: null,
  refs: null,
  process: { service_name: 'shop', tags: [] },
  ...changes,
})

async function translated(rows: readonly JaegerRow[], filter = sourceDeps().filter) {
  const read = createJaegerRowReader(filter)
  const translate = await sourceDeps().translator('jaeger-proto')
  return translateRows(rows.map(read), { translate, join: joinSpans })
}

async function spanOf(changes: Partial<JaegerRow>): Promise<Record<string, unknown>> {
  const { requests } = await translated([row(changes)])
  const [request] = requests
  if (request === undefined) throw new Error('no span')
  const [found] = [...otlpSpans(JSON.parse(tracesToJson(decodeTraces(request.data))))]
  return found?.span as Record<string, unknown>
}

const tag = (key: string, value_type: string, more: object = {}) => ({ key, value_type, ...more })

describe('createJaegerRowReader', () => {
  it('keeps every bit of ids and times', async () => {
    expect(await spanOf({})).toMatchObject({
      traceId: 'ffffffffffffffff8000000000000001',
      spanId: 'ffffffffffffffff',
      name: 'GET /ü',
      startTimeUnixNano: '1762500000123456000',
      endTimeUnixNano: '1762500001623456000',
    })
  })

  it('keeps types and values of tags, of 64 bits to the last digit', async () => {
    const { attributes } = await spanOf({
      tags: [
        tag('s', 'string', { value_string: 'x' }),
        tag('t', 'bool', { value_bool: true }),
        tag('f', 'bool', { value_bool: false }),
        tag('min', 'int64', { value_long: long(-(2n ** 63n)) }),
        tag('max', 'int64', { value_long: long(2n ** 63n - 1n) }),
        tag('d', 'float64', { value_double: -0.1 }),
        tag('inf', 'float64', { value_double: Number.POSITIVE_INFINITY }),
        tag('bytes', 'binary', { value_binary: Buffer.from([0, 255, 7]) }),
        tag('odd', 'decimal', { value_string: '1.5' }),
        tag('empty', 'string'),
      ],
    })
    expect(attributes).toEqual([
      { key: 's', value: { stringValue: 'x' } },
      { key: 't', value: { boolValue: true } },
      { key: 'f', value: { boolValue: false } },
      { key: 'min', value: { intValue: '-9223372036854775808' } },
      { key: 'max', value: { intValue: '9223372036854775807' } },
      { key: 'd', value: { doubleValue: -0.1 } },
      { key: 'inf', value: { doubleValue: 'Infinity' } },
      { key: 'bytes', value: { bytesValue: 'AP8H' } },
      { key: 'odd', value: { stringValue: '1.5' } },
      { key: 'empty', value: { stringValue: '' } },
    ])
  })

  it('takes the parent out of references, and out of parent_id where old writers left it', async () => {
    const trace_id = row().trace_id as Buffer
    expect((await spanOf({ parent_id: long(-2n) }))['parentSpanId']).toBe('fffffffffffffffe')
    const refs = [{ ref_type: 'child-of', trace_id, span_id: long(7n) }]
    expect((await spanOf({ refs }))['parentSpanId']).toBe('0000000000000007')
    const both = await spanOf({ refs, parent_id: long(7n) })
    expect(both['parentSpanId']).toBe('0000000000000007')
    expect(both['links'] ?? []).toEqual([])
    const follows = await spanOf({ refs: [{ ref_type: 'follows-from', trace_id: Buffer.alloc(16, 1), span_id: long(9n) }] })
    expect(follows['links']).toMatchObject([{ traceId: '01'.repeat(16), spanId: '0000000000000009' }])
  })

  it('makes events of logs', async () => {
    const logs = [
      {
        ts: long(startMicros + 5n),
        fields: [tag('event', 'string', { value_string: 'hit' }), tag('n', 'int64', { value_long: long(3n) })],
      },
    ]
    expect((await spanOf({ logs }))['events']).toMatchObject([
      { timeUnixNano: '1762500000123461000', name: 'hit', attributes: [{ key: 'n', value: { intValue: '3' } }] },
    ])
  })

  it('knows warnings among the tags', async () => {
    const tags = [tag('a', 'string', { value_string: 'b' }), tag('$$span.warning.1', 'string', { value_string: 'clock skew' })]
    const text = JSON.stringify(await spanOf({ tags }))
    expect(text).toContain('clock skew')
    expect(text).not.toContain('$$span')
  })

  it('reads rows of old schemas and empty columns', async () => {
    const bare: JaegerRow = { trace_id: Buffer.alloc(16, 3), span_id: long(4n), span_hash: long(0n), start_time: long(startMicros) }
    expect(await translated([bare, row({ process: null, tags: null, flags: null, operation_name: null, duration: null })])).toMatchObject({
      read: 2,
      translated: 2,
      skipped: {},
    })
  })

  it('counts what is no span, of another time, of another service', async () => {
    const ms = Number(startMicros / 1000n)
    const filter = { sinceMs: ms, untilMs: ms + 1, services: ['shop'], query: undefined }
    const page = await translated(
      [
        row(),
        row({ start_time: null }),
        row({ start_time: long(startMicros - 1000n) }),
        row({ start_time: long(startMicros + 1000n) }),
        row({ process: { service_name: 'other' } }),
      ],
      filter,
    )
    expect(page).toMatchObject({ read: 5, translated: 1, skipped: { not_a_span: 1, filtered: 2, other_service: 1 } })
    expect(page.faults).toMatchObject([{ reason: 'not_a_span', where: 'ffffffffffffffff8000000000000001/ffffffffffffffff' }])
  })

  it('gives equal pages equal bytes and sums, whatever the order of their rows is', async () => {
    const other = row({ span_hash: long(6n) })
    const [one, two] = [await translated([row(), other]), await translated([other, row()])]
    expect(one.sum).toBe(two.sum)
    expect(one.sum).not.toBe((await translated([row(), row()])).sum)
    expect(await translated([row(), other])).toEqual(one)
  })

  it('counts a span whose ids are none', async () => {
    expect(await translated([row({ trace_id: Buffer.alloc(3, 1) }), row()])).toMatchObject({ read: 2, translated: 1 })
  })
})

describe('tokenRanges', () => {
  it.each([1, 3, 1024, 65_536])('covers the whole ring with %i ranges, without a gap', (count) => {
    const ranges = tokenRanges(count)
    expect(ranges).toHaveLength(count)
    expect(ranges[0]?.from).toBe('-9223372036854775808')
    expect(ranges.at(-1)?.to).toBe('9223372036854775807')
    for (const [at, range] of ranges.entries()) {
      expect(BigInt(range.to)).toBeGreaterThan(BigInt(range.from))
      if (at > 0) expect(range.from).toBe(ranges[at - 1]?.to)
    }
  })
})
