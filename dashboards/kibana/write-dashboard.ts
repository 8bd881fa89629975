/** Panels, variables and annotations → a dashboard of Grafana, schema 39: sections 3 and 8.2. */

import type { NewVariable } from './controls.ts'
import type { KibanaDashboard } from './dashboard.ts'
import { type DatasourceReference, datasourceVariable, type Plugin } from './datasources.ts'
import { defined } from './field-config.ts'
import { grafanaPlaces, type Place } from './layout.ts'
import { uidOf } from './uids.ts'
import type { Plain } from './write-panel.ts'

/** Written as Grafana writes its intervals: `1m`. */
export function refreshOf(milliseconds: number | undefined): string {
  if (milliseconds === undefined || milliseconds < 1) return ''
  const seconds = Math.max(1, Math.round(milliseconds / 1000))
  if (seconds % 3600 === 0) return `${seconds / 3600}h`
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`
}

const relative = /^now(?:-(\d+)([smhdwMy]))?(\/[dwMy])?$/
const seconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** A panel's own time as `timeFrom` and `timeShift`; undefined: it cannot be said that way. */
export function ownTime(range: {
  readonly from: string
  readonly to: string
}): { readonly timeFrom: string; readonly timeShift?: string } | undefined {
  const from = relative.exec(range.from)
  const to = relative.exec(range.to)
  if (from?.[1] === undefined || from[3] !== undefined || to === null || to[3] !== undefined) return undefined
  if (to[1] === undefined) return { timeFrom: `${from[1]}${from[2]}` }
  const [first, last] = [Number(from[1]) * (seconds[from[2] ?? ''] ?? Number.NaN), Number(to[1]) * (seconds[to[2] ?? ''] ?? Number.NaN)]
  if (!(first > last)) return undefined
  return { timeFrom: `${first - last}s`, timeShift: `${to[1]}${to[2]}` }
}

const datasourceChoice = (plugin: Plugin): Plain => ({
  name: datasourceVariable(plugin),
  label: plugin === 'loki' ? 'Logs' : 'Metrics',
  type: 'datasource',
  query: plugin,
  regex: '',
  current: {},
  options: [],
  hide: 0,
  includeAll: false,
  multi: false,
  refresh: 1,
  skipUrlSync: false,
})

/** A variable that a control became. */
function variable(each: NewVariable, datasource: DatasourceReference | undefined): Plain {
  const isAll = each.includeAll && each.selected.length === 0
  const value = isAll ? '$__all' : each.multi ? each.selected : (each.selected[0] ?? '')
  const text = isAll ? 'All' : each.multi ? each.selected : (each.selected[0] ?? '')
  const common = {
    name: each.name,
    label: each.label,
    type: each.type,
    hide: 0,
    skipUrlSync: false,
    current: { selected: true, text: each.multi && isAll ? [text] : text, value: each.multi && isAll ? [value] : value },
  }
  const many = { multi: each.multi, includeAll: each.includeAll, ...(each.allValue === undefined ? {} : { allValue: each.allValue }) }
  if (each.type === 'query') {
    return {
      ...common,
      ...many,
      datasource: { ...datasource },
      definition: each.text,
      query: {
        label: each.label_values?.label ?? '',
        refId: 'LokiVariableQueryEditor-VariableQuery',
        stream: each.label_values?.stream ?? '',
        type: 1,
      },
      refresh: 2,
      regex: '',
      sort: 1,
      options: [],
    }
  }
  const values =
    each.text === ''
      ? []
      : each.type === 'textbox'
        ? [each.text]
        : each.selected.length > 0 && each.text.split(',').length === each.selected.length
          ? each.selected
          : each.text.split(/(?<!\\),/)
  const options = [
    ...(each.includeAll ? [{ selected: isAll, text: 'All', value: '$__all' }] : []),
    ...values.map((one) => ({ selected: each.selected.includes(one), text: one, value: one })),
  ]
  return { ...common, ...(each.type === 'custom' ? many : {}), query: each.text, options }
}

const builtIn: Plain = {
  builtIn: 1,
  datasource: { type: 'grafana', uid: '-- Grafana --' },
  enable: true,
  hide: true,
  iconColor: 'rgba(0, 211, 255, 1)',
  name: 'Annotations & Alerts',
  type: 'dashboard',
}

export interface NewAnnotation {
  readonly name: string
  readonly color: string | undefined
  readonly expr: string
  readonly datasource: DatasourceReference
}

/** A panel that is placed and then written with its id. */
export interface Placed {
  readonly place: Place
  readonly section: string | undefined
  write(place: Place, id: number): Plain
}

/** Panels in their places; rows for sections. Ids count from 1 in reading order. */
export function placedPanels(panels: readonly Placed[], sections: KibanaDashboard['sections']): readonly Plain[] {
  const written: Plain[] = []
  let id = 0
  let y = 0
  const rowAt = (title: string, isCollapsed: boolean): Plain => ({
    id: ++id,
    type: 'row',
    title,
    collapsed: isCollapsed,
    gridPos: { h: 1, w: 24, x: 0, y: y++ },
    panels: [],
  })
  const block = (some: readonly Placed[]): readonly Plain[] => {
    const top = Math.min(...some.map(({ place }) => place.y))
    const places = grafanaPlaces(some.map(({ place }) => ({ ...place, y: place.y - top })))
    const start = y
    return some.flatMap((panel, index) => {
      const place = places[index]
      if (place === undefined) return []
      y = Math.max(y, start + place.y + place.h)
      return [panel.write({ ...place, y: start + place.y }, ++id)]
    })
  }
  const known = new Set(sections.map((section) => section.id))
  const free = panels.filter(({ section }) => section === undefined || !known.has(section))
  let used = 0
  for (const [position, section] of sections.entries()) {
    const before = free.slice(used).filter(({ place }) => place.y < section.y)
    used += before.length
    // What follows an open row would belong to it.
    if (before.length > 0 && position > 0) written.push(rowAt('', false))
    if (before.length > 0) written.push(...block(before))
    const row = rowAt(section.title, section.isCollapsed)
    const start = y
    const inside = panels.filter((panel) => panel.section === section.id)
    const made = inside.length === 0 ? [] : block(inside)
    if (section.isCollapsed) {
      y = start
      written.push({ ...row, panels: made })
    } else written.push(row, ...made)
  }
  const rest = free.slice(used)
  if (rest.length > 0 && sections.length > 0) written.push(rowAt('', false))
  if (rest.length > 0) written.push(...block(rest))
  return written
}

export interface DashboardParts {
  readonly dashboard: Pick<KibanaDashboard, 'id' | 'title' | 'description' | 'tags' | 'time' | 'refresh'>
  /** Query and filters of the old dashboard, as text. */
  readonly filterText: string
  readonly panels: readonly Plain[]
  readonly variables: readonly NewVariable[]
  readonly variableDatasource: DatasourceReference | undefined
  readonly annotations: readonly NewAnnotation[]
  readonly chosen: readonly Plugin[]
}

/** The dashboard. */
export function writeDashboard({
  dashboard,
  filterText,
  panels,
  variables,
  variableDatasource,
  annotations,
  chosen,
}: DashboardParts): Plain {
  const filter = filterText === '' ? '' : `Filter of the dashboard: ${filterText}`
  return defined({
    annotations: {
      list: [
        builtIn,
        ...annotations.map(({ name, color, expr, datasource }) => ({
          datasource: { ...datasource },
          enable: true,
          expr,
          iconColor: color ?? 'blue',
          name,
          target: {},
          titleFormat: name,
        })),
      ],
    },
    description: [dashboard.description, filter].filter((each) => each !== '').join('\n\n'),
    editable: true,
    fiscalYearStartMonth: 0,
    graphTooltip: 1,
    id: null,
    links: [],
    liveNow: false,
    panels,
    refresh: refreshOf(dashboard.refresh),
    schemaVersion: 39,
    tags: dashboard.tags,
    templating: { list: [...chosen.toSorted().map(datasourceChoice), ...variables.map((each) => variable(each, variableDatasource))] },
    time: dashboard.time ?? { from: 'now-15m', to: 'now' },
    timepicker: {},
    timezone: 'browser',
    title: dashboard.title,
    uid: uidOf(dashboard.id),
    version: 1,
    weekStart: '',
  })
}
