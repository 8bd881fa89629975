/** What a family is when no metadata says so: rules h2 to h5 of section 4 of the mapping. */

import { FamilyKind, Member } from './assembler.ts'
import { type AssemblerState, decide } from './assembler-state.ts'
import { Trait } from './families.ts'
import { GroupState } from './group.ts'

/** Groups of a family that is looked at once more before `_sum` or `_count` alone is a gauge again. */
const trials = 3

const loneTrait = (member: number): number => (member === Member.Sum ? Trait.LoneSum : Trait.LoneCount)

/**
 * A member came that does not go with what its family is. Returns false when it stays so: the member is a gauge by itself.
 * @param timeMs a gauge that was sent at this time does not become anything else because of what belongs to it
 */
export function reconsider(state: AssemblerState, id: number, member: number, timeMs: number): boolean {
  const { families } = state
  const kind = families.kind[id]
  if (kind === FamilyKind.Gauges) {
    if (families.has(id, Trait.Broken) || families.given[id] === FamilyKind.Gauges) return false
    if (member === Member.Sum || member === Member.Count) {
      // What was sent as a gauge at this time has no use for its other half.
      if (families.has(id, loneTrait(member)) || families.wasSent(id, timeMs)) return false
      families.set(id, loneTrait(member))
      families.trials[id] = trials
      decide(state, id, FamilyKind.Unknown, 'pair')
      return true
    }
  }
  const undecided = kind === FamilyKind.Unknown || kind === FamilyKind.Gauges
  if (member === Member.Quantile) {
    if (!undecided) return false
    families.set(id, Trait.Quantiles)
    decide(state, id, FamilyKind.Summary, 'quantile')
    return true
  }
  // A summary without quantiles that nobody declared to be one was a guess.
  const guessed = kind === FamilyKind.Summary && families.given[id] === FamilyKind.Unknown && !families.has(id, Trait.Quantiles)
  if (!undecided && !guessed) return false
  decide(state, id, FamilyKind.Histogram, 'bucket')
  return true
}

/** True when another group of the family waits in which a member is that this one lacks. */
function othersHave(state: AssemblerState, id: number, group: number, slotAfterBounds: number): boolean {
  const { families, groups } = state
  for (let one = families.first[id] as number; one >= 0; one = groups.next[one] as number) {
    if (one === group || groups.state[one] !== GroupState.Waiting) continue
    const layout = groups.layouts[one]
    if (layout !== undefined && !groups.slots.isEmpty((groups.base[one] as number) + layout.size + slotAfterBounds)) return true
  }
  return false
}

const countSlot = 1
const sumSlot = 2

/** A group of a family of which nothing is known has to be sent: decides what the family is (h3, h4). @param final false: the window is not over */
export function decideByGroup(state: AssemblerState, group: number, final: boolean): void {
  const { families, groups } = state
  const id = groups.family[group] as number
  const layout = groups.layouts[group]
  if (layout === undefined) return
  const base = (groups.base[group] as number) + layout.size
  const hasCount = !groups.slots.isEmpty(base + countSlot)
  const hasSum = !groups.slots.isEmpty(base + sumSlot)
  if (hasCount && hasSum) {
    decide(state, id, FamilyKind.Summary, 'pair')
    return
  }
  if (!final || othersHave(state, id, group, hasCount ? sumSlot : countSlot)) return
  const left = families.trials[id] as number
  if (left > 1) {
    families.trials[id] = left - 1
    return
  }
  families.set(id, hasCount ? Trait.LoneCount : Trait.LoneSum)
  decide(state, id, FamilyKind.Gauges, 'lone')
}
