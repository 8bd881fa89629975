import { describe, expect, it } from 'vitest'
import { grafanaDashboard } from '../../../dashboards/grafana/converter.ts'
import { noReference, readReference, resolveReference, wholeVariable } from '../../../dashboards/grafana/references.ts'
import type { Context, ConvertOptions } from '../../../dashboards/options.ts'
import { parseJsonDocument } from '../../../dashboards/text/json.ts'
import { contextOf } from '../../support/dashboards/grafana.ts'

const scope = {
  variables: new Map([['ds', 'prometheus']]),
  inputs: new Map([['DS_ES', 'elasticsearch']]),
  known: [
    { uid: 'u1', name: 'Prod', type: 'prometheus', isDefault: true },
    { uid: 'u2', name: 'Logs', type: 'elasticsearch', isDefault: false, index: 'logs-*' },
  ],
}
const resolved = (value: unknown) => resolveReference(readReference(parseJsonDocument(JSON.stringify(value)).root), scope)

const run = (dashboard: object, options: Partial<ConvertOptions> = {}, rest: Partial<Context> = {}) => {
  const text = JSON.stringify(dashboard)
  const converted = grafanaDashboard.convert({ path: 'd.json', text }, contextOf({}, options, rest))
  const after = converted.files[0]?.text ?? ''
  return { ...converted, json: JSON.parse(after), after, text }
}

const search = { refId: 'A', queryType: 'search', service: 'shop' }
const trace = (datasource: unknown) => ({ schemaVersion: 39, panels: [{ id: 1, type: 'table', datasource, targets: [search] }] })

describe('wholeVariable', () => {
  it.each([
    ['$ds', 'ds'],
    ['${ds}', 'ds'],
    ['${ds:raw}', 'ds'],
    ['[[ds]]', 'ds'],
    ['a$ds', undefined],
    ['$ds.x', undefined],
  ])('%s is %s', (text, name) => {
    expect(wholeVariable(text)).toBe(name)
  })
})

describe('resolveReference', () => {
  it.each([
    [{ type: 'prometheus', uid: 'x' }, 'prometheus', undefined],
    [{ uid: '$ds' }, 'prometheus', 'ds'],
    ['${DS_ES}', 'elasticsearch', 'DS_ES'],
    ['Prod', 'prometheus', undefined],
    ['u2', 'elasticsearch', undefined],
    [null, 'prometheus', undefined],
    ['Unheard of', '', undefined],
  ])('%j is of %s', (value, type, variable) => {
    expect(resolved(value)).toMatchObject({ type, variable, special: false })
  })

  it.each([
    ['-- Mixed --'],
    ['-- Grafana --'],
    [{ type: 'datasource', uid: 'grafana' }],
    [{ type: '__expr__', uid: '__expr__' }],
    [{ uid: '-- Dashboard --' }],
  ])('%j is one of Grafana itself', (value) => {
    expect(resolved(value).special).toBe(true)
  })

  it('knows the index pattern that provisioning tells', () => {
    expect(resolved('Logs').index).toBe('logs-*')
    expect(resolveReference(noReference, { ...scope, known: [] })).toMatchObject({ type: '', keys: ['default'] })
  })
})

describe('data sources of converted queries', () => {
  it('are those that the user names, by uid, name or type, in the form that is there', () => {
    expect(run(trace({ type: 'jaeger', uid: 'j' }), { datasources: { j: 'tempo1' } }).json.panels[0].datasource).toEqual({
      type: 'tempo',
      uid: 'tempo1',
    })
    expect(
      run(trace({ type: 'jaeger', uid: 'j' }), { datasources: { jaeger: { uid: 'tempo2', type: 'tempo' } } }).json.panels[0].datasource.uid,
    ).toBe('tempo2')
    const known = [{ uid: 'j', name: 'Jaeger', type: 'jaeger', isDefault: false }]
    const old = run({ ...trace('Jaeger'), schemaVersion: 20 }, { datasources: { Jaeger: 'tempo3' } }, { known })
    expect(old.json.panels[0].datasource).toBe('tempo3')
    expect(old.json.panels[0].targets[0].queryType).toBe('traceql')
  })

  it('are moved for queries that do not change as well', () => {
    const { json, items, parts } = run(
      {
        schemaVersion: 39,
        panels: [
          {
            id: 1,
            type: 'stat',
            datasource: { type: 'prometheus', uid: 'old' },
            targets: [{ refId: 'A', expr: 'm', datasource: { type: 'prometheus', uid: 'old' } }],
          },
        ],
      },
      { datasources: { old: 'new' } },
    )
    expect(json.panels[0]).toMatchObject({ datasource: { uid: 'new' }, targets: [{ datasource: { uid: 'new' } }] })
    expect(items[0]?.status).toBe('unchanged')
    expect(parts).toMatchObject([{ kind: 'datasource', status: 'exact', before: 'prometheus old', after: 'prometheus new' }])
  })

  it('are a variable of the dashboard where nobody names one, which is said once', () => {
    const panels = [1, 2].map((id) => ({ id, type: 'table', datasource: { type: 'jaeger', uid: 'j' }, targets: [search] }))
    const { json, parts, after } = run({ schemaVersion: 39, panels })
    expect(json.panels.map((panel: { datasource: object }) => panel.datasource)).toEqual([
      { type: 'tempo', uid: '${DS_TEMPO}' },
      { type: 'tempo', uid: '${DS_TEMPO}' },
    ])
    expect(json.templating.list).toMatchObject([{ name: 'DS_TEMPO', type: 'datasource', query: 'tempo' }])
    expect(parts.flatMap((part) => part.notes.map((note) => note.code))).toEqual(['OBD-G-002'])
    expect(run(JSON.parse(after)).json).toEqual(json)
  })

  it('go through the variable or the input that was there, whose plugin changes', () => {
    const list = [{ name: 'ds', type: 'datasource', query: 'jaeger', current: { text: 'J', value: 'j' } }]
    const variable = run({ ...trace({ type: 'jaeger', uid: '${ds}' }), templating: { list } })
    expect(variable.json.templating.list).toEqual([{ name: 'ds', type: 'datasource', query: 'tempo', current: {} }])
    expect(variable.json.panels[0].datasource).toEqual({ type: 'tempo', uid: '${ds}' })
    const inputs = [{ name: 'DS_J', type: 'datasource', pluginId: 'jaeger', pluginName: 'Jaeger' }]
    const input = run({ ...trace('${DS_J}'), __inputs: inputs, schemaVersion: 20 })
    expect(input.json.__inputs[0]).toMatchObject({ pluginId: 'tempo' })
    expect(input.json.panels[0].datasource).toBe('${DS_J}')
  })

  it('that go two ways out of one variable have a second variable', () => {
    const list = [{ name: 'ds', type: 'datasource', query: 'prometheus' }]
    const panels = [
      { id: 1, type: 'stat', datasource: { uid: '$ds' }, targets: [{ refId: 'A', expr: 'm' }] },
      { id: 2, type: 'table', datasource: { type: 'jaeger', uid: '$ds' }, targets: [search] },
    ]
    const { json } = run({ schemaVersion: 39, templating: { list }, panels })
    expect(json.templating.list.map(({ name, query }: { name: string; query: string }) => [name, query])).toEqual([
      ['ds_traces', 'tempo'],
      ['ds', 'prometheus'],
    ])
    expect(json.panels.map((panel: { datasource: object }) => panel.datasource)).toEqual([
      { uid: '$ds' },
      { type: 'tempo', uid: '${ds_traces}' },
    ])
  })

  it('that differ in one panel make it a mixed one', () => {
    const panel = {
      id: 1,
      type: 'table',
      datasource: { type: 'jaeger', uid: 'j' },
      targets: [search, { refId: 'B', expr: 'm', datasource: { type: 'prometheus', uid: 'p' } }],
    }
    const { json } = run({ schemaVersion: 39, panels: [panel] }, { datasources: { j: 't' } })
    expect(json.panels[0].datasource).toEqual({ type: 'tempo', uid: 't' })
    expect(json.panels[0].targets[1].datasource).toEqual({ type: 'prometheus', uid: 'p' })
  })

  it('of Jaeger stay where Jaeger stays', () => {
    const { after, text, items } = run(trace({ type: 'jaeger', uid: 'j' }), {
      targets: { ...contextOf().options.targets, traces: { flavour: 'jaeger' } },
    })
    expect(after).toBe(text)
    expect(items[0]?.status).toBe('unchanged')
  })
})
