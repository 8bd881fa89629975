import { describe, expect, it } from 'vitest'
import { GeneratedIds, SequenceNumbers } from '../../../src/ingest/elasticsearch/generated-ids.ts'

const random = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(1)

describe('GeneratedIds', () => {
  it('makes 20 characters that a URL may have, no two alike', () => {
    let now = 1_700_000_000_000
    const ids = new GeneratedIds({ now: () => now, random })
    const seen = new Set<string>()
    for (let i = 0; i < 10_000; i++) {
      if (i % 100 === 0) {
        now += i % 3 === 0 ? 5 : -7
        ids.renew()
      }
      const id = ids.next()
      expect(id).toMatch(/^[\w-]{20}$/)
      seen.add(id)
    }
    expect(seen.size).toBe(10_000)
  })

  it('goes on behind the 16 million ids of a moment', () => {
    const ids = new GeneratedIds({ now: () => 5, random })
    const out = new Uint8Array(4)
    const first = ids.next()
    for (let i = 1; i < 1 << 24; i++) ids.writeCount(out, 0)
    const block = ids.block
    const next = ids.next()
    expect(ids.block).toBe(block + 1)
    expect(next.slice(0, 16)).not.toBe(first.slice(0, 16))
  })
})

describe('SequenceNumbers', () => {
  it('counts for each index', () => {
    const numbers = new SequenceNumbers()
    expect([numbers.claim('a', 3), numbers.claim('b', 1), numbers.claim('a', 2), numbers.claim('a', 0)]).toEqual([0, 0, 3, 5])
  })

  it('keeps ten thousand of them', () => {
    const numbers = new SequenceNumbers()
    for (let i = 0; i <= 10_000; i++) numbers.claim(`i${i}`, 1)
    expect([numbers.claim('i0', 1), numbers.claim('i10000', 1)]).toEqual([0, 1])
  })
})
