/** Links into Grafana's Explore, in the three forms that it had: section 5.5 of the reference. The form stays; the queries are converted. */

import type { Plain, TargetResult } from '../grafana/target.ts'
import { type Note, type Status, worse } from '../model.ts'
import { encodeText, type UrlParts } from './url-parts.ts'

/** What becomes of a query in a link, and of what it asks. */
export interface LinkQueries {
  /** @param reference a data source as the link names it: uid, name, or `{ type, uid }`; undefined: not known */
  convert(model: Plain, reference: unknown): TargetResult | undefined
  /** The data source to name for a plugin. */
  reference(type: string): { readonly type: string; readonly uid: string }
}

export interface ExploreLink {
  readonly after: string
  readonly status: Status
  readonly notes: readonly Note[]
}

interface Found {
  status: Status
  readonly notes: Note[]
  changed: boolean
}

const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Queries of a pane, each in its new form; a query may become several. @param common data source of the whole pane */
function convertAll(
  queries: readonly unknown[],
  common: unknown,
  use: LinkQueries,
  found: Found,
): { queries: unknown[]; type: string | undefined } {
  const next: unknown[] = []
  let type: string | undefined
  for (const query of queries.slice(0, 100)) {
    const result = isPlain(query) ? use.convert(query, query.datasource ?? common) : undefined
    if (result === undefined || !isPlain(query)) {
      next.push(query)
      continue
    }
    found.status = worse(found.status, result.status)
    found.notes.push(...result.notes)
    if (result.models.length === 0) {
      next.push(query)
      continue
    }
    if (result.datasource !== undefined) type = result.datasource
    const reference = result.datasource === undefined ? {} : { datasource: use.reference(result.datasource) }
    const before = JSON.stringify(query)
    for (const [at, model] of result.models.entries()) {
      const refId = query.refId === undefined ? {} : { refId: at === 0 ? query.refId : `${query.refId}${at}` }
      next.push({ ...model, ...refId, ...reference })
    }
    if (JSON.stringify(next.at(-1)) !== before) found.changed = true
  }
  return { queries: next, type }
}

/** `left={"datasource":"uid","queries":[…],"range":{…}}`, and one pane of `panes`. */
function convertPane(pane: Plain, use: LinkQueries, found: Found): Plain {
  const { queries, type } = convertAll(Array.isArray(pane.queries) ? pane.queries : [], pane.datasource, use, found)
  if (type === undefined) return { ...pane, queries }
  const { uid } = use.reference(type)
  return {
    ...pane,
    queries,
    ...(pane.datasource === undefined ? {} : { datasource: typeof pane.datasource === 'string' ? uid : use.reference(type) }),
  }
}

/** `left=["now-1h","now","Jaeger",{query},{"ui":[…]}]`: times, name of the data source, queries, and settings. */
function convertList(list: readonly unknown[], use: LinkQueries, found: Found): unknown[] {
  const [from, to, datasource, ...rest] = list
  const settings = (one: unknown): boolean => !isPlain(one) || 'ui' in one || 'mode' in one
  const { queries, type } = convertAll(
    rest.filter((one) => !settings(one)),
    datasource,
    use,
    found,
  )
  const plain = queries.map((one) =>
    isPlain(one) && typeof datasource === 'string' ? Object.fromEntries(Object.entries(one).filter(([key]) => key !== 'datasource')) : one,
  )
  return [from, to, type === undefined ? datasource : use.reference(type).uid, ...plain, ...rest.filter(settings)]
}

function convertParameter(name: string, value: unknown, use: LinkQueries, found: Found): unknown {
  if (Array.isArray(value)) return convertList(value, use, found)
  if (!isPlain(value)) return value
  if (name !== 'panes') return convertPane(value, use, found)
  return Object.fromEntries(Object.entries(value).map(([key, pane]) => [key, isPlain(pane) ? convertPane(pane, use, found) : pane]))
}

/** True for paths that are Explore's. */
export const isExplore = (path: string): boolean => /(?:^|\/)explore\/?$/.test(path)

/** Converts a link into Explore; undefined: nothing in it is to be changed. */
export function convertExplore(url: string, parts: UrlParts, use: LinkQueries): ExploreLink | undefined {
  const found: Found = { status: 'unchanged', notes: [], changed: false }
  let after = url
  for (const { name, raw, value } of parts.parameters) {
    if (name !== 'left' && name !== 'right' && name !== 'panes') continue
    let state: unknown
    try {
      state = JSON.parse(value)
    } catch {
      return { after: url, status: 'manual', notes: [{ code: 'OBD-T-011', text: `Its part "${name}" is no JSON.` }] }
    }
    const before = found.changed
    found.changed = false
    const next = convertParameter(name, state, use, found)
    if (found.changed) {
      const text = JSON.stringify(next)
      // As it was written: with codes, or without.
      after = after.replace(raw, () => (/%7B|%5B/i.test(raw) ? encodeText(text) : text))
    }
    found.changed ||= before
  }
  if (!found.changed && found.notes.length === 0) return undefined
  return { after, status: found.status, notes: found.notes }
}

/** A link of our own into Explore, as Grafana 10 and later write it. @param range as Explore has it; undefined: its own */
export function exploreLink(
  reference: { readonly type: string; readonly uid: string },
  query: Plain,
  range?: { from: string; to: string },
): string {
  const pane = {
    datasource: reference.uid,
    queries: [{ refId: 'A', datasource: reference, ...query }],
    range: range ?? { from: 'now-1h', to: 'now' },
  }
  return `/explore?schemaVersion=1&orgId=1&panes=${encodeText(JSON.stringify({ a: pane }))}`
}
