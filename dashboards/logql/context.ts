/** What queries of logs are made with, out of what every converter is handed. */

import type { Context } from '../options.ts'
import type { LogContext, QueryVariable } from './query.ts'

/**
 * @param variables of the dashboard; none for alerts
 * @param alert the queries are for a rule: no transformations behind them
 */
export const logContextOf = ({ fields, metrics, options }: Context, variables: readonly QueryVariable[], alert = false): LogContext => ({
  fields,
  metrics,
  backend: { strategy: options.targets.metrics.strategy, promoted: options.targets.metrics.promoted },
  variables,
  flavour: options.targets.logs.flavour,
  alert,
})
