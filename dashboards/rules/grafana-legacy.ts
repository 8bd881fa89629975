/**
 * Alerts of panels, as Grafana had them up to 10, → rules that Grafana manages. The conditions stay what they were, as a classic condition; queries are those of the
 * panel after its own conversion. Always approximate: state, gaps and the pause between alerts are those of the new engine. Section 2 and 5.1 of the reference.
 */

import { Document } from 'yaml'
import { type Item, type Note, noUses, type OutputFile, type Status, worse } from '../model.ts'
import type { ConvertOptions } from '../options.ts'
import { joinUses } from './alert-rule.ts'
import { durationText, secondsOf } from './durations.ts'
import { grafanaInterval, ruleUid } from './grafana-alerts.ts'
import { literalText } from './mustache.ts'
import { isPlain, listOf, memberAt, memberOf, numberOf, type Plain, wordOf, wordsOf } from './plain.ts'
import { maskSecrets } from './receivers.ts'

/** A query of the panel, converted. */
export interface LegacyQuery {
  /** Of the target after its conversion, without `refId`, `hide` and `datasource`. */
  readonly model: Plain
  readonly datasource: { readonly type: string; readonly uid: string }
  readonly status: Status
  readonly notes: readonly Note[]
  /** As reports show it. */
  readonly before: string
  readonly after: string
}

export interface LegacyAlertRequest {
  /** `panel.alert` */
  readonly alert: Plain
  readonly panelId: string
  readonly panelTitle: string
  readonly dashboardUid: string
  readonly dashboardTitle: string
  /** Place of the alert in the source. */
  readonly where: string
  /** By refId. */
  readonly queries: ReadonlyMap<string, LegacyQuery>
  readonly options: Pick<ConvertOptions, 'acceptApproximate'>
}

/** A rule for a provisioning file. */
export interface LegacyRule {
  readonly group: string
  /** Seconds. */
  readonly interval: number
  readonly rule: Plain
}

export interface LegacyAlertResult {
  readonly item: Item
  /** Undefined: nothing can be written. */
  readonly rule: LegacyRule | undefined
}

const noData: Readonly<Record<string, string>> = { no_data: 'NoData', alerting: 'Alerting', keep_state: 'KeepLast', ok: 'OK' }
const onError: Readonly<Record<string, string>> = { alerting: 'Alerting', keep_state: 'KeepLast' }

/** Seconds ago of `5m`, `now-5m`, `now`; undefined: something else. */
function ago(text: unknown): number | undefined {
  const word = wordOf(text)?.replace(/^now-?/, '')
  return word === undefined ? undefined : word === '' ? 0 : secondsOf(word)
}

const reducers: ReadonlySet<string> = new Set([
  'avg',
  'min',
  'max',
  'sum',
  'count',
  'last',
  'median',
  'diff',
  'diff_abs',
  'percent_diff',
  'percent_diff_abs',
  'count_non_null',
])

/** Converts the alert of a panel. */
export function convertLegacyAlert(request: LegacyAlertRequest): LegacyAlertResult {
  const { alert, panelId, panelTitle, dashboardUid, dashboardTitle, where, queries, options } = request
  const name = wordOf(memberOf(alert, 'name')) ?? `${panelTitle} alert`
  let status: Status = 'approximate'
  const notes: Note[] = [{ code: 'OBD-A-027', text: 'the alert of the panel is a rule of its own now' }]
  const used = new Map<string, LegacyQuery>()
  const data: Plain[] = []
  const conditions: Plain[] = []
  const refOf = new Map<string, string>()
  const fail = (text: string): void => {
    status = 'unsupported'
    notes.push({ code: 'OBD-A-012', text })
  }
  for (const condition of listOf(memberOf(alert, 'conditions'))) {
    const [refId, from, to] = wordsOf(memberAt(condition, 'query', 'params'))
    const query = refId === undefined ? undefined : queries.get(refId)
    const start = ago(from)
    const end = ago(to ?? 'now')
    const reducer = wordOf(memberAt(condition, 'reducer', 'type')) ?? 'avg'
    if (refId === undefined || query === undefined) {
      fail(`the query ${refId ?? ''} of the condition is not in the panel`)
      continue
    }
    if (start === undefined || end === undefined || !reducers.has(reducer)) {
      fail(`the condition on ${refId} is not understood`)
      continue
    }
    used.set(refId, query)
    const key = `${refId}\0${start}\0${end}`
    let ref = refOf.get(key)
    if (ref === undefined) {
      ref = data.some((one) => one['refId'] === refId) ? `${refId}${refOf.size + 1}` : refId
      refOf.set(key, ref)
      data.push({
        refId: ref,
        relativeTimeRange: { from: Math.ceil(start), to: Math.floor(end) },
        datasourceUid: query.datasource.uid,
        model: { ...query.model, refId: ref, datasource: query.datasource },
      })
    }
    const evaluator = memberOf(condition, 'evaluator')
    conditions.push({
      type: 'query',
      query: { params: [ref] },
      reducer: { type: reducer, params: [] },
      evaluator: {
        type: wordOf(memberOf(evaluator, 'type')) ?? 'gt',
        params: listOf(memberOf(evaluator, 'params')).flatMap((one) => numberOf(one) ?? []),
      },
      operator: { type: wordOf(memberAt(condition, 'operator', 'type')) ?? 'and' },
    })
  }
  if (conditions.length === 0 && (status as Status) !== 'unsupported') fail('the alert has no conditions')
  for (const query of used.values()) {
    status = worse(status, query.status)
    notes.push(...query.notes)
  }
  const receivers = listOf(memberOf(alert, 'notifications')).flatMap(
    (one) => wordOf(memberOf(one, 'uid')) ?? wordOf(memberOf(one, 'name')) ?? numberOf(memberOf(one, 'id'))?.toString() ?? [],
  )
  if (receivers.length > 0)
    notes.push({ code: 'OBD-A-003', text: `told ${receivers.join(', ')}: choose contact points by labels in a notification policy` })
  const every = secondsOf(wordOf(memberOf(alert, 'frequency')) ?? '') ?? 60
  const holds = secondsOf(wordOf(memberOf(alert, 'for')) ?? '') ?? 0
  const tags = memberOf(alert, 'alertRuleTags')
  const labels = Object.fromEntries(
    (isPlain(tags) ? Object.entries(tags) : []).flatMap(([key, value]) =>
      typeof value === 'string' ? [[key, literalText(maskSecrets(value))]] : [],
    ),
  )
  const message = wordOf(memberOf(alert, 'message'))
  const before = [...used.values()].map((one) => one.before).join('\n')
  const after = [...used.values()].map((one) => one.after).join('\n')
  const isPaused = status === 'manual' || !options.acceptApproximate
  const writable = status !== 'unsupported'
  if (writable && isPaused) notes.push({ code: 'OBD-A-002', text: `written paused: it is ${status}` })
  const item: Item = {
    kind: 'rule',
    id: `panel/${panelId}/alert`,
    where,
    title: name,
    language: 'other',
    status,
    before: before === '' ? JSON.stringify(memberOf(alert, 'conditions') ?? []) : before,
    after: writable ? after : undefined,
    edits: [],
    notes,
    uses: joinUses([noUses]),
  }
  if (!writable) return { item, rule: undefined }
  const group = `${dashboardTitle} - ${durationText(grafanaInterval(every))}`
  return {
    item,
    rule: {
      group,
      interval: grafanaInterval(every),
      rule: {
        uid: ruleUid(dashboardUid, group, `${panelId} ${name}`),
        title: name,
        condition: 'condition',
        data: [
          ...data,
          {
            refId: 'condition',
            datasourceUid: '__expr__',
            model: { refId: 'condition', type: 'classic_conditions', datasource: { type: '__expr__', uid: '__expr__' }, conditions },
          },
        ],
        ...(dashboardUid === '' || !/^\d+$/.test(panelId) ? {} : { dashboardUid, panelId: Number(panelId) }),
        noDataState: noData[wordOf(memberOf(alert, 'noDataState')) ?? ''] ?? 'NoData',
        execErrState: onError[wordOf(memberOf(alert, 'executionErrorState')) ?? ''] ?? 'Alerting',
        for: holds === 0 ? '0s' : durationText(holds),
        ...(Object.keys(labels).length === 0 ? {} : { labels }),
        annotations: {
          summary: literalText(name),
          ...(message === undefined || message === '' ? {} : { description: literalText(maskSecrets(message)) }),
        },
        isPaused,
      },
    },
  }
}

/** The provisioning file of a dashboard's alerts. `base`: path without an ending. */
export function legacyAlertFiles(base: string, source: string, folder: string, rules: readonly LegacyRule[]): readonly OutputFile[] {
  if (rules.length === 0) return []
  const groups = new Map<string, LegacyRule[]>()
  for (const rule of rules) groups.set(rule.group, [...(groups.get(rule.group) ?? []), rule])
  const document = new Document(
    {
      apiVersion: 1,
      groups: [...groups.values()].map((group) => ({
        orgId: 1,
        name: group[0]?.group,
        folder,
        interval: durationText(group[0]?.interval ?? 60),
        rules: group.map(({ rule }) => rule),
      })),
    },
    { aliasDuplicateObjects: false },
  )
  document.commentBefore = ` Alerts of the panels of ${source.replace(/[\r\n\u0085\u2028\u2029]+/g, ' ')} as rules that Grafana manages.`
  return [
    {
      path: `${base}.alerts.grafana.yaml`,
      text: document.toString({ lineWidth: 0, indentSeq: true }),
    },
  ]
}
