/** Changes of one query: collected in places of the masked text, told in places of the text as it was. */

import type { QueryEdit } from '../model.ts'
import type { Span } from './ast.ts'
import type { Masked } from './mask.ts'

interface Change extends Span {
  readonly to: string
  readonly rule: string
  /** At one place what ends stands first, then what begins, the outermost first, then what is replaced. */
  readonly rank: number
}

/** Ranks of what begins go down from here, those of what ends up from 0. */
const middle = 1_000_000
const replaced = 2 * middle

export class Changes {
  readonly #masked: Masked
  readonly #changes: Change[] = []

  constructor(masked: Masked) {
    this.#masked = masked
  }

  get count(): number {
    return this.#changes.length
  }

  replace({ start, end }: Span, to: string, rule: string): void {
    this.#changes.push({ start, end, to, rule, rank: replaced + this.#changes.length })
  }

  /** Puts something before and behind an expression. What was put there before, by expressions inside, stays within. */
  wrap({ start, end }: Span, before: string, after: string, rule: string): void {
    if (before !== '') this.#changes.push({ start, end: start, to: before, rule, rank: middle - this.#changes.length })
    if (after !== '') this.#changes.push({ start: end, end, to: after, rule, rank: this.#changes.length - middle })
  }

  /** Puts something in behind all that ends there. */
  insert(at: number, to: string, rule: string): void {
    this.#changes.push({ start: at, end: at, to, rule, rank: this.#changes.length })
  }

  #within({ start, end }: Span): Change[] {
    return this.#changes
      .filter((one) => one.start >= start && one.end <= end)
      .sort((one, other) => one.start - other.start || one.rank - other.rank)
  }

  /** The text of an expression with all that was changed in it, and nothing masked. */
  render(span: Span): string {
    const { source } = this.#masked
    const pieces: string[] = []
    let at = this.#masked.original(span.start)
    for (const { start, end, to } of this.#within(span)) {
      const from = this.#masked.original(start)
      pieces.push(source.slice(at, Math.max(at, from)), to)
      at = Math.max(at, this.#masked.original(end))
    }
    pieces.push(source.slice(at, this.#masked.original(span.end)))
    return pieces.join('')
  }

  /** All changes, in order, those at one place as one. */
  edits(): QueryEdit[] {
    const { source, text } = this.#masked
    const edits: QueryEdit[] = []
    for (const { start, end, to, rule } of this.#within({ start: 0, end: text.length })) {
      const from = this.#masked.original(start)
      const until = this.#masked.original(end)
      const last = edits.at(-1)
      if (last !== undefined && last.end === from && (last.start === last.end || from === until) && last.rule === rule) {
        edits[edits.length - 1] = { ...last, end: until, from: last.from + source.slice(from, until), to: last.to + to }
      } else edits.push({ start: from, end: until, from: source.slice(from, until), to, rule })
    }
    return edits
  }
}
