import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Account, decodeAccount, encodeAccount, encodeOne, keyId } from '../../src/books/account.ts'

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const count = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 2 ** 40 }))

const accounts = fc
  .record({
    run: u32,
    minute: u32,
    keys: fc.array(fc.record({ id: fc.integer({ min: 0, max: 2 ** 48 - 1 }), items: count, legacy: count, kept: count }), {
      maxLength: 70,
    }),
    same: fc.boolean(),
  })
  .map(
    ({ run, minute, keys, same }): Account => ({
      run,
      minute,
      ids: keys.map(({ id }) => id),
      items: keys.map(({ items }) => items),
      legacy: keys.map(({ items, legacy }) => (same ? items : legacy)),
      kept: keys.map(({ items, kept }) => (same ? items : kept)),
    }),
  )

describe('encodeAccount', () => {
  it('is read back as it was', () => {
    fc.assert(
      fc.property(accounts, (account) => {
        expect(decodeAccount(encodeAccount(account))).toEqual(account)
      }),
    )
  })

  it('is cut off nowhere without notice but between keys', () => {
    fc.assert(
      fc.property(accounts, fc.nat(), (account, cut) => {
        const bytes = encodeAccount(account)
        const opened = decodeAccount(bytes.subarray(0, cut % bytes.length))
        expect(opened === undefined || opened.ids.length < account.ids.length || account.ids.length === 0).toBe(true)
      }),
    )
  })

  it('takes some twenty bytes for a request of one key', () => {
    const one = encodeOne(7, 29_000_000, keyId('zipkin', 'zipkin-json', 'cart'), 300, 300)
    expect(one.length).toBeLessThan(20)
    expect(decodeAccount(one)).toMatchObject({ run: 7, minute: 29_000_000, items: [300], legacy: [300], kept: [300] })
    expect(decodeAccount(encodeOne(7, 1, 9, 3, 4))).toMatchObject({ ids: [9], items: [3], legacy: [4], kept: [3] })
  })

  it('of a version that nobody knows is none', () => {
    expect(decodeAccount(Uint8Array.from([2, 0, 0, 0, 0, 0, 0, 0, 0]))).toBeUndefined()
    expect(decodeAccount(new Uint8Array())).toBeUndefined()
  })
})

describe('keyId', () => {
  it('is the same everywhere, and fits 48 bits', () => {
    expect(keyId('zipkin', 'zipkin-json', 'cart')).toBe(keyId('zipkin', 'zipkin-json', 'cart'))
    expect(keyId('zipkin', 'zipkin-json', 'cart')).not.toBe(keyId('zipkin', 'zipkin-proto', 'cart'))
    expect(keyId('zipkin', 'zipkin-json', 'cart')).toBeLessThan(2 ** 48)
  })
})
