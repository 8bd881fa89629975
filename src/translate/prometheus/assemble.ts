/**
 * Classic histograms and summaries put together from series that come one by one: section 5 of the mapping. Pure: time is an argument.
 *
 *     add ──► group of a family and a time ──► complete, or due ──► take ──► emission ──► commit: forgotten, but for its time
 *                     ▲                                                        │
 *                     └───────────────────────── rollback ─────────────────────┘
 */

import { type AssembleOptions, type Assembler, type AssemblerCounts, FamilyKind, Member, type MemberResult } from './assembler.ts'
import { type AssemblerState, lookAt, makeReady, type OpenEmission, setKind } from './assembler-state.ts'
import { sameExemplar } from './exemplars.ts'
import { Families, Trait } from './families.ts'
import { findGroup, linkGroup, newestGroup, unlinkGroup } from './family-groups.ts'
import { Force, GroupFlag, GroupState, Groups } from './group.ts'
import { reconsider } from './kinds.ts'
import { createLayouts, type Layout } from './layout.ts'
import { type Lesson, learnLessons, noteLate } from './learn.ts'
import { staleHi, staleLo } from './model.ts'
import { loadLayouts, saveLayouts } from './saved-layouts.ts'
import { createEmission, force, isShadowed, markDue, mostTimes, soonDue, takeReady } from './take-groups.ts'

export type { AssembleOptions, Assembler, AssemblerCounts, Emission, FamilyOutput, KeepToken, MemberResult } from './assembler.ts'

/** Times of one family that one request may bring at once: they are found one after the other. */
const mostTimesAtOnce = 4 * mostTimes
const mostExemplars = 64
/** Groups that are kept for corrections (`late: reemit`): of a family, and the part of `maxPending`; and how long. */
const mostKeptOfFamily = 16
const keptPart = 4
const keptMs = 600_000

const noCounts = (): AssemblerCounts => ({
  emitted: { complete: 0, window: 0, evicted: 0, shutdown: 0 },
  incomplete: {},
  partial: 0,
  late: 0,
  nonmonotonic: 0,
  shadowed: 0,
})

/** Creates an assembler without families. */
export function createAssembler(options: AssembleOptions): Assembler {
  const { maxPending } = options
  const reemits = options.late === 'reemit'
  const layouts = createLayouts()
  const families = new Families(layouts, maxPending)
  const groups = new Groups(layouts)
  const lessons = new Map<number, Lesson>()
  let counts = noCounts()
  let turn = 1
  let waiting = 0
  let kept = 0
  let held = 0
  /** Samples that came when their group was on its way and, as it arrived, are late: of the next emission. */
  let strays = 0
  let toldMs = Number.NaN

  const state: AssemblerState = {
    options,
    layouts,
    families,
    groups,
    ready: [],
    decisions: [],
    nowMs: 0,
  }

  const tick = (nowMs: number): void => {
    if (nowMs > toldMs) state.nowMs += nowMs - toldMs
    toldMs = nowMs
  }

  const find = (id: number, timeMs: number): number => {
    const hint = families.hint[id] as number
    return hint >= 0 && groups.timeMs[hint] === timeMs ? hint : findGroup(families, groups, id, timeMs)
  }

  const makeFamily = (a: number, b: number, c: number): number => {
    const id = families.find(a, b, c)
    return id >= 0 ? id : families.make(a, b, c, state.nowMs)
  }

  const late = (id: number, member: number, bound: number): 'late' => {
    counts.late++
    noteLate(state, lessons, id, member, bound)
    return 'late'
  }

  /** A new group; or why there is none. */
  const open = (id: number, member: number, bound: number, timeMs: number, nowMs: number): number | MemberResult => {
    tick(nowMs)
    if (families.wasSent(id, timeMs)) return late(id, member, bound)
    const times = families.groups[id] as number
    if (times >= mostTimesAtOnce) return 'refused'
    if (groups.live - kept >= 2 * maxPending) return 'full'
    if (waiting >= maxPending && groups.aging.head >= 0) force(state, groups.aging.head, Force.Evicted)
    const group = groups.open(id, timeMs, state.nowMs, families.layouts[id] as Layout)
    groups.born[group] = turn
    waiting++
    linkGroup(families, groups, id, group)
    groups.aging.append(group)
    if (families.isBeyondMemory(id, timeMs)) groups.set(group, GroupFlag.Doubtful)
    if (timeMs < (families.completeMs[id] as number)) soonDue(state, group)
    if (times >= mostTimes) lookAt(state, id)
    return group
  }

  const close = (group: number): void => {
    const id = groups.family[group] as number
    unlinkGroup(families, groups, id, group)
    groups.close(group)
    if (families.groups[id] === 0 && (families.refs[id] as number) <= 0) families.part(id, state.nowMs)
  }

  /** A correction of what was sent: it is sent again soon. */
  const reopen = (group: number): void => {
    if (groups.kept.has(group)) {
      groups.kept.remove(group)
      kept--
    }
    groups.state[group] = GroupState.Waiting
    groups.flags[group] = ((groups.flags[group] as number) & (GroupFlag.Stale | GroupFlag.Grown | GroupFlag.Ready)) | GroupFlag.Again
    groups.force[group] = Force.None
    groups.tokens[group] = undefined
    waiting++
    soonDue(state, group)
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
      counts.late++
      if (slot >= 0 && groups.slots.holds((groups.base[group] as number) + slot, hi, lo)) return 'late'
      reopen(group)
    } else if (reemits && groups.is(group, GroupFlag.Again)) counts.late++
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
    held++
    return 'held'
  }

  const isPending = (group: number): boolean => {
    const where = groups.state[group]
    return where === GroupState.Waiting || (where === GroupState.Out && (groups.between[group] as number) > 0)
  }

  /** Keeps a group that was sent, or lets it go. */
  const settle = (group: number): void => {
    const id = groups.family[group] as number
    const between = groups.between[group] as number
    const tokens = groups.tokens[group]
    if (tokens !== undefined) for (const token of tokens) token.open--
    held -= groups.received[group] as number
    families.markSent(id, groups.timeMs[group] as number)
    counts.late += between
    if (!reemits || (families.groups[id] as number) > mostKeptOfFamily) {
      strays += between
      close(group)
      return
    }
    groups.received[group] = between
    groups.between[group] = 0
    groups.tokens[group] = undefined
    groups.exemplars[group] = undefined
    if (between > 0) {
      reopen(group)
      return
    }
    groups.state[group] = GroupState.Sent
    groups.soonMs[group] = state.nowMs
    groups.kept.append(group)
    kept++
  }

  const letKeptGo = (): void => {
    for (let group = groups.kept.head; group >= 0; group = groups.kept.head) {
      if (kept * keptPart <= maxPending && (groups.soonMs[group] as number) + keptMs > state.nowMs) return
      groups.kept.remove(group)
      kept--
      close(group)
    }
  }

  return {
    family: makeFamily,
    known: (a, b, c) => families.find(a, b, c),
    retain(id) {
      families.refs[id] = (families.refs[id] as number) + 1
    },
    release(id) {
      const left = (families.refs[id] as number) - 1
      families.refs[id] = left
      if (left <= 0 && families.groups[id] === 0) families.part(id, state.nowMs)
    },
    describe(id, kind, output) {
      families.outputs[id] = output
      if (families.given[id] === kind) return
      families.given[id] = kind
      if (kind !== FamilyKind.Unknown && !families.has(id, Trait.Broken)) setKind(state, id, kind)
    },
    kindOf: (id) => families.kind[id] as number,
    add(id, member, bound, timeMs, valueHi, valueLo, startMs, nowMs) {
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
          counts.shadowed++
          return 'shadowed'
        }
      }
      if (member === Member.Bucket ? !(bound > Number.NEGATIVE_INFINITY) : member === Member.Quantile && !Number.isFinite(bound))
        return 'refused'
      let group = find(id, timeMs)
      if (group < 0) {
        const made = open(id, member, bound, timeMs, nowMs)
        if (typeof made !== 'number') return made
        group = made
      }
      families.hint[id] = group
      return place(group, member, bound, valueHi, valueLo, startMs)
    },
    exemplar(id, timeMs, exemplar) {
      const kind = families.kind[id]
      if (kind === FamilyKind.Summary || kind === FamilyKind.Gauges) return false
      const group = timeMs === undefined ? newestGroup(families, groups, id) : find(id, timeMs)
      if (group < 0 || groups.state[group] !== GroupState.Waiting) return false
      const known = groups.exemplars[group]
      if (known === undefined) groups.exemplars[group] = [exemplar]
      else if (known.some((one) => sameExemplar(one, exemplar))) return true
      else if (known.length >= mostExemplars) return false
      else known.push(exemplar)
      return true
    },
    nativeSeen(a, b, c, nowMs) {
      if (!options.preferNative) return
      tick(nowMs)
      families.nativeAt[makeFamily(a, b, c)] = Math.floor(state.nowMs / 1000) + 1
    },
    take(nowMs, points, all = false) {
      tick(nowMs)
      markDue(state, all)
      families.forget(state.nowMs)
      const now = turn++
      if (lessons.size > 0) learnLessons(state, lessons)
      if (kept > 0) letKeptGo()
      if (state.ready.length === 0 && strays === 0) return undefined
      const emission = createEmission(now, strays)
      takeReady(state, points, emission, all)
      waiting -= emission.groups.length
      if (emission.groups.length === 0 && strays === 0) return undefined
      strays = 0
      return emission
    },
    commit(emission) {
      const own = emission as OpenEmission
      if (own.settled) return
      own.settled = true
      for (const [how, count] of Object.entries(own.emitted)) counts.emitted[how as keyof typeof own.emitted] += count
      for (const [missing, count] of own.missing) counts.incomplete[missing] = (counts.incomplete[missing] ?? 0) + count
      counts.partial += own.partial
      counts.nonmonotonic += own.nonmonotonic
      counts.shadowed += own.shadowed
      counts.late += own.late - own.strays
      held -= own.strays
      for (const group of own.groups) settle(group)
    },
    rollback(emission) {
      const own = emission as OpenEmission
      if (own.settled) return
      own.settled = true
      strays += own.strays
      waiting += own.groups.length
      for (const group of own.groups) {
        groups.state[group] = GroupState.Waiting
        groups.received[group] = (groups.received[group] as number) + (groups.between[group] as number)
        groups.between[group] = 0
        groups.set(group, GroupFlag.Returned)
        makeReady(state, group)
      }
    },
    emitted(emission) {
      const own = emission as OpenEmission
      const keys = []
      for (const group of own.groups) {
        if (groups.born[group] === own.turn) continue
        const id = groups.family[group] as number
        const [a, b, c] = [families.a[id] as number, families.b[id] as number, families.c[id] as number]
        keys.push({ a, b, c, timeMs: groups.timeMs[group] as number })
      }
      return keys
    },
    markEmitted(a, b, c, timeMs) {
      const id = makeFamily(a, b, c)
      const group = find(id, timeMs)
      if (group >= 0 && groups.state[group] === GroupState.Waiting) {
        waiting--
        settle(group)
      } else families.markSent(id, timeMs)
    },
    isPending(id, timeMs) {
      const group = find(id, timeMs)
      return group >= 0 && isPending(group)
    },
    attach(id, timeMs, token) {
      const group = find(id, timeMs)
      if (group < 0 || !isPending(group)) return
      const tokens = groups.tokens[group]
      if (tokens === undefined) groups.tokens[group] = [token]
      else if (tokens.includes(token)) return
      else tokens.push(token)
      token.open++
    },
    dueInMs(nowMs) {
      tick(nowMs)
      if (state.ready.length > 0 || strays > 0) return 0
      const { aging, soon } = groups
      const window = aging.head < 0 ? Number.POSITIVE_INFINITY : (groups.firstMs[aging.head] as number) + options.windowMs
      const reorder = soon.head < 0 ? Number.POSITIVE_INFINITY : (groups.soonMs[soon.head] as number)
      return Math.max(0, Math.min(window, reorder) - state.nowMs)
    },
    get pending() {
      return waiting
    },
    get held() {
      return held
    },
    get families() {
      return families.count
    },
    counts() {
      const taken = counts
      counts = noCounts()
      return taken
    },
    decisions: () => state.decisions.splice(0),
    exportLayouts: () => saveLayouts(families, layouts, maxPending),
    importLayouts: (saved) => loadLayouts(families, layouts, saved, maxPending, state.nowMs),
  }
}
