/** Values of a dashboard's variables for a measurement: the one that it has, else the first that its query gives, else all. Section 12 of the conversion reference. */

import type { Item } from '../model.ts'
import type { Ask } from './ask.ts'
import { fillQuery, type Window } from './placeholders.ts'

/** Label and selector of `label_values(selector, label)`; the selector is empty where it names none. */
export function labelValuesOf(query: string): { readonly label: string; readonly selector: string } | undefined {
  const inside = /^\s*label_values\s*\(([\s\S]*)\)\s*$/.exec(query)?.[1]
  if (inside === undefined) return undefined
  const comma = inside.lastIndexOf(',')
  const label = inside.slice(comma + 1).trim()
  if (!/^[A-Za-z_]\w*$/.test(label)) return undefined
  return { label, selector: comma < 0 ? '' : inside.slice(0, comma).trim() }
}

/** Throws for an answer that is no list. */
const firstOf = (text: string): string => {
  const answer: unknown = JSON.parse(text)
  const { data, error } =
    typeof answer === 'object' && answer !== null ? (answer as { readonly data?: unknown; readonly error?: unknown }) : {}
  if (!Array.isArray(data)) throw new Error(typeof error === 'string' ? error.slice(0, 300) : 'the answer is no list')
  // Grafana takes nothing for a text without letters.
  return typeof data[0] === 'string' ? data[0] : ''
}

export interface CompletedVariables {
  readonly values: ReadonlyMap<string, readonly string[]>
  /** Variables whose values the old side could not be asked for, and why. */
  readonly failed: ReadonlyMap<string, string>
}

/**
 * Completes the values of variables.
 * @param given by name, as the dashboard has them; empty lists are filled
 * @param items of the dashboard, in its order: a variable may ask with those before it
 */
export async function completeVariables(
  given: Readonly<Record<string, readonly string[]>>,
  items: readonly Item[],
  ask: Ask,
  window: Window,
): Promise<CompletedVariables> {
  const failed = new Map<string, string>()
  const values = new Map<string, readonly string[]>(Object.entries(given))
  const queries = new Map(
    items.flatMap((item) =>
      item.kind === 'variable' && item.language === 'promql' ? [[item.id.replace(/^variable\//, ''), item.before] as const] : [],
    ),
  )
  for (const [name, now] of [...values]) {
    if (now.some((one) => one !== '')) continue
    const asked = labelValuesOf(queries.get(name) ?? '')
    if (asked === undefined) continue
    const filled = fillQuery(asked.selector, values, window)
    if ('missing' in filled) continue
    const parameters = { start: String(window.start), end: String(window.end), ...(filled.text === '' ? {} : { 'match[]': filled.text }) }
    try {
      const answer = await ask('old', 'prometheus', `/api/v1/label/${asked.label}/values`, parameters)
      if (answer !== undefined) values.set(name, [firstOf(answer)])
    } catch (error) {
      failed.set(name, error instanceof Error ? error.message : String(error))
    }
  }
  return { values, failed }
}
