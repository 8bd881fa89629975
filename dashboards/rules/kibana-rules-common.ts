/** What all kinds of Kibana's rules share: windows, comparisons, indices. */

import { parseKibanaFilter, parseKibanaQuery } from '../filters/kibana-filter.ts'
import { allOf, everything, type Filter } from '../filters/model.ts'
import type { Status } from '../model.ts'
import type { Context } from '../options.ts'
import type { Findings } from './alert-rule.ts'
import { secondsIn } from './durations.ts'
import type { KibanaFile, KibanaRule } from './kibana-rules-read.ts'
import { both, either, filterOf, type LogPieces, orZero } from './log-pieces.ts'
import { type Comparator, compared } from './outcome.ts'
import { isPlain, listOf, memberOf, numberOf, wordOf, wordsOf } from './plain.ts'

/** What a rule's kind is converted with. */
export interface KindInput {
  readonly rule: KibanaRule
  readonly file: KibanaFile
  readonly pieces: LogPieces
  readonly findings: Findings
  readonly context: Context
}

/** One rule that is written. */
export interface KindRule {
  readonly expr: string
  /** Behind the name, of further rules. */
  readonly suffix?: string | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** Of expressions that are not made of documents. */
  readonly language?: 'promql' | undefined
}

/** Undefined: none, which the findings say. */
export type KindConverter = (input: KindInput) => readonly KindRule[] | undefined

/** Says why there is none. */
export const refuse = (
  findings: Findings,
  text: string,
  status: Status = 'unsupported',
  code: 'OBD-A-010' | 'OBD-A-018' = 'OBD-A-018',
): undefined => {
  findings.note(code, text, status)
  return undefined
}

/** `timeWindowSize` and `timeWindowUnit`, or other names for them. */
export const windowOf = (params: unknown, size: string, unit: string): number | undefined =>
  secondsIn(memberOf(params, size), memberOf(params, unit))

/** Words and signs for comparisons, by what the value has to fit. */
const comparators: ReadonlyMap<string, Comparator | 'between' | 'outside'> = new Map([
  ['>', '>'],
  ['>=', '>='],
  ['<', '<'],
  ['<=', '<='],
  ['between', 'between'],
  ['notBetween', 'outside'],
  ['outside', 'outside'],
  ['more than', '>'],
  ['more than or equals', '>='],
  ['less than', '<'],
  ['less than or equals', '<='],
  ['equals', '=='],
  ['does not equal', '!='],
])

const fits = (value: number, op: Comparator | 'between' | 'outside', [a = 0, b = 0]: readonly number[]): boolean => {
  if (op === 'between') return value >= a && value <= b
  if (op === 'outside') return value < a || value > b
  return op === '>'
    ? value > a
    : op === '>='
      ? value >= a
      : op === '<'
        ? value < a
        : op === '<='
          ? value <= a
          : op === '=='
            ? value === a
            : value !== a
}

/** Whether 0 fits a comparison. */
export function zeroFits(comparator: unknown, threshold: readonly number[]): boolean {
  const op = comparators.get(wordOf(comparator) ?? '')
  return op !== undefined && fits(0, op, threshold)
}

/** An expression compared by a word or a sign. `isZero`: nothing is 0. Undefined: the comparison is not known. */
export function comparedBy(expr: string, comparator: unknown, threshold: readonly number[], isZero: boolean): string | undefined {
  const op = comparators.get(wordOf(comparator) ?? '')
  const [a, b] = threshold
  if (op === undefined || a === undefined) return undefined
  const value = isZero && fits(0, op, threshold) ? orZero(expr) : expr
  if (op !== 'between' && op !== 'outside') return compared(value, op, a)
  if (b === undefined) return undefined
  return op === 'between'
    ? both([compared(value, '>=', a), compared(value, '<=', b)])
    : either([compared(value, '<', a), compared(value, '>', b)])
}

/** Numbers of a list, or a single one. */
export const numbersOf = (value: unknown): readonly number[] =>
  (Array.isArray(value) ? value : [value]).flatMap((one) => (numberOf(one) === undefined ? [] : [numberOf(one) as number]))

/** Pattern of a data view: by its id in the file, or what stands there itself. A view that is not there is said. */
export function indexOf(view: unknown, { rule, file, findings, context }: KindInput): string | undefined {
  if (isPlain(view)) return wordOf(memberOf(view, 'title')) ?? indexOf(memberOf(view, 'id'), { rule, file, findings, context } as KindInput)
  const words = wordsOf(view)
  if (words.length > 1) return words.join(',')
  const [id] = words
  if (id === undefined) return undefined
  const target = rule.references.get(id) ?? id
  const object = file.objects.get(`index-pattern:${target}`)
  const title = wordOf(memberOf(object, 'title'))
  if (title !== undefined) return title
  if (/[*,]/.test(target) || context.fields.selectorOf(target) !== undefined) return target
  findings.note(
    'OBD-A-023',
    `the data view ${target} is not in the file: the rule asks all logs`,
    'manual',
    'export the rule with its references, or name it under indices of the mapping',
  )
  return undefined
}

/** Query and filters of `searchConfiguration`. */
export function searchConfigurationFilter(configuration: unknown, findings: Findings): Filter {
  const parts: Filter[] = []
  const query = memberOf(configuration, 'query')
  if (query !== undefined) parts.push(filterOf(parseKibanaQuery(query), 'the query', findings))
  for (const one of listOf(memberOf(configuration, 'filter'))) {
    const read = parseKibanaFilter(one)
    if (read.ok) parts.push(read.filter)
    else findings.note('OBD-A-018', `a filter is not understood: ${read.why}`, 'manual')
  }
  return parts.length === 0 ? everything : allOf(parts)
}
