/** The members of a group as points of their own: of families that are none, and of groups that lack what a point needs (`incomplete: passthrough`). */

import { withAttribute } from '../../otlp/encode/metric-parts.ts'
import { noRecordedValue } from '../../otlp/metrics.ts'
import { toDouble } from '../../otlp/time.ts'
import { type FamilyOutput, Member } from './assembler.ts'
import type { AssemblerState, Outlet } from './assembler-state.ts'
import { Trait } from './families.ts'
import type { Layout } from './layout.ts'
import { staleHi, staleLo } from './model.ts'
import { pointTimes } from './point-times.ts'
import { hiWord, loWord } from './slots.ts'

/** The text of a bound, as a label has it. */
export const boundText = (bound: number): string => (bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound))

/** Members behind the bounds, by slot. */
const lastMembers = [Member.Bucket, Member.Count, Member.Sum]

/**
 * One point for each member that is there; stale ones without a value. Exemplars go to the bucket that their value is in.
 * @param as sum: cumulative, but for quantiles, which are none
 */
export function sendMembers(state: AssemblerState, group: number, outlet: Outlet, output: FamilyOutput, as: 'gauge' | 'sum'): void {
  const { families, groups } = state
  const { points, emission } = outlet
  const { slots } = groups
  const hasQuantiles = families.has(groups.family[group] as number, Trait.Quantiles)
  const { attributes } = output
  const length = output.attributesEnd - output.attributesStart
  const list = new Uint8Array(attributes.buffer, attributes.byteOffset + output.attributesStart, length)
  const exemplars = groups.exemplars[group]
  const bucketPoints: { readonly bound: number; readonly at: number }[] = []

  const send = (member: number, bound: number, hi: number, lo: number): void => {
    const at = points.add(output.resource, output.scope, output.memberMetric(member, member === Member.Quantile ? 'gauge' : as), undefined)
    pointTimes(groups, group, points, at)
    if (member === Member.Bucket || member === Member.Quantile) {
      const own = withAttribute(list, member === Member.Bucket ? 'le' : 'quantile', boundText(bound))
      points.attributes[at] = new DataView(own.buffer, own.byteOffset, own.length)
      points.attributesEnd[at] = own.length
      if (member === Member.Bucket) bucketPoints.push({ bound, at })
    } else {
      points.attributes[at] = attributes
      points.attributesStart[at] = output.attributesStart
      points.attributesEnd[at] = output.attributesEnd
    }
    if (hi === staleHi && lo === staleLo) points.flags[at] = noRecordedValue
    else {
      points.valueHi[at] = hi
      points.valueLo[at] = lo
    }
    emission.points++
  }

  const layout = groups.layouts[group] as Layout
  const base = groups.base[group] as number
  const bounded = hasQuantiles ? Member.Quantile : Member.Bucket
  for (let slot = 0; slot < layout.slots; slot++) {
    const at = base + slot
    if (slots.isEmpty(at)) continue
    const isBound = slot < layout.size
    const bound = isBound ? (layout.bounds[slot] as number) : Number.POSITIVE_INFINITY
    const member = isBound ? bounded : (lastMembers[slot - layout.size] as number)
    send(member, bound, slots.words[2 * at + hiWord] as number, slots.words[2 * at + loWord] as number)
  }
  const extra = groups.extras[group]
  extra?.bounds.forEach((bound, i) => {
    send(bounded, bound, extra.words[2 * i] as number, extra.words[2 * i + 1] as number)
  })
  if (exemplars === undefined) return
  bucketPoints.sort((left, right) => left.bound - right.bound)
  for (const exemplar of exemplars) {
    const value = toDouble(exemplar.valueHi, exemplar.valueLo)
    const found = bucketPoints.find(({ bound }) => value <= bound)
    if (found !== undefined) points.exemplars[found.at] = [...(points.exemplars[found.at] ?? []), exemplar]
  }
}
