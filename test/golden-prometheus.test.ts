/** Every remote-write vector through the whole program: the answer, and what reaches the endpoint. */

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { loadBridgeConfig } from '../src/config/compose.ts'
import { type Pipeline, startPipeline } from '../src/pipeline.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { canonical, type GoldenMetric, type MetricsSink, sorted, startMetricsSink } from './support/metrics-sink.ts'
import { vectorFiles } from './support/shared.ts'

interface Vector {
  readonly name: string
  readonly requests: readonly {
    readonly method: string
    readonly path: string
    readonly headers: Readonly<Record<string, string | null>>
    readonly body_file: string
    readonly expect: { readonly status: number; readonly headers: Readonly<Record<string, string | null>> }
  }[]
  readonly then?: string
  readonly expected_otlp?: readonly GoldenMetric[]
}

const files = vectorFiles('prometheus').filter((file) => /\/\d[^/]*\.json$/.test(file))

const open: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function startBridge(sink: MetricsSink, nowMs: () => number): Promise<{ pipeline: Pipeline; url: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'golden-prometheus-'))
  open.push(() => rm(folder, { recursive: true }))
  const set = [
    'ingest.prometheus.port=0',
    'admin.enabled=false',
    `emit.endpoint=${sink.url}`,
    `queue.path=${folder}/queue`,
    'emit.batch.delay=5',
  ]
  const config = await loadBridgeConfig({ set }, {})
  const pipeline = await startPipeline(config, { log: silentLog, version: 'test', nowMs, random: Math.random })
  open.push(() => pipeline.stop(2000))
  const url = pipeline.listeners.find((one) => one.section === 'ingest.prometheus')?.addresses[0] ?? ''
  return { pipeline, url }
}

const expectedOf = (metrics: readonly GoldenMetric[]): GoldenMetric[] => metrics.map((one) => ({ ...one, points: sorted(one.points) }))

const canonicalAll = (metrics: readonly GoldenMetric[]): string[] => metrics.map(canonical).sort()

describe.skipIf(files.length === 0)('remote-write vectors', () => {
  it.each(files.map((file) => [basename(file, '.json'), file]))('%s', async (_name, file) => {
    const vector = JSON.parse(await readFile(file, 'utf8')) as Vector
    const sink = await startMetricsSink()
    open.push(() => sink.close())
    let aheadMs = 0
    const { pipeline, url } = await startBridge(sink, () => Date.now() + aheadMs)
    for (const { method, path, headers, body_file, expect: wanted } of vector.requests) {
      const body = await readFile(join(dirname(file), body_file))
      const own = Object.fromEntries(Object.entries(headers).filter((one): one is [string, string] => one[1] !== null))
      const response = await fetch(url + path, { method, body, headers: own })
      const answer = await response.text()
      expect([response.status, answer === '' || response.status >= 400], answer).toEqual([wanted.status, true])
      for (const [name, value] of Object.entries(wanted.headers)) expect([name, response.headers.get(name)]).toEqual([name, value])
    }
    if (vector.then !== undefined) aheadMs = 11_000
    const expected = expectedOf(vector.expected_otlp ?? [])
    await expect.poll(() => canonicalAll(sink.metrics()), { timeout: 4000, interval: 50 }).toEqual(canonicalAll(expected))
    await expect
      .poll(() => pipeline.metrics.sums().map(({ format, balance }) => [format, balance]))
      .toEqual([['prometheus', 0]].filter(() => pipeline.metrics.sums().length > 0))
  })
})
