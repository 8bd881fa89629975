/** Spans that reached Jaeger v2 directly and the same through the bridge, field by field, and the table of what may differ. */

import { type Fields, identity } from './jaeger-v3.ts'

/** One field of one span that is not the same. `direct` or `bridged` is undefined where that side does not have the field. */
export interface Difference {
  /** As in {@link Fields}; `span` where one side does not have the span at all. */
  readonly path: string
  readonly direct: string | undefined
  readonly bridged: string | undefined
  /** All fields of the span on either side; empty where that side does not have it. */
  readonly directSpan: Fields
  readonly bridgedSpan: Fields
}

/** What was sent: rules of one format must not excuse differences of the other. */
export type Origin = 'jaeger-thrift' | 'jaeger-proto' | 'zipkin-v2' | 'zipkin-v1' | 'zipkin-proto' | 'zipkin-thrift'

/** A difference that the mapping asks for. */
export interface Expected {
  /** Id of the rule in the mapping pages. */
  readonly rule: string
  readonly why: string
  readonly origins: readonly Origin[]
  /** True when this is that difference: by its values, not only by its place. `what` is the name of what was sent. */
  readonly explains: (difference: Difference, what: string) => boolean
}

/** The field is there through the bridge only; with `wanted` it must be that. */
export const appears = ({ path, direct, bridged }: Difference, at: string | RegExp, wanted?: string): boolean =>
  (typeof at === 'string' ? path === at : at.test(path)) && direct === undefined && (wanted === undefined || bridged === wanted)

/** The field is there directly only; with `wanted` it must be that. */
export const vanishes = ({ path, direct, bridged }: Difference, at: string | RegExp, wanted?: string): boolean =>
  (typeof at === 'string' ? path === at : at.test(path)) && bridged === undefined && (wanted === undefined || direct === wanted)

/** The field is there both times, first so and then so. */
export const becomes = ({ path, direct, bridged }: Difference, at: string, from: string, to: string): boolean =>
  path === at && direct === from && bridged === to

const nothing: Fields = new Map()

const between = (direct: Fields, bridged: Fields): Difference[] =>
  [...new Set([...direct.keys(), ...bridged.keys()])]
    .filter((path) => direct.get(path) !== bridged.get(path))
    .map((path) => ({ path, direct: direct.get(path), bridged: bridged.get(path), directSpan: direct, bridgedSpan: bridged }))

const missing = (direct: Fields, bridged: Fields): Difference => ({
  path: 'span',
  direct: direct.get('spanId'),
  bridged: bridged.get('spanId'),
  directSpan: direct,
  bridgedSpan: bridged,
})

/**
 * Every difference between two readings of the same spans. They are paired by trace and span id; where several spans have one id (the two
 * halves of a shared Zipkin span), those that differ least belong together.
 */
export function differences(direct: readonly Fields[], bridged: readonly Fields[]): Difference[] {
  const left = [...bridged]
  const found: Difference[] = []
  const pairs: { readonly one: Fields; readonly other: Fields; readonly found: Difference[] }[] = []
  for (const one of direct) {
    for (const other of left) {
      if (one.get('traceId') === other.get('traceId') && one.get('spanId') === other.get('spanId')) {
        pairs.push({ one, other, found: between(one, other) })
      }
    }
  }
  const paired = new Set<Fields>()
  for (const pair of pairs.sort((a, b) => a.found.length - b.found.length)) {
    if (paired.has(pair.one) || paired.has(pair.other)) continue
    paired.add(pair.one).add(pair.other)
    found.push(...pair.found)
  }
  for (const one of direct) if (!paired.has(one)) found.push(missing(one, nothing))
  for (const other of left) if (!paired.has(other)) found.push(missing(nothing, other))
  return found
}

/** What of `after` is not in `before`, each span as often as it came. */
export function arrived(before: readonly Fields[], after: readonly Fields[]): Fields[] {
  const known = new Map<string, number>()
  for (const span of before) known.set(identity(span), (known.get(identity(span)) ?? 0) + 1)
  return after.filter((span) => {
    const times = known.get(identity(span)) ?? 0
    if (times > 0) known.set(identity(span), times - 1)
    return times === 0
  })
}

const line = (what: string, { path, direct, bridged }: Difference): string => `${path}: ${direct ?? '–'} → ${bridged ?? '–'}  (${what})`

/** Judges differences by a table, and remembers which rows were needed and where. */
export interface Judge {
  /** One line for each difference that no row explains. */
  unexplained(what: string, origin: Origin, found: readonly Difference[]): string[]
  /** Rules of rows that explained nothing so far. */
  unused(): string[]
  /** One line for each row: how many differences it explained, and one of them. */
  report(): string
}

export function createJudge(table: readonly Expected[]): Judge {
  const used = new Map<Expected, string[]>()
  return {
    unexplained(what, origin, found) {
      return found.flatMap((difference) => {
        const row = table.find((one) => one.origins.includes(origin) && one.explains(difference, what))
        if (row === undefined) return [line(what, difference)]
        used.set(row, [...(used.get(row) ?? []), line(what, difference)])
        return []
      })
    },
    unused: () => table.filter((row) => !used.has(row)).map(({ rule, why }) => `${rule}: ${why}`),
    report: () =>
      table
        .map((row) => {
          const lines = used.get(row) ?? []
          return `${row.rule.padEnd(14)} ${String(lines.length).padStart(5)} × ${lines[0] ?? 'never'}`
        })
        .join('\n'),
  }
}
