/** What is to be done: a run's identity, its slices in the ledger, and the plan as a table (mapping backfill.md §3.1, §6). */

import { alignedTable, bytesText, grouped, minuteText, secondText } from './figures.ts'
import { runId, sliceId } from './identity.ts'
import type { PlanLedger, RunMeta } from './ledger.ts'
import type { Json, Plan, PlanGroup, SliceSpec } from './model.ts'
import type { Source } from './source.ts'

/** Grows when slices are cut otherwise: what was planned before is another plan then. */
export const planVersion = 1

export interface RunRequest {
  readonly source: Pick<Source, 'kind' | 'name' | 'identity' | 'unit' | 'approximate'>
  /** Filters and options of the source, without secrets. */
  readonly options: { readonly [name: string]: Json }
  /** Without secrets. */
  readonly destination: string
  readonly mappingHash: string
  readonly mapping: { readonly [path: string]: Json }
  /** What `--since` and `--until` come to, ms. */
  readonly span: { readonly sinceMs: number | undefined; readonly untilMs: number | undefined }
  readonly cutoverMs: number | undefined
  readonly page: RunMeta['page']
  readonly nowMs: number
  readonly toolVersion: string
}

/** The same request is the same run, whenever and wherever. */
export function metaOf(request: RunRequest): RunMeta {
  const { source, options, destination, mappingHash, mapping, span, cutoverMs, page, nowMs, toolVersion } = request
  const { kind, name, identity, unit, approximate } = source
  return {
    run: runId({ source, options, destination, mappingHash }),
    source: { kind, name, identity, unit, ...(approximate === undefined ? {} : { approximate }) },
    options,
    destination,
    mappingHash,
    mapping,
    span: {
      ...(span.sinceMs === undefined ? {} : { sinceMs: span.sinceMs }),
      ...(span.untilMs === undefined ? {} : { untilMs: span.untilMs }),
    },
    ...(cutoverMs === undefined ? {} : { cutoverMs }),
    page,
    createdMs: nowMs,
    planVersion,
    toolVersion,
  }
}

/** Section `translate` where it is not as by default, by path: what {@link mappingDifference} speaks of. */
export function mappingOf(translate: object, standard: object, path = ''): { [path: string]: Json } {
  const found: { [path: string]: Json } = {}
  const isSection = (one: unknown): one is Record<string, unknown> => typeof one === 'object' && one !== null && !Array.isArray(one)
  const [left, right] = [translate, standard].map((one) => one as Readonly<Record<string, unknown>>)
  for (const key of new Set([...Object.keys(left ?? {}), ...Object.keys(right ?? {})])) {
    const [one, other] = [left?.[key], right?.[key]]
    const at = path === '' ? key : `${path}.${key}`
    if (isSection(one)) Object.assign(found, mappingOf(one, isSection(other) ? other : {}, at))
    else if (JSON.stringify(one) !== JSON.stringify(other)) found[at] = one === undefined ? null : (JSON.parse(JSON.stringify(one)) as Json)
  }
  return found
}

/** `translate.zipkin.tags: was "text", is "typed"`, a line each. */
export function mappingDifference(before: RunMeta['mapping'], now: RunMeta['mapping']): readonly string[] {
  const show = (value: Json | undefined): string => (value === undefined ? 'the default' : JSON.stringify(value))
  const paths = [...new Set([...Object.keys(before ?? {}), ...Object.keys(now ?? {})])].sort()
  return paths
    .filter((path) => JSON.stringify(before?.[path]) !== JSON.stringify(now?.[path]))
    .map((path) => `translate.${path}: was ${show(before?.[path])}, is ${show(now?.[path])}`)
}

/** Slices are added in pieces of so many. */
const piece = 1000

/** What a plan is called that is stored once as a whole. */
const wholePlan = ''

/**
 * Puts the plan into the ledger. What is there stays as it is; what has appeared since is added, as far as `plansOnce` of the source lets it. What is
 * planned once is stored in one step: a crash leaves no half of it. Returns how many were added.
 */
export async function storePlan(ledger: PlanLedger, source: Pick<Source, 'kind' | 'identity' | 'plansOnce'>, plan: Plan): Promise<number> {
  const entries = (slices: readonly SliceSpec[]) => slices.map((spec) => ({ id: sliceId(source, spec.key, ledger.meta.planVersion), spec }))
  if (source.plansOnce === undefined) {
    let added = 0
    for (let at = 0; at < plan.slices.length; at += piece) added += await ledger.add(entries(plan.slices.slice(at, at + piece)))
    return added
  }
  const planned = await ledger.planned()
  if (source.plansOnce === 'whole') return planned.has(wholePlan) ? 0 : ledger.add(entries(plan.slices), [wholePlan])
  const fresh = plan.slices.filter(({ group }) => !planned.has(group))
  return fresh.length === 0 ? 0 : ledger.add(entries(fresh), [...new Set(fresh.map(({ group }) => group))])
}

/** More groups than this are summed up in one row. */
const mostRows = 200

interface Row extends PlanGroup {
  readonly slices: number
}

function rowsOf({ groups, slices }: Plan): readonly Row[] {
  const counts = new Map<string, number>()
  for (const { group } of slices) counts.set(group, (counts.get(group) ?? 0) + 1)
  return groups.map((group) => ({ ...group, slices: counts.get(group.name) ?? 0 }))
}

/** Sum over rows; times from the first to the last. */
function sumOf(rows: readonly Row[], name: string, note: string): Row {
  const known = (pick: (row: Row) => number | undefined): readonly number[] => rows.map(pick).filter((one) => one !== undefined)
  const [from, to] = [known((row) => row.fromMs), known((row) => row.toMs)]
  const total = (pick: (row: Row) => number): number => rows.reduce((sum, row) => sum + pick(row), 0)
  return {
    name,
    items: total((row) => row.items),
    bytes: total((row) => row.bytes),
    slices: total((row) => row.slices),
    fromMs: from.length === 0 ? undefined : from.reduce((a, b) => Math.min(a, b)),
    toMs: to.length === 0 ? undefined : to.reduce((a, b) => Math.max(a, b)),
    note,
  }
}

const amount = (count: number): string => (count === 0 ? '?' : grouped(count))

const cells = ({ name, items, bytes, fromMs, toMs, slices, note }: Row): readonly string[] => [
  name,
  // A group that cannot be read has no items, and no slices.
  slices === 0 ? grouped(items) : amount(items),
  bytes === 0 ? '' : bytesText(bytes),
  minuteText(fromMs),
  minuteText(toMs),
  grouped(slices),
  note,
]

export interface PlanText {
  readonly source: Pick<Source, 'unit'>
  readonly plan: Plan
  /** What is behind the sums. */
  readonly note?: string
}

/** A row a group and one of sums; the plan's notes below. */
export function planTable({ source, plan, note = '' }: PlanText): string {
  const rows = rowsOf(plan)
  const shown =
    rows.length > mostRows
      ? [...rows.slice(0, mostRows - 1), sumOf(rows.slice(mostRows - 1), `and ${grouped(rows.length - mostRows + 1)} more`, '')]
      : rows
  const columns = [
    { title: 'part' },
    { title: `${source.unit}s`, right: true },
    { title: 'bytes', right: true },
    { title: 'from' },
    { title: 'to' },
    { title: 'slices', right: true },
    { title: 'note' },
  ]
  const foot = cells(sumOf(rows, `${grouped(rows.length)} in all`, note))
  const table = alignedTable(columns, shown.map(cells), foot)
  return plan.notes.length === 0 ? table : `${table}${plan.notes.map((one) => `note: ${one}\n`).join('')}`
}

const mostUnreadable = 20

/** A line for each part that was asked for and cannot be read at all; empty: there is none. */
export function unreadableText({ groups }: Plan): string {
  const gone = groups.filter((group) => group.isUnreadable === true)
  const lines = gone.slice(0, mostUnreadable).map(({ name, note }) => `not read: ${note.includes(name) ? '' : `${name}: `}${note}\n`)
  const more = gone.length > mostUnreadable ? `and ${grouped(gone.length - mostUnreadable)} more: --plan lists all\n` : ''
  return lines.join('') + more
}

const iso = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : new Date(ms).toISOString())

/** The same for machines: `{ groups, slices, items, bytes, notes }`. */
export function planJson(plan: Plan): object {
  const rows = rowsOf(plan)
  const all = sumOf(rows, '', '')
  return {
    groups: rows.map(({ fromMs, toMs, ...row }) => ({ ...row, from: iso(fromMs), to: iso(toMs) })),
    slices: plan.slices.length,
    items: all.items,
    bytes: all.bytes,
    from: iso(all.fromMs),
    to: iso(all.toMs),
    notes: plan.notes,
  }
}

/** `cutover: 2026-11-21 09:14:07 Z` */
export const cutoverNote = (cutoverMs: number | undefined): string => (cutoverMs === undefined ? '' : `cutover: ${secondText(cutoverMs)}`)
