import { describe, expect, it } from 'vitest'
import { printTable } from '../../src/cli/table.ts'

describe('printTable', () => {
  it('lets no name move the cursor of a terminal', () => {
    const text = printTable(['key'], [['\u001b]0;owned\u0007\u001b[2J'], ['a\nb\r'], ['\u202eevil']])
    expect(text.split('\n').slice(2)).toEqual(['\\u{1b}]0;owned\\u{7}\\u{1b}[2J', 'a\\u{a}b\\u{d}', '\\u{202e}evil', ''])
  })

  it('aligns numbers to the right and text to the left', () => {
    expect(
      printTable(
        ['format', 'sent'],
        [
          ['zipkin', 12_345],
          ['b', 1],
        ],
      ),
    ).toBe('format  sent  \n──────  ──────\nzipkin  12 345\nb            1\n'.replace('sent  ', '  sent'))
  })
})
