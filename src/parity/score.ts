/** From counts and samples to the number that is called parity (cutover 3.7). */

import { type Counts, type Difference, type KeyResult, type Samples, type Verdict, wholeItem } from './model.ts'

const z95 = 1.959964

/** Wilson's 95 % lower bound of a part of `total`, so that 5 of 5 is not sold as certainty; 0 without any. */
export function lowerBound(good: number, total: number): number {
  if (total <= 0) return 0
  const part = good / total
  const z2 = z95 * z95
  const middle = part + z2 / (2 * total)
  const spread = z95 * Math.sqrt((part * (1 - part) + z2 / (4 * total)) / total)
  return Math.max(0, (middle - spread) / (1 + z2 / total))
}

const sumOf = (differences: readonly Difference[], fits: (one: Difference) => boolean): number =>
  differences.filter(fits).reduce((sum, { count }) => sum + count, 0)

/** Part of the items that both sides have, after explanations. A gap between the counts that no difference tells of counts, too. */
export function countScore(counts: Counts, differences: readonly Difference[]): number {
  const total = Math.max(counts.expected, counts.distinctOld, counts.distinctNew)
  if (total === 0) return 1
  const whole = differences.filter(({ path }) => path === wholeItem)
  const told = sumOf(whole, (one) => one.class === 'unexplained')
  const explained = (kind: string): number => sumOf(whole, (one) => one.class !== 'unexplained' && one.kind === kind)
  const gapNew = counts.expected - counts.distinctNew - explained('missing_new')
  const gapOld = counts.expected - counts.distinctOld - explained('missing_old')
  return Math.max(0, 1 - Math.max(told, gapNew, gapOld) / total)
}

/** Part of the sample that is equal or explained; 1 without a sample. */
const sampleScore = ({ asked, unexplained }: Pick<Samples, 'asked' | 'unexplained'>): number => (asked === 0 ? 1 : 1 - unexplained / asked)

export interface Score {
  readonly parity: number
  readonly samples: Samples
  readonly verdict: Verdict
  readonly why: string
}

/** @param differences of the result, after `--accept` and `--deny` */
export function scoreOf(result: KeyResult, differences: readonly Difference[]): Score {
  const { counts, unjudged } = result
  const faults = differences.filter((one) => one.class === 'unexplained')
  const before = result.differences.filter((one) => one.class === 'unexplained' && one.path !== wholeItem)
  const inSample = faults.filter((one) => one.path !== wholeItem)
  // What was accepted or denied after the comparison moves samples with it; which of them is no longer known.
  const { asked, equal } = result.samples
  let { explained, unexplained } = result.samples
  if (before.length > 0 && inSample.length === 0) [explained, unexplained] = [explained + unexplained, 0]
  else if (before.length < inSample.length) {
    const more = Math.min(explained, Math.max(0, ...inSample.map(({ count }) => count)) - unexplained)
    if (more > 0) [explained, unexplained] = [explained - more, unexplained + more]
  }
  const samples: Samples = { ...result.samples, explained, unexplained, lowerBound: lowerBound(equal + explained, asked) }
  const parity = Math.min(countScore(counts, differences), sampleScore(samples))
  // What is said of all spans, not of the sample (copies, ids), is no part of either score and is a fault all the same.
  const worst =
    faults.length > 0 && parity === 1 ? Math.max(0, 1 - Math.max(...faults.map(({ count, of }) => count / Math.max(of, 1)))) : parity
  if (unjudged !== '') return { parity: worst, samples, verdict: 'unjudged', why: unjudged }
  if (worst < 1) return { parity: worst, samples, verdict: 'different', why: faults[0]?.text ?? 'the counts differ' }
  if (differences.length > 0) return { parity: worst, samples, verdict: 'explained', why: differences[0]?.text ?? '' }
  return { parity: worst, samples, verdict: 'equal', why: '' }
}
