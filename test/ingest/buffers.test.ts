import { describe, expect, it } from 'vitest'
import { createBufferPool } from '../../src/ingest/buffers.ts'

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
