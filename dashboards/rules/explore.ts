/** A link from an alert to the documents behind it. */

import { logTargets } from '../logql/aggregations.ts'
import type { Context } from '../options.ts'
import { durationText } from './durations.ts'
import { datasourceFor } from './grafana-alerts.ts'
import type { LogPieces, Question } from './log-pieces.ts'
import { literalText } from './mustache.ts'

/** Annotations with the query of the documents and a path of Grafana that shows it; none where documents became metrics or cannot be asked for. */
export function exploreOf(question: Omit<Question, 'value'>, context: Context, pieces: LogPieces): Readonly<Record<string, string>> {
  if (pieces.language !== 'logql') return {}
  const answer = logTargets(
    { index: question.index, filter: question.filter, metrics: [], buckets: [], shape: 'logs' },
    { fields: context.fields, metrics: context.metrics, variables: [], flavour: 'loki', alert: false },
  )
  const [target] = answer.targets
  if (target === undefined || target.expr === '' || target.language !== 'logql' || answer.targets.length > 1) return {}
  const { uid } = datasourceFor('loki', context)
  const panes = {
    logs: {
      datasource: uid,
      queries: [{ refId: 'A', expr: target.expr, queryType: 'range', datasource: { type: 'loki', uid } }],
      range: { from: `now-${durationText(Math.max(question.window, 900))}`, to: 'now' },
    },
  }
  return {
    logs_query: literalText(target.expr),
    logs_link: `/explore?schemaVersion=1&orgId=1&panes=${encodeURIComponent(JSON.stringify(panes))}`,
  }
}
