import { describe, expect, it } from 'vitest'
import { PlaceTable } from '../../src/otlp/place-table.ts'

const placesOf = (table: PlaceTable, hash: number): number[] => {
  const found: number[] = []
  table.seek(hash)
  for (let place = table.next(); place >= 0; place = table.next()) found.push(place)
  return found
}

describe('PlaceTable', () => {
  it('finds all places of a hash, and none of others, while it grows', () => {
    const table = new PlaceTable(4)
    const hashes = Array.from({ length: 3000 }, (_, i) => Math.imul(i % 1000, 0x9e3779b1))
    for (const [place, hash] of hashes.entries()) table.add(hash, place)
    for (let i = 0; i < 1000; i++) expect(placesOf(table, hashes[i] as number).toSorted((a, b) => a - b)).toEqual([i, i + 1000, i + 2000])
    expect(placesOf(table, 12345)).toEqual([])
    table.clear()
    for (const hash of hashes) expect(placesOf(table, hash)).toEqual([])
  })

  it('looks through a bounded number of equal hashes', () => {
    const table = new PlaceTable(16)
    for (let place = 0; place < 10_000; place++) table.add(7, place)
    const found = placesOf(table, 7)
    expect(found.length).toBeLessThanOrEqual(64)
    expect(found).toEqual(found.map((_, i) => i))
  })

  it('takes negative hashes, and 0', () => {
    const table = new PlaceTable(16)
    table.add(-1, 0)
    table.add(0, 1)
    expect([placesOf(table, -1), placesOf(table, 0)]).toEqual([[0], [1]])
  })
})
