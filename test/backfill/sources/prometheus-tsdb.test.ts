import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { addSum } from '../../../src/backfill/identity.ts'
import { unreadableText } from '../../../src/backfill/plan.ts'
import { noMetadata } from '../../../src/backfill/sources/prometheus-metadata.ts'
import { createPrometheusPoints, type PrometheusPoints } from '../../../src/backfill/sources/prometheus-points.ts'
import { createTsdbSource } from '../../../src/backfill/sources/prometheus-tsdb.ts'
import { translateConfig } from '../../../src/ingest/index.ts'
import { listBlocks } from '../../../src/read/prometheus-tsdb/meta.ts'
import { writableCopy } from '../../read/support/writable-copy.ts'
import { vectorFiles } from '../../support/shared.ts'
import { never, openTsdb, pagesOf, type ReadPage, sourceDeps } from '../support/tsdb-source.ts'

const folders = vectorFiles('tsdb').filter((path) => !path.endsWith('.md'))
const named = folders.map((path): [string, string] => [basename(path), path])
const plain = folders.find((path) => basename(path) === 'plain') ?? ''
const made: string[] = []

async function copyOf(folder: string): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'otlp-bridge-tsdb-'))
  made.push(copy)
  writableCopy(folder, copy)
  return copy
}

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const total = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((sum, one) => sum + one, 0)

const requestsOf = ({ page }: ReadPage): string[] => page.requests.map(({ data }) => Buffer.from(data).toString('base64'))

describe('prometheusTsdb', () => {
  it.each(named)('accounts for every sample of %s, and counts the same again', async (_name, folder) => {
    const source = await openTsdb(folder)
    const { slices, groups } = await source.plan(never)
    const stored = listBlocks(folder).blocks.reduce((sum, { samples }) => sum + samples, 0)
    expect(groups.reduce((sum, { items }) => sum + items, 0)).toBe(stored)
    let read = 0
    for (const slice of slices) {
      let sum = 0n
      let ofSlice = 0
      for (const { page } of await pagesOf(source, slice)) {
        expect(page.read).toBe(page.translated + total(page.skipped))
        expect(page.faults.filter(({ reason }) => reason === 'count_mismatch')).toEqual([])
        ofSlice += page.read
        sum = addSum(sum, page.sum)
      }
      expect(await source.count(slice, true, never)).toEqual({ items: ofSlice, sum })
      expect(await source.count(slice, false, never)).toEqual({ items: ofSlice, sum: undefined })
      read += ofSlice
    }
    expect(read).toBe(stored)
    await source.close()
  })

  it.each(
    named.flatMap(([name, folder]) =>
      ([{}, { startTime: 'true_reset' }] as const).map(
        (prometheus) => [`${name} ${JSON.stringify(prometheus)}`, folder, prometheus] as const,
      ),
    ),
  )('gives the same pages of %s again from any cursor', async (_name, folder, prometheus) => {
    const source = await openTsdb(folder, { items: 150, prometheus })
    const { slices } = await source.plan(never)
    for (const slice of slices) {
      const all = await pagesOf(source, slice)
      expect(all.at(-1)?.last).toBe(true)
      for (let at = 0; at + 1 < all.length; at += 3) {
        const [again] = await pagesOf(source, slice, JSON.parse(JSON.stringify(all[at]?.cursor)), 1)
        const before = all[at + 1] as ReadPage
        expect(again?.cursor).toEqual(before.cursor)
        expect(again?.page.skipped).toEqual(before.page.skipped)
        expect(again?.page.read).toBe(before.page.read)
        expect(again && requestsOf(again)).toEqual(requestsOf(before))
      }
    }
    await source.close()
  })

  it.skipIf(plain === '')('keeps pages within their limits, but for one time of a group', async () => {
    const source = await openTsdb(plain, { items: 100, bytes: 8000 })
    const { slices } = await source.plan(never)
    let pages = 0
    for (const slice of slices) {
      for (const { page } of await pagesOf(source, slice)) {
        pages++
        expect(page.read - (page.skipped['tombstone'] ?? 0)).toBeLessThanOrEqual(100)
      }
    }
    expect(pages).toBeGreaterThan(120)
    await source.close()
  })

  it.skipIf(plain === '')('reads a range, and what is before and after it is another one', async () => {
    const [block] = listBlocks(plain).blocks
    const middle = (block?.maxMs ?? 0) - 40_000
    const read = async (filter: object): Promise<number> => {
      const source = await openTsdb(plain, { filter })
      let sum = 0
      for (const slice of (await source.plan(never)).slices) for (const { page } of await pagesOf(source, slice)) sum += page.read
      await source.close()
      return sum
    }
    const early = await read({ untilMs: middle })
    const late = await read({ sinceMs: middle })
    expect(early).toBeGreaterThan(1000)
    expect(late).toBeGreaterThan(1000)
    expect(early + late).toBe(block?.samples)
    const ofNode = await read({ services: ['node'] })
    expect(ofNode).toBeGreaterThan(100)
    expect(await read({ query: '{job="node"}' })).toBe(ofNode)
    expect(await read({ query: '{job=~"no.e",cpu=""}' })).toBeLessThan(ofNode)
    expect(await read({ query: '{job!="node"}' })).toBe(early + late - ofNode)
    expect(await read({ services: ['nobody'] })).toBe(0)
  })

  it.skipIf(plain === '')('says that samples are beyond the time of their block', async () => {
    const copy = await copyOf(plain)
    const path = join(copy, '01M7YZ6ZPEB5ZFJGRFEHJ8AKMX', 'meta.json')
    const meta = JSON.parse(readFileSync(path, 'utf8')) as { maxTime: number }
    writeFileSync(path, JSON.stringify({ ...meta, maxTime: meta.maxTime - 1000 }))
    const source = await openTsdb(copy)
    const { slices } = await source.plan(never)
    const pages = (await Promise.all(slices.map((slice) => pagesOf(source, slice)))).flat()
    const outside = pages.reduce((sum, { page }) => sum + (page.skipped['outside_of_block'] ?? 0), 0)
    expect(outside).toBeGreaterThan(50)
    expect(pages.flatMap(({ page }) => page.faults).filter(({ reason }) => reason === 'outside_of_block')).toHaveLength(20)
    await source.close()
  })

  it.skipIf(plain === '')('has a row for a block whose meta.json is damaged, and reads the others', async () => {
    const copy = await copyOf(plain)
    const whole = await openTsdb(copy)
    const { slices } = await whole.plan(never)
    await whole.close()
    const damaged = '01M7YZ6ZPEB5ZFJGRFEHJ8AKMY'
    mkdirSync(join(copy, damaged, 'chunks'), { recursive: true })
    writeFileSync(join(copy, damaged, 'meta.json'), '{"version":1,')
    const source = await openTsdb(copy)
    const plan = await source.plan(never)
    expect(plan.slices).toEqual(slices)
    expect(plan.groups.filter(({ isUnreadable }) => isUnreadable === true)).toEqual([
      expect.objectContaining({ name: damaged, items: 0, note: expect.stringContaining('it is not JSON') }),
    ])
    expect(unreadableText(plan)).toMatch(/^not read: corrupt: cannot read .*01M7YZ6ZPEB5ZFJGRFEHJ8AKMY.*\n$/)
    await source.close()
  })

  it.skipIf(plain === '')(
    'says all names before the first page, the same ones for every slice and cursor, where metrics are renamed',
    async () => {
      const names = async (at: number, renames: boolean): Promise<readonly string[]> => {
        const said: string[] = []
        const real = createPrometheusPoints({ translate: translateConfig.parse({}).prometheus, metadata: noMetadata })
        const points: PrometheusPoints = {
          ...real,
          wantsNames: renames,
          prepare: (all) => void said.push(...all),
          translate(part) {
            said.push('page')
            return real.translate(part)
          },
        }
        const source = createTsdbSource(plain, sourceDeps({ items: 500 }), { points, hasMetadata: false, cacheBytes: 2 ** 20 })
        const [slice] = (await source.plan(never)).slices
        if (slice === undefined) throw new Error('nothing is in the vector')
        const cursor = (await pagesOf(source, slice, undefined, 3)).at(-1)?.cursor
        said.length = 0
        await source.close()
        const again = createTsdbSource(plain, sourceDeps({ items: 500 }), { points, hasMetadata: false, cacheBytes: 2 ** 20 })
        await pagesOf(again, slice, at === 0 ? undefined : cursor, 2)
        await pagesOf(again, slice, undefined, 1)
        await again.close()
        return said
      }
      const all = await names(0, true)
      expect(all.slice(-3)).toEqual(['page', 'page', 'page'])
      expect(all.length).toBeGreaterThan(20)
      expect(all.slice(0, -3)).toEqual([...all.slice(0, -3)].sort())
      expect(await names(1, true)).toEqual(all)
      expect(await names(0, false)).toEqual(['page', 'page', 'page'])
    },
  )

  it.skipIf(plain === '')('leaves out a chunk whose checksum is wrong, and says which', async () => {
    const copy = await copyOf(plain)
    const path = join(copy, '01M7YZ6ZPEB5ZFJGRFEHJ8AKMX', 'chunks', '000001')
    const bytes = readFileSync(path)
    bytes[12] = ~(bytes[12] as number)
    writeFileSync(path, bytes)
    const source = await openTsdb(copy)
    const [slice] = (await source.plan(never)).slices
    const pages = await pagesOf(source, slice as never)
    expect(pages.reduce((sum, { page }) => sum + (page.skipped['corrupt_chunk'] ?? 0), 0)).toBe(1)
    for (const { page } of pages) expect(page.read).toBe(page.translated + total(page.skipped))
    const [fault] = pages.flatMap(({ page }) => page.faults.filter(({ reason }) => reason === 'corrupt_chunk'))
    expect(fault).toMatchObject({ reason: 'corrupt_chunk', where: '01M7YZ6ZPEB5ZFJGRFEHJ8AKMX/chunks/000001:8' })
    expect(fault?.message).toMatch(/checksum.* from 2026-.* to 2026-/)
    expect(pages.at(-1)?.page.faults.map(({ reason }) => reason)).toContain('count_mismatch')
    await source.close()
  })

  it.skipIf(plain === '')('says what it leaves out of a live data folder', async () => {
    const copy = await copyOf(plain)
    for (const name of ['wal', 'wbl', 'chunks_head']) {
      mkdirSync(join(copy, name))
      writeFileSync(join(copy, name, '00000000'), 'x')
    }
    mkdirSync(join(copy, '01M7YZ6ZPEB5ZFJGRFEHJ8AKMX.tmp-for-creation'))
    const source = await openTsdb(copy)
    const notes = (await source.plan(never)).notes.join('\n')
    expect(notes).toMatch(/chunks_head|wal/)
    expect(notes).toContain('2026-')
    expect(notes).toContain('came out of order')
    expect(notes).toContain('.tmp-for-creation, unfinished')
    await source.close()
  })

  it.skipIf(plain === '')('fails a slice whose block is gone, and says what to do', async () => {
    const copy = await copyOf(plain)
    const source = await openTsdb(copy)
    const { slices } = await source.plan(never)
    rmSync(join(copy, '01M7YZ6ZPEB5ZFJGRFEHJ8AKMX'), { recursive: true })
    await expect(pagesOf(source, slices[0] as never)).rejects.toThrow(/^vanished: .*snapshot/)
    await source.close()
  })

  it('refuses a folder without blocks, and one that is not there', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'otlp-bridge-tsdb-'))
    made.push(empty)
    await expect(openTsdb(empty)).rejects.toMatchObject({ code: 'OB_SOURCE' })
    await expect(openTsdb(join(empty, 'no'))).rejects.toThrow(/^vanished: /)
    await expect(openTsdb(empty, { filter: { query: '{' } })).rejects.toMatchObject({ code: 'OB_CONFIG' })
    await expect(openTsdb(empty, { filter: { query: '{job=~"("}' } })).rejects.toMatchObject({ code: 'OB_CONFIG' })
    await expect(openTsdb(empty, { flags: { externalLabels: ['a=1', 'a=2'] } })).rejects.toMatchObject({ code: 'OB_CONFIG' })
  })
})
