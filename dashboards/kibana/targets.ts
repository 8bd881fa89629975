/** Questions of a panel → queries that are written, and items of the report. */

import { logTargets } from '../logql/aggregations.ts'
import type { AfterStep, LogContext, LogQuery, LogTarget, LogTargets } from '../logql/query.ts'
import { type Item, type Note, noUses, type Status, worse } from '../model.ts'
import type { AnnotationQuery, Asked, Layer } from './model.ts'
import { soundValue } from './sound.ts'

/** A query that is written, with the one of the source that it comes of. */
export interface Written {
  readonly refId: string
  readonly asked: Asked
  readonly target: LogTarget
  readonly expr: string
  readonly legend: string | undefined
}

export interface PanelTargets {
  readonly written: readonly Written[]
  /** Queries for which nothing could be written. */
  readonly failed: readonly Asked[]
  readonly items: readonly Item[]
  readonly afterSteps: readonly AfterStep[]
  /** Field of the documents → label. */
  readonly labels: ReadonlyMap<string, string>
  readonly isLogs: boolean
  readonly limit: number | undefined
}

/** A, B, …, Z, AA, AB, … */
export function refIdAt(position: number): string {
  let text = ''
  for (let rest = position + 1; rest > 0; rest = Math.floor((rest - 1) / 26)) text = String.fromCharCode(65 + ((rest - 1) % 26)) + text
  return text
}

const once = (notes: readonly Note[]): readonly Note[] => {
  const seen = new Set<string>()
  return notes.filter(({ code, text }) => {
    const key = `${code} ${text}`
    return seen.has(key) ? false : seen.add(key) !== undefined
  })
}

/** Targets of one query of the source: those of its metrics; of documents all. */
const ownTargets = (asked: Asked, all: LogTargets): readonly LogTarget[] =>
  asked.metrics.length === 0 ? all.targets : all.targets.filter(({ metric }) => asked.metrics.includes(metric))

function itemOf(asked: Asked, id: string, targets: readonly LogTarget[], all: LogTargets | undefined, written: readonly Written[]): Item {
  const notes = [...asked.notes, ...targets.flatMap((target) => target.notes)]
  const good = targets.filter(({ expr }) => expr !== '')
  const status: Status =
    all === undefined || good.length === 0 || good.length < targets.length
      ? worse(asked.floor, good.length === 0 ? (asked.floor === 'manual' ? 'manual' : 'unsupported') : 'manual')
      : targets.map((each) => each.status).reduce(worse, asked.floor === 'unchanged' ? 'exact' : asked.floor)
  const own = written.filter((each) => each.asked === asked)
  const commonNotes = all !== undefined && asked.metrics.length === 0 ? all.notes : []
  return {
    kind: 'target',
    id,
    where: asked.where,
    title: asked.title,
    language: asked.language,
    afterLanguage: own[0]?.target.language,
    status,
    before: asked.before,
    after: own.length === 0 ? undefined : own.map(({ expr }) => expr).join('\n'),
    edits: [],
    notes: once([...notes, ...commonNotes]),
    uses: all?.uses ?? noUses,
  }
}

const sound = (query: LogQuery): LogQuery => ({
  ...query,
  metrics: query.metrics.map((metric) => ({ ...metric, value: soundValue(metric.value) })),
})

/** What the data view says against a query: fields of it are scripts, or its time is another field than that of the new records. */
function ofView(
  { view, timeField }: Layer,
  { uses }: LogTargets,
  context: LogContext,
): { readonly floor: Status; readonly note: Note } | undefined {
  const script = uses.fields.find((field) => view?.scripts.has(field) === true)
  if (script !== undefined) return { floor: 'unsupported', note: { code: 'OBD-K-013', text: `${script} is a script of the data view.` } }
  const time = timeField ?? view?.timeField ?? '@timestamp'
  if (time === '' || context.fields.field(time).where === 'time') return undefined
  return { floor: 'approximate', note: { code: 'OBD-K-024', text: `The time of the old panel is ${time}; records have their own time.` } }
}

/** Asks all layers. `panelId`: of items: `panel/12`. */
export function panelTargets(layers: readonly Layer[], panelId: string, context: LogContext): PanelTargets {
  const written: Written[] = []
  const failed: Asked[] = []
  const items: Item[] = []
  const afterSteps: AfterStep[] = []
  const labels = new Map<string, string>()
  let isLogs = false
  let limit: number | undefined
  for (const layer of layers) {
    const isBlocked = layer.asked.length > 0 && layer.asked.every(({ floor }) => floor === 'unsupported')
    const all = layer.query === undefined || isBlocked ? undefined : logTargets(sound(layer.query), context)
    const said = all === undefined ? undefined : ofView(layer, all, context)
    for (const each of layer.asked) {
      const asked = said === undefined ? each : { ...each, floor: worse(each.floor, said.floor), notes: [...each.notes, said.note] }
      const targets = all === undefined || asked.floor === 'unsupported' ? [] : ownTargets(asked, all)
      for (const target of targets) {
        if (target.expr === '') continue
        const expr = asked.joined === undefined ? target.expr : `${asked.joined}(${target.expr})`
        const legend = asked.joined === undefined ? (asked.legend ?? target.legend) : asked.title
        written.push({ refId: refIdAt(written.length), asked, target, expr, legend })
      }
      if (!targets.some(({ expr }) => expr !== '')) failed.push(asked)
      items.push(itemOf(asked, `${panelId}/${asked.id}`, targets, all, written))
    }
    if (all === undefined) continue
    afterSteps.push(...all.afterSteps)
    for (const [field, label] of Object.entries(all.labels)) labels.set(field, label)
    isLogs ||= all.isLogs
    limit ??= all.limit
  }
  return { written, failed, items, afterSteps, labels, isLogs, limit }
}

/** An annotation: its query, if one can be written, and its item. */
export function annotationTarget(
  annotation: AnnotationQuery,
  panelId: string,
  context: LogContext,
): { readonly expr: string | undefined; readonly item: Item } {
  const all = annotation.query === undefined ? undefined : logTargets(annotation.query, context)
  const expr = all?.targets.find((target) => target.expr !== '')?.expr
  const { asked } = annotation
  return {
    expr,
    item: {
      kind: 'annotation',
      id: `${panelId}/${asked.id}`,
      where: asked.where,
      title: asked.title,
      language: asked.language,
      afterLanguage: expr === undefined ? undefined : 'logql',
      status: expr === undefined ? 'unsupported' : worse(asked.floor, all?.status ?? 'exact'),
      before: asked.before,
      after: expr,
      edits: [],
      notes: once([...asked.notes, ...(all?.notes ?? [])]),
      uses: all?.uses ?? noUses,
    },
  }
}
