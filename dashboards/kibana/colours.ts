/** Colours and thresholds of Kibana → steps of Grafana: last paragraph of section 8.3. */

import type { Step } from './model.ts'
import { isTrue, type Json, type JsonObject, numberOf, objectOf, objectsOf, textOf } from './value.ts'

const hex = /^#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/i
const functional = /^rgba?\(\s*[\d.]+%?\s*,\s*[\d.]+%?\s*,\s*[\d.]+%?\s*(?:,\s*[\d.]+%?\s*)?\)$/i

/** A colour that Grafana reads as well; undefined: it is none. */
export function colourOf(value: Json | undefined): string | undefined {
  const text = textOf(value)?.trim()
  return text !== undefined && (hex.test(text) || functional.test(text)) ? text.toLowerCase() : undefined
}

/** Ordered, each value once, the first from the beginning. */
function stepsFrom(pairs: readonly Step[]): readonly Step[] | undefined {
  if (pairs.length === 0) return undefined
  const sorted = pairs.toSorted((one, other) => (one.value ?? Number.NEGATIVE_INFINITY) - (other.value ?? Number.NEGATIVE_INFINITY))
  const [first] = sorted
  return first?.value === null || first === undefined ? sorted : [{ color: 'transparent', value: null }, ...sorted]
}

/** Palette of Lens with stops (`custom`, `status`, …): colour i holds up to stop i. Undefined: a palette of categories. */
export function paletteSteps(palette: Json | undefined): readonly Step[] | undefined {
  const { name, params } = objectOf(palette)
  const settings = objectOf(params)
  const own = objectsOf(settings.colorStops)
  const isShare = settings.rangeType === 'percent'
  if (isShare) return undefined
  if (own.length > 0) {
    return stepsFrom(
      own.flatMap(({ color, stop }, index) => {
        const colour = colourOf(color)
        return colour === undefined
          ? []
          : [{ color: colour, value: index === 0 && numberOf(stop) === undefined ? null : (numberOf(stop) ?? null) }]
      }),
    )
  }
  const stops = objectsOf(settings.stops)
  if (stops.length === 0 || name === undefined) return undefined
  const low = numberOf(settings.rangeMin)
  return stepsFrom(
    stops.flatMap(({ color }, index) => {
      const colour = colourOf(color)
      const before = index === 0 ? (low ?? null) : (numberOf(stops[index - 1]?.stop) ?? null)
      return colour === undefined ? [] : [{ color: colour, value: before }]
    }),
  )
}

/** Whether a palette's stops are shares of the range, which Grafana's steps are not. */
export const isShared = (palette: Json | undefined): boolean =>
  objectOf(objectOf(palette).params).rangeType === 'percent' && objectsOf(objectOf(objectOf(palette).params).stops).length > 0

/** Rules of TSVB: `{value, operator, background_color|color|gauge|bar_color}`. Rules with `lt` and `lte` hold below their value. */
export function ruleSteps(rules: Json | undefined): {
  readonly steps: readonly Step[] | undefined
  readonly isBackground: boolean
  readonly isPartial: boolean
} {
  const pairs: Step[] = []
  let isBackground = false
  let isPartial = false
  for (const rule of objectsOf(rules)) {
    const value = numberOf(rule.value)
    const background = colourOf(rule.background_color)
    const colour = background ?? colourOf(rule.color) ?? colourOf(rule.gauge) ?? colourOf(rule.bar_color) ?? colourOf(rule.text)
    if (value === undefined || colour === undefined) continue
    if (background !== undefined) isBackground = true
    if (rule.operator === 'gte' || rule.operator === 'gt') pairs.push({ color: colour, value })
    else if (rule.operator === 'lte' || rule.operator === 'lt') {
      pairs.push({ color: colour, value: null }, { color: 'transparent', value })
      isPartial = true
    }
  }
  const seen = new Set<number | null>()
  const once = pairs.filter(({ value }) => !seen.has(value) && seen.add(value))
  return { steps: stepsFrom(once), isBackground, isPartial }
}

/** From Kibana's named scales, as many colours as there are ranges. */
const scales: ReadonlyMap<string, readonly string[]> = new Map([
  ['Green to Red', ['green', 'yellow', 'orange', 'red', 'dark-red']],
  ['Blues', ['super-light-blue', 'light-blue', 'blue', 'semi-dark-blue', 'dark-blue']],
  ['Greens', ['super-light-green', 'light-green', 'green', 'semi-dark-green', 'dark-green']],
  ['Greys', ['#f0f0f0', '#c8c8c8', '#969696', '#636363', '#252525']],
  ['Reds', ['super-light-red', 'light-red', 'red', 'semi-dark-red', 'dark-red']],
  ['Yellow to Red', ['super-light-yellow', 'yellow', 'orange', 'red', 'dark-red']],
])

/** `colorsRange` of visualisations with the colours of its scale. */
export function rangeSteps(settings: JsonObject): readonly Step[] | undefined {
  const ranges = objectsOf(settings.colorsRange)
  if (ranges.length < 2) return undefined
  const scale = scales.get(textOf(settings.colorSchema) ?? '') ?? scales.get('Green to Red') ?? []
  const ordered = isTrue(settings.invertColors) ? scale.toReversed() : scale
  return ranges.slice(0, 100).map(({ from }, index) => ({
    color: ordered[Math.min(ordered.length - 1, Math.round((index * (ordered.length - 1)) / (ranges.length - 1)))] ?? 'green',
    value: index === 0 ? null : (numberOf(from) ?? null),
  }))
}
