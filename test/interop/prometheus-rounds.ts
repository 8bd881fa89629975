/** Rounds of questions to both ends: samples as stored, queries of dashboards, exemplars. */

import { createJudge, type Judge, type KnownType, renamer } from './differences-prometheus.ts'
import type { Labels, PrometheusApi, Series } from './prometheus-api.ts'
import { compareAnswers, shown, type Unequal } from './prometheus-compare.ts'
import { exemplarSeries, external, type Lab, type Receiver, type Sender, type Window } from './prometheus-lab.ts'
import { type Query, queries } from './prometheus-queries.ts'
import { until } from './wait.ts'

export interface Round {
  readonly points: number
  readonly series: number
  /** Lines about what no row explains; empty: the ends agree. */
  readonly faults: readonly string[]
  /** Remarks about what is explained otherwise than by a row. */
  readonly notes: readonly string[]
}

export interface Rounds {
  /** Compares every sample of every series; asks again until late ones have come, for `limitMs` at most. */
  samples(sender: Sender, receiver: Receiver, window: Window, limitMs: number): Promise<Round>
  queries(sender: Sender, receiver: Receiver, window: Window): Promise<Round>
  exemplars(sender: Sender, receiver: Receiver, window: Window): Promise<Round>
  readonly judge: Judge
}

/** Samples of a series that is there are closer than that, in seconds. */
const longestGap = 5

/** Range of `rate` and the like. */
const interval = 20

/** Whether an exemplar, as {@link exemplarSeries} has it, belongs to the last sample of its series, or to the last before it went for a while. */
async function isOfLast(server: PrometheusApi, metric: Labels, { start, end }: Window): Promise<boolean> {
  const labels = Object.entries(metric).filter(([name]) => name !== 'at' && !name.startsWith('exemplar_'))
  const selector = labels.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')
  const [series] = await server.query(`{${selector}}[${end - start}s]`, end)
  const at = Number(metric['at'])
  const next = series?.values?.find(([seconds]) => seconds > at)
  return series !== undefined && (next === undefined || next[0] - at > longestGap)
}

export async function createRounds({ bridge, senders }: Lab, window: Window): Promise<Rounds> {
  const native = new Set<string>()
  for (const { server, jobs } of senders)
    for (const job of jobs)
      for (const { metric, histograms } of await server.query(`{job="${job}"}[${window.end - window.start}s]`, window.end))
        if (histograms !== undefined) native.add(`${job} ${metric['__name__']}`)
  const judge = createJudge(native)
  const { types } = (await (await fetch(`${bridge.admin}/api/metrics/types?limit=100000`)).json()) as { types: readonly KnownType[] }

  const samplesOnce = async ({ server, cluster, jobs }: Sender, receiver: Receiver, { start, end }: Window): Promise<Round> => {
    const renamed = renamer(types, receiver.strategy)
    const unequal: Unequal[] = []
    const faults: string[] = []
    let [points, series] = [0, 0]
    for (const job of jobs) {
      const theirs = await server.query(`{job="${job}"}[${end - start}s]`, end)
      const ours = await receiver.server.query(`{job="${job}", cluster="${cluster}"}[${end - start}s]`, end)
      const found = compareAnswers(renamed(theirs), ours, { without: external, tolerance: 0 })
      if (found.points === 0) faults.push(`nothing of job ${job}`)
      points += found.points
      series += found.series
      unequal.push(...judge.unexplained(found.unequal))
    }
    return { points, series, faults: unequal.length === 0 ? faults : [...faults, shown(unequal)], notes: [] }
  }

  /** A part of the second at which no sample lies: Prometheus 2 takes one at the left end of a range in, Prometheus 3 does not. */
  const quietMs = async ({ server }: Sender, { start, end }: Window): Promise<number> => {
    const answer = await server.query(`up[${end - start}s]`, end)
    const taken = answer.flatMap(({ values }) => (values ?? []).map(([seconds]) => Math.round(seconds * 1000) % 1000))
    const distance = (ms: number): number => Math.min(...taken.map((at) => Math.min(Math.abs(at - ms), 1000 - Math.abs(at - ms))))
    return Array.from({ length: 100 }, (_, index) => index * 10).reduce((best, ms) => (distance(ms) > distance(best) ? ms : best))
  }

  const ask = async (query: Query, sender: Sender, receiver: Receiver, window: Window, quiet: number): Promise<Round> => {
    const span = { start: window.start + interval + quiet / 1000, end: window.end - 1, step: 1 }
    const filled = (promql: string, cluster: string): string =>
      promql.replaceAll('$cluster', cluster).replaceAll('$interval', `${interval}s`)
    const theirs = await sender.server.queryRange(filled(query.promql, '.*'), span)
    const ours = await receiver.server.queryRange(filled(query.receiver ?? query.promql, sender.cluster), span)
    const compare = (answer: readonly Series[]) => compareAnswers(answer, ours, { without: external, tolerance: 1e-12 })
    const found = compare(theirs)
    let unequal = judge.unexplained(found.unequal)
    const notes: string[] = []
    if (unequal.length > 0 && sender.reader !== sender.server) {
      const { length } = unequal
      unequal = judge.unexplained(compare(await sender.reader.queryRange(filled(query.promql, '.*'), span)).unequal)
      if (unequal.length === 0) notes.push(`${query.title}: ${length} of ${found.points + length} points are other numbers in Prometheus 2`)
    }
    const faults = unequal.length === 0 ? [] : [`${query.title}: ${shown(unequal, 4)}`]
    if (query.empty !== true && found.points === 0) faults.push(`${query.title}: nothing to compare`)
    return { points: found.points, series: found.series, faults, notes }
  }

  return {
    judge,
    async samples(sender, receiver, window, limitMs) {
      let last = await samplesOnce(sender, receiver, window)
      await until(
        'the same samples',
        async () => {
          if (last.faults.length > 0) last = await samplesOnce(sender, receiver, window)
          return last.faults.length === 0 ? true : undefined
        },
        limitMs,
      ).catch(() => {})
      return last
    },
    async queries(sender, receiver, window) {
      const quiet = await quietMs(sender, window)
      const rounds: Round[] = []
      for (const query of queries) {
        if (query.job === undefined || sender.jobs.includes(query.job)) rounds.push(await ask(query, sender, receiver, window, quiet))
      }
      return {
        points: rounds.reduce((sum, { points }) => sum + points, 0),
        series: rounds.reduce((sum, { series }) => sum + series, 0),
        faults: rounds.flatMap(({ faults }) => faults),
        notes: rounds.flatMap(({ notes }) => notes),
      }
    },
    async exemplars({ server, cluster }, receiver, { start, end }) {
      const theirs = await server.exemplars('{job=~".+"}', start, end)
      const ours = await receiver.server.exemplars(`{cluster="${cluster}"}`, start, end)
      const found = compareAnswers(exemplarSeries(theirs), exemplarSeries(ours), { without: external, tolerance: 0 })
      const faults: Unequal[] = []
      const notes: string[] = []
      for (const one of judge.unexplained(found.unequal)) {
        // It came in a request after its sample's, and goes with the next one of its series: that is a stale marker, with which Prometheus keeps none.
        if (one.receiver === undefined && (await isOfLast(server, one.metric, { start, end }))) notes.push(`not there: ${one.series}`)
        else faults.push(one)
      }
      return { points: found.points, series: found.series, faults: faults.length === 0 ? [] : [shown(faults)], notes }
    },
  }
}
