/** Texts of LogQL: strings, regular expressions (RE2), numbers, and Grafana's variables in them. */

import { variableLength } from '../filters/values.ts'
import type { QueryVariable } from './query.ts'

/** A string with quotation marks, or in backticks where that spares backslashes. */
export function quote(text: string): string {
  const hasControl = /\p{Cc}/u.test(text)
  if (/[\\"]/.test(text) && !text.includes('`') && !hasControl) return `\`${text}\``
  return quoteDouble(text)
}

/** A string with quotation marks. */
export function quoteDouble(text: string): string {
  const inner = text.replaceAll(/[\\"\p{Cc}]/gu, (sign) => {
    if (sign === '\\' || sign === '"') return `\\${sign}`
    if (sign === '\n') return '\\n'
    if (sign === '\t') return '\\t'
    if (sign === '\r') return '\\r'
    return `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
  return `"${inner}"`
}

/** A text of which nothing is a sign of a regular expression. */
export const escapeRegex = (text: string): string => text.replaceAll(/[\\.+*?()|[\]{}^$]/g, '\\$&')

/** Part of a value: text, or a variable of the dashboard. */
export type ValuePart = string | { readonly name: string; readonly multi: boolean }

/** Splits a value at variables that the dashboard has; a `$` before any other name is a sign like others. Longest names win. */
export function partsOf(text: string, variables: readonly QueryVariable[]): ValuePart[] {
  if (variables.length === 0 || !/[$[]/.test(text)) return text === '' ? [] : [text]
  const known = new Map(variables.map((one) => [one.name, one]))
  const parts: ValuePart[] = []
  let plain = ''
  for (let at = 0; at < text.length; ) {
    const length = variableLength(text, at)
    const found = length === 0 ? undefined : nameIn(text.slice(at, at + length), known)
    if (found === undefined) {
      plain += text[at++]
      continue
    }
    if (plain !== '') parts.push(plain)
    plain = ''
    parts.push({ name: found.variable.name, multi: found.variable.multi })
    at += found.length
  }
  if (plain !== '') parts.push(plain)
  return parts
}

function nameIn(
  text: string,
  known: ReadonlyMap<string, QueryVariable>,
): { readonly variable: QueryVariable; readonly length: number } | undefined {
  if (text[1] === '{' || text[0] === '[') {
    const name = text.slice(2, text[0] === '[' ? -2 : -1).split(/[.:]/, 1)[0] ?? ''
    const variable = known.get(name)
    return variable === undefined ? undefined : { variable, length: text.length }
  }
  // `$name`: as Grafana, the whole word; a longer word is another name.
  const variable = known.get(text.slice(1))
  return variable === undefined ? undefined : { variable, length: text.length }
}

export const hasVariable = (parts: readonly ValuePart[]): boolean => parts.some((one) => typeof one !== 'string')

/** A regular expression of parts: what is text is escaped, variables escape and join their values themselves. */
export const regexOf = (parts: readonly ValuePart[]): string =>
  parts.map((one) => (typeof one === 'string' ? escapeRegex(one) : `\${${one.name}:regex}`)).join('')

/** The text of parts, with variables as `$name`. */
export const plainOf = (parts: readonly ValuePart[]): string =>
  parts.map((one) => (typeof one === 'string' ? one : `\${${one.name}}`)).join('')

/** A number as LogQL writes it, without exponent; a variable as it is; undefined: it is neither. */
export function numberOf(text: string, variables: readonly QueryVariable[]): string | undefined {
  const trimmed = text.trim()
  const parts = partsOf(trimmed, variables)
  const [first] = parts
  if (parts.length === 1 && typeof first === 'object') return `\${${first.name}}`
  if (/^-?\d{1,300}(\.\d{1,300})?$/.test(trimmed)) return trimmed
  if (!/^[-+]?(\d{1,300}\.?\d{0,300}|\.\d{1,300})([eE][-+]?\d{1,3})?$/.test(trimmed)) return undefined
  return decimal(Number(trimmed))
}

/** A number without exponent; undefined: it is not finite. */
export function decimal(number: number): string | undefined {
  if (!Number.isFinite(number)) return undefined
  const text = String(number)
  if (!text.includes('e')) return text
  const [mantissa = '', exponent = ''] = text.split('e')
  const sign = mantissa.startsWith('-') ? '-' : ''
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.')
  const digits = whole + fraction
  const point = whole.length + Number(exponent)
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  if (point >= digits.length) return `${sign}${digits}${'0'.repeat(point - digits.length)}`
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
}
