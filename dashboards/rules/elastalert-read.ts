/** Reads rules of ElastAlert and ElastAlert 2: what of them decides when they fire, and names of the rest. Section 10.3 of the reference. */

import { secondsOfDelta } from './durations.ts'
import { isPlain, memberOf, numberOf, type Plain, plainOf, wordOf, wordsOf } from './plain.ts'
import { isSecretKey, type Receiver } from './receivers.ts'

/** Most files that one rule may import, each within the other or not. */
const mostImports = 32

/** A rule with all that it imports, and what the configuration of all rules says. */
export interface ElastalertRule {
  readonly name: string
  readonly type: string
  readonly index: string
  /** Clauses of the query DSL; all of them hold. */
  readonly filter: readonly unknown[]
  /** Fields by which it groups. */
  readonly queryKey: readonly string[]
  /** Seconds between runs. */
  readonly runEvery: number
  readonly timeframe: number | undefined
  readonly bufferTime: number
  /** Seconds by which queries are late. */
  readonly delay: number
  /** Seconds before the same is told again. */
  readonly realert: number
  readonly enabled: boolean
  /** The whole, for what only some types read. */
  readonly all: Plain
  readonly receivers: readonly Receiver[]
  /** Files that it reads and that are not there. */
  readonly missing: readonly string[]
  /** Where run_every is taken from. */
  readonly runEveryFrom: 'rule' | 'config' | 'default'
}

/** Reads a YAML text as a plain value; undefined: it is none. */
export type ReadYaml = (text: string) => unknown

/** A path beside another one; undefined: it leads above the folder that is read from. */
function besidePath(from: string, path: string): string {
  const parts = from.split('/').slice(0, -1)
  for (const part of path.replace(/\\/g, '/').split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else parts.push(part)
  }
  return parts.join('/')
}

interface Imported {
  readonly values: Plain
  readonly missing: readonly string[]
}

/** Merges imports: what stands in the rule wins; filters of all hold together. */
function withImports(rule: Plain, beside: (path: string) => string | undefined, read: ReadYaml): Imported {
  const missing: string[] = []
  const seen = new Set<string>()
  const filters: unknown[][] = []
  const filterOf = (value: Plain): unknown[] => {
    const filter = memberOf(value, 'filter')
    return Array.isArray(filter) ? filter : filter === undefined || filter === null ? [] : [filter]
  }
  let values: Record<string, unknown> = Object.assign(Object.create(null), rule)
  filters.push(filterOf(rule))
  const open: { readonly from: string; readonly path: string }[] = wordsOf(memberOf(rule, 'import')).map((path) => ({ from: '', path }))
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const path = besidePath(next.from, next.path)
    if (seen.has(path) || seen.size >= mostImports) continue
    seen.add(path)
    const text = beside(path)
    const imported = text === undefined ? undefined : read(text)
    if (!isPlain(imported)) {
      missing.push(next.path)
      continue
    }
    filters.unshift(filterOf(imported))
    values = Object.assign(Object.create(null), imported, values)
    open.push(...wordsOf(memberOf(imported, 'import')).map((one) => ({ from: path, path: one })))
  }
  values['filter'] = filters.flat()
  return { values, missing }
}

/** Names of receivers and of settings that stay behind. */
function receiversOf(values: Plain): readonly Receiver[] {
  const list = memberOf(values, 'alert')
  const alerts = Array.isArray(list) ? list : list === undefined ? [] : [list]
  const receivers = new Map<string, Set<string>>()
  for (const alert of alerts) {
    const name = wordOf(alert) ?? (isPlain(alert) ? Object.keys(alert)[0] : undefined)
    if (name === undefined) continue
    const withheld = receivers.get(name) ?? new Set<string>()
    receivers.set(name, withheld)
    const settings = isPlain(alert) ? plainOf(memberOf(alert, name)) : {}
    for (const key of Object.keys(settings)) withheld.add(key)
    const bare = name.split('.').at(-1)?.toLowerCase() ?? name
    for (const key of Object.keys(values))
      if (key.toLowerCase().startsWith(`${bare}_`) || (bare === 'email' && /^(email|smtp_|from_addr|cc$|bcc$)/.test(key))) withheld.add(key)
  }
  return [...receivers].map(([name, withheld]) => ({ name, withheld: [...withheld].sort() }))
}

/** `logstash-%Y.%m.%d` asks all of `logstash-*`. */
export const indexPattern = (index: string): string =>
  index
    .split(',')
    .map((one) => one.trim().replace(/%.*$/, '*'))
    .join(',')

/** A plain value as a rule; undefined: it is none. `config`: the values of config.yaml, where it was found. */
export function readElastalert(
  value: unknown,
  config: Plain | undefined,
  beside: (path: string) => string | undefined,
  read: ReadYaml,
): ElastalertRule | undefined {
  if (!isPlain(value)) return undefined
  const { values, missing } = withImports(value, beside, read)
  const type = wordOf(memberOf(values, 'type'))
  if (type === undefined) return undefined
  const both = (key: string): unknown => memberOf(values, key) ?? memberOf(config, key)
  const own = secondsOfDelta(memberOf(values, 'run_every'))
  const general = secondsOfDelta(memberOf(config, 'run_every'))
  const key = memberOf(values, 'query_key')
  const enabled = memberOf(values, 'is_enabled')
  return {
    name: wordOf(memberOf(values, 'name')) ?? 'rule without a name',
    type,
    index: indexPattern(wordsOf(memberOf(values, 'index')).join(',')),
    filter: memberOf(values, 'filter') as readonly unknown[],
    queryKey: wordsOf(key)
      .flatMap((one) => one.split(',').map((part) => part.trim()))
      .filter((one) => one !== ''),
    runEvery: own ?? general ?? 60,
    runEveryFrom: own !== undefined ? 'rule' : general !== undefined ? 'config' : 'default',
    timeframe: secondsOfDelta(memberOf(values, 'timeframe')),
    bufferTime: secondsOfDelta(both('buffer_time')) ?? 900,
    delay: secondsOfDelta(both('query_delay')) ?? 0,
    realert: secondsOfDelta(both('realert')) ?? (numberOf(memberOf(values, 'realert')) === 0 ? 0 : 60),
    enabled: enabled === undefined || enabled === null || enabled === true || enabled === 'true' || enabled === 'True',
    all: values,
    receivers: receiversOf(values),
    missing,
  }
}

/** Keys that say when a rule fires: only they are shown in a report. */
const shown = [
  'name',
  'type',
  'index',
  'filter',
  'query_key',
  'aggregation_key',
  'compare_key',
  'compound_compare_key',
  'timeframe',
  'run_every',
  'buffer_time',
  'query_delay',
  'num_events',
  'threshold',
  'threshold_cur',
  'threshold_ref',
  'spike_height',
  'spike_type',
  'alert_on_new_data',
  'field_value',
  'forget_keys',
  'blacklist',
  'whitelist',
  'ignore_null',
  'fields',
  'terms_window_size',
  'window_step_size',
  'alert_on_missing_field',
  'cardinality_field',
  'max_cardinality',
  'min_cardinality',
  'metric_agg_key',
  'metric_agg_type',
  'metric_agg_script',
  'percentile_range',
  'max_threshold',
  'min_threshold',
  'bucket_interval',
  'sync_bucket_interval',
  'use_run_every_query_size',
  'match_bucket_filter',
  'min_percentage',
  'max_percentage',
  'min_denominator',
  'use_count_query',
  'use_terms_query',
  'doc_type',
  'terms_size',
  'realert',
  'is_enabled',
]

/** A rule as a report shows it: what decides when it fires, as JSON in the order above. Values below a key that may hold a secret are left out. */
export function shownRule(rule: ElastalertRule): string {
  const picked = Object.fromEntries(shown.flatMap((key) => (Object.hasOwn(rule.all, key) ? [[key, rule.all[key]]] : [])))
  return JSON.stringify(
    picked,
    (key, value) => (key !== '' && !shown.includes(key) && isSecretKey(key) && typeof value !== 'object' ? '***' : value),
    1,
  )
}
