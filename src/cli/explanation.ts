/** Prints why OTLP is what it is: as a tree for people, or as a record a line for programs. */

import type { ExplainedField, ExplainedItem, Explanation, Leftover } from '../translate/explain.ts'

/** One line of `translate --explain --json`. */
export interface ExplainedRecord {
  /** Place of the span in the input, counted from 0; null for what concerns the whole input. */
  readonly span: number | null
  /** The OTLP field; null for what became none. */
  readonly path: string | null
  readonly value: unknown
  /** Id of the rule in the mapping page of the format. */
  readonly rule: string | null
  /** Legacy fields. */
  readonly from: readonly string[]
  /** What the rule says; of what is left out, first whether it is lost or implied by the rest. */
  readonly note: string
}

const ruleOf = (rules: readonly string[]): string | null => (rules.length === 0 ? null : rules.join(' '))

/** The records of an explanation, item by item. */
export function* explainedRecords(explanation: Explanation): Generator<ExplainedRecord> {
  const says = (rules: readonly string[]): string =>
    rules.length === 0 ? 'no rule explains this: please report it' : rules.map((rule) => explanation.sentences[rule] ?? '').join(' ')
  const left = (span: number | null, { leaf, rules, fate }: Leftover): ExplainedRecord => ({
    span,
    path: null,
    value: leaf.value,
    rule: ruleOf(rules),
    from: [leaf.name],
    note: `${fate}: ${says(rules)}`,
  })
  for (const { index, spans, leftovers, rejected } of explanation.items) {
    for (const { fields } of spans) {
      for (const { path, value, rules, from } of fields) yield { span: index, path, value, rule: ruleOf(rules), from, note: says(rules) }
    }
    for (const one of leftovers) yield left(index, one)
    if (rejected !== undefined) {
      const { rule, reason, example } = rejected
      yield { span: index, path: null, value: null, rule: rule === '' ? null : rule, from: [], note: `rejected: ${reason}: ${example}` }
    }
  }
  for (const one of explanation.leftovers) yield left(null, one)
  for (const { reason, count } of explanation.notes) {
    yield { span: null, path: null, value: count, rule: null, from: [], note: `noticed: ${reason}` }
  }
}

/** Longest value in the tree; `--json` has all of it. */
const longestValue = 60

/** Keys and names are the sender's: nothing of them may move a terminal's cursor. */
const plain = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)

const shown = (value: unknown): string => {
  const text = plain(JSON.stringify(value))
  return text.length > longestValue ? `${text.slice(0, longestValue - 1)}…` : text
}

/** Lines of equal columns, the last one as long as it is. */
function columns(rows: readonly (readonly string[])[], indent: string): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map(
      (row) =>
        `${indent}${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

const whereFrom = (from: readonly string[]): string => (from.length === 0 ? '' : `← ${from.map(plain).join(', ')}`)

/** The field below its span; the resource's and the scope's have names of their own. */
const shortPath = ({ path }: ExplainedField, span: string): string =>
  path.startsWith(`${span}.`) ? path.slice(span.length + 1) : path.replace(/^(?:(?:resourceSpans|scopeSpans)\[\d+\]\.)+/, '')

const leftoverRow = ({ leaf, rules, fate }: Leftover): readonly string[] => [
  fate,
  `${plain(leaf.name)} = ${shown(leaf.value)}`,
  ruleOf(rules) ?? '?',
]

/** The part of the tree that one span is. */
export function itemTree({ index, title, spans, leftovers, rejected }: ExplainedItem): string {
  let text = `spans[${index}] ${shown(title)}\n`
  if (rejected !== undefined) return `${text}  rejected  ${plain(rejected.example)}  ${rejected.rule}\n`
  for (const { path, fields } of spans) {
    const rows = fields.map((field) => [
      plain(shortPath(field, path)),
      shown(field.value),
      ruleOf(field.rules) ?? '?',
      whereFrom(field.from),
    ])
    text += `  ${path}\n${columns(rows, '    ')}`
  }
  if (leftovers.length > 0) text += `  left out\n${columns(leftovers.map(leftoverRow), '    ')}`
  return text
}

/** The whole tree, piece by piece, and behind it what the rules in it say. */
export function* explainedTree(explanation: Explanation): Generator<string> {
  const used = new Set<string>()
  for (const item of explanation.items) {
    for (const { rules } of [...item.spans.flatMap(({ fields }) => fields), ...item.leftovers]) for (const rule of rules) used.add(rule)
    if (item.rejected !== undefined) used.add(item.rejected.rule)
    yield itemTree(item)
  }
  if (explanation.leftovers.length > 0) yield `request\n${columns(explanation.leftovers.map(leftoverRow), '    ')}`
  for (const { rules } of explanation.leftovers) for (const rule of rules) used.add(rule)
  if (explanation.notes.length > 0) {
    yield `noticed\n${columns(
      explanation.notes.map(({ reason, count }) => [String(count), reason]),
      '    ',
    )}`
  }
  const rules = Object.entries(explanation.sentences).filter(([rule]) => used.has(rule))
  if (rules.length > 0) yield `rules\n${columns(rules, '    ')}`
}
