/** Queries of panels and annotations for Prometheus: the expression is rewritten, and the legend follows its labels. Sections 5.1 and 6 of the reference. */

import type { Note, Status } from '../model.ts'
import { worse } from '../model.ts'
import type { PromqlContext, PromqlResult } from '../promql/context.ts'
import { rewritePromql } from '../promql/rewrite.ts'
import { isPlain } from './patch.ts'
import { legendLabels, renameLegend } from './renames.ts'
import type { Plain, TargetRequest, TargetResult } from './target.ts'

/** Plugins that are asked in PromQL. */
export const promqlPlugins: ReadonlySet<string> = new Set([
  'prometheus',
  'grafana-amazonprometheus-datasource',
  'grafana-azureprometheus-datasource',
  'victoriametrics-metrics-datasource',
])

/** What a rewriting of a dashboard's query is told. */
export function promqlContext(
  { context, variables }: Pick<TargetRequest, 'context' | 'variables'>,
  role: PromqlContext['role'],
  wanted: Iterable<string>,
): PromqlContext {
  const { options, metrics } = context
  return {
    naming: metrics,
    variables: new Set(variables.map((one) => one.name)),
    scale: role === 'panel' ? options.scale : 'query',
    transition: options.transition,
    role,
    targets: options.targets.metrics,
    exportInterval: options.exportInterval,
    wanted,
  }
}

export const textIn = (model: Plain, key: string): string | undefined => {
  const value = model[key]
  return typeof value === 'string' ? value : undefined
}

const fieldName = /^[A-Za-z_][\w.:-]{0,254}$/
/** Most names that are asked for; what speaks of more is no panel. */
const mostWanted = 500

/** Texts in a panel that may name a label of its results: overrides, transformations, columns. */
export function wantedOf(panel: Plain | undefined): Set<string> {
  const wanted = new Set<string>()
  const walk = (value: unknown, depth: number): void => {
    if (wanted.size >= mostWanted || depth > 12) return
    if (typeof value === 'string') {
      if (fieldName.test(value)) wanted.add(value)
      for (const [, dot, bracket] of value.matchAll(
        /\$\{__(?:field\.labels|data\.fields)(?:\.(\w{1,256})|\[["']?([^"'\]]{1,256})["']?\])/g,
      )) {
        const name = dot ?? bracket
        if (name !== undefined) wanted.add(name)
      }
    } else if (Array.isArray(value)) for (const one of value) walk(one, depth + 1)
    else if (typeof value === 'object' && value !== null)
      for (const [key, one] of Object.entries(value)) {
        if (fieldName.test(key)) wanted.add(key)
        walk(one, depth + 1)
      }
  }
  const config = panel?.['fieldConfig']
  for (const part of [panel?.['transformations'], config, panel?.['styles'], panel?.['links'], panel?.['repeat']]) walk(part, 0)
  return wanted
}

const gone = (label: string, why: string): Note => ({
  code: 'OBD-G-017',
  text: `The legend shows the label "${label}", which the series do not carry any more: ${why}.`,
})

/** Labels of a legend that no series of the query carries now. */
function lostLabels(legend: string, request: TargetRequest, result: PromqlResult): Note[] {
  const { metrics } = request.context
  return [...new Set(legendLabels(legend))].flatMap((label) => {
    if (result.labels.has(label) || label === '__name__') return []
    const targets = result.uses.metrics.map((name) => metrics.metric(name).label(label))
    if (targets.length === 0 || !targets.every((one) => one.kind === 'gone')) return []
    const [first] = targets
    return first?.kind === 'gone' ? [gone(label, first.why)] : []
  })
}

/** Rewrites `expr` of a target or an annotation; that of newer annotations is in their `target`. */
export function convertPrometheusTarget(request: TargetRequest): TargetResult {
  const { target } = request.model
  if (request.role !== 'annotation' || !isPlain(target) || textIn(target, 'expr') === undefined) return convertExpression(request)
  const expr = textIn(target, 'expr') ?? ''
  const result = convertExpression({ ...request, model: { ...request.model, expr } })
  const models = result.models.map((model) => {
    const next: Record<string, unknown> = { ...model, target: { ...target, expr: model['expr'] } }
    if (request.model['expr'] === undefined) delete next['expr']
    return next
  })
  return { ...result, models }
}

function convertExpression(request: TargetRequest): TargetResult {
  const { model, panel, role } = request
  const expr = textIn(model, 'expr') ?? textIn(model, 'query') ?? ''
  const key = textIn(model, 'expr') === undefined ? 'query' : 'expr'
  const legend = textIn(model, 'legendFormat') ?? ''
  const wanted = new Set([...legendLabels(legend), ...(role === 'panel' ? wantedOf(panel) : annotationLabels(model))])
  const result = rewritePromql(expr, promqlContext(request, role === 'panel' ? 'panel' : 'variable', wanted))
  const next: Record<string, unknown> = { ...model, [key]: result.after }
  const renames = { labels: result.labels, series: result.series, unsure: new Map<string, string>() }
  if (legend !== '') next['legendFormat'] = renameLegend(legend, renames)
  if (role === 'annotation') followAnnotation(next, renames)
  const notes = [...result.notes, ...lostLabels(legend, request, result)]
  const status: Status = notes.length > result.notes.length ? worse(result.status, 'approximate') : result.status
  return {
    ...result,
    status,
    notes,
    before: expr,
    language: 'promql',
    models: [next],
    transformations: [],
    run: {
      shape: model['instant'] === true && model['range'] !== true ? 'instant' : 'range',
      old: 'prometheus',
      new: 'prometheus',
      labels: Object.fromEntries(result.labels),
      factor: result.factor,
    },
  }
}

/** Labels that an annotation shows. */
function annotationLabels(model: Plain): string[] {
  const texts = [textIn(model, 'titleFormat'), textIn(model, 'textFormat')]
  const tags = textIn(model, 'tagKeys') ?? ''
  return [...texts.flatMap((text) => legendLabels(text ?? '')), ...tags.split(',').map((tag) => tag.trim())].filter((one) => one !== '')
}

function followAnnotation(next: Record<string, unknown>, renames: Parameters<typeof renameLegend>[1]): void {
  for (const key of ['titleFormat', 'textFormat']) {
    const text = next[key]
    if (typeof text === 'string') next[key] = renameLegend(text, renames)
  }
  const tags = next['tagKeys']
  if (typeof tags !== 'string') return
  next['tagKeys'] = tags
    .split(',')
    .map((tag) => {
      const name = tag.trim()
      const renamed = renames.labels.get(name)
      return renamed === undefined ? tag : tag.replace(name, () => renamed)
    })
    .join(',')
}
