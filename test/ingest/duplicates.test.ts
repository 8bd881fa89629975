import { describe, expect, it } from 'vitest'
import { createDuplicates, type Duplicates } from '../../src/ingest/duplicates.ts'

/** One request with these ids; true where one is a duplicate, which is not kept. */
function request(duplicates: Duplicates, ids: readonly string[], end: 'commit' | 'discard' = 'commit', space = 'logs'): boolean[] {
  const own = duplicates.begin()
  const found = ids.map((id) => {
    const has = own.has(space, id)
    if (!has) own.keep()
    return has
  })
  own[end]()
  return found
}

const create = (ids = 1000, ttlMs = 60_000) => {
  const clock = { nowMs: 1_000_000 }
  let full = 0
  const duplicates = createDuplicates({ ids, ttlMs, nowMs: () => clock.nowMs, onFull: () => full++ })
  return { duplicates, clock, full: () => full }
}

describe('createDuplicates', () => {
  it('knows an id again once its request was taken, in the same space only', () => {
    const { duplicates } = create()
    expect(request(duplicates, ['a', 'b'])).toEqual([false, false])
    expect(request(duplicates, ['b', 'c', 'a'])).toEqual([true, false, true])
    expect(request(duplicates, ['a'], 'commit', 'other')).toEqual([false])
    expect(duplicates.size).toBe(4)
  })

  it('knows it within the request, and forgets it with a request that was not taken', () => {
    const { duplicates } = create()
    expect(request(duplicates, ['a', 'a'], 'discard')).toEqual([false, true])
    expect(request(duplicates, ['a'])).toEqual([false])
  })

  it('does not remember ids of documents that were not good', () => {
    const { duplicates } = create()
    const own = duplicates.begin()
    expect(own.has('logs', 'bad')).toBe(false)
    expect(own.has('logs', 'good')).toBe(false)
    own.keep()
    own.commit()
    expect(request(duplicates, ['bad', 'good'])).toEqual([false, true])
  })

  it('keeps requests under way apart', () => {
    const { duplicates } = create()
    const [one, two] = [duplicates.begin(), duplicates.begin()]
    for (const own of [one, two]) {
      expect(own.has('logs', 'a')).toBe(false)
      own.keep()
    }
    one.commit()
    two.discard()
    expect(request(duplicates, ['a'])).toEqual([true])
  })

  it('forgets an id some time after it was last seen', () => {
    const { duplicates, clock } = create(1000, 500)
    request(duplicates, ['a', 'b'])
    clock.nowMs += 400
    expect(request(duplicates, ['a'])).toEqual([true])
    clock.nowMs += 400
    expect(request(duplicates, ['a', 'b'])).toEqual([true, false])
    clock.nowMs += 500
    expect(request(duplicates, ['a'])).toEqual([false])
  })

  it('forgets the least recently seen when there are too many, and says so', () => {
    const { duplicates, full } = create(4)
    request(duplicates, ['a', 'b', 'c', 'd'])
    expect([full(), request(duplicates, ['a'])]).toEqual([0, [true]])
    request(duplicates, ['e', 'f'])
    expect([full(), duplicates.size]).toEqual([1, 4])
    expect(request(duplicates, ['a', 'd', 'e', 'f'])).toEqual([true, true, true, true])
    expect(request(duplicates, ['b'], 'discard')).toEqual([false])
    expect(request(duplicates, ['c'], 'discard')).toEqual([false])
  })

  it('takes slices as it takes strings', () => {
    const { duplicates } = create()
    request(duplicates, ['é-17'])
    const source = Buffer.from('..é-17..')
    const own = duplicates.begin()
    expect(own.has('logs', { source, start: 2, end: 7 })).toBe(true)
    expect(own.has('logs', { source, start: 2, end: 8 })).toBe(false)
    expect(own.has('logs', { source, start: 1, end: 7 })).toBe(false)
  })

  it('remembers nothing when it is told to', () => {
    const { duplicates } = create(0)
    expect(request(duplicates, ['a', 'a'])).toEqual([false, false])
  })

  it('tells 300,000 ids apart, of which it forgets a third, in less than 20 MB', () => {
    const { duplicates } = create(200_000)
    const before = process.memoryUsage().arrayBuffers
    const idsOf = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `id-${from + at}`)
    for (let from = 0; from < 300_000; from += 1000) {
      expect(request(duplicates, idsOf(from, from + 1000)).includes(true)).toBe(false)
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20e6)
    expect(duplicates.size).toBe(200_000)
    expect(request(duplicates, idsOf(100_000, 300_000), 'discard').includes(false)).toBe(false)
    expect(request(duplicates, idsOf(0, 100_000), 'discard').includes(true)).toBe(false)
  })

  it('has each bit of an id in each word of its digest', () => {
    const { duplicates } = create(100_000)
    const own = duplicates.begin()
    const seen = new Set<string>()
    for (let bit = 0; bit < 160; bit++) {
      const id = new Uint8Array(20)
      id[bit >> 3] = 1 << (bit & 7)
      expect(own.has('logs', { source: id, start: 0, end: 20 })).toBe(false)
      own.keep()
      seen.add(Buffer.from(id).toString('hex'))
    }
    own.commit()
    expect(duplicates.size).toBe(seen.size)
  })
})
