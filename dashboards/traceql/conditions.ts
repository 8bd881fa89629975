/** What a span has to be like, as conditions of TraceQL: sections 9.1 and 9.2 of the reference. */

import type { Code } from '../codes.ts'
import { type Note, type Status, worse } from '../model.ts'
import type { SpanField, SpanNaming } from '../naming/spans.ts'
import { escapeRegex, numberLiteral, textLiteral } from './text.ts'

/** Conditions of one span, and what has to be said of them. */
export interface Conditions {
  readonly all: string[]
  readonly notes: Note[]
  readonly fields: string[]
  status: Status
}

export const createConditions = (): Conditions => ({ all: [], notes: [], fields: [], status: 'exact' })

export function worsen(conditions: Conditions, status: Status, code: Code, text: string, suggestion?: string): void {
  conditions.status = worse(conditions.status, status)
  conditions.notes.push({ code, text, suggestion })
}

const variable = /\$\{?\w|\[\[\w/

/** Whether Grafana puts something else in the text's place. */
export const hasVariable = (text: string): boolean => variable.test(text)

/** `=` for a text, `=~` for one that may stand for several values: Grafana joins those with `|`. */
export function textCondition(expression: string, value: string, ignoreCase = false): string {
  if (ignoreCase) return `${expression} =~ ${textLiteral(`(?i)${hasVariable(value) ? value : escapeRegex(value)}`)}`
  return `${expression} ${hasVariable(value) ? '=~' : '='} ${textLiteral(value)}`
}

const kinds: ReadonlySet<string> = new Set(['server', 'client', 'producer', 'consumer', 'internal', 'unspecified'])
const codes: ReadonlyMap<string, string> = new Map([
  ['ok', 'ok'],
  ['error', 'error'],
  ['unset', 'unset'],
  ['status_code_ok', 'ok'],
  ['status_code_error', 'error'],
  ['status_code_unset', 'unset'],
])

const anyOf = (conditions: readonly string[]): string => (conditions.length === 1 ? (conditions[0] ?? '') : `(${conditions.join(' || ')})`)

/** A value that is a word of TraceQL's. Undefined: it is none of them. */
function wordCondition({ words, expressions: [name = ''] }: SpanField, key: string, value: string): string | undefined {
  const lower = value.toLowerCase()
  if (words === 'kind') return kinds.has(lower) ? `${name} = ${lower}` : undefined
  if (words === 'status') return codes.has(lower) ? `${name} = ${codes.get(lower)}` : undefined
  if (lower === 'true') return `${name} = error`
  if (lower === 'false') return `${name} != error`
  // Its text became the message, or stayed an attribute: which of them depends on what else the span has.
  return `(${name} = error && (statusMessage = ${textLiteral(value)} || .${key} = ${textLiteral(value)}))`
}

/** Condition of a field and a value, by the types that the value may have. */
function valueConditions(field: SpanField, value: string): string[] {
  const number = numberLiteral(value)
  const literal = value === 'true' || value === 'false' ? value : number
  return field.expressions.flatMap((expression) => {
    // Names of scopes and of events, and messages of statuses, are texts.
    const isText = field.type === 'string' || literal === undefined || /^(?:statusMessage|instrumentation:|event:name)/.test(expression)
    if (isText) return [textCondition(expression, value)]
    if (field.type === 'number') return [`${expression} = ${literal}`]
    return [`${expression} = ${literal}`, textCondition(expression, value)]
  })
}

/** Adds what a tag asks for. */
export function addTag(conditions: Conditions, naming: SpanNaming, format: 'jaeger' | 'zipkin', key: string, value: string): void {
  const field = naming.tag(key, format)
  conditions.fields.push(key)
  if (field.expressions.length === 0) {
    worsen(conditions, 'approximate', 'OBD-T-002', `${key}=${value} is left out: OTLP does not keep it where TraceQL could ask for it.`)
    return
  }
  if (field.type === 'keyword') {
    const found = hasVariable(value) ? undefined : wordCondition(field, key, value)
    if (found === undefined) {
      worsen(conditions, 'manual', 'OBD-T-003', `${key}=${value}: TraceQL compares ${field.expressions[0]} with words of its own.`)
      return
    }
    if (found.startsWith('('))
      worsen(conditions, 'approximate', 'OBD-T-004', `${key}=${value} asks for the status, and for its message or the tag.`)
    conditions.all.push(found)
    return
  }
  if (!field.certain) worsen(conditions, 'approximate', 'OBD-T-004', `Where ${key} is depends on what else the span has.`)
  conditions.all.push(anyOf(valueConditions(field, value)))
}

/** Adds a bare key: a tag, whatever its value, or an event of that name. */
export function addKey(conditions: Conditions, naming: SpanNaming, key: string): void {
  const { expressions, words } = naming.tag(key, 'zipkin')
  conditions.fields.push(key)
  if (words === 'error') {
    conditions.all.push('status = error')
    return
  }
  const event = `event:name = ${textLiteral(key)}`
  conditions.all.push(anyOf([...expressions.filter((one) => one.includes('.')).map((one) => `${one} != nil`), event]))
}

/** All of them of the same span. */
export const spanset = (conditions: Conditions): string => (conditions.all.length === 0 ? '{}' : `{ ${conditions.all.join(' && ')} }`)
