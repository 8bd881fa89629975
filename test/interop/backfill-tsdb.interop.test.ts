/** A Prometheus 3 that scrapes for a while, with native histograms, and its snapshot: every sample as `promtool tsdb dump` has it. */

import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { never, openTsdb, pagesOf } from '../backfill/support/tsdb-source.ts'
import { differences, parseDump, readFolder } from '../read/support/tsdb-dump.ts'
import { binaries } from './peers.ts'
import { startPrometheus } from './prometheus-peers.ts'

const run = promisify(execFile)
const promtool = (): string => join(binaries, readdirSync(binaries).find((name) => name.startsWith('promtool-v')) ?? 'promtool')

/** How long it scrapes: chunks have 120 samples, at ten a second. */
const scrapeMs = Number(process.env['OTLP_BRIDGE_TSDB_SCRAPE_MS'] ?? 45_000)

describe('blocks of a Prometheus 3', () => {
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
        const { stdout } = await run(promtool(), ['tsdb', 'dump', snapshot], { maxBuffer: 1024 * 1024 * 1024 })
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
