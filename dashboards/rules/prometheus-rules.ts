/** Rule files of Prometheus and what is like them: rewritten in place, or written as rules that Grafana manages. Section 10.1 of the reference. */

import { Document } from 'yaml'
import type { Converted, Item, Note, OutputFile } from '../model.ts'
import type { Context } from '../options.ts'
import type { Converter, Source } from '../registry.ts'
import type { TextDocument } from '../text/document.ts'
import { parseJsonDocument } from '../text/json.ts'
import { type Node, textOf } from '../text/node.ts'
import { parseYamlDocuments } from '../text/yaml.ts'
import type { AlertRule } from './alert-rule.ts'
import { secondsOf } from './durations.ts'
import { grafanaAlertFiles } from './grafana-alerts.ts'
import { basePath } from './outcome.ts'
import { type GroupNode, mostRules, type RuleNode, ruleGroups } from './prometheus-groups.ts'
import { isLogql, isPaused, logqlItem, type RewrittenRule, recordedNames, rewriteRule } from './prometheus-rule.ts'

const looksJson = (text: string): boolean => /^\uFEFF?\s*[[{]/.test(text)

/** A file as JSON if it is that, else as YAML: its documents. */
export function parseRuleDocument(text: string): TextDocument {
  if (!looksJson(text)) return parseYamlDocuments(text)
  try {
    return parseJsonDocument(text)
  } catch (error) {
    // Flow style of YAML begins alike.
    try {
      return parseYamlDocuments(text)
    } catch {
      throw error
    }
  }
}

interface Written {
  readonly rule: RuleNode
  readonly group: GroupNode
  readonly rewritten: RewrittenRule
}

const textsOf = (node: Node | undefined): Record<string, string> =>
  Object.fromEntries((node?.members ?? []).map(([key, value]) => [key, textOf(value) ?? String(value.value ?? '')]))

const seconds = (node: Node | undefined, fallback: number): number => {
  if (node?.kind === 'number') return Number(node.value)
  return secondsOf(textOf(node) ?? '') ?? fallback
}

/** Rules as Grafana manages them; recording rules stay with Prometheus. */
function grafanaFiles(source: Source, written: readonly Written[], document: TextDocument, context: Context): readonly OutputFile[] {
  // What was changed in labels and annotations is read from the changed text.
  const changed = ruleGroups(parseRuleDocument(document.toString()).root).groups
  const rules: AlertRule[] = []
  for (const [at, group] of ruleGroups(document.root).groups.entries()) {
    for (const [place, rule] of group.rules.entries()) {
      const one = written.find(({ rule: { node } }) => node.path === rule.node.path)
      const now = changed[at]?.rules[place]
      if (one === undefined || now === undefined || rule.kind !== 'alert') continue
      const { expr, status } = one.rewritten
      const bare = isPaused(expr) ? (one.rewritten.item.edits.length > 0 ? stripPause(expr) : expr) : expr
      rules.push({
        name: rule.name,
        group: group.name === '' ? 'rules' : group.name,
        interval: seconds(group.node.get('interval'), 60),
        language: 'promql',
        expr: bare,
        holds: seconds(rule.node.get('for') ?? rule.node.get('duration'), 0),
        labels: textsOf(now.node.get('labels')),
        annotations: textsOf(now.node.get('annotations')),
        paused: expr !== bare,
        comments:
          status === 'unchanged' || status === 'exact'
            ? []
            : [`${status}:`, ...one.rewritten.item.notes.map(({ code, text }) => `${code}: ${text}`)],
        lookback: 600,
      })
    }
  }
  return grafanaAlertFiles(basePath(source.path), source.path, basePath(source.path).split('/').at(-1) ?? 'rules', rules, [], context)
}

const stripPause = (expr: string): string => expr.slice(1, expr.lastIndexOf(')', expr.lastIndexOf(' and on () '))).trimEnd()

const kept = ['labels', 'annotations'] as const

/** A rule file of an answer of the API, which has states and times besides. */
function fileOfAnswer(source: Source, groups: readonly GroupNode[], written: readonly Written[], changed: Node): OutputFile {
  const now = ruleGroups(changed).groups
  const document = new Document({
    groups: groups.map((group, at) => ({
      name: group.name,
      ...(group.node.get('interval') === undefined ? {} : { interval: `${seconds(group.node.get('interval'), 60)}s` }),
      rules: group.rules.map((rule, place) => {
        const node = now[at]?.rules[place]?.node ?? rule.node
        const holds = seconds(rule.node.get('duration'), 0)
        const keeps = seconds(rule.node.get('keepFiringFor'), 0)
        return {
          [rule.kind]: rule.name,
          expr: written.find((one) => one.rule === rule)?.rewritten.expr ?? textOf(rule.expr) ?? '',
          ...(rule.kind === 'alert' && holds > 0 ? { for: `${holds}s` } : {}),
          ...(rule.kind === 'alert' && keeps > 0 ? { keep_firing_for: `${keeps}s` } : {}),
          ...Object.fromEntries(kept.flatMap((key) => ((node.get(key)?.members.length ?? 0) > 0 ? [[key, textsOf(node.get(key))]] : []))),
        }
      }),
    })),
  })
  return { path: `${basePath(source.path)}.rules.yaml`, text: document.toString({ lineWidth: 0 }) }
}

function titleOf(source: Source, root: Node): string {
  const first = root.kind === 'array' ? root.items[0] : root
  return textOf(first?.get('metadata')?.get('name')) ?? textOf(first?.get('namespace')) ?? source.path
}

function convertRules(source: Source, context: Context): Converted {
  const document = parseRuleDocument(source.text)
  const found = ruleGroups(document.root)
  const notes: Note[] = found.strange.map((path) => ({ code: 'OBD-P-001' as const, text: `${path} is no rule with a query` }))
  const all = found.groups.flatMap(({ rules }) => rules)
  if (all.length >= mostRules)
    notes.push({ code: 'OBD-P-002', text: `the file has more than ${mostRules} rules: the others stay as they are` })
  const naming = recordedNames(all, context)
  const items: Item[] = []
  const parts: Item[] = []
  const written: Written[] = []
  const ids = new Map<string, number>()
  const done = new Set<Node>()
  for (const group of found.groups) {
    const texts = group.rules.map(({ expr }) => textOf(expr) ?? '')
    const isOfLoki =
      texts.length > 0 &&
      texts.some(isLogql) &&
      texts.every((text) => isLogql(text) || (typeof text === 'string' && !/[a-zA-Z_:]\w*\s*\{/.test(text)))
    for (const rule of group.rules) {
      const base = `rule/${group.namespace === '' ? '' : `${group.namespace}/`}${group.name}/${rule.name}`
      const times = (ids.get(base) ?? 0) + 1
      ids.set(base, times)
      const id = times === 1 ? base : `${base}/${times}`
      if (isOfLoki && isLogql(textOf(rule.expr) ?? '')) {
        items.push(logqlItem(rule, id))
        continue
      }
      // Rules below an alias are those of its anchor, and are changed there.
      if (done.has(rule.expr)) continue
      done.add(rule.expr)
      const rewritten = rewriteRule(rule, id, context, naming, document)
      written.push({ rule, group, rewritten })
      items.push(rewritten.item)
      parts.push(...rewritten.parts)
    }
  }
  const base = { kind: 'prometheus-rules', title: titleOf(source, document.root), uid: basePath(source.path), tags: [], items, parts }
  const { rulesTo } = context.options
  if (rulesTo === 'loki-rules' && written.length > 0) {
    const refused = items.map(
      (item): Item =>
        item.language === 'promql'
          ? {
              ...item,
              status: 'unsupported',
              after: undefined,
              edits: [],
              notes: [...item.notes, { code: 'OBD-A-024', text: 'the rule is PromQL, which loki-rules does not hold' }],
            }
          : item,
    )
    return { ...base, items: refused, files: [], notes }
  }
  if (rulesTo === 'grafana-alerts') {
    if (all.some(({ kind }) => kind === 'record'))
      notes.push({ code: 'OBD-P-022', text: 'recording rules are not rules of Grafana: they stay with the ruler' })
    return { ...base, files: grafanaFiles(source, written, document, context), notes }
  }
  const file = found.isAnswer
    ? fileOfAnswer(source, found.groups, written, parseRuleDocument(document.toString()).root)
    : { path: source.path, text: document.toString() }
  return { ...base, files: [file], notes }
}

export const prometheusRules: Converter = {
  kind: 'prometheus-rules',
  convert: convertRules,
}
