import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RunMeta } from '../../src/backfill/ledger.ts'
import { createFileLedger } from '../../src/backfill/ledger-file.ts'
import { listRuns, openRun, runIds, runWithOtherMapping } from '../../src/backfill/runs.ts'
import { metaOf } from './support/runs.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'backfill-runs-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const nothing = (): void => {}

async function begin(meta: RunMeta): Promise<void> {
  const ledger = await createFileLedger({ folder, run: meta.run, create: meta, thread: false })
  await ledger.close()
}

const first: RunMeta = { ...metaOf('aaaa000000000001'), createdMs: 1, options: { a: 1, b: 2 } }
const second: RunMeta = {
  ...first,
  run: 'aaaa000000000002',
  createdMs: 2,
  mappingHash: 'other',
  mapping: { semconv: 'legacy' },
  options: { b: 2, a: 1 },
}

describe('listRuns', () => {
  it('gives the last one first, and none where there is no folder', async () => {
    await begin(first)
    await begin(second)
    expect((await listRuns(folder, nothing)).map(({ meta }) => meta.run)).toEqual([second.run, first.run])
    expect(await runIds(join(folder, 'nowhere'))).toEqual([])
  })

  it('tells of a file that is no ledger, and goes on', async () => {
    await begin(first)
    writeFileSync(join(folder, 'bbbb000000000000.db'), 'no database'.repeat(100))
    writeFileSync(join(folder, 'notes.db'), '')
    const faults: string[] = []
    expect(await listRuns(folder, (run) => void faults.push(run))).toHaveLength(1)
    expect(faults).toEqual(['bbbb000000000000'])
  })
})

describe('openRun', () => {
  it('finds a run by its first digits, and the last one without', async () => {
    await begin(first)
    await begin(second)
    for (const [prefix, run] of [
      [undefined, second.run],
      ['aaaa000000000001', first.run],
    ] as const) {
      const ledger = await openRun(folder, prefix, 'read')
      expect(ledger.meta.run).toBe(run)
      await ledger.close()
    }
  })

  it('refuses what is not there, and what several begin with', async () => {
    await expect(openRun(folder, undefined, 'read')).rejects.toThrow(/cannot find the run: there is none/)
    await begin(first)
    await begin(second)
    await expect(openRun(folder, 'cc', 'read')).rejects.toThrow(/cannot find the run cc/)
    await expect(openRun(folder, 'aaaa', 'read')).rejects.toThrow(/2 begin so/)
  })
})

describe('runWithOtherMapping', () => {
  it('is one of the same source, options and destination', async () => {
    await begin(second)
    expect((await runWithOtherMapping(folder, first))?.meta.run).toBe(second.run)
    expect(await runWithOtherMapping(folder, { ...first, options: { a: 2, b: 2 } })).toBeUndefined()
    expect(await runWithOtherMapping(folder, { ...first, destination: 'elsewhere' })).toBeUndefined()
    expect(await runWithOtherMapping(folder, second)).toBeUndefined()
  })
})
