/** `singlestat` → stat, or gauge: section 5.6 of the reference. */

import type { Plain } from '../target.ts'
import { calculations, commonOf, mappingsOf, numberAt, plainAt, some, stepsOf, textAt, type Upgraded, unheard } from './values.ts'

const handled: ReadonlySet<string> = new Set([
  ...[
    'colorBackground',
    'colorValue',
    'colors',
    'format',
    'gauge',
    'mappingType',
    'mappingTypes',
    'nullPointMode',
    'nullText',
    'postfix',
    'prefix',
  ],
  ...[
    'rangeMaps',
    'sparkline',
    'tableColumn',
    'thresholds',
    'valueFontSize',
    'prefixFontSize',
    'postfixFontSize',
    'valueMaps',
    'valueName',
    'decimals',
  ],
  ...['colorPostfix', 'colorPrefix'],
])

/** The unit with a text in front or behind; Grafana has room for one of them, and only in place of a unit. */
function unitOf(panel: Plain, lost: string[]): string | undefined {
  const unit = textAt(panel, 'format')
  const prefix = textAt(panel, 'prefix').trim()
  const postfix = textAt(panel, 'postfix').trim()
  const isPlainUnit = unit === '' || unit === 'none' || unit === 'short'
  if (prefix === '' && postfix === '') return unit === '' ? undefined : unit
  if (isPlainUnit && postfix !== '') {
    if (prefix !== '') lost.push(`prefix: ${prefix}`)
    return `suffix:${postfix}`
  }
  if (isPlainUnit) return `prefix:${prefix}`
  if (prefix !== '') lost.push(`prefix: ${prefix}`)
  if (postfix !== '') lost.push(`postfix: ${postfix}`)
  return unit
}

/** Makes a `singlestat` a stat, or a gauge where it showed one. */
export function upgradeSinglestat(panel: Plain): Upgraded {
  const lost = unheard(panel, handled)
  const gauge = plainAt(panel, 'gauge')
  const sparkline = plainAt(panel, 'sparkline')
  const isGauge = gauge['show'] === true
  const valueName = textAt(panel, 'valueName')
  if (valueName === 'last_time') lost.push('valueName: last_time')
  const column = textAt(panel, 'tableColumn')
  const values = textAt(panel, 'thresholds')
    .split(',')
    .flatMap((one) => (one.trim() === '' || !Number.isFinite(Number(one)) ? [] : [Number(one)]))
  const colours = Array.isArray(panel['colors']) ? panel['colors'].map(String) : ['green', 'orange', 'red']
  const mappings = mappingsOf(panel)
  const nullText = textAt(panel, 'nullText')
  const defaults = some({
    unit: unitOf(panel, lost),
    decimals: numberAt(panel, 'decimals'),
    min: isGauge ? (numberAt(gauge, 'minValue') ?? 0) : undefined,
    max: isGauge ? (numberAt(gauge, 'maxValue') ?? 100) : undefined,
    noValue: nullText === '' ? undefined : nullText,
    mappings,
    thresholds: { mode: 'absolute', steps: stepsOf(values, colours) },
    color: { mode: 'thresholds' },
  })
  const reduceOptions = {
    calcs: [calculations[valueName === '' ? 'avg' : valueName] ?? 'lastNotNull'],
    fields: column === '' || column === 'Value' ? '' : `/^${column.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}$/`,
    values: false,
  }
  const kept = commonOf(panel)
  const fieldConfig = { defaults, overrides: [] }
  if (isGauge) {
    const options = {
      orientation: 'auto',
      reduceOptions,
      showThresholdLabels: gauge['thresholdLabels'] === true,
      showThresholdMarkers: gauge['thresholdMarkers'] !== false,
    }
    return { panel: { ...kept, type: 'gauge', fieldConfig, options }, lost }
  }
  const colorMode = panel['colorBackground'] === true ? 'background' : panel['colorValue'] === true ? 'value' : 'none'
  const options = {
    reduceOptions,
    orientation: 'horizontal',
    textMode: valueName === 'name' ? 'name' : 'value',
    colorMode,
    graphMode: sparkline['show'] === true ? 'area' : 'none',
    justifyMode: 'auto',
  }
  return { panel: { ...kept, type: 'stat', fieldConfig, options }, lost }
}
