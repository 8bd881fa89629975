/** Reading settings of old panels, which hold whatever somebody once saved. */

import { isPlain } from '../patch.ts'
import type { Plain } from '../target.ts'

/** A panel of a new kind, and what of the old one has no setting there. */
export interface Upgraded {
  readonly panel: Plain
  readonly lost: readonly string[]
}

export const plainAt = (object: Plain | undefined, key: string): Plain => {
  const value = object?.[key]
  return isPlain(value) ? value : {}
}
export const listAt = (object: Plain | undefined, key: string): readonly Plain[] => {
  const value = object?.[key]
  return Array.isArray(value) ? value.filter(isPlain) : []
}
export const textAt = (object: Plain | undefined, key: string): string => {
  const value = object?.[key]
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
}
/** Numbers are often written as texts. */
export const numberAt = (object: Plain | undefined, key: string): number | undefined => {
  const value = object?.[key]
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  return typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : undefined
}

/** A copy without members that are undefined. */
export const some = (object: Plain): Plain => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))

/** Members that every kind of panel has. */
const common = [
  ...[
    'id',
    'title',
    'description',
    'gridPos',
    'span',
    'height',
    'transparent',
    'datasource',
    'targets',
    'links',
    'repeat',
    'repeatDirection',
  ],
  ...['repeatIteration', 'repeatPanelId', 'scopedVars', 'maxPerRow', 'minSpan', 'timeFrom', 'timeShift', 'hideTimeOverride', 'interval'],
  ...['maxDataPoints', 'cacheTimeout', 'transformations', 'libraryPanel', 'alert', 'editable', 'error', 'isNew', 'key'],
]

export const commonMembers: ReadonlySet<string> = new Set([...common, 'type', 'pluginVersion', 'fieldConfig', 'options'])

/** What every kind of panel has, as it is. */
export const commonOf = (panel: Plain): Plain => {
  const kept: Record<string, unknown> = {}
  for (const key of common) if (panel[key] !== undefined) kept[key] = panel[key]
  return kept
}

/** Settings that nobody asked for: not handled, and not empty. */
export function unheard(panel: Plain, handled: ReadonlySet<string>): string[] {
  const empty = (value: unknown): boolean =>
    value === null ||
    value === undefined ||
    value === false ||
    value === '' ||
    (Array.isArray(value) && value.length === 0) ||
    (isPlain(value) && Object.keys(value).length === 0)
  return Object.keys(panel).filter((key) => !commonMembers.has(key) && !handled.has(key) && !empty(panel[key]))
}

/** Names of Grafana's calculations, by their old names. */
export const calculations: Readonly<Record<string, string>> = {
  avg: 'mean',
  current: 'lastNotNull',
  total: 'sum',
  min: 'min',
  max: 'max',
  first: 'first',
  delta: 'delta',
  diff: 'diff',
  range: 'range',
  count: 'count',
}

/** `/x/` is a pattern, all else a name. */
export const matcherOf = (alias: string): Plain => ({ id: /^\/.*\/[a-z]*$/s.test(alias) ? 'byRegexp' : 'byName', options: alias })

export const fixedColour = (colour: string): Plain => ({ id: 'color', value: { mode: 'fixed', fixedColor: colour } })

/** Steps of thresholds that were written as `80,90`, with one colour more than values. */
export function stepsOf(values: readonly number[], colours: readonly string[]): readonly Plain[] {
  return [{ color: colours[0] ?? 'green', value: null }, ...values.map((value, index) => ({ color: colours[index + 1] ?? 'red', value }))]
}

/** Mappings of values and of ranges, as older panels wrote them. */
export function mappingsOf(panel: Plain): readonly Plain[] {
  const mappings: Plain[] = []
  const isRange = numberAt(panel, 'mappingType') === 2
  if (!isRange) {
    for (const [index, one] of listAt(panel, 'valueMaps').entries()) {
      const value = textAt(one, 'value')
      const result = { text: textAt(one, 'text'), index }
      if (value === 'null') mappings.push({ type: 'special', options: { match: 'null', result } })
      else if (value !== '') mappings.push({ type: 'value', options: { [value]: result } })
    }
    return mappings
  }
  for (const [index, one] of listAt(panel, 'rangeMaps').entries()) {
    const result = { text: textAt(one, 'text'), index }
    const from = numberAt(one, 'from')
    const to = numberAt(one, 'to')
    if (textAt(one, 'from') === 'null' && textAt(one, 'to') === 'null')
      mappings.push({ type: 'special', options: { match: 'null', result } })
    else mappings.push({ type: 'range', options: { from: from ?? null, to: to ?? null, result } })
  }
  return mappings
}
