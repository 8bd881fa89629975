/**
 * Writes rule files of Loki and of Prometheus, which have one shape. Neither knows a paused rule, and both load every file of their folder. So what is paused goes into
 * a file of its own beside, `….paused.yaml`, in which `groups` is empty and the rules are comments: loaded by mistake it does nothing, and to use a rule its `# ` is
 * taken away.
 */

import { Document, Scalar } from 'yaml'
import type { OutputFile } from '../model.ts'
import type { AlertRule } from './alert-rule.ts'
import { durationText } from './durations.ts'

const header: Readonly<Record<AlertRule['language'], string>> = {
  logql: ' Alert rules for the ruler of Loki',
  promql: ' Alert rules for Prometheus',
}

const line = (text: string): string => ` ${text.replace(/[\r\n\u0085\u2028\u2029]+/g, ' ')}`

const block = (text: string): unknown => {
  if (!text.includes('\n')) return text
  const scalar = new Scalar(text)
  scalar.type = 'BLOCK_LITERAL'
  return scalar
}

const sorted = (record: Readonly<Record<string, string>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, block(value)]))

const same = (one: Readonly<Record<string, string>>): boolean => Object.keys(one).length === 0

function groupsOf(rules: readonly AlertRule[]): Map<string, AlertRule[]> {
  const groups = new Map<string, AlertRule[]>()
  for (const rule of rules) {
    const key = `${rule.group}\0${rule.interval}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [rule])
    else group.push(rule)
  }
  return groups
}

/** The rules as a document with comments. Names of groups are made unique: a file with one twice is refused. */
function documentOf(rules: readonly AlertRule[]): Document {
  const document = new Document({ groups: [] as unknown[] })
  const taken = new Set<string>()
  for (const group of groupsOf(rules).values()) {
    const first = group[0] as AlertRule
    let name = first.group
    for (let n = 2; taken.has(name); n++) name = `${first.group} ${n}`
    taken.add(name)
    const node = document.createNode({ name, interval: durationText(first.interval), rules: [] })
    for (const rule of group) {
      const made = document.createNode({
        alert: rule.name,
        expr: block(rule.expr),
        for: rule.holds === 0 ? '0s' : durationText(rule.holds),
        ...(same(rule.labels) ? {} : { labels: sorted(rule.labels) }),
        ...(same(rule.annotations) ? {} : { annotations: sorted(rule.annotations) }),
      })
      if (rule.comments.length > 0) made.commentBefore = rule.comments.map(line).join('\n')
      node.addIn(['rules'], made)
    }
    document.addIn(['groups'], node)
  }
  return document
}

const print = (document: Document): string => document.toString({ lineWidth: 0, indentSeq: true })

/** Files of rules of one language: those that are evaluated, and those that are paused. `base` is the path without an ending. */
export function ruleFiles(base: string, source: string, rules: readonly AlertRule[], comments: readonly string[]): readonly OutputFile[] {
  const files: OutputFile[] = []
  for (const [language, word] of [
    ['logql', 'loki'],
    ['promql', 'prometheus'],
  ] as const) {
    const mine = rules.filter((rule) => rule.language === language)
    const active = mine.filter((rule) => !rule.paused)
    const paused = mine.filter((rule) => rule.paused)
    const head = [`${header[language]}, made of${line(source)}.`, ...comments.map(line)].join('\n')
    if (active.length > 0) {
      const document = documentOf(active)
      document.commentBefore = head
      files.push({ path: `${base}.${word}.yaml`, text: print(document) })
    }
    if (paused.length > 0) {
      const why = [
        ' PAUSED: these rules are not what they were in every respect. Nothing here is evaluated, even if the file is loaded.',
        ' To use them: look at what differs, take `groups: []` away, and the `# ` before each line below it.',
      ]
      const body = print(documentOf(paused))
        .trimEnd()
        .split('\n')
        .map((one) => (one === '' ? '#' : `# ${one}`))
      files.push({
        path: `${base}.${word}.paused.yaml`,
        text: `${[head, ...why].join('\n').replace(/^/gm, '#')}\n\ngroups: []\n\n${body.join('\n')}\n`,
      })
    }
  }
  return files
}
