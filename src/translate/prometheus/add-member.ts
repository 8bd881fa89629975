/** Samples on their way into groups. */

import { type Assembler, FamilyKind, Member, type MemberResult } from './assembler.ts'
import { type AssemblerState, lookAt, makeReady, mostSlots } from './assembler-state.ts'
import { Trait } from './families.ts'
import { findGroup, linkGroup } from './family-groups.ts'
import { Force, GroupFlag, GroupState } from './group.ts'
import { reconsider } from './kinds.ts'
import type { Layout } from './layout.ts'
import { type Lesson, noteLate } from './learn.ts'
import { staleHi, staleLo } from './model.ts'
import { reopenGroup } from './settle-groups.ts'
import { force, isShadowed, mostTimes, soonDue } from './take-groups.ts'

/** Times of one family that one request may bring at once: they are found one after the other. */
const mostTimesAtOnce = 4 * mostTimes

/** The group of a family at a time; −1: there is none. */
export function groupAt({ families, groups }: AssemblerState, id: number, timeMs: number): number {
  const hint = families.hint[id] as number
  return hint >= 0 && groups.timeMs[hint] === timeMs ? hint : findGroup(families, groups, id, timeMs)
}

/**
 * Creates the assembler's `add`.
 * @param tick moves the assembler's time
 * @param lessons takes what late members teach
 */
export function createAdd(state: AssemblerState, tick: (nowMs: number) => void, lessons: Map<number, Lesson>): Assembler['add'] {
  const { families, groups, options } = state
  const { maxPending } = options
  const maxSlots = mostSlots(options)
  const reemits = options.late === 'reemit'

  /** A new group; or why there is none. */
  const open = (id: number, member: number, bound: number, timeMs: number, nowMs: number): number | MemberResult => {
    tick(nowMs)
    if (families.wasSent(id, timeMs)) {
      state.counts.late++
      noteLate(state, lessons, id, member, bound)
      return 'late'
    }
    const times = families.groups[id] as number
    if (times >= mostTimesAtOnce) return 'refused'
    // More than there is ever room for: to be told to come back would be for ever.
    if (state.opened >= 2 * maxPending || state.openedSlots >= 2 * maxSlots) return 'refused'
    const { slots } = groups
    if (groups.live - state.kept >= 2 * maxPending || slots.used >= 2 * maxSlots) return 'full'
    const isCrowded = state.waiting >= maxPending || slots.used >= maxSlots
    if (isCrowded && groups.aging.head >= 0) force(state, groups.aging.head, Force.Evicted)
    const before = slots.used
    const group = groups.open(id, timeMs, state.nowMs, families.layouts[id] as Layout)
    state.opened++
    state.openedSlots += slots.used - before
    groups.born[group] = state.turn
    state.waiting++
    linkGroup(families, groups, id, group)
    groups.aging.append(group)
    if (families.isBeyondMemory(id, timeMs)) groups.set(group, GroupFlag.Doubtful)
    if (timeMs < (families.completeMs[id] as number)) soonDue(state, group)
    if (times >= mostTimes) lookAt(state, id)
    return group
  }

  /** Writes a value into its group. */
  const place = (group: number, member: number, bound: number, hi: number, lo: number, startMs: number): MemberResult => {
    const layout = groups.layouts[group] as Layout
    let slot: number
    if (member === Member.Sum) slot = layout.size + 2
    else if (member === Member.Count) slot = layout.size + 1
    else if (bound === Number.POSITIVE_INFINITY) slot = layout.size
    else {
      slot = layout.slotOf(bound, groups.cursor[group] as number)
      groups.cursor[group] = slot + 1
    }
    const where = groups.state[group]
    if (where === GroupState.Sent) {
      state.counts.late++
      if (slot >= 0 && groups.slots.holds((groups.base[group] as number) + slot, hi, lo)) return 'late'
      reopenGroup(state, group)
    } else if (reemits && groups.is(group, GroupFlag.Again)) state.counts.late++
    if (slot < 0) {
      if (!groups.putExtra(group, bound, hi, lo)) return 'refused'
      if (member === Member.Quantile) families.set(groups.family[group] as number, Trait.Quantiles)
    } else if (groups.put(group, slot, hi, lo) && where === GroupState.Waiting) makeReady(state, group)
    if (hi === staleHi && lo === staleLo) groups.set(group, GroupFlag.Stale)
    if (startMs > 0) {
      const start = groups.startMs[group] as number
      if (start === 0 || startMs < start) groups.startMs[group] = startMs
    }
    if (where === GroupState.Out) groups.between[group] = (groups.between[group] as number) + 1
    else groups.received[group] = (groups.received[group] as number) + 1
    state.held++
    return 'held'
  }

  return (id, member, bound, timeMs, valueHi, valueLo, startMs, nowMs) => {
    const kind = families.kind[id]
    if (
      (member === Member.Bucket && kind !== FamilyKind.Histogram) ||
      (member === Member.Quantile && kind !== FamilyKind.Summary) ||
      kind === FamilyKind.Gauges
    ) {
      if (!reconsider(state, id, member, timeMs)) return 'gauge'
    }
    if (families.nativeAt[id] !== 0) {
      tick(nowMs)
      if (isShadowed(state, id)) {
        state.counts.shadowed++
        return 'shadowed'
      }
    }
    if (member === Member.Bucket ? !(bound > Number.NEGATIVE_INFINITY) : member === Member.Quantile && !Number.isFinite(bound))
      return 'refused'
    let group = groupAt(state, id, timeMs)
    if (group < 0) {
      const made = open(id, member, bound, timeMs, nowMs)
      if (typeof made !== 'number') return made
      group = made
    }
    families.hint[id] = group
    return place(group, member, bound, valueHi, valueLo, startMs)
  }
}
