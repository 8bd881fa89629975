import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseRison, RisonFault } from '../../../dashboards/traces/rison.ts'

const plainOf = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** RISON as Kibana writes it. */
function write(value: unknown): string {
  if (value === null) return '!n'
  if (typeof value === 'boolean') return value ? '!t' : '!f'
  if (typeof value === 'number') return JSON.stringify(value).replace('e+', 'e')
  if (typeof value === 'string') return `'${value.replace(/[!']/g, '!$&')}'`
  if (Array.isArray(value)) return `!(${value.map(write).join(',')})`
  return `(${Object.entries(value as object)
    .map(([key, one]) => `${write(key)}:${write(one)}`)
    .join(',')})`
}

describe('parseRison', () => {
  it.each([
    ["(a:!t,b:!('x',1),c:'it!'s')", { a: true, b: ['x', 1], c: "it's" }],
    ['()', {}],
    ['!()', []],
    ['(time:(from:now-15m,to:now))', { time: { from: 'now-15m', to: 'now' } }],
    ['(a:-1.5e3,b:!n,c:!f)', { a: -1500, b: null, c: false }],
  ])('reads %s', (text, expected) => {
    expect(plainOf(parseRison(text))).toEqual(expected)
  })

  it('has no prototype to be reached', () => {
    const read = parseRison('(__proto__:(polluted:!t))') as Record<string, unknown>
    expect(Object.getPrototypeOf(read)).toBeNull()
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  it.each(["('a", '(a:', '(a:1', '!x', '', '(a:1)b', '(:1)', '(a)', `${'('.repeat(10)}`, `${'!('.repeat(200)}`])('refuses %s', (text) => {
    expect(() => parseRison(text)).toThrow(RisonFault)
  })

  it('reads back whatever is written', () => {
    const value = fc.jsonValue({ maxDepth: 4 }).filter((one) => !JSON.stringify(one).includes('-0'))
    fc.assert(
      fc.property(value, (one) => {
        const plain = plainOf(one)
        expect(plainOf(parseRison(write(plain)))).toEqual(plain)
      }),
      { numRuns: 200 },
    )
  })
})
