/** Groups that were on their way: they arrived and are forgotten, or kept for corrections (`late: reemit`), or they wait again. */

import { type AssemblerState, makeReady, type OpenEmission } from './assembler-state.ts'
import { unlinkGroup } from './family-groups.ts'
import { Force, GroupFlag, GroupState } from './group.ts'
import { soonDue } from './take-groups.ts'

/** Groups that are kept for corrections: of a family, and the part of `maxPending`; and how long. */
const mostKeptOfFamily = 16
const keptPart = 4
const keptMs = 600_000

function closeGroup(state: AssemblerState, group: number): void {
  const { families, groups } = state
  const id = groups.family[group] as number
  unlinkGroup(families, groups, id, group)
  groups.close(group)
  if (families.groups[id] === 0 && (families.refs[id] as number) <= 0) families.part(id, state.nowMs)
}

/** A correction of what was sent has come: it is sent again soon. */
export function reopenGroup(state: AssemblerState, group: number): void {
  const { groups } = state
  if (groups.kept.has(group)) {
    groups.kept.remove(group)
    state.kept--
  }
  groups.state[group] = GroupState.Waiting
  groups.flags[group] = ((groups.flags[group] as number) & (GroupFlag.Stale | GroupFlag.Grown | GroupFlag.Ready)) | GroupFlag.Again
  groups.force[group] = Force.None
  groups.tokens[group] = undefined
  state.waiting++
  soonDue(state, group)
}

/** A group was sent. */
export function settleGroup(state: AssemblerState, group: number): void {
  const { families, groups } = state
  const id = groups.family[group] as number
  const between = groups.between[group] as number
  const tokens = groups.tokens[group]
  if (tokens !== undefined) for (const token of tokens) token.open--
  state.held -= groups.received[group] as number
  families.markSent(id, groups.timeMs[group] as number)
  state.counts.late += between
  if (state.options.late !== 'reemit' || (families.groups[id] as number) > mostKeptOfFamily) {
    state.strays += between
    closeGroup(state, group)
    return
  }
  groups.received[group] = between
  groups.between[group] = 0
  groups.tokens[group] = undefined
  groups.dropExemplars(group)
  if (between > 0) {
    reopenGroup(state, group)
    return
  }
  groups.state[group] = GroupState.Sent
  groups.soonMs[group] = state.nowMs
  groups.kept.append(group)
  state.kept++
}

/** Lets go of groups that were kept for corrections long enough, or are too many. */
export function letKeptGo(state: AssemblerState): void {
  const { groups, options } = state
  for (let group = groups.kept.head; group >= 0; group = groups.kept.head) {
    if (state.kept * keptPart <= options.maxPending && (groups.soonMs[group] as number) + keptMs > state.nowMs) return
    groups.kept.remove(group)
    state.kept--
    closeGroup(state, group)
  }
}

/** What an emission counts, and the ends of its groups. */
export function commitEmission(state: AssemblerState, emission: OpenEmission): void {
  const { counts } = state
  const { complete, window, evicted, shutdown } = emission.emitted
  counts.emitted.complete += complete
  counts.emitted.window += window
  counts.emitted.evicted += evicted
  counts.emitted.shutdown += shutdown
  for (const [missing, count] of emission.missing) counts.incomplete[missing] = (counts.incomplete[missing] ?? 0) + count
  counts.partial += emission.partial
  counts.nonmonotonic += emission.nonmonotonic
  counts.shadowed += emission.shadowed
  counts.late += emission.late - emission.strays
  state.held -= emission.strays
  for (const group of emission.groups) settleGroup(state, group)
}

/** Its groups wait as if they had not been taken, with what came in between, and are due. */
export function rollBackEmission(state: AssemblerState, emission: OpenEmission): void {
  const { groups } = state
  state.strays += emission.strays
  state.waiting += emission.groups.length
  for (const group of emission.groups) {
    groups.state[group] = GroupState.Waiting
    groups.received[group] = (groups.received[group] as number) + (groups.between[group] as number)
    groups.between[group] = 0
    groups.set(group, GroupFlag.Returned)
    makeReady(state, group)
  }
}
