/** An alert rule between its old form and the file that it is written into. */

import { type Note, noUses, type Status, type Uses, worse } from '../model.ts'

/** A rule that can be written. */
export interface AlertRule {
  readonly name: string
  /** Rules of one group are evaluated together. */
  readonly group: string
  /** Seconds between evaluations. */
  readonly interval: number
  readonly language: 'logql' | 'promql'
  /** Filters by itself: the alert fires for every series that it gives. */
  readonly expr: string
  /** Seconds for which it has to hold. */
  readonly holds: number
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** Written, but not evaluated. */
  readonly paused: boolean
  /** The comparison is missing: only ever written as a comment. */
  readonly unfinished?: boolean | undefined
  /** Lines above the rule: why it is paused, what differs. */
  readonly comments: readonly string[]
  /** Longest range that the expression looks back, in seconds. */
  readonly lookback: number
}

/** A part of an expression, and what has to be said of it. */
export interface Piece {
  readonly text: string
  readonly status: Status
  readonly notes: readonly Note[]
  readonly uses: Uses
}

/** Joins what several parts use, each name once, in order. */
export function joinUses(all: readonly Uses[]): Uses {
  if (all.length === 0) return noUses
  const once = (pick: (uses: Uses) => readonly string[]): string[] => [...new Set(all.flatMap(pick))]
  return { metrics: once((one) => one.metrics), labels: once((one) => one.labels), fields: once((one) => one.fields) }
}

/** Collects statuses and notes on the way to a rule. The worst status wins; the same note stands once. */
export class Findings {
  status: Status
  readonly notes: Note[] = []
  readonly uses: Uses[] = []

  constructor(status: Status = 'exact') {
    this.status = status
  }

  /** Takes what is said of a part, and hands its text on. */
  take(piece: Piece): string {
    this.status = worse(this.status, piece.status)
    for (const note of piece.notes) this.#add(note)
    this.uses.push(piece.uses)
    return piece.text
  }

  /** @param status how bad it is; undefined: a word only */
  note(code: Note['code'], text: string, status?: Status, suggestion?: string): void {
    if (status !== undefined) this.status = worse(this.status, status)
    this.#add({ code, text, ...(suggestion === undefined ? {} : { suggestion }) })
  }

  #add(note: Note): void {
    if (!this.notes.some((one) => one.code === note.code && one.text === note.text)) this.notes.push(note)
  }
}
