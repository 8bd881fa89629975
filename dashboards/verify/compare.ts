/** Two answers to what should be one question: series are paired by their labels, then numbers are compared. Section 12 of the conversion reference. */

import type { Verdict, Verified } from '../model.ts'
import type { Point, Series } from './answers.ts'

export interface CompareOptions {
  /** Old label → new label. */
  readonly labels: Readonly<Record<string, string>>
  /** New value = old value × factor. */
  readonly factor: number
  /** Largest relative error of what is the same. */
  readonly relative: number
  /** Names of series count: they are not renamed. */
  readonly named: boolean
}

export const exactly = 1e-6
/** Of quantiles out of buckets. */
export const roughly = 0.02

const absolute = 1e-9
/** Up to here two numbers are near each other. */
const nearly = 0.01
/** Share of points that one side alone has, up to which they are gaps and no difference. */
const fewGaps = 0.01

/** Labels as one text, by which series are the same. @param renames old label → new label; of new series none. @param named the name counts */
export const seriesKey = (labels: ReadonlyMap<string, string>, renames: Readonly<Record<string, string>>, named: boolean): string =>
  [...labels]
    .flatMap(([name, value]) =>
      (name === '__name__' && !named) || value === '' ? [] : [`${renames[name] ?? name}=${JSON.stringify(value)}`],
    )
    .sort()
    .join(',')

/** How far two points are from each other, as a share; 0: the same. */
export function errorOf(old: Point, next: Point, factor: number): number {
  if (typeof old === 'string' || typeof next === 'string') return old === next ? 0 : Number.POSITIVE_INFINITY
  const expected = old * factor
  if (Object.is(expected, next) || (Number.isNaN(expected) && Number.isNaN(next))) return 0
  if (!Number.isFinite(expected) || !Number.isFinite(next)) return expected === next ? 0 : Number.POSITIVE_INFINITY
  const difference = Math.abs(expected - next)
  return difference <= absolute ? 0 : difference / Math.max(Math.abs(expected), Math.abs(next))
}

interface Pairs {
  readonly pairs: readonly (readonly [Series, Series])[]
  readonly onlyOld: readonly string[]
  readonly onlyNew: readonly string[]
  /** Labels that several series of a side share. */
  readonly twice: number
}

/** Pairs series of equal labels; then those whose new one has the old one's labels and more, where there is just one. */
function pair(old: readonly Series[], next: readonly Series[], options: CompareOptions): Pairs {
  const byKey = new Map<string, Series>()
  let twice = 0
  for (const one of next) {
    const key = seriesKey(one.labels, {}, options.named)
    if (byKey.has(key)) twice++
    byKey.set(key, one)
  }
  const pairs: (readonly [Series, Series])[] = []
  const open: (readonly [string, Series])[] = []
  const seen = new Set<string>()
  for (const one of old) {
    const key = seriesKey(one.labels, options.labels, options.named)
    if (seen.has(key)) twice++
    seen.add(key)
    const found = byKey.get(key)
    if (found === undefined) open.push([key, one])
    else {
      pairs.push([one, found])
      byKey.delete(key)
    }
  }
  const onlyOld: string[] = []
  for (const [key, one] of open.slice(0, 1000)) {
    const wanted = [...one.labels].flatMap(([name, value]) => (name === '__name__' ? [] : [[options.labels[name] ?? name, value] as const]))
    const fits = [...byKey].filter(([, other]) => wanted.every(([name, value]) => value === '' || other.labels.get(name) === value))
    const [first] = fits
    if (fits.length === 1 && first !== undefined) {
      pairs.push([one, first[1]])
      byKey.delete(first[0])
    } else onlyOld.push(key)
  }
  return { pairs, onlyOld: [...onlyOld, ...open.slice(1000).map(([key]) => key)], onlyNew: [...byKey.keys()], twice }
}

const some = (keys: readonly string[]): string =>
  keys
    .slice(0, 3)
    .map((key) => `{${key.slice(0, 200)}}`)
    .join(' ') + (keys.length > 3 ? ` and ${keys.length - 3} more` : '')

/** Compares two answers. @param dropAfter points from this time on do not count: data that is late (seconds since 1970) */
export function compareSeries(
  old: readonly Series[],
  next: readonly Series[],
  options: CompareOptions,
  dropAfter = Number.POSITIVE_INFINITY,
): Verified {
  const verdict = (one: Verdict, text: string, worst?: number): Verified => ({
    verdict: one,
    text,
    ...(worst === undefined ? {} : { worst }),
  })
  const filled = (series: readonly Series[]): Series[] => series.filter(({ points }) => [...points.keys()].some((time) => time < dropAfter))
  const [before, after] = [filled(old), filled(next)]
  if (before.length === 0 && after.length === 0) return verdict('empty-both', 'neither side has anything in this window')
  if (after.length === 0) return verdict('empty-new', `the old side has ${before.length} series, the new one none`)
  if (before.length === 0) return verdict('empty-old', `the new side has ${after.length} series, the old one none`)
  const { pairs, onlyOld, onlyNew, twice } = pair(before, after, options)
  if (twice > 0) return verdict('not-run', `${twice} series cannot be told apart by their labels`)
  let worst = 0
  let where = ''
  let compared = 0
  let gaps = 0
  for (const [one, other] of pairs) {
    for (const [time, point] of one.points) {
      if (time >= dropAfter) continue
      const found = other.points.get(time)
      if (found === undefined) {
        gaps++
        continue
      }
      compared++
      const error = errorOf(point, found, options.factor)
      if (error > worst) {
        worst = error
        where = `{${seriesKey(one.labels, options.labels, options.named).slice(0, 200)}} at ${new Date(time * 1000).toISOString()}: ${point} and ${found}`
      }
    }
    for (const time of other.points.keys()) if (time < dropAfter && !one.points.has(time)) gaps++
  }
  const share = gaps / Math.max(1, gaps + compared)
  const counted = `${pairs.length} series, ${compared} points${gaps === 0 ? '' : `, ${gaps} that one side alone has`}`
  const unpaired = [
    onlyOld.length === 0 ? '' : `only old: ${some(onlyOld)}`,
    onlyNew.length === 0 ? '' : `only new: ${some(onlyNew)}`,
  ].filter((one) => one !== '')
  if (unpaired.length > 0) return verdict('different', `${counted}; ${unpaired.join('; ')}`, worst)
  if (compared === 0) return verdict('different', `${counted}: no point of time is on both sides`)
  if (worst > Math.max(nearly, options.relative)) return verdict('different', `${counted}; worst ${where}`, worst)
  if (share > fewGaps) return verdict('different', counted, worst)
  if (worst > options.relative || gaps > 0)
    return verdict('close', worst > options.relative ? `${counted}; worst ${where}` : counted, worst)
  return verdict('same', counted, worst)
}
