/** What a condition is in LogQL, before it is decided where it stands: in the selector, as a line filter or as a label filter. */

import { quote, quoteDouble } from './text.ts'

/** `f="x"`, `f=~"x|y"`. Regular expressions of labels are anchored. */
export interface LabelTest {
  readonly kind: 'label'
  readonly label: string
  /** Of the stream: may stand in the selector. */
  readonly isIndex: boolean
  /** Behind `| json` only. */
  readonly json: boolean
  readonly op: '=' | '!=' | '=~' | '!~'
  readonly value: string
  /** Variables stand in it. */
  readonly hasVariable: boolean
  /** It holds for an absent label, too. */
  readonly fitsEmpty: boolean
}

export interface NumberTest {
  readonly kind: 'number'
  readonly label: string
  readonly json: boolean
  readonly op: '>' | '>=' | '<' | '<='
  readonly value: string
}

export interface AddressTest {
  readonly kind: 'address'
  readonly label: string
  readonly json: boolean
  readonly negated: boolean
  readonly block: string
}

/** What the line holds. `literal` or `regex`, which is not anchored. */
export interface LineTest {
  readonly kind: 'line'
  readonly negated: boolean
  readonly literal?: string
  readonly regex?: string
  readonly ignoreCase: boolean
}

/** Matchers of a selector, as the mapping says them. */
export interface StreamTest {
  readonly kind: 'stream'
  readonly matchers: string
}

export type Expression =
  | LabelTest
  | NumberTest
  | AddressTest
  | LineTest
  | StreamTest
  /** Nothing is asked: the condition was left out. */
  | { readonly kind: 'always' }
  | { readonly kind: 'never' }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Expression[] }

/** All of them, or one of them; flat. */
export function combine(kind: 'and' | 'or', parts: readonly Expression[]): Expression {
  const neutral = kind === 'and' ? 'always' : 'never'
  const absorbing = kind === 'and' ? 'never' : 'always'
  if (parts.some((one) => one.kind === absorbing)) return { kind: absorbing }
  const flat = parts.flatMap((one) => (one.kind === kind ? one.parts : one.kind === neutral ? [] : [one]))
  const [first] = flat
  return first === undefined ? { kind: neutral } : flat.length === 1 ? first : { kind, parts: flat }
}

/** A regular expression or a value, as a string. A variable that formats itself for regular expressions has to stand in backticks. */
function valueText({ op, value, hasVariable }: LabelTest): string {
  if (op === '=' || op === '!=') return hasVariable ? quoteDouble(value) : quote(value)
  return hasVariable ? `\`${value.replaceAll('`', '\\x60')}\`` : quote(value)
}

/** `f="x"` in a selector. */
export const labelText = (test: LabelTest): string => `${test.label}${test.op}${valueText(test)}`

/**
 * A pattern for a label filter, with the anchors that go without saying in selectors: behind a pipe Loki takes `web-.*` and `.*-web` for texts that
 * hold the rest anywhere (measured on 3.7).
 */
export function anchored(pattern: string): string {
  const flags = /^(?:\(\?[is]\))*/.exec(pattern)?.[0] ?? ''
  const body = pattern.slice(flags.length)
  // Edges of words say where they are.
  if (!/[*{]/.test(body.replaceAll(/\\.|\$\{/g, '')) || body.startsWith('(^|')) return pattern
  if (/[()|[\]{}]/.test(body.replaceAll(/\\./g, ''))) return `${flags}^(?:${body})$`
  const begins = body.startsWith('.*')
  const ends = body.endsWith('.*')
  return begins === ends && begins ? pattern : `${flags}${begins ? '' : '^'}${body}${ends ? '' : '$'}`
}

/** The same behind a pipe. */
export const filterText = (test: LabelTest): string =>
  labelText(test.op === '=~' || test.op === '!~' ? { ...test, value: anchored(test.value) } : test)

/** A line filter: `|= "x"`. */
export function lineText({ negated, literal, regex = '', ignoreCase }: LineTest): string {
  if (literal !== undefined && !ignoreCase) return `${negated ? '!=' : '|='} ${quote(literal)}`
  const pattern = `${ignoreCase ? '(?i)' : ''}${regex}`
  return `${negated ? '!~' : '|~'} ${pattern.includes('${') ? `\`${pattern.replaceAll('`', '\\x60')}\`` : quote(pattern)}`
}

/** The same as a regular expression of a whole line that stands in a label. */
export function lineAsLabel({ negated, regex = '', ignoreCase }: LineTest, label: string): string {
  const pattern = `(?s)${ignoreCase ? '(?i)' : ''}.*${regex}.*`
  return `${label}${negated ? '!~' : '=~'}${pattern.includes('${') ? `\`${pattern.replaceAll('`', '\\x60')}\`` : quote(pattern)}`
}

/** Whether the line, or a field of it, is asked somewhere. */
export const asksLine = (expression: Expression): boolean =>
  expression.kind === 'line' || ((expression.kind === 'and' || expression.kind === 'or') && expression.parts.some(asksLine))

export const asksJson = (expression: Expression): boolean =>
  expression.kind === 'and' || expression.kind === 'or'
    ? expression.parts.some(asksJson)
    : (expression.kind === 'label' || expression.kind === 'number' || expression.kind === 'address') && expression.json
