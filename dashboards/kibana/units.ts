/** Formats of Kibana → units of Grafana: last paragraph of section 8.3. */

import { at, isObject, type Json, numberOf, objectOf, textOf } from './value.ts'

/** How numbers are written. */
export interface NumberStyle {
  /** Grafana's unit. */
  readonly unit?: string | undefined
  readonly decimals?: number | undefined
}

const durations: ReadonlyMap<string, string> = new Map([
  ['picoseconds', 'ps'],
  ['nanoseconds', 'ns'],
  ['microseconds', 'µs'],
  ['milliseconds', 'ms'],
  ['seconds', 's'],
  ['minutes', 'm'],
  ['hours', 'h'],
  ['days', 'd'],
])

/** TSVB's short forms. */
const shortDurations: ReadonlyMap<string, string> = new Map([
  ['ps', 'ps'],
  ['ns', 'ns'],
  ['us', 'µs'],
  ['ms', 'ms'],
  ['s', 's'],
  ['m', 'm'],
  ['h', 'h'],
  ['d', 'd'],
])

/** Decimals of a pattern of numeral: `0,0.[00]` → at most two, which Grafana cuts by itself: undefined. */
function decimalsOf(pattern: string): number | undefined {
  const fixed = /\.(0+)/.exec(pattern)
  return fixed?.[1]?.length
}

/** A pattern of numeral: `0.0a`, `0,0.[000]`, `0.0%`, `0b`, `$0,0`. */
export function numeralStyle(pattern: string): NumberStyle {
  const text = pattern.replaceAll("'", '').trim()
  const decimals = decimalsOf(text)
  if (text.includes('%')) return { unit: 'percentunit', decimals }
  if (/bitd?$|bitsd?$/i.test(text)) return { unit: 'bits', decimals }
  if (/bd$/.test(text)) return { unit: 'decbytes', decimals }
  if (/b$/i.test(text)) return { unit: 'bytes', decimals }
  if (text.startsWith('$')) return { unit: 'currencyUSD', decimals }
  if (text.startsWith('€')) return { unit: 'currencyEUR', decimals }
  if (text.startsWith('£')) return { unit: 'currencyGBP', decimals }
  if (/^[-+(]?0?[0,.[\]]*\s?a?\)?$/.test(text)) return { unit: 'short', decimals }
  return {}
}

/** A format as Lens columns and data views have it: `{id, params}`. Undefined unit: none is said. Kibana's `percent` is 0 to 1. */
export function formatStyle(format: Json | undefined): NumberStyle {
  const { id, params } = objectOf(format)
  const decimals = numberOf(at(params, 'decimals'))
  const pattern = textOf(at(params, 'pattern'))
  const of = (unit: string): NumberStyle =>
    withSuffix({ unit, decimals: decimals ?? (pattern === undefined ? undefined : decimalsOf(pattern)) }, textOf(at(params, 'suffix')))
  switch (id) {
    case 'number':
      return pattern === undefined
        ? of('short')
        : withSuffix({ ...numeralStyle(pattern), ...(decimals === undefined ? {} : { decimals }) }, textOf(at(params, 'suffix')))
    case 'percent':
      return of('percentunit')
    case 'bytes':
      return of('bytes')
    case 'bits':
      return of('bits')
    case 'currency':
      return pattern === undefined ? of('short') : numeralStyle(pattern)
    case 'custom':
      return pattern === undefined ? {} : numeralStyle(pattern)
    case 'duration': {
      const from = textOf(at(params, 'inputFormat')) ?? textOf(at(params, 'fromUnit')) ?? 'seconds'
      return { unit: durations.get(from) ?? shortDurations.get(from) ?? 's', decimals: numberOf(at(params, 'outputPrecision')) ?? decimals }
    }
    case 'date':
      return { unit: 'dateTimeAsIso' }
    default:
      return {}
  }
}

/** Units a second, where Grafana has one of its own. */
const perSecond: ReadonlyMap<string, string> = new Map([
  ['bytes', 'binBps'],
  ['decbytes', 'Bps'],
  ['bits', 'bps'],
])

/** A unit with something written behind its numbers. */
export function withSuffix(style: NumberStyle, suffix: string | undefined): NumberStyle {
  if (suffix === undefined || suffix.trim() === '') return style
  if (suffix.trim() === '/s' && style.unit !== undefined && perSecond.has(style.unit)) return { ...style, unit: perSecond.get(style.unit) }
  return style.unit === undefined || style.unit === 'short' || style.unit === 'none' ? { ...style, unit: `suffix:${suffix}` } : style
}

/** A formatter of TSVB (`number`, `bytes`, `percent`, `ms,humanize,2`, a pattern) with its template (`{{value}}/s`). */
export function tsvbStyle(formatter: Json | undefined, template: Json | undefined): NumberStyle {
  const name = textOf(formatter) ?? 'default'
  const parts = name.split(',')
  const from = shortDurations.get(parts[0] ?? '')
  const style: NumberStyle =
    parts.length >= 2 && from !== undefined
      ? { unit: from, decimals: numberOf(parts[2]) }
      : name === 'number'
        ? { unit: 'short' }
        : name === 'bytes'
          ? { unit: 'bytes' }
          : name === 'percent'
            ? { unit: 'percentunit' }
            : name === 'default'
              ? {}
              : numeralStyle(name)
  const match = /^([^{}]*)\{\{\s*value\s*\}\}([^{}]*)$/.exec(textOf(template) ?? '')
  if (match === null) return style
  const [, before = '', after = ''] = match
  if (before.trim() !== '' && after.trim() === '' && (style.unit === undefined || style.unit === 'short'))
    return { ...style, unit: `prefix:${before}` }
  return withSuffix(style, after)
}

/** Unit of a field that no format says anything about. */
export const fieldStyle = (field: string | undefined): NumberStyle => (field === 'event.duration' ? { unit: 'ns' } : {})

/** Formats of a data view by field. */
export function formatsOf(fieldFormatMap: Json | undefined): ReadonlyMap<string, NumberStyle> {
  const formats = new Map<string, NumberStyle>()
  for (const [field, format] of Object.entries(objectOf(fieldFormatMap))) {
    if (format !== undefined && isObject(format)) formats.set(field, formatStyle(format))
  }
  return formats
}
