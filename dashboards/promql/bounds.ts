/** Bounds of buckets in matchers: `le="0.5"`. They are compared as texts, and written in more than one way. */

import type { Matcher } from './ast.ts'
import { numberOf } from './parse.ts'
import type { Rewriting } from './rewriting.ts'
import { numberText, regexText } from './spelling.ts'
import { encodeString } from './strings.ts'
import { tidyFactor, type Value } from './value.ts'

/** `1` is written `1.0` by scrapes of Prometheus 3, and `1` by what it takes by OTLP. */
function spellings(bound: number): string[] {
  const text = numberText(bound)
  return Number.isFinite(bound) && Number.isInteger(bound) ? [text, `${text}.0`] : [text]
}

// As the bridge multiplies, to the last bit: the backend prints what it gets.
const scaled = (bound: number, factor: number): number => bound * factor

/**
 * Rewrites a matcher on `le` for another scale and spelling.
 * @returns the bound that buckets of native histograms have to be asked for instead; undefined: the matcher stays
 */
export function boundMatcher(
  rewriting: Rewriting,
  { operator, operatorAt, value }: Matcher,
  { bounds, native }: Value,
): number | undefined {
  const factor = tidyFactor(bounds)
  if (rewriting.hasVariable(value) || rewriting.hasHole(value)) {
    if (factor !== 1 || native !== undefined) rewriting.note('manual', 'OBD-P-012', `the bound stands in a variable: ${value.value}`)
    return undefined
  }
  const isRegex = operator === '=~' || operator === '!~'
  const list = isRegex ? value.value.split('|').map((text) => text.replaceAll('\\.', '.')) : [value.value]
  const numbers = list.map(numberOf)
  if (numbers.some((number) => Number.isNaN(number))) {
    if (factor !== 1 || native !== undefined)
      rewriting.note('manual', 'OBD-P-012', `bounds are compared with ${JSON.stringify(value.value)}`)
    return undefined
  }
  const [only] = numbers
  if (native !== undefined) {
    if (operator === '=' && only !== undefined) return scaled(only, factor)
    rewriting.note('manual', 'OBD-P-011', `le${operator}${JSON.stringify(value.value)} has no equal for native histograms`)
    return undefined
  }
  // What is multiplied has one spelling: the backend's own.
  const wanted = [
    ...new Set(numbers.flatMap((number) => (factor === 1 && !Number.isInteger(number) ? [] : spellings(scaled(number, factor))))),
  ]
  const asIs = factor === 1 ? list.filter((_, at) => !Number.isInteger(numbers[at]) || !Number.isFinite(numbers[at])) : []
  const all = [...new Set([...asIs, ...wanted])]
  const [first] = all
  if (all.length === list.length && all.every((text) => list.includes(text))) return undefined
  const rule = factor === 1 ? '§6.1 spelling of a bound' : '§6.2 bound scaled'
  const literal = rewriting.masked.text.slice(value.start, value.end)
  if (all.length === 1 && first !== undefined && !isRegex) {
    rewriting.changes.replace(value, encodeString(first, literal), rule)
    return undefined
  }
  if (!isRegex) rewriting.changes.replace(operatorAt, operator === '=' ? '=~' : '!~', rule)
  rewriting.changes.replace(value, encodeString(all.map(regexText).join('|'), literal), rule)
  rewriting.note('exact', 'OBD-P-012', `the bound ${value.value} is asked for in every spelling`)
  return undefined
}
