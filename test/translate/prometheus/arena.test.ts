import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Arena, chunkBytes, createArena, maxEntryBytes, type Place, roundedBytes } from '../../../src/translate/prometheus/arena.ts'

const place = (): Place => ({ view: new DataView(new ArrayBuffer(0)), start: 0, end: 0 })

const bytesOf = ({ view, start, end }: Place): Uint8Array => new Uint8Array(view.buffer, view.byteOffset + start, end - start).slice()

const readAt = (arena: Arena, at: number, bytes: number): Uint8Array => {
  const out = place()
  arena.at(at, bytes, out)
  return bytesOf(out)
}

const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value)

/** Entries with their content, and what moves them. */
const createOwner = (arena: Arena) => {
  const entries: { at: number; content: Uint8Array }[] = []
  return {
    entries,
    add(content: Uint8Array) {
      entries.push({ at: arena.add(content, 0, content.length), content })
    },
    remove(index: number) {
      const [entry] = entries.splice(index, 1)
      if (entry !== undefined) arena.free(entry.at, entry.content.length)
    },
    clean() {
      arena.clean((move) => {
        for (const entry of entries) entry.at = move(entry.at, entry.content.length)
      })
    },
    check() {
      for (const { at, content } of entries) expect(Buffer.compare(readAt(arena, at, content.length), content)).toBe(0)
    },
  }
}

describe('createArena', () => {
  it('keeps copies of parts', () => {
    const arena = createArena()
    const bytes = Uint8Array.from([1, 2, 3, 4, 5])
    const at = arena.add(bytes, 1, 4)
    bytes.fill(9)
    expect(readAt(arena, at, 3)).toEqual(Uint8Array.from([2, 3, 4]))
    expect(arena.usedBytes).toBe(8)
    expect(arena.heldBytes).toBe(chunkBytes)
  })

  it('takes entries up to the longest, four to a chunk', () => {
    const arena = createArena()
    const owner = createOwner(arena)
    for (let at = 0; at < 9; at++) owner.add(filled(maxEntryBytes, at))
    owner.check()
    expect(arena.heldBytes).toBe(3 * chunkBytes)
  })

  it('gives a chunk back whose last entry went', () => {
    const arena = createArena()
    const owner = createOwner(arena)
    for (let at = 0; at < 12; at++) owner.add(filled(maxEntryBytes, at))
    for (let at = 0; at < 12; at++) owner.remove(0)
    expect(arena.usedBytes).toBe(0)
    expect(arena.heldBytes).toBeLessThanOrEqual(chunkBytes)
  })

  it('never changes what is viewed, whatever goes or moves', () => {
    const arena = createArena()
    const owner = createOwner(arena)
    for (let at = 0; at < 3000; at++) owner.add(filled(1000, at & 0xff))
    const seen = owner.entries.map(({ at, content }) => {
      const out = place()
      arena.at(at, content.length, out)
      return { out, content }
    })
    for (let at = owner.entries.length - 1; at >= 0; at -= 2) owner.remove(at)
    owner.clean()
    for (let at = 0; at < 3000; at++) owner.add(filled(1000, 255))
    for (const { out, content } of seen) expect(Buffer.compare(bytesOf(out), content)).toBe(0)
    owner.check()
  })

  it('needs at most a third more than is in use, once cleaned when it asks for it', () => {
    const arena = createArena()
    const owner = createOwner(arena)
    let random = 1
    const next = (below: number): number => {
      random = (Math.imul(random, 1103515245) + 12345) >>> 0
      return (random >>> 8) % below
    }
    for (let round = 0; round < 60_000; round++) {
      owner.add(filled(100 + next(200) + (round >> 8), round & 0xff))
      if (owner.entries.length > 12_000) {
        const index = next(owner.entries.length)
        const { at, content } = owner.entries[index] as { at: number; content: Uint8Array }
        arena.free(at, content.length)
        owner.entries[index] = owner.entries[owner.entries.length - 1] as { at: number; content: Uint8Array }
        owner.entries.pop()
      }
      if (arena.isDirty) owner.clean()
      if (arena.isDirty) expect.fail('a cleaning was in vain')
    }
    owner.check()
    const used = owner.entries.reduce((sum, { content }) => sum + roundedBytes(content.length), 0)
    expect(arena.usedBytes).toBe(used)
    expect(arena.heldBytes).toBeLessThan(used * 1.34 + 3 * chunkBytes)
  })

  it('holds what was added and not let go of, in any order of doing things', () => {
    const steps = fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: 1, max: maxEntryBytes }).map((length) => ({ kind: 'add' as const, length })) },
        { weight: 4, arbitrary: fc.nat(1000).map((index) => ({ kind: 'remove' as const, index })) },
        { weight: 1, arbitrary: fc.constant({ kind: 'clean' as const }) },
      ),
      { maxLength: 120, size: 'max' },
    )
    fc.assert(
      fc.property(steps, (list) => {
        const arena = createArena()
        const owner = createOwner(arena)
        list.forEach((step, at) => {
          if (step.kind === 'add') owner.add(filled(step.length, at))
          else if (step.kind === 'remove') owner.remove(step.index % Math.max(1, owner.entries.length))
          else owner.clean()
        })
        owner.check()
        expect(arena.usedBytes).toBe(owner.entries.reduce((sum, { content }) => sum + roundedBytes(content.length), 0))
        expect(arena.heldBytes).toBeGreaterThanOrEqual(arena.usedBytes)
      }),
      { numRuns: 60 },
    )
  })
})
