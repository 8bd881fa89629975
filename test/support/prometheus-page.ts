/** Pages of Prometheus samples in plain words. */

import type { PageSeries } from '../../src/backfill/sources/prometheus-series.ts'
import { Samples } from '../../src/read/prometheus-tsdb/samples.ts'
import { staleHi, staleLo } from '../../src/translate/prometheus/model.ts'
import { nativeOf, type Parts } from './native-histograms.ts'
import { labelsOf, stale, type Value } from './writing.ts'

/** Its time, its value or its parts, and the start that came with it. */
export type PageSample = readonly [timeMs: number, value: Value | Parts, startMs?: number]

const words = (value: Value): readonly [number, number] => {
  if (value === stale) return [staleHi, staleLo]
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  return [view.getInt32(0), view.getInt32(4)]
}

export function samplesOf(list: readonly PageSample[]): Samples {
  const samples = new Samples()
  for (const [ms, value, startMs = 0] of list) {
    if (typeof value === 'object') {
      const native = { ...nativeOf(value), timeMs: ms, startMs }
      samples.push(ms, native.sumHi, native.sumLo, startMs, native)
    } else {
      const [hi, lo] = words(value)
      samples.push(ms, hi, lo, startMs, undefined)
    }
  }
  return samples
}

/** @param labels `up{job="a"}` */
export function seriesOf(labels: string, list: readonly PageSample[], before?: PageSeries['before']): PageSeries {
  const pairs = labelsOf(labels).sort(([left], [right]) => (left < right ? -1 : 1))
  return { labels: pairs.flat(), samples: samplesOf(list), from: 0, to: list.length, before }
}
