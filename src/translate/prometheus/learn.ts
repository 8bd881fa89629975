/** What the layout of a family learns from its groups: section 5.2 of the mapping. */

import { Member } from './assembler.ts'
import { type AssemblerState, setLayout } from './assembler-state.ts'
import { Trait } from './families.ts'
import { GroupFlag } from './group.ts'
import { Has, type Layout, maxBounds } from './layout.ts'
import { staleHi, staleLo } from './model.ts'

/** Groups in a row that lack a member before it is expected no longer. */
const missesToForget = 3

/** Bits of {@link Has} in the order of their slots. */
const lastSlots = [Has.Inf, Has.Count, Has.Sum]

const ascending = (left: number, right: number): number => left - right

/** Counts a miss. Returns true when it is the one too many. */
function isGivenUp(misses: Map<number | string, number>, member: number | string): boolean {
  const count = (misses.get(member) ?? 0) + 1
  misses.set(member, count)
  return count >= missesToForget
}

/** A group is sent: its family's layout grows by what was new in it, shrinks by what went stale or has been missing for long. */
export function learnFrom(state: AssemblerState, group: number): void {
  const { families, groups, layouts } = state
  if (groups.is(group, GroupFlag.Learnt)) return
  groups.set(group, GroupFlag.Learnt)
  // They may come back as they were.
  if (groups.isEnd(group)) return
  const id = groups.family[group] as number
  if (groups.isComplete(group) && !groups.is(group, GroupFlag.Stale)) {
    if (families.has(id, Trait.Streaks)) {
      families.clear(id, Trait.Streaks)
      families.streaks.delete(id)
    }
    return
  }
  const layout = groups.layouts[group] as Layout
  const { slots } = groups
  const base = groups.base[group] as number
  const misses = families.streaks.get(id) ?? new Map<number | string, number>()
  const isStale = (slot: number): boolean => slots.isStale(base + slot)
  const stays = (slot: number, member: number | string, wanted: boolean): boolean => {
    if (slots.isEmpty(base + slot)) return wanted && !isGivenUp(misses, member)
    misses.delete(member)
    return !isStale(slot)
  }
  const bounds: number[] = []
  for (let slot = 0; slot < layout.size; slot++) {
    const bound = layout.bounds[slot] as number
    if (stays(slot, bound, true)) bounds.push(bound)
    else misses.delete(bound)
  }
  let has = 0
  lastSlots.forEach((bit, i) => {
    if (stays(layout.size + i, `${bit}`, (layout.has & bit) !== 0)) has |= bit
    else misses.delete(`${bit}`)
  })
  const extra = groups.extras[group]
  extra?.bounds.forEach((bound, i) => {
    if (extra.words[2 * i] !== staleHi || extra.words[2 * i + 1] !== staleLo) bounds.push(bound)
  })
  if (misses.size > 0) {
    families.streaks.set(id, misses)
    families.set(id, Trait.Streaks)
  } else if (families.streaks.delete(id)) families.clear(id, Trait.Streaks)
  bounds.sort(ascending)
  setLayout(state, id, bounds.length === 0 && has === 0 ? layouts.none : layouts.of(bounds, has))
}

/** Members that came too late, by family: what the layouts did not know of. */
export interface Lesson {
  readonly bounds: Set<number>
  has: number
}

/** A late member may be one that its layout lacks, so that groups are thought complete without it. */
export function noteLate(state: AssemblerState, lessons: Map<number, Lesson>, id: number, member: number, bound: number): void {
  const layout = state.families.layouts[id] as Layout
  if (layout.wanted < 0) return
  const bit = member === Member.Sum ? Has.Sum : member === Member.Count ? Has.Count : bound === Number.POSITIVE_INFINITY ? Has.Inf : 0
  if (bit === 0 ? layout.slotOf(bound, 0) >= 0 : (layout.has & bit) !== 0) return
  let lesson = lessons.get(id)
  if (lesson === undefined) lessons.set(id, (lesson = { bounds: new Set(), has: 0 }))
  if (bit !== 0) lesson.has |= bit
  else if (lesson.bounds.size + layout.size < maxBounds) lesson.bounds.add(bound)
}

/** Lets the layouts have what was noted. */
export function learnLessons(state: AssemblerState, lessons: Map<number, Lesson>): void {
  for (const [id, { bounds, has }] of lessons) {
    const layout = state.families.layouts[id] as Layout
    if (layout.wanted < 0) continue
    const all = new Set([...layout.bounds, ...bounds])
    if (all.size <= maxBounds) setLayout(state, id, state.layouts.of([...all].sort(ascending), layout.has | has))
  }
  lessons.clear()
}
