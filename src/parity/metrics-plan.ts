/** How raw samples are asked for in pieces that a server gives without pain: at most 50,000 samples and an hour in one answer (cutover 3.5). Pure. */

import { escaped, quoted } from '../read/prometheus-api.ts'

/** Samples of one answer. */
const mostSamples = 50_000

/** Names of one selector: a regular expression of more is refused by some servers. */
const mostNames = 200

export interface Piece {
  /** Names of the old side. */
  readonly names: readonly string[]
  /** Range of one question, ms. */
  readonly sliceMs: number
}

/**
 * Names in pieces.
 * @param names of the old side with their numbers of series
 * @param each samples of a series in the window
 */
export function planPieces(names: ReadonlyMap<string, number>, each: number, windowMs: number): Piece[] {
  const pieces: Piece[] = []
  let open: string[] = []
  let size = 0
  const close = (): void => {
    if (open.length > 0)
      pieces.push({ names: open, sliceMs: Math.max(1000, Math.ceil(windowMs / Math.max(1, Math.ceil(size / mostSamples)))) })
    open = []
    size = 0
  }
  for (const [name, many] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const more = many * each
    if (open.length >= mostNames || (open.length > 0 && size + more > mostSamples)) close()
    open.push(name)
    size += more
  }
  close()
  return pieces
}

/** A selector of names, and what else is to hold. @param matchers without braces; empty: none */
export function namesSelector(names: readonly string[], matchers: string): string {
  const [only] = names
  const name = names.length === 1 && only !== undefined ? `__name__=${quoted(only)}` : `__name__=~${quoted(names.map(escaped).join('|'))}`
  return matchers === '' ? `{${name}}` : `{${name},${matchers}}`
}

/** Matchers of a selector `name{…}` without the braces. Undefined when it is none. */
export function matchersOf(selector: string): string | undefined {
  const found = /^\s*([A-Za-z_:][\w:]*)?\s*(?:\{(.*)\})?\s*$/s.exec(selector)
  if (found === null || (found[1] === undefined && found[2] === undefined)) return undefined
  const inner = (found[2] ?? '').trim().replace(/,$/, '')
  return [...(found[1] === undefined ? [] : [`__name__=${quoted(found[1])}`]), ...(inner === '' ? [] : [inner])].join(',')
}
