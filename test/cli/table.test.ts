import { describe, expect, it } from 'vitest'
import { printTable } from '../../src/cli/table.ts'

describe('printTable', () => {
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
