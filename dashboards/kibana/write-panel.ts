/** A panel without its product → a panel of Grafana, schema 39. */

import { keptOriginal, placeholderText } from '../grafana/placeholder.ts'
import type { Datasources } from './datasources.ts'
import { defined, fieldConfig, panelOptions, withCommon } from './field-config.ts'
import type { Place } from './layout.ts'
import type { NeutralPanel } from './model.ts'
import type { PanelTargets, Written } from './targets.ts'

export type Plain = Readonly<Record<string, unknown>>

export interface PanelFrame {
  readonly id: number
  readonly title: string
  readonly description: string
  readonly place: Place
  readonly timeFrom: string | undefined
  readonly timeShift: string | undefined
  readonly links: readonly Plain[]
  readonly isTransparent: boolean
  readonly reportUrl: string | undefined
}

function lokiTarget({ target, expr, legend, refId }: Written, datasource: Plain, limit: number | undefined, isTable: boolean): Plain {
  return defined({
    refId,
    datasource,
    expr,
    queryType: target.type,
    editorMode: 'code',
    legendFormat: isTable ? undefined : legend,
    step: target.step,
    maxLines: limit,
    hide: target.hidden ? true : undefined,
  })
}

function prometheusTarget({ target, expr, legend, refId }: Written, datasource: Plain, isTable: boolean): Plain {
  return defined({
    refId,
    datasource,
    expr,
    editorMode: 'code',
    range: target.type === 'range',
    instant: target.type === 'instant',
    format: isTable ? 'table' : 'time_series',
    legendFormat: isTable ? undefined : (legend ?? '__auto'),
    interval: target.step,
    exemplar: false,
    hide: target.hidden ? true : undefined,
  })
}

/** Of tables: labels become columns, values have names, and all queries stand in one table. */
function tableSteps(panel: NeutralPanel, { written, labels }: PanelTargets): readonly Plain[] {
  const titles = panel.display.columns ?? new Map<string, string>()
  const renamed = Object.fromEntries(
    [...labels].map(([field, label]) => [label, titles.get(field) ?? field]).filter(([label, title]) => label !== title),
  )
  const columns = [...labels.values()]
  const shown = written.filter(({ target }) => !target.hidden)
  const steps: Plain[] = [{ id: 'labelsToFields', options: { mode: 'columns' } }]
  // Names are given before frames are joined, while each knows its query.
  for (const { refId, asked, legend } of shown) {
    const title = asked.metrics.length > 1 ? (legend ?? asked.title) : asked.title
    steps.push({
      id: 'organize',
      filter: { id: 'byRefId', options: refId },
      options: { excludeByName: { Time: true }, indexByName: {}, renameByName: { Value: title, [`Value #${refId}`]: title } },
    })
  }
  const [only] = columns
  if (shown.length > 1)
    steps.push(
      columns.length === 1 && only !== undefined
        ? { id: 'joinByField', options: { byField: only, mode: 'outer' } }
        : { id: 'merge', options: {} },
    )
  else steps.push({ id: 'merge', options: {} })
  const across = panel.display.transpose
  if (across !== undefined && labels.has(across) && columns.length >= 2) {
    const row = columns.find((each) => each !== labels.get(across)) ?? ''
    steps.push({
      id: 'groupingToMatrix',
      options: { columnField: labels.get(across), rowField: row, valueField: shown[0]?.asked.title ?? 'Value' },
    })
  } else if (Object.keys(renamed).length > 0)
    steps.push({ id: 'organize', options: { excludeByName: {}, indexByName: {}, renameByName: renamed } })
  return steps
}

const frameOf = (frame: PanelFrame, type: string): Plain =>
  defined({
    id: frame.id,
    type,
    title: frame.title,
    description: frame.description === '' ? undefined : frame.description,
    gridPos: { h: frame.place.h, w: frame.place.w, x: frame.place.x, y: frame.place.y },
    transparent: frame.isTransparent ? true : undefined,
    timeFrom: frame.timeFrom,
    timeShift: frame.timeShift,
    links: frame.links.length > 0 && type === 'text' ? frame.links : undefined,
  })

const textPanel = (frame: PanelFrame, content: string, original?: unknown): Plain => ({
  ...frameOf(frame, 'text'),
  options: defined({
    mode: 'markdown',
    content,
    otlpBridge: original === undefined ? undefined : { original: keptOriginal(original as Plain) },
  }),
})

/** The text that stands for a panel of which nothing could be converted. */
function placeholder(panel: NeutralPanel, frame: PanelFrame, targets: PanelTargets): Plain {
  const queries = targets.failed.map(({ language, before, notes }) => ({ refId: '', language, text: before, notes }))
  const shown =
    queries.length > 0 ? queries : [{ refId: '', language: 'json', text: JSON.stringify(panel.original ?? null), notes: panel.notes }]
  return textPanel(frame, placeholderText(shown, frame.reportUrl), panel.original ?? null)
}

/** Writes a panel. Queries that failed stay as hidden targets where others work. */
export function writePanel(panel: NeutralPanel, frame: PanelFrame, targets: PanelTargets, datasources: Datasources): Plain {
  const { written, failed } = targets
  if (panel.isPlaceholder || (written.length === 0 && failed.length > 0)) return placeholder(panel, frame, targets)
  if (panel.text !== undefined) return textPanel(frame, panel.text)
  const type = targets.isLogs ? 'logs' : panel.type
  const shown: NeutralPanel = { ...panel, type, display: withCommon(panel.display, written) }
  const isTable = type === 'table' || type === 'barchart'
  const indexOf = new Map(panel.layers.flatMap((layer) => layer.asked.map(({ id }) => [id, layer.query?.index] as const)))
  const references = written.map(({ target, asked }) => datasources.of(target.language, indexOf.get(asked.id)))
  const models = written.map((each, position) => {
    const datasource = { ...references[position] }
    return each.target.language === 'promql'
      ? prometheusTarget(each, datasource, isTable)
      : lokiTarget(each, datasource, targets.limit, isTable)
  })
  const [first] = references
  const kept = failed.map(({ before, language }, position) =>
    defined({
      refId: `Old${position + 1}`,
      datasource: first === undefined ? undefined : { ...first },
      expr: '',
      hide: true,
      otlpBridge: { language, query: keptOriginal({ query: before }).query },
    }),
  )
  const isMixed = new Set(references.map(({ type: plugin, uid }) => `${plugin} ${uid}`)).size > 1
  const steps = [...targets.afterSteps.map(({ id, options }) => ({ id, options })), ...(isTable ? tableSteps(shown, targets) : [])]
  const config = fieldConfig(shown, written)
  const defaults = frame.links.length > 0 ? { ...(config.defaults as Plain), links: frame.links } : config.defaults
  return defined({
    ...frameOf(frame, type),
    datasource: isMixed ? { type: 'datasource', uid: '-- Mixed --' } : { ...first },
    targets: [...models, ...kept],
    fieldConfig: { ...config, defaults },
    options: panelOptions(shown),
    transformations: steps.length === 0 ? undefined : steps,
    interval: panel.minInterval,
  })
}
