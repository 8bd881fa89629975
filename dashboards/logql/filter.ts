/** A filter of documents → selector and stages of LogQL: section 7.2 of the reference. */

import type { Filter, Leaf } from '../filters/model.ts'
import { type Normal, normalize } from '../filters/normalize.ts'
import { type Note, type Status, type Uses, worse } from '../model.ts'
import { asksJson, asksLine, combine, type Expression, filterText, type LineTest, labelText, lineAsLabel, lineText } from './expressions.ts'
import { leafOf } from './leaves.ts'
import type { LogContext } from './query.ts'

/** What selects the lines. */
export interface Logs {
  /** `{service_name="shop"}` */
  readonly selector: string
  /** ` |= "x" | status="500"`, with a blank in front; empty: all lines. */
  readonly stages: string
  /** Both. */
  readonly text: string
  /** Of the filter alone. `unsupported`: the text asks for less than the filter and must not be used. */
  readonly status: Status
  readonly notes: readonly Note[]
  /** Fields that the filter names. */
  readonly uses: Uses
  /** No line can fit. */
  readonly isNever: boolean
  /** Fields are read out of lines that are JSON. */
  readonly parsesJson: boolean
}

/** What asks for more than a filter says. */
export interface LogsOptions {
  /** Index or pattern of the documents. */
  readonly index?: string | undefined
  /** Fields that have to be there, as names of documents: groups, operands. */
  readonly present?: readonly string[] | undefined
}

const everyStream = 'service_name=~".+"'

/**
 * Makes selector and stages of a filter. In the selector stand conditions on index labels that all have to hold, and what the mapping says of the
 * index; where neither is, all streams are searched (OBD-L-010). Stages are ordered by what they cost.
 */
export function logsOf(filter: Filter, context: LogContext, { index, present = [] }: LogsOptions = {}): Logs {
  const notes: Note[] = []
  const fields = new Set<string>()
  let status: Status = 'exact'

  function walk(normal: Normal, isTop: boolean): Expression {
    switch (normal.kind) {
      case 'all':
        return { kind: 'always' }
      case 'none':
        return { kind: 'never' }
      case 'literal': {
        const { leaf } = normal
        if (leaf.field !== undefined) fields.add(leaf.field)
        const found = leafOf(normal, context, index)
        status = worse(status, found.status)
        notes.push(...found.notes)
        if (!isTop && (found.isTime || hasStream(found.expression))) fault(leaf)
        return found.expression
      }
      case 'and':
      case 'or': {
        const parts = normal.parts.map((part) => walk(part, isTop && normal.kind === 'and'))
        return combine(normal.kind, parts)
      }
    }
  }

  function fault(leaf: Leaf): void {
    status = 'unsupported'
    notes.push({ code: 'OBD-L-009', text: `"${leaf.text}" is one of several alternatives, and can only hold for all lines.` })
  }

  const wanted = walk(normalize(settle(filter, context, index)), true)
  const needed = present.map((field) => leafOf(presence(field), context, index).expression)
  const all = combine('and', [wanted, ...needed])
  if (all.kind === 'never') {
    return {
      ...written(['service_name=""', everyStream], [], false),
      status,
      notes: unique(notes),
      uses: { metrics: [], labels: [], fields: [...fields] },
      isNever: true,
    }
  }
  const parts = all.kind === 'and' ? all.parts : all.kind === 'always' ? [] : [all]
  const selector = index === undefined ? undefined : context.fields.selectorOf(index)
  const matchers = new Set<string>()
  if (selector !== undefined) matchers.add(inner(selector))
  let isFirm = selector !== undefined
  const rest: Expression[] = []
  for (const part of parts) {
    if (part.kind === 'stream') {
      matchers.add(part.matchers)
      isFirm = true
    } else if (part.kind === 'label' && part.isIndex) {
      // In a selector `!=""` does not do; `=~".+"` says the same.
      const isThere = part.op === '!=' && part.value === ''
      matchers.add(isThere ? `${part.label}=~".+"` : labelText(part))
      if (!part.fitsEmpty) isFirm = true
    } else rest.push(part)
  }
  if (!isFirm) {
    matchers.add(everyStream)
    notes.push({
      code: 'OBD-L-010',
      text: index === undefined ? 'All streams are searched.' : `All streams are searched: the mapping has no selector for ${index}.`,
      suggestion: index === undefined ? undefined : `indices: { "${index}": { selector: '{service_name="…"}' } }`,
    })
  }
  const stages = stagesOf(rest, (note) => notes.push(note))
  return {
    ...written(withoutNeedless([...matchers]), stages, parts.some(asksJson)),
    status,
    notes: unique(notes),
    uses: { metrics: [], labels: [], fields: [...fields, ...present] },
    isNever: false,
  }
}

/** Words on a field that is no text are its whole value: as such, alternatives become one condition. */
export function settle(filter: Filter, context: LogContext, index: string | undefined): Filter {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return { kind: filter.kind, parts: filter.parts.map((part) => settle(part, context, index)) }
    case 'not':
      return { kind: 'not', part: settle(filter.part, context, index) }
    case 'nested':
      return { ...filter, part: settle(filter.part, context, index) }
    case 'leaf': {
      const { field, test, isPattern } = filter
      const words =
        test.op === 'match' ? test.words.trim() : test.op === 'phrase' && test.slop === 0 && !test.prefix ? test.words : undefined
      if (field === undefined || isPattern || words === undefined || field === '_index') return filter
      const isValue =
        filter.isWhole === true || (context.fields.field(field, index).where !== 'line' && !context.fields.isText(field, index))
      return isValue ? { ...filter, test: { op: 'term', values: [words] } } : filter
    }
    default:
      return filter
  }
}

const presence = (field: string) =>
  ({
    kind: 'literal',
    negated: false,
    loosened: false,
    leaf: { kind: 'leaf', field, isPattern: false, test: { op: 'exists' }, text: `${field}: *` },
  }) as const

const inner = (selector: string): string => selector.trim().replace(/^\{/, '').replace(/\}$/, '').trim()

const hasStream = (expression: Expression): boolean =>
  expression.kind === 'stream' || ((expression.kind === 'and' || expression.kind === 'or') && expression.parts.some(hasStream))

/** Takes `a=~".+"` out where another matcher of `a` says more. */
function withoutNeedless(matchers: readonly string[]): string[] {
  return matchers.filter((one) => {
    if (!one.endsWith('=~".+"') || one.includes(',')) return true
    const label = one.slice(0, -'=~".+"'.length)
    return !matchers.some(
      (other) => other !== one && other !== `${label}=""` && (other.startsWith(`${label}="`) || other.startsWith(`${label}=~`)),
    )
  })
}

function written(
  matchers: readonly string[],
  stages: readonly string[],
  parsesJson: boolean,
): Pick<Logs, 'selector' | 'stages' | 'text' | 'parsesJson'> {
  const selector = `{${matchers.join(', ')}}`
  const text = stages.map((one) => ` ${one}`).join('')
  return { selector, stages: text, text: selector + text, parsesJson }
}

function unique(notes: readonly Note[]): Note[] {
  const seen = new Set<string>()
  return notes.filter(({ code, text }) => {
    const key = `${code} ${text}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

const lineLabel = '_line'

/** What a condition costs: literals of the line, patterns of the line, labels, patterns of labels, alternatives, copies of the line. */
function costOf(part: Expression): number {
  switch (part.kind) {
    case 'line':
      return part.literal !== undefined && !part.ignoreCase ? 0 : 1
    case 'label':
      return part.json ? 6 : part.op === '=' || part.op === '!=' ? 3 : 4
    case 'number':
    case 'address':
      return part.json ? 6 : 4
    default:
      return asksLine(part) ? 8 : asksJson(part) ? 7 : 5
  }
}

function stagesOf(parts: readonly Expression[], say: (note: Note) => void): string[] {
  const ordered = parts.map((part) => mergeLines(part)).toSorted((one, other) => costOf(one) - costOf(other))
  const stages: string[] = []
  const seen = new Set<string>()
  let hasJson = false
  let hasCopy = false
  for (const part of ordered) {
    if (part.kind === 'line') {
      stages.push(lineText(part))
      continue
    }
    if (asksJson(part) && !hasJson) {
      hasJson = true
      stages.push('| json | drop __error__, __error_details__')
      say({ code: 'OBD-L-031', text: 'Lines are parsed as JSON.' })
    }
    if (asksLine(part) && !hasCopy) {
      hasCopy = true
      stages.push(`| label_format ${lineLabel}=\`{{__line__}}\``)
      say({ code: 'OBD-L-017', text: 'The line is copied into a label.' })
    }
    const stage = `| ${stageText(part, false)}`
    if (!seen.has(stage)) stages.push(stage)
    seen.add(stage)
  }
  if (hasCopy) stages.push(`| drop ${lineLabel}`)
  return stages
}

/** One of several patterns of the line is one pattern. */
function mergeLines(part: Expression): Expression {
  if (part.kind !== 'or') return part
  const lines = part.parts.filter((one): one is LineTest => one.kind === 'line' && !one.negated)
  const ignoreCase = lines[0]?.ignoreCase ?? false
  if (lines.length < 2 || lines.some((one) => one.ignoreCase !== ignoreCase)) return part
  const joined: LineTest = { kind: 'line', negated: false, regex: `(${lines.map((one) => one.regex).join('|')})`, ignoreCase }
  return combine('or', [joined, ...part.parts.filter((one) => one.kind !== 'line' || one.negated)])
}

/** A condition behind a pipe; `and` in `or` and the other way round in brackets. */
function stageText(part: Expression, isInner: boolean): string {
  switch (part.kind) {
    case 'label':
      return filterText(part)
    case 'number':
      return `${part.label} ${part.op} ${part.value}`
    case 'address':
      return `${part.label}${part.negated ? '!=' : '='}ip("${part.block}")`
    case 'line':
      return lineAsLabel(part, lineLabel)
    case 'and':
    case 'or': {
      const text = part.parts.map((one) => stageText(one, true)).join(` ${part.kind} `)
      return isInner ? `(${text})` : text
    }
    // Neither of them is left in a group, and streams stand in the selector.
    default:
      return ''
  }
}
