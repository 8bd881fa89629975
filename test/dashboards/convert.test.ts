import { describe, expect, it } from 'vitest'
import { convert, safePath } from '../../dashboards/convert.ts'
import { contextOf } from '../support/dashboards/grafana.ts'

const naming = { metrics: { old_total: 'new_total' } }
const dashboard = (expr: string): string =>
  `{\n  "title": "T",\n  "uid": "u1",\n  "schemaVersion": 39,\n  "panels": [\n    {"id": 1, "type": "timeseries", "title": "P", "datasource": {"type": "prometheus", "uid": "p"}, "targets": [{"refId": "A", "expr": ${JSON.stringify(expr)}}]}\n  ]\n}\n`
const indented = (text: string, by: string): string => text.replace(/^(?=.)/gm, by)

const one = async (text: string, path = 'x.yaml', family: 'dashboards' | 'alerts' = 'dashboards') =>
  convert({ path, text }, undefined, family, contextOf(naming))

describe('convert', () => {
  it('gives the file back as it was where nothing has another name', async () => {
    const text = dashboard('rate(other_total[5m])')
    const { output, diagnostics, outcome } = await one(text, 'a/b.json')
    expect([outcome, output, diagnostics.items.map(({ status }) => status)]).toEqual([
      'converted',
      [{ path: 'a/b.json', text }],
      ['unchanged'],
    ])
  })

  it('converts what is in a ConfigMap and leaves the rest of it byte for byte', async () => {
    const text = `# kept\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: dash, labels: {x: "1"}} # and this\ndata:\n  note.txt: hello\n  one.json: |-\n${indented(dashboard('rate(old_total[5m])').trimEnd(), '    ')}\n  two.json: |\n${indented(dashboard('up2'), '    ')}`
    const { output, diagnostics } = await one(text)
    expect(output).toEqual([{ path: 'x.yaml', text: text.replace('old_total', 'new_total') }])
    expect(diagnostics).toMatchObject({ kind: 'kubernetes', title: 'dash' })
    expect(diagnostics.items.map(({ id, where, status }) => [id, where, status])).toEqual([
      ['one.json/panel/1/target/A', '$.data["one.json"] $.panels[0].targets[0].expr', 'exact'],
      ['two.json/panel/1/target/A', '$.data["two.json"] $.panels[0].targets[0].expr', 'unchanged'],
    ])
  })

  it('converts what is in a Secret, and in a list as JSON', async () => {
    const data = Buffer.from(dashboard('old_total')).toString('base64')
    const secret = (value: string): string => `apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  d.json: ${value}\n`
    const { output } = await one(secret(data))
    expect(output[0]?.text).toBe(secret(Buffer.from(dashboard('new_total')).toString('base64')))
    const list = (expr: string): string =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMapList',
        items: [{ apiVersion: 'v1', kind: 'ConfigMap', data: { 'd.json': dashboard(expr) } }],
      })
    expect((await one(list('old_total'), 'x.json')).output[0]?.text).toBe(list('new_total'))
  })

  it('takes rules out of a file with dashboards, for the command that is for them', async () => {
    const rule =
      'apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n    - name: g\n      rules:\n        - alert: A\n          expr: old_total > 1\n'
    const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  d.json: '${dashboard('old_total').replaceAll('\n', '')}'\n---\n${rule}`
    const dashboards = await one(text)
    expect(dashboards.diagnostics.items).toHaveLength(1)
    expect(dashboards.diagnostics.notes.map(({ code }) => code)).toEqual(['OBD-F-002'])
    expect(dashboards.output[0]?.text).toBe(text.replace('old_total', 'new_total'))
  })

  it('converts resources of Grafana in YAML, in place', async () => {
    const text =
      'apiVersion: dashboard.grafana.app/v1beta1\nkind: Dashboard\nmetadata: {name: u} # kept\nspec:\n  title: T\n  panels:\n    - id: 1\n      type: stat\n      datasource: {type: prometheus, uid: p}\n      targets:\n        - refId: A\n          expr: |\n            sum(\n              rate(old_total[5m]))\n'
    const { output, diagnostics } = await one(text)
    expect([output[0]?.text, diagnostics.items.map(({ status }) => status)]).toEqual([text.replace('old_total', 'new_total'), ['exact']])
  })

  it('says what stands elsewhere', async () => {
    const text =
      'apiVersion: grafana.integreatly.org/v1beta1\nkind: GrafanaDashboard\nmetadata: {name: g}\nspec: {url: "https://x/y.json"}\n'
    const { outcome, diagnostics } = await one(text)
    expect([outcome, diagnostics.notes.map(({ code }) => code)]).toEqual(['other', ['OBD-F-007', 'OBD-F-008']])
    expect(diagnostics.notes[0]?.text).not.toContain('https://x')
  })

  it('tells what is not understood, what is for the other command, and what is broken', async () => {
    expect(await one('hello: world\n')).toMatchObject({ outcome: 'unknown', output: [], diagnostics: { notes: [{ code: 'OBD-F-001' }] } })
    expect(await one('groups: [{name: g, rules: [{record: a, expr: b}]}]')).toMatchObject({
      outcome: 'other',
      diagnostics: { notes: [{ code: 'OBD-F-002' }] },
    })
    const deep = `{"title":"x","panels":${'['.repeat(300)}${']'.repeat(300)}}`
    expect(await one(deep)).toMatchObject({
      outcome: 'unknown',
      diagnostics: { notes: [{ text: expect.stringContaining('deeper than 200') }] },
    })
    expect(await convert({ path: 'x', text: deep }, 'grafana-dashboard', 'dashboards', contextOf())).toMatchObject({
      outcome: 'failed',
      diagnostics: { notes: [{ code: 'OBD-F-005' }] },
    })
  })
})

describe('safePath', () => {
  it.each([
    ['../../etc/passwd', 'etc/passwd'],
    ['/abs/x.json', 'abs/x.json'],
    ['C:\\x\\..\\y.json', 'C_/x/y.json'],
    ['a/./b//c.json', 'a/b/c.json'],
    ['..', 'converted'],
    ['a\u0000b\n.json', 'a_b_.json'],
  ])('makes %j %j', (path, safe) => {
    expect(safePath(path)).toBe(safe)
  })
})
