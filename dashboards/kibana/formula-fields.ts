/** Where fields and filters stand in a formula of Lens, for renaming them in place. */

export interface FormulaSpan {
  readonly start: number
  readonly end: number
  /** Without quotes. */
  readonly text: string
  readonly kind: 'field' | 'kql' | 'lucene'
}

const maxLength = 64 * 1024

const token = /\s+|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([\p{L}_@$][\p{L}\p{N}_@$.]*)|\d[\d.eE]*|[^\s'"]/uy

/** Spans in order; undefined: it cannot be read. Linear. */
export function formulaFields(formula: string): readonly FormulaSpan[] | undefined {
  if (formula.length > maxLength) return undefined
  const tokens: {
    readonly start: number
    readonly end: number
    readonly raw: string
    readonly text: string | undefined
    readonly isName: boolean
  }[] = []
  token.lastIndex = 0
  for (let at = 0; at < formula.length; ) {
    token.lastIndex = at
    const match = token.exec(formula)
    if (match === null) return undefined
    const [raw, single, double, name] = match
    const text = (single ?? double)?.replaceAll(/\\(.)/gs, '$1') ?? name
    if (raw.trim() !== '') tokens.push({ start: at, end: at + raw.length, raw, text, isName: name !== undefined })
    at += raw.length
  }
  const spans: FormulaSpan[] = []
  for (const [index, { start, end, text, isName }] of tokens.entries()) {
    if (text === undefined) continue
    const before = tokens[index - 1]?.raw
    const after = tokens[index + 1]?.raw
    if (before === '=') {
      const key = tokens[index - 2]?.raw
      if (key === 'kql' || key === 'lucene') spans.push({ start, end, text, kind: key })
    } else if (!(isName && (after === '(' || after === '='))) spans.push({ start, end, text, kind: 'field' })
  }
  return spans
}
