/** Writes rules as Grafana's provisioning files have them. */

import { Document, Scalar } from 'yaml'
import type { OutputFile } from '../model.ts'
import type { KnownDatasource } from '../options.ts'
import type { AlertRule } from './alert-rule.ts'
import { durationText } from './durations.ts'
import { hashOf } from './plain.ts'

/** What of the options decides data sources. */
export interface DatasourceChoice {
  readonly options: {
    readonly datasources: Readonly<Record<string, string | { readonly uid: string; readonly type?: string | undefined }>>
  }
  readonly known: readonly KnownDatasource[]
}

/** uid of the data source that a rule asks: of the mapping, of provisioning files, else the plugin's name, which `guessed` says. */
export function datasourceFor(
  type: 'loki' | 'prometheus',
  { options, known }: DatasourceChoice,
): { readonly uid: string; readonly guessed: boolean } {
  const entry = (key: string): string | undefined => {
    const found = Object.hasOwn(options.datasources, key) ? options.datasources[key] : undefined
    if (found === undefined) return undefined
    return typeof found === 'string' ? found : found.type === undefined || found.type === type ? found.uid : undefined
  }
  const named =
    entry(type) ?? Object.values(options.datasources).flatMap((one) => (typeof one !== 'string' && one.type === type ? [one.uid] : []))[0]
  if (named !== undefined) return { uid: named, guessed: false }
  const mine = known.filter((one) => one.type === type)
  const found = mine.find((one) => one.isDefault) ?? mine[0]
  if (found !== undefined) return { uid: found.uid, guessed: false }
  const old = type === 'loki' ? entry('elasticsearch') : undefined
  return old === undefined ? { uid: type, guessed: true } : { uid: old, guessed: false }
}

const block = (text: string): unknown => {
  if (!text.includes('\n')) return text
  const scalar = new Scalar(text)
  scalar.type = 'BLOCK_LITERAL'
  return scalar
}

/** `$value` is one number in Prometheus, and a list of all in Grafana. */
const template = (text: string): unknown => block(text.replace(/\$value\b/g, '$values.A.Value'))

const templates = (record: Readonly<Record<string, string>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, template(value)]))

/** uid of a rule: of its folder, group and name, so that it stays the same with every run. */
export const ruleUid = (folder: string, group: string, name: string): string => `ob-${hashOf(`${folder}\0${group}\0${name}`)}`

/**
 * One rule. The query filters by itself and gives what fires, 0 included: so the condition asks whether there is a number, not whether it is above 0. No data is
 * therefore fine.
 */
function ruleOf(document: Document, rule: AlertRule, uid: string, datasourceUid: string) {
  const node = document.createNode({
    uid,
    title: rule.name,
    condition: 'C',
    data: [
      {
        refId: 'A',
        queryType: rule.language === 'logql' ? 'instant' : '',
        relativeTimeRange: { from: Math.max(600, Math.ceil(rule.lookback)), to: 0 },
        datasourceUid,
        model: {
          refId: 'A',
          datasource: { type: rule.language === 'logql' ? 'loki' : 'prometheus', uid: datasourceUid },
          expr: block(rule.expr),
          ...(rule.language === 'logql' ? { queryType: 'instant' } : { instant: true, range: false }),
          intervalMs: 1000,
          maxDataPoints: 43_200,
        },
      },
      {
        refId: 'C',
        datasourceUid: '__expr__',
        model: { refId: 'C', type: 'math', datasource: { type: '__expr__', uid: '__expr__' }, expression: 'is_number($A) || is_inf($A)' },
      },
    ],
    noDataState: 'OK',
    execErrState: 'Error',
    for: rule.holds === 0 ? '0s' : durationText(rule.holds),
    ...(Object.keys(rule.labels).length === 0 ? {} : { labels: templates(rule.labels) }),
    ...(Object.keys(rule.annotations).length === 0 ? {} : { annotations: templates(rule.annotations) }),
    isPaused: rule.paused,
  })
  if (rule.comments.length > 0)
    node.commentBefore = rule.comments.map((text) => ` ${text.replace(/[\r\n\u0085\u2028\u2029]+/g, ' ')}`).join('\n')
  return node
}

/** Grafana evaluates in steps of ten seconds. */
export const grafanaInterval = (seconds: number): number => Math.max(10, Math.ceil(seconds / 10) * 10)

/** The provisioning file of some rules. `base` is the path without an ending, `folder` Grafana's folder. */
export function grafanaAlertFiles(
  base: string,
  source: string,
  folder: string,
  rules: readonly AlertRule[],
  comments: readonly string[],
  choice: DatasourceChoice,
): readonly OutputFile[] {
  if (rules.length === 0) return []
  const document = new Document({ apiVersion: 1, groups: [] as unknown[] })
  document.commentBefore = [` Grafana-managed alert rules, made of ${source}.`, ...comments.map((one) => ` ${one}`)]
    .map((one) => one.replace(/[\r\n\u0085\u2028\u2029]+/g, ' '))
    .join('\n')
  const groups = new Map<string, AlertRule[]>()
  for (const rule of rules) {
    const key = `${rule.group}\0${grafanaInterval(rule.interval)}`
    groups.set(key, [...(groups.get(key) ?? []), rule])
  }
  const uids = new Set<string>()
  const names = new Set<string>()
  for (const group of groups.values()) {
    const first = group[0] as AlertRule
    let name = first.group
    for (let n = 2; names.has(name); n++) name = `${first.group} ${n}`
    names.add(name)
    const node = document.createNode({ orgId: 1, name, folder, interval: durationText(grafanaInterval(first.interval)), rules: [] })
    for (const rule of group) {
      let uid = ruleUid(folder, name, rule.name)
      for (let n = 2; uids.has(uid); n++) uid = ruleUid(folder, name, `${rule.name}\0${n}`)
      uids.add(uid)
      node.addIn(['rules'], ruleOf(document, rule, uid, datasourceFor(rule.language === 'logql' ? 'loki' : 'prometheus', choice).uid))
    }
    document.addIn(['groups'], node)
  }
  return [{ path: `${base}.grafana.yaml`, text: document.toString({ lineWidth: 0, indentSeq: true }) }]
}
