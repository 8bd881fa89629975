/** Which metrics and fields the sources read, and which of them have no home yet. */

import type { Converted } from '../model.ts'
import type { Context } from '../options.ts'
import type { Report } from './model.ts'

interface Use {
  uses: number
  dashboards: number
}

export interface Inventory {
  add(converted: Converted): void
  list(): Report['inventory']
}

const mostUsed = (one: Use & { readonly name: string }, other: Use & { readonly name: string }): number =>
  other.uses - one.uses || (one.name < other.name ? -1 : one.name > other.name ? 1 : 0)

export function createInventory({ metrics, fields }: Pick<Context, 'metrics' | 'fields'>): Inventory {
  const metricUses = new Map<string, Use>()
  const fieldUses = new Map<string, Use>()
  const datasourceUses = new Map<string, Use>()

  const countAll = (uses: Map<string, Use>, names: readonly string[]): void => {
    for (const name of names) {
      const use = uses.get(name)
      if (use === undefined) uses.set(name, { uses: 1, dashboards: 0 })
      else use.uses++
    }
    for (const name of new Set(names)) {
      const use = uses.get(name)
      if (use !== undefined) use.dashboards++
    }
  }

  const sorted = (uses: ReadonlyMap<string, Use>) => [...uses].map(([name, use]) => ({ name, ...use })).sort(mostUsed)

  return {
    add({ items, parts }) {
      countAll(
        metricUses,
        items.flatMap((item) => item.uses.metrics),
      )
      countAll(
        fieldUses,
        items.flatMap((item) => item.uses.fields),
      )
      countAll(
        datasourceUses,
        parts.filter(({ kind, status }) => kind === 'datasource' && status !== 'unchanged' && status !== 'exact').map(({ title }) => title),
      )
    },
    list: () => ({
      metrics: sorted(metricUses).map(({ name, uses, dashboards }) => {
        const target = metrics.metric(name)
        return { old: name, new: target.name ?? null, k: target.factor, uses, dashboards }
      }),
      fieldsUnmapped: sorted(fieldUses).flatMap(({ name, uses, dashboards }) => {
        const place = fields.field(name)
        return place.where === 'gone' ? [{ field: name, why: place.why ?? '', uses, dashboards }] : []
      }),
      datasourcesUnmapped: sorted(datasourceUses).map(({ name, uses, dashboards }) => ({ datasource: name, uses, dashboards })),
    }),
  }
}
