/** Families and their layouts as plain JSON and back, so that after a restart nothing has to wait for its window to be known. */

import { FamilyKind, type SavedLayouts, savedFamilyWords } from './assembler.ts'
import { type Families, Trait } from './families.ts'
import { type Layout, type Layouts, maxBounds } from './layout.ts'

/** Families of which a layout or a decision is known, at most so many. */
export function saveLayouts(families: Families, layouts: Layouts, most: number): SavedLayouts {
  const places = new Map<Layout, number>()
  const rows: number[] = []
  let left = most
  for (const id of families.ids()) {
    const layout = families.layouts[id] as Layout
    const kind = families.kind[id] as number
    if (kind === FamilyKind.Unknown || (layout === layouts.none && kind !== FamilyKind.Gauges)) continue
    if (left-- === 0) break
    let place = places.get(layout)
    if (place === undefined) places.set(layout, (place = places.size))
    const last = families.newestSent(id, Number.POSITIVE_INFINITY)
    const broken = families.has(id, Trait.Broken) ? brokenBit : 0
    const [a, b, c] = [families.a[id] as number, families.b[id] as number, families.c[id] as number]
    rows.push(a, b, c, kind | broken, place, last, families.newestSent(id, last))
  }
  return { version: 1, layouts: [...places.keys()].map(({ bounds, has }) => ({ bounds: [...bounds], has })), families: rows }
}

const brokenBit = 4

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const isAscending = (bounds: readonly unknown[]): bounds is readonly number[] =>
  bounds.every((one, i) => typeof one === 'number' && Number.isFinite(one) && (i === 0 || one > (bounds[i - 1] as number)))

function readLayout(layouts: Layouts, saved: unknown): Layout | undefined {
  if (!isRecord(saved)) return undefined
  const { bounds, has } = saved
  if (!Array.isArray(bounds) || bounds.length > maxBounds || !isAscending(bounds)) return undefined
  if (typeof has !== 'number' || (has & 7) !== has) return undefined
  return bounds.length === 0 && has === 0 ? layouts.none : layouts.of(bounds, has)
}

/** Makes the families of what was saved; what is damaged, or known already, is left out. Returns how many were made. */
export function loadLayouts(families: Families, layouts: Layouts, saved: unknown, most: number, nowMs: number): number {
  if (!isRecord(saved) || saved['version'] !== 1 || !Array.isArray(saved['layouts']) || !Array.isArray(saved['families'])) return 0
  const known = saved['layouts'].map((one) => readLayout(layouts, one))
  for (const layout of known) if (layout !== undefined) layouts.retain(layout)
  const rows: readonly unknown[] = saved['families']
  let made = 0
  for (let at = 0; at + savedFamilyWords <= rows.length && made < most; at += savedFamilyWords) {
    const row = rows.slice(at, at + savedFamilyWords)
    if (!row.every((one) => typeof one === 'number' && Number.isSafeInteger(one))) continue
    const [a, b, c, bits, place, last, earlier] = row as [number, number, number, number, number, number, number]
    const layout = known[place]
    const kind = bits & 3
    if (layout === undefined || kind === FamilyKind.Unknown || families.find(a | 0, b | 0, c | 0) >= 0) continue
    const id = families.make(a | 0, b | 0, c | 0, nowMs)
    families.kind[id] = kind
    if ((bits & brokenBit) !== 0) families.set(id, Trait.Broken)
    if (kind === FamilyKind.Summary && layout.size > 0) families.set(id, Trait.Quantiles)
    families.setLayout(id, layout)
    if (last > 0) families.markSent(id, last)
    if (earlier > 0) families.markSent(id, earlier)
    made++
  }
  for (const layout of known) if (layout !== undefined) layouts.release(layout)
  return made
}
