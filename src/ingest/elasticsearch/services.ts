/** Whose records they are: for the list of clients. */

import { longestService, type ServiceCount } from '../../otlp/batch.ts'
import { createKeyTable } from '../../otlp/keys.ts'
import type { LogRecords, LogResource } from '../../otlp/logs.ts'
import { type Key, ValueType } from '../../otlp/model.ts'

const noServices: readonly ServiceCount[] = []

/** Names that are told apart in one request; records of further ones are not counted. */
const mostServices = 1024

/** Counts records by `service.name`; those without one are not counted. Names are kept from request to request, a bounded number of them. */
export function createServiceCounter(): (records: LogRecords) => readonly ServiceCount[] {
  const names = createKeyTable(() => 0, mostServices)
  const counts = new Map<Key, number>()
  return ({ resources, resourceAttributes: columns, source, view }) => {
    for (let i = 0; i < resources.length && counts.size < mostServices; i++) {
      const { from, to, records } = resources[i] as LogResource
      for (let row = from; row < to; row++) {
        if (columns.keys[row]?.text !== 'service.name') continue
        if (columns.types[row] === ValueType.Text) {
          const start = columns.a[row] as number
          const name = names.find(source, view, start, Math.min(columns.b[row] as number, start + longestService))
          counts.set(name, (counts.get(name) ?? 0) + records)
        }
        break
      }
    }
    if (counts.size === 0) return noServices
    const list = [...counts].map(([{ text }, items]) => ({ service: text, items }))
    counts.clear()
    names.renew()
    return list
  }
}
