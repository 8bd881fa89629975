/**
 * `npm run build && node bench/prometheus-series.ts [--series 1000000] [--mix fleet]… [--version 2]… [--queue memory]… [--rounds 3] [--gc] [--json]`:
 * what a million series of remote-write cost the built bridge: memory a series, their files, and how long after a start the first write is taken.
 *
 * Each case starts `serve` with an empty state, writes all series in so many rounds of new timestamps, waits until the queue is empty and nothing
 * more happens, then stops it and starts it again with what it has kept. Bytes a series are the resident memory at the end less that of the idle
 * bridge before its first request, by series. --gc: also after a collection of all garbage, which a bridge that is left alone does later.
 * Tables and JSON go to stdout, progress to stderr. Linux alone.
 */

import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type CellText, printTable } from '../src/cli/table.ts'
import { type Memory, type ServedBridge, serve, startSink } from './served-bridge.ts'
import { createRequests, type Mix, mixes, requestSizes } from './write-fleet.ts'

const { values } = parseArgs({
  options: {
    series: { type: 'string', default: '1000000' },
    mix: { type: 'string', multiple: true, default: [...mixes] },
    version: { type: 'string', multiple: true, default: ['2', '1'] },
    queue: { type: 'string', multiple: true, default: ['memory', 'disk'] },
    rounds: { type: 'string', default: '3' },
    gc: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})

const count = Number(values.series)
const rounds = Number(values.rounds)

interface Case {
  readonly mix: Mix
  readonly version: 1 | 2
  readonly queue: string
}

interface Figures extends Case {
  readonly series: number
  readonly emptyStartMs: number
  readonly idleBytes: number
  readonly fullBytes: number
  readonly peakBytes: number
  readonly collected: (Memory & { readonly rss: number }) | undefined
  readonly cpuMicrosPerSample: number
  readonly stopMs: number
  readonly stateBytes: number
  readonly fullStartMs: number
  readonly restoredBytes: number
}

/** Writes in flight at once, as shards of a sender are. */
const shards = 4
const settleMs = 5000
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** All series once. */
async function writeAll(bridge: ServedBridge, { mix, version }: Case, round: number, timeMs: number): Promise<void> {
  const requests = createRequests(mix, version)
  if (version === 1) await bridge.write(requests.metadata(), 1)
  const sizes = requestSizes(count)
  let from = 0
  const work = async (): Promise<void> => {
    for (let size = sizes.shift(); size !== undefined; size = sizes.shift()) {
      const first = from
      from += size
      await bridge.write(requests.samples(first, from, round, timeMs), version)
    }
  }
  await Promise.all(Array.from({ length: shards }, work))
}

/** One request of series that come first. */
const firstWrite = (bridge: ServedBridge, { mix, version }: Case, round: number, timeMs: number): Promise<void> =>
  bridge.write(createRequests(mix, version).samples(0, Math.min(500, count), round, timeMs), version)

async function emptyStart(one: Case, endpoint: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-empty-'))
  const bridge = await serve(endpoint, settingsOf(one, folder))
  await firstWrite(bridge, one, 0, Date.now())
  await bridge.stop()
  rmSync(folder, { recursive: true })
  return bridge.firstWriteMs
}

const settingsOf = ({ queue }: Case, folder: string): string[] => [
  `queue.type=${queue}`,
  `queue.path=${folder}/queue`,
  `ingest.prometheus.state.path=${folder}/state`,
]

const say = (text: string): void => void process.stderr.write(`${text}\n`)

async function measure(one: Case, endpoint: string): Promise<Figures> {
  const emptyStartMs = await emptyStart(one, endpoint)
  const folder = mkdtempSync(join(tmpdir(), 'bench-series-'))
  const settings = settingsOf(one, folder)
  const bridge = await serve(endpoint, settings)
  await pause(3000)
  const idleBytes = bridge.rssBytes()
  const cpu = bridge.cpuSeconds()
  // The last round is now: the bridge takes no samples of the future.
  const beginMs = Date.now() - rounds * 15_000
  for (let round = 0; round < rounds; round++) {
    await writeAll(bridge, one, round, beginMs + round * 15_000)
    say(`  round ${round + 1}: ${Math.round(bridge.rssBytes() / 1e6)} MB`)
  }
  await bridge.drained()
  const cpuMicrosPerSample = ((bridge.cpuSeconds() - cpu) * 1e6) / (rounds * count)
  await pause(settleMs)
  const fullBytes = bridge.rssBytes()
  const peakBytes = bridge.peakRssBytes()
  const series = await bridge.metric('otlp_bridge_prometheus_streams')
  if (series !== count) throw new Error(`cannot measure: ${series} of ${count} series are remembered`)
  const collected = values.gc ? { ...(await bridge.collect()), rss: bridge.rssBytes() } : undefined
  const stopMs = await bridge.stop()
  const files = readdirSync(join(folder, 'state')).map((name) => statSync(join(folder, 'state', name)).size)
  const again = await serve(endpoint, settings)
  await firstWrite(again, one, rounds, Date.now())
  await again.drained()
  await pause(settleMs)
  const restored = await again.metric('otlp_bridge_prometheus_streams')
  if (restored !== count) throw new Error(`cannot measure: ${restored} of ${count} series came back`)
  const restoredBytes = again.rssBytes()
  await again.stop()
  rmSync(folder, { recursive: true })
  const stateBytes = files.reduce((sum, size) => sum + size, 0)
  const fullStartMs = again.firstWriteMs
  return {
    ...{ ...one, series, emptyStartMs, idleBytes, fullBytes, peakBytes, collected, cpuMicrosPerSample, stopMs, stateBytes },
    ...{ fullStartMs, restoredBytes },
  }
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1).padStart(7)
const perSeries = (bytes: number): string => (bytes / count).toFixed(0).padStart(5)
const seconds = (ms: number): string => (ms / 1000).toFixed(2).padStart(6)

function table(rows: readonly Figures[]): string {
  const cells = rows.map((row): CellText[] => [
    `${row.mix}/${row.version}.0/${row.queue}`,
    megabytes(row.idleBytes),
    megabytes(row.fullBytes),
    perSeries(row.fullBytes - row.idleBytes),
    row.collected === undefined ? '' : perSeries(row.collected.rss - row.idleBytes),
    megabytes(row.peakBytes),
    row.cpuMicrosPerSample.toFixed(2).padStart(6),
    megabytes(row.stateBytes),
    seconds(row.stopMs),
    seconds(row.emptyStartMs),
    seconds(row.fullStartMs),
    megabytes(row.restoredBytes),
  ])
  const head = ['case', 'idle MB', 'full MB', 'B/series', 'B collected', 'peak MB', 'CPU µs/sample']
  return printTable([...head, 'state MB', 'stop s', 'start empty s', 'start full s', 'restored MB'], cells)
}

const cases = values.mix.flatMap((mix) =>
  values.queue.flatMap((queue) =>
    values.version.map((version): Case => ({ mix: mix === 'classic' ? 'classic' : 'fleet', version: version === '1' ? 1 : 2, queue })),
  ),
)
const sink = await startSink()
const rows: Figures[] = []
for (const one of cases) {
  say(`${one.mix}/${one.version}.0/${one.queue}, ${count} series`)
  const row = await measure(one, sink.url)
  if (row.collected !== undefined) {
    const { heapUsed, external, arrayBuffers, rss } = row.collected
    say(
      `  collected: RSS ${megabytes(rss)}, heap ${megabytes(heapUsed)}, external ${megabytes(external)}, buffers ${megabytes(arrayBuffers)} MB`,
    )
  }
  rows.push(row)
}
sink.close()
console.log(values.json ? JSON.stringify(rows, undefined, 2) : table(rows))
