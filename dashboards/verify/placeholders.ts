/** Grafana's placeholders in a query, filled in as a panel would: section 12 of the conversion reference. */

import { variablesIn } from '../promql/mask.ts'

/** What a query is asked for. Seconds since 1970, seconds. */
export interface Window {
  readonly start: number
  readonly end: number
  readonly step: number
}

export type Filled = { readonly text: string } | { readonly missing: string }

/** What Grafana takes for the time between scrapes when nobody says. */
const scrapeSeconds = 15

const allValues: ReadonlySet<string> = new Set(['$__all', 'All'])

/** Grafana's own variables. */
function ownValue(name: string, { start, end, step }: Window): string | undefined {
  const range = Math.round(end - start)
  switch (name) {
    case '__interval':
      return `${step}s`
    case '__interval_ms':
      return String(step * 1000)
    case '__rate_interval':
    case '__auto':
      return `${Math.max(step + scrapeSeconds, 4 * scrapeSeconds)}s`
    case '__range':
      return `${range}s`
    case '__range_s':
      return String(range)
    case '__range_ms':
      return String(range * 1000)
    case '__from':
      return String(Math.round(start * 1000))
    case '__to':
      return String(Math.round(end * 1000))
    default:
      return undefined
  }
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, (sign) => `\\\\${sign}`)

/** A variable's text in a query: one value as it is, several as a regular expression, all as one that everything fits. */
function textOfValues(values: readonly string[]): string | undefined {
  if (values.length === 0) return undefined
  if (values.some((one) => allValues.has(one))) return '.*'
  return values.length === 1 ? values[0] : `(${values.map(escaped).join('|')})`
}

/** Fills all placeholders. @param values by name of the variable; empty: its value is not known */
export function fillQuery(text: string, values: ReadonlyMap<string, readonly string[]>, window: Window): Filled {
  let at = 0
  let filled = ''
  for (const { start, end, name } of variablesIn(text)) {
    const known = ownValue(name, window) ?? textOfValues(values.get(name) ?? [])
    if (known === undefined) {
      // A `$` behind which no variable is meant, as at the end of a regular expression.
      if (!values.has(name) && !name.startsWith('__') && text[start] === '$' && text[start + 1] !== '{') continue
      return { missing: name }
    }
    filled += text.slice(at, start) + known
    at = end
  }
  return { text: filled + text.slice(at) }
}
