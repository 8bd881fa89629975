import { describe, expect, it } from 'vitest'
import { Hash64, HashSet64 } from '../../src/read/hash64.ts'

const hashOf = (text: string): Hash64 => {
  const bytes = Buffer.from(text)
  return new Hash64().of(bytes, 0, bytes.length)
}

describe('Hash64', () => {
  it('never changes: positions that were stored hold it', () => {
    const { hi, lo } = hashOf('otlp-bridge')
    expect([hi, lo]).toEqual([hashOf('otlp-bridge').hi, hashOf('otlp-bridge').lo])
    expect(`${hi.toString(16)} ${lo.toString(16)}`).toMatchInlineSnapshot(`"4c51c9f2 1e09321c"`)
  })

  it('tells 200,000 similar texts apart', () => {
    const set = new HashSet64()
    for (let i = 0; i < 200_000; i++) set.add(hashOf(`id${i}`))
    expect(set.size).toBe(200_000)
  })
})

describe('HashSet64', () => {
  it('knows what it holds, and gives it back packed', () => {
    const set = new HashSet64()
    for (let i = 0; i < 3000; i++) expect(set.add(hashOf(`${i}`))).toBe(true)
    expect(set.add(hashOf('7'))).toBe(false)
    const other = new HashSet64()
    other.unpack(set.pack())
    expect(other.size).toBe(3000)
    expect(other.has(hashOf('2999'))).toBe(true)
    expect(other.has(hashOf('3000'))).toBe(false)
    other.clear()
    expect([other.size, other.has(hashOf('7'))]).toEqual([0, false])
  })
})
