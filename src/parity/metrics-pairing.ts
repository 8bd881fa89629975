/** Finds for each series of the old side the one of the new side that it became, by its labels; what is left over by what is nearest. Pure. */

import type { SeriesLabels, StoredSeries } from '../read/prometheus-api.ts'
import { Member } from '../translate/prometheus/assembler.ts'
import { type Predicted, seriesKey, withoutLabel } from './metrics-series.ts'

export interface OldSeries {
  readonly predicted: Predicted
  readonly series: StoredSeries
}

export interface Pair {
  readonly old: OldSeries
  readonly other: StoredSeries
}

/** A pair whose labels differ. */
export interface LabelChange extends Pair {
  /** Labels that the new side has not, has alone, has with another value. */
  readonly lost: readonly string[]
  readonly added: readonly string[]
  readonly changed: readonly string[]
  /** No other series of the old side is as near to it: samples can be compared. */
  readonly alone: boolean
}

/** A classic histogram that is a native one on the new side. */
export interface NativePair {
  readonly members: readonly OldSeries[]
  readonly other: StoredSeries
}

export interface Pairing {
  readonly pairs: readonly Pair[]
  readonly natives: readonly NativePair[]
  readonly labels: readonly LabelChange[]
  /** Series that become the same one as another does: those of another replica. */
  readonly merged: readonly OldSeries[]
  readonly missing: readonly OldSeries[]
  readonly extra: readonly StoredSeries[]
}

/** Series of one name that are compared one by one with what is left of it on the other side. */
const mostNear = 1_000_000

/** Labels that may differ in two series that are still taken for the same. */
const mostChanges = 3

interface LabelDifference {
  readonly lost: string[]
  readonly added: string[]
  readonly changed: string[]
}

function labelDifference(expected: SeriesLabels, found: SeriesLabels): LabelDifference {
  const lost = Object.keys(expected).filter((label) => found[label] === undefined)
  const added = Object.keys(found).filter((label) => expected[label] === undefined)
  const changed = Object.keys(expected).filter((label) => found[label] !== undefined && found[label] !== expected[label])
  return { lost, added, changed }
}

const isClassic = (member: number): boolean => member === Member.Bucket || member === Member.Sum || member === Member.Count

/** The labels that the native form of a member has. */
const nativeLabels = ({ labels, base }: Predicted): SeriesLabels => ({ ...withoutLabel(labels, 'le'), __name__: base })

const nameOf = (labels: SeriesLabels): string => labels['__name__'] ?? ''

function byName(series: Iterable<StoredSeries>): Map<string, StoredSeries[]> {
  const names = new Map<string, StoredSeries[]>()
  for (const one of series) {
    const name = nameOf(one.labels)
    const list = names.get(name)
    if (list === undefined) names.set(name, [one])
    else list.push(one)
  }
  return names
}

/** The nearest by labels; one changed value at most, and not nothing in common. */
function nearestSeries(labels: SeriesLabels, candidates: readonly StoredSeries[]): readonly [StoredSeries, LabelDifference] | undefined {
  let best: readonly [StoredSeries, LabelDifference] | undefined
  let least = mostChanges + 1
  for (const candidate of candidates) {
    const difference = labelDifference(labels, candidate.labels)
    const { lost, added, changed } = difference
    const far = lost.length + added.length + changed.length
    if (changed.length > 1 || far >= least) continue
    best = [candidate, difference]
    least = far
  }
  return best
}

export function pairSeries(old: readonly OldSeries[], others: readonly StoredSeries[]): Pairing {
  const free = new Map(others.map((one) => [seriesKey(one.labels), one]))
  const taken = new Set<string>()
  const pairs: Pair[] = []
  const merged: OldSeries[] = []
  const natives = new Map<string, { members: OldSeries[]; other: StoredSeries }>()
  const rest: OldSeries[] = []
  for (const one of old) {
    const key = seriesKey(one.predicted.labels)
    if (taken.has(key)) {
      merged.push(one)
      continue
    }
    taken.add(key)
    const other = free.get(key)
    if (other === undefined) rest.push(one)
    else pairs.push({ old: one, other })
  }
  for (const { other } of pairs) free.delete(seriesKey(other.labels))
  const left: OldSeries[] = []
  for (const one of rest) {
    const key = isClassic(one.predicted.member) ? seriesKey(nativeLabels(one.predicted)) : ''
    const group = natives.get(key)
    const other = group?.other ?? free.get(key)
    if (other === undefined || other.histograms.length === 0) left.push(one)
    else if (group !== undefined) group.members.push(one)
    else natives.set(key, { members: [one], other })
  }
  for (const key of natives.keys()) free.delete(key)

  const names = byName(free.values())
  const labels: Omit<LabelChange, 'alone'>[] = []
  const missing: OldSeries[] = []
  const uses = new Map<StoredSeries, number>()
  for (const one of left) {
    const candidates = names.get(one.predicted.name) ?? []
    const found = candidates.length * left.length > mostNear ? undefined : nearestSeries(one.predicted.labels, candidates)
    // A bucket that is not there is not another bucket with another bound.
    if (found === undefined || found[1].changed.includes('le')) {
      missing.push(one)
      continue
    }
    const [other, difference] = found
    uses.set(other, (uses.get(other) ?? 0) + 1)
    labels.push({ old: one, other, ...difference })
  }
  for (const other of uses.keys()) free.delete(seriesKey(other.labels))
  return {
    pairs,
    natives: [...natives.values()],
    labels: labels.map((one) => ({ ...one, alone: uses.get(one.other) === 1 })),
    merged,
    missing,
    extra: [...free.values()],
  }
}
