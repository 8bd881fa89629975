import { describe, expect, it, onTestFinished } from 'vitest'
import type { FileLedger } from '../../src/backfill/ledger-file.ts'
import type { SliceSpec } from '../../src/backfill/model.ts'
import { storePlan } from '../../src/backfill/plan.ts'
import { stateFolder } from '../emit/support/queues.ts'
import { openLedger } from './support/runs.ts'

const slice = (from: number, to: number, group = 'g'): SliceSpec => ({
  key: { group, from, to },
  group,
  fromMs: from,
  toMs: to,
  items: 0,
  bytes: 0,
})

const many = (step: number, count: number, group?: string): SliceSpec[] =>
  Array.from({ length: count }, (_, at) => slice(at * step, (at + 1) * step, group))

const open = async (): Promise<FileLedger> => {
  const ledger = await openLedger(stateFolder())
  onTestFinished(() => ledger.close())
  return ledger
}

const plan = (...slices: SliceSpec[]) => ({ groups: [], slices, notes: [] })

describe('storePlan', () => {
  it('keeps the first plan of a source that plans once, whole as it is', async () => {
    const source = { kind: 'kafka', identity: 'c', plansOnce: 'whole' } as const
    const ledger = await open()
    expect(await storePlan(ledger, source, plan(...many(10, 2500)))).toBe(2500)
    expect(await storePlan(ledger, source, plan(...many(10, 2500), slice(25_000, 25_004)))).toBe(0)
  })

  it('stores it in one step: of a plan that was cut off nothing is there, and the next is stored whole', async () => {
    const source = { kind: 'kafka', identity: 'c', plansOnce: 'whole' } as const
    const ledger = await open()
    const cutOff = { ...ledger, add: () => Promise.reject(new Error('killed')) }
    await expect(storePlan(cutOff, source, plan(...many(10, 5000)))).rejects.toThrow('killed')
    expect(await ledger.planned()).toEqual(new Set())
    expect(await storePlan(ledger, source, plan(...many(9, 5000)))).toBe(5000)
  })

  it('adds groups that have appeared, and cuts no group anew', async () => {
    const source = { kind: 'jaeger-es', identity: 'c', plansOnce: 'group' } as const
    const ledger = await open()
    expect(await storePlan(ledger, source, plan(...many(10, 3, 'monday'), ...many(10, 2, 'tuesday')))).toBe(5)
    // Tuesday has grown since: its documents are cut in other places.
    const later = plan(...many(10, 3, 'monday'), ...many(7, 4, 'tuesday'), ...many(10, 2, 'wednesday'))
    expect(await storePlan(ledger, source, later)).toBe(2)
    expect((await ledger.slices()).map(({ group }) => group).sort()).toEqual([
      ...['monday', 'monday', 'monday', 'tuesday', 'tuesday', 'wednesday', 'wednesday'],
    ])
  })

  it('adds what a group has when it had nothing before', async () => {
    const source = { kind: 'jaeger-es', identity: 'c', plansOnce: 'group' } as const
    const ledger = await open()
    expect(await storePlan(ledger, source, plan())).toBe(0)
    expect(await storePlan(ledger, source, plan(slice(0, 1, 'monday')))).toBe(1)
  })

  it('adds what has appeared to others', async () => {
    const ledger = await open()
    const source = { kind: 'prometheus-tsdb', identity: 'c' }
    expect(await storePlan(ledger, source, plan(slice(0, 1)))).toBe(1)
    expect(await storePlan(ledger, source, plan(slice(0, 1), slice(1, 2)))).toBe(1)
  })
})
