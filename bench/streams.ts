/**
 * `node --expose-gc bench/streams.ts [ROWS]`: what the memory of Prometheus streams costs, in bytes and time, and its way to disk and back.
 * Rows have 190 bytes of attributes. Prints one line a figure.
 */

import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createStateFiles } from '../src/ingest/prometheus/state-files.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { createMetrics } from '../src/telemetry/metrics.ts'
import type { Seed } from '../src/translate/prometheus/hash.ts'
import { createStreams, Row, type Streams } from '../src/translate/prometheus/streams.ts'
import { loadRows, saveRows } from '../src/translate/prometheus/streams-form.ts'

const rows = Number(process.argv[2] ?? 1_000_000)
const attributes = new Uint8Array(190).fill(0x61)
const seed: Seed = [1, 2, 3, 4]

let random = 12345
const nextRandom = (): number => {
  random ^= random << 13
  random ^= random >>> 17
  random ^= random << 5
  return random | 0
}

const collect = (): void => (globalThis as { gc?: () => void }).gc?.()
const say = (name: string, value: number, unit: string): void => console.log(`${name.padEnd(44)} ${value.toFixed(1).padStart(10)} ${unit}`)

/** Twice as many hashes as rows: the second half is of streams that come later. */
const hashes = new Int32Array(rows * 6)
for (let at = 0; at < hashes.length; at++) hashes[at] = nextRandom() ^ Math.imul(nextRandom(), 0x9e3779b1)

const open = (max: number): Streams => createStreams({ max, maxBytes: 2 ** 31, onEvict: () => {} })

const add = (streams: Streams, number: number, seen: number): void => {
  const at = number * 3
  streams.setAttributes(streams.insert(hashes[at] as number, hashes[at + 1] as number, hashes[at + 2] as number, seen), attributes, 0, 190)
}

const findAll = (streams: Streams, order: Int32Array): void => {
  let found = 0
  for (let index = 0; index < order.length; index++) {
    const at = (order[index] as number) * 3
    if (streams.find(hashes[at] as number, hashes[at + 1] as number, hashes[at + 2] as number) >= 0) found++
  }
  if (found !== order.length) throw new Error(`found ${found} of ${order.length}`)
}

/** The best of some rounds, ns each. */
const timeOf = (count: number, rounds: number, work: () => void): number => {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    work()
    best = Math.min(best, ((performance.now() - start) * 1e6) / count)
  }
  return best
}

const inOrder = (count: number): Int32Array => new Int32Array(count).map((_, at) => at)

const shuffled = (count: number): Int32Array => {
  const order = inOrder(count)
  for (let at = count - 1; at > 0; at--) {
    const other = (nextRandom() >>> 0) % (at + 1)
    const kept = order[at] as number
    order[at] = order[other] as number
    order[other] = kept
  }
  return order
}

/** Look-ups in a store of so many rows: as senders send, and in no order at all. */
function benchFind(streams: Streams, count: number): void {
  const rounds = Math.max(3, Math.ceil(3e6 / count))
  const [ordered, mixed] = [inOrder(count), shuffled(count)]
  say(
    `find/in-order/${count}-rows`,
    timeOf(count, rounds, () => findAll(streams, ordered)),
    'ns',
  )
  say(
    `find/random/${count}-rows`,
    timeOf(count, rounds, () => findAll(streams, mixed)),
    'ns',
  )
}

/** All rows are exchanged for others, a thousand a second. */
function benchChurn(streams: Streams): void {
  let worst = 0
  const start = performance.now()
  for (let number = rows; number < rows * 2; number++) {
    const before = performance.now()
    add(streams, number, 2000 + Math.floor((number - rows) / 1000))
    worst = Math.max(worst, performance.now() - before)
  }
  say('evict-and-insert/amortised', ((performance.now() - start) * 1e6) / rows, 'ns')
  say('evict-and-insert/longest', worst, 'ms')
}

/** Attributes of rows in no order are exchanged for others of another length, so that there are holes everywhere. */
function benchHoles(streams: Streams): void {
  const places = [...streams.places()]
  let worst = 0
  const start = performance.now()
  for (const index of shuffled(places.length)) {
    const before = performance.now()
    streams.setAttributes(places[index] as number, attributes, 0, 120 + (index & 63))
    worst = Math.max(worst, performance.now() - before)
  }
  say('set-attributes-anew/amortised', ((performance.now() - start) * 1e6) / places.length, 'ns')
  say('set-attributes-anew/longest', worst, 'ms')
}

async function benchFiles(streams: Streams): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'bench-streams-'))
  const section = (of: Streams, revision: () => number) => ({
    name: 'streams',
    revision,
    save: () => saveRows(of, seed),
    load: (piece: Uint8Array) => void loadRows(piece, of, seed, 10_000),
  })
  let revision = 0
  const loop = monitorEventLoopDelay({ resolution: 1 })
  const files = createStateFiles({ path, sections: [section(streams, () => revision)], log: silentLog, metrics: createMetrics() })
  await files.open()
  for (let round = 0; round < 3; round++) {
    revision++
    loop.reset()
    loop.enable()
    const [start, cpu] = [performance.now(), process.cpuUsage()]
    await files.save()
    const { user, system } = process.cpuUsage(cpu)
    loop.disable()
    say('save', (performance.now() - start) / 1000, 's')
    say('save/cpu', (user + system) / 1e6, 's')
    say('save/longest-hold-of-the-loop', loop.max / 1e6 - 1, 'ms')
  }
  await files.close()
  say('save/file', statSync(join(path, 'streams.state')).size / 2 ** 20, 'MiB')
  const restored = open(rows)
  const again = createStateFiles({ path, sections: [section(restored, () => 0)], log: silentLog, metrics: createMetrics() })
  loop.reset()
  loop.enable()
  const start = performance.now()
  await again.open()
  loop.disable()
  say('restore', (performance.now() - start) / 1000, 's')
  say('restore/longest-hold-of-the-loop', loop.max / 1e6 - 1, 'ms')
  if (restored.count !== streams.count) throw new Error(`${restored.count} of ${streams.count} rows came back`)
  await again.close()
  rmSync(path, { recursive: true })
}

collect()
const before = process.memoryUsage.rss()
const streams = open(rows)
const insertNs = timeOf(rows, 1, () => {
  for (let number = 0; number < rows; number++) add(streams, number, 1000 + (number >> 14))
})
collect()
say('memory/rss', (process.memoryUsage.rss() - before) / rows, 'bytes a row')
say('memory/own-count', streams.memoryBytes / rows, 'bytes a row')
say('insert/with-attributes', insertNs, 'ns')
const small = open(rows)
for (let number = 0; number < Math.min(10_000, rows); number++) add(small, number, 1000)
benchFind(small, small.count)
benchFind(streams, rows)
for (const at of streams.places()) streams.words[at + Row.StartLo] = at
await benchFiles(streams)
benchChurn(streams)
benchHoles(streams)
say('memory/rss-at-the-end', (process.memoryUsage.rss() - before) / rows, 'bytes a row')
