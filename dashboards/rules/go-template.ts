/** Go templates in labels and annotations of rules: which labels they read and which queries they ask. They are scanned, never run. Section 10.1 of the reference. */

import type { Note, Status } from '../model.ts'
import { worse } from '../model.ts'
import type { LabelTarget } from '../naming/metrics.ts'
import type { PromqlResult } from '../promql/context.ts'
import { quote } from '../promql/spelling.ts'
import { decodeString, encodeString } from '../promql/strings.ts'
import type { TextEdit } from '../text/edits.ts'

/** Templates are short; of longer ones only the beginning is looked at. */
const longestTemplate = 256 * 1024

type TokenKind = 'word' | 'string' | 'sign'

interface Token {
  readonly kind: TokenKind
  readonly start: number
  readonly end: number
  readonly text: string
}

/** Words and strings between `{{` and `}}`, action by action. Linear. */
function actionsOf(text: string): Token[][] {
  const actions: Token[][] = []
  const limit = Math.min(text.length, longestTemplate)
  let at = text.indexOf('{{')
  while (at >= 0 && at < limit) {
    at += 2
    if (/^-?\s*\/\*/.test(text.slice(at, at + 20))) {
      const end = text.indexOf('*/', at)
      at = end < 0 ? -1 : text.indexOf('{{', end)
      continue
    }
    const tokens: Token[] = []
    const pattern = /\s+|"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)*'|\}\}|[$.]?[A-Za-z_][\w.]*|\$|./gsy
    pattern.lastIndex = at
    for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
      const [sign] = found
      if (sign === '}}') break
      if (/^\s/.test(sign)) continue
      const kind = /^["'`]/.test(sign) && sign.length > 1 ? 'string' : /^[$.]?[A-Za-z_]/.test(sign) ? 'word' : 'sign'
      tokens.push({ kind, start: found.index, end: pattern.lastIndex, text: sign })
      if (pattern.lastIndex >= limit) break
    }
    actions.push(tokens)
    at = pattern.lastIndex === 0 ? -1 : text.indexOf('{{', pattern.lastIndex)
  }
  return actions
}

const labelsWord = /^(\$labels|\.Labels|\$[A-Za-z_]\w*\.Labels)\.([A-Za-z_]\w*)$/
const labelMaps: ReadonlySet<string> = new Set(['$labels', '.Labels'])

/** A label that a template reads. */
interface LabelUse {
  readonly label: string
  /** `$labels.x`: of the alert; else of a series that a query in the template gave. */
  readonly isAlert: boolean
  /** How it stands: `$labels.x`, or a string behind `index $labels` or `label`. */
  readonly form: 'member' | 'string'
  readonly map: string
  readonly token: Token
}

/** A query that a template asks. */
interface QueryUse {
  readonly text: string
  readonly token: Token
  readonly isFormat: boolean
}

interface Uses {
  readonly labels: LabelUse[]
  readonly queries: QueryUse[]
  /** `query` of something that is no string. */
  readonly hidden: boolean
}

function usesOf(text: string): Uses {
  const labels: LabelUse[] = []
  const queries: QueryUse[] = []
  let hidden = false
  for (const tokens of actionsOf(text)) {
    for (const [at, token] of tokens.entries()) {
      const previous = tokens[at - 1]
      const found = token.kind === 'word' ? labelsWord.exec(token.text) : null
      if (found !== null) {
        const [, map = '', label = ''] = found
        labels.push({ label, isAlert: map === '$labels', form: 'member', map, token })
      }
      if (token.kind === 'string') {
        const value = decodeString(token.text)
        const map = previous?.text ?? ''
        if (value !== undefined && labelMaps.has(map) && tokens[at - 2]?.text === 'index') {
          labels.push({ label: value, isAlert: map === '$labels', form: 'string', map, token })
        }
        if (value !== undefined && (map === 'label' || map === 'sortByLabel'))
          labels.push({ label: value, isAlert: false, form: 'string', map, token })
      }
      if (token.kind !== 'word' || token.text !== 'query') continue
      const next = tokens[at + 1]
      const piped = previous?.text === '|'
      const format = piped
        ? tokens.slice(0, at).find(({ text: word }) => word === 'printf')
        : next?.text === '(' && tokens[at + 2]?.text === 'printf'
          ? tokens[at + 2]
          : undefined
      const string =
        next?.kind === 'string'
          ? next
          : format !== undefined
            ? tokens[tokens.indexOf(format) + 1]
            : piped && at === 2
              ? tokens[0]
              : undefined
      const value = string?.kind === 'string' ? decodeString(string.text) : undefined
      if (string === undefined || value === undefined) hidden = true
      else queries.push({ text: value, token: string, isFormat: format !== undefined })
    }
  }
  return { labels, queries, hidden }
}

/** Labels of the alert that a template reads. */
export function templateLabels(text: string): string[] {
  return [...new Set(usesOf(text).labels.flatMap(({ label, isAlert }) => (isAlert ? [label] : [])))]
}

/** A query in a template, and what became of it. */
export interface TemplateQuery {
  readonly before: string
  readonly result: PromqlResult
}

export interface TemplateResult {
  readonly status: Status
  readonly edits: readonly TextEdit[]
  readonly notes: readonly Note[]
  readonly queries: readonly TemplateQuery[]
}

export interface TemplateContext {
  /** Labels of the alert that have other names now, old → new. */
  readonly labels: ReadonlyMap<string, string>
  /** Labels of the alert that it has no more. */
  readonly lost: ReadonlySet<string>
  /** Labels of any series. */
  readonly label: (label: string) => LabelTarget
  readonly rewrite: (query: string) => PromqlResult
}

const isIdentifier = (name: string): boolean => /^[A-Za-z_]\w*$/.test(name)

/** `%s` in quotes is text; `%d` and the like outside of them stand for numbers, which PromQL takes. */
const formatsOutside = (query: string): boolean => /%[a-z]/.test(query.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g, ''))

/** Rewrites the labels and queries of a template. Offsets of the edits are those of the text. */
export function rewriteTemplate(text: string, context: TemplateContext): TemplateResult {
  if (!text.includes('{{')) return { status: 'unchanged', edits: [], notes: [], queries: [] }
  const { labels, queries, hidden } = usesOf(text)
  const edits: TextEdit[] = []
  const notes: Note[] = []
  const asked: TemplateQuery[] = []
  let status: Status = 'unchanged'
  const say = (as: Status, words: string): void => {
    status = worse(status, as)
    notes.push({ code: 'OBD-P-032', text: words })
  }
  for (const { label, isAlert, form, map, token } of labels) {
    const fate = isAlert ? undefined : context.label(label)
    const to = isAlert ? context.labels.get(label) : fate?.kind === 'renamed' ? fate.to : undefined
    if (isAlert && context.lost.has(label)) say('manual', `the alert has no label ${label} any more`)
    if (to === undefined || to === label) continue
    const prefix = token.text.slice(0, token.text.length - label.length - 1)
    const written = form === 'string' ? encodeString(to, token.text) : isIdentifier(to) ? `${prefix}.${to}` : `(index ${map} ${quote(to)})`
    edits.push({ start: token.start, end: token.end, to: written })
    status = worse(status, 'exact')
  }
  for (const { text: query, token, isFormat } of queries) {
    if (isFormat && formatsOutside(query)) {
      say('approximate', `a query is put together by printf: ${query.slice(0, 200)}`)
      continue
    }
    const result = context.rewrite(query)
    asked.push({ before: query, result })
    status = worse(status, result.status)
    notes.push(...result.notes)
    if (result.after !== query) edits.push({ start: token.start, end: token.end, to: encodeString(result.after, token.text) })
  }
  if (hidden) say('approximate', 'a query in the template is no plain text')
  return { status, edits, notes, queries: asked }
}
