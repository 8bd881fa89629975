import { describe, expect, it } from 'vitest'
import { fits, namesOf, newIndexFault } from '../../../src/ingest/elasticsearch/names.ts'

describe('fits', () => {
  it('lets * stand for any characters, none among them', () => {
    const cases: [pattern: string, name: string, expected: boolean][] = [
      ['a', 'a', true],
      ['a', 'ab', false],
      ['a*', 'a', true],
      ['a*', 'abc', true],
      ['*c', 'abc', true],
      ['a*c', 'ac', true],
      ['a*b*c', 'aXbYbZc', true],
      ['a*b*c', 'aXc', false],
      ['*', '', true],
      ['**', 'x', true],
      ['', '', true],
      ['', 'a', false],
      ['a.b', 'axb', false],
    ]
    for (const [pattern, name, expected] of cases) expect([pattern, name, fits(pattern, name)]).toEqual([pattern, name, expected])
  })

  it('takes no longer for a pattern that is a trap', () => {
    const started = performance.now()
    expect(fits(`${'*a'.repeat(5000)}b`, 'a'.repeat(255))).toBe(false)
    expect(performance.now() - started).toBeLessThan(200)
  })
})

describe('namesOf', () => {
  it('reads lists, and what means all', () => {
    expect([undefined, '*', '_all', 'a', 'a,b*,,c'].map(namesOf)).toEqual([undefined, undefined, undefined, ['a'], ['a', 'b*', 'c']])
    expect(namesOf('x,'.repeat(10_000))?.length).toBeLessThanOrEqual(64)
  })
})

describe('newIndexFault', () => {
  it('says what is wrong with a name in the words of the version', () => {
    expect(newIndexFault('logs-2026.11.21', false)).toBeUndefined()
    expect(newIndexFault('<logs-{now}>', false)).toContain('must not contain')
    expect(newIndexFault('a\u0000b', true)).toContain('must not contain the following characters [ , ')
    expect(newIndexFault('Upper', true)).toBe('must be lowercase')
  })
})
