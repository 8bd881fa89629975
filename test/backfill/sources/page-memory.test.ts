import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPageMemory } from '../../../src/backfill/sources/page-memory.ts'
import { ReverseWriter } from '../../../src/otlp/encode/writer.ts'

describe('createPageMemory', () => {
  it('gives every page its own bytes, whatever sizes its messages have and though memory is used again', () => {
    const sizes = fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 900 }) }, fc.integer({ min: 1, max: 90_000 }))
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.record({ size: sizes, guess: fc.integer({ min: 1, max: 200_000 }) }), { maxLength: 40 }), {
          minLength: 2,
          maxLength: 6,
        }),
        (pages) => {
          const memory = createPageMemory()
          const writer = new ReverseWriter(memory)
          const joined = pages.map((page, number) => {
            const messages = page.map(({ size, guess }, at) => {
              writer.begin(guess)
              for (let left = size; left > 0; left--) {
                writer.ensure(1)
                writer.byte((number * 31 + at) & 0xff)
              }
              return writer.finish()
            })
            const whole = memory.join(messages)
            memory.reclaim()
            return whole
          })
          for (const [number, page] of pages.entries()) {
            const wanted = Buffer.concat(page.map(({ size }, at) => Buffer.alloc(size, (number * 31 + at) & 0xff)))
            expect(wanted.equals(joined[number] as Uint8Array)).toBe(true)
          }
          expect(memory.keptBytes).toBeLessThanOrEqual(4 * 1024 * 1024)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('uses the memory of a page again for the next one, but for what the writer is at', () => {
    const memory = createPageMemory()
    const [first, second] = [memory.take(64 * 1024), memory.take(64 * 1024)]
    memory.reclaim()
    expect(memory.take(64 * 1024)).toBe(first)
    expect(memory.take(64 * 1024)).not.toBe(second)
    memory.reclaim()
    expect(memory.keptBytes).toBe(128 * 1024)
  })
})
