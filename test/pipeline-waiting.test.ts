/** Series of remote-write that wait, through the whole program and over a restart: `rw1.typePolicy: hold`, `targetInfo.wait`. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadBridgeConfig } from '../src/config/compose.ts'
import { type Pipeline, startPipeline } from '../src/pipeline.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { type MetricsSink, startMetricsSink } from './support/metrics-sink.ts'
import { snappyBody } from './support/remote-write.ts'
import { type PlainMetadata, type PlainSeries, writeBody } from './support/writing.ts'

let sink: MetricsSink
let folder: string
let pipeline: Pipeline | undefined
let aheadMs = 0

beforeEach(async () => {
  sink = await startMetricsSink()
  folder = await mkdtemp(join(tmpdir(), 'waiting-'))
  aheadMs = 0
})
afterEach(async () => {
  await pipeline?.stop(2000)
  sink.close()
  await rm(folder, { recursive: true })
})

const nowMs = (): number => Date.now() + aheadMs

async function start(...options: string[]): Promise<void> {
  const set = [
    'ingest.prometheus.port=0',
    'admin.enabled=false',
    `emit.endpoint=${sink.url}`,
    `queue.path=${folder}/queue`,
    'emit.batch.delay=5',
    ...options,
  ]
  const config = await loadBridgeConfig({ set }, {})
  pipeline = await startPipeline(config, { log: silentLog, version: 'test', nowMs, random: Math.random })
}

async function write(series: readonly PlainSeries[], metadata: readonly PlainMetadata[] = []): Promise<number> {
  const url = pipeline?.listeners.find((one) => one.section === 'ingest.prometheus')?.addresses[0] ?? ''
  const body = new Uint8Array(snappyBody(writeBody(1, series, metadata)))
  const response = await fetch(`${url}/api/v1/write`, { method: 'POST', body })
  return response.status
}

const sums = (): unknown[] =>
  (pipeline?.metrics.sums() ?? []).map(({ format, received, recovered, held, balance }) => ({ format, received, recovered, held, balance }))

describe('startPipeline with series that wait', () => {
  it('keeps them over a restart, until metadata says what they are', async () => {
    const hold = 'translate.prometheus.rw1.typePolicy=hold'
    await start(hold)
    const at = nowMs()
    const series: PlainSeries[] = [
      { labels: 'requests{job="j"}', samples: [[at, 5]] },
      { labels: 'up{job="j"}', samples: [[at, 1]] },
    ]
    expect(await write(series)).toBe(204)
    await expect.poll(() => sink.metrics().map((one) => one.metric)).toEqual(['up'])
    expect(sums()).toEqual([{ format: 'prometheus', received: 2, recovered: 0, held: 1, balance: 0 }])
    await pipeline?.stop(2000)
    await start(hold)
    expect(await write([], [{ family: 'requests', type: 1, help: 'H' }])).toBe(204)
    await expect
      .poll(() => sink.metrics().map(({ metric, type, points }) => [metric, type, points.length]), { timeout: 5000 })
      .toEqual([
        ['up', 'gauge', 1],
        ['requests', 'sum', 1],
      ])
    expect(sink.metrics()[1]).toMatchObject({ description: 'H', monotonic: true, points: [{ value: 5 }] })
    await expect.poll(sums).toEqual([{ format: 'prometheus', received: 0, recovered: 1, held: 0, balance: 0 }])
    await pipeline?.stop(2000)
    await start(hold)
    expect(await write([{ labels: 'up{job="j"}', samples: [[at + 1, 1]] }])).toBe(204)
    await expect
      .poll(() => sink.metrics().map(({ metric, points }) => [metric, points.length]))
      .toEqual([
        ['up', 2],
        ['requests', 1],
      ])
  })

  it('sends them as what their names say when the time is over', async () => {
    await start('translate.prometheus.rw1.typePolicy=hold', 'queue.type=memory')
    expect(await write([{ labels: 'requests_total', samples: [[nowMs(), 5]] }])).toBe(204)
    aheadMs = 61_000
    await expect.poll(() => sink.metrics().map(({ metric, type }) => [metric, type])).toEqual([['requests_total', 'sum']])
    expect(sums()).toMatchObject([{ held: 0, balance: 0 }])
  })

  it('gives the first data of a target the attributes that come a moment later', async () => {
    await start('translate.prometheus.targetInfo.wait=30s', 'queue.type=memory')
    expect(await write([{ labels: 'x{job="j"}', samples: [[nowMs(), 5]] }])).toBe(204)
    expect(await write([{ labels: 'target_info{job="j",k8s_pod_name="p"}', samples: [[nowMs(), 1]] }])).toBe(204)
    await expect
      .poll(() => sink.metrics().map(({ metric, resource }) => [metric, resource]))
      .toEqual([['x', { 'service.name': 'j', k8s_pod_name: 'p' }]])
    expect(sums()).toMatchObject([{ received: 2, held: 0, balance: 0 }])
  })

  it('sends what waits in memory before it stops', async () => {
    await start('translate.prometheus.rw1.typePolicy=hold', 'queue.type=memory')
    expect(await write([{ labels: 'requests', samples: [[nowMs(), 5]] }])).toBe(204)
    await pipeline?.stop(3000)
    pipeline = undefined
    expect(sink.metrics()).toMatchObject([{ metric: 'requests', type: 'gauge' }])
  })
})
