import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Seed } from '../../../src/translate/prometheus/hash.ts'
import { createStreams, Row, rowWords, type Streams } from '../../../src/translate/prometheus/streams.ts'
import { loadRows, rowsPerPiece, saveRows, seedOfRows } from '../../../src/translate/prometheus/streams-form.ts'

const seed: Seed = [1, -2, 0x7fffffff, -0x80000000]

const open = (max = 1_000_000): Streams => createStreams({ max, maxBytes: 2 ** 20, onEvict: () => {} })

const addRow = (streams: Streams, number: number, seen: number): number => {
  const at = streams.insert(Math.imul(number, 0x9e3779b1) | 0, ~number, number, seen)
  for (let word = Row.TimeHi; word <= Row.StartLo; word++) streams.words[at + word] = number * 100 + word
  return at
}

/** A piece is valid until the next one is asked for. */
const piecesOf = (streams: Streams): Uint8Array[] => Array.from(saveRows(streams, seed), (piece) => piece.slice())

/** Hash, time, value, start, seen of all rows, by hash. */
const rowsOf = (streams: Streams): number[][] =>
  Array.from(streams.places(), (at) => [...streams.words.subarray(at, at + 10)]).sort(
    (left, right) => (left[2] as number) - (right[2] as number),
  )

const load = (pieces: readonly Uint8Array[], streams: Streams, now = 5000): number =>
  pieces.reduce((sum, piece) => sum + loadRows(piece, streams, seed, now), 0)

describe('saveRows', () => {
  it('gives nothing for nothing', () => {
    expect(piecesOf(open())).toEqual([])
  })

  it('gives what loadRows takes back: hash, time, value, start, seen, and nothing of what the row says', () => {
    const streams = open()
    for (let number = 1; number < 100; number++) {
      const at = addRow(streams, number, 1000 + number)
      streams.words.fill(7, at + Row.Generation, at + Row.Attributes)
      streams.setAttributes(at, new Uint8Array(20), 0, 20)
    }
    streams.remove([...streams.places()][3] as number)
    const restored = open()
    expect(load(piecesOf(streams), restored)).toBe(98)
    expect(rowsOf(restored)).toEqual(rowsOf(streams))
    for (const at of restored.places()) {
      expect([...restored.words.subarray(at + Row.Generation, at + rowWords)]).toEqual([0, 0, 0, 0, 0, 0])
    }
  })

  it('gives pieces below 1 MiB, each of use alone', () => {
    const streams = open()
    for (let number = 0; number < rowsPerPiece * 2 + 1; number++) addRow(streams, number, 1)
    const pieces = piecesOf(streams)
    expect(pieces.map(({ length }) => length <= 2 ** 20)).toEqual([true, true, true])
    const restored = open()
    expect(load(pieces.slice(1), restored)).toBe(rowsPerPiece + 1)
    expect(rowsOf(restored)).toEqual(rowsOf(streams).slice(rowsPerPiece))
  })

  it('bears rows that come, go and change between two pieces', () => {
    const streams = open()
    for (let number = 0; number < rowsPerPiece * 3; number++) addRow(streams, number, 1)
    const restored = open()
    let taken = 0
    for (const piece of saveRows(streams, seed)) {
      loadRows(piece, restored, seed, 5000)
      // One of those to come is changed, one that was given goes and another takes its place, and one row is new.
      const places = [...streams.places()]
      if (taken < 2) streams.words[(places[rowsPerPiece * 2 + taken] as number) + Row.ValueLo] = -1
      streams.remove(places[taken] as number)
      addRow(streams, 1_000_000 + taken, 1)
      addRow(streams, 2_000_000 + taken, 1)
      taken++
    }
    expect(taken).toBeGreaterThanOrEqual(3)
    const found = new Map(rowsOf(restored).map((row) => [row[2], row]))
    for (const row of rowsOf(streams).filter(([, , number]) => (number as number) < 1_000_000)) expect(found.get(row[2])).toEqual(row)
  })
})

describe('loadRows', () => {
  it('leaves rows alone that are there', () => {
    const streams = open()
    addRow(streams, 1, 10)
    const pieces = piecesOf(streams)
    streams.words[0 + Row.ValueLo] = 4242
    expect(load(pieces, streams)).toBe(0)
    expect(streams.words[Row.ValueLo]).toBe(4242)
  })

  it('takes what was seen in the future for seen now', () => {
    const streams = open()
    addRow(streams, 1, 9000)
    addRow(streams, 2, -5)
    const restored = open()
    load(piecesOf(streams), restored, 5000)
    expect(Array.from(restored.places(), (at) => restored.words[at + Row.Seen])).toEqual([5000, 5000])
  })

  it('lets those go that were seen longest ago when there are too many', () => {
    const streams = open()
    for (let number = 0; number < 1280; number++) addRow(streams, number, 1 + number)
    const restored = open(640)
    load(piecesOf(streams), restored, 1281)
    expect(restored.count).toBeGreaterThan(620)
    for (const [, , number] of rowsOf(restored)) expect(number).toBeGreaterThanOrEqual(600)
  })

  it('adds nothing of another seed, another version, or something else', () => {
    const streams = open()
    addRow(streams, 1, 10)
    const [piece] = piecesOf(streams) as [Uint8Array]
    const restored = open()
    expect(loadRows(piece, restored, [1, -2, 3, 4], 5000)).toBe(0)
    const newer = piece.slice()
    newer[4] = 2
    for (const other of [newer, piece.slice(0, 31), new Uint8Array(0), new Uint8Array(4096).fill(7)]) {
      expect(seedOfRows(other)).toBeUndefined()
      expect(loadRows(other, restored, seed, 5000)).toBe(0)
    }
    expect(seedOfRows(piece)).toEqual(seed)
  })

  it('takes the whole rows of a piece that is cut, wherever it lies in memory', () => {
    const streams = open()
    for (let number = 0; number < 10; number++) addRow(streams, number, 10)
    const [piece] = piecesOf(streams) as [Uint8Array]
    for (const [bytes, rows] of [
      [piece.length - 1, 9],
      [32 + 40, 1],
      [32 + 39, 0],
      [piece.length, 10],
    ] as const) {
      const odd = new Uint8Array(bytes + 1)
      odd.set(piece.subarray(0, bytes), 1)
      expect(loadRows(odd.subarray(1), open(), seed, 5000)).toBe(rows)
    }
  })

  it('survives any bytes behind a good head', () => {
    const streams = open()
    for (let number = 0; number < 20; number++) addRow(streams, number, 10)
    const [piece] = piecesOf(streams) as [Uint8Array]
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(piece.length - 1), fc.nat(255)), { maxLength: 20 }), (changes) => {
        const damaged = piece.slice()
        for (const [at, value] of changes) damaged[at] = value
        const restored = open(15)
        expect(loadRows(damaged, restored, seedOfRows(damaged) ?? seed, 5000)).toBeLessThanOrEqual(20)
        expect(restored.count).toBe([...restored.places()].length)
      }),
    )
  })
})
