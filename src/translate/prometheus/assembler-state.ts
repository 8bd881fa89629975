/** What the parts of the assembler share, and how its families change: their kind, their layout. */

import type { MetricPoints } from '../../otlp/metrics.ts'
import { type AssembleOptions, type AssemblerCounts, type Decision, type Emission, FamilyKind } from './assembler.ts'
import type { Families } from './families.ts'
import { GroupFlag, GroupState, type Groups } from './group.ts'
import type { Layout, Layouts } from './layout.ts'

/** An emission, and what is counted when it is committed. */
export interface OpenEmission extends Emission {
  samples: number
  points: number
  incomplete: number
  late: number
  shadowed: number
  stale: number
  /** Of `late`, those of groups of earlier emissions. */
  strays: number
  readonly groups: number[]
  /** The take that made it. */
  readonly turn: number
  readonly emitted: { complete: number; window: number; evicted: number; shutdown: number }
  readonly missing: Map<string, number>
  partial: number
  nonmonotonic: number
  /** Committed, or rolled back. */
  settled: boolean
}

export interface AssemblerState {
  readonly options: AssembleOptions
  readonly layouts: Layouts
  readonly families: Families
  readonly groups: Groups
  /** Groups whose families have to be looked at by the next take. */
  readonly ready: number[]
  readonly decisions: Decision[]
  counts: AssemblerCounts
  /** The next take. */
  turn: number
  /** Groups that were opened since the last take, and their slots. */
  opened: number
  openedSlots: number
  /** Groups that wait, and those that are kept for corrections. */
  waiting: number
  kept: number
  /** Samples in groups. */
  held: number
  /** Of them, those that came when their group was on its way and are late as it arrived: of the next emission. */
  strays: number
  /** The assembler's own time, ms since it was first told one: never goes back. */
  nowMs: number
}

/** What an emission is made into. */
export interface Outlet {
  readonly points: MetricPoints
  readonly emission: OpenEmission
}

const mostDecisions = 10_000

/** Slots that all groups may have: so many each as may wait. Beyond it the oldest go sooner; beyond twice as many nobody gets any. */
export const mostSlots = ({ maxPending }: AssembleOptions): number => 64 * Math.max(maxPending, 1024)

export const noCounts = (): AssemblerCounts => ({
  emitted: { complete: 0, window: 0, evicted: 0, shutdown: 0 },
  incomplete: {},
  partial: 0,
  late: 0,
  nonmonotonic: 0,
  shadowed: 0,
})

/** Counts that a group lacks something. */
export function countMissing({ missing }: OpenEmission, member: string): void {
  missing.set(member, (missing.get(member) ?? 0) + 1)
}

/** Has the family of a group looked at by the next take. */
export function makeReady({ groups, ready }: Pick<AssemblerState, 'groups' | 'ready'>, group: number): void {
  if (groups.is(group, GroupFlag.Ready)) return
  groups.set(group, GroupFlag.Ready)
  ready.push(group)
}

/** Has a family looked at by the next take. Does nothing when it has no groups that wait. */
export function lookAt(state: AssemblerState, id: number): void {
  const { groups } = state
  let group = state.families.first[id] as number
  while (group >= 0 && groups.state[group] !== GroupState.Waiting) group = groups.next[group] as number
  if (group >= 0) makeReady(state, group)
}

/** Gives a family another layout. Its groups move to it when they are looked at. */
export function setLayout(state: AssemblerState, id: number, layout: Layout): void {
  if (state.families.layouts[id] === layout) return
  state.families.setLayout(id, layout)
  lookAt(state, id)
}

/** A family is something else now. */
export function setKind(state: AssemblerState, id: number, kind: number): void {
  const { families, layouts } = state
  const before = families.kind[id]
  if (before === kind) return
  families.kind[id] = kind
  if (before !== FamilyKind.Unknown) setLayout(state, id, layouts.none)
  if (kind === FamilyKind.Gauges) lookAt(state, id)
}

/** The same, told to whoever takes the decisions. */
export function decide(state: AssemblerState, id: number, kind: number, reason: Decision['reason']): void {
  setKind(state, id, kind)
  const { decisions } = state
  if (decisions.length >= mostDecisions) decisions.shift()
  decisions.push({ id, kind, reason })
}
