/** One rewriting while it goes on: what it changes and what it has to say. */

import type { Code } from '../codes.ts'
import { type Note, type Status, worse } from '../model.ts'
import type { MetricTarget } from '../naming/metrics.ts'
import type { Expr, Span, StringLiteral } from './ast.ts'
import { Changes } from './changes.ts'
import type { PromqlContext } from './context.ts'
import { type Masked, variablesIn } from './mask.ts'
import { divisionText } from './spelling.ts'
import type { Value } from './value.ts'

/** What is around an expression. */
export interface Around {
  /** Labels, by old name, that are read of its result. */
  readonly wanted: ReadonlySet<string>
  /** Whether an operator may stand there without parentheses. */
  readonly isFree: boolean
}

/** Operators that bind less than a product: their operands have to be kept together. */
export const isLoose = (expr: Expr): boolean => expr.kind === 'binary' && expr.op !== '*' && expr.op !== '/'

/** Of what looks at the last bit of a number. */
export const lastBit = 'a value that is multiplied and brought back may differ in its last bit, which shows here'

/** What cannot be written by halves: the query stays as it was, which gives nothing rather than something wrong. */
const wholeOnly: ReadonlySet<Code> = new Set<Code>(['OBD-P-002', 'OBD-P-005', 'OBD-P-011', 'OBD-P-012', 'OBD-P-018'])

/** Notes of one query; it has only so many kinds of them. */
const mostNotes = 100

export class Rewriting {
  readonly masked: Masked
  readonly context: PromqlContext
  readonly changes: Changes
  readonly notes: Note[] = []
  readonly metrics = new Set<string>()
  readonly labels = new Set<string>()
  readonly series = new Map<string, string>()
  /** Whether something counts series, or asks whether there are any. */
  asksForPresence = false
  /** Something in the query has no equal. */
  givesUp = false
  #status: Status = 'unchanged'

  constructor(masked: Masked, context: PromqlContext) {
    this.masked = masked
    this.context = context
    this.changes = new Changes(masked)
  }

  get status(): Status {
    return this.changes.count > 0 ? worse(this.#status, 'exact') : this.#status
  }

  /** Of what was said alone. */
  get said(): Status {
    return this.#status
  }

  /** Says something, once. */
  note(status: Status, code: Code, text: string, suggestion?: string): void {
    if (status === 'manual' && wholeOnly.has(code)) this.givesUp = true
    this.#status = worse(this.#status, status)
    if (this.notes.length >= mostNotes || this.notes.some((note) => note.code === code && note.text === text)) return
    this.notes.push(suggestion === undefined ? { code, text } : { code, text, suggestion })
  }

  metric(name: string): MetricTarget {
    this.metrics.add(name)
    return this.context.naming.metric(name)
  }

  /** Whether a variable stands in a place of the masked text. */
  hasHole({ start, end }: Span): boolean {
    const { holes } = this.masked
    let low = 0
    let high = holes.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((holes[middle]?.end ?? 0) <= start) low = middle + 1
      else high = middle
    }
    const hole = holes[low]
    return hole !== undefined && hole.start < end
  }

  /** Whether a variable stands in a string, which is not masked. */
  hasVariable({ value }: StringLiteral): boolean {
    return value.includes('$') || value.includes('[[') ? variablesIn(value, this.context.variables).length > 0 : false
  }

  /** A part of the text as it was. */
  source({ start, end }: Span): string {
    return this.masked.source.slice(this.masked.original(start), this.masked.original(end))
  }

  /** Gives an operand its old scale. @param isFree whether a product may stand there without parentheses */
  restore(expr: Expr, value: Value, isFree = false): void {
    if (value.factor === 1) return
    const outer = isFree ? ['', ''] : ['(', ')']
    const inner = isLoose(expr) ? ['(', ')'] : ['', '']
    this.changes.wrap(expr, `${outer[0]}${inner[0]}`, `${inner[1]}${divisionText(value.factor)}${outer[1]}`, '§6.2 scale restored')
    value.factor = 1
    value.isConstant = false
  }
}
