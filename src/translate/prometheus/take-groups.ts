/** Which groups are sent, and in what order: sections 5.2 and 5.5 of the mapping. */

import type { MetricPoints } from '../../otlp/metrics.ts'
import { FamilyKind } from './assembler.ts'
import { type AssemblerState, makeReady, mostSlots, type OpenEmission, type Outlet } from './assembler-state.ts'
import { sendGroup } from './emit-group.ts'
import { Force, GroupFlag, GroupState } from './group.ts'
import type { Layout } from './layout.ts'
import { learnFrom } from './learn.ts'

/** Groups that become due by time are marked so many at once: after a start all windows end within the same moment. */
const mostTimed = 10_000

/** Groups of one family that may wait; the oldest times go when there are more. */
export const mostTimes = 1024

/** A native histogram counts for so many seconds. */
const nativeSeconds = 600

/** True when native histograms of a family have come lately. */
export function isShadowed(state: AssemblerState, id: number): boolean {
  const seen = state.families.nativeAt[id] as number
  return seen !== 0 && state.nowMs / 1000 - (seen - 1) < nativeSeconds
}

export const createEmission = (turn: number, strays: number): OpenEmission => ({
  samples: strays,
  points: 0,
  incomplete: 0,
  late: strays,
  shadowed: 0,
  stale: 0,
  strays,
  groups: [],
  turn,
  emitted: { complete: 0, window: 0, evicted: 0, shutdown: 0 },
  missing: new Map(),
  partial: 0,
  nonmonotonic: 0,
  settled: false,
})

/** Marks the groups whose time has come. @param all: that of all has come */
export function markDue(state: AssemblerState, all: boolean): void {
  const { groups, nowMs, options } = state
  const { aging, soon } = groups
  let left = mostTimed
  for (let group = aging.head; group >= 0 && left > 0; group = aging.head) {
    const isOver = (groups.firstMs[group] as number) + options.windowMs <= nowMs
    if (!isOver && !all) break
    force(state, group, isOver ? Force.Window : Force.Shutdown)
    left--
  }
  for (let group = soon.head; group >= 0 && left > 0; group = soon.head) {
    const isDue = (groups.soonMs[group] as number) <= nowMs
    if (!isDue && !all) break
    force(state, group, isDue ? Force.Window : Force.Shutdown)
    left--
  }
}

/** A group is sent by the next take, complete or not. */
export function force(state: AssemblerState, group: number, why: number): void {
  const { groups } = state
  groups.aging.remove(group)
  groups.soon.remove(group)
  if (groups.force[group] === Force.None) groups.force[group] = why
  makeReady(state, group)
}

/** Sends what may be sent of all families that have to be looked at. */
export function takeReady(state: AssemblerState, points: MetricPoints, emission: OpenEmission, all: boolean): void {
  const { ready, families, groups } = state
  const outlet: Outlet = { points, emission }
  // What becomes ready by what is learnt meanwhile waits for the next take.
  const count = ready.length
  for (let i = 0; i < count; i++) {
    const group = ready[i] as number
    groups.clear(group, GroupFlag.Ready)
    if (groups.state[group] !== GroupState.Waiting) continue
    const id = groups.family[group] as number
    if (families.looked[id] === emission.turn) continue
    families.looked[id] = emission.turn
    lookThrough(state, id, outlet, all)
  }
  if (count === ready.length) ready.length = 0
  else ready.splice(0, count)
}

/** Goes through the groups of a family in order of time. */
function lookThrough(state: AssemblerState, id: number, outlet: Outlet, all: boolean): void {
  const { families, groups, options } = state
  let surplus = (families.groups[id] as number) - mostTimes
  let blocked = -1
  /** When the first of those came that are passed over although they are older. */
  let blockerMs = Number.POSITIVE_INFINITY
  for (let group = families.first[id] as number; group >= 0; group = groups.next[group] as number) {
    if (groups.state[group] !== GroupState.Waiting) continue
    const layout = families.layouts[id] as Layout
    const isStuck = groups.layouts[group] !== layout && groups.slots.used >= 2 * mostSlots(options)
    if (!isStuck) groups.rebase(group, layout)
    if ((surplus-- > 0 || isStuck) && groups.force[group] === Force.None) groups.force[group] = Force.Evicted
    const forced = groups.force[group] as number
    const kind = families.kind[id]
    const isComplete = groups.isComplete(group) && kind !== FamilyKind.Unknown
    const isFree = kind === FamilyKind.Gauges || forced > Force.Window || all || groups.is(group, GroupFlag.Returned)
    if (groups.is(group, GroupFlag.Again)) {
      if (forced !== Force.None || isFree) send(state, group, outlet)
      continue
    }
    if (isComplete && (groups.timeMs[group] as number) > (families.completeMs[id] as number)) {
      families.completeMs[id] = groups.timeMs[group] as number
    }
    if (isFree || (blockerMs === Number.POSITIVE_INFINITY && (isComplete || forced !== Force.None))) send(state, group, outlet)
    else if (forced === Force.Window) {
      // What came when its window was over is not waited for: that would have no end.
      if (blockerMs > (groups.firstMs[group] as number) + options.windowMs) send(state, group, outlet)
    } else if (isComplete) blocked = group
    else blockerMs = Math.min(blockerMs, groups.firstMs[group] as number)
  }
  if (blocked >= 0) hasten(state, id, blocked)
}

/** A group is complete: older ones have `reorder` left. */
function hasten(state: AssemblerState, id: number, before: number): void {
  const { families, groups } = state
  for (let group = families.first[id] as number; group !== before && group >= 0; group = groups.next[group] as number) {
    if (groups.state[group] === GroupState.Waiting && groups.force[group] === Force.None && !groups.isComplete(group)) soonDue(state, group)
  }
}

/** A group is due when `reorder` has passed, if it is not before. */
export function soonDue({ groups, nowMs, options }: AssemblerState, group: number): void {
  if (groups.soon.has(group)) return
  groups.soonMs[group] = nowMs + options.reorderMs
  groups.soon.append(group)
}

function send(state: AssemblerState, group: number, outlet: Outlet): void {
  const { families, groups } = state
  const { emission } = outlet
  const id = groups.family[group] as number
  const forced = groups.force[group] as number
  groups.state[group] = GroupState.Out
  groups.aging.remove(group)
  groups.soon.remove(group)
  emission.groups.push(group)
  emission.samples += groups.received[group] as number
  if (isShadowed(state, id)) {
    emission.shadowed += groups.received[group] as number
    return
  }
  const before = emission.points
  const isComplete = groups.isComplete(group)
  sendGroup(state, group, outlet, forced <= Force.Window)
  if (emission.points > before) {
    if (isComplete) emission.emitted.complete++
    else if (forced === Force.Evicted) emission.emitted.evicted++
    else if (forced === Force.Shutdown) emission.emitted.shutdown++
    else emission.emitted.window++
  }
  const kind = families.kind[id]
  const isKnown = kind === FamilyKind.Histogram || kind === FamilyKind.Summary
  const isLate = groups.is(group, GroupFlag.Doubtful) && !isComplete
  if (isKnown && !isLate) learnFrom(state, group)
}
