/** One rule of Prometheus: its query, its templates, and whether it may be written as it is. Sections 1.4 and 10.1 of the reference. */

import { parser as logql } from '@grafana/lezer-logql'
import { type Item, type Note, type Status, worse } from '../model.ts'
import type { MetricNaming } from '../naming/metrics.ts'
import type { Context } from '../options.ts'
import type { Expr } from '../promql/ast.ts'
import type { PromqlContext, PromqlResult } from '../promql/context.ts'
import { longestQuery, parsePromql } from '../promql/parse.ts'
import { rewritePromql } from '../promql/rewrite.ts'
import type { TextDocument } from '../text/document.ts'
import { type Node, textOf } from '../text/node.ts'
import { rewriteTemplate, templateLabels } from './go-template.ts'
import type { RuleNode } from './prometheus-groups.ts'

/** Nothing in it, ever: how a rule is paused that has to stay where it is. */
export const pausedBy = ' and on () (vector(1) == 0)'

const noVariables: ReadonlySet<string> = new Set()

/** Metrics of what a migration takes away. The operator of Prometheus stays, and so do the clients and agents of Jaeger, which go on unchanged. */
const leaving =
  /^(?:prometheus_(?!operator_|sdk_)|jaeger_(?!agent_|client_|tracer_|reporter_|sampler_|throttler_|rpc_)|zipkin_(?!reporter_))/
const scraper = /^(?:up|ALERTS|ALERTS_FOR_STATE|scrape_.*)$/s

/**
 * Names of recorded series are given by the rules, and no backend translates them.
 * @param recorded name → factor of the bounds of recorded buckets, 1 of all else
 */
export function ruleNaming(naming: MetricNaming, recorded: ReadonlyMap<string, number>): MetricNaming {
  return {
    ...naming,
    metric(name) {
      const bounds = recorded.get(name)
      if (bounds === undefined) return naming.metric(name)
      const label = (key: string) => {
        const fate = naming.label(key)
        return fate.kind === 'resource' ? ({ kind: 'renamed', to: fate.to } as const) : fate
      }
      return { name, factor: 1, bounds, label, guessed: false }
    },
  }
}

/** Names under which the rules of a file read what they record: buckets may be recorded with bounds of another unit. */
export function recordedNames(rules: readonly RuleNode[], context: Context): MetricNaming {
  const records = rules.filter(({ kind }) => kind === 'record')
  const recorded = new Map(records.map(({ name }): [string, number] => [name, 1]))
  const naming = ruleNaming(context.metrics, recorded)
  // What is recorded of what is recorded comes right with the second round, whatever their order.
  for (let round = 0; round < 2; round++) {
    for (const { name, expr } of records) {
      const { bounds } = rewritePromql(textOf(expr) ?? '', rulePromql(context, naming, []))
      if (bounds !== 1) recorded.set(name, bounds)
    }
  }
  return naming
}

export const rulePromql = (context: Context, naming: MetricNaming, wanted: readonly string[]): PromqlContext => ({
  naming,
  variables: noVariables,
  scale: 'query',
  transition: context.options.transition,
  role: 'rule',
  targets: context.options.targets.metrics,
  exportInterval: context.options.exportInterval,
  wanted,
})

/** Whether a text is LogQL: no selector of it names a metric, and its grammar takes it. */
export function isLogql(text: string): boolean {
  if (text.length > longestQuery || !text.includes('{')) return false
  const tree = parsePromql(text)
  if (typeof tree !== 'string' && namesMetrics(tree)) return false
  if (tree === 'depth' || tree === 'length') return false
  let isFine = true
  const cursor = logql.parse(text).cursor()
  do isFine &&= !cursor.type.isError
  while (isFine && cursor.next())
  return isFine
}

function namesMetrics(expr: Expr): boolean {
  switch (expr.kind) {
    case 'selector':
      return expr.name !== undefined || expr.matchers.some(({ label }) => label.name === '__name__')
    case 'matrix':
    case 'modified':
    case 'subquery':
    case 'paren':
    case 'unary':
      return namesMetrics(expr.inner)
    case 'call':
    case 'aggregate':
      return expr.args.some(namesMetrics)
    case 'binary':
      return namesMetrics(expr.left) || namesMetrics(expr.right)
    default:
      return false
  }
}

/** Texts of `labels` and `annotations` in which something may be read. */
export function templatesOf(rule: Node): Node[] {
  return ['labels', 'annotations'].flatMap((key) =>
    (rule.get(key)?.members ?? []).flatMap(([, value]) => (textOf(value)?.includes('{{') === true ? [value] : [])),
  )
}

export interface RewrittenRule {
  readonly item: Item
  readonly parts: readonly Item[]
  /** The query as it is written; paused where it has to be. */
  readonly expr: string
  readonly status: Status
}

const pausedText = (expr: string): string => `(${expr.trim()}${/#[^\n]*$/.test(expr) ? '\n' : ''})${pausedBy}`

/** Whether a rule was paused here before. */
export const isPaused = (expr: string): boolean => expr.trimEnd().endsWith(pausedBy)

function extraNotes(rule: RuleNode, result: PromqlResult, naming: MetricNaming): { status: Status; notes: Note[] } {
  const notes: Note[] = []
  let status: Status = 'unchanged'
  const metrics = result.uses.metrics.filter((name) => !scraper.test(name))
  if (metrics.length > 0 && metrics.every((name) => leaving.test(name))) {
    status = 'manual'
    notes.push({ code: 'OBD-P-030', text: `the rule watches a component that goes: ${metrics.slice(0, 5).join(', ')}` })
  }
  if (rule.kind === 'record') {
    const to = naming.metric(rule.name).name
    if (to !== rule.name) {
      status = worse(status, 'approximate')
      notes.push({
        code: 'OBD-P-031',
        text: `${rule.name} is recorded under this name; queries elsewhere would be rewritten to ${to ?? 'nothing'}`,
      })
    }
  } else if (result.lost.length > 0) {
    status = worse(status, 'approximate')
    notes.push({
      code: 'OBD-P-033',
      text: `alerts have these labels no more: ${result.lost.slice(0, 10).join(', ')}`,
      suggestion: 'promote the attributes',
    })
  }
  return { status, notes }
}

/** Rewrites the templates of a rule in place. */
function rewriteTemplates(
  rule: RuleNode,
  result: PromqlResult,
  id: string,
  context: Context,
  naming: MetricNaming,
  document: TextDocument,
): Item[] {
  const parts: Item[] = []
  const lost = new Set(result.lost)
  const rewrite = (query: string): PromqlResult => rewritePromql(query, { ...rulePromql(context, naming, []), transition: 'none' })
  for (const node of templatesOf(rule.node)) {
    const before = textOf(node) ?? ''
    const { status, edits, notes } = rewriteTemplate(before, { labels: result.labels, lost, label: (name) => naming.label(name), rewrite })
    if (status === 'unchanged' && notes.length === 0) continue
    if (edits.length > 0) document.editText(node, edits)
    const sorted = edits.toSorted((one, other) => one.start - other.start)
    let after = before
    for (const edit of sorted.toReversed()) after = after.slice(0, edit.start) + edit.to + after.slice(edit.end)
    parts.push({
      kind: 'label',
      id: `${id}/${node.path.slice(rule.node.path.length + 1)}`,
      where: node.path,
      title: rule.name,
      language: 'template',
      status,
      before,
      after,
      edits: sorted.map(({ start, end, to }) => ({ start, end, from: before.slice(start, end), to, rule: '§10.1 template' })),
      notes,
      uses: { metrics: [], labels: [], fields: [] },
    })
  }
  return parts
}

/** Rewrites a rule in place. */
export function rewriteRule(rule: RuleNode, id: string, context: Context, naming: MetricNaming, document: TextDocument): RewrittenRule {
  const before = textOf(rule.expr) ?? String(rule.expr.value)
  const wanted = templatesOf(rule.node).flatMap((node) => templateLabels(textOf(node) ?? ''))
  const result = rewritePromql(before, rulePromql(context, naming, wanted))
  const extra = extraNotes(rule, result, context.metrics)
  const status = worse(result.status, extra.status)
  const notes = [...result.notes, ...extra.notes]
  const doubtful = rule.kind === 'alert' && (status === 'approximate' || status === 'manual') && result.edits.length > 0
  const pauses = doubtful && !context.options.acceptApproximate && !isPaused(before)
  if (pauses)
    notes.push({
      code: 'OBD-P-035',
      text: `the rule is ${status}: it never fires as it is written, until \`${pausedBy.trim()}\` is taken away`,
    })
  const expr = pauses ? pausedText(result.after) : result.after
  if (rule.expr.kind === 'string' && expr !== before) {
    const edits = result.edits.map(({ start, end, to }) => ({ start, end, to }))
    if (pauses) {
      const start = before.length - before.trimStart().length
      const end = before.trimEnd().length
      edits.unshift({ start, end: start, to: '(' })
      edits.push({ start: end, end, to: `${/#[^\n]*$/.test(before.trimEnd()) ? '\n' : ''})${pausedBy}` })
    }
    document.editText(rule.expr, edits)
  }
  const parts = rewriteTemplates(rule, result, id, context, naming, document)
  const shown = parts.some(({ status: one }) => one === 'manual') ? worse(status, 'approximate') : status
  const item: Item = {
    kind: 'rule',
    id,
    where: rule.expr.path,
    title: rule.name,
    language: 'promql',
    status: shown,
    before,
    after: expr,
    edits: result.edits,
    notes,
    uses: result.uses,
    run: { shape: 'rule', old: 'prometheus', new: 'prometheus', labels: Object.fromEntries(result.labels), factor: 1 },
  }
  return { item, parts, expr, status: shown }
}

/** A rule in LogQL stays: Loki is asked before and after. */
export function logqlItem(rule: RuleNode, id: string): Item {
  const before = textOf(rule.expr) ?? ''
  return {
    kind: 'rule',
    id,
    where: rule.expr.path,
    title: rule.name,
    language: 'logql',
    status: 'unchanged',
    before,
    after: before,
    edits: [],
    notes: [],
    uses: { metrics: [], labels: [], fields: [] },
    run: { shape: 'rule', old: 'loki', new: 'loki', labels: {}, factor: 1 },
  }
}
