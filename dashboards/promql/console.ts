/** Console templates of Prometheus: the PromQL in their strings is rewritten in place. Section 2 of the reference. */

import { type Converted, type Item, noUses } from '../model.ts'
import type { Context } from '../options.ts'
import type { Converter, Source } from '../registry.ts'
import { applyEdits, type TextEdit } from '../text/edits.ts'
import type { PromqlResult } from './context.ts'
import { parsePromql } from './parse.ts'
import { rewritePromql } from './rewrite.ts'
import { decodeString, encodeString } from './strings.ts'

/** A string of a template in which a query may stand. */
interface Literal {
  readonly start: number
  readonly end: number
  /** Inside `{{ … }}`; else in a script: `expr: "…"`. */
  readonly isAction: boolean
}

const mostLiterals = 10_000
const deepest = 64 * 1024

const noVariables: ReadonlySet<string> = new Set()

/** Strings of actions, and of `expr:` in scripts, in their order. Linear. */
function literalsOf(text: string): Literal[] {
  const literals: Literal[] = []
  const pattern = /\{\{|\}\}|\bexpr\s{0,20}:\s{0,20}|"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)*'/g
  let isAction = false
  let isExpr = -1
  for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
    const [sign] = found
    if (literals.length >= mostLiterals) break
    if (sign === '{{') isAction = true
    else if (sign === '}}') isAction = false
    else if (sign.startsWith('expr')) isExpr = pattern.lastIndex
    else if (isAction || isExpr === found.index) literals.push({ start: found.index, end: pattern.lastIndex, isAction })
    else if (sign.length > 1 && /\{\{/.test(sign)) {
      // An attribute of HTML with an action in it: the action is looked into.
      pattern.lastIndex = found.index + 1
    } else if (sign[0] !== '"') {
      // An apostrophe in prose is no string.
      pattern.lastIndex = found.index + 1
    }
  }
  return literals
}

/** Verbs of printf in the place of values, so that the grammar can read it; each is as long as itself. */
const verbs = /%(?:[-+#0 ]?\d{0,3}(?:\.\d{1,3})?)[sqvdfgx]/g

/** A format's verbs as words that any place takes, and back again. */
function withoutVerbs(query: string): { readonly text: string; readonly back: (text: string) => string } {
  const found = query.match(verbs) ?? []
  let at = 0
  const name = (place: number): string => `otlp_bridge_verb_${place}_`
  const text = query.replace(verbs, () => name(at++))
  return {
    text,
    back: (changed) => {
      let restored = changed
      for (const [place, verb] of found.entries()) restored = restored.replace(name(place), () => verb)
      return restored
    },
  }
}

/** A string is a query when it can be read as one and is more than a word or a number. */
function isQuery(text: string, isAsked: boolean): boolean {
  if (text.length > deepest) return false
  const tree = parsePromql(text)
  if (typeof tree === 'string') return false
  if (tree.kind === 'number' || tree.kind === 'string') return false
  // A bare word is a query only where one is asked for: else it is the name of a template.
  return isAsked || !(tree.kind === 'selector' && tree.braces === undefined)
}

const asks = /(?:\bquery\s{0,20}|\bexpr\s{0,20}:\s{0,20}|prom_query_drilldown"\s{0,20}\(args\s{0,20}(?:\(printf\s{0,20})?)$/

function convertConsole(source: Source, context: Context): Converted {
  const { text } = source
  const items: Item[] = []
  const edits: TextEdit[] = []
  for (const literal of literalsOf(text)) {
    const raw = text.slice(literal.start, literal.end)
    const before = decodeString(raw)
    if (before === undefined) continue
    const isAsked = asks.test(text.slice(Math.max(0, literal.start - 100), literal.start))
    const { text: query, back } = withoutVerbs(before)
    const isFound = isQuery(query, isAsked)
    if (!isFound && !isAsked) continue
    const result: PromqlResult = rewritePromql(query, {
      naming: context.metrics,
      variables: noVariables,
      scale: 'query',
      transition: context.options.transition,
      role: 'panel',
      targets: context.options.targets.metrics,
      exportInterval: context.options.exportInterval,
    })
    const after = result.edits.length > 0 ? back(result.after) : before
    if (after !== before) edits.push({ start: literal.start, end: literal.end, to: encodeString(after, raw) })
    items.push({
      kind: 'target',
      id: `query/${items.length + 1}`,
      where: `offset ${literal.start}`,
      title: source.path,
      language: 'promql',
      status: result.status,
      before,
      after,
      edits: query === before ? result.edits : [],
      notes: result.notes,
      uses: result.uses ?? noUses,
    })
  }
  return {
    kind: 'console-template',
    title: source.path,
    uid: source.path,
    tags: [],
    files: [{ path: source.path, text: applyEdits(text, edits) }],
    items,
    parts: [],
    notes: [{ code: 'OBD-P-034', text: 'Prometheus 3 has no consoles', suggestion: 'make a dashboard of Grafana of it' }],
  }
}

export const consoleTemplate: Converter = {
  kind: 'console-template',
  convert: convertConsole,
}
