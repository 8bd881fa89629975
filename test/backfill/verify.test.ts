import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Ledger } from '../../src/backfill/ledger.ts'
import { reportOf } from '../../src/backfill/report.ts'
import { printReport } from '../../src/backfill/report-text.ts'
import type { SliceCount, Source } from '../../src/backfill/source.ts'
import { sourceFault } from '../../src/backfill/source.ts'
import { verifyRun } from '../../src/backfill/verify.ts'
import { type NumbersOptions, numbersSource } from './support/numbers-source.ts'
import { openLedger, recordingSink, runAll, type SinkOptions } from './support/runs.ts'

let folder: string
let ledger: Ledger
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'backfill-verify-'))
  ledger = await openLedger(folder)
})
afterEach(async () => {
  await ledger.close()
  rmSync(folder, { recursive: true })
})

const numbers: NumbersOptions = { slices: 3, perSlice: 100, perPage: 30 }
const abort = new AbortController().signal

/** Runs all of it and gives back the source. */
async function done(options: Partial<NumbersOptions> = {}, sink: SinkOptions = {}): Promise<Source> {
  const source = numbersSource({ ...numbers, ...options })
  await runAll({ source, sink: recordingSink(sink), ledger })
  return source
}

const counting = (source: Source, count: (slice: number, deep: boolean) => SliceCount | undefined): Source => ({
  ...source,
  count: async ({ key }, deep) => count(Number(key['slice']), deep),
})

const states = async (): Promise<readonly string[]> => (await ledger.slices()).map(({ state }) => state)

describe('verifyRun', () => {
  it('finds a run complete when the source counts what was read', async () => {
    const source = await done()
    const found = await verifyRun({ ledger, source, deep: false, abort })
    expect(found).toMatchObject({ slices: 3, verdicts: { complete: 3 }, grew: 0, shrank: 0, lost: 0, trouble: [], ok: true })
    expect(await states()).toEqual(['verified', 'verified', 'verified'])
  })

  it('tells what the source has got or lost since, and holds neither against the run', async () => {
    const source = await done()
    const found = await verifyRun({
      ledger,
      source: counting(source, (slice) => ({ items: [100, 107, 60][slice] ?? 0, sum: undefined })),
      deep: false,
      abort,
    })
    expect(found).toMatchObject({ verdicts: { complete: 1, grew: 1, shrank: 1 }, grew: 7, shrank: 40, ok: true })
    expect(found.trouble.map(({ message }) => message)).toEqual(['source grew +7', 'source shrank −40'])
    const report = await reportOf(ledger)
    expect(report).toMatchObject({ sourceGrew: 7, sourceShrank: 40, result: 'complete' })
  })

  it('finds other contents behind the same number, and leaves such a slice to retry-failed', async () => {
    const source = await done()
    const changed = numbersSource({ ...numbers, alter: (one) => (one === 150 ? 151 : one) })
    expect((await verifyRun({ ledger, source: counting(changed, () => ({ items: 100, sum: undefined })), deep: false, abort })).ok).toBe(
      true,
    )
    const found = await verifyRun({ ledger, source: counting(changed, () => undefined), deep: true, abort })
    expect(found).toMatchObject({ verdicts: { complete: 2, mismatch: 1 }, ok: false })
    expect(await states()).toEqual(['verified', 'mismatch', 'verified'])
    expect(await ledger.retry({ states: ['mismatch'] })).toBe(1)
    expect(source.kind).toBe('numbers')
  })

  it('does not take for late writers what was there when it was planned, and was not read', async () => {
    // The source leaves out a page while it is read; it counts as it did for the plan.
    const source = numbersSource({ slices: 2, perSlice: 100, perPage: 30 })
    const holed: Source = {
      ...source,
      open(spec, cursor) {
        const reader = source.open(spec, cursor)
        return {
          ...reader,
          async next(signal) {
            const page = await reader.next(signal)
            return spec.key['slice'] === 1 && page?.cursor === 60 ? reader.next(signal) : page
          },
        }
      },
    }
    await runAll({ source: { ...holed, specs: source.specs, open_: source.open_ }, sink: recordingSink(), ledger })
    const found = await verifyRun({ ledger, source, deep: false, abort })
    expect(found).toMatchObject({ verdicts: { complete: 1, mismatch: 1 }, grew: 0, ok: false })
    expect(found.trouble[0]?.message).toBe('the source has the 100 items that it was planned with, but 70 were read')
    expect(await states()).toEqual(['verified', 'mismatch'])
  })

  it('reads again before it says so, where a count sums up over what the run left out', async () => {
    const source = await done({ skipEvery: 10, skipReason: 'duplicate_in_source' })
    const found = await verifyRun({ ledger, source: counting(source, () => ({ items: 100, sum: 1n })), deep: true, abort })
    expect(found).toMatchObject({ verdicts: { complete: 3 }, lost: 0, ok: true })
  })

  it('reads a sample of what cannot be counted, and says what it did not look at', async () => {
    const source = await done()
    const found = await verifyRun({ ledger, source: counting(source, () => undefined), deep: false, abort })
    expect(found.verdicts.complete).toBeGreaterThan(0)
    expect(found.verdicts.complete + found.verdicts.unchecked).toBe(3)
    expect(found).toMatchObject({ unchecked: found.verdicts.unchecked * 100, trouble: [], troubleMore: 0, ok: true })
  })

  it('is not content with losses, and keeps them said', async () => {
    const source = await done({}, { refuses: (number) => (number === 7 ? 'too_new' : undefined) })
    const found = await verifyRun({ ledger, source, deep: false, abort })
    expect(found).toMatchObject({ verdicts: { complete: 3 }, lost: 1, ok: false })
    expect(await states()).toEqual(['done_with_losses', 'verified', 'verified'])
  })

  it('says what cannot be asked any more, and what is not done', async () => {
    const source = await done({
      onRead: (slice) => {
        if (slice === 2) throw sourceFault('corrupt', 'cannot read number 200: it is no number')
      },
    })
    const gone: Source = {
      ...source,
      count: async ({ key }) => {
        if (key['slice'] === 1) throw sourceFault('vanished', 'cannot count g1: it is gone')
        return { items: 100, sum: undefined }
      },
    }
    const found = await verifyRun({ ledger, source: gone, deep: false, abort })
    expect(found).toMatchObject({ verdicts: { complete: 1, unreadable: 1, open: 1 }, ok: false })
    expect(found.trouble.map(({ verdict }) => verdict)).toEqual(['unreadable', 'open'])
  })

  it('stops when it is told to', async () => {
    const source = await done()
    await expect(verifyRun({ ledger, source, deep: false, abort: AbortSignal.abort() })).rejects.toThrow(/abort/i)
  })
})

describe('reportOf and printReport', () => {
  it('account for every item, with a hint for each reason, and name the slices that did not come through', async () => {
    await done(
      {
        skipEvery: 10,
        onRead: (slice) => {
          if (slice === 2) throw sourceFault('corrupt', 'cannot read number 200: it is no number')
        },
      },
      { refuses: (number) => (number % 50 === 7 ? 'too_new' : undefined) },
    )
    const report = await reportOf(ledger)
    expect(report).toMatchObject({
      result: 'losses',
      balanced: true,
      read: 200,
      translated: 180,
      skipped: [{ reason: 'not_a_span', items: 20 }],
      produced: 180,
      acknowledged: 176,
      rejected: [{ reason: 'too_new', items: 4, hint: expect.stringContaining('clocks') as string }],
      failures: [{ reason: 'corrupt', items: 1 }],
      slices: { done_with_losses: 2, failed: 1 },
      troubleMore: 0,
    })
    const text = printReport(report)
    expect(text).toMatch(/^ {2}acknowledged +176$/m)
    expect(text).toMatch(/^ {4}too_new +4 {2}times in the future/m)
    expect(text).toMatch(/failed {2}slice=2$/m)
    expect(text).toContain('done, with losses')
    expect(() => JSON.stringify(report)).not.toThrow()
  })

  it('say that a run is not finished', async () => {
    const source = numbersSource(numbers)
    await ledger.add(source.specs)
    const report = await reportOf(ledger)
    expect(report.result).toBe('unfinished')
    expect(printReport(report)).toContain('not finished: the same command goes on')
  })
})
