/** Whose records they are: for the list of clients. */

import { sliceToString } from '../../otlp/attributes.ts'
import { longestService, type ServiceCount } from '../../otlp/batch.ts'
import type { LogRecords, LogResource } from '../../otlp/logs.ts'
import { ValueType } from '../../otlp/model.ts'

/** Records by `service.name`; those without one are not counted. */
export function servicesOf({ resources, resourceAttributes: columns, source }: LogRecords): readonly ServiceCount[] {
  const counts = new Map<string, number>()
  for (let i = 0; i < resources.length; i++) {
    const { from, to, records } = resources[i] as LogResource
    for (let row = from; row < to; row++) {
      if (columns.keys[row]?.text !== 'service.name') continue
      if (columns.types[row] === ValueType.Text) {
        const start = columns.a[row] as number
        const service = sliceToString(source, start, Math.min(columns.b[row] as number, start + longestService))
        counts.set(service, (counts.get(service) ?? 0) + records)
      }
      break
    }
  }
  return [...counts].map(([service, items]) => ({ service, items }))
}
