/** What is behind the endpoint: state and files, the clock, and the ways in. */

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { FormatContext } from '../../../src/ingest/format.ts'
import { prometheusConfig } from '../../../src/ingest/prometheus/config.ts'
import { createRemoteWrite } from '../../../src/ingest/prometheus/receiver.ts'
import type { RemoteWrite, RemoteWriteContext } from '../../../src/ingest/prometheus/remote-write.ts'
import { createSnappy } from '../../../src/ingest/prometheus/snappy.ts'
import type { PrometheusTranslateConfig } from '../../../src/translate/prometheus/config.ts'
import { snappyBody } from '../../support/remote-write.ts'
import { type PlainMetadata, type PlainSeries, pointsOf, translateOptions, writeBody } from '../../support/writing.ts'
import { countsOf, createFakeDeps, type FakeDeps, openBooks, queueFull, quietPages } from '../support/fakes.ts'
import { FakeStore } from '../support/write-engine.ts'

const start = 1_700_000_000_000
const { uncompress } = await createSnappy({ maxBytes: 2 ** 24, limitKey: 'a test' })

let deps: FakeDeps
let folder: string
let nowMs: number
let running: RemoteWrite | undefined

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  nowMs = start
  deps = createFakeDeps(() => nowMs)
  folder = await mkdtemp(join(tmpdir(), 'receiver-'))
})
afterEach(async () => {
  vi.useRealTimers()
  await running?.stop(100)
  running = undefined
  await rm(folder, { recursive: true })
})

async function open(options: object = {}, { store, path }: { store?: FakeStore; path?: string } = {}): Promise<RemoteWrite> {
  const { intake } = deps
  const context = {
    ...deps,
    intake:
      store === undefined
        ? intake
        : { ...intake, holding: (name: string) => store.holding(name.endsWith('-sent') ? 'sent' : 'requests', deps) },
    pages: quietPages,
    mapping: undefined,
    uncompress,
  } as unknown as RemoteWriteContext & FormatContext<PrometheusTranslateConfig>
  const config = prometheusConfig.parse({ state: path === undefined ? {} : { path } })
  running = await createRemoteWrite(config, translateOptions(options), context)
  return running
}

async function write(remote: RemoteWrite, series: readonly PlainSeries[], metadata: readonly PlainMetadata[] = [], tenant = '') {
  const receiver = remote.receiver(1, tenant)
  const body = writeBody(1, series, metadata)
  return receiver.put(receiver.translate(body, snappyBody(body)))
}

const points = () => pointsOf(deps.fake.batches.splice(0).map(({ data }) => data))

/** Lets the clock of the receiver come round. */
async function pass(ms: number): Promise<void> {
  nowMs += ms
  await vi.advanceTimersByTimeAsync(1000)
}

const members: PlainSeries[] = ['h_bucket{le="1"}', 'h_count'].map((labels) => ({ labels, samples: [[start, 3]] }))

describe('createRemoteWrite', () => {
  it('sends what is due, every so often', async () => {
    const remote = await open()
    await write(remote, members)
    await pass(9000)
    expect(points()).toEqual([])
    await pass(1000)
    expect(points()).toMatchObject([{ metric: 'h', count: '3' }])
    expect(remote.trouble()).toEqual([])
  })

  it('says when it cannot, and no longer when it can', async () => {
    const remote = await open()
    await write(remote, members)
    deps.fake.putError = queueFull()
    await pass(10_000)
    expect(remote.trouble()).toEqual([expect.stringMatching(/^what has waited .* cannot be queued: cannot queue data: full$/)])
    deps.fake.putError = undefined
    await pass(2000)
    expect([remote.trouble(), points().length, openBooks(deps.metrics)]).toEqual([[], 1, []])
  })

  it('asks nothing of a queue that takes nothing', async () => {
    const remote = await open()
    await write(remote, members)
    deps.fake.refuseWith = queueFull()
    await pass(60_000)
    expect([remote.trouble(), points()]).toEqual([[], []])
    deps.fake.refuseWith = undefined
    await pass(60_000)
    expect(points()).toHaveLength(1)
  })

  it('sends all that waits when it stops, and comes round no more', async () => {
    const remote = await open()
    await write(remote, members)
    await remote.stop(1000)
    running = undefined
    expect(points()).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('remembers over a stop, and hashes as before', async () => {
    const path = join(folder, 'state')
    const first = await open({}, { path })
    await write(first, [{ labels: 'requests', samples: [[nowMs, 1]] }], [{ family: 'requests', type: 1 }])
    await first.stop(1000)
    expect((await readdir(path)).length).toBeGreaterThan(0)
    const second = await open({}, { path })
    nowMs += 1000
    points()
    await write(second, [{ labels: 'requests', samples: [[nowMs, 2]] }])
    expect(points()).toMatchObject([{ type: 'sum', value: 2 }])
    deps.metrics.collect()
    expect(countsOf(deps.metrics, 'otlp_bridge_prometheus_streams', '')).toEqual({ '': 1 })
    expect(second.warnings()).toEqual([])
  })

  it('goes on with what was kept, under the seed it was kept with', async () => {
    const store = new FakeStore()
    const path = join(folder, 'state')
    const first = await open({}, { store, path })
    await write(first, members.slice(0, 1))
    await first.stop(0)
    deps = createFakeDeps(() => nowMs)
    const second = await open({}, { store, path })
    expect(countsOf(deps.metrics, 'otlp_bridge_held_items', 'where')).toEqual({ assembler: 1 })
    await write(second, members.slice(1))
    await pass(12_000)
    expect(points()).toMatchObject([{ metric: 'h', count: '3', explicit_bounds: [1] }])
    expect(openBooks(deps.metrics)).toEqual([])
  })

  it('shows types, the latest first, and a part of them', async () => {
    const remote = await open()
    const series = ['a', 'b'].map((labels): PlainSeries => ({ labels, samples: [[nowMs, 1]] }))
    await write(remote, series, [{ family: 'b', type: 1 }], 'blue')
    const names = (query: Record<string, string>): unknown =>
      (remote.types(query) as { types: { family: string; type: string }[] }).types.map(({ family, type }) => `${family} ${type}`)
    expect(names({})).toEqual(['b counter', 'a unknown'])
    expect(names({ family: 'a' })).toEqual(['a unknown'])
    expect(names({ limit: '1' })).toEqual(['b counter'])
    expect(names({ tenant: 'red' })).toEqual([])
    expect(remote.types({})).toMatchObject({ families: 2 })
  })

  it('counts bodies that cannot be read', async () => {
    const remote = await open()
    const receiver = remote.receiver(2, '')
    receiver.arrived(5)
    expect(() => receiver.translate(new Uint8Array([0x2a, 0xff]))).toThrow(/cannot read/)
    expect(Object.values(countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason'))).toEqual([1])
    expect(countsOf(deps.metrics, 'otlp_bridge_received_bytes_total', 'format')).toEqual({ 'remote-write-2': 5 })
  })

  it('is the same way in for the same tenant, and forgets tenants when there are too many', async () => {
    const remote = await open()
    const one = remote.receiver(1, 'a')
    expect([remote.receiver(1, 'a') === one, remote.receiver(2, 'a') === one, remote.receiver(1, 'b') === one]).toEqual([
      true,
      false,
      false,
    ])
    for (let at = 0; at < 500; at++) remote.receiver(1, `t${at}`)
    expect(remote.receiver(1, 'a')).not.toBe(one)
  })
})
