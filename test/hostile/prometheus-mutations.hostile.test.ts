/** Damaged requests of remote-write in this process; by itself, as it holds up whatever else runs here. */

import { describe, expect, it } from 'vitest'
import { feedWrite, feedWriteMutations, plainRequests } from './support/write-mutations.ts'

describe('damaged requests', () => {
  it.each([1, 2] as const)('%s.0 throws nothing but errors of ours, quickly, and makes nothing but OTLP', (version) => {
    expect(plainRequests[version].length).toBeGreaterThan(0)
    for (const seed of [1, 2, 3]) feedWriteMutations(version, 3000, seed)
  })

  it.each([1, 2] as const)('%s.0 cut at every byte, and as the other version', (version) => {
    for (const plain of plainRequests[version]) {
      const step = Math.max(1, Math.floor(plain.length / 300))
      for (let length = 0; length < plain.length; length += step) feedWrite(version, plain.subarray(0, length))
      feedWrite(version === 1 ? 2 : 1, plain)
    }
  })
})
