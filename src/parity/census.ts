/**
 * The second path of the comparison (cutover 3.4, C-P1), which knows no rule of translation: every scalar of the legacy record must be found in
 * the new record, once each, or be consumed by a rule that the rule trace names; and what is in the new record must come from somewhere. A
 * translator that loses something alike in the bridge and in the command is found here, and nowhere else.
 */

import type { ExplainedItem } from '../translate/explain.ts'
import { bareText, type CanonicalSpan } from './canonical.ts'
import { normalized } from './census-text.ts'
import type { Atom } from './legacy-atoms.ts'

export interface Unaccounted {
  /** Legacy name of the leaf without its place in a list: `tags http.route`; or the path in the new record. */
  readonly path: string
  readonly side: 'old' | 'new'
  readonly value: string
  /** Where it is in the new record, or would be. */
  readonly places: readonly string[]
}

interface Held {
  readonly path: string
  readonly value: string
  readonly exact: string
  /** Place of the event; −1 for all others. */
  readonly event: number
  used: boolean
}

const kindNames = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer']

/** Every scalar of the new record. */
function holdings(span: CanonicalSpan): Held[] {
  const all: Held[] = []
  const add = (path: string, value: string, event = -1): void => {
    all.push({ path, value: normalized(value), exact: value, event, used: false })
  }
  add('traceId', span.traceId)
  add('spanId', span.spanId)
  add('kind', kindNames[span.kind] ?? String(span.kind))
  add('start', span.startNs.toString())
  add('end', span.endNs.toString())
  add('duration', (span.endNs - span.startNs).toString())
  const put = (path: string, value: string, event: number): void => add(path, path.includes('attributes[') ? bareText(value) : value, event)
  for (const [path, value] of span.fields) put(path, value, -1)
  span.events.forEach((event, at) => {
    for (const [path, value] of event) put(`events.${path}`, value, at)
  })
  for (const link of span.links) for (const [path, value] of link) put(`links.${path}`, value, -1)
  return all
}

/** `resourceSpans[0].scopeSpans[0].spans[2].events[0].name` → `events.name` */
const explainedPath = (path: string): string =>
  path
    .replace(/^resourceSpans\[\d+\]\.(?:scopeSpans\[\d+\]\.)?(?:spans\[\d+\]\.)?/, '')
    .replace(/^(events|links)\[\d+\]\./, '$1.')
    .replace(/^startTimeUnixNano$/, 'start')
    .replace(/^endTimeUnixNano$/, 'end')

const explainedValue = (path: string, value: unknown): string => {
  if (path === 'kind') return kindNames[Number(value)] ?? String(value)
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
}

/** What the rule trace says of the record: which leaf became which field, which leaf became nothing and why. */
interface Trace {
  /** By leaf: the fields that rules made of it. */
  readonly made: ReadonlyMap<string, readonly { readonly path: string; readonly value: string }[]>
  readonly leftOut: ReadonlySet<string>
  /** Fields that have a rule. */
  readonly ruled: ReadonlySet<string>
}

function traceOf(item: ExplainedItem | undefined): Trace {
  const made = new Map<string, { path: string; value: string }[]>()
  const ruled = new Set<string>()
  for (const { fields } of item?.spans ?? []) {
    for (const field of fields) {
      if (field.rules.length === 0) continue
      const path = explainedPath(field.path)
      const value = normalized(explainedValue(path, field.value))
      ruled.add(path)
      for (const leaf of field.from) made.set(leaf, [...(made.get(leaf) ?? []), { path, value }])
    }
  }
  return { made, ruled, leftOut: new Set((item?.leftovers ?? []).filter(({ rules }) => rules.length > 0).map(({ leaf }) => leaf.name)) }
}

const isComposite = (value: string): boolean => value.startsWith('{') || value.startsWith('[')

/**
 * What is left over on either side.
 * @param item the rule trace of the legacy record
 * @param complete false where the reader of the new side is known to change records: what it has more is not looked at then
 */
export function census(
  atoms: readonly Atom[],
  span: CanonicalSpan,
  item: ExplainedItem | undefined,
  complete = true,
): readonly Unaccounted[] {
  const held = holdings(span)
  const trace = traceOf(item)
  const byPath = new Map<string, Held[]>()
  for (const one of held) {
    const same = byPath.get(one.path)
    if (same === undefined) byPath.set(one.path, [one])
    else same.push(one)
  }
  const eventOf = new Map<string, number>()
  const fits = (one: Held, atom: Atom): boolean =>
    !one.used && atom.values.includes(one.value) && (atom.group === '' || one.event === (eventOf.get(atom.group) ?? -2))

  // Annotations and logs first find their event: the one with their time, and of several that with most of what they say.
  const groups = new Map<string, Atom[]>()
  for (const atom of atoms) if (atom.group !== '') groups.set(atom.group, [...(groups.get(atom.group) ?? []), atom])
  const taken = new Set<number>()
  for (const [group, members] of groups) {
    const time = members.find(({ paths }) => paths[0] === 'events.timeUnixNano')
    let best = -1
    let most = -1
    span.events.forEach((_, at) => {
      if (taken.has(at)) return
      const inside = held.filter(({ event }) => event === at)
      if (time !== undefined && !inside.some(({ path, value }) => path === 'events.timeUnixNano' && time.values.includes(value))) return
      const score = members.filter(({ values }) => inside.some(({ value }) => values.includes(value))).length
      if (score > most) [best, most] = [at, score]
    })
    if (best < 0) continue
    taken.add(best)
    eventOf.set(group, best)
  }

  const unmatched: Atom[] = []
  for (const atom of atoms) {
    const own = atom.paths.flatMap((path) => byPath.get(path) ?? []).find((one) => fits(one, atom))
    if (own === undefined) unmatched.push(atom)
    else own.used = true
  }
  const left: Unaccounted[] = []
  for (const atom of unmatched) {
    // Ids and times mean something by their place alone.
    const other = atom.placed ? undefined : held.find((one) => fits(one, atom))
    if (other !== undefined) {
      other.used = true
      continue
    }
    if (trace.leftOut.has(atom.name)) continue
    const fields = trace.made.get(atom.name) ?? []
    const found = fields.filter(({ path, value }) => (byPath.get(path) ?? []).some((one) => one.value === value || isComposite(value)))
    if (fields.length > 0 && found.length > 0) {
      for (const { path, value } of found)
        for (const one of byPath.get(path) ?? []) if (one.value === value || isComposite(value)) one.used = true
      continue
    }
    left.push({ path: atom.label, side: 'old', value: atom.shown, places: atom.paths })
  }
  if (!complete) return left
  for (const one of held) {
    // `duration` is ours, and each of the three times says what the other two say.
    if (one.used || one.path === 'duration' || one.path === 'end' || one.value === '') continue
    if (trace.ruled.has(one.path)) continue
    left.push({ path: one.path, side: 'new', value: one.exact, places: [one.path] })
  }
  return left
}
