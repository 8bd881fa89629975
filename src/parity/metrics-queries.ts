/** Answers of both sides to the same range queries: cutover 3.5, query mode. Samples are those of steps, not those stored. */

import { maxSteps, type PrometheusApi, type StoredSeries } from '../read/prometheus-api.ts'
import { createDifferences } from './differences.ts'
import { compareSamples, type FloatTolerance } from './metrics-samples.ts'
import { seriesKey } from './metrics-series.ts'
import type { CompareDeps, KeyResult, Window } from './model.ts'

/** Between a query of the old side and its form for the new one, where that is another. */
const arrow = ' => '

/** Quantiles are guesses within a bucket. */
const quantileTolerance: FloatTolerance = { abs: 1e-9, rel: 0.02 }

/** Steps at the end that are not judged: what comes late is not there yet. */
const openSteps = 2

const leastStepMs = 15_000

export interface QueryComparison {
  readonly old: PrometheusApi
  readonly other: PrometheusApi
  /** One a line; `old => new` where the new side needs another. Empty ones and those after `#` are left out. */
  readonly queries: readonly string[]
  readonly window: Window
  readonly tolerance: FloatTolerance
  readonly deps: Pick<CompareDeps, 'progress' | 'signal' | 'options' | 'nowMs'>
}

/** Queries and, where it differs, the form of the new side. */
function parseQueries(lines: readonly string[]): { old: string; new: string }[] {
  return lines
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const at = line.indexOf(arrow)
      return at < 0 ? { old: line, new: line } : { old: line.slice(0, at).trim(), new: line.slice(at + arrow.length).trim() }
    })
}

const pointsOf = (series: readonly StoredSeries[]): number =>
  series.reduce((sum, { times, histograms }) => sum + times.length + histograms.length, 0)

function compareAnswers(
  key: string,
  here: readonly StoredSeries[],
  there: readonly StoredSeries[],
  window: Window,
  tolerance: FloatTolerance,
): KeyResult {
  const differences = createDifferences(`of query ${key}`)
  const others = new Map(there.map((one) => [seriesKey(one.labels), one]))
  const count = { old: 0, new: 0, equal: 0, explained: 0, unexplained: 0, found: 0 }
  for (const series of here) {
    const id = seriesKey(series.labels)
    const other = others.get(id)
    others.delete(id)
    let worst = 0
    const add = (finding: Parameters<typeof differences.add>[0]): void => {
      differences.add(finding)
      worst = Math.max(worst, finding.class === 'unexplained' ? 2 : 1)
    }
    if (other === undefined) {
      count.old += series.times.length + series.histograms.length
      add({ class: 'unexplained', kind: 'missing_new', rule: '', path: 'series', id, old: id })
    } else {
      count.found++
      compareSamples(series, other, 1, tolerance, {
        both(timeMs, old, found, likeness) {
          count.old++
          count.new++
          if (likeness === 'equal') return
          const close = likeness === 'close'
          const rule = close ? `float abs ${tolerance.abs} rel ${tolerance.rel}` : ''
          add({ class: close ? 'precision' : 'unexplained', kind: 'changed', rule, path: 'value', id, old, new: found, atMs: timeMs })
        },
        oldOnly(timeMs, old) {
          count.old++
          add({ class: 'unexplained', kind: 'missing_new', rule: '', path: 'steps', id, old, atMs: timeMs })
        },
        newOnly(timeMs, found) {
          count.new++
          add({ class: 'unexplained', kind: 'missing_old', rule: '', path: 'steps', id, new: found, atMs: timeMs })
        },
      })
    }
    count[worst === 0 ? 'equal' : worst === 1 ? 'explained' : 'unexplained']++
  }
  for (const id of others.keys()) differences.add({ class: 'unexplained', kind: 'extra_new', rule: '', path: 'series', id, new: id })
  const total = pointsOf(here)
  return {
    format: 'prometheus',
    key,
    window,
    counts: { expected: total, old: total, new: count.new, distinctOld: total, distinctNew: count.new },
    samples: {
      asked: here.length,
      foundOld: here.length,
      foundNew: count.found,
      equal: count.equal,
      explained: count.explained,
      unexplained: count.unexplained,
    },
    differences: differences.rows(({ path }) => (path === 'series' ? here.length : total)),
    unjudged: '',
  }
}

const isFine = ({ differences }: KeyResult): boolean => differences.every((one) => one.class !== 'unexplained')

/** Asks both sides each query over the window, and once more where they differ: what was not there yet may be. */
export async function compareQueries({ old, other, queries, window, tolerance, deps }: QueryComparison): Promise<KeyResult[]> {
  const length = window.toMs - window.fromMs
  const stepMs = Math.max(leastStepMs, Math.ceil(length / (maxSteps - 1) / 1000) * 1000)
  const range = { startMs: window.fromMs, endMs: window.toMs - openSteps * stepMs }
  const results: KeyResult[] = []
  for (const query of parseQueries(queries)) {
    const near = /histogram_quantile\s*\(/.test(query.old)
      ? { ...quantileTolerance, rel: Math.max(quantileTolerance.rel, tolerance.rel) }
      : tolerance
    const ask = async (): Promise<KeyResult> => {
      deps.signal.throwIfAborted()
      deps.progress(`query ${query.old}`)
      const [here, there] = [await old.queryRange(query.old, range, stepMs), await other.queryRange(query.new, range, stepMs)]
      return compareAnswers(query.old, here, there, window, near)
    }
    const first = await ask()
    const settle = 2 * Math.max(deps.options.settleMs.old, deps.options.settleMs.new)
    results.push(isFine(first) || deps.nowMs() - window.toMs > settle ? first : await ask())
  }
  return results
}
