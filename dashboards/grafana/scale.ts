/** `--scale=panel`: the values are in another unit now, and the panel is told so: unit, limits, thresholds, decimals, overrides. Section 6.2 of the reference. */

import type { Item } from '../model.ts'
import type { TextDocument } from '../text/document.ts'
import type { Node } from '../text/node.ts'
import { textOf } from '../text/node.ts'
import type { PanelPlace } from './places.ts'
import { partOf } from './scope.ts'

/** Sizes of Grafana's units, by what they measure. */
const units: readonly Readonly<Record<string, number>>[] = [
  { ns: 1e-9, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600, d: 86_400 },
  { percent: 0.01, percentunit: 1 },
  { decbytes: 1, deckbytes: 1e3, decmbytes: 1e6, decgbytes: 1e9, dectbytes: 1e12 },
  { bytes: 1, kbytes: 1024, mbytes: 1024 ** 2, gbytes: 1024 ** 3, tbytes: 1024 ** 4 },
  { Bps: 1, KBs: 1e3, MBs: 1e6, GBs: 1e9 },
  { celsius: 1 },
]

/** Units that say nothing of a size: the values are shown as they are. */
const plain: ReadonlySet<string> = new Set(['', 'none', 'short', 'string', 'sishort', 'locale'])

const near = (one: number, other: number): boolean => Math.abs(one - other) <= Math.max(Math.abs(one), Math.abs(other)) * 1e-9

/** The unit of values that are `factor` times what they were; undefined: there is none. */
export function scaledUnit(unit: string, factor: number): string | undefined {
  if (plain.has(unit)) return unit
  for (const family of units) {
    const size = Object.hasOwn(family, unit) ? family[unit] : undefined
    if (size === undefined) continue
    return Object.entries(family).find(([, other]) => near(other, size / factor))?.[0]
  }
  return undefined
}

/** A number times the factor, without the dust of binary fractions. */
export const scaled = (value: number, factor: number): number => Number((value * factor).toPrecision(12))

const unitNodes = (panel: PanelPlace): Node[] => {
  const { node, fieldConfig } = panel
  const nodes = [fieldConfig?.get('defaults')?.get('unit'), node.get('format')]
  for (const override of fieldConfig?.get('overrides')?.items ?? [])
    for (const property of override.get('properties')?.items ?? [])
      if (textOf(property.get('id')) === 'unit') nodes.push(property.get('value'))
  for (const axis of node.get('yaxes')?.items ?? []) nodes.push(axis.get('format'))
  for (const style of node.get('styles')?.items ?? []) nodes.push(style.get('unit'))
  return nodes.flatMap((one) => (one === undefined || textOf(one) === undefined ? [] : [one]))
}

/** Transformations that compare or calculate with numbers of their own. */
const calculates: ReadonlySet<string> = new Set(['filterByValue', 'calculateField', 'histogram', 'heatmap', 'regression'])

/** Lists of mappings, of all fields and of some. */
function mappingLists({ fieldConfig }: PanelPlace): Node[] {
  const lists = [fieldConfig?.get('defaults')?.get('mappings')]
  for (const override of fieldConfig?.get('overrides')?.items ?? [])
    for (const property of override.get('properties')?.items ?? [])
      if (textOf(property.get('id')) === 'mappings') lists.push(property.get('value'))
  return lists.flatMap((list) => (list === undefined ? [] : [list]))
}

/** Values that are mapped one by one: a factor would have to hit each of them exactly. Zero stays zero. */
const mapsNumbers = (panel: PanelPlace): boolean =>
  mappingLists(panel).some((list) =>
    list.items.some(
      (one) =>
        textOf(one.get('type')) === 'value' &&
        (one.get('options')?.members ?? []).some(([key]) => key.trim() !== '' && Number.isFinite(Number(key)) && Number(key) !== 0),
    ),
  )

/** Links that hand the value to somebody else. */
const linksValue = (panel: PanelPlace): boolean =>
  panel.links.some((list) => list.items.some((link) => /__value|__cell/.test(textOf(link.get('url')) ?? '')))

/** Whether the panel can be told: its units have one of the right size, and nothing else in it knows numbers. */
export function canScale(panel: PanelPlace, factor: number): boolean {
  if (!(factor > 0) || !Number.isFinite(factor)) return false
  if (panel.alert !== undefined || panel.transformations.some((one) => calculates.has(one.id))) return false
  if (
    !['timeseries', 'stat', 'gauge', 'bargauge', 'table', 'graph', 'barchart', 'state-timeline', 'piechart', 'trend'].includes(panel.type)
  )
    return false
  if (mapsNumbers(panel) || linksValue(panel)) return false
  return unitNodes(panel).every((node) => scaledUnit(textOf(node) ?? '', factor) !== undefined)
}

/** Members that are numbers in the unit of the values. */
const limits: ReadonlySet<string> = new Set(['min', 'max', 'custom.axisSoftMin', 'custom.axisSoftMax'])

/** Tells the panel. What changed comes back as parts. */
export function scalePanel(document: TextDocument, panel: PanelPlace, factor: number): Item[] {
  const parts: Item[] = []
  const note = { code: 'OBD-G-011', text: `Values are ${factor} times what they were.` } as const
  const set = (node: Node, value: string | number): void => {
    if (node.value === value) return
    parts.push(
      partOf({
        kind: 'panel',
        id: `${panel.id}/scale/${node.path}`,
        where: node.path,
        title: panel.title,
        status: 'exact',
        before: String(node.value),
        after: String(value),
        notes: [note],
      }),
    )
    document.replace(node, value)
  }
  const times = (node: Node | undefined, by = factor): void => {
    if (node?.kind === 'number') set(node, scaled(Number(node.value), by))
    // Old panels write numbers as texts.
    else if (node?.kind === 'string' && node.value !== '' && Number.isFinite(Number(node.value)))
      set(node, String(scaled(Number(node.value), by)))
  }
  const decimals = (node: Node | undefined): void => {
    if (node?.kind === 'number') set(node, Math.min(20, Math.max(0, Math.round(Number(node.value) - Math.log10(factor)))))
  }
  const thresholds = (node: Node | undefined): void => {
    if (textOf(node?.get('mode')) === 'percentage') return
    for (const step of node?.get('steps')?.items ?? []) times(step.get('value'))
  }
  const mappings = (node: Node | undefined): void => {
    for (const mapping of node?.items ?? []) {
      const options = mapping.get('options')
      if (textOf(mapping.get('type')) !== 'range') continue
      times(options?.get('from'))
      times(options?.get('to'))
    }
  }
  const unitKept = (node: Node | undefined): boolean => node === undefined || plain.has(textOf(node) ?? '')
  for (const node of unitNodes(panel)) set(node, scaledUnit(textOf(node) ?? '', factor) ?? String(node.value))
  const { node, fieldConfig } = panel
  const defaults = fieldConfig?.get('defaults')
  for (const limit of ['min', 'max']) times(defaults?.get(limit))
  for (const limit of ['axisSoftMin', 'axisSoftMax']) times(defaults?.get('custom')?.get(limit))
  thresholds(defaults?.get('thresholds'))
  mappings(defaults?.get('mappings'))
  // A unit that follows the size of values shows the same digits as before.
  if (unitKept(defaults?.get('unit'))) decimals(defaults?.get('decimals'))
  for (const override of fieldConfig?.get('overrides')?.items ?? []) {
    const properties = override.get('properties')?.items ?? []
    const unit = properties.find((one) => textOf(one.get('id')) === 'unit')?.get('value') ?? defaults?.get('unit')
    for (const property of properties) {
      const id = textOf(property.get('id')) ?? ''
      const value = property.get('value')
      if (limits.has(id)) times(value)
      else if (id === 'thresholds') thresholds(value)
      else if (id === 'mappings') mappings(value)
      else if (id === 'decimals' && unitKept(unit)) decimals(value)
    }
  }
  for (const axis of node.get('yaxes')?.items ?? []) for (const limit of ['min', 'max']) times(axis.get(limit))
  for (const threshold of node.get('thresholds')?.items ?? []) times(threshold.get('value'))
  for (const style of node.get('styles')?.items ?? []) for (const one of style.get('thresholds')?.items ?? []) times(one)
  return parts
}
