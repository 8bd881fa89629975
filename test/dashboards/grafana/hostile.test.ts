import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { grafanaDashboard, grafanaDatasources, grafanaLibraryPanel, grafanaV2 } from '../../../dashboards/grafana/converter.ts'
import { renamePattern, renameTemplate } from '../../../dashboards/grafana/renames.ts'
import { isBridgeError } from '../../../src/errors.ts'
import { contextOf } from '../../support/dashboards/grafana.ts'

const names = { metrics: { m: 'n' }, labels: { pod: 'k8s_pod_name' } }
const context = contextOf(names, { upgradePanels: true, scale: 'panel' })

/** Any JSON, with names of dashboards as keys often enough. */
const key = fc.constantFrom(
  ...[
    'panels',
    'rows',
    'targets',
    'templating',
    'list',
    'annotations',
    'query',
    'expr',
    'type',
    'datasource',
    'uid',
    'name',
    'fieldConfig',
    'overrides',
  ],
  ...[
    'matcher',
    'options',
    'transformations',
    'id',
    'links',
    'url',
    'spec',
    'elements',
    'data',
    'queries',
    'variables',
    'kind',
    'alert',
    'conditions',
  ],
  ...[
    '__proto__',
    'constructor',
    'libraryPanel',
    '__elements',
    '__inputs',
    'model',
    'datasources',
    'jsonData',
    'styles',
    'gridPos',
    'hasOwnProperty',
  ],
)
const leaf = fc.oneof(
  fc.constantFrom(
    'm',
    'pod',
    '$x',
    '${ds}',
    'prometheus',
    'elasticsearch',
    'jaeger',
    'loki',
    'graph',
    'singlestat',
    'table',
    'query',
    'custom',
    'adhoc',
    'label_values(m, pod)',
  ),
  fc.constantFrom('{"find":"terms","field":"a"}', '-- Mixed --', '[[', '/(/', '{{pod', '\u0000\ud800', ''),
  fc.string(),
  fc.double(),
  fc.constantFrom(null, true, false),
)
const anything = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 8, withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(key, fc.string()), tie('value'), { maxKeys: 6 }),
  ),
})).value

const converters = [grafanaDashboard, grafanaV2, grafanaLibraryPanel, grafanaDatasources]

describe('files of any shape', () => {
  it('never throw anything but an error of this program, and come out as JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(key, anything, { maxKeys: 8 }), fc.constantFrom(...converters), (value, converter) => {
        const text = JSON.stringify(value)
        try {
          const { files } = converter.convert({ path: 'x.json', text }, context)
          JSON.parse(files[0]?.text ?? 'x')
        } catch (error) {
          if (!isBridgeError(error)) throw error
        }
      }),
      { numRuns: 250 },
    )
  })

  it('of dashboards are converted once: the second time changes no byte', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 3 }), fc.array(anything, { maxLength: 2 }), (panels, list) => {
        const text = JSON.stringify({ schemaVersion: 39, panels, templating: { list } })
        const convert = (source: string) => grafanaDashboard.convert({ path: 'x.json', text: source }, contextOf()).files[0]?.text ?? ''
        const once = convert(text)
        expect(convert(once)).toBe(once)
      }),
      { numRuns: 200 },
    )
  })
})

describe('large and nasty files', () => {
  it('are read in time that grows with their size', () => {
    const panel = (id: number) => ({
      id,
      type: 'timeseries',
      datasource: { type: 'jaeger', uid: 'j' },
      targets: [{ refId: 'A', queryType: 'search', service: 's', a: 1, b: 2, c: 3 }],
    })
    const text = JSON.stringify({ schemaVersion: 39, panels: Array.from({ length: 1500 }, (_, id) => panel(id)) })
    const start = performance.now()
    expect(grafanaDashboard.convert({ path: 'x.json', text }, context).items).toHaveLength(1500)
    expect(performance.now() - start).toBeLessThan(10_000)
  })

  it('of too many panels are refused', () => {
    const text = JSON.stringify({ panels: Array.from({ length: 10_001 }, () => ({})) })
    expect(() => grafanaDashboard.convert({ path: 'x.json', text }, context)).toThrow(/more than 10000 panels/)
  })

  it('with names and patterns of any length do not slow down', () => {
    const long = '${__field.labels.'.repeat(5000) + '{{'.repeat(20_000) + 'pod '.repeat(5000)
    const renames = { labels: new Map([['pod', 'p']]), series: new Map(), unsure: new Map() }
    const start = performance.now()
    renameTemplate(long, renames)
    renamePattern(long, renames)
    expect(performance.now() - start).toBeLessThan(2000)
  })

  it('keep __proto__ a key like any other', () => {
    const text =
      '{"schemaVersion":39,"panels":[{"__proto__":{"polluted":1},"id":1,"datasource":{"type":"grafana-opensearch-datasource","uid":"o"},"targets":[{"refId":"A","query":"x","queryType":"PPL","__proto__":{"polluted":1}}]}]}'
    const { files } = grafanaDashboard.convert({ path: 'x.json', text }, context)
    expect(JSON.parse(files[0]?.text ?? '').panels[0].type).toBe('text')
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })
})
