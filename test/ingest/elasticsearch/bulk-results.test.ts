import { describe, expect, it } from 'vitest'
import { BulkResults } from '../../../src/ingest/elasticsearch/bulk-results.ts'
import { type ItemError, ItemErrors } from '../../../src/ingest/elasticsearch/es-errors.ts'
import { slice } from '../../../src/otlp/attributes.ts'

const errors = new ItemErrors('8.19.0')

const idAt = (results: BulkResults, place: number): string => {
  const out = new Uint8Array(results.idLengthAt(place))
  results.writeId(place, out, 0)
  return JSON.parse(`"${Buffer.from(out).toString()}"`) as string
}

describe('BulkResults', () => {
  it('keeps what it was given, with ids copied', () => {
    const results = new BulkResults()
    const piece = Buffer.from('..abc..')
    results.add(1, 'a', slice(piece, 2, 5), true)
    results.add(3, 'b', 'q"\ud800')
    results.addFailed(0, 'a', '', errors.createOnly)
    piece.fill(0)
    expect([idAt(results, 0), idAt(results, 1), results.hasIdAt(2)]).toEqual(['abc', 'q"\ud800', false])
    expect([0, 1, 2].map((place) => results.kindAt(place))).toEqual([1, 3, 0])
    expect([0, 1, 2].map((place) => results.typedAt(place))).toEqual([true, false, false])
    expect([0, 1, 2].map((place) => results.names[results.indexAt(place)])).toEqual(['a', 'b', 'a'])
    expect([0, 1, 2].map((place) => results.errorAt(place))).toEqual([undefined, undefined, errors.createOnly])
    expect([results.count, results.failed]).toEqual([3, 1])
  })

  it('escapes ids whose bytes would end a text', () => {
    const results = new BulkResults()
    const bytes = Buffer.from('a"b\\c\n')
    results.add(0, 'a', slice(bytes, 0, bytes.length))
    expect(idAt(results, 0)).toBe('a"b\\c\n')
  })

  it('sums up to what it holds', () => {
    const results = new BulkResults()
    for (let i = 0; i < 10; i++) results.add(i % 2, 'a', '')
    results.fail(0, errors.conflict)
    results.fail(0, errors.conflict)
    expect(results.failed).toBe(1)
    results.failAll(errors.rejected)
    expect(results.counts()).toEqual([
      { kind: 0, status: 409, count: 1 },
      { kind: 1, status: 429, count: 5 },
      { kind: 0, status: 429, count: 4 },
    ])
  })

  it('holds a million of them with ids in some 36 bytes each', () => {
    const results = new BulkResults()
    const before = process.memoryUsage().arrayBuffers
    const bytes = Buffer.from('abcdefghijklmnopqrst')
    for (let i = 0; i < 1_000_000; i++) {
      bytes.writeUInt32BE(0x61616161 + (i % 1000), 0)
      results.add(0, 'logs', slice(bytes, 0, 20))
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60_000_000)
    bytes.writeUInt32BE(0x61616161 + 999, 0)
    const out = new Uint8Array(20)
    results.writeId(999_999, out, 0)
    expect(Buffer.from(out).equals(bytes)).toBe(true)
  })

  it('tells more different errors than it can keep in general words', () => {
    const results = new BulkResults()
    for (let i = 0; i < 10_000; i++) {
      const error: ItemError = { status: 400, type: 't', reason: `r${i}` }
      results.addFailed(0, 'a', '', error)
    }
    expect(results.errorAt(4095)?.reason).toBe('r4095')
    expect(results.errorAt(9999)).toEqual({ status: 400, type: 't', reason: 'too many different errors in one request to tell this one' })
    expect(results.counts()).toEqual([{ kind: 0, status: 400, count: 10_000 }])
  })

  it('begins anew', () => {
    const results = new BulkResults()
    for (let i = 0; i < 100_000; i++) results.addFailed(0, `a${i}`, `id ${i}`, errors.createOnly)
    results.clear()
    expect([results.count, results.failed, results.names.length]).toEqual([0, 0, 0])
    results.add(2, 'b', 'x')
    expect([idAt(results, 0), results.names, results.errorAt(0)]).toEqual(['x', ['b'], undefined])
  })
})
