/** Documents themselves: a logs panel. */

import { type Note, type Status, worse } from '../model.ts'
import { logsOf } from './filter.ts'
import type { LogContext, LogQuery, LogTargets } from './query.ts'

/** Loki's own limit of lines, unless it is configured otherwise. */
const mostLines = 5000
/** What Grafana asks for when nobody says a number. */
const usualLines = 1000

/** The query of a logs panel. Columns stand in the line, as `a=… b=…`, where the message is not the only one. */
export function documentTargets(query: LogQuery, context: LogContext, why?: Note): LogTargets {
  const { index, filter, columns = [], limit = usualLines, sort } = query
  const found = logsOf(filter, context, { index })
  const notes: Note[] = [...(why === undefined ? [] : [why]), ...found.notes]
  let status: Status = why === undefined ? found.status : worse(found.status, 'approximate')
  const say = (note: Note): void => {
    status = worse(status, 'approximate')
    notes.push(note)
  }
  if (sort?.field !== undefined && context.fields.field(sort.field, index).where !== 'time') {
    say({ code: 'OBD-L-040', text: `Lines are ordered by time, not by ${sort.field}.` })
  }
  if (limit > mostLines) say({ code: 'OBD-L-040', text: `${limit} lines are wanted; Loki gives ${mostLines} unless it is told otherwise.` })
  const labels: Record<string, string> = {}
  const parts: string[] = []
  for (const column of columns) {
    const place = context.fields.field(column, index)
    if (place.where === 'time' || place.where === 'gone' || column === '_source') continue
    labels[column] = place.name
    parts.push(place.where === 'line' ? '{{ __line__ }}' : `{{ .${place.name} }}`)
  }
  const isPlain = parts.length === 0 || (parts.length === 1 && parts[0] === '{{ __line__ }}')
  const format = isPlain ? '' : ` | line_format \`${parts.join(' ')}\``
  const isUsable = status !== 'unsupported' && found.status !== 'unsupported'
  return {
    targets: [
      {
        metric: query.metrics[0]?.id ?? '',
        language: 'logql',
        expr: isUsable ? found.text + format : '',
        type: 'range',
        legend: undefined,
        hidden: false,
        status,
        notes,
      },
    ],
    status,
    notes,
    uses: { ...found.uses, fields: [...new Set([...found.uses.fields, ...columns])] },
    afterSteps: [],
    labels,
    isLogs: true,
    limit: Math.min(limit, mostLines),
  }
}
