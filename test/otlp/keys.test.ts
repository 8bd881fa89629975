import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createKey, createKeyTable, sameKey } from '../../src/otlp/keys.ts'

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

describe('createKeyTable', () => {
  it('gives one object for one text, wherever its bytes stand', () => {
    const table = createKeyTable(() => 0)
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.nat(5), (raw, before) => {
        const text = raw.toWellFormed()
        const bytes = new TextEncoder().encode(text)
        const body = new Uint8Array(before + bytes.length + 3).fill(0x7a)
        body.set(bytes, before)
        const key = table.find(body, viewOf(body), before, before + bytes.length)
        expect(key.text).toBe(text)
        expect(table.ofText(text)).toBe(key)
      }),
      { numRuns: 500 },
    )
  })

  it('stops growing at its cap and still answers rightly', () => {
    const table = createKeyTable((text) => (text === 'late' ? 5 : 0), 10)
    for (let i = 0; i < 1000; i++) expect(table.ofText(`key ${i}`).text).toBe(`key ${i}`)
    expect(table.size).toBe(10)
    const late = table.ofText('late')
    expect(late.role).toBe(5)
    expect(late).not.toBe(table.ofText('late'))
    expect(sameKey(late, table.ofText('late'))).toBe(true)
    expect(sameKey(late, table.ofText('key 3'))).toBe(false)
  })

  it('forgets all keys when it is renewed at its cap, and none before', () => {
    const table = createKeyTable(() => 0, 10)
    const first = table.ofText('key 0')
    for (let i = 1; i < 9; i++) table.ofText(`key ${i}`)
    table.renew()
    expect(table.ofText('key 0')).toBe(first)
    for (let i = 9; i < 12; i++) table.ofText(`key ${i}`)
    table.renew()
    expect(table.size).toBe(0)
    const again = table.ofText('key 0')
    expect(again.text).toBe('key 0')
    expect(table.ofText('key 0')).toBe(again)
  })

  it('does not keep the body of a request alive by a key', () => {
    const body = new TextEncoder().encode('some.key and a long rest')
    const key = createKeyTable(() => 0).find(body, viewOf(body), 0, 8)
    body.fill(0)
    expect(key.text).toBe('some.key')
    expect(Buffer.from(key.words.buffer).subarray(-8).toString()).toBe('some.key')
  })

  it('repairs keys that are not UTF-8', () => {
    const body = Uint8Array.from([0x61, 0xff, 0x62])
    const table = createKeyTable(() => 0)
    const key = table.find(body, viewOf(body), 0, 3)
    expect(key.text).toBe('a\ufffdb')
    expect(table.find(body, viewOf(body), 0, 3)).toBe(key)
  })
})

describe('createKey', () => {
  it.each([0, 1, 2, 3, 126, 127, 128, 129, 16383, 16384])('holds the wire field of a key of %i bytes at the end of its words', (length) => {
    const key = createKey('k'.repeat(length))
    const bytes = Buffer.from(key.words.buffer).subarray(key.words.byteLength - key.fieldBytes)
    expect(bytes[0]).toBe(0x0a)
    expect(bytes.subarray(bytes.length - length).toString()).toBe(key.text)
    expect(bytes.length).toBe(1 + (length < 128 ? 1 : length < 16384 ? 2 : 3) + length)
  })

  it.each(['é', 'ключ', '鍵.🔑', 'lone \ud800'])('holds %j as UTF-8', (text) => {
    const key = createKey(text)
    const utf8 = new TextEncoder().encode(text)
    expect(Buffer.from(key.words.buffer).subarray(-key.fieldBytes)).toEqual(Buffer.from([0x0a, utf8.length, ...utf8]))
  })
})
