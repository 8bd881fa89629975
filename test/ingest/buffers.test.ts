import { describe, expect, it } from 'vitest'
import { createBufferPool, freeWhole } from '../../src/ingest/buffers.ts'

describe('createBufferPool', () => {
  it('gives buffers again, and refuses to have more out than it may', () => {
    const pool = createBufferPool(16_384, 'a.limit')
    const one = pool.take(5000)
    expect([one.length, pool.outBytes]).toEqual([8192, 8192])
    expect(() => pool.take(8193)).toThrow(/more than 16384 bytes are on their way in already \(a\.limit\)/)
    pool.give(one)
    expect(pool.take(8000)).toBe(one)
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
