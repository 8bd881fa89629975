/** Slices of stores that are asked through their query API: hours of a service, or of all of them. */

import { BridgeError } from '../../errors.ts'
import type { Plan, PlanGroup, SliceSpec } from '../model.ts'
import type { SourceFilter } from '../source.ts'

const hourMs = 3_600_000

/** More slices are not planned: each costs a request and a row of the ledger. */
const mostSlices = 200_000

/**
 * Hours of UTC, whole but for the first and the last, which `since` and `until` cut; without `until` now is the end (see `plansOnce`). Throws OB_CONFIG
 * without `since`, since no query API says how far its history goes.
 * @param groups names; undefined: one slice an hour for everything
 */
export function hourlyPlan(
  kind: string,
  groups: readonly string[] | undefined,
  filter: SourceFilter,
  nowMs: number,
  notes: readonly string[],
): Plan {
  const { sinceMs } = filter
  if (sinceMs === undefined)
    throw new BridgeError('OB_CONFIG', `cannot plan ${kind}: --since is needed, for the API does not say how far back its history goes`, {
      place: '--since',
    })
  const untilMs = filter.untilMs ?? nowMs
  const names = groups ?? ['']
  const hours = Math.max(0, Math.ceil((untilMs - Math.floor(sinceMs / hourMs) * hourMs) / hourMs))
  if (hours * names.length > mostSlices)
    throw new BridgeError(
      'OB_CONFIG',
      `cannot plan ${kind}: ${hours} hours of ${names.length} services are too many slices; take a later --since`,
      {
        place: '--since',
      },
    )
  const slices: SliceSpec[] = []
  for (let from = sinceMs; from < untilMs; ) {
    const to = Math.min((Math.floor(from / hourMs) + 1) * hourMs, untilMs)
    for (const name of names) {
      slices.push({
        key: name === '' ? { from, to } : { service: name, from, to },
        group: name === '' ? 'all services' : name,
        fromMs: from,
        toMs: to,
        items: 0,
        bytes: 0,
      })
    }
    from = to
  }
  const group = (name: string): PlanGroup => ({ name, items: 0, bytes: 0, fromMs: sinceMs, toMs: untilMs, note: '' })
  return { groups: names.map((name) => group(name === '' ? 'all services' : name)), slices, notes }
}

/** The times of a slice of {@link hourlyPlan}. */
export function hoursOf(slice: SliceSpec): { readonly fromMs: number; readonly toMs: number; readonly service: string | undefined } {
  const { from, to, service } = slice.key
  if (typeof from !== 'number' || typeof to !== 'number') throw new Error('BUG: a slice without its hours')
  return { fromMs: from, toMs: to, service: typeof service === 'string' ? service : undefined }
}
