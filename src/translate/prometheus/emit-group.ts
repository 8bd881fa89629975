/** Groups → points: what a partial set of members gives, what a stale one. Section 5.3 of the mapping. */

import { noRecordedValue, type PointBody } from '../../otlp/metrics.ts'
import { FamilyKind, type FamilyOutput } from './assembler.ts'
import { type AssemblerState, countMissing, decide, type Outlet } from './assembler-state.ts'
import { sendMembers } from './emit-members.ts'
import { inBuckets } from './exemplars.ts'
import { Trait } from './families.ts'
import { createGathered, gather } from './gather.ts'
import { GroupFlag } from './group.ts'
import { type Counted, countBuckets, isCount } from './histogram-body.ts'
import { decideByGroup } from './kinds.ts'
import { Has, type Layout } from './layout.ts'
import { pointTimes } from './point-times.ts'
import { hiWord, loWord } from './slots.ts'

const noBounds = new Float64Array(0)

/** The group at hand. */
const members = createGathered()
const counted: Counted = { count: 0, counts: [], raised: 0 }

/** Sends what there is of a group that is on its way out. @param final false: it goes before its time, so that nothing is concluded from what is not there */
export function sendGroup(state: AssemblerState, group: number, outlet: Outlet, final: boolean): void {
  const { families, groups } = state
  const { emission } = outlet
  const id = groups.family[group] as number
  const received = groups.received[group] as number
  if (groups.is(group, GroupFlag.Doubtful) && !groups.isComplete(group)) {
    emission.late += received
    return
  }
  const output = families.outputs[id]
  if (output === undefined) {
    emission.incomplete += received
    return
  }
  if (families.kind[id] === FamilyKind.Unknown) decideByGroup(state, group, final)
  const kind = families.kind[id]
  if (kind !== FamilyKind.Histogram && kind !== FamilyKind.Summary) {
    sendMembers(state, group, outlet, output, 'gauge')
    return
  }
  if (groups.isEnd(group)) {
    sendEnd(state, group, outlet, output, kind)
    return
  }
  gather(groups, group, members)
  if (!areCounts(kind)) {
    families.set(id, Trait.Broken)
    decide(state, id, FamilyKind.Gauges, 'fraction')
    sendMembers(state, group, outlet, output, 'gauge')
    return
  }
  if (members.size === 0 && !members.hasCount && !members.hasInf && !members.hasSum) {
    // Nothing but stale buckets: they shrink the layout.
    emission.stale += received
    return
  }
  const lacks = noteMissing(state, group, outlet, kind)
  if (!members.hasCount && !members.hasInf) {
    if (state.options.incomplete === 'passthrough') sendMembers(state, group, outlet, output, 'sum')
    else emission.incomplete += received
  } else if (lacks && state.options.incomplete === 'drop') emission.incomplete += received
  else addPoint(state, group, outlet, output, kind, kind === FamilyKind.Histogram ? histogramBody(state, outlet) : summaryBody(state))
}

/** Whether all that must be numbers of observations are. */
function areCounts(kind: number): boolean {
  if (members.hasCount && !isCount(members.count)) return false
  if (kind === FamilyKind.Summary) return true
  if (members.hasInf && !isCount(members.inf)) return false
  const { values, size } = members
  for (let i = 0; i < size; i++) if (!isCount(values[i] as number)) return false
  return true
}

/** Counts what the group lacks. Returns true when it lacks something that its layout has. */
function noteMissing({ groups }: AssemblerState, group: number, { emission }: Outlet, kind: number): boolean {
  if (groups.isComplete(group)) return false
  const layout = groups.layouts[group] as Layout
  const has = (bit: number): boolean => (layout.has & bit) !== 0
  const base = groups.base[group] as number
  let bounds = 0
  for (let slot = 0; slot < layout.size; slot++) if (groups.slots.isEmpty(base + slot)) bounds++
  const noCount = !members.hasCount && (has(Has.Count) || !members.hasInf)
  const noInf = has(Has.Inf) && !members.hasInf
  const noSum = has(Has.Sum) && !members.hasSum
  if (noCount) countMissing(emission, 'count')
  if (noInf) countMissing(emission, 'inf')
  if (noSum) countMissing(emission, 'sum')
  if (bounds > 0) countMissing(emission, kind === FamilyKind.Summary ? 'quantile' : 'bucket')
  const lacks = bounds > 0 || noSum || (!members.hasCount && !members.hasInf) || (noCount && has(Has.Count)) || noInf
  if (lacks && layout.wanted >= 0) emission.partial++
  return lacks
}

function histogramBody({ groups }: AssemblerState, { emission }: Outlet): PointBody {
  const { size, values, hasInf, inf, hasCount, count, hasSum, sumSlot } = members
  const total = !hasInf ? count : hasCount && count > inf ? count : inf
  countBuckets(values, size, total, size > 0 || hasInf, counted)
  emission.nonmonotonic += counted.raised
  const sumWords = groups.slots.words
  return {
    kind: 'explicit',
    count: counted.count,
    hasSum,
    sumHi: hasSum ? (sumWords[2 * sumSlot + hiWord] as number) : 0,
    sumLo: hasSum ? (sumWords[2 * sumSlot + loWord] as number) : 0,
    bounds: boundsOfPoint(),
    counts: counted.counts,
  }
}

function summaryBody({ groups }: AssemblerState): PointBody {
  const { size, values, count, hasSum, sumSlot } = members
  const sum = hasSum ? (groups.slots.doubles[sumSlot] as number) : 0
  const large = count > Number.MAX_SAFE_INTEGER
  return { kind: 'summary', count: large ? BigInt(count) : count, sum, quantiles: boundsOfPoint(), values: values.slice(0, size) }
}

const boundsOfPoint = (): Float64Array =>
  members.isWhole ? members.bounds : members.size === 0 ? noBounds : members.bounds.slice(0, members.size)

/** The one point of a group that has ended: its shape with zeros, so that who makes series of it again can end each of them. */
function sendEnd(state: AssemblerState, group: number, outlet: Outlet, output: FamilyOutput, kind: number): void {
  const { groups } = state
  if (state.options.stale === 'drop') {
    outlet.emission.stale += groups.received[group] as number
    return
  }
  const layout = groups.layouts[group] as Layout
  const more = groups.extras[group]?.bounds
  const bounds = more === undefined ? layout.bounds : Float64Array.from([...layout.bounds, ...more]).sort()
  const size = bounds.length
  const hasInf = (layout.has & Has.Inf) !== 0 || !groups.slots.isEmpty((groups.base[group] as number) + layout.size)
  const zeros = (count: number): number[] => new Array<number>(count).fill(0)
  const body: PointBody =
    kind === FamilyKind.Summary
      ? { kind: 'summary', count: 0, sum: 0, quantiles: bounds, values: zeros(size) }
      : { kind: 'explicit', count: 0, hasSum: false, sumHi: 0, sumLo: 0, bounds, counts: zeros(size > 0 || hasInf ? size + 1 : 0) }
  outlet.points.flags[addPoint(state, group, outlet, output, kind, body)] = noRecordedValue
}

/** The point of a whole group. Returns its place. */
function addPoint(state: AssemblerState, group: number, outlet: Outlet, output: FamilyOutput, kind: number, body: PointBody): number {
  const { groups } = state
  const { points, emission } = outlet
  const at = points.add(output.resource, output.scope, output.metric(kind), body)
  points.attributes[at] = output.attributes
  points.attributesStart[at] = output.attributesStart
  points.attributesEnd[at] = output.attributesEnd
  pointTimes(groups, group, points, at)
  const exemplars = groups.exemplars[group]
  if (exemplars !== undefined && body.kind === 'explicit') points.exemplars[at] = inBuckets(exemplars, body.bounds)
  emission.points++
  return at
}
