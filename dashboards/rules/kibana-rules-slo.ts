/** Kibana's burn-rate rules, and rules that need a prober. Section 10.5 of the reference. */

import { parseKibanaQuery } from '../filters/kibana-filter.ts'
import { parseKql } from '../filters/kql.ts'
import { allOf, type Filter } from '../filters/model.ts'
import { durationText, secondsIn } from './durations.ts'
import { indexOf, type KindConverter, type KindRule, refuse } from './kibana-rules-common.ts'
import { both, filterOf } from './log-pieces.ts'
import { bracketed, compared } from './outcome.ts'
import { isPlain, listOf, memberAt, memberOf, numberOf, type Plain, wordOf, wordsOf } from './plain.ts'

const secondsOfWindow = (value: unknown): number | undefined => secondsIn(memberOf(value, 'value'), memberOf(value, 'unit'))

/** `slo.rules.burnRate`: share of bad documents above a multiple of the budget, in a long and a short window. */
export const burnRate: KindConverter = (input) => {
  const { rule, file, findings, pieces } = input
  const id = wordOf(memberOf(rule.params, 'sloId')) ?? ''
  const slo = [...file.objects].find(
    ([key, object]) => key === `slo:${id}` || (key.startsWith('slo:') && wordOf(memberOf(object, 'id')) === id),
  )?.[1]
  const windows = listOf(memberOf(rule.params, 'windows')).filter(isPlain)
  if (slo === undefined) {
    findings.note(
      'OBD-A-023',
      `the SLO ${id} is not in the file; each of ${windows.length} windows becomes (errors long > rate × budget) and (errors short > rate × budget)`,
      'manual',
    )
    return undefined
  }
  const indicator = memberOf(slo, 'indicator')
  const target = numberOf(memberAt(slo, 'objective', 'target'))
  if (memberOf(indicator, 'type') !== 'sli.kql.custom' || target === undefined)
    return refuse(
      findings,
      `the indicator ${wordOf(memberOf(indicator, 'type')) ?? ''} is not made of documents`,
      'unsupported',
      'OBD-A-010',
    )
  const params = memberOf(indicator, 'params') as Plain
  const query = (key: string): Filter => {
    const value = memberOf(params, key)
    const text = wordOf(value)
    if (text !== undefined) return text.trim() === '' ? allOf([]) : filterOf(parseKql(text), key, findings)
    return isPlain(value) && 'kqlQuery' in value
      ? filterOf(parseKql(wordOf(memberOf(value, 'kqlQuery')) ?? ''), key, findings)
      : filterOf(parseKibanaQuery(value), key, findings)
  }
  const index = indexOf(memberOf(params, 'index'), input)
  const by = wordsOf(memberOf(slo, 'groupBy')).filter((one) => one !== '*')
  const base = query('filter')
  const total = allOf([base, query('total')])
  const good = allOf([base, query('good')])
  const errors = (window: number): string | undefined => {
    const all = pieces.count({ index, filter: total, by, window })
    const fine = pieces.count({ index, filter: good, by, window })
    // Where nothing is good there is no series, and all is bad.
    return all === undefined || fine === undefined ? undefined : `1 - ${bracketed(`${fine} or 0 * ${all}`)} / ${bracketed(all)}`
  }
  findings.note(
    'OBD-A-030',
    'the budget is counted over documents that the windows hold; an SLO by time slices is not known to the query',
    'approximate',
  )
  const rules: KindRule[] = []
  for (const window of windows) {
    const long = secondsOfWindow(memberOf(window, 'longWindow'))
    const short = secondsOfWindow(memberOf(window, 'shortWindow'))
    const rate = numberOf(memberOf(window, 'burnRateThreshold'))
    if (long === undefined || short === undefined || rate === undefined)
      return refuse(findings, 'a window of the burn rate is not understood')
    const limit = Number((rate * (1 - target)).toPrecision(12))
    const [slow, fast] = [errors(long), errors(short)]
    if (slow === undefined || fast === undefined) return undefined
    rules.push({
      expr: both([compared(slow, '>', limit), compared(fast, '>', limit)]),
      suffix: `${durationText(long)} and ${durationText(short)}`,
      labels: { severity: wordOf(memberOf(window, 'actionGroup'))?.split('.').at(-1) ?? 'alert' },
    })
  }
  if (rules.length === 0) return refuse(findings, 'there are no windows')
  if (rules.length > 1) findings.note('OBD-A-021', `${rules.length} rules, one for each pair of windows`)
  return rules
}

/** Rules on monitors: only if they moved to a prober. */
export const monitorStatus: KindConverter = ({ findings, pieces }) => {
  findings.note('OBD-A-031', 'monitors are checked by Elastic; the rule asks a prober instead, if the checks moved to one', 'manual')
  pieces.lookback = Math.max(pieces.lookback, 300)
  return [{ expr: 'probe_success == 0', language: 'promql' }]
}

/** Certificates of monitors. */
export const monitorTls: KindConverter = ({ rule, findings, pieces }) => {
  findings.note('OBD-A-031', 'certificates are checked by Elastic; the rule asks a prober instead, if the checks moved to one', 'manual')
  const days = numberOf(memberOf(rule.params, 'certExpirationThreshold')) ?? 30
  pieces.lookback = Math.max(pieces.lookback, 300)
  return [{ expr: `probe_ssl_earliest_cert_expiry - time() < ${days * 86_400}`, language: 'promql' }]
}
