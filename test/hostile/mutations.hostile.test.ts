import { describe, expect, it } from 'vitest'
import { everyPayload, feed, feedMutations, targets } from './support/mutations.ts'

describe.skipIf(everyPayload.length === 0)('damaged payloads', () => {
  it.each(targets)('$name throws nothing but errors of ours, quickly', (target) => {
    expect(target.payloads.length).toBeGreaterThan(0)
    for (const seed of [1, 2, 3]) feedMutations(target, 10_000, seed)
  })

  it.each(targets)("$name takes or refuses every other format's payloads", ({ translate }) => {
    for (const payload of everyPayload) feed(translate, payload)
  })

  it.each(targets)('$name takes or refuses every payload cut at every byte', ({ translate, payloads }) => {
    for (const payload of payloads) {
      const step = Math.max(1, Math.floor(payload.length / 500))
      for (let length = 0; length < payload.length; length += step) feed(translate, payload.subarray(0, length))
    }
  })
})
