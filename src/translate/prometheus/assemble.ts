/**
 * Classic histograms and summaries put together from series that come one by one: section 5 of the mapping. Pure: time is an argument.
 *
 *     add ──► group of a family and a time ──► complete, or due ──► take ──► emission ──► commit: forgotten, but for its time
 *                     ▲                                                        │
 *                     └───────────────────────── rollback ─────────────────────┘
 *
 * Which file holds what: assembler.ts what can be asked; families.ts, group.ts (slots.ts, chain.ts) and layout.ts the state; add-member.ts,
 * take-groups.ts and settle-groups.ts the three ways above; kinds.ts and learn.ts what is concluded; gather.ts, histogram-body.ts, emit-group.ts
 * and emit-members.ts the points; saved-layouts.ts what outlives the process.
 */

import { createAdd, groupAt } from './add-member.ts'
import { type AssembleOptions, type Assembler, FamilyKind, type GroupKey } from './assembler.ts'
import { type AssemblerState, noCounts, type OpenEmission, setKind } from './assembler-state.ts'
import { sameExemplar } from './exemplars.ts'
import { Families, Trait } from './families.ts'
import { newestGroup } from './family-groups.ts'
import { GroupState, Groups } from './group.ts'
import { createLayouts } from './layout.ts'
import { type Lesson, learnLessons } from './learn.ts'
import { loadLayouts, saveLayouts } from './saved-layouts.ts'
import { commitEmission, letKeptGo, rollBackEmission, settleGroup } from './settle-groups.ts'
import { createEmission, markDue, takeReady } from './take-groups.ts'

export type { AssembleOptions, Assembler, AssemblerCounts, Emission, FamilyOutput, KeepToken, MemberResult } from './assembler.ts'

/** Exemplars of one group. */
/** Steps back of the clock that are waited for. */
const smallStepMs = 60_000
/** Exemplars of a group, and bytes of the labels of those of all groups. */
const mostExemplars = 64
const maxExemplarBytes = 16 * 1024 * 1024

/** Creates an assembler without families. */
export function createAssembler(options: AssembleOptions): Assembler {
  const layouts = createLayouts()
  const families = new Families(layouts, options.maxPending)
  const groups = new Groups(layouts)
  const lessons = new Map<number, Lesson>()
  let toldMs = Number.NaN
  let stillMs = Number.NEGATIVE_INFINITY
  const state: AssemblerState = {
    options,
    layouts,
    families,
    groups,
    ready: [],
    decisions: [],
    counts: noCounts(),
    turn: 1,
    opened: 0,
    openedSlots: 0,
    waiting: 0,
    kept: 0,
    held: 0,
    strays: 0,
    nowMs: 0,
  }

  /** Where the clock that is told goes back, the assembler's own goes on from there. */
  const tick = (nowMs: number): void => {
    if (nowMs < toldMs) {
      // A little: it catches up. Time told forth and back must not run faster for it.
      if (toldMs - nowMs < smallStepMs) return
      stillMs -= toldMs - nowMs
    }
    const fromMs = Math.max(toldMs, stillMs)
    if (nowMs > fromMs) state.nowMs += nowMs - fromMs
    toldMs = nowMs
  }

  const makeFamily = (a: number, b: number, c: number): number => {
    const id = families.find(a, b, c)
    return id >= 0 ? id : families.make(a, b, c, state.nowMs)
  }

  const isPending = (group: number): boolean => {
    const where = groups.state[group]
    return where === GroupState.Waiting || (where === GroupState.Out && (groups.between[group] as number) > 0)
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
      families.setOutput(id, output)
      if (families.given[id] === kind) return
      families.given[id] = kind
      if (kind !== FamilyKind.Unknown && !families.has(id, Trait.Broken)) setKind(state, id, kind)
    },
    kindOf: (id) => families.kind[id] as number,
    add: createAdd(state, tick, lessons),
    exemplar(id, timeMs, exemplar) {
      const kind = families.kind[id]
      if (kind === FamilyKind.Summary || kind === FamilyKind.Gauges) return false
      const group = timeMs === undefined ? newestGroup(families, groups, id) : groupAt(state, id, timeMs)
      if (group < 0 || groups.state[group] !== GroupState.Waiting) return false
      const known = groups.exemplars[group]
      if (known?.some((one) => sameExemplar(one, exemplar)) === true) return true
      if (groups.exemplarBytes > maxExemplarBytes || (known !== undefined && known.length >= mostExemplars)) return false
      groups.addExemplar(group, exemplar)
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
      const now = state.turn++
      state.opened = 0
      state.openedSlots = 0
      if (lessons.size > 0) learnLessons(state, lessons)
      if (state.kept > 0) letKeptGo(state)
      if (state.ready.length === 0 && state.strays === 0) return undefined
      const emission = createEmission(now, state.strays)
      takeReady(state, points, emission, all)
      if (emission.groups.length === 0 && state.strays === 0) return undefined
      state.waiting -= emission.groups.length
      state.strays = 0
      return emission
    },
    commit(emission) {
      const own = emission as OpenEmission
      if (own.settled) return
      own.settled = true
      commitEmission(state, own)
    },
    rollback(emission) {
      const own = emission as OpenEmission
      if (own.settled) return
      own.settled = true
      rollBackEmission(state, own)
    },
    emitted(emission) {
      const own = emission as OpenEmission
      const keys: GroupKey[] = []
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
      const group = groupAt(state, id, timeMs)
      if (group >= 0 && groups.state[group] === GroupState.Waiting) {
        state.waiting--
        settleGroup(state, group)
      } else families.markSent(id, timeMs)
    },
    isPending(id, timeMs) {
      const group = groupAt(state, id, timeMs)
      return group >= 0 && isPending(group)
    },
    attach(id, timeMs, token) {
      const group = groupAt(state, id, timeMs)
      if (group < 0 || !isPending(group)) return
      const tokens = groups.tokens[group]
      if (tokens === undefined) groups.tokens[group] = [token]
      else if (tokens.includes(token)) return
      else tokens.push(token)
      token.open++
    },
    standStill(nowMs) {
      tick(nowMs)
      stillMs = nowMs + 2 * options.windowMs
    },
    dueInMs(nowMs) {
      tick(nowMs)
      if (state.ready.length > 0 || state.strays > 0) return 0
      const { aging, soon } = groups
      const window = aging.head < 0 ? Number.POSITIVE_INFINITY : (groups.firstMs[aging.head] as number) + options.windowMs
      const reorder = soon.head < 0 ? Number.POSITIVE_INFINITY : (groups.soonMs[soon.head] as number)
      return Math.max(0, Math.min(window, reorder) - state.nowMs)
    },
    get pending() {
      return state.waiting
    },
    get held() {
      return state.held
    },
    get families() {
      return families.count
    },
    get outputBytes() {
      return families.outputBytes
    },
    counts() {
      const taken = state.counts
      state.counts = noCounts()
      return taken
    },
    decisions: () => state.decisions.splice(0),
    exportLayouts: () => saveLayouts(families, layouts, options.maxPending),
    importLayouts: (saved) => loadLayouts(families, layouts, saved, options.maxPending, state.nowMs),
  }
}
