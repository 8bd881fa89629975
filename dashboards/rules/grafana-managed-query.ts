/** One query of a rule that Grafana manages. Section 10.2 of the reference. */

import { mappedTo } from '../grafana/datasources.ts'
import { isPlain, patchNode } from '../grafana/patch.ts'
import { promqlPlugins } from '../grafana/prometheus.ts'
import { convertQuery, guessPlugin } from '../grafana/queries.ts'
import { resolveReference } from '../grafana/references.ts'
import { type Item, type Language, type Note, noUses, type QueryEdit, type RunHint, type Status, type Uses, worse } from '../model.ts'
import type { Context } from '../options.ts'
import { rewritePromql } from '../promql/rewrite.ts'
import type { TextDocument } from '../text/document.ts'
import { type Node, textOf } from '../text/node.ts'
import { secondsOf } from './durations.ts'
import { datasourceFor } from './grafana-alerts.ts'
import { numberOf } from './plain.ts'

/** What became of a query. */
export interface ManagedQuery {
  readonly before: string
  readonly after: string
  readonly language: Language
  readonly status: Status
  readonly edits: readonly QueryEdit[]
  readonly notes: readonly Note[]
  readonly uses: Uses
  /** Labels of the result that have other names now. */
  readonly labels: ReadonlyMap<string, string>
  readonly lost: readonly string[]
  readonly fromElasticsearch: boolean
  /** Nothing is 0 in the new query as well. */
  readonly zeroed: boolean
  /** The reference to the data source, where it changed; id, place and title are the rule's. */
  readonly datasource: Item | undefined
  readonly run?: RunHint | undefined
}

const kept = (before: string, language: Language, notes: readonly Note[] = [], status: Status = 'unchanged'): ManagedQuery => ({
  before,
  after: before,
  language,
  status,
  edits: [],
  notes,
  uses: noUses,
  labels: new Map(),
  lost: [],
  fromElasticsearch: false,
  zeroed: true,
  datasource: undefined,
})

const special = new Set(['__expr__', '-100', 'grafana', '-- Grafana --'])

/** uid of a data source in both places where a rule names it. */
function moveDatasource(data: Node, model: Node, uid: string, type: string, document: TextDocument, from: string): Item | undefined {
  const before = data.get('datasourceUid')
  const inside = model.get('datasource')
  let changed = false
  if (before?.kind === 'string' && before.value !== uid) {
    document.replace(before, uid)
    changed = true
  }
  for (const [key, value] of [
    ['uid', uid],
    ['type', type],
  ] as const) {
    const node = inside?.get(key)
    if (node?.kind === 'string' && node.value !== value) {
      document.replace(node, value)
      changed = true
    }
  }
  if (!changed) return undefined
  return {
    kind: 'datasource',
    id: '',
    where: '',
    title: '',
    language: 'other',
    status: 'exact',
    before: from,
    after: uid,
    edits: [],
    notes: [],
    uses: noUses,
  }
}

/** Converts an element of `data`; undefined: an expression of Grafana's own, which is not touched. */
export function convertManagedQuery(
  data: Node,
  document: TextDocument,
  context: Context,
  wanted: ReadonlySet<string>,
): ManagedQuery | undefined {
  const uid = textOf(data.get('datasourceUid'))
  const model = data.get('model')
  if (model?.kind !== 'object' || (uid !== undefined && special.has(uid))) return undefined
  const plain = model.plain()
  if (!isPlain(plain)) return undefined
  const inside = model.get('datasource')
  const type = textOf(inside?.get('type'))
  if (type === '__expr__' || textOf(inside?.get('uid')) === '__expr__') return undefined
  const reference = { form: 'object' as const, type, uid: uid ?? textOf(inside?.get('uid')) }
  const resolved = resolveReference(reference, { variables: new Map(), inputs: new Map(), known: context.known })
  const guessed = resolved.type === '' ? guessPlugin(plain, new Set()) : undefined
  const plugin = resolved.type === '' ? (guessed ?? '') : resolved.type
  const from = { keys: resolved.keys, type: plugin }
  if (promqlPlugins.has(plugin)) {
    const query = prometheusQuery(model, plugin, document, context, wanted)
    const to = mappedTo(from, 'prometheus', context.options)
    return to === undefined ? query : { ...query, datasource: moveDatasource(data, model, to, plugin, document, uid ?? '') }
  }
  if (plugin !== 'elasticsearch' && plugin !== 'grafana-opensearch-datasource') {
    const shown = textOf(model.get('expr')) ?? textOf(model.get('query')) ?? textOf(model.get('rawSql')) ?? ''
    const to = mappedTo(from, plugin, context.options)
    const datasource = to === undefined ? undefined : moveDatasource(data, model, to, plugin, document, uid ?? '')
    if (plugin === '')
      return {
        ...kept(shown, 'other', [{ code: 'OBD-A-020', text: 'nobody says which data source is asked; the query is kept' }], 'manual'),
        datasource,
      }
    return { ...kept(shown, plugin === 'loki' ? 'logql' : 'other'), datasource }
  }
  const result = convertQuery(
    { role: 'panel', model: plain, datasource: { type: plugin, index: resolved.index }, panel: undefined, variables: [], context },
    false,
  )
  const text = textOf(model.get('query')) ?? ''
  if (result === undefined) return kept(text, 'lucene')
  const { models } = result
  const [next] = models
  const shared = {
    before: result.before,
    language: result.language,
    edits: [],
    uses: result.uses,
    lost: [],
    fromElasticsearch: true,
    zeroed: false,
  }
  const several = models.length > 1 || result.transformations.length > 0
  if (next === undefined || several || result.status === 'unsupported') {
    const notes: readonly Note[] = several
      ? [...result.notes, { code: 'OBD-A-021', text: 'the query would become several, which the conditions of the rule do not know' }]
      : result.notes
    return { ...shared, after: result.before, status: 'unsupported', notes, labels: new Map(), datasource: undefined }
  }
  const notes = [...result.notes]
  const to = result.datasource ?? plugin
  const heir = to === 'loki' || to === 'prometheus' ? datasourceFor(to, context) : undefined
  const target = mappedTo(from, to, context.options) ?? heir?.uid ?? uid ?? ''
  if (mappedTo(from, to, context.options) === undefined && heir?.guessed === true)
    notes.push({
      code: 'OBD-A-020',
      text: `the new query asks the data source whose uid is "${to}"`,
      suggestion: `--datasource ${uid ?? to}=<uid>`,
    })
  const refId = textOf(model.get('refId')) ?? textOf(data.get('refId'))
  const datasource = moveDatasource(data, model, target, to, document, uid ?? '')
  const hasReference = inside?.kind === 'object'
  const made: Record<string, unknown> = { ...next }
  delete made['datasource']
  delete made['hide']
  if (refId !== undefined) made['refId'] = refId
  for (const key of ['intervalMs', 'maxDataPoints']) if (plain[key] !== undefined) made[key] = plain[key]
  const expr = typeof made['expr'] === 'string' ? made['expr'] : undefined
  const grouped = expr !== undefined && /\bby\s*\(\s*\w/.test(expr)
  const isCount = expr !== undefined && /^\s*sum\s*\(\s*count_over_time\b/.test(expr)
  if (expr !== undefined && isCount && !grouped && !/or vector\(0\)\s*$/.test(expr)) made['expr'] = `${expr} or vector(0)`
  const zeroed = typeof made['expr'] === 'string' && /or vector\(0\)\s*$/.test(made['expr'])
  const timed = atTimes(data, made, document)
  notes.push(...timed.notes)
  patchNode(document, model, hasReference ? { ...made, datasource: withReference(plain['datasource'], target, to) } : made)
  const after = typeof made['expr'] === 'string' ? made['expr'] : result.after
  return { ...shared, zeroed, after, status: worse(result.status, timed.status), notes, labels: result.labels, datasource, run: result.run }
}

const withReference = (before: unknown, uid: string, type: string): unknown => (isPlain(before) ? { ...before, uid, type } : { uid, type })

/**
 * Buckets of Elasticsearch fill the time range; each point of Loki looks back by its own range, the first one too. So the range begins one step later, or there is only one
 * point, else a sum over the points would count too much.
 */
function atTimes(
  data: Node,
  made: Record<string, unknown>,
  document: TextDocument,
): { readonly status: Status; readonly notes: readonly Note[] } {
  const range = data.get('relativeTimeRange')
  const start = range?.get('from')
  const from = numberOf(start?.value)
  if (made['queryType'] !== 'range' || from === undefined || start === undefined) return { status: 'exact', notes: [] }
  const length = from - (numberOf(range?.get('to')?.value) ?? 0)
  const step = typeof made['step'] === 'string' ? secondsOf(made['step']) : undefined
  if (step === undefined)
    return { status: 'approximate', notes: [{ code: 'OBD-A-030', text: 'the first point looks back beyond the time range, by one step' }] }
  if (length <= step) {
    made['queryType'] = 'instant'
    delete made['step']
    if (length === step) return { status: 'exact', notes: [] }
    return { status: 'approximate', notes: [{ code: 'OBD-A-030', text: `the window is ${step}s, and the time range was ${length}s` }] }
  }
  document.replace(start, from - step)
  const rest = length % step
  const text = `the time range begins ${step}s later, because each point looks back by that much`
  return {
    status: rest === 0 ? 'exact' : 'approximate',
    notes: [{ code: 'OBD-A-030', text: rest === 0 ? text : `${text}; ${rest}s at its beginning do not count` }],
  }
}

function prometheusQuery(model: Node, plugin: string, document: TextDocument, context: Context, wanted: ReadonlySet<string>): ManagedQuery {
  const node = model.get('expr') ?? model.get('query')
  const text = textOf(node)
  if (node === undefined || text === undefined) return kept('', 'promql')
  const { options, metrics } = context
  const result = rewritePromql(text, {
    naming: metrics,
    variables: new Set(['__interval', '__interval_ms', '__rate_interval', '__range', '__range_s', '__range_ms']),
    scale: 'query',
    transition: 'none',
    role: 'rule',
    targets: options.targets.metrics,
    exportInterval: options.exportInterval,
    wanted,
  })
  if (result.after !== text) document.editText(node, result.edits)
  return {
    before: text,
    after: result.after,
    language: 'promql',
    status: result.status,
    edits: result.edits,
    notes: result.notes,
    uses: result.uses,
    labels: result.labels,
    lost: result.lost,
    fromElasticsearch: false,
    zeroed: true,
    datasource: undefined,
    ...(plugin === 'prometheus'
      ? {
          run: {
            shape: 'instant' as const,
            old: 'prometheus' as const,
            new: 'prometheus' as const,
            labels: Object.fromEntries(result.labels),
            factor: result.factor,
          },
        }
      : {}),
  }
}
