/** What converters of Grafana's files are handed in tests: names that stay, or names by a table. */

import type { LabelTarget, MetricNaming, MetricTarget } from '../../../dashboards/naming/metrics.ts'
import type { Context, ConvertOptions } from '../../../dashboards/options.ts'
import { targetsSchema } from '../../../dashboards/targets.ts'

export interface NamingTable {
  readonly metrics?: Readonly<Record<string, string | { readonly name: string | undefined; readonly factor?: number }>>
  /** `resource:x`: only on target_info now, as `x`; `gone:why`. */
  readonly labels?: Readonly<Record<string, string>>
}

/** Names by a table; what is not in it stays. */
export function namingOf({ metrics = {}, labels = {} }: NamingTable): MetricNaming {
  const label = (name: string): LabelTarget => {
    const to = Object.hasOwn(labels, name) ? labels[name] : undefined
    if (to === undefined) return { kind: 'kept' }
    if (to.startsWith('resource:')) return { kind: 'resource', to: to.slice('resource:'.length) }
    return to.startsWith('gone:') ? { kind: 'gone', why: to.slice('gone:'.length) } : { kind: 'renamed', to }
  }
  const metric = (name: string): MetricTarget => {
    const suffix = /_(?:bucket|sum|count)$/.exec(name)?.[0] ?? ''
    const base = suffix === '' ? name : name.slice(0, -suffix.length)
    const said = Object.hasOwn(metrics, name) ? metrics[name] : undefined
    const family = said === undefined && Object.hasOwn(metrics, base) ? metrics[base] : undefined
    const row = said ?? family
    const to = typeof row === 'object' ? row.name : row
    const factor = typeof row === 'object' && suffix !== '_count' && suffix !== '_bucket' ? (row.factor ?? 1) : 1
    const bounds = typeof row === 'object' ? (row.factor ?? 1) : 1
    const target = to === undefined ? (row === undefined ? name : undefined) : said === undefined ? `${to}${suffix}` : to
    return { name: target, factor, bounds, label, guessed: false }
  }
  return { metric, label, known: undefined, isIdentity: Object.keys(metrics).length + Object.keys(labels).length === 0 }
}

export const defaultOptions: ConvertOptions = {
  to: 'grafana',
  rulesTo: 'auto',
  scale: 'query',
  transition: 'none',
  upgradePanels: false,
  acceptApproximate: false,
  targets: targetsSchema.parse({}),
  indices: {},
  datasources: {},
}

/** A context in which nothing but `names` changes. */
export const contextOf = (names: NamingTable = {}, options: Partial<ConvertOptions> = {}, rest: Partial<Context> = {}): Context => ({
  options: { ...defaultOptions, ...options },
  metrics: namingOf(names),
  fields: {
    field: (name) => ({ where: 'metadata', name: name.replaceAll('.', '_'), attribute: name, changesCase: false, certain: true }),
    isText: () => false,
    selectorOf: () => undefined,
    areMetrics: () => false,
    fieldsOf: () => undefined,
  },
  spans: { tag: (key) => ({ expressions: [`.${key}`], type: 'any', certain: true }) },
  known: [],
  libraryPanels: new Map(),
  beside: () => undefined,
  ...rest,
})
