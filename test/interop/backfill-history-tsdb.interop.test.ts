/**
 * A snapshot of a real Prometheus 3 with native histograms: back-filled by a process that is killed five times; every sample, floats and histograms,
 * is one that `promtool tsdb dump` prints, and none of those is missing.
 *
 * `OTLP_BRIDGE_BACKFILL_PROMETHEUS`: URL of one on this machine that has been running for as long as is wanted (`--web.enable-admin-api`); its snapshot
 * is removed afterwards. Without it one is started and scrapes for `OTLP_BRIDGE_TSDB_SCRAPE_MS`.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { showHistory } from './backfill-history.ts'
import { ItemKey, KeyCounts } from './backfill-keys.ts'
import { startRecorder } from './backfill-recorder.ts'
import { type OnSample, type SampleValue, sampleKey, samplesOfDump, samplesOfRequest } from './backfill-samples.ts'
import { binaries, present } from './peers.ts'
import { startNodeExporter, startPrometheus } from './prometheus-peers.ts'

const running = process.env['OTLP_BRIDGE_BACKFILL_PROMETHEUS']
const scrapeMs = Number(process.env['OTLP_BRIDGE_TSDB_SCRAPE_MS'] ?? 45_000)
const found = existsSync(binaries) ? readdirSync(binaries).find((name) => name.startsWith('promtool-v')) : undefined
if (found === undefined)
  console.warn('SKIPPED: promtool is not installed, a history of blocks was not held against its dump (validators.sh)')
const promtool = join(binaries, found ?? 'promtool')

/** Lines that are taken at once, in characters. */
const atOnce = 4 * 1024 * 1024

async function dumpSnapshot(folder: string, onSample: OnSample): Promise<void> {
  const child = spawn(promtool, ['tsdb', 'dump', folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close') as Promise<[number | null]>
  let rest = ''
  for await (const text of child.stdout.setEncoding('utf8')) {
    rest += text
    if (rest.length < atOnce) continue
    const end = rest.lastIndexOf('\n') + 1
    samplesOfDump(rest.slice(0, end), onSample)
    rest = rest.slice(end)
  }
  samplesOfDump(rest, onSample)
  expect((await ended)[0]).toBe(0)
}

/** @returns its folder */
async function takeSnapshot(url: string): Promise<string> {
  const reply = await fetch(`${url}/api/v1/admin/tsdb/snapshot`, { method: 'POST' })
  expect(reply.ok, await reply.clone().text()).toBe(true)
  const { data } = (await reply.json()) as { data: { name: string } }
  const flags = (await (await fetch(`${url}/api/v1/status/flags`)).json()) as { data: Record<string, string> }
  const snapshot = join(flags.data['storage.tsdb.path'] ?? '', 'snapshots', data.name)
  // promtool asks for one.
  mkdirSync(join(snapshot, 'wal'))
  return snapshot
}

/** `_count` stands for the point. */
const isPartOfPoint = (series: string): boolean => series.includes('"le"') || series.includes('"quantile"') || series.includes('_sum"')

const shown = (series: string, ms: number, value: SampleValue): string => `${series} ${ms} ${JSON.stringify(value)}`

describe.skipIf(found === undefined || (running === undefined && !present('prometheus-3', 'prometheus-2')))(
  'history of a Prometheus 3',
  () => {
    const stops: (() => Promise<void>)[] = []
    let url = running ?? ''

    beforeAll(async () => {
      if (running !== undefined) return
      const exporter = await startNodeExporter()
      stops.push(() => exporter.stop())
      const peer = await startPrometheus({
        major: 3,
        features: ['native-histograms'],
        flags: ['--web.enable-admin-api'],
        config: (port) => ({
          global: { scrape_interval: '500ms', scrape_timeout: '500ms' },
          scrape_configs: [
            { job_name: 'prometheus', scrape_native_histograms: true, static_configs: [{ targets: [`127.0.0.1:${port}`] }] },
            { job_name: 'shop/node', static_configs: [{ targets: [exporter.target], labels: { env: 'prod' } }] },
            { job_name: 'gone', static_configs: [{ targets: ['127.0.0.1:1'] }] },
          ],
        }),
      })
      stops.push(() => peer.stop())
      url = `http://127.0.0.1:${peer.port}`
      await wait(scrapeMs)
    }, scrapeMs + 120_000)

    afterAll(async () => {
      for (const stop of stops.reverse()) await stop()
    }, 60_000)

    it('prometheus-tsdb: all samples of a snapshot come, and no others, though the run is killed five times', async () => {
      const snapshot = await takeSnapshot(url)
      const key = new ItemKey()
      const dumped = new KeyCounts()
      const seriesOf = new KeyCounts()
      let [natives, points, first, last] = [0, 0, Number.POSITIVE_INFINITY, 0]
      try {
        await dumpSnapshot(snapshot, (series, ms, value) => {
          sampleKey(key, series, ms, value)
          dumped.add(key)
          key.begin()
          key.text(series)
          key.end()
          seriesOf.add(key)
          if (typeof value !== 'number') natives++
          // Those of a classic histogram or a summary are one point, whatever they are called.
          if (!isPartOfPoint(series)) points++
          first = Math.min(first, ms)
          last = Math.max(last, ms)
        })
        const items = dumped.unique
        console.info(
          `${items} samples of ${seriesOf.unique} series, ${natives} of them native histograms, over ${((last - first) / 60_000).toFixed(1)} min`,
        )
        expect(seriesOf.unique).toBeGreaterThanOrEqual(1000)
        expect(natives).toBeGreaterThan(0)

        const others: string[] = []
        const recorder = await startRecorder({
          signal: 'metrics',
          keysOf: (body, own, add) =>
            samplesOfRequest(body, (series, ms, value): void => {
              sampleKey(own, series, ms, value)
              add()
              if (dumped.count(own) === 0 && others.length < 20) others.push(shown(series, ms, value))
            }),
          sample: { wanted: 0, items },
        })
        try {
          const words = ['prometheus-tsdb', snapshot, '--metadata', `${url}/api/v1/metadata`]
          const { report } = await showHistory({ name: 'prometheus-tsdb', words, recorder, items: points })
          expect(others).toEqual([])
          const lost: string[] = []
          await dumpSnapshot(snapshot, (series, ms, value) => {
            sampleKey(key, series, ms, value)
            if (recorder.counts.count(key) === 0 && lost.length < 20) lost.push(shown(series, ms, value))
          })
          console.info(
            `  ${recorder.counts.unique} different samples came; not of the dump: ${others.length}, of the dump and not come: ${lost.length}`,
          )
          expect(lost).toEqual([])
          expect(recorder.counts.unique).toBe(items)
          expect(report).toMatchObject({ read: items, translated: items, skipped: [] })
        } finally {
          await recorder.close()
        }
      } finally {
        await rm(snapshot, { recursive: true, force: true })
      }
    }, 3_600_000)
  },
)
