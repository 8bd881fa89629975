import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { present } from './peers.ts'
import { losses, type Series } from './prometheus-api.ts'
import { startWriteBridge, type WriteBridge } from './prometheus-bridge.ts'
import { compareAnswers, shown } from './prometheus-compare.ts'
import { createStops, remoteWrite, startReceiver } from './prometheus-lab.ts'
import { type Prometheus, startNodeExporter, startPrometheus } from './prometheus-peers.ts'
import { startTarget } from './prometheus-target.ts'
import { until } from './wait.ts'

/** After so many seconds of silence the other replica takes over. */
const timeout = 8

describe.skipIf(!present('prometheus-2', 'prometheus-3'))(
  'a pair of Prometheus that scrape the same, behind one bridge with ha.enabled',
  () => {
    const { add, stop } = createStops()
    let bridge: WriteBridge
    let receiver: Prometheus
    const replicas = new Map<string, Prometheus>()

    beforeAll(async () => {
      receiver = await add(startReceiver('NoTranslation'))
      bridge = await add(startWriteBridge({ receiver: `${receiver.url}/api/v1/otlp` }, { ha: { enabled: true, timeout: `${timeout}s` } }))
      const node = await add(startNodeExporter())
      const app = await add(startTarget())
      // One of each version: their requests are elected between, whatever they are written in.
      for (const [replica, version] of [
        ['a', '1.0'],
        ['b', '2.0'],
      ] as const) {
        const starting = startPrometheus({
          major: 3,
          config: () => ({
            global: { scrape_interval: '1s', scrape_timeout: '1s', external_labels: { cluster: 'pair', __replica__: replica } },
            scrape_configs: [
              { job_name: 'node', static_configs: [{ targets: [node.target] }] },
              { job_name: 'app', static_configs: [{ targets: [app.target] }] },
            ],
            remote_write: [remoteWrite(bridge.url, 1, version)],
          }),
        })
        replicas.set(replica, await add(starting))
      }
    }, 120_000)

    afterAll(() => stop(), 60_000)

    const now = (): number => Date.now() / 1000
    const at = async (server: Prometheus, seconds: number, end: number): Promise<readonly Series[]> =>
      server.query(`{job=~"node|app", __name__!~"target_info|.*_created"}[${seconds}s]`, end)

    /** Whose samples the receiver has, of a window that all of them have come of. */
    const leaderOf = async (seconds: number, end: number): Promise<readonly [name: string, leader: Prometheus]> => {
      const ours = await receiver.query(`up{job="node"}[${seconds}s]`, end)
      const times = (answer: readonly Series[]): string => JSON.stringify(answer.map(({ values }) => values?.map(([time]) => time)))
      for (const [name, replica] of replicas) {
        if (times(await replica.query(`up{job="node"}[${seconds}s]`, end)) === times(ours)) return [name, replica]
      }
      throw new Error(`neither: ${times(ours)}`)
    }

    const expectSame = async (leader: Prometheus, seconds: number, end: number): Promise<void> => {
      const found = compareAnswers(await at(leader, seconds, end), await at(receiver, seconds, end), {
        without: ['cluster', '__replica__'],
        tolerance: 0,
      })
      expect(found.points).toBeGreaterThan(1000)
      expect(found.unequal, shown(found.unequal)).toEqual([])
    }

    it('forwards one of them whole, and tells the other that all was written; then the other, when the first is gone', async () => {
      const scraped = async (): Promise<true | undefined> =>
        (await receiver.query('count_over_time(up[15s]) >= 14', now())).length === 2 ? true : undefined
      await until('samples at the receiver', scraped, 60_000)
      // What is still to come of the last seconds has come: histograms wait for a window of 10 s at the most.
      const end = Math.floor(now())
      await delay(12_000)
      const [name, leader] = await leaderOf(10, end)
      await expectSame(leader, 10, end)
      expect(await receiver.query('{__replica__!=""}', end)).toEqual([])
      for (const replica of replicas.values()) {
        const own = await replica.own()
        expect(own.get('prometheus_remote_storage_samples_total')).toBeGreaterThan(1000)
        expect(losses(own)).toEqual({})
      }
      const dropped = [...(await bridge.metric('otlp_bridge_prometheus_ha_dropped_total')).values()]
      expect(dropped[0]).toBeGreaterThan(1000)

      replicas.delete(name)
      await leader.stop()
      const stopped = now()
      await until(
        'the other at the receiver',
        async () =>
          (await receiver.query(`up{job="node"}[10s] offset -1s`, now())).some(({ values }) =>
            (values ?? []).some(([time]) => time > stopped),
          )
            ? true
            : undefined,
        60_000,
      )
      const tookOver = now() - stopped
      console.log(`replica ${name} was forwarded; the other took over after ${tookOver.toFixed(1)} s`)
      expect(tookOver).toBeLessThan(timeout + 8)
      await delay(15_000)
      const then = Math.floor(now())
      await delay(8_000)
      const [, other] = await leaderOf(8, then)
      await expectSame(other, 8, then)
      expect(losses(await other.own())).toEqual({})
      expect([...(await bridge.metric('otlp_bridge_refused_items_total')).values()].filter((count) => count > 0)).toEqual([])
    }, 180_000)
  },
)
