/** `--upgrade-panels`: panels of kinds that newer versions of Grafana do not have, and rows of schemas before 16. Section 5.6 of the reference. */

import type { Item } from '../../model.ts'
import { parseJsonDocument } from '../../text/json.ts'
import { type Node, textOf } from '../../text/node.ts'
import { plainOf, setMember } from '../classic.ts'
import { type GridPos, gridHeight, gridWidth, placeRow } from '../layout.ts'
import { partOf } from '../scope.ts'
import type { Plain } from '../target.ts'
import { upgradeGraph } from './graph.ts'
import { upgradeHeatmap, upgradeMap, upgradePie, upgradeText } from './others.ts'
import { upgradeSinglestat } from './singlestat.ts'
import { upgradeTable } from './table.ts'
import { listAt, type Upgraded } from './values.ts'

type Upgrader = (panel: Plain) => Upgraded

/** Kinds by name. A kind that Grafana still has, with other settings, is told by those. */
function upgraderOf(panel: Plain): Upgrader | undefined {
  switch (panel['type']) {
    case 'graph':
      return upgradeGraph
    case 'singlestat':
    case 'grafana-singlestat-panel':
      return upgradeSinglestat
    case 'table-old':
      return upgradeTable
    case 'table':
      return Array.isArray(panel['styles']) ? upgradeTable : undefined
    case 'grafana-piechart-panel':
      return upgradePie
    case 'grafana-worldmap-panel':
    case 'worldmap':
      return upgradeMap
    case 'heatmap':
      return panel['dataFormat'] !== undefined && panel['options'] === undefined ? upgradeHeatmap : undefined
    case 'text2':
      return upgradeText
    default:
      return undefined
  }
}

/** Kinds that are the same after, as far as both have settings. */
const faithful: ReadonlySet<unknown> = new Set(['graph', 'singlestat', 'grafana-singlestat-panel', 'table-old', 'table', 'text2'])

interface Work {
  readonly parts: Item[]
}

/** The panel as it is to be written, with what became of panels inside it. Depth is that of the file, which has a limit. */
function upgradePanel(work: Work, node: Node, panel: Plain): Plain | undefined {
  const inside = node.get('panels')?.items ?? []
  const upgrader = upgraderOf(panel)
  let next: Plain | undefined
  if (upgrader !== undefined) {
    const { panel: made, lost } = upgrader(panel)
    next = made
    work.parts.push(
      partOf({
        kind: 'panel',
        id: `panel/${String(panel['id'] ?? node.path)}/kind`,
        where: node.path,
        title: textOf(node.get('title')) ?? '',
        status: lost.length === 0 && faithful.has(panel['type']) ? 'exact' : 'approximate',
        before: String(panel['type']),
        after: String(made['type']),
        notes: [
          { code: 'OBD-G-012', text: lost.length === 0 ? 'Nothing is lost.' : `Lost: ${[...new Set(lost)].slice(0, 50).join(', ')}.` },
        ],
      }),
    )
  }
  if (inside.length === 0) return next
  const panels = inside.map((one) => upgradePanel(work, one, plainOf(one)) ?? plainOf(one))
  const changed =
    next !== undefined || panels.some((one, index) => upgraderOf(plainOf(inside[index] as Node)) !== undefined && one !== undefined)
  return changed ? { ...(next ?? panel), panels } : undefined
}

/** Highest id that a panel has. */
function highestId(panels: readonly Plain[]): number {
  let highest = 0
  for (const panel of panels) {
    const { id } = panel
    if (typeof id === 'number' && Number.isSafeInteger(id)) highest = Math.max(highest, id)
    highest = Math.max(highest, highestId(listAt(panel, 'panels')))
  }
  return highest
}

/** Panels of rows as panels on the grid. Rows become panels of their own where a title is shown, or one is closed or repeated: as Grafana itself does it. */
function panelsOfRows(work: Work, rows: readonly Node[], first: readonly Plain[]): Plain[] {
  const plains = rows.map(plainOf)
  const shown = plains.some(
    (row) => row['collapse'] === true || row['showTitle'] === true || (typeof row['repeat'] === 'string' && row['repeat'] !== ''),
  )
  let id = highestId([...first, ...plains.flatMap((row) => listAt(row, 'panels'))])
  let top = first.reduce((bottom, panel) => Math.max(bottom, bottomOf(panel)), 0)
  const made: Plain[] = []
  for (const [index, row] of plains.entries()) {
    const height = gridHeight(row['height'])
    const nodes = (rows[index]?.get('panels')?.items ?? []).filter((node) => node.kind === 'object')
    const panels = nodes.map((node) => upgradePanel(work, node, plainOf(node)) ?? plainOf(node))
    const closed = row['collapse'] === true
    const start = shown ? top + 1 : top
    const { places, bottom } = placeRow(
      panels.map((panel) => ({ w: gridWidth(panel['span']), h: panel['height'] === undefined ? height : gridHeight(panel['height']) })),
      start,
    )
    const placed = panels.map((panel, at) => {
      const { span: _, height: __, ...rest } = panel
      return { ...rest, gridPos: places[at] as GridPos }
    })
    if (!shown) {
      made.push(...placed)
      top = bottom
      continue
    }
    id += 1
    const repeat = typeof row['repeat'] === 'string' && row['repeat'] !== '' ? { repeat: row['repeat'] } : {}
    made.push({
      id,
      type: 'row',
      title: row['title'] ?? '',
      collapsed: closed,
      ...repeat,
      gridPos: { x: 0, y: top, w: 24, h: 1 },
      panels: closed ? placed : [],
    })
    if (!closed) made.push(...placed)
    top = closed ? top + 1 : bottom
  }
  return made
}

const bottomOf = (panel: Plain): number => {
  const place = panel['gridPos']
  if (typeof place !== 'object' || place === null) return 0
  const { y, h } = place as { readonly y?: unknown; readonly h?: unknown }
  return typeof y === 'number' && typeof h === 'number' ? y + h : 0
}

/**
 * Upgrades the panels of a dashboard that is converted already: the text after is parsed once more, so that a panel is written anew whole.
 * @param find the dashboard in its file
 */
export function upgradePanels(text: string, find: (root: Node) => Node): { readonly text: string; readonly parts: readonly Item[] } {
  const document = parseJsonDocument(text)
  const dashboard = find(document.root)
  const work: Work = { parts: [] }
  const panels = dashboard.get('panels')
  for (const node of panels?.items ?? []) {
    if (node.kind !== 'object') continue
    const next = upgradePanel(work, node, plainOf(node))
    if (next !== undefined) document.replace(node, next)
  }
  const rows = dashboard.get('rows')
  if (rows?.kind === 'array' && rows.items.length > 0) {
    const nodes = rows.items.filter((node) => node.kind === 'object')
    const first = (panels?.items ?? []).filter((node) => node.kind === 'object').map(plainOf)
    const made = panelsOfRows(work, nodes, first)
    if (panels?.kind === 'array') for (const panel of made) document.append(panels, panel)
    else setMember(document, dashboard, 'panels', made, 'rows')
    document.remove(dashboard, rows)
    work.parts.push(
      partOf({
        kind: 'layout',
        id: 'layout/rows',
        where: rows.path,
        title: '',
        status: 'exact',
        before: `${nodes.length} rows`,
        after: `${made.length} panels`,
        notes: [],
      }),
    )
  }
  return { text: document.toString(), parts: work.parts }
}
