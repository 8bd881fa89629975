import { describe, expect, it } from 'vitest'
import type { Verification } from '../../src/backfill/verify.ts'
import { printVerification } from '../../src/cli/backfill-verify.ts'

const verification = (complete: number, unchecked: number): Verification => ({
  slices: complete + unchecked,
  verdicts: { complete, grew: 0, shrank: 0, mismatch: 0, unchecked, unreadable: 0, open: 0 },
  grew: 0,
  shrank: 0,
  lost: 0,
  unchecked: unchecked * 1000,
  trouble: [],
  troubleMore: 0,
  ok: true,
})

describe('printVerification', () => {
  it('says how much it did not look at, and what the verdicts are worth', () => {
    expect(printVerification('r', 'sample', verification(6, 94), undefined)).toBe(
      'run r, 100 slices: 6 complete · 94 not looked at\n' +
        'not looked at: 94 of 100 slices, of which 94,000 samples were read. This source cannot count; the first slice and one in 20 of the others were read again and compared item by item. --deep does so with all\n',
    )
  })

  it('says nothing of that where all slices were looked at', () => {
    expect(printVerification('r', 'sample', verification(100, 0), undefined)).toBe('run r, 100 slices: 100 complete\n')
  })
})
