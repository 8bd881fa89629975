/** Where the rules stand in files of Prometheus, Mimir, Thanos, the ruler of Loki, in resources of its operator, and in answers of its API. */

import { type Node, textOf } from '../text/node.ts'

export interface RuleNode {
  readonly node: Node
  /** The text of the query. */
  readonly expr: Node
  readonly kind: 'alert' | 'record'
  readonly name: string
}

export interface GroupNode {
  readonly node: Node
  readonly name: string
  /** Of Mimir and of rulers. */
  readonly namespace: string
  readonly rules: readonly RuleNode[]
}

export interface RuleGroups {
  readonly groups: readonly GroupNode[]
  /** An answer of `/api/v1/rules`: nothing that could be loaded, so that a file is made of it. */
  readonly isAnswer: boolean
  /** Rules without a query, or of no kind: their paths. */
  readonly strange: readonly string[]
}

/** Files have fewer; beyond it they are refused as a whole rather than converted by halves. */
export const mostRules = 100_000

const nested = 6

function ruleOf(node: Node): RuleNode | undefined {
  const alert = textOf(node.get('alert'))
  const record = textOf(node.get('record'))
  const type = textOf(node.get('type'))
  const expr = node.get('expr') ?? node.get('query')
  const name = alert ?? record ?? textOf(node.get('name'))
  if (expr === undefined || name === undefined || (expr.kind !== 'string' && expr.kind !== 'number')) return undefined
  if (alert === undefined && record === undefined && type !== 'alerting' && type !== 'recording') return undefined
  return { node, expr, kind: alert !== undefined || type === 'alerting' ? 'alert' : 'record', name }
}

/** Collects the groups of a file, whatever stands around them. @param root of YAML: the array of its documents */
export function ruleGroups(root: Node): RuleGroups {
  const groups: GroupNode[] = []
  const strange: string[] = []
  let isAnswer = false
  let count = 0
  const group = (node: Node, namespace: string): boolean => {
    const rules = node.get('rules')
    if (rules?.kind !== 'array') return false
    const found: RuleNode[] = []
    for (const item of rules.items) {
      if (++count > mostRules) break
      const rule = ruleOf(item)
      if (rule === undefined) strange.push(item.path)
      else {
        found.push(rule)
        isAnswer ||= item.get('query') !== undefined && item.get('expr') === undefined
      }
    }
    groups.push({ node, name: textOf(node.get('name')) ?? '', namespace, rules: found })
    return true
  }
  const walk = (node: Node, namespace: string, depth: number): void => {
    if (depth > nested) return
    if (node.kind === 'array') {
      for (const item of node.items) walk(item, namespace, depth + 1)
      return
    }
    if (node.kind !== 'object' || group(node, namespace)) return
    const own = textOf(node.get('namespace')) ?? namespace
    const inner = node.get('groups') ?? node.get('spec')?.get('groups') ?? node.get('items') ?? node.get('data')
    if (inner !== undefined) {
      walk(inner, own, depth + 1)
      return
    }
    // `{ <namespace>: [groups] }`, as rulers answer.
    for (const [key, value] of node.members) if (value.kind === 'array') walk(value, key, depth + 1)
  }
  walk(root, '', 0)
  return { groups, isAnswer, strange }
}
