/** The table of Grafana before 7 (`table-old`, or `table` with `styles`) → table: section 5.6 of the reference. */

import type { Plain } from '../target.ts'
import { calculations, commonOf, listAt, mappingsOf, matcherOf, numberAt, some, stepsOf, textAt, type Upgraded, unheard } from './values.ts'

const handled: ReadonlySet<string> = new Set([
  ...['styles', 'columns', 'transform', 'sort', 'showHeader', 'fontSize', 'scroll', 'pageSize', 'filterNull', 'columnsFilter'],
])

const property = (id: string, value: unknown): Plain => ({ id, value })

/** `$__cell` was the value of the cell; those of other columns are fields of the row. */
const linkOf = (url: string): string => url.replace(/\$\{__cell(?::[a-z]{1,32})?\}|\$__cell(?![\w])/g, () => '${__value.text}')

function propertiesOf(style: Plain, lost: string[]): Plain[] {
  const made: Plain[] = []
  const alias = textAt(style, 'alias')
  const type = textAt(style, 'type')
  if (alias !== '') made.push(property('displayName', alias))
  if (type === 'hidden')
    made.push(property('custom.hideFrom', { legend: false, tooltip: false, viz: true }), property('custom.hidden', true))
  if (type === 'date') {
    const format = textAt(style, 'dateFormat')
    made.push(property('unit', format === '' ? 'dateTimeAsIso' : `time: ${format}`))
  }
  if (type === 'number') {
    const unit = textAt(style, 'unit')
    if (unit !== '') made.push(property('unit', unit))
    const decimals = numberAt(style, 'decimals')
    if (decimals !== undefined) made.push(property('decimals', decimals))
  }
  const mode = textAt(style, 'colorMode')
  if (mode !== '') {
    const values = Array.isArray(style['thresholds'])
      ? style['thresholds'].flatMap((one) => (Number.isFinite(Number(one)) && one !== '' ? [Number(one)] : []))
      : []
    const colours = Array.isArray(style['colors']) ? style['colors'].map(String) : []
    made.push(property('thresholds', { mode: 'absolute', steps: stepsOf(values, colours) }))
    made.push(property('custom.cellOptions', { type: mode === 'value' ? 'color-text' : 'color-background', mode: 'basic' }))
    if (mode === 'row') lost.push('styles.colorMode: row')
  }
  const align = textAt(style, 'align')
  if (align !== '' && align !== 'auto') made.push(property('custom.align', align))
  if (style['link'] === true) {
    const url = textAt(style, 'linkUrl')
    if (/\$\{?__cell_/.test(url)) lost.push('styles.linkUrl: $__cell_N')
    made.push(
      property('links', [{ title: textAt(style, 'linkTooltip'), url: linkOf(url), targetBlank: style['linkTargetBlank'] === true }]),
    )
  }
  const mappings = type === 'string' ? mappingsOf(style) : []
  if (mappings.length > 0) made.push(property('mappings', mappings))
  if (style['sanitize'] === true) lost.push('styles.sanitize')
  return made
}

function transformationsOf(panel: Plain, lost: string[]): Plain[] {
  const transform = textAt(panel, 'transform')
  const queries = listAt(panel, 'targets').length
  switch (transform) {
    case 'timeseries_to_rows':
      return [{ id: 'seriesToRows', options: {} }]
    case 'timeseries_to_columns':
      return [{ id: 'joinByField', options: { byField: 'Time', mode: 'outer' } }]
    case 'timeseries_aggregations': {
      const reducers = listAt(panel, 'columns').map((one) => calculations[textAt(one, 'value')] ?? textAt(one, 'value'))
      return [
        { id: 'reduce', options: { mode: 'seriesToRows', reducers: reducers.length === 0 ? ['mean'] : reducers, includeTimeField: false } },
      ]
    }
    case '':
    case 'table':
      return queries > 1 ? [{ id: 'merge', options: {} }] : []
    default:
      lost.push(`transform: ${transform.slice(0, 64)}`)
      return []
  }
}

/** Makes an old table a new one. */
export function upgradeTable(panel: Plain): Upgraded {
  const lost = unheard(panel, handled)
  const overrides = listAt(panel, 'styles').flatMap((style) => {
    const pattern = textAt(style, 'pattern')
    const properties = propertiesOf(style, lost)
    return pattern === '' || properties.length === 0 ? [] : [{ matcher: matcherOf(pattern), properties }]
  })
  if (numberAt(panel, 'pageSize') !== undefined) lost.push('pageSize')
  const sort = panel['sort']
  if (typeof sort === 'object' && sort !== null && 'col' in sort && typeof sort.col === 'number') lost.push('sort')
  const kept = commonOf(panel)
  const before = Array.isArray(kept['transformations']) ? kept['transformations'] : []
  const transformations = [...transformationsOf(panel, lost), ...before]
  return {
    panel: some({
      ...kept,
      type: 'table',
      // What a later override says of a column wins, where in the old table the first style did.
      fieldConfig: { defaults: { custom: { align: 'auto' } }, overrides: overrides.toReversed() },
      options: { showHeader: panel['showHeader'] !== false },
      transformations: transformations.length === 0 ? undefined : transformations,
    }),
    lost,
  }
}
