/** What is wrong with the series of one job in one window, and how much of it was compared. */

import { nearest } from '../config/nearest.ts'
import type { StoredSeries } from '../read/prometheus-api.ts'
import { Member } from '../translate/prometheus/assembler.ts'
import { createDifferences } from './differences.ts'
import type { LabelChange, NativePair, OldSeries, Pairing } from './metrics-pairing.ts'
import {
  type ClassicPoint,
  classicAgainstNative,
  compareSamples,
  type FloatTolerance,
  numberText,
  samplesByTime,
} from './metrics-samples.ts'
import { seriesKey, unaccountedLabels } from './metrics-series.ts'
import type { Difference, DifferenceClass, Finding, KeyResult } from './model.ts'

/** What is known beside the two sides. */
export interface Circumstances {
  readonly tolerance: FloatTolerance
  /** Replicas are elected from: what the other one wrote may be there. */
  readonly ha: boolean
  /** A mapping file may change units. */
  readonly hasMapping: boolean
  /** Labels that the new side puts on series of its own: those of resources and scopes. */
  readonly isForeignLabel: (label: string) => boolean
}

export interface MetricFindings {
  /** Compares what was paired, and tells of what was not. */
  take(pairing: Pairing): void
  /** A series that ended on the old side goes on on the new one. @param rule of the mapping that has it so; empty: none */
  goesOn(old: OldSeries, atMs: number, rule: string): void
  /** The family has another type on the new side. */
  otherType(family: string, old: string, other: string): void
  /** A name of the new side that nothing of the old side becomes. */
  extraName(name: string, series: number, known: readonly string[]): void
  result(): Pick<KeyResult, 'counts' | 'samples' | 'differences'>
}

const minuteOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(11, 16)

/** Most findings of one series' samples that are told one by one; more say nothing new. */
const mostExtra = 1000

/** Ratios of units: what a forgotten factor looks like. */
const unitRatios = [1000, 1e6, 1e9, 1024, 1024 ** 2, 1024 ** 3, 60, 3600, 86_400, 100, 8]

/** `× 1000`, `÷ 1000`, or nothing for a ratio that is no unit's. */
function ratioText(ratio: number): string {
  const near = (value: number): boolean => Math.abs(ratio - value) <= 1e-9 * value
  for (const one of unitRatios) {
    if (near(one)) return ` × ${one}`
    if (near(1 / one)) return ` ÷ ${one}`
  }
  return ''
}

/** Quotients of values that differ, as long as they are the same one. */
class Ratio {
  private value: number | undefined
  private same = true

  add(old: number, other: number): void {
    if (old === 0 || !Number.isFinite(old) || !Number.isFinite(other)) {
      if (old !== other) this.same = false
      return
    }
    const ratio = other / old
    if (this.value === undefined) this.value = ratio
    else if (Math.abs(ratio - this.value) > 1e-9 * Math.abs(this.value)) this.same = false
  }

  text(): string {
    return this.same && this.value !== undefined ? ratioText(this.value) : ''
  }
}

/** A series as people look for it: a bucket is one of many. */
const seriesName = ({ predicted: { name, member, bound } }: OldSeries): string =>
  member === Member.Bucket && bound !== undefined ? `series ${name}{le="${numberText(bound)}"}` : `series ${name}`

const sizeOf = ({ times, histograms }: StoredSeries): number => times.length + histograms.length

/** @param job for the sentences */
export function createMetricFindings(job: string, circumstances: Circumstances): MetricFindings {
  const { tolerance, ha } = circumstances
  const differences = createDifferences(`of job ${job}`)
  const minutes = new Map<string, number>()
  /** Compared series: 0 equal, 1 explained, 2 unexplained. */
  const states = new Map<OldSeries, number>()
  const missingNames = new Set<string>()
  const count = { old: 0, new: 0, paired: 0 }

  const add = (finding: Finding, of?: OldSeries): void => {
    differences.add(finding)
    if (of !== undefined) states.set(of, Math.max(states.get(of) ?? 0, finding.class === 'unexplained' ? 2 : 1))
  }

  const compare = (old: OldSeries, other: StoredSeries): void => {
    const { predicted, series } = old
    const id = seriesKey(predicted.labels)
    const firstMs = Math.min(series.times[0] ?? Number.POSITIVE_INFINITY, series.histograms[0]?.timeMs ?? Number.POSITIVE_INFINITY)
    const ratio = new Ratio()
    const changed: { timeMs: number; old: string; other: string }[] = []
    for (const timeMs of series.times) minutes.set(minuteOf(timeMs), (minutes.get(minuteOf(timeMs)) ?? 0) + 1)
    const lonely: DifferenceClass = ha ? 'ha' : 'unexplained'
    compareSamples(series, other, predicted.factor, tolerance, {
      both(timeMs, mine, theirs, likeness) {
        count.old++
        count.new++
        if (likeness === 'close') {
          const rule = `float abs ${tolerance.abs} rel ${tolerance.rel}`
          add({ class: 'precision', kind: 'changed', rule, path: 'value', id, old: mine, new: theirs, atMs: timeMs }, old)
        } else if (likeness === 'different') {
          ratio.add(Number(mine), Number(theirs))
          changed.push({ timeMs, old: mine, other: theirs })
        }
      },
      oldOnly(timeMs, value) {
        if (predicted.special === 'created') {
          // Until its type is told the series is one like any other, and its first samples are there under its own name.
          const found = { kind: 'missing_new', path: 'series _created', id, old: value, atMs: timeMs } as const
          add({ ...found, class: 'created', rule: '12.3 created' }, old)
          return
        }
        if (!ha) count.old++
        const path = `samples at ${minuteOf(timeMs)}`
        add({ class: lonely, kind: 'missing_new', rule: ha ? '8.5' : '', path, id, old: value, atMs: timeMs }, old)
      },
      newOnly(timeMs, value) {
        const isZero = value === '0' && timeMs < firstMs
        if (!isZero && !ha) count.new++
        const path = isZero ? 'zero before the first sample' : `samples at ${minuteOf(timeMs)}`
        const rule = isZero ? '7.4' : ha ? '8.5' : ''
        add({ class: isZero ? 'zero_point' : lonely, kind: 'missing_old', rule, path, id, new: value, atMs: timeMs }, old)
      },
    })
    const path = `value of ${predicted.name}${changed.length === 0 ? '' : ratio.text()}`
    for (const { timeMs, old: mine, other: theirs } of changed) {
      add({ class: 'unexplained', kind: 'changed', rule: '', path, id, old: mine, expected: mine, new: theirs, atMs: timeMs }, old)
    }
  }

  /** A unit that was changed is told of; the mapping file is the only one that may. */
  const factor = (old: OldSeries): void => {
    const { predicted } = old
    const finding = {
      kind: 'changed',
      path: `value of ${predicted.name}${ratioText(predicted.factor)}`,
      id: seriesKey(predicted.sent),
    } as const
    add({ ...finding, class: circumstances.hasMapping ? 'mapped' : 'unexplained', rule: '9 factor', new: predicted.factor }, old)
  }

  const changedLabels = ({ old, other, lost, added, changed, alone }: LabelChange): void => {
    const id = seriesKey(old.predicted.labels)
    const { labels } = old.predicted
    for (const label of lost) {
      add({ class: 'unexplained', kind: 'missing_new', rule: '', path: `labels["${label}"]`, id, old: labels[label] ?? '' }, old)
    }
    for (const label of changed) {
      const [mine, theirs] = [labels[label] ?? '', other.labels[label] ?? '']
      add({ class: 'unexplained', kind: 'changed', rule: '', path: `labels["${label}"]`, id, old: mine, new: theirs }, old)
    }
    for (const label of added) {
      const foreign = circumstances.isForeignLabel(label)
      const finding = { kind: 'extra_new', path: `labels["${label}"]`, id, new: other.labels[label] ?? '' } as const
      add({ ...finding, class: foreign ? 'mapped' : 'unexplained', rule: foreign ? '12.2' : '' }, old)
    }
    if (alone) compare(old, other)
    else count.old += sizeOf(old.series)
  }

  const native = ({ members, other }: NativePair): void => {
    const points = new Map<number, { buckets: [number, number][]; count: number | undefined; sum: number | undefined }>()
    for (const { predicted, series } of members) {
      for (const [at, timeMs] of series.times.entries()) {
        const value = (series.values[at] ?? Number.NaN) * predicted.factor
        const point = points.get(timeMs) ?? { buckets: [], count: undefined, sum: undefined }
        if (predicted.member === Member.Sum) point.sum = value
        else if (predicted.member === Member.Count) point.count = value
        else point.buckets.push([predicted.bound ?? Number.POSITIVE_INFINITY, value])
        points.set(timeMs, point)
      }
    }
    const [first] = members
    if (first === undefined) return
    const id = seriesKey(other.labels)
    const there = samplesByTime(other)
    for (const [timeMs, point] of points) {
      const histogram = there.get(timeMs)
      count.old++
      if (typeof histogram !== 'object') {
        const path = `samples at ${minuteOf(timeMs)}`
        add(
          { class: 'unexplained', kind: 'missing_new', rule: '', path, id, old: `count ${numberText(point.count ?? 0)}`, atMs: timeMs },
          first,
        )
        continue
      }
      count.new++
      const classic: ClassicPoint = { ...point, buckets: point.buckets.sort(([a], [b]) => a - b) }
      for (const part of classicAgainstNative(classic, histogram, tolerance)) {
        const path = `histogram ${first.predicted.base} ${part}`
        add({ class: 'unexplained', kind: 'changed', rule: '', path, id, atMs: timeMs }, first)
      }
    }
    for (const member of members) if (!states.has(member)) states.set(member, 0)
    add(
      {
        class: 'mapped',
        kind: 'changed',
        rule: '12.3 native',
        path: `histogram ${first.predicted.base}`,
        id,
        old: 'classic',
        new: 'native',
      },
      first,
    )
  }

  const missing = (old: OldSeries): void => {
    const { predicted, series } = old
    const id = seriesKey(predicted.labels)
    const named = { kind: 'missing_new', path: seriesName(old), id, old: seriesKey(predicted.sent) } as const
    if (predicted.special === 'created') {
      add({ ...named, path: 'series _created', class: 'created', rule: '12.3 created' }, old)
      return
    }
    count.old += sizeOf(series)
    missingNames.add(predicted.name)
    add({ ...named, class: 'unexplained', rule: predicted.renamed, atMs: series.times[0] }, old)
  }

  return {
    take({ pairs, natives, labels, merged, missing: unpaired, extra }) {
      for (const { old, other } of pairs) {
        states.set(old, 0)
        count.paired++
        const { renamed, name, special, sent } = old.predicted
        if (renamed !== '') {
          const finding = { class: 'mapped', kind: 'changed', rule: renamed, path: `name ${sent['__name__'] ?? ''}` } as const
          add({ ...finding, id: seriesKey(sent), old: sent['__name__'] ?? '', new: name }, old)
        }
        for (const label of unaccountedLabels(old.predicted, other.labels)) {
          const finding = { kind: 'unaccounted', path: `labels["${label}"]`, id: seriesKey(sent), old: sent[label] ?? '' } as const
          add({ ...finding, class: 'unexplained', rule: '' }, old)
        }
        if (old.predicted.factor !== 1) factor(old)
        // The new side writes it when it likes.
        if (special !== 'target_info') compare(old, other)
      }
      for (const one of natives) {
        count.paired += one.members.length
        native(one)
      }
      for (const one of labels) {
        count.paired++
        changedLabels(one)
      }
      for (const old of merged) {
        const id = seriesKey(old.predicted.sent)
        add(
          { class: ha ? 'ha' : 'unexplained', kind: 'missing_new', rule: ha ? '8.5' : '', path: 'series that becomes another one', id },
          old,
        )
        if (!ha) count.old += sizeOf(old.series)
      }
      for (const old of unpaired) missing(old)
      for (const { labels: found } of extra) {
        const made = found['__name__'] === 'target_info'
        const finding = { kind: 'extra_new', path: `series ${found['__name__'] ?? ''}`, id: seriesKey(found) } as const
        add({ ...finding, class: made ? 'mapped' : 'unexplained', rule: made ? '12.2' : '' })
      }
    },
    goesOn(old, atMs, rule) {
      const id = seriesKey(old.predicted.labels)
      const finding = { kind: 'changed', path: 'end of series (stale_lost)', id, old: 'ended', new: 'goes on', atMs, rule } as const
      add({ ...finding, class: rule === '' ? 'unexplained' : 'mapped' }, old)
    },
    otherType(family, old, other) {
      add({ class: 'unexplained', kind: 'changed', rule: '', path: `type of ${family}`, id: family, old, expected: old, new: other })
    },
    extraName(name, series, known) {
      const made = name === 'target_info'
      const lost = [...missingNames]
      // A suffix more or less is further than a misspelling, and likelier.
      const near = lost.find((one) => one.startsWith(name) || name.startsWith(one)) ?? nearest(name, lost) ?? nearest(name, known)
      const hint = near === undefined ? {} : { old: `nearest: ${near}` }
      for (let at = 0; at < Math.min(series, mostExtra); at++) {
        const finding = { kind: 'extra_new', path: `series ${name}`, id: name, new: name, ...hint } as const
        add({ ...finding, class: made ? 'mapped' : 'unexplained', rule: made ? '12.2' : '' })
      }
    },
    result() {
      const all = [...states.values()]
      const rows: readonly Difference[] = differences.rows(({ path }) =>
        path.startsWith('samples at ') ? (minutes.get(path.slice(11)) ?? 0) : states.size,
      )
      return {
        counts: { expected: count.old, old: count.old, new: count.new, distinctOld: count.old, distinctNew: count.new },
        samples: {
          asked: states.size,
          foundOld: states.size,
          foundNew: count.paired,
          equal: all.filter((state) => state === 0).length,
          explained: all.filter((state) => state === 1).length,
          unexplained: all.filter((state) => state === 2).length,
        },
        differences: rows,
      }
    },
  }
}
