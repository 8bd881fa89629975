/** A secret that is planted in an input of every kind comes out nowhere: not in a result, not in a report. */

import { describe, expect, it } from 'vitest'
import { convert } from '../../dashboards/convert.ts'
import { isKind, kinds } from '../../dashboards/registry.ts'
import { createReport } from '../../dashboards/report/build.ts'
import { diffOf } from '../../dashboards/report/diff.ts'
import { htmlReport } from '../../dashboards/report/html.ts'
import { jsonReport } from '../../dashboards/report/json.ts'
import { markdownReport } from '../../dashboards/report/markdown.ts'
import { contextOf } from '../support/dashboards/grafana.ts'

const planted = 'pl4nted'
const panel = `{"id":1,"type":"graph","title":"P","datasource":{"type":"elasticsearch","uid":"e"},"targets":[{"refId":"A","query":"a:b","metrics":[{"type":"count","id":"1"}],"bucketAggs":[]}],"alert":{"name":"x","conditions":[],"notifications":[{"settings":{"url":"https://hooks.slack.com/services/T0/${planted}","password":"${planted}"}}]}}`
const kibanaRule = `{"type":"alert","id":"a","attributes":{"name":"r","alertTypeId":".index-threshold","params":{"index":["l"],"aggType":"count","timeWindowSize":5,"timeWindowUnit":"m","threshold":[1],"thresholdComparator":">","timeField":"@timestamp"},"schedule":{"interval":"1m"},"actions":[{"actionTypeId":".slack","params":{"webhookUrl":"https://hooks.slack.com/services/T0/${planted}"}}]}}\n{"type":"action","id":"c","attributes":{"name":"slack","actionTypeId":".slack","secrets":"${planted}","config":{"password":"${planted}"}}}\n`

const datasources = `apiVersion: 1\ndatasources:\n- name: E\n  uid: e\n  type: elasticsearch\n  url: https://me:${planted}@host:9200\n  basicAuthPassword: ${planted}\n  jsonData: {httpHeaderName1: X}\n  secureJsonData: {httpHeaderValue1: ${planted}}\n`

/** Kind → a source with the secret where sources of that kind have theirs. */
const sources: Readonly<Record<string, string>> = {
  'grafana-dashboard': `{"title":"T","uid":"u","schemaVersion":16,"panels":[${panel}]}`,
  'grafana-library-panel': `{"uid":"l","name":"n","kind":1,"model":${panel}}`,
  kibana: `{"type":"dashboard","id":"d","attributes":{"title":"T","panelsJSON":"[]"},"references":[]}\n{"type":"config","id":"c","attributes":{"password":"${planted}"}}\n`,
  'jaeger-ui': `{"linkPatterns":[{"type":"logs","key":"a","url":"https://me:${planted}@host/#{a}","text":"x"}]}`,
  'prometheus-rules': `groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up == 0\n    annotations: {runbook: "https://host/x"}\n`,
  elastalert: `name: x\ntype: frequency\nindex: logs\nnum_events: 1\ntimeframe: {minutes: 1}\nfilter: []\nalert: [slack, email]\nslack_webhook_url: https://hooks.slack.com/services/T0/${planted}\nes_password: ${planted}\nsmtp_auth_file: ${planted}\nhttp_post_headers: {authorization: "Bearer ${planted}${planted}"}\n`,
  watcher: `{"trigger":{"schedule":{"interval":"1m"}},"input":{"search":{"request":{"indices":["l"],"body":{"query":{"match_all":{}}}}}},"condition":{"compare":{"ctx.payload.hits.total":{"gt":1}}},"actions":{"w":{"webhook":{"host":"h","auth":{"basic":{"username":"u","password":"${planted}"}},"headers":{"Authorization":"Bearer ${planted}${planted}"}}}}}`,
  'kibana-rules': kibanaRule,
  'grafana-datasources': datasources,
  kubernetes: `apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  password: ${planted}\n  d.yaml: |\n${datasources.replace(/^(?=.)/gm, '    ')}`,
  alertmanager: `global: {slack_api_url: "https://hooks.slack.com/services/T0/${planted}", smtp_auth_password: ${planted}}\nroute: {receiver: x, group_by: [pod]}\nreceivers: [{name: x, webhook_configs: [{url: "https://me:${planted}@h/"}]}]\n`,
  'grafana-rules': `apiVersion: 1\ngroups:\n- orgId: 1\n  name: g\n  folder: f\n  interval: 1m\n  rules:\n  - uid: a\n    title: t\n    condition: A\n    data:\n    - {refId: A, datasourceUid: p, relativeTimeRange: {from: 60, to: 0}, model: {refId: A, expr: up, headers: {Authorization: "Bearer ${planted}${planted}"}}}\n`,
}

describe('secrets', () => {
  it.each(Object.entries(sources))('of %s come out nowhere', async (kind, text) => {
    expect(isKind(kind)).toBe(true)
    if (!isKind(kind)) return
    const { family } = kinds[kind]
    if (family === 'context') return
    const context = contextOf()
    const conversion = await convert({ path: 'x', text }, kind, family, context)
    expect(conversion.outcome).toBe('converted')
    const builder = createReport({ tool: 't', command: family, mappingHash: 'h', assumptions: [] }, context)
    builder.add({ path: 'x', sha256: '', output: [] }, conversion)
    const report = builder.report()
    const said = [[...jsonReport(report)].join(''), markdownReport(report), [...htmlReport(report)].join(''), diffOf(report)]
    for (const one of said) expect(one).not.toContain(planted)
    // What is kept as it was given keeps what it was given with; what is made anew has none of it.
    if (!conversion.output.some((file) => file.path === 'x')) for (const file of conversion.output) expect(file.text).not.toContain(planted)
  })
})
