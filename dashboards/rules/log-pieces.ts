/** Pieces of alert expressions: numbers made of the documents of a window. All questions to logs go through the one model of section 7.4. */

import { allOf, anyOf, everything, type Filter, leaf, noneOf, type Parsed } from '../filters/model.ts'
import { piecesOf, wildcardTest } from '../filters/values.ts'
import { logTargets } from '../logql/aggregations.ts'
import type { Aggregate, LogContext, Value } from '../logql/query.ts'
import type { Context } from '../options.ts'
import type { Findings } from './alert-rule.ts'
import { durationText } from './durations.ts'
import { bracketed } from './outcome.ts'

/** A number made of documents. */
export interface Question {
  /** Index or pattern; undefined: any. */
  readonly index: string | undefined
  readonly filter: Filter
  readonly value: Value
  /** Fields that it is grouped by. */
  readonly by: readonly string[]
  /** Documents without these fields are a group of their own; else they do not count. */
  readonly missing?: boolean | undefined
  /** Seconds that it looks at. */
  readonly window: number
  /** Seconds by which the window lies back. */
  readonly offset?: number | undefined
}

export const countOf: Aggregate = { kind: 'aggregate', op: 'count' }

const contextOf = (context: Context): LogContext => ({
  fields: context.fields,
  metrics: context.metrics,
  variables: [],
  flavour: 'loki',
  alert: true,
})

/** `max_query_length` of Loki as it comes. */
const longestLook = 721 * 3600

/** Asks questions for one rule, and keeps what has to be said of them. */
export class LogPieces {
  readonly #context: Context
  readonly #findings: Findings
  /** Of everything that was asked. */
  language: 'logql' | 'promql' | undefined
  /** Field of the documents → label of the alert. */
  readonly labels = new Map<string, string>()
  /** Longest look back, in seconds. */
  lookback = 0

  constructor(context: Context, findings: Findings) {
    this.#context = context
    this.#findings = findings
  }

  /** The expression, or undefined: it cannot be asked, which the findings say. */
  ask(question: Question): string | undefined {
    const { index, filter, value, by, missing = false, window, offset = 0 } = question
    const answer = logTargets(
      {
        index,
        filter: allOf([filter, this.#inIndex(index)]),
        metrics: [{ id: '1', value }],
        buckets: by.length === 0 ? [] : [{ kind: 'terms', fields: by, ...(missing ? { missing } : {}) }],
        shape: 'instant',
        interval: durationText(window),
        ...(offset > 0 ? { shift: durationText(offset) } : {}),
      },
      contextOf(this.#context),
    )
    const [target] = answer.targets
    this.#findings.take({ text: '', status: answer.status, notes: answer.notes, uses: answer.uses })
    this.lookback = Math.max(this.lookback, window + offset)
    if (target === undefined || target.expr === '' || answer.isLogs || answer.targets.length > 1 || answer.afterSteps.length > 0) {
      this.#findings.note('OBD-A-010', 'a question to the documents has no counterpart', 'unsupported')
      return undefined
    }
    if (this.language !== undefined && this.language !== target.language) {
      this.#findings.note('OBD-A-010', 'one part of the rule is in logs and the other in metrics', 'unsupported')
      return undefined
    }
    this.language = target.language
    if (target.language === 'logql' && window + offset > longestLook)
      this.#findings.note(
        'OBD-A-007',
        `the rule looks back ${durationText(window + offset)}, and Loki refuses more than 721h unless max_query_length says otherwise`,
        'manual',
      )
    for (const [field, label] of Object.entries(answer.labels)) this.labels.set(field, label)
    return withoutZero(target.expr)
  }

  /**
   * Documents of an index for which the mapping names no selector: the bridge keeps the name of the index with each document. A rule must not count those of others.
   */
  #inIndex(index: string | undefined): Filter {
    const { fields } = this.#context
    if (index === undefined || fields.selectorOf(index) !== undefined || fields.areMetrics(index)) return everything
    const wanted: Filter[] = []
    const others: Filter[] = []
    let isPlain = false
    for (const part of index.split(',').map((one) => one.trim())) {
      // `cluster:logs-*`, `<logs-{now/d}>`, `-logs-old-*`
      const bare = part
        .replace(/^-/, '')
        .replace(/^[\w*-]+:/, '')
        .replace(/^<([^{]*)\{.*$/, '$1*')
      if (bare === '' || bare === '_all' || /^\*+$/.test(bare)) {
        if (part.startsWith('-')) continue
        return everything
      }
      if (!bare.includes('*')) isPlain = true
      const asked = leaf('elasticsearch.index', wildcardTest(piecesOf(bare)), `_index: ${bare}`)
      if (part.startsWith('-')) others.push(noneOf(asked))
      else wanted.push(asked)
    }
    this.#findings.note(
      'OBD-A-033',
      `documents of ${index} are told apart by elasticsearch.index, which the bridge keeps; logs that come another way have none`,
      undefined,
      `indices: { "${index}": { selector: '{service_name="…"}' } }`,
    )
    if (isPlain)
      this.#findings.note('OBD-A-033', `${index} may be an alias: then its documents have the name of another index`, 'approximate')
    return allOf([wanted.length === 0 ? everything : anyOf(wanted), ...others])
  }

  /** Number of documents. */
  count(question: Omit<Question, 'value'>): string | undefined {
    return this.ask({ ...question, value: countOf })
  }

  /** Number of different values of a field. Documents without it do not count. */
  unique(question: Omit<Question, 'value'>, field: string): string | undefined {
    return this.ask({ ...question, value: { kind: 'aggregate', op: 'unique', field } })
  }
}

const zero = / or vector\(0\)$/

/** Silence is 0 only where a rule wants it to be. */
const withoutZero = (expr: string): string => (zero.test(expr) ? expr.replace(zero, '') : expr)

/** With 0 where there is nothing. Only of what is not grouped: else nobody knows for which groups. */
export const orZero = (expr: string): string => `(${expr} or vector(0))`

/** Several that may hold: `(a) or (b)`. */
export const either = (parts: readonly string[]): string => (parts.length === 1 ? (parts[0] ?? '') : parts.map(bracketed).join(' or '))

/** Several that have to hold for the same series. */
export const both = (parts: readonly string[]): string => (parts.length === 1 ? (parts[0] ?? '') : parts.map(bracketed).join(' and '))

/** The filter of a parsed query, or everything; what is wrong is said. */
export function filterOf(parsed: Parsed, what: string, findings: Findings): Filter {
  if (!parsed.ok) {
    findings.note('OBD-A-018', `${what} is not understood: ${parsed.why}`, 'manual')
    return everything
  }
  return parsed.filter
}
