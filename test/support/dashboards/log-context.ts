/** What tests of LogQL are made with, and what they look at. */

import { parser } from '@grafana/lezer-logql'
import { parseKql } from '../../../dashboards/filters/kql.ts'
import type { Filter, Parsed } from '../../../dashboards/filters/model.ts'
import { everything } from '../../../dashboards/filters/model.ts'
import { logTargets } from '../../../dashboards/logql/aggregations.ts'
import type { LogContext, LogQuery } from '../../../dashboards/logql/query.ts'
import { createFieldNaming } from '../../../dashboards/naming/fields.ts'
import type { MetricNaming } from '../../../dashboards/naming/metrics.ts'

const noMetrics: MetricNaming = {
  metric: (name) => ({ name, factor: 1, label: () => ({ kind: 'kept' }), guessed: false }),
  label: () => ({ kind: 'kept' }),
  known: undefined,
  isIdentity: true,
}

const index = { as: 'logs', text_fields: [] as string[], keyword_fields: [] as string[] } as const

/** Names by the defaults; indices `nginx-*` with a selector, `texts-*` with a text field, `metricbeat-*` as metrics, `machines-*` with a list of fields. */
export const fields = createFieldNaming({
  rules: { renames: 'default' },
  flavour: 'loki',
  indices: {
    'nginx-*': { ...index, selector: '{service_name="nginx"}' },
    'texts-*': { ...index, text_fields: ['note'] },
    'metricbeat-*': { ...index, as: 'metrics' },
  },
  fields: new Map([['machines-*', ['machine.os', 'machine.ram', 'bytes']]]),
})

export const context: LogContext = {
  fields,
  metrics: noMetrics,
  backend: { strategy: 'UnderscoreEscapingWithoutSuffixes', promoted: ['host.name'] },
  variables: [
    { name: 'svc', multi: true },
    { name: 'one', multi: false },
  ],
  flavour: 'loki',
  alert: false,
}

/** The filter of a parsed text; throws for what cannot be read. */
export function filterOf(parsed: Parsed): Filter {
  if (!parsed.ok) throw new Error(`${parsed.why} at ${parsed.at}`)
  return parsed.filter
}

export const kql = (text: string): Filter => filterOf(parseKql(text))

/** What Grafana puts in where the grammar knows no variable. */
const mask = (text: string): string =>
  text
    .replaceAll('$__interval_ms', '1')
    .replaceAll('$__range_s', '1')
    .replaceAll('$__interval', '5m')
    .replaceAll('$__range', '1h')
    .replaceAll(/([<>]=? )\$\{\w+\}/g, '$11')

/** Whether Grafana's grammar reads a query. */
export function parses(text: string): boolean {
  let isFine = true
  parser.parse(mask(text)).iterate({
    enter(node) {
      if (node.type.isError) isFine = false
    },
  })
  return isFine
}

/** Targets of a question; every one has to parse. */
export function ask(query: Partial<LogQuery>, more: Partial<LogContext> = {}) {
  const made = logTargets(
    { index: undefined, filter: everything, metrics: [], buckets: [], shape: 'range', ...query },
    { ...context, ...more },
  )
  for (const { expr, language } of made.targets) {
    if (language === 'logql' && expr !== '' && !parses(expr)) throw new Error(`Grafana's grammar does not read ${expr}`)
  }
  return made
}
