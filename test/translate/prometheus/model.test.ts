import { describe, expect, it } from 'vitest'
import { WriteRequest } from '../../../src/translate/prometheus/model.ts'

const columns = (request: WriteRequest): [string, Int32Array | Float64Array | Uint8Array][] =>
  Object.entries(request).filter(([name, one]) => name !== 'body' && ArrayBuffer.isView(one)) as [string, Int32Array][]

const lengths = (request: WriteRequest): Record<string, number> =>
  Object.fromEntries(columns(request).map(([name, one]) => [name, one.length]))

const grow: Readonly<Record<string, (request: WriteRequest, count: number) => void>> = {
  symbol: (request, count) => request.ensureSymbols(count),
  label: (request, count) => request.ensureLabels(count),
  series: (request, count) => request.ensureSeries(count),
  sample: (request, count) => request.ensureSamples(count),
  exemplar: (request, count) => request.ensureExemplars(count),
}

describe('WriteRequest', () => {
  it.each(Object.keys(grow))('makes room for a %s more in all its columns, and keeps what is in them', (what) => {
    const request = new WriteRequest()
    const own = columns(request).filter(([name]) => name.startsWith(what))
    expect(own.length).toBeGreaterThan(1)
    for (const [, column] of own) column.fill(7)
    grow[what]?.(request, 5_000)
    const after = new Map(columns(request))
    for (const [name, column] of own) {
      expect(after.get(name)?.length, name).toBeGreaterThanOrEqual(what === 'series' ? 5_001 : 5_000)
      expect(after.get(name)?.subarray(0, column.length), name).toEqual(column)
    }
    const others = columns(request).filter(([name]) => !own.some(([one]) => one === name))
    expect(others.every(([, column]) => column.length === 1_024)).toBe(true)
  })

  it('keeps its memory where there is room', () => {
    const request = new WriteRequest()
    const before = columns(request).map(([, column]) => column)
    for (const one of Object.values(grow)) one(request, 1_000)
    expect(columns(request).every(([, column], at) => column === before[at])).toBe(true)
  })

  it('is empty after it was cleared, with the memory it had', () => {
    const request = new WriteRequest()
    for (const one of Object.values(grow)) one(request, 5_000)
    const before = lengths(request)
    request.symbolCount = request.labelCount = request.seriesCount = request.sampleCount = request.exemplarCount = 9
    request.metadata.push({ type: 1, family: 1, help: 1, unit: 1 })
    const body = new Uint8Array(3)
    request.clear(2, body)
    expect(request).toMatchObject({
      version: 2,
      symbolCount: 0,
      labelCount: 0,
      seriesCount: 0,
      sampleCount: 0,
      exemplarCount: 0,
      histograms: [],
      metadata: [],
    })
    expect(request.body).toBe(body)
    expect(lengths(request)).toEqual(before)
  })

  it.each(Object.keys(grow))('gives back the memory of a request with very many of: %s', (what) => {
    const request = new WriteRequest()
    grow[what]?.(request, 300_000)
    const body = new Uint8Array(3)
    request.clear(2, body)
    expect([request.version, request.body]).toEqual([2, body])
    expect(new Set(Object.values(lengths(request)))).toEqual(new Set([1_024]))
  })
})
