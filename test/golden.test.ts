import { describe, expect, it } from 'vitest'
import { goldenCases } from './support/golden.ts'

describe('fixtures', () => {
  it.each(goldenCases())('$name comes out as its golden', async (one) => {
    expect(one.hasOrigin, 'origin.md').toBe(true)
    // A case without an expectation is a fault: `npm run golden -- --write`, then review the diff like code.
    expect(await one.run()).toEqual(one.expected)
  })
})
