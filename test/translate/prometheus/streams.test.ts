import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chunkBytes } from '../../../src/translate/prometheus/arena.ts'
import { createStreams, type Place, Row, rowWords, type Streams, type StreamsOptions } from '../../../src/translate/prometheus/streams.ts'

const open = (options: Partial<StreamsOptions> = {}): Streams =>
  createStreams({ max: 1_000_000, maxBytes: 2 ** 28, onEvict: () => {}, ...options })

const attributesOf = (streams: Streams, at: number): Uint8Array => {
  const place: Place = { view: new DataView(new ArrayBuffer(0)), start: 0, end: 0 }
  streams.attributes(at, place)
  return new Uint8Array(place.view.buffer, place.view.byteOffset + place.start, place.end - place.start).slice()
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

const set = (streams: Streams, at: number, value: Uint8Array): boolean => streams.setAttributes(at, value, 0, value.length)

/** Spread as hashes are; the same number gives the same. */
const hashOf = (number: number): [number, number, number] => [
  Math.imul(number + 1, 0x9e3779b1) | 0,
  Math.imul(number ^ 0x5bd1e995, 0x85ebca6b) | 0,
  number | 0,
]

const has = (streams: Streams, number: number): boolean => streams.find(...hashOf(number)) >= 0

describe('createStreams', () => {
  it('finds a row by all three words', () => {
    const streams = open()
    const at = streams.insert(1, 2, 3, 100)
    expect(streams.find(1, 2, 3)).toBe(at)
    for (const [a, b, c] of [
      [0, 2, 3],
      [1, 0, 3],
      [1, 2, 0],
      [0, 0, 0],
    ] as const)
      expect(streams.find(a, b, c)).toBe(-1)
    expect([...streams.words.subarray(at, at + rowWords)]).toEqual([1, 2, 3, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0])
  })

  it('finds nothing in an empty store, and not the hash of zeros among rows that are free', () => {
    const streams = open()
    expect(streams.find(0, 0, 0)).toBe(-1)
    const at = streams.insert(-1, 0, 0, 1)
    streams.remove(at)
    expect(streams.find(-1, 0, 0)).toBe(-1)
    const zeros = streams.insert(0, 0, 0, 1)
    expect(streams.find(0, 0, 0)).toBe(zeros)
    streams.remove(zeros)
    expect(streams.find(0, 0, 0)).toBe(-1)
  })

  it('uses free rows again, with nothing of the old in them', () => {
    const streams = open()
    const at = streams.insert(1, 1, 1, 5)
    streams.insert(2, 2, 2, 5)
    streams.words.fill(77, at + Row.TimeHi, at + Row.Attributes)
    set(streams, at, text('old'))
    streams.remove(at)
    expect(streams.insert(3, 3, 3, 6)).toBe(at)
    expect([...streams.words.subarray(at, at + rowWords)]).toEqual([3, 3, 3, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0])
    expect(attributesOf(streams, at)).toHaveLength(0)
  })

  it('holds a hundred thousand rows, found in any order, each under its own place', () => {
    const streams = open()
    const places = Array.from({ length: 100_000 }, (_, number) => streams.insert(...hashOf(number), 1))
    expect(new Set(places).size).toBe(100_000)
    expect(streams.count).toBe(100_000)
    const wrong = places.filter((place, number) => streams.find(...hashOf(number)) !== place)
    const backwards = places.filter((_, index) => streams.find(...hashOf(99_999 - index)) !== places[99_999 - index])
    expect([wrong, backwards]).toEqual([[], []])
    expect([...streams.places()]).toEqual(places)
    expect(streams.memoryBytes / 100_000).toBeLessThan(90)
  })

  it('makes room for many at once, for no more than there may be, and for those that are there', () => {
    const streams = open({ max: 20_000 })
    for (let number = 0; number < 100; number++) streams.insert(...hashOf(number), 1)
    for (const rows of [5000, 10, -1, 10 ** 9]) streams.reserve(rows)
    const { words } = streams
    expect(words.length).toBe(20_000 * rowWords)
    for (let number = 100; number < 20_000; number++) streams.insert(...hashOf(number), 1)
    expect(streams.words).toBe(words)
    expect(Array.from({ length: 20_000 }, (_, number) => number).every((number) => has(streams, number))).toBe(true)
    expect(streams.count).toBe(20_000)
  })

  it('tells the owner of each row before it goes, once', () => {
    const gone: number[][] = []
    const streams: Streams = open({
      onEvict: (at) => gone.push([...streams.words.subarray(at, at + 3), streams.words[at + Row.First] as number]),
    })
    const at = streams.insert(1, 2, 3, 1)
    streams.words[at + Row.First] = 42
    streams.remove(at)
    streams.remove(at)
    expect(gone).toEqual([[1, 2, 3, 42]])
    expect(streams.count).toBe(0)
  })

  it('lets the least recently seen go when there are too many, one of 64', () => {
    const gone: number[] = []
    const streams: Streams = open({ max: 640, onEvict: (at) => gone.push(streams.words[at + 2] as number) })
    for (let number = 0; number < 640; number++) streams.insert(...hashOf(number), 1000 + number)
    // Those added first were seen again.
    for (let number = 0; number < 100; number++) streams.words[streams.find(...hashOf(number)) + Row.Seen] = 2000
    streams.insert(...hashOf(640), 2000)
    expect(gone.toSorted((left, right) => left - right)).toEqual(Array.from({ length: 10 }, (_, at) => 100 + at))
    expect([streams.count, streams.evicted]).toEqual([631, 10])
    expect(has(streams, 0) && has(streams, 110) && has(streams, 640)).toBe(true)
  })

  it('spares what is seen now, unless everything is', () => {
    const streams = open({ max: 128 })
    for (let number = 0; number < 127; number++) streams.insert(...hashOf(number), 50)
    streams.insert(...hashOf(127), 49)
    streams.insert(...hashOf(128), 50)
    expect([has(streams, 127), streams.evicted]).toEqual([false, 1])
    streams.insert(...hashOf(129), 50)
    expect([streams.count, streams.evicted, has(streams, 129)]).toEqual([127, 3, true])
  })

  it('never holds more rows than it may, down to one', () => {
    for (const max of [1, 2, 7, 1500]) {
      const streams = open({ max })
      for (let number = 0; number < 4000; number++) {
        streams.insert(...hashOf(number), number >> 4)
        if (streams.count > max || !has(streams, number)) expect.fail(`${streams.count} rows, ${number} was added`)
      }
    }
  })

  it('takes a last-seen time beyond 2038', () => {
    const streams = open({ max: 3 })
    const late = 2 ** 31
    streams.insert(...hashOf(1), late + 2)
    streams.insert(...hashOf(2), late - 1)
    streams.insert(...hashOf(3), late + 1)
    streams.insert(...hashOf(4), late + 3)
    expect([1, 2, 3, 4].map((number) => has(streams, number))).toEqual([true, false, true, true])
  })

  it('keeps attributes of 0 to 65,536 bytes', () => {
    const streams = open()
    const at = streams.insert(1, 1, 1, 1)
    const bytes = text('..service=checkout..')
    expect(streams.setAttributes(at, bytes, 2, 18)).toBe(true)
    bytes.fill(0)
    expect(attributesOf(streams, at)).toEqual(text('service=checkout'))
    expect(set(streams, at, new Uint8Array(65_536).fill(3))).toBe(true)
    expect(attributesOf(streams, at)).toEqual(new Uint8Array(65_536).fill(3))
    expect(set(streams, at, new Uint8Array(65_537))).toBe(false)
    expect(attributesOf(streams, at)).toHaveLength(0)
    expect(set(streams, at, new Uint8Array(0))).toBe(true)
    expect(attributesOf(streams, at)).toHaveLength(0)
  })

  it('keeps attributes where they are that are set again as they were', () => {
    const streams = open()
    const at = streams.insert(1, 1, 1, 1)
    set(streams, at, text('service=checkout'))
    const place = streams.words[at + Row.Attributes]
    expect(set(streams, at, text('service=checkout'))).toBe(true)
    expect(streams.words[at + Row.Attributes]).toBe(place)
    expect(set(streams, at, text('service=checkouT'))).toBe(true)
    expect(streams.words[at + Row.Attributes]).not.toBe(place)
    expect(attributesOf(streams, at)).toEqual(text('service=checkouT'))
  })

  it('lets the least recently seen with attributes go when those are too many bytes', () => {
    const streams = open({ maxBytes: 64_000 })
    streams.insert(...hashOf(1000), 1)
    for (let number = 0; number < 640; number++) {
      expect(set(streams, streams.insert(...hashOf(number), 10 + number), new Uint8Array(100 - 4))).toBe(true)
    }
    expect(streams.evicted).toBe(0)
    for (let number = 640; number < 660; number++) set(streams, streams.insert(...hashOf(number), 10 + number), new Uint8Array(200))
    expect(has(streams, 1000)).toBe(true)
    expect(streams.evicted).toBeGreaterThan(20)
    expect(streams.evicted).toBeLessThan(80)
    for (let number = 0; number < 660; number++) expect(has(streams, number), String(number)).toBe(number >= streams.evicted)
  })

  it('gives a row the attributes even if all others have to go, never evicts that row, and refuses what is more than it may hold', () => {
    const streams = open({ maxBytes: 1000 })
    for (let number = 0; number < 10; number++) set(streams, streams.insert(...hashOf(number), 5), new Uint8Array(96))
    const at = streams.find(...hashOf(3))
    expect(set(streams, at, new Uint8Array(1000).fill(1))).toBe(true)
    expect([streams.count, streams.find(...hashOf(3))]).toEqual([1, at])
    expect(attributesOf(streams, at)).toEqual(new Uint8Array(1000).fill(1))
    expect(set(streams, at, new Uint8Array(1001))).toBe(false)
    expect(streams.count).toBe(1)
  })

  it('does not let memory grow when attributes of all sizes come and go', () => {
    const streams = open({ max: 20_000 })
    for (let number = 0; number < 200_000; number++) {
      const at = streams.insert(...hashOf(number), number >> 6)
      set(streams, at, new Uint8Array(20 + ((number * 7919) % 300) + (number >> 9)))
      // Some stay for long, so that holes come to lie between them.
      if (number % 16 === 0 && number > 4000) {
        const old = streams.find(...hashOf(number - 4000))
        if (old >= 0) streams.words[old + Row.Seen] = (number >> 6) + 200
      }
    }
    let used = 0
    for (const at of streams.places()) used += ((streams.words[at + Row.AttributesBytes] as number) + 7) & ~7
    expect(streams.memoryBytes).toBeLessThan(20_000 * 90 + used * 1.34 + 4 * chunkBytes)
  })

  it('is a map with a bound, whatever is done', () => {
    const number = fc.nat(40)
    const steps = fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.tuple(fc.constant('see' as const), number, fc.nat(3)) },
        { weight: 2, arbitrary: fc.tuple(fc.constant('remove' as const), number, fc.constant(0)) },
        { weight: 4, arbitrary: fc.tuple(fc.constant('set' as const), number, fc.nat(400)) },
      ),
      { maxLength: 300, size: 'max' },
    )
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1, max: 45 }),
        fc.integer({ min: 500, max: 6000 }),
        fc.boolean(),
        (list, max, maxBytes, colliding) => {
          const model = new Map<number, { at: number; seen: number; attributes: Uint8Array }>()
          // All in one place of the index, or spread.
          const hash = (of: number): [number, number, number] => (colliding ? [2047, of & 1, of] : hashOf(of))
          let now = 1
          let gone: number[] = []
          const streams: Streams = open({ max, maxBytes, onEvict: (at) => gone.push(at) })
          const settle = (kept: number): void => {
            const evicted = [...model].filter(([, { at }]) => gone.includes(at))
            expect(evicted).toHaveLength(gone.length)
            for (const [of, { at }] of evicted) {
              expect(at).not.toBe(kept)
              model.delete(of)
            }
            gone = []
          }
          for (const [kind, of, value] of list) {
            const known = model.get(of)
            expect(streams.find(...hash(of))).toBe(known?.at ?? -1)
            if (kind === 'see') {
              now += value
              if (known !== undefined) {
                streams.words[known.at + Row.Seen] = now
                known.seen = now
                continue
              }
              const before = [...model.values()]
              const at = streams.insert(...hash(of), now)
              const oldestKept = Math.min(...before.filter((one) => !gone.includes(one.at)).map(({ seen }) => seen))
              for (const one of before.filter((row) => gone.includes(row.at))) expect(one.seen).toBeLessThanOrEqual(oldestKept)
              expect(gone).toHaveLength(before.length === max ? 1 : 0)
              settle(-1)
              model.set(of, { at, seen: now, attributes: new Uint8Array(0) })
            } else if (known !== undefined && kind === 'remove') {
              streams.remove(known.at)
              settle(-1)
            } else if (known !== undefined) {
              const attributes = new Uint8Array(value).fill(of + value)
              expect(set(streams, known.at, attributes)).toBe(true)
              settle(known.at)
              known.attributes = attributes
            }
            const used = [...model.values()].reduce((sum, { attributes }) => sum + ((attributes.length + 7) & ~7), 0)
            expect(used).toBeLessThanOrEqual(maxBytes)
          }
          expect(streams.count).toBe(model.size)
          expect([...streams.places()]).toEqual([...model.values()].map(({ at }) => at).toSorted((left, right) => left - right))
          for (const [of, { at, seen, attributes }] of model) {
            expect(streams.find(...hash(of))).toBe(at)
            expect(streams.words[at + Row.Seen]).toBe(seen)
            expect(Buffer.compare(attributesOf(streams, at), attributes)).toBe(0)
          }
        },
      ),
      { numRuns: 120 },
    )
  })
})
