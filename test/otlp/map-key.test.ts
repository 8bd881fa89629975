import { describe, expect, it } from 'vitest'
import { mapKey } from '../../src/otlp/map-key.ts'

describe('mapKey', () => {
  it('leaves short texts as they are', () => {
    expect(mapKey('job="a"')).toBe('job="a"')
    expect(mapKey('x'.repeat(4096))).toBe('x'.repeat(4096))
  })

  it('makes long ones short, and different ones different', () => {
    const texts = ['a', 'b', 'ab', 'é'].map((end) => 'x'.repeat(65_000) + end)
    const keys = texts.map(mapKey)
    expect(new Set(keys).size).toBe(texts.length)
    expect(Math.max(...keys.map((key) => key.length))).toBeLessThan(100)
    expect(texts.map(mapKey)).toEqual(keys)
  })

  it('makes maps of long texts that are looked up in no more time than others', () => {
    const map = new Map<string, number>()
    const startedAt = performance.now()
    for (let at = 0; at < 2000; at++) map.set(mapKey('x'.repeat(65_000) + String(at).padStart(5, '0')), at)
    // By the texts themselves it takes half a minute.
    expect(performance.now() - startedAt).toBeLessThan(5000)
    expect(map.size).toBe(2000)
  })
})
