import { describe, expect, it } from 'vitest'
import { alignedTable, bytesText, durationText, shortCount } from '../../src/backfill/figures.ts'

describe('durationText', () => {
  it.each([
    [0, '0 s'],
    [59_400, '59 s'],
    [90_000, '1 min 30 s'],
    [119_999, '2 min'],
    [45 * 60_000, '45 min'],
    [59.6 * 60_000, '1 h'],
    [98 * 60_000, '1 h 38 min'],
    [3_599_999, '1 h'],
    [49 * 3_600_000, '2 d 1 h'],
  ])('%d ms is %s', (ms, text) => {
    expect(durationText(ms)).toBe(text)
  })
})

describe('shortCount and bytesText', () => {
  it('are exact while that is short', () => {
    expect([0, 99_999, 123_456, 301_200_000, 2.5e9].map(shortCount)).toEqual(['0', '99,999', '123.5 k', '301.2 M', '2.5 G'])
    expect([0, 999, 18_200_000_000, 251e9].map(bytesText)).toEqual(['0 B', '999 B', '18.2 GB', '251 GB'])
  })
})

describe('alignedTable', () => {
  it('puts figures to the right and sums below a rule', () => {
    const columns = [{ title: 'part' }, { title: 'spans', right: true }]
    expect(
      alignedTable(
        columns,
        [
          ['a', '1,000'],
          ['longer', '7'],
        ],
        ['2 in all', '1,007'],
      ),
    ).toBe(
      ['part      spans', '────────  ─────', 'a         1,000', 'longer        7', '────────  ─────', '2 in all  1,007', ''].join('\n'),
    )
  })

  it('lets no name of others move the cursor', () => {
    expect(alignedTable([{ title: 'x' }], [['a\u001b[2Jb\u202e']])).toContain('a\\u{1b}[2Jb\\u{202e}')
  })
})
