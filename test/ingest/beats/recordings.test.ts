import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFakeDeps, eventually, type FakeDeps, openBooks } from '../support/fakes.ts'
import { createShared, linesOf, open, recordings } from './support.ts'

let deps: FakeDeps
beforeEach(() => {
  deps = createFakeDeps()
})
afterEach(() => expect(openBooks(deps.metrics)).toEqual([]))

const all = recordings()

/** Cuts at these places. */
const cut = (bytes: Buffer, places: readonly number[]): Buffer[] =>
  [0, ...places].map((from, at) => bytes.subarray(from, places[at] ?? bytes.length))

/** Places that look random and are the same every time. */
function somePlaces(length: number, seed: number): number[] {
  let state = seed
  const places = new Set<number>()
  for (let i = 0; i < 12; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    places.add(state % length)
  }
  return [...places].sort((a, b) => a - b)
}

describe.each(all)('recorded connection $name', ({ client, documents, finals }) => {
  const take = async (pieces: readonly Buffer[]): Promise<void> => {
    const { connection, wire } = open(createShared(deps))
    for (const piece of pieces) connection.data(piece)
    await eventually(() => wire.finals.length >= finals.length)
    connection.ended()
    await eventually(() => wire.isEnded)
    expect(wire.finals).toEqual(finals)
    expect(wire.acks.filter(({ sequence }) => sequence === 0)).toEqual([])
    expect(linesOf(deps)).toEqual(documents)
  }

  it('gives its documents when it comes whole', () => take([client]))
  it('gives its documents byte by byte', () => take([...client].map((byte) => Buffer.of(byte))))
  it.each([1, 2, 3, 4, 5])('gives its documents in cuts of seed %i', (seed) => take(cut(client, somePlaces(client.length, seed))))
})

describe('recordings', () => {
  it('are there', () => expect(all.length).toBeGreaterThanOrEqual(12))
})
