/** A Prometheus 3 that scrapes for a while, with native histograms, and its snapshot: every sample as `promtool tsdb dump` has it. */

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { never, openTsdb, pagesOf } from '../backfill/support/tsdb-source.ts'
import { differences, labelsKey, parseDump, readFolder } from '../read/support/tsdb-dump.ts'
import { binaries, present } from './peers.ts'
import { startPrometheus } from './prometheus-peers.ts'

const run = promisify(execFile)
const found = existsSync(binaries) ? readdirSync(binaries).find((name) => name.startsWith('promtool-v')) : undefined
if (found === undefined) console.warn('SKIPPED: promtool is not installed, blocks were not held against its dump (validators.sh)')
const promtool = join(binaries, found ?? 'promtool')

/** How long it scrapes: chunks have 120 samples, at ten a second. */
const scrapeMs = Number(process.env['OTLP_BRIDGE_TSDB_SCRAPE_MS'] ?? 45_000)

describe.skipIf(found === undefined || !present('prometheus-3'))('blocks of a Prometheus 3', () => {
  it.each([[['native-histograms']], [['native-histograms', 'st-storage']]])(
    'are read as promtool reads them, with %j',
    { timeout: scrapeMs + 120_000 },
    async (features) => {
      const peer = await startPrometheus({
        major: 3,
        features,
        flags: ['--web.enable-admin-api'],
        config: (port) => ({
          global: { scrape_interval: '100ms', scrape_timeout: '100ms' },
          scrape_configs: [
            {
              job_name: 'self',
              scrape_native_histograms: true,
              always_scrape_classic_histograms: true,
              static_configs: [{ targets: [`127.0.0.1:${port}`] }],
            },
            { job_name: 'gone', static_configs: [{ targets: ['127.0.0.1:1'] }] },
          ],
        }),
      })
      try {
        await wait(scrapeMs)
        const reply = await fetch(`http://127.0.0.1:${peer.port}/api/v1/admin/tsdb/snapshot`, { method: 'POST' })
        expect(reply.ok, await reply.clone().text()).toBe(true)
        const { data } = (await reply.json()) as { data: { name: string } }
        const flags = (await (await fetch(`http://127.0.0.1:${peer.port}/api/v1/status/flags`)).json()) as { data: Record<string, string> }
        const snapshot = join(flags.data['storage.tsdb.path'] ?? '', 'snapshots', data.name)
        mkdirSync(join(snapshot, 'wal'))
        const { stdout } = await run(promtool, ['tsdb', 'dump', snapshot], { maxBuffer: 1024 * 1024 * 1024 })
        const own = readFolder(snapshot)
        expect(own.faults).toEqual([])
        expect(own.samples).toBeGreaterThan(1000)
        expect(differences(own.dump, parseDump(stdout))).toEqual([])
        console.info(`${own.samples} samples of ${own.dump.size} series; ${own.starts.size} series have start timestamps`)

        const source = await openTsdb(snapshot)
        let read = 0
        for (const slice of (await source.plan(never)).slices) for (const { page } of await pagesOf(source, slice)) read += page.read
        await source.close()
        expect(read).toBe(own.samples)
      } finally {
        await peer.stop()
      }
    },
  )
})

/** Blocks made of OpenMetrics text. @param files samples as `[time s, value]`, by series */
async function blocksOf(folder: string, files: readonly Readonly<Record<string, readonly (readonly [number, number])[]>>[]): Promise<void> {
  for (const [at, series] of files.entries()) {
    const lines = Object.entries(series).flatMap(([name, samples]) => samples.map(([time, value]) => `${name} ${value} ${time}`))
    const text = join(folder, `${at}.txt`)
    await writeFile(text, `# TYPE overlap gauge\n${lines.join('\n')}\n# EOF\n`)
    await run(promtool, ['tsdb', 'create-blocks-from', 'openmetrics', text, folder])
    await rm(text)
  }
  mkdirSync(join(folder, 'wal'))
}

describe.skipIf(found === undefined)('blocks that overlap', () => {
  const start = 1_767_232_800
  const times = (from: number, to: number, step: number): number[] =>
    Array.from({ length: Math.floor((to - from) / step) }, (_, at) => start + from + at * step)
  const file = (block: number, from: number, to: number, step: number) => ({
    'overlap{kind="same"}': times(from, to, step).map((time) => [time, time % 1000] as const),
    'overlap{kind="other"}': times(from, to, step).map((time) => [time, block] as const),
    [`overlap{kind="own",block="${block}"}`]: times(from, to, step).map((time) => [time, block] as const),
  })

  it.each([
    ['two that begin at one time', [file(0, 0, 3000, 10), file(1, 0, 3000, 15)]],
    ['two, the second later', [file(0, 0, 3000, 10), file(1, 500, 3500, 10)]],
    ['three, one after the other', [file(0, 0, 3000, 10), file(1, 500, 3500, 10), file(2, 1000, 4000, 15)]],
  ])('are merged to the samples that promtool gives: %s', { timeout: 60_000 }, async (_name, files) => {
    const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-tsdb-overlap-'))
    try {
      await blocksOf(folder, files)
      const { stdout } = await run(promtool, ['tsdb', 'dump', folder], { maxBuffer: 1024 * 1024 * 1024 })
      const own = readFolder(folder)
      expect(own.skipped['duplicate_in_source']).toBeGreaterThan(50)
      expect(own.skipped['conflict_in_source']).toBeGreaterThan(50)
      const theirs = parseDump(stdout)
      // Whose value is taken where they differ: promtool goes by the order of its heap of series, which turns round from one series to the next.
      const disputed = labelsKey({ __name__: 'overlap', kind: 'other' })
      const [ours, other] = [own.dump.get(disputed), theirs.get(disputed)]
      expect([...(ours?.keys() ?? [])]).toEqual([...(other?.keys() ?? [])])
      for (const [ms, value] of ours ?? []) {
        const blocks = files.flatMap((one, block) => (one['overlap{kind="other"}'].some(([time]) => time * 1000 === ms) ? [block] : []))
        expect(blocks).toContain(value)
        expect(blocks).toContain(other?.get(ms))
      }
      own.dump.delete(disputed)
      theirs.delete(disputed)
      expect(differences(own.dump, theirs)).toEqual([])
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})
