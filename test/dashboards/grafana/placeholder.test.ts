import { describe, expect, it } from 'vitest'
import { grafanaDashboard } from '../../../dashboards/grafana/converter.ts'
import { fenceFor, maskSecrets, placeholderText, withoutSecrets } from '../../../dashboards/grafana/placeholder.ts'
import { contextOf } from '../../support/dashboards/grafana.ts'

const elastic = { type: 'elasticsearch', uid: 'e' }
const impossible = {
  refId: 'A',
  query: 'x',
  metrics: [{ type: 'count', id: '1' }],
  bucketAggs: [{ type: 'geohash_grid', id: '2', field: 'geo' }],
  timeField: '@timestamp',
}
const ppl = { ...impossible, query: 'source=x | stats count()', queryType: 'PPL' }
const opensearch = { type: 'grafana-opensearch-datasource', uid: 'o' }

const convert = (panel: object, options = {}) => {
  const text = JSON.stringify({
    schemaVersion: 39,
    panels: [{ id: 3, title: 'P', type: 'table', gridPos: { x: 1, y: 2, w: 3, h: 4 }, datasource: opensearch, ...panel }],
  })
  const converted = grafanaDashboard.convert({ path: 'd.json', text }, contextOf({}, options))
  const after = converted.files[0]?.text ?? ''
  return { ...converted, panel: JSON.parse(after).panels[0], after }
}

describe('placeholder', () => {
  it('is a text panel at the same place, with why, the old query, and the whole old panel', () => {
    const { panel, items, parts, after } = convert({ targets: [ppl], repeat: 'x' }, { reportUrl: 'https://r/x y' })
    expect(panel).toMatchObject({
      id: 3,
      title: 'P',
      type: 'text',
      gridPos: { x: 1, y: 2, w: 3, h: 4 },
      repeat: 'x',
      options: { mode: 'markdown', otlpBridge: { original: { id: 3, type: 'table', targets: [ppl] } } },
    })
    expect(panel.options.content).toContain('\n\n```lucene\nsource=x | stats count()\n```')
    expect(panel.options.content).toMatch(/OBD-L-\d+: /)
    expect(panel.options.content).toContain('(https://r/x%20y)')
    expect(items).toMatchObject([{ status: 'unsupported', after: undefined }])
    expect(parts).toMatchObject([{ kind: 'panel', status: 'unsupported', after: 'text' }])
    expect(grafanaDashboard.convert({ path: 'd.json', text: after }, contextOf()).files[0]?.text).toBe(after)
  })

  it('is not made where another query of the panel can be asked: the failing one is hidden, and keeps its name', () => {
    const { panel } = convert({
      datasource: { type: 'datasource', uid: '-- Mixed --' },
      targets: [
        { ...ppl, datasource: opensearch },
        { refId: 'B', expr: 'm', datasource: { type: 'prometheus', uid: 'p' } },
      ],
    })
    expect(panel.type).toBe('table')
    expect(panel.targets).toEqual([
      { ...ppl, datasource: opensearch, hide: true },
      { refId: 'B', expr: 'm', datasource: { type: 'prometheus', uid: 'p' } },
    ])
  })

  it('is made where only expressions over queries are left', () => {
    const { panel } = convert({
      targets: [ppl, { refId: 'B', type: 'math', expression: '$A * 2', datasource: { type: '__expr__', uid: '__expr__' } }],
    })
    expect(panel.type).toBe('text')
  })

  it('shows no secret', () => {
    const { after } = convert({
      datasource: opensearch,
      targets: [{ ...ppl, query: 'x https://user:hunter2@h/?token=hunter3' }],
      links: [{ url: 'https://u:hunter2@h/' }],
      password: 'hunter4',
      nested: [{ apiKey: 'hunter5' }],
    })
    expect(after).not.toMatch(/hunter/)
  })
})

describe('fenceFor', () => {
  it('is longer than any run of backticks in the text', () => {
    expect([fenceFor('a'), fenceFor('```'), fenceFor('x ````` y `')]).toEqual(['```', '````', '``````'])
  })
})

describe('placeholderText', () => {
  it('cannot be left by what stands in notes and queries', () => {
    const text = placeholderText(
      [{ refId: '<img>', language: 'a b', text: '```\n<script>', notes: [{ code: 'OBD-G-004', text: '<b>[x](javascript:1)' }] }],
      'https://r/)',
    )
    expect(text).toBe(
      '**Not converted.**\n\nOBD-G-004: &lt;b&gt;\\[x\\](javascript:1)\n\n&lt;img&gt;:\n\n````\n```\n<script>\n````\n\n[Report of the conversion](https://r/%29)',
    )
  })
})

describe('withoutSecrets', () => {
  it.each([
    ['https://a:b@h/p', 'https://***@h/p'],
    ['x?access_token=abc&b=c', 'x?access_token=***&b=c'],
    ['https://h/p?q=1', 'https://h/p?q=1'],
    ['a:b@c', 'a:b@c'],
  ])('%s → %s', (before, after) => {
    expect(withoutSecrets(before)).toBe(after)
  })
})

describe('maskSecrets', () => {
  it('masks values of keys that sound like one, and keeps __proto__ a key', () => {
    const value = JSON.parse('{"__proto__":{"Password":"x"},"basicAuthPassword":"x","secret":true,"tokens":["y"],"n":1}')
    expect(JSON.stringify(maskSecrets(value))).toBe(
      '{"__proto__":{"Password":"***"},"basicAuthPassword":"***","secret":true,"tokens":["y"],"n":1}',
    )
  })
})

describe('queries that cannot be aggregated', () => {
  it('do not lose the panel', () => {
    const { panel } = convert({ datasource: elastic, targets: [impossible] })
    expect(panel.options?.otlpBridge?.original ?? panel).toMatchObject({ targets: [{ refId: 'A' }] })
  })
})

describe('queries of data sources that stay', () => {
  it('are shown without what is secret in them', () => {
    const { items, after } = convert({
      datasource: { type: 'yesoreyeram-infinity-datasource', uid: 'i' },
      targets: [
        {
          refId: 'A',
          url: 'https://u:hunter2@h/',
          url_options: { headers: [{ key: 'Authorization', value: 'hunter3' }], apiKey: 'hunter4' },
        },
      ],
    })
    expect(items[0]?.status).toBe('unchanged')
    expect(JSON.stringify(items)).not.toMatch(/hunter/)
    expect(after).toMatch(/hunter2/)
  })
})
