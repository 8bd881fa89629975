import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutRequest } from '../../src/otlp/cut.ts'
import { decodeTraces } from '../../src/otlp/decode/traces.ts'
import { tracesToPlain } from '../../src/otlp/encode/json.ts'
import { encodeTraces } from '../../src/otlp/encode/traces.ts'
import { ReverseWriter } from '../../src/otlp/encode/writer.ts'
import { arbitraryTraces } from '../support/arbitrary-traces.ts'

/** Every span as text, with its resource and scope, sorted. */
function flat(requests: readonly Uint8Array[]): string[] {
  return requests
    .flatMap((data) => {
      const { resourceSpans } = tracesToPlain(decodeTraces(data)) as {
        resourceSpans?: { resource?: unknown; scopeSpans?: { scope?: unknown; spans?: unknown[] }[] }[]
      }
      return (resourceSpans ?? []).flatMap(({ resource, scopeSpans }) =>
        (scopeSpans ?? []).flatMap(({ scope, spans }) => (spans ?? []).map((span) => JSON.stringify([resource, scope, span]))),
      )
    })
    .sort()
}

const traceIdsOf = (data: Uint8Array): string[] =>
  flat([data]).map((one) => (JSON.parse(one) as [unknown, unknown, { traceId: string }])[2].traceId)

const field = (number: number, ...pieces: Uint8Array[]): Uint8Array => {
  const value = Buffer.concat(pieces)
  const length: number[] = []
  for (let left = value.length; ; left >>>= 7) {
    length.push(left > 0x7f ? (left & 0x7f) | 0x80 : left)
    if (left <= 0x7f) break
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), value])
}

const text = (value: string): Uint8Array => Buffer.from(value)

describe('cutRequest', () => {
  it('loses, doubles and alters no span, and keeps traces together', () => {
    fc.assert(
      fc.property(arbitraryTraces, fc.integer({ min: 1, max: 7 }), fc.integer({ min: 2000, max: 20_000 }), (traces, heaps, maxBytes) => {
        const data = encodeTraces(traces, new ReverseWriter(), 1024)
        const { slices, tooLarge } = cutRequest('traces', data, { heaps, maxBytes })
        const before = flat([data])
        const after = flat(slices.map((slice) => slice.data))
        expect(after.length + tooLarge).toBe(before.length)
        if (tooLarge === 0) expect(after).toEqual(before)
        const heapOf = new Map<string, number>()
        for (const slice of slices) {
          expect(slice.data.length).toBeLessThanOrEqual(maxBytes)
          expect(slice.items).toBe(flat([slice.data]).length)
          for (const id of traceIdsOf(slice.data)) expect(heapOf.set(id, heapOf.get(id) ?? slice.heap).get(id)).toBe(slice.heap)
        }
      }),
    )
  })

  it('hands on a small request of one heap as it is, unknown fields and all', () => {
    const span = field(2, field(1, Buffer.alloc(16, 7)), field(15, text('new')))
    const data = Buffer.concat([field(1, field(1), field(2, span), field(14, text('x'))), field(13, text('y'))])
    const { slices } = cutRequest('traces', data, { heaps: 5, maxBytes: 1000 })
    expect(slices).toHaveLength(1)
    expect(slices[0]?.data).toBe(data)
  })

  it('gives every slice the resource, the scope and the schemas of its spans', () => {
    const span = (id: number): Uint8Array =>
      field(2, field(1, Buffer.from([...Array<number>(12).fill(0), 0, 0, 0, id])), field(5, text(`s${id}`)))
    const group = field(
      1,
      field(1, text('')),
      field(2, field(1, field(1, text('lib'))), span(0), span(1), span(2), field(3, text('scope-url'))),
      field(3, text('url')),
    )
    const { slices } = cutRequest('traces', group, { heaps: 2, maxBytes: 1000 })
    expect(slices.map(({ heap, items }) => [heap, items])).toEqual([
      [0, 2],
      [1, 1],
    ])
    for (const { data } of slices) {
      const bytes = Buffer.from(data).toString('latin1')
      for (const part of ['lib', 'scope-url', 'url']) expect(bytes).toContain(part)
    }
  })

  it('counts a span that no message can hold, and keeps its neighbours', () => {
    const span = (id: number, name: string): Uint8Array => field(2, field(1, Buffer.alloc(16, id)), field(5, text(name)))
    const data = field(1, field(2, span(1, 'a'), span(1, 'b'.repeat(2000)), span(1, 'c')))
    const { slices, tooLarge } = cutRequest('traces', data, { heaps: 1, maxBytes: 500 })
    expect(tooLarge).toBe(1)
    expect(slices.reduce((sum, slice) => sum + slice.items, 0)).toBe(2)
  })

  it('keeps metrics and logs of one resource together, and counts data points', () => {
    const metric = field(2, field(1, text('m')), field(5, field(1, text('')), field(1, text(''))))
    const resource = (name: string, item: Uint8Array): Uint8Array => field(1, field(1, text(name)), field(2, item, item))
    const metrics = Buffer.concat([resource('\x0a\x01a', metric), resource('\x0a\x01b', metric), resource('\x0a\x01a', metric)])
    const cut = cutRequest('metrics', metrics, { heaps: 64, maxBytes: 1000 })
    expect(cut.slices.map(({ items }) => items).sort()).toEqual([4, 8])
    const record = field(2, field(5, text('')))
    const logs = cutRequest('logs', Buffer.concat([resource('\x0a\x01a', record), resource('\x0a\x01b', record)]), {
      heaps: 64,
      maxBytes: 1000,
    })
    expect(logs.slices.map(({ items }) => items)).toEqual([2, 2])
  })

  it('gives nothing for a request without items, and refuses what is none', () => {
    expect(cutRequest('traces', new Uint8Array(0), { heaps: 3, maxBytes: 100 })).toEqual({ slices: [], tooLarge: 0 })
    expect(() => cutRequest('traces', Uint8Array.from([0x0a, 0x7f, 1]), { heaps: 3, maxBytes: 100 })).toThrow(
      expect.objectContaining({ code: 'OB_DECODE_PROTO' }),
    )
  })
})
