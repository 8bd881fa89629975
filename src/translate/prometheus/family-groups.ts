/** The groups of a family: a list in order of time, found from where one was used last, as requests go through times in order. */

import type { Families } from './families.ts'
import type { Groups } from './group.ts'

/** The group of a family at a time; −1: there is none. */
export function findGroup(families: Families, groups: Groups, id: number, timeMs: number): number {
  const hint = families.hint[id] as number
  let at = hint >= 0 && (groups.timeMs[hint] as number) <= timeMs ? hint : (families.first[id] as number)
  while (at >= 0 && (groups.timeMs[at] as number) < timeMs) at = groups.next[at] as number
  return at >= 0 && groups.timeMs[at] === timeMs ? at : -1
}

/** The latest; −1: there is none. */
export function newestGroup(families: Families, groups: Groups, id: number): number {
  let newest = families.hint[id] as number
  if (newest < 0) newest = families.first[id] as number
  for (let next = newest; next >= 0; next = groups.next[next] as number) newest = next
  return newest
}

/** Puts a group where its time belongs. There must be none of this time. */
export function linkGroup(families: Families, groups: Groups, id: number, group: number): void {
  const timeMs = groups.timeMs[group] as number
  const hint = families.hint[id] as number
  let before = hint >= 0 && (groups.timeMs[hint] as number) < timeMs ? hint : -1
  let at = (before >= 0 ? groups.next[before] : families.first[id]) as number
  while (at >= 0 && (groups.timeMs[at] as number) < timeMs) {
    before = at
    at = groups.next[at] as number
  }
  groups.next[group] = at
  if (before < 0) families.first[id] = group
  else groups.next[before] = group
  families.groups[id] = (families.groups[id] as number) + 1
}

export function unlinkGroup(families: Families, groups: Groups, id: number, group: number): void {
  const next = groups.next[group] as number
  let before = -1
  for (let at = families.first[id] as number; at !== group; at = groups.next[at] as number) before = at
  if (before < 0) families.first[id] = next
  else groups.next[before] = next
  if (families.hint[id] === group) families.hint[id] = before >= 0 ? before : next
  families.groups[id] = (families.groups[id] as number) - 1
}
