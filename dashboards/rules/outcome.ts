/** From converted rules to files and to the items of a report: what all log-based alert formats share. Section 1.4 of the reference. */

import type { Converted, Item, Language, Note, RunHint } from '../model.ts'
import { worse } from '../model.ts'
import type { Context } from '../options.ts'
import type { Source } from '../registry.ts'
import { type AlertRule, type Findings, joinUses } from './alert-rule.ts'
import { datasourceFor, grafanaAlertFiles } from './grafana-alerts.ts'
import { ruleFiles } from './loki-rules.ts'
import { numberText } from './plain.ts'

/** What became of one old rule. */
export interface Outcome {
  /** Unique in the file. */
  readonly id: string
  readonly where: string
  readonly title: string
  readonly language: Language
  /** Without secrets. */
  readonly before: string
  /** Empty: nothing can be written. `paused`: it was switched off before. */
  readonly rules: readonly AlertRule[]
  readonly findings: Findings
  readonly run?: RunHint | undefined
  /** Without rules it is `manual` rather than `unsupported`: the report says how to go on. */
  readonly byHand?: boolean | undefined
}

/** The path of a source without its ending, safe below an output folder. */
export function basePath(path: string): string {
  const parts = path
    .replace(/\\/g, '/')
    .split('/')
    .filter((part) => part !== '' && part !== '.' && part !== '..')
    .map((part) => part.replace(/[^\p{L}\p{N}._ -]/gu, '_'))
  const last = parts.pop() ?? ''
  const bare = last.replace(/\.(ya?ml|json|ndjson|txt)$/i, '')
  return [...parts, bare === '' || bare === '-' ? 'rules' : bare].join('/').slice(0, 512)
}

/** Whether a target takes a rule's language. */
const fits = (target: Context['options']['rulesTo'], language: AlertRule['language']): boolean =>
  target === 'auto' || target === 'grafana-alerts' || target === (language === 'logql' ? 'loki-rules' : 'prometheus-rules')

const isFinished = (rule: AlertRule): boolean => rule.unfinished !== true

const differences = (notes: readonly Note[]): string[] => notes.map(({ code, text }) => `${code}: ${text}`)

/** A file's own title: of one rule that rule's, else the path. */
export const titleOf = (source: Source, outcomes: readonly Outcome[]): string =>
  outcomes.length === 1 ? (outcomes[0]?.title ?? source.path) : source.path

/** What is said once of a file: how its rules fire, or that it has none. @param rules what they are: `rule of ElastAlert` */
export const aboutFile = (outcomes: readonly Outcome[], rules: string, fires: string): Note =>
  outcomes.length === 0 ? { code: 'OBD-F-001', text: `no ${rules} is in it` } : { code: 'OBD-A-001', text: fires }

/** The file's rules, paused where they are not sure, and the items for the report. `title` of the whole, `folder` of Grafana. */
export function convertedRules(
  kind: string,
  source: Source,
  title: string,
  outcomes: readonly Outcome[],
  parts: readonly Item[],
  context: Context,
  about: readonly Note[] = [],
): Converted {
  const { options } = context
  const items: Item[] = []
  const written: AlertRule[] = []
  const ids = new Set<string>()
  for (const outcome of outcomes) {
    let { status } = outcome.findings
    const notes = [...outcome.findings.notes]
    let rules = status === 'unsupported' ? [] : outcome.rules
    const strange = rules.find((rule) => !fits(options.rulesTo, rule.language))
    if (strange !== undefined) {
      rules = []
      notes.push({
        code: 'OBD-A-024',
        text: `the rule became ${strange.language === 'logql' ? 'LogQL' : 'PromQL'}, which ${options.rulesTo} does not hold`,
      })
    }
    if (rules.length === 0) status = worse(status, outcome.byHand === true && strange === undefined ? 'manual' : 'unsupported')
    const doubtful = status === 'manual' || (status === 'approximate' && !options.acceptApproximate)
    if (doubtful && rules.length > 0) notes.push({ code: 'OBD-A-002', text: `written paused: it is ${status}` })
    for (const rule of rules)
      written.push({
        ...rule,
        paused: rule.paused || doubtful || rule.unfinished === true,
        comments: [
          ...(rule.unfinished === true
            ? ['UNFINISHED: the query of the old rule, without its condition. It fires always as it stands.']
            : []),
          ...rule.comments,
          ...(status === 'exact' ? [] : [`${status}:`, ...differences(outcome.findings.notes)]),
        ],
      })
    let id = `rule/${outcome.id}`
    for (let n = 2; ids.has(id); n++) id = `rule/${outcome.id}/${n}`
    ids.add(id)
    const language = rules[0]?.language
    items.push({
      kind: 'rule',
      id,
      where: outcome.where,
      title: outcome.title,
      language: outcome.language,
      ...(language === undefined ? {} : { afterLanguage: language }),
      status,
      before: outcome.before,
      after: rules.length === 0 ? undefined : rules.map(({ expr }) => expr).join('\n'),
      edits: [],
      notes,
      uses: joinUses(outcome.findings.uses),
      ...(outcome.run === undefined || rules.length === 0 ? {} : { run: outcome.run }),
    })
  }
  const base = basePath(source.path)
  const said = [...about]
  const toGrafana = options.rulesTo === 'grafana-alerts'
  if (toGrafana)
    for (const language of new Set(written.map((rule) => rule.language))) {
      const type = language === 'logql' ? 'loki' : 'prometheus'
      if (datasourceFor(type, context).guessed)
        said.push({ code: 'OBD-A-020', text: `rules ask the data source whose uid is "${type}"`, suggestion: `--datasource ${type}=<uid>` })
    }
  const comments = said.map(({ text }) => text)
  return {
    kind,
    title,
    uid: base,
    tags: [],
    files: toGrafana
      ? [
          ...grafanaAlertFiles(base, source.path, title, written.filter(isFinished), comments, context),
          ...ruleFiles(
            base,
            source.path,
            written.filter((rule) => !isFinished(rule)),
            comments,
          ),
        ]
      : ruleFiles(base, source.path, written, comments),
    items,
    parts,
    notes: said,
  }
}

/** A label's name as Prometheus and Loki take it. */
export const labelName = (text: string): string => {
  const name = text.replace(/[^A-Za-z0-9_]/g, '_')
  return /^[A-Za-z_]/.test(name) ? name : `_${name}`
}

export type Comparator = '>' | '>=' | '<' | '<=' | '==' | '!='

/** `expr > 5`: the series of `expr` that fit. A vector operation within is put in brackets. */
export const compared = (expr: string, op: Comparator, value: number): string => `${bracketed(expr)} ${op} ${numberText(value)}`

/** In brackets, unless it is one call or in brackets already. */
export function bracketed(expr: string): string {
  if (isOneTerm(expr)) return expr
  return `(${expr})`
}

/** Whether an expression has no operator outside of brackets. Strings are passed over. Linear. */
function isOneTerm(expr: string): boolean {
  let depth = 0
  let quote = ''
  for (let at = 0; at < expr.length; at++) {
    const sign = expr[at] as string
    if (quote !== '') {
      if (sign === '\\' && quote !== '`') at++
      else if (sign === quote) quote = ''
    } else if (sign === '"' || sign === '`' || sign === "'") quote = sign
    else if (sign === '(' || sign === '[' || sign === '{') depth++
    else if (sign === ')' || sign === ']' || sign === '}') depth--
    else if (depth === 0 && (/[-+*/%^<>=!]/.test(sign) || (/\s/.test(sign) && /^\s+(and|or|unless)\b/i.test(expr.slice(at, at + 16)))))
      return false
  }
  return true
}
