import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { detect, kindFor } from '../../dashboards/detect.ts'
import { sharedFolder } from '../support/shared.ts'

const kindsOf = (text: string, path = 'x'): string => detect({ path, text }).kinds.join(' ')

const rows: readonly (readonly [name: string, kinds: string, text: string, path?: string])[] = [
  ['a dashboard with panels', 'grafana-dashboard', '{"title":"x","schemaVersion":39,"panels":[]}'],
  ['a dashboard with rows', 'grafana-dashboard', '{"title":"x","schemaVersion":6,"rows":[{"panels":[]}]}'],
  ['a dashboard as the API answers', 'grafana-dashboard', '{"meta":{"slug":"x"},"dashboard":{"title":"x","panels":[]}}'],
  ['a shared export', 'grafana-dashboard', '{"__inputs":[],"__requires":[],"panels":[],"title":"x"}'],
  ['a v1 resource', 'grafana-v1', '{"apiVersion":"dashboard.grafana.app/v1beta1","kind":"Dashboard","spec":{"panels":[]}}'],
  ['a v2 resource', 'grafana-v2', '{"apiVersion":"dashboard.grafana.app/v2alpha1","kind":"Dashboard","spec":{"elements":{}}}'],
  ['a v2 resource in YAML', 'grafana-v2', 'apiVersion: dashboard.grafana.app/v2\nkind: Dashboard\nspec: {elements: {}, layout: {}}\n'],
  ['a bare v2 spec', 'grafana-v2', '{"elements":{"a":{}},"layout":{"kind":"GridLayout"}}'],
  ['a library panel', 'grafana-library-panel', '{"result":{"uid":"u","name":"n","kind":1,"model":{"type":"stat"}}}'],
  ['provisioned data sources', 'grafana-datasources', 'apiVersion: 1\ndatasources:\n  - name: P\n    type: prometheus\n'],
  ['data sources of the API', 'grafana-datasources', '[{"uid":"a","name":"P","type":"prometheus","access":"proxy"}]'],
  ['providers', 'grafana-providers', "apiVersion: 1\nproviders:\n  - name: 'x'\n    type: file\n"],
  ['a ConfigMap', 'kubernetes', 'apiVersion: v1\nkind: ConfigMap\ndata:\n  x.json: "{}"\n'],
  ['a list of ConfigMaps', 'kubernetes', '{"apiVersion":"v1","kind":"ConfigMapList","items":[]}'],
  ['a Secret', 'kubernetes', 'apiVersion: v1\nkind: Secret\ndata: {}\n'],
  ['a GrafanaDashboard', 'kubernetes', 'apiVersion: grafana.integreatly.org/v1beta1\nkind: GrafanaDashboard\nspec: {json: "{}"}\n'],
  ['a GrafanaManifest', 'kubernetes', 'apiVersion: grafana.integreatly.org/v1beta1\nkind: GrafanaManifest\nspec: {template: {}}\n'],
  [
    'documents of several kinds',
    'kubernetes',
    'apiVersion: v1\nkind: ConfigMap\ndata: {}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec: {groups: []}\n',
  ],
  ['lines of Kibana', 'kibana', '{"type":"dashboard","id":"a","attributes":{"title":"x"}}\n{"exportedCount":1}\n'],
  ['an array of Kibana 5', 'kibana', '[{"_id":"a","_type":"dashboard","_source":{"title":"x"}}]'],
  ['a file of Beats', 'kibana', '{"objects":[{"type":"dashboard","id":"a","attributes":{"panelsJSON":[]}}],"version":"7"}'],
  ['one saved object', 'kibana', '{"type":"lens","id":"a","attributes":{"state":{}},"references":[]}'],
  ['rules of Prometheus', 'prometheus-rules', 'groups:\n- name: x\n  rules:\n  - alert: A\n    expr: up == 0\n'],
  ['rules of Mimir', 'prometheus-rules', 'namespace: n\ngroups:\n- name: x\n  rules: [{record: a, expr: b}]\n'],
  ['a PrometheusRule', 'prometheus-rules', 'apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec: {groups: []}\n'],
  [
    'an answer of /api/v1/rules',
    'prometheus-rules',
    '{"status":"success","data":{"groups":[{"name":"x","rules":[{"type":"alerting","query":"up"}]}]}}',
  ],
  ['an answer of a ruler', 'prometheus-rules', 'ns:\n  - name: g\n    rules: [{alert: A, expr: up}]\n'],
  ['the Alertmanager', 'alertmanager', 'route: {receiver: x}\nreceivers: [{name: x}]\n'],
  ['managed rules', 'grafana-rules', 'apiVersion: 1\ngroups:\n- name: x\n  rules: [{uid: a, title: t, condition: C, data: []}]\n'],
  ['managed rules of the API', 'grafana-rules', '[{"uid":"a","title":"t","condition":"C","data":[{"refId":"A"}]}]'],
  ['managed rules of the ruler', 'grafana-rules', '{"Folder":[{"name":"g","rules":[{"grafana_alert":{"title":"t","data":[]}}]}]}'],
  ['managed rules in Terraform', 'grafana-rules', 'resource "grafana_rule_group" "x" {\n  name = "x"\n}\n', 'x.tf'],
  [
    'a GrafanaAlertRuleGroup',
    'grafana-rules',
    'apiVersion: grafana.integreatly.org/v1beta1\nkind: GrafanaAlertRuleGroup\nspec: {rules: []}\n',
  ],
  ['contact points', 'grafana-notifications', 'apiVersion: 1\ncontactPoints: []\n'],
  ['ElastAlert', 'elastalert', 'name: x\ntype: frequency\nindex: logs-*\nfilter: []\nalert: [email]\n'],
  ['the configuration of ElastAlert', 'elastalert-config', 'rules_folder: rules\nrun_every: {minutes: 1}\nes_host: x\n'],
  ['a watch', 'watcher', '{"trigger":{"schedule":{}},"input":{},"actions":{}}'],
  ['a watch of the API', 'watcher', '{"_id":"w","watch":{"trigger":{"schedule":{}},"input":{}}}'],
  ['a watch that is no JSON', 'watcher', '{"trigger":{"schedule":{}},"input":{"size":{{ctx.metadata.size}}},"actions":{}}'],
  ['rules of Kibana', 'kibana-rules', '{"type":"alert","id":"a","attributes":{"alertTypeId":".es-query"}}\n'],
  ['rules of the API of Kibana', 'kibana-rules', '{"page":1,"data":[{"id":"a","rule_type_id":".es-query","params":{}}]}'],
  [
    'dashboards and rules of Kibana',
    'kibana kibana-rules',
    '{"type":"dashboard","id":"a","attributes":{}}\n{"type":"alert","id":"b","attributes":{}}\n',
  ],
  ['the Jaeger UI', 'jaeger-ui', '{"linkPatterns":[{"type":"logs","key":"a","url":"http://x"}],"menu":[]}'],
  ['a console template', 'console-template', '{{ template "head" . }}{{ query "up" }}', 'node.html'],
  ['links', 'trace-links', 'http://zipkin:9411/zipkin/?serviceName=a\nhttp://jaeger:16686/trace/abc\n'],
  ['metadata', 'prometheus-metadata', '{"status":"success","data":{"up":[{"type":"gauge","help":"","unit":""}]}}'],
  ['a file with a byte order mark', 'grafana-dashboard', '\uFEFF{"title":"x","panels":[]}'],
  ['another JSON', '', '{"name":"package","version":"1"}'],
  ['another YAML', '', 'version: "3"\nservices: {}\n'],
  ['a deployment', '', 'apiVersion: apps/v1\nkind: Deployment\nspec: {}\n'],
  ['a text', '', 'Hello.\nThis is a text: of words.\n'],
  ['a page', '', '<html><body>hello</body></html>', 'x.html'],
  ['nothing', '', '  \n'],
  ['values of Helm', '', 'groups:\n{{- range .Values.groups }}\n- name: {{ .name }}\n{{- end }}\n'],
]

describe('detect', () => {
  it.each(rows)('knows %s', (_, kinds, text, path) => {
    expect(kindsOf(text ?? '', path ?? 'x')).toBe(kinds)
  })

  it('says why JSON or YAML could not be read', () => {
    expect(detect({ path: 'x', text: '{"panels": [1,}' })).toMatchObject({
      kinds: [],
      problem: expect.stringContaining('line 1, column 15'),
    })
  })

  it('knows every sample by its folder', () => {
    const folder = join(sharedFolder, 'samples')
    if (!existsSync(folder)) return console.warn(`SKIPPED: ${folder} is absent`)
    const families: Readonly<Record<string, readonly string[]>> = {
      elastalert: ['elastalert'],
      grafana: ['grafana-dashboard', 'grafana-datasources', 'kubernetes'],
      'grafana-alerts': ['grafana-rules'],
      jaeger: ['jaeger-ui'],
      kibana: ['kibana'],
      'kibana-rules': ['kibana-rules'],
      'prometheus-consoles': ['console-template'],
      'prometheus-rules': ['prometheus-rules'],
      watcher: ['watcher'],
    }
    for (const [name, wanted] of Object.entries(families)) {
      for (const entry of readdirSync(join(folder, name), { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue
        const { kinds } = detect({ path: entry.name, text: readFileSync(join(entry.parentPath, entry.name), 'utf8') })
        expect(wanted, `${name}/${entry.name}: ${kinds}`).toContain(kinds[0] ?? '')
        expect(kinds).toHaveLength(1)
      }
    }
  })
})

describe('kindFor', () => {
  it('takes the one that the command is for', () => {
    const detected = { kinds: ['kibana-rules', 'kibana'] } as const
    expect([kindFor(detected, 'dashboards'), kindFor(detected, 'alerts')]).toEqual(['kibana', 'kibana-rules'])
  })
})
