import { describe, expect, it } from 'vitest'
import { arrayValue, keyValue, textValue } from '../../../src/otlp/attributes.ts'
import { createKey } from '../../../src/otlp/keys.ts'
import { type KeyValue, ValueType } from '../../../src/otlp/model.ts'
import { createResourceGroups } from '../../../src/translate/elasticsearch/resource-groups.ts'

const key = createKey('host.ip', 0, true)
const list = (...texts: readonly string[]): KeyValue[] => [
  arrayValue(
    key,
    texts.map((text) => textValue(key, text)),
  ),
]

/** An attribute that counts how often it is looked at. */
function watched(): { readonly attribute: KeyValue; readonly looks: () => number } {
  let looks = 0
  const attribute = {
    ...keyValue(key, ValueType.KvList, 0, 0, []),
    get key() {
      looks++
      return key
    },
  }
  return { attribute, looks: () => looks }
}

describe('createResourceGroups', () => {
  it('finds equal lists of attributes again, and tells others apart', () => {
    const groups = createResourceGroups()
    const first = groups.find(list('a', 'b'), 3)
    expect(first).toBeDefined()
    expect(groups.find(list('a', 'b'), 3)).toBe(first)
    expect(groups.find(list('a', 'c'), 3)).not.toBe(first)
    expect(groups.find([], 3)).not.toBe(first)
    expect(groups.find(list('d'), 3)).toBeUndefined()
    expect(groups.all).toHaveLength(3)
    groups.clear()
    expect(groups.find(list('a', 'b'), 3)).not.toBe(first)
  })

  it('looks at a bounded number of resources, whatever a sender makes them of', () => {
    const groups = createResourceGroups()
    const all = Array.from({ length: 500 }, watched)
    for (const { attribute } of all) groups.find([attribute], Number.POSITIVE_INFINITY)
    expect(groups.all).toHaveLength(500)
    // Each is compared when it comes, and with those that come behind it while it is one of the first.
    expect(all.slice(100).reduce((sum, { looks }) => sum + looks(), 0)).toBeLessThan(400 * 100)
  })

  it('does not compare lists that differ', () => {
    const groups = createResourceGroups()
    const many = Array.from({ length: 500 }, (_, i) => {
      const { attribute, looks } = watched()
      return {
        attributes: [
          {
            ...list(`10.0.0.${i}`)[0],
            get key() {
              return attribute.key
            },
          } as KeyValue,
        ],
        looks,
      }
    })
    for (const { attributes } of many) groups.find(attributes, Number.POSITIVE_INFINITY)
    expect(many.reduce((sum, { looks }) => sum + looks(), 0)).toBeLessThan(500 * 20)
  })
})
