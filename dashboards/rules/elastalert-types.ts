/** The twelve kinds of ElastAlert rules as expressions: the table of section 10.3 of the reference. */

import { isOneOf, isThere, noneOf } from '../filters/model.ts'
import { secondsOfDelta } from './durations.ts'
import { asked, metricOf, metricWindow, missing, type TypeConverter, type TypeInput } from './elastalert-metric.ts'
import { spikeOf } from './elastalert-spike.ts'
import { both, either, orZero } from './log-pieces.ts'
import { bracketed, compared } from './outcome.ts'
import { isYes, listOf, memberOf, numberOf, wordOf, wordsOf } from './plain.ts'

const positive = (expr: string | undefined): string | undefined => (expr === undefined ? undefined : compared(expr, '>', 0))

const any: TypeConverter = (input) => positive(input.pieces.count(asked(input, input.rule.runEvery)))

const frequency: TypeConverter = (input) => {
  const count = numberOf(memberOf(input.rule.all, 'num_events'))
  if (count === undefined) return missing(input, 'num_events')
  if (input.rule.timeframe === undefined) return missing(input, 'timeframe')
  const expr = input.pieces.count(asked(input, input.rule.timeframe))
  return expr === undefined ? undefined : compared(expr, '>=', count)
}

const flatline: TypeConverter = (input) => {
  const { rule, findings, pieces } = input
  const threshold = numberOf(memberOf(rule.all, 'threshold'))
  if (threshold === undefined) return missing(input, 'threshold')
  if (rule.timeframe === undefined) return missing(input, 'timeframe')
  const now = pieces.count(asked(input, rule.timeframe))
  if (now === undefined) return undefined
  if (rule.queryKey.length === 0) return compared(orZero(now), '<', threshold)
  const before = pieces.count({ ...asked(input, rule.timeframe), offset: rule.delay + rule.timeframe })
  if (before === undefined) return undefined
  if (!isYes(memberOf(rule.all, 'forget_keys')))
    findings.note(
      'OBD-A-008',
      `a ${rule.queryKey.join(', ')} that was silent for more than two windows is forgotten; the old rule went on telling of it`,
      'approximate',
    )
  return either([compared(now, '<', threshold), `${before} unless ${now}`])
}

/** Values of a list, with those of `!file` entries. */
function listed(input: TypeInput, key: string): readonly string[] | undefined {
  const values: string[] = []
  const list = memberOf(input.rule.all, key)
  if (list === undefined) return missing(input, key)
  for (const value of wordsOf(list)) {
    const file = /^!file\s+(\S.*)$/.exec(value)?.[1]
    if (file === undefined) {
      values.push(value)
      continue
    }
    const text = input.beside(file)
    if (text === undefined) {
      input.findings.note('OBD-A-019', `values of ${key} are in the file ${file}, which is not among the sources`, 'manual')
      continue
    }
    for (const line of text.split(/\r?\n/)) if (line.trim() !== '') values.push(line.trim())
  }
  if (values.length > 0) return values
  if (input.findings.status !== 'manual') return missing(input, key)
  input.findings.note('OBD-A-018', `nothing of ${key} is known`, 'unsupported')
  return undefined
}

const blacklist: TypeConverter = (input) => {
  const key = wordOf(memberOf(input.rule.all, 'compare_key'))
  if (key === undefined) return missing(input, 'compare_key')
  const values = listed(input, 'blacklist')
  if (values === undefined) return undefined
  return positive(input.pieces.count(asked(input, input.rule.runEvery, [isOneOf(key, values)])))
}

const whitelist: TypeConverter = (input) => {
  const key = wordOf(memberOf(input.rule.all, 'compare_key'))
  if (key === undefined) return missing(input, 'compare_key')
  const values = listed(input, 'whitelist')
  if (values === undefined) return undefined
  const there = isYes(memberOf(input.rule.all, 'ignore_null')) ? [isThere(key)] : []
  return positive(input.pieces.count(asked(input, input.rule.runEvery, [noneOf(isOneOf(key, values)), ...there])))
}

const change: TypeConverter = (input) => {
  const { rule, findings, pieces } = input
  const keys = wordsOf(memberOf(rule.all, 'compare_key') ?? memberOf(rule.all, 'compound_compare_key'))
  const [key] = keys
  if (key === undefined) return missing(input, 'compare_key')
  if (rule.queryKey.length === 0) return missing(input, 'query_key')
  if (rule.timeframe === undefined)
    findings.note(
      'OBD-A-007',
      'the old rule had no timeframe: each document was compared with the one before, however old. The window is 1d',
      'approximate',
    )
  findings.note('OBD-A-006', `fires while a window holds more than one ${keys.join(', ')}, also when it changed back before`, 'approximate')
  if (!isYes(memberOf(rule.all, 'ignore_null')))
    findings.note('OBD-A-006', `documents without ${keys.join(', ')} do not count as a value of their own`, 'approximate')
  const parts = keys.flatMap((one) => {
    const expr = pieces.unique(asked(input, rule.timeframe ?? 86_400), one)
    return expr === undefined ? [] : [compared(expr, '>', 1)]
  })
  return parts.length === keys.length ? either(parts) : undefined
}

/** The longest window of a new term: Loki refuses more than a month, and a day is what is usually fast enough. */
const longestMemory = 86_400

const newTerm: TypeConverter = (input) => {
  const { rule, findings, pieces } = input
  const fields = listOf(memberOf(rule.all, 'fields') ?? memberOf(rule.all, 'query_key'))
  const single = wordOf(memberOf(rule.all, 'fields') ?? memberOf(rule.all, 'query_key'))
  const sets = single === undefined ? fields.map((one) => wordsOf(one)) : [[single]]
  if (sets.length === 0 || sets.some((set) => set.length === 0)) return missing(input, 'fields')
  const wanted = secondsOfDelta(memberOf(rule.all, 'terms_window_size')) ?? 30 * 86_400
  const window = Math.min(wanted, longestMemory)
  findings.note(
    'OBD-A-007',
    wanted > window
      ? `a value is new when it was not there in the last 1d; the old rule remembered ${Math.round(wanted / 86_400)}d`
      : 'the old rule remembered values since it was started, the query only those of its window',
    'approximate',
  )
  if (isYes(memberOf(rule.all, 'alert_on_missing_field')))
    findings.note('OBD-A-018', 'documents without the field are not told of', 'approximate')
  const parts: string[] = []
  for (const set of sets) {
    const now = pieces.count({ ...asked(input, rule.runEvery), by: set, missing: false })
    const before = pieces.count({ ...asked(input, window), by: set, missing: false, offset: rule.delay + rule.runEvery })
    if (now === undefined || before === undefined) return undefined
    parts.push(`${now} unless ${before}`)
  }
  return either(parts)
}

const cardinality: TypeConverter = (input) => {
  const { rule, pieces, findings } = input
  const field = wordOf(memberOf(rule.all, 'cardinality_field'))
  if (field === undefined) return missing(input, 'cardinality_field')
  if (rule.timeframe === undefined) return missing(input, 'timeframe')
  const max = numberOf(memberOf(rule.all, 'max_cardinality'))
  const min = numberOf(memberOf(rule.all, 'min_cardinality'))
  if (max === undefined && min === undefined) return missing(input, 'max_cardinality or min_cardinality')
  const expr = pieces.unique(asked(input, rule.timeframe), field)
  if (expr === undefined) return undefined
  findings.note('OBD-A-026', `one series of every ${field} is counted: exact below the limit of series`)
  const parts: string[] = []
  if (max !== undefined) parts.push(compared(expr, '>', max))
  if (min !== undefined) {
    parts.push(compared(rule.queryKey.length === 0 ? orZero(expr) : expr, '<', min))
    if (rule.queryKey.length > 0)
      findings.note(
        'OBD-A-008',
        `a ${rule.queryKey.join(', ')} without any document is not told of; the old rule went on with it`,
        'approximate',
      )
  }
  return either(parts)
}

const metricAggregation: TypeConverter = (input) => {
  const { rule } = input
  const max = numberOf(memberOf(rule.all, 'max_threshold'))
  const min = numberOf(memberOf(rule.all, 'min_threshold'))
  if (max === undefined && min === undefined) return missing(input, 'max_threshold or min_threshold')
  const expr = metricOf(input, metricWindow(input))
  if (expr === undefined) return undefined
  const parts: string[] = []
  if (max !== undefined) parts.push(compared(expr, '>', max))
  if (min !== undefined) parts.push(compared(expr, '<', min))
  return either(parts)
}

const percentageMatch: TypeConverter = (input) => {
  const { rule, pieces } = input
  const max = numberOf(memberOf(rule.all, 'max_percentage'))
  const min = numberOf(memberOf(rule.all, 'min_percentage'))
  if (max === undefined && min === undefined) return missing(input, 'max_percentage or min_percentage')
  const clauses = memberOf(rule.all, 'match_bucket_filter')
  if (clauses === undefined) return missing(input, 'match_bucket_filter')
  const match = input.filterFrom(Array.isArray(clauses) ? clauses : [clauses])
  const window = metricWindow(input)
  const total = pieces.count(asked(input, window))
  const matching = pieces.count(asked(input, window, [match]))
  if (total === undefined || matching === undefined) return undefined
  // Where nothing matches there is no series, and the share is 0: only a lower bound has to know.
  const share = (numerator: string): string => `100 * ${bracketed(numerator)} / ${bracketed(total)}`
  const parts: string[] = []
  if (max !== undefined) parts.push(compared(share(matching), '>', max))
  if (min !== undefined) parts.push(compared(share(`${matching} or 0 * ${total}`), '<', min))
  const least = numberOf(memberOf(rule.all, 'min_denominator'))
  const expr = either(parts)
  return least === undefined || least <= 0 ? expr : both([expr, compared(total, '>=', least)])
}

/** Kinds by name. */
export const elastalertTypes: ReadonlyMap<string, TypeConverter> = new Map([
  ['any', any],
  ['frequency', frequency],
  ['flatline', flatline],
  ['spike', spikeOf],
  ['blacklist', blacklist],
  ['whitelist', whitelist],
  ['change', change],
  ['new_term', newTerm],
  ['cardinality', cardinality],
  ['metric_aggregation', metricAggregation],
  ['spike_aggregation', spikeOf],
  ['percentage_match', percentageMatch],
])
