import { describe, expect, it } from 'vitest'
import { grafanaDashboard } from '../../../dashboards/grafana/converter.ts'
import { scaled, scaledUnit } from '../../../dashboards/grafana/scale.ts'
import { contextOf } from '../../support/dashboards/grafana.ts'

const names = { metrics: { latency_ms: { name: 'latency_seconds', factor: 0.001 }, size: 'bytes_size' } }
const panelOf = (panel: object) => ({
  schemaVersion: 39,
  panels: [
    { id: 1, type: 'timeseries', datasource: { type: 'prometheus', uid: 'p' }, targets: [{ refId: 'A', expr: 'latency_ms' }], ...panel },
  ],
})

const convert = (dashboard: object, scale: 'query' | 'panel' = 'panel') => {
  const converted = grafanaDashboard.convert({ path: 'd.json', text: JSON.stringify(dashboard) }, contextOf(names, { scale }))
  return { ...converted, json: JSON.parse(converted.files[0]?.text ?? '') }
}

describe('scaledUnit', () => {
  it.each([
    ['ms', 0.001, 's'],
    ['s', 1000, 'ms'],
    ['µs', 1e-6, 's'],
    ['percent', 0.01, 'percentunit'],
    ['percentunit', 100, 'percent'],
    ['kbytes', 1024, 'bytes'],
    ['bytes', 1000, undefined],
    ['short', 0.001, 'short'],
    ['reqps', 0.001, undefined],
    ['toString', 0.001, undefined],
  ])('of %s times %d is %s', (unit, factor, after) => {
    expect(scaledUnit(unit, factor)).toBe(after)
  })
})

describe('scaled', () => {
  it('has no dust of binary fractions', () => {
    expect([scaled(300, 0.001), scaled(0.1, 3), scaled(1234567, 0.001)]).toEqual([0.3, 0.3, 1234.567])
  })
})

describe('--scale=panel', () => {
  it('changes unit, limits, thresholds, decimals and overrides, and leaves the query without a factor', () => {
    const { json, parts } = convert(
      panelOf({
        fieldConfig: {
          defaults: {
            unit: 'ms',
            min: 0,
            max: 500,
            thresholds: {
              mode: 'absolute',
              steps: [
                { color: 'green', value: null },
                { color: 'red', value: 250 },
              ],
            },
            mappings: [{ type: 'range', options: { from: 0, to: 10, result: { text: 'fast' } } }],
          },
          overrides: [
            {
              matcher: { id: 'byName', options: 'x' },
              properties: [
                { id: 'max', value: 100 },
                { id: 'unit', value: 'short' },
                { id: 'decimals', value: 1 },
              ],
            },
          ],
        },
      }),
    )
    const [panel] = json.panels
    expect(panel.targets[0].expr).toBe('latency_seconds')
    expect(panel.fieldConfig).toEqual({
      defaults: {
        unit: 's',
        min: 0,
        max: 0.5,
        thresholds: {
          mode: 'absolute',
          steps: [
            { color: 'green', value: null },
            { color: 'red', value: 0.25 },
          ],
        },
        mappings: [{ type: 'range', options: { from: 0, to: 0.01, result: { text: 'fast' } } }],
      },
      overrides: [
        {
          matcher: { id: 'byName', options: 'x' },
          properties: [
            { id: 'max', value: 0.1 },
            { id: 'unit', value: 'short' },
            { id: 'decimals', value: 4 },
          ],
        },
      ],
    })
    expect(parts.filter((part) => part.notes[0]?.code === 'OBD-G-011')).toHaveLength(6)
  })

  it('leaves thresholds in percent as they are, and scales those of old panels', () => {
    const { json } = convert(
      panelOf({
        type: 'graph',
        yaxes: [{ format: 'ms', min: '10', max: null }, { format: 'short' }],
        thresholds: [{ value: 200, op: 'gt' }],
        fieldConfig: { defaults: { thresholds: { mode: 'percentage', steps: [{ color: 'a', value: 80 }] } }, overrides: [] },
      }),
    )
    const [panel] = json.panels
    expect(panel.yaxes).toEqual([{ format: 's', min: '0.01', max: null }, { format: 'short' }])
    expect(panel.thresholds[0].value).toBe(0.2)
    expect(panel.fieldConfig.defaults.thresholds.steps[0].value).toBe(80)
  })

  it.each([
    ['its unit has none of the right size', { fieldConfig: { defaults: { unit: 'reqps' } } }],
    [
      'its queries do not agree',
      {
        targets: [
          { refId: 'A', expr: 'latency_ms' },
          { refId: 'B', expr: 'size' },
        ],
      },
    ],
    ['a transformation calculates with numbers', { transformations: [{ id: 'filterByValue', options: {} }] }],
    ['its kind is not known', { type: 'some-plugin' }],
    ['single numbers are mapped', { fieldConfig: { defaults: { mappings: [{ type: 'value', options: { '5': { text: 'five' } } }] } } }],
    ['a link hands the value on', { links: [{ url: '/d/x?var-v=${__value.raw}' }] }],
    ['it has an alert', { alert: { conditions: [] } }],
  ])('divides in the query where %s', (_, panel) => {
    const { json } = convert(panelOf(panel))
    expect(json.panels[0].targets[0].expr).toMatch(/\* 1000|\/ 0\.001/)
    expect(convert(panelOf(panel), 'query').json.panels[0].targets).toEqual(json.panels[0].targets)
  })
})
