/** Conditions of watches as expressions: section 10.4 of the reference. */

import { allOf } from '../filters/model.ts'
import type { Findings } from './alert-rule.ts'
import { both, either, type LogPieces, orZero } from './log-pieces.ts'
import { bracketed, type Comparator, compared } from './outcome.ts'
import { isPlain, memberOf, numberOf, numberText, type Plain, plainOf, wordOf } from './plain.ts'
import { metadataAt } from './watcher-read.ts'
import { readScript, type Script } from './watcher-script.ts'
import { chainInputs, meaningOf, readSearch, type Search, searchFilter } from './watcher-search.ts'

/** A number of the answer as an expression. */
interface Vector {
  readonly expr: string
  /** Nothing is 0. */
  readonly isZero: boolean
  readonly grouped: boolean
  readonly isWhole: boolean
  /** Only the largest group was meant: right for `>` and `>=` alone. */
  readonly first: boolean
}

type Operand = Vector | { readonly number: number; readonly isWhole: boolean }

/** What the answer of a watch is made of. */
export interface Payload {
  /** Searches by name; of a single one the name is ''. */
  readonly searches: ReadonlyMap<string, Search>
  /** Constants of `simple` inputs within a chain. */
  readonly constants: ReadonlyMap<string, unknown>
}

/** Inputs of a watch; undefined: one is neither a search nor a constant. */
export function payloadOf(input: unknown): Payload | undefined {
  const single = memberOf(input, 'search')
  if (single !== undefined) {
    const search = readSearch(single)
    return search === undefined ? undefined : { searches: new Map([['', search]]), constants: new Map() }
  }
  const searches = new Map<string, Search>()
  const constants = new Map<string, unknown>()
  const chain = memberOf(input, 'chain')
  if (chain === undefined) return undefined
  for (const [name, one] of chainInputs(chain)) {
    const search = memberOf(one, 'search')
    if (search !== undefined) {
      const read = readSearch(search)
      if (read === undefined) return undefined
      searches.set(name, read)
    } else if (isPlain(memberOf(one, 'simple'))) constants.set(name, memberOf(one, 'simple'))
    else return undefined
  }
  return searches.size === 0 ? undefined : { searches, constants }
}

export interface ConditionInput {
  readonly watch: Plain
  readonly payload: Payload
  /** Seconds between runs: the window of a search without one. */
  readonly interval: number
  readonly pieces: LogPieces
  readonly findings: Findings
  /** The text of a stored script; undefined: not among the sources. */
  readonly stored: (id: string) => string | undefined
}

const operators: ReadonlyMap<string, Comparator> = new Map([
  ['eq', '=='],
  ['not_eq', '!='],
  ['gt', '>'],
  ['gte', '>='],
  ['lt', '<'],
  ['lte', '<='],
])

const opposite: Readonly<Record<Comparator, Comparator>> = { '>': '<=', '>=': '<', '<': '>=', '<=': '>', '==': '!=', '!=': '==' }
const turned: Readonly<Record<Comparator, Comparator>> = { '>': '<', '>=': '<=', '<': '>', '<=': '>=', '==': '==', '!=': '!=' }

/** Whether a comparison holds. */
export function holds(left: number, op: Comparator, right: number): boolean {
  if (op === '>') return left > right
  if (op === '>=') return left >= right
  if (op === '<') return left < right
  if (op === '<=') return left <= right
  return op === '==' ? left === right : left !== right
}

/** Documents of a search, and what stands below its aggregations. `path` is below `ctx.payload`. */
function vectorAt(input: ConditionInput, path: readonly string[], inside: readonly string[] = []): Vector | undefined {
  const { payload, pieces, findings, interval } = input
  const single = payload.searches.get('')
  const search = single ?? payload.searches.get(path[0] ?? '')
  const rest = single === undefined ? path.slice(1) : path
  if (search === undefined) return undefined
  if (search.window === undefined)
    findings.note('OBD-A-013', 'the search has no range of time and counts all documents there are; the window is the interval', 'manual')
  if (search.remark !== undefined) findings.note('OBD-A-030', search.remark, 'approximate')
  const filter = searchFilter(search, findings)
  const question = { index: search.index === '' ? undefined : search.index, window: search.window ?? interval, offset: search.offset }
  const isTotal = rest[0] === 'hits' && rest[1] === 'total' && (rest.length === 2 || (rest.length === 3 && rest[2] === 'value'))
  if (isTotal) {
    const expr = pieces.count({ ...question, filter, by: [] })
    return expr === undefined ? undefined : { expr, isZero: true, grouped: false, isWhole: true, first: false }
  }
  if (rest[0] !== 'aggregations' && rest[0] !== 'aggs') return undefined
  const meaning = meaningOf(search.aggs, rest.slice(1), findings, inside)
  if (meaning === undefined) return undefined
  const { value, by } = meaning.question
  const filtered = { ...question, filter: allOf([filter, meaning.question.filter]), by }
  const isUnique = value.kind === 'aggregate' && value.op === 'unique' && value.field !== undefined
  const expr = isUnique ? pieces.unique(filtered, value.field) : pieces.ask({ ...filtered, value })
  const isWhole = value.kind === 'aggregate' && (value.op === 'count' || value.op === 'unique')
  return expr === undefined ? undefined : { expr, isZero: meaning.isZero, grouped: by.length > 0, isWhole, first: meaning.first }
}

/** A comparison of a vector with a number. */
function compareWith({ expr, isZero, first }: Vector, op: Comparator, value: number): string | undefined {
  if (first && op !== '>' && op !== '>=') return undefined
  return compared(isZero && holds(0, op, value) ? orZero(expr) : expr, op, value)
}

/** A number that stands in a condition: itself, or of the watch's metadata. */
const constantOf = (value: unknown, watch: Plain): number | undefined => {
  const word = wordOf(value)
  const path = word === undefined ? undefined : /^\{\{\{?\s*([\w.]+)\s*\}?\}\}$/.exec(word)?.[1]
  return numberOf(path === undefined ? value : metadataAt(watch, path))
}

/** `ctx.payload.a.b` as parts below the payload; undefined: something else. */
export const payloadPath = (path: string): readonly string[] | undefined => {
  if (path.length > 1024) return undefined
  const parts = path.replace(/\[['"]?([^\]'"]+)['"]?\]/g, '.$1').split('.')
  return parts[0] === 'ctx' && parts[1] === 'payload' ? parts.slice(2) : undefined
}

const notUnderstood = (findings: Findings, what: string): undefined => {
  findings.note('OBD-A-012', what, 'manual')
  return undefined
}

function compareCondition(condition: Plain, input: ConditionInput): string | undefined {
  const parts: string[] = []
  for (const [path, tests] of Object.entries(condition)) {
    const at = payloadPath(path)
    const vector = at === undefined ? undefined : vectorAt(input, at)
    if (vector === undefined) return notUnderstood(input.findings, `nothing that could be asked stands for ${path}`)
    for (const [name, value] of Object.entries(plainOf(tests))) {
      const op = operators.get(name)
      const number = constantOf(value, input.watch)
      const expr = op === undefined || number === undefined ? undefined : compareWith(vector, op, number)
      if (expr === undefined) return notUnderstood(input.findings, `${path} is compared by ${name}, which is not understood`)
      parts.push(expr)
    }
  }
  return parts.length === 0 ? notUnderstood(input.findings, 'the condition compares nothing') : both(parts)
}

function arrayCompare(condition: Plain, input: ConditionInput): string | undefined {
  const parts: string[] = []
  for (const [path, body] of Object.entries(condition)) {
    const inside = (wordOf(memberOf(body, 'path')) ?? '').split('.').filter((part) => part !== '')
    const at = payloadPath(path)
    const vector = at === undefined || inside.length === 0 ? undefined : vectorAt(input, at, inside)
    if (vector === undefined) return notUnderstood(input.findings, `nothing that could be asked stands for ${path}`)
    for (const [name, test] of Object.entries(plainOf(body))) {
      if (name === 'path') continue
      const op = operators.get(name)
      const number = constantOf(memberOf(test, 'value'), input.watch)
      if (op === undefined || number === undefined)
        return notUnderstood(input.findings, `buckets are compared by ${name}, which is not understood`)
      if (memberOf(test, 'quantifier') === 'all') parts.push(`(count(${compared(vector.expr, opposite[op], number)}) or vector(0)) == 0`)
      else parts.push(compared(vector.expr, op, number))
    }
  }
  return parts.length === 0 ? notUnderstood(input.findings, 'the condition compares nothing') : both(parts)
}

/** A number of a script. */
function operandOf(script: Script, input: ConditionInput, params: Plain): Operand | undefined {
  if (script.kind === 'number') return { number: script.value, isWhole: script.isWhole }
  if (script.kind === 'decimal') {
    const of = operandOf(script.of, input, params)
    return of === undefined ? undefined : { ...of, isWhole: false }
  }
  if (script.kind === 'path') {
    const [head, ...rest] = script.parts
    const given = head === 'params' && rest.length === 1 ? rest[0] : head === 'ctx' ? undefined : rest.length === 0 ? head : undefined
    if (given !== undefined) {
      const number = constantOf(memberOf(params, given), input.watch)
      return number === undefined ? undefined : { number, isWhole: Number.isInteger(number) }
    }
    if (head !== 'ctx') return undefined
    if (rest[0] === 'metadata') {
      const number = numberOf(metadataAt(input.watch, script.parts.join('.')))
      return number === undefined ? undefined : { number, isWhole: Number.isInteger(number) }
    }
    if (rest[0] !== 'payload') return undefined
    let simple: unknown = input.payload.constants.get(rest[1] ?? '')
    for (const key of rest.slice(2)) simple = memberOf(simple, key)
    const constant = simple === undefined ? undefined : numberOf(simple)
    return constant === undefined ? vectorAt(input, rest.slice(1)) : { number: constant, isWhole: Number.isInteger(constant) }
  }
  if (script.kind !== 'arithmetic') return undefined
  const left = operandOf(script.left, input, params)
  const right = operandOf(script.right, input, params)
  if (left === undefined || right === undefined) return undefined
  const isWhole = left.isWhole && right.isWhole
  if (script.op === '/' && isWhole)
    input.findings.note('OBD-A-012', 'the script divides whole numbers and drops the rest; the query does not', 'approximate')
  if ('number' in left && 'number' in right) {
    const { op } = script
    const [a, b] = [left.number, right.number]
    const number = op === '+' ? a + b : op === '-' ? a - b : op === '*' ? a * b : a / b
    return Number.isFinite(number) ? { number, isWhole } : undefined
  }
  const text = (one: Operand, other: Operand): string =>
    'number' in one
      ? numberText(one.number)
      : bracketed(one.isZero && !('number' in other && script.op === '*') ? orZero(one.expr) : one.expr)
  // A share of nothing is no number there; of no documents it is not asked here either.
  const divisor = script.op === '/' && !('number' in right) ? bracketed(right.expr) : text(right, left)
  const grouped = [left, right].some((one) => !('number' in one) && one.grouped)
  const isZero = script.op === '*' && [left, right].some((one) => !('number' in one) && one.isZero)
  return { expr: `${text(left, right)} ${script.op} ${divisor}`, isZero, grouped, isWhole, first: false }
}

function scriptExpression(script: Script, input: ConditionInput, params: Plain): string | undefined {
  if (script.kind === 'logic') {
    const parts = script.parts.map((one) => scriptExpression(one, input, params))
    if (parts.some((one) => one === undefined)) return undefined
    return (script.op === 'and' ? both : either)(parts as string[])
  }
  if (script.kind === 'some') {
    const at = script.buckets[0] === 'ctx' && script.buckets[1] === 'payload' ? script.buckets.slice(2) : undefined
    const vector = at === undefined ? undefined : vectorAt(input, at, script.inside)
    const right = operandOf(script.right, input, params)
    return vector === undefined || right === undefined || !('number' in right) ? undefined : compared(vector.expr, script.op, right.number)
  }
  if (script.kind !== 'compare') return undefined
  const left = operandOf(script.left, input, params)
  const right = operandOf(script.right, input, params)
  if (left === undefined || right === undefined) return undefined
  if (!('number' in left) && 'number' in right) return compareWith(left, script.op, right.number)
  if ('number' in left && !('number' in right)) return compareWith(right, turned[script.op], left.number)
  if ('number' in left || 'number' in right || left.grouped !== right.grouped) return undefined
  const side = (one: Vector): string => bracketed(one.isZero ? orZero(one.expr) : one.expr)
  return `${side(left)} ${script.op} ${side(right)}`
}

/** The condition as an expression. `always`: it holds whatever comes; `never`: it does not. Undefined: not understood, which the findings say. */
export function conditionOf(condition: unknown, input: ConditionInput): { readonly expr: string } | 'always' | 'never' | undefined {
  const made = (expr: string | undefined) => (expr === undefined ? undefined : { expr })
  if (condition === undefined || memberOf(condition, 'always') !== undefined) return 'always'
  if (memberOf(condition, 'never') !== undefined) return 'never'
  const compare = memberOf(condition, 'compare')
  if (isPlain(compare)) return made(compareCondition(compare, input))
  const array = memberOf(condition, 'array_compare')
  if (isPlain(array)) return made(arrayCompare(array, input))
  const script = memberOf(condition, 'script')
  if (script === undefined) return notUnderstood(input.findings, 'the condition is of a kind that is not known')
  const id = wordOf(memberOf(script, 'id')) ?? wordOf(memberOf(script, 'file'))
  const source =
    wordOf(script) ??
    wordOf(memberOf(script, 'source')) ??
    wordOf(memberOf(script, 'inline')) ??
    (id === undefined ? undefined : input.stored(id))
  if (source === undefined)
    return notUnderstood(input.findings, `the condition is the stored script "${id ?? ''}", which is not among the sources`)
  const read = readScript(source)
  const expr = read === undefined ? undefined : scriptExpression(read, input, plainOf(memberOf(script, 'params')))
  return expr === undefined ? notUnderstood(input.findings, 'the condition is a program, which is not run and not translated') : { expr }
}
