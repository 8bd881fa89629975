import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { present } from './peers.ts'
import { losses } from './prometheus-api.ts'
import { type Cluster, type Lab, runFor, startLab, type Window } from './prometheus-lab.ts'
import { createRounds, type Round, type Rounds } from './prometheus-rounds.ts'
import { until } from './wait.ts'

/** How long senders scrape and write. Ten minutes is what a release is tried with. */
const seconds = 60 * Number(process.env['OTLP_BRIDGE_PROMETHEUS_MINUTES'] ?? 1.5)

const sum = (values: ReadonlyMap<string, number>): number => [...values.values()].reduce((a, b) => a + b, 0)

const tell = (what: string, { points, series, notes }: Round): void =>
  console.log([`${what}: ${points} points of ${series} series are the same`, ...notes].join('\n  '))

/** What the bridge lost or refused, by metric. */
async function lost({ bridge }: Lab): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const name of ['refused_items', 'refused_requests', 'dropped_items', 'dead_items', 'rejected_items', 'prometheus_assembler_late']) {
    const value = sum(await bridge.metric(`otlp_bridge_${name}_total`))
    if (value !== 0) found[name] = value
  }
  return found
}

/** What is compared begins when every target has been seen, and types have come from those that tell them. */
async function warm({ senders }: Lab): Promise<void> {
  for (const { server, jobs, cluster } of senders) {
    await until(
      'every target scraped',
      async () => ((await server.query('up == 1', Date.now() / 1000)).length === jobs.length ? true : undefined),
      60_000,
    )
    const tells = async (): Promise<boolean> =>
      cluster === 'three-2.0' || ((await server.own()).get('prometheus_remote_storage_metadata_total') ?? 0) > 300
    await until('types told', async () => ((await tells()) ? true : undefined), 60_000)
  }
}

const clusters: readonly Cluster[] = ['two-1.0', 'three-2.0', 'three-1.0']

describe.skipIf(!present('prometheus-2', 'prometheus-3'))('a Prometheus, and another one behind the bridge', () => {
  describe.each([
    ['assembled', {}, ['UnderscoreEscapingWithSuffixes', 'NoTranslation'], 1, false],
    ['assembled, the bridge killed and restarted', {}, ['NoTranslation'], 0.6, true],
    ['passed through', { histograms: 'passthrough' }, ['NoTranslation'], 0.5, false],
  ] as const)('with classic histograms %s', (_title, translate, strategies, part, kills) => {
    let lab: Lab
    let window: Window
    let rounds: Rounds
    beforeAll(
      async () => {
        lab = await startLab({ translate, strategies, interval: 2, senders: clusters })
        await warm(lab)
        const { app, short, bridge } = lab
        window = await runFor(Math.max(40, seconds * part), [
          [0.3, () => app.restart()],
          [0.5, () => app.vanish()],
          [0.6, () => short.down()],
          [0.75, () => short.up()],
          ...(kills
            ? ([
                [0.4, bridge.kill],
                [0.45, bridge.start],
                [0.62, bridge.halt],
                [0.7, bridge.start],
              ] as const)
            : []),
        ])
        rounds = await createRounds(lab, window)
      },
      seconds * 1000 + 240_000,
    )
    afterAll(async () => {
      await lab?.stop()
    }, 120_000)

    const pairs = clusters.flatMap((cluster) => strategies.map((strategy) => [cluster, strategy] as const))
    const ends = (cluster: Cluster, strategy: string) => {
      const sender = lab.senders.find((one) => one.cluster === cluster)
      const receiver = lab.receivers.find((one) => one.strategy === strategy)
      if (sender === undefined || receiver === undefined) throw new Error(`no ${cluster} or ${strategy}`)
      return [sender, receiver] as const
    }

    it.each(pairs)(
      'stores the samples that %s stores: %s',
      async (cluster, strategy) => {
        const round = await rounds.samples(...ends(cluster, strategy), window, 45_000)
        tell(`samples of ${cluster}, ${strategy}`, round)
        expect(round.faults).toEqual([])
      },
      120_000,
    )

    it.each(pairs)(
      'answers dashboards as %s does: %s',
      async (cluster, strategy) => {
        const round = await rounds.queries(...ends(cluster, strategy), window)
        tell(`queries of ${cluster}, ${strategy}`, round)
        expect(round.faults).toEqual([])
      },
      120_000,
    )

    it.each(pairs)('stores the exemplars that %s stores: %s', async (cluster, strategy) => {
      const round = await rounds.exemplars(...ends(cluster, strategy), window)
      tell(`exemplars of ${cluster}, ${strategy}`, round)
      // One that comes alone after a crash, of a series that is not known again yet, is refused.
      expect(round.points).toBeGreaterThan(kills ? 0.97 * round.series : 0)
      if (!kills) expect(round.faults).toEqual([])
    })

    it('fails and drops nothing in the words of the senders, and loses nothing in its own', async () => {
      for (const { cluster, server } of lab.senders) {
        const own = await server.own()
        console.log(
          `${cluster}: ${own.get('prometheus_remote_storage_samples_total')} samples sent, ${own.get('prometheus_remote_storage_shards')} shards`,
        )
        expect([cluster, losses(own, kills ? '(?<!exemplars_)(failed|dropped)' : 'failed|dropped|retried')]).toEqual([cluster, {}])
        expect(own.get('prometheus_remote_storage_shards')).toBeGreaterThanOrEqual(4)
      }
      expect(await lost(lab)).toEqual({})
    })

    it.skipIf(kills || part < 1)('has no difference in its list that is not there', () => {
      expect(rounds.judge.unused()).toEqual([])
    })
  })
})
