import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addLabel, type Hash, Hasher, removeLabel, type TextHash } from '../../../src/translate/prometheus/hash.ts'
import { Writing, writeBody } from '../../support/writing.ts'

const seed = [11, -22, 33, -44] as const

const hashOf = (hasher: Hasher, labels: readonly (readonly [string, string])[], tenant = ''): Hash => {
  const hash = hasher.tenant(tenant)
  for (const [name, value] of labels) addLabel(hash, hasher.text(name), hasher.text(value))
  return hash
}

const nothing: TextHash = { one: 0, two: 0 }

describe('Hasher', () => {
  it('hashes symbols of a request as it hashes their texts, of every length', () => {
    const texts = ['', 'a', 'ab', 'abc', 'abcd', 'abcde', 'abcdefg', 'abcdefgh', 'é'.repeat(9), 'x'.repeat(4001), '__name__']
    const writing = new Writing()
    const labels = texts.map((text, at): [string, string] => [`n${at}`, text])
    for (const version of [1, 2] as const) {
      writing.decode(version, writeBody(version, [{ labels, samples: [[1, 1]] }]))
      const hasher = new Hasher(seed)
      const { request } = writing
      hasher.symbols(request, nothing)
      for (let at = 0; at < texts.length; at++) {
        const symbol = request.labelValue[at] as number
        expect({ one: hasher.one[symbol], two: hasher.two[symbol] }).toEqual(hasher.text(texts[at] as string))
      }
    }
  })

  it('tells when a text is among the symbols', () => {
    const writing = new Writing()
    const hasher = new Hasher(seed)
    writing.decode(2, writeBody(2, [{ labels: 'target_info{a="b"}', samples: [[1, 1]] }]))
    expect(hasher.symbols(writing.request, hasher.text('target_info'))).toBe(true)
    expect(hasher.symbols(writing.request, hasher.text('target_inf0'))).toBe(false)
  })

  it('hashes more symbols than there was room for', () => {
    const writing = new Writing()
    const hasher = new Hasher(seed)
    const series = Array.from({ length: 2000 }, (_, at) => ({ labels: `m${at}{a="${at}"}`, samples: [[1, 1] as const] }))
    writing.decode(2, writeBody(2, series))
    hasher.symbols(writing.request, nothing)
    const symbol = writing.request.labelValue[(writing.request.seriesLabels[1999] as number) + 1] as number
    expect(hasher.one[symbol]).toBe(hasher.text('1999').one)
  })

  it('gives the same for labels in any order, and another for others', () => {
    const label = fc.tuple(fc.string({ minLength: 1, maxLength: 6 }), fc.string({ minLength: 1, maxLength: 6 }))
    const labels = fc.uniqueArray(label, { selector: ([name]) => name, maxLength: 8 })
    const hasher = new Hasher(seed)
    fc.assert(
      fc.property(labels, labels, fc.infiniteStream(fc.nat()), (one, other, numbers) => {
        const keyed = one.map((each) => [numbers.next().value, each] as const)
        const mixed = keyed.sort((left, right) => left[0] - right[0]).map(([, each]) => each)
        expect(hashOf(hasher, mixed)).toEqual(hashOf(hasher, one))
        const text = (list: typeof one): string => JSON.stringify([...list].sort((left, right) => (left[0] < right[0] ? -1 : 1)))
        const isSame = text(one) === text(other)
        expect(JSON.stringify(hashOf(hasher, one)) === JSON.stringify(hashOf(hasher, other))).toBe(isSame)
      }),
    )
  })

  it('takes a label out again', () => {
    const hasher = new Hasher(seed)
    const hash = hashOf(hasher, [
      ['a', 'b'],
      ['le', '0.5'],
    ])
    removeLabel(hash, hasher.text('le'), hasher.text('0.5'))
    expect(hash).toEqual(hashOf(hasher, [['a', 'b']]))
  })

  it('does not confuse name with value, tenants, or seeds', () => {
    const hasher = new Hasher(seed)
    const other = new Hasher([11, -22, 33, -43])
    const hashes = [
      hashOf(hasher, [['a', 'b']]),
      hashOf(hasher, [['b', 'a']]),
      hashOf(hasher, [['a', 'b']], 't'),
      hashOf(hasher, [['a', 'b']], 'u'),
      hashOf(other, [['a', 'b']]),
    ]
    expect(new Set(hashes.map((one) => JSON.stringify(one))).size).toBe(hashes.length)
    for (const key of ['a', 'b', 'c'] as const) expect(new Set(hashes.slice(0, 4).map((one) => one[key])).size).toBe(4)
  })
})
