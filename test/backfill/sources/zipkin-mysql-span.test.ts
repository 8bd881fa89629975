import { describe, expect, it } from 'vitest'
import {
  type AnnotationRow,
  decimalOf,
  joinV1Spans,
  numberOfWord,
  paddedWord,
  type SpanRow,
  ThriftBuffer,
  writeV1Span,
} from '../../../src/backfill/sources/zipkin-mysql-span.ts'
import { decodeTraces } from '../../../src/otlp/decode/traces.ts'
import { tracesToJson } from '../../../src/otlp/encode/json.ts'
import { otlpSpans } from '../../../src/read/otlp-json.ts'
import { sourceDeps } from '../support/source-deps.ts'

const hex = (value: bigint): string => BigInt.asUintN(64, value).toString(16).toUpperCase()
const start = 1_762_500_000_123_456n

const span = (changes: Partial<SpanRow> = {}): SpanRow => ({
  traceHigh: hex(-1n),
  trace: hex(-(2n ** 63n)),
  id: hex(-2n),
  parent: hex(5n),
  name: 'get',
  debug: false,
  start: hex(start),
  duration: hex(1000n),
  ...changes,
})

const annotation = (key: string, time: bigint, changes: Partial<AnnotationRow> = {}): AnnotationRow => ({
  key,
  value: null,
  type: -1,
  time: hex(time),
  ipv4: 0x0a000001,
  ipv6: null,
  port: -15_536,
  service: 'shop',
  ...changes,
})

const tag = (key: string, type: number, value: Buffer, changes: Partial<AnnotationRow> = {}): AnnotationRow =>
  annotation(key, start, { type, value, ...changes })

async function spansOf(row: SpanRow, annotations: readonly AnnotationRow[]) {
  const translate = await sourceDeps().translator('zipkin-thrift')
  const { data } = translate(joinV1Spans([writeV1Span(new ThriftBuffer(), row, annotations)]), 0)
  return [...otlpSpans(JSON.parse(tracesToJson(decodeTraces(data))))].map((one) => one.span as Record<string, unknown>)
}

describe('writeV1Span', () => {
  it('keeps ids that the database has as negative numbers', async () => {
    const [one] = await spansOf(span(), [annotation('cs', start), annotation('cr', start + 1000n)])
    expect(one).toMatchObject({
      traceId: 'ffffffffffffffff8000000000000000',
      spanId: 'fffffffffffffffe',
      parentSpanId: '0000000000000005',
      kind: 3,
      startTimeUnixNano: '1762500000123456000',
      endTimeUnixNano: '1762500000124456000',
    })
  })

  it('takes both halves of a shared span out of one row', async () => {
    const server = { service: 'store', ipv4: 0x0a000002, port: null }
    const halves = await spansOf(span(), [
      annotation('cs', start),
      annotation('cr', start + 1000n),
      annotation('sr', start + 100n, server),
      annotation('ss', start + 900n, server),
    ])
    expect(halves.map(({ kind }) => kind).sort()).toEqual([2, 3])
    expect(new Set(halves.map(({ spanId }) => spanId))).toEqual(new Set(['fffffffffffffffe']))
  })

  it('keeps values of every type', async () => {
    const double = Buffer.alloc(8)
    double.writeDoubleBE(-0.5)
    const [one] = await spansOf(span(), [
      annotation('cs', start),
      tag('bool', 0, Buffer.from([1])),
      tag('bytes', 1, Buffer.from([0, 255])),
      tag('i16', 2, Buffer.from([255, 254])),
      tag('i32', 3, Buffer.from([255, 255, 255, 254])),
      tag('i64', 4, Buffer.from('8000000000000000', 'hex')),
      tag('double', 5, double),
      tag('text', 6, Buffer.from('ü')),
      tag('null', 6, Buffer.alloc(0), { value: null }),
    ])
    const attributes = new Map(((one?.['attributes'] ?? []) as { key: string; value: object }[]).map(({ key, value }) => [key, value]))
    expect(attributes.get('bool')).toEqual({ boolValue: true })
    expect(attributes.get('bytes')).toEqual({ bytesValue: 'AP8=' })
    expect(attributes.get('i16')).toEqual({ intValue: '-2' })
    expect(attributes.get('i32')).toEqual({ intValue: '-2' })
    expect(attributes.get('i64')).toEqual({ intValue: '-9223372036854775808' })
    expect(attributes.get('double')).toEqual({ doubleValue: -0.5 })
    expect(attributes.get('text')).toEqual({ stringValue: 'ü' })
    expect(attributes.get('null')).toEqual({ stringValue: '' })
    expect(attributes.get('network.local.port')).toEqual({ intValue: '50000' })
  })

  it('is the same whatever order the database gives annotations in', () => {
    const rows = [annotation('b', start), annotation('a', start), annotation('z', 0n), tag('k', 6, Buffer.from('v'))]
    const one = writeV1Span(new ThriftBuffer(), span(), rows)
    expect(writeV1Span(new ThriftBuffer(), span(), [...rows].reverse())).toEqual(one)
  })

  it('writes what is longer than its buffer', () => {
    const value = Buffer.alloc(200_000, 7)
    expect(writeV1Span(new ThriftBuffer(), span(), [tag('k', 1, value)]).length).toBeGreaterThan(value.length)
  })
})

describe('joinV1Spans', () => {
  it('is a list of as many spans', async () => {
    const out = new ThriftBuffer()
    const parts = [1n, 2n, 3n].map((id) => writeV1Span(out, span({ id: hex(id), traceHigh: '0' }), [annotation('sr', start)]))
    const translate = await sourceDeps().translator('zipkin-thrift')
    expect(translate(joinV1Spans(parts), 0)).toMatchObject({ received: 3, items: 3, drops: [] })
  })
})

describe('words of 64 bits', () => {
  it.each([0n, 1n, 255n, 2n ** 32n, 2n ** 53n - 1n, -1n, -(2n ** 63n), 2n ** 63n - 1n])('%s', (value) => {
    expect(decimalOf(hex(value))).toBe(String(value))
    expect(BigInt(`0x${paddedWord(hex(value))}`)).toBe(BigInt.asUintN(64, value))
    expect(numberOfWord(hex(value))).toBe(Number(value))
  })

  it('has NULL for none', () => expect(numberOfWord('')).toBeNaN())
})
