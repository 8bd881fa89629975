import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTextCache } from '../../../src/translate/prometheus/text-cache.ts'

describe('createTextCache', () => {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const expected = (bytes: Uint8Array): string | undefined => {
    try {
      return strict.decode(bytes)
    } catch {
      return undefined
    }
  }

  it('reads any bytes as a decoder does, the first time and again, wherever they stand', () => {
    const cache = createTextCache()
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 120 }).map((one) => Buffer.from(one)),
      fc.uint8Array({ maxLength: 8 }),
      fc.constantFrom('\ufeffa', '__name__', 'x'.repeat(96), 'x'.repeat(97)).map((one) => Buffer.from(one)),
    )
    fc.assert(
      fc.property(fc.array(text, { maxLength: 30 }), (texts) => {
        for (const bytes of [...texts, ...texts]) {
          const body = new Uint8Array([7, 7, 7, ...bytes, 7])
          expect(cache.read(body, 3, 3 + bytes.length)).toBe(expected(bytes))
        }
      }),
    )
  })

  it('does not take a text for another that had its place, or is longer', () => {
    const cache = createTextCache()
    const read = (text: string): string | undefined => cache.read(Buffer.from(text), 0, Buffer.byteLength(text))
    // More than there are places, so that all are taken, and taken again.
    const all = Array.from({ length: 10_000 }, (_, at) => `pod-${at}`)
    expect(all.map(read)).toEqual(all)
    expect(all.toReversed().map(read)).toEqual(all.toReversed())
    expect(['a', 'ab', 'abc', 'ab', 'a'].map(read)).toEqual(['a', 'ab', 'abc', 'ab', 'a'])
  })

  it('keeps nothing of bytes that are written over', () => {
    const cache = createTextCache()
    const body = Buffer.from('job')
    expect(cache.read(body, 0, 3)).toBe('job')
    body.write('pod')
    expect(cache.read(body, 0, 3)).toBe('pod')
    expect(cache.read(Buffer.from('job'), 0, 3)).toBe('job')
  })
})
