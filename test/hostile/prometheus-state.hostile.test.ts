/** What remote-write makes the bridge remember: more tenants, series, names, targets and types than there is room for, request after request. */

import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { snappyBody } from '../support/remote-write.ts'
import type { Live } from './support/live.ts'
import type { Range } from './support/throw.ts'
import { stillWrites, write } from './support/throw-write.ts'
import { createWithin, metricOf } from './support/within.ts'
import { contentTypes, double, field, integer, nowMs, rawLabels, rawSample, writePath } from './support/writes.ts'

const within = createWithin({
  settings: ['translate.prometheus.assembler.window=1s', 'translate.prometheus.assembler.reorder=100ms'],
  still: stillWrites,
  before: 1,
})

const symbols = (...texts: readonly string[]): Buffer => Buffer.concat(['', ...texts].map((text) => field(4, text)))

/** A request of 2.0 of `count` series. @param texts of symbols 1 on @param of the content of each series */
const requestOf = (texts: readonly string[], count: number, of: (at: number) => readonly Uint8Array[]): Uint8Array =>
  snappyBody(Buffer.concat([symbols(...texts), ...Array.from({ length: count }, (_, at) => field(5, ...of(at)))]))

const names = (from: number, count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, at) => `${prefix}${(from + at).toString(36).padStart(5, '0')}`)

/** Posts over one connection; resolves with the status. */
const keepPosting =
  (live: Live, agent: Agent) =>
  (headers: Readonly<Record<string, string>>, body: Uint8Array): Promise<number> =>
    new Promise((resolve, reject) => {
      const all = { 'content-type': contentTypes[2], 'content-encoding': 'snappy', 'content-length': body.length, ...headers }
      const sent = request(
        { host: '127.0.0.1', port: live.ports.prometheus, path: writePath, method: 'POST', agent, headers: all },
        (response) => {
          response.resume()
          response.on('end', () => resolve(response.statusCode ?? 0))
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })

/** Sends it until there is room in the queue. Parts of it may be refused. */
async function taken(range: Range, body: Uint8Array): Promise<void> {
  for (;;) {
    const { status } = await write(range, 2, body)
    if (status !== 429) return expect([204, 400]).toContain(status)
    await delay(50)
  }
}

describe('what a sender makes the bridge remember', () => {
  it('100,000 tenants', async () => {
    await within(450, [], async ({ live }) => {
      const body = requestOf(['__name__', 'of_tenants'], 1, () => [rawLabels(1, 2), rawSample()])
      const statuses = new Set<number>()
      const client = async (first: number): Promise<void> => {
        const agent = new Agent({ keepAlive: true, maxSockets: 1 })
        const one = keepPosting(live, agent)
        for (let at = first; at < 100_000; at += 8) statuses.add(await one({ 'x-scope-orgid': `tenant ${at}` }, body))
        agent.destroy()
      }
      await Promise.all(Array.from({ length: 8 }, (_, at) => client(at)))
      expect([...statuses]).toEqual([204])
      const metrics = await live.metrics()
      expect(metrics.size).toBeLessThan(3000)
      expect(await metricOf(live, 'otlp_bridge_prometheus_streams')).toBeGreaterThanOrEqual(100_000)
    })
  }, 300_000)

  it('a million streams where there is room for a thousand', async () => {
    await within(200, ['translate.prometheus.streams.max=1000'], async (range) => {
      for (let from = 0; from < 1_000_000; from += 50_000) {
        const texts = ['__name__', 'streams', 'i', ...names(from, 50_000, '')]
        const reply = await write(
          range,
          2,
          requestOf(texts, 50_000, (at) => [rawLabels(1, 2, 3, 4 + at), rawSample()]),
        )
        expect([reply.status, reply.text]).toEqual([204, ''])
      }
      expect(await metricOf(range.live, 'otlp_bridge_prometheus_streams')).toBeLessThanOrEqual(1000)
      expect(await metricOf(range.live, 'otlp_bridge_prometheus_streams_evicted_total')).toBeGreaterThan(990_000)
      // Evicted or not, all of them were sent.
      await expect.poll(() => range.sink.points.get('streams'), { timeout: 20_000 }).toBe(1_000_000)
    })
  }, 300_000)

  it('a million members of histograms where there is room for a thousand streams', async () => {
    await within(500, ['translate.prometheus.streams.max=1000', 'translate.prometheus.assembler.maxPending=1000'], async (range) => {
      const statuses: Record<number, number> = {}
      for (let from = 0; from < 1_000_000; from += 50_000) {
        const texts = ['__name__', 'members_bucket', 'i', 'le', '+Inf', ...names(from, 50_000, '')]
        const { status } = await write(
          range,
          2,
          requestOf(texts, 50_000, (at) => [rawLabels(1, 2, 3, 6 + at, 4, 5), rawSample()]),
        )
        statuses[status] = (statuses[status] ?? 0) + 1
      }
      // More than there can ever be room for is refused for good; what there is no room for now may come again.
      expect(Object.keys(statuses).every((one) => one === '400' || one === '429')).toBe(true)
    })
  }, 300_000)

  it('500,000 names of metrics', async () => {
    await within(900, [], async (range) => {
      for (let from = 0; from < 500_000; from += 50_000) {
        const reply = await write(
          range,
          2,
          requestOf(['__name__', ...names(from, 50_000, 'name_')], 50_000, (at) => [rawLabels(1, 2 + at), rawSample()]),
        )
        expect(reply.status).toBe(204)
      }
    })
  }, 300_000)

  it('types that are other ones with every request', async () => {
    await within(180, [], async (range) => {
      const count = 2000
      const started: number[] = []
      for (let at = 0; at < 60; at++) {
        const texts = ['__name__', ...names(0, count, 'flips_')]
        const type = [1, 2, 3, 5, 6, 7][at % 6] as number
        const startedAt = performance.now()
        const reply = await write(
          range,
          2,
          requestOf(texts, count, (one) => [rawLabels(1, 2 + one), rawSample(at, nowMs - 60_000 + at), field(5, integer(1, type))]),
        )
        expect([reply.status, reply.text]).toEqual([204, ''])
        const metadata = Buffer.concat(names(0, count, 'flips_').map((name) => field(3, integer(1, (type % 7) + 1), field(2, name))))
        expect((await write(range, 1, snappyBody(metadata))).status).toBe(204)
        started.push(performance.now() - startedAt)
      }
      // The last are no slower than the first were.
      const sum = (from: number): number => started.slice(from, from + 20).reduce((all, one) => all + one, 0)
      expect(sum(40)).toBeLessThan(3 * sum(0) + 1000)
      expect(await metricOf(range.live, 'otlp_bridge_prometheus_type_switch_total')).toBeGreaterThan(0)
    })
  })

  it('targets with labels of 64 KiB, a gigabyte of them', async () => {
    await within(900, [], async (range) => {
      const large = 'x'.repeat(65_000)
      for (let from = 0; from < 16_000; from += 400) {
        const texts = ['__name__', 'large_targets', 'job', 'instance', ...names(from, 400, large)]
        await taken(
          range,
          requestOf(texts, 400, (at) => [rawLabels(1, 2, 3, 2, 4, 5 + at), rawSample()]),
        )
      }
    })
  }, 300_000)

  it('target_info of 64 KiB each, a gigabyte of them', async () => {
    await within(700, [], async (range) => {
      const large = 'x'.repeat(65_000)
      for (let from = 0; from < 16_000; from += 400) {
        const texts = ['__name__', 'target_info', 'job', 'k8s', large, ...names(from, 400, '')]
        await taken(
          range,
          requestOf(texts, 400, (at) => [rawLabels(1, 2, 3, 6 + at, 4, 5), rawSample()]),
        )
      }
    })
  }, 300_000)

  it('histograms with labels of 64 KiB, a gigabyte of them', async () => {
    await within(900, [], async (range) => {
      const large = 'x'.repeat(65_000)
      for (let from = 0; from < 16_000; from += 400) {
        const texts = ['__name__', 'large_bucket', 'le', '+Inf', 'k', ...names(from, 400, large)]
        await taken(
          range,
          requestOf(texts, 400, (at) => [rawLabels(1, 2, 3, 4, 5, 6 + at), rawSample()]),
        )
      }
    })
  }, 300_000)

  it('exemplars of series that bring no sample', async () => {
    await within(200, [], async (range) => {
      const texts = ['__name__', 'lonely_total', 'i', 'e', 'x'.repeat(4000), ...names(0, 20_000, '')]
      const series = (at: number, ...more: readonly Uint8Array[]): Uint8Array[] => [rawLabels(1, 2, 3, 6 + at), ...more]
      expect(
        (
          await write(
            range,
            2,
            requestOf(texts, 20_000, (at) => series(at, rawSample())),
          )
        ).status,
      ).toBe(204)
      for (let round = 0; round < 20; round++) {
        const exemplar = field(4, rawLabels(4, 5), double(2, round), integer(3, nowMs + round))
        expect([204, 400]).toContain(
          (
            await write(
              range,
              2,
              requestOf(texts, 20_000, (at) => series(at, exemplar)),
            )
          ).status,
        )
      }
    })
  })

  it('100,000 clusters of HA pairs', async () => {
    await within(200, ['translate.prometheus.ha.enabled=true'], async (range) => {
      for (let from = 0; from < 100_000; from += 50_000) {
        const texts = ['__name__', 'ha', '__replica__', 'a', 'cluster', ...names(from, 50_000, '')]
        const reply = await write(
          range,
          2,
          requestOf(texts, 50_000, (at) => [rawLabels(1, 2, 3, 4, 5, 6 + at), rawSample()]),
        )
        expect([reply.status, reply.text]).toEqual([204, ''])
      }
    })
  })
})
