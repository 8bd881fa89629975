import { describe, expect, it } from 'vitest'
import { createChunkPool, freeMessage, freeNow, freeWhole, ownsChunk } from '../../../src/otlp/encode/chunks.ts'

const KiB = 1024
const MiB = 1024 * KiB

describe('createChunkPool', () => {
  it('gives the same memory again, for messages of about that size', () => {
    const pool = createChunkPool()
    const memory = pool.take(100 * KiB)
    pool.give(memory)
    expect(pool.keptBytes).toBe(112 * KiB)
    expect(pool.take(110 * KiB)).toBe(memory)
    expect(pool.keptBytes).toBe(0)
  })

  it('frees what it does not keep: what is too large, of a size nobody asks for, or beyond its cap', () => {
    const pool = createChunkPool(MiB)
    const kept = pool.take(MiB)
    const all = [new ArrayBuffer(5 * MiB), new ArrayBuffer(100_001), pool.take(MiB)]
    pool.give(kept)
    for (const one of all) pool.give(one)
    expect(all.map(({ byteLength }) => byteLength)).toEqual([0, 0, 0])
    expect([kept.byteLength, pool.keptBytes]).toEqual([MiB, MiB])
  })

  it('leaves alone what others may share: small memory, and that of all threads', () => {
    const pool = createChunkPool()
    const slab = new ArrayBuffer(8 * KiB)
    const shared = new SharedArrayBuffer(2 * MiB)
    pool.give(slab)
    pool.give(shared)
    expect([slab.byteLength, shared.byteLength, pool.keptBytes]).toEqual([8 * KiB, 2 * MiB, 0])
  })
})

describe('freeNow', () => {
  it('leaves a buffer without bytes, whose memory is not counted any more', () => {
    const memory = Buffer.allocUnsafeSlow(64 * MiB).buffer as ArrayBuffer
    const before = process.memoryUsage().arrayBuffers
    freeNow(memory)
    expect(memory.byteLength).toBe(0)
    expect(before - process.memoryUsage().arrayBuffers).toBeGreaterThanOrEqual(64 * MiB)
  })
})

describe('ownsChunk', () => {
  it('is true of a message that fills half of its memory', () => {
    const memory = new ArrayBuffer(100)
    expect([ownsChunk(new Uint8Array(memory, 50)), ownsChunk(new Uint8Array(memory, 51))]).toEqual([true, false])
  })
})

describe('freeWhole', () => {
  it('frees bytes that have their memory to themselves, and no others', () => {
    const own = Buffer.allocUnsafeSlow(65_536)
    const memory = new ArrayBuffer(65_536)
    const part = new Uint8Array(memory, 0, 65_535)
    const pooled = Buffer.from('a small one')
    for (const one of [own, part, pooled]) freeWhole(one)
    expect([own.length, part.length, memory.byteLength, pooled.toString()]).toEqual([0, 65_535, 65_536, 'a small one'])
  })
})

describe('freeMessage', () => {
  it('frees the memory of a message that fills half of it, and of no other', () => {
    const large = new Uint8Array(new ArrayBuffer(65_536), 20_000)
    const beside = new Uint8Array(new ArrayBuffer(65_536), 40_000)
    const small = new Uint8Array(new ArrayBuffer(8_192))
    for (const one of [large, beside, small]) freeMessage(one)
    expect([large.length, beside.length, small.length]).toEqual([0, 25_536, 8_192])
  })
})
