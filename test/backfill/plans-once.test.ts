import { describe, expect, it } from 'vitest'
import type { Ledger } from '../../src/backfill/ledger.ts'
import type { SliceSpec } from '../../src/backfill/model.ts'
import { storePlan } from '../../src/backfill/plan.ts'

const slice = (from: number, to: number): SliceSpec => ({
  key: { from, to },
  group: 'g',
  fromMs: undefined,
  toMs: undefined,
  items: 0,
  bytes: 0,
})

/** As much of a ledger as is asked. */
function ledgerOf(): { readonly ledger: Ledger; readonly calls: number[] } {
  const ids = new Set<string>()
  const calls: number[] = []
  const ledger = {
    meta: { planVersion: 1 },
    async summary() {
      return { slices: { pending: ids.size, running: 0, done: 0, done_with_losses: 0, failed: 0, verified: 0, mismatch: 0 } }
    },
    async add(slices: readonly { readonly id: string }[]) {
      calls.push(slices.length)
      const before = ids.size
      for (const { id } of slices) ids.add(id)
      return ids.size - before
    },
  }
  return { ledger: ledger as unknown as Ledger, calls }
}

describe('storePlan', () => {
  const growing = { kind: 'kafka', identity: 'c', plansOnce: true }

  it('stores the first plan of a source that plans once in one step, and no slice that overlaps it later', async () => {
    const { ledger, calls } = ledgerOf()
    const many = Array.from({ length: 2500 }, (_, at) => slice(at * 10, at * 10 + 10))
    expect(await storePlan(ledger, growing, { groups: [], slices: many, notes: [] })).toBe(2500)
    expect(calls).toEqual([2500])
    expect(await storePlan(ledger, growing, { groups: [], slices: [...many, slice(25_000, 25_004)], notes: [] })).toBe(0)
  })

  it('adds what has appeared to others', async () => {
    const { ledger } = ledgerOf()
    const source = { kind: 'jaeger-es', identity: 'c' }
    expect(await storePlan(ledger, source, { groups: [], slices: [slice(0, 1)], notes: [] })).toBe(1)
    expect(await storePlan(ledger, source, { groups: [], slices: [slice(0, 1), slice(1, 2)], notes: [] })).toBe(1)
  })
})
