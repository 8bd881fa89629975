/** Kibana's rules in ES|QL: they fire when the query gives a row. Sections 8.3 and 10.5 of the reference. */

import { parseEsql } from '../filters/esql.ts'
import type { LogQuery } from '../logql/query.ts'
import { type KindInput, type KindRule, refuse, windowOf } from './kibana-rules-common.ts'
import { both, either } from './log-pieces.ts'
import { type Comparator, compared } from './outcome.ts'
import { memberOf, wordOf } from './plain.ts'
import { readScript, type Script } from './watcher-script.ts'

const longest = 16_384

/** Commands of a query, apart at the bars that are not in a text. */
function commandsOf(text: string): readonly string[] {
  const commands: string[] = []
  let from = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\' && quoted) at++
    else if (text[at] === '"') quoted = !quoted
    else if (text[at] === '|' && !quoted) {
      commands.push(text.slice(from, at).trim())
      from = at + 1
    }
  }
  return [...commands, text.slice(from).trim()]
}

const isCommand = (text: string, name: string): boolean => new RegExp(`^${name}\\b`, 'i').test(text)

/** `c > 10 AND a <= 3` behind STATS; undefined: something else. */
const conditionOf = (command: string): Script | undefined =>
  readScript(
    command
      .replace(/^WHERE\b/i, '')
      .replace(/\bAND\b/gi, '&&')
      .replace(/\bOR\b/gi, '||')
      .replace(/`/g, ''),
  )

/** The query as a rule; undefined: it is more than a filter, or one aggregation with conditions on it. */
export function esqlRule(text: string, input: KindInput): readonly KindRule[] | undefined {
  const { findings, pieces, rule } = input
  const no = (why: string): undefined => refuse(findings, `ES|QL: ${why}`, 'unsupported', 'OBD-A-010')
  const window = windowOf(rule.params, 'timeWindowSize', 'timeWindowUnit')
  if (window === undefined) return refuse(findings, 'the window (timeWindowSize, timeWindowUnit) is not understood')
  if (text.length > longest) return no(`longer than ${longest} characters`)
  const commands = commandsOf(text)
  const stats = commands.findIndex((one) => isCommand(one, 'STATS'))
  const behind = stats < 0 ? [] : commands.slice(stats + 1)
  const wheres = behind.filter((one) => isCommand(one, 'WHERE'))
  const strange = behind.find((one) => !['WHERE', 'KEEP', 'SORT'].some((name) => isCommand(one, name)))
  if (strange !== undefined) return no(`${strange.slice(0, 60)} behind STATS is not understood`)
  const parsed = parseEsql((stats < 0 ? commands : commands.slice(0, stats + 1)).join(' | '))
  if (!parsed.ok) return no(parsed.why)
  for (const remark of parsed.remarks) findings.note('OBD-A-030', `ES|QL: ${remark}`, 'approximate')
  const { query } = parsed
  const groups = groupsOf(query)
  if (groups === undefined) return no('groups other than fields are not understood')
  const ask = (id: string | undefined): string | undefined => {
    const metric = query.metrics.find((one) => one.id === id) ?? (id === undefined ? query.metrics[0] : undefined)
    // Rows without a value are a group of their own there.
    const asked = { index: query.index, filter: query.filter, by: groups, missing: true, window }
    return metric === undefined
      ? stats < 0
        ? pieces.count({ ...asked, by: [] })
        : undefined
      : pieces.ask({ ...asked, value: metric.value })
  }
  if (stats < 0) {
    const expr = ask(undefined)
    return expr === undefined ? undefined : [{ expr: compared(expr, '>', 0) }]
  }
  if (wheres.length === 0) return no('without a condition behind STATS it always gives a row')
  const written = (script: Script): string | undefined => {
    if (script.kind === 'logic') {
      const parts = script.parts.map(written)
      return parts.some((one) => one === undefined) ? undefined : (script.op === 'and' ? both : either)(parts as string[])
    }
    if (script.kind !== 'compare' || script.left.kind !== 'path' || script.right.kind !== 'number') return undefined
    const expr = ask(script.left.parts.join('.'))
    // Without groups there is always a row, and a count of nothing is 0.
    const zeroed = expr !== undefined && groups.length === 0 && /^(sum|count)\(/.test(expr) ? `(${expr} or vector(0))` : expr
    return zeroed === undefined ? undefined : compared(zeroed, script.op as Comparator, script.right.value)
  }
  const conditions = wheres.map((one) => {
    const script = conditionOf(one)
    return script === undefined ? undefined : written(script)
  })
  if (conditions.some((one) => one === undefined)) return no('the condition behind STATS is not understood')
  return [{ expr: both(conditions as string[]) }]
}

/** Fields by which it is grouped; undefined: it is grouped by something else. */
function groupsOf({ buckets }: LogQuery): readonly string[] | undefined {
  const fields: string[] = []
  for (const bucket of buckets) {
    if (bucket.kind !== 'terms') return undefined
    fields.push(...bucket.fields)
  }
  return fields
}

/** The text of a rule's query. */
export const esqlOf = (params: unknown): string => wordOf(memberOf(memberOf(params, 'esqlQuery'), 'esql')) ?? ''
