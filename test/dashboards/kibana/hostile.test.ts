import { describe, expect, it } from 'vitest'
import { convertKibana } from '../../../dashboards/kibana/converter.ts'
import { parseExpression } from '../../../dashboards/kibana/expression.ts'
import { grafanaPlaces } from '../../../dashboards/kibana/layout.ts'
import { readSavedObjects } from '../../../dashboards/kibana/saved-objects.ts'
import { timelionChains } from '../../../dashboards/kibana/timelion.ts'
import { isBridgeError } from '../../../src/errors.ts'
import {
  convertedObjects,
  dashboard,
  kibanaContext,
  layoutFaults,
  ndjson,
  object,
  type Plain,
  visualization,
} from '../../support/dashboards/kibana.ts'

/** Converts, or fails with an error of ours. */
function survives(text: string): boolean {
  for (const to of ['grafana', 'kibana'] as const) {
    try {
      convertKibana({ path: 'x.ndjson', text }, kibanaContext({ to }))
    } catch (error) {
      if (!isBridgeError(error)) throw error
    }
  }
  return true
}

describe('convertKibana of hostile objects', () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`

  it.each([
    ['nothing', ''],
    ['no object', '[]\n1\nnull\n"x"\n'],
    ['brackets', deep],
    ['a dashboard without anything', JSON.stringify({ type: 'dashboard', id: 'd', attributes: {} })],
    ['panels that are no list', ndjson(object('dashboard', 'd', { panelsJSON: '{"a":1}', optionsJSON: '7' }))],
    ['deep panels', ndjson(object('dashboard', 'd', { panelsJSON: deep }))],
    [
      'numbers for texts',
      ndjson(object('dashboard', 'd', { title: 7, panelsJSON: [{ type: 3, gridData: { x: 'a', y: -1e308, w: 1e308, h: null } }] })),
    ],
    [
      'keys of prototypes',
      '{"type":"dashboard","id":"__proto__","attributes":{"__proto__":{"title":"x"},"panelsJSON":"[{\\"type\\":\\"__proto__\\",\\"panelIndex\\":\\"__proto__\\"}]"}}',
    ],
    [
      'a search that starts from itself',
      ndjson(
        object('search', 's', { title: 's', savedSearchRefName: 'search_0' }, [{ name: 'search_0', type: 'search', id: 's' }]),
        dashboard([{ type: 'search', id: 's' }]),
      ),
    ],
    [
      'aggregations in a circle',
      ndjson(
        visualization('v', {
          type: 'line',
          params: {},
          aggs: [{ id: '1', type: 'derivative', schema: 'metric', params: { metricAgg: '1' } }],
        }),
      ),
    ],
  ])('survives %s', (_name, text) => {
    expect(survives(text)).toBe(true)
  })

  it('does not let values grow beyond all measure', () => {
    const metrics: Plain[] = [{ id: 'm0', type: 'max', field: 'f' }]
    for (let index = 1; index < 100; index++) {
      metrics.push({ id: `m${index}`, type: 'math', script: 'a + a', variables: [{ name: 'a', field: `m${index - 1}` }] })
    }
    const differences: Plain[] = [{ id: 'd0', type: 'max', field: 'f' }]
    for (let index = 1; index < 60; index++) differences.push({ id: `d${index}`, type: 'derivative', field: `d${index - 1}` })
    const state = {
      type: 'metrics',
      params: {
        type: 'timeseries',
        index_pattern: 'a',
        series: [
          { id: 's', metrics },
          { id: 't', metrics: differences },
        ],
      },
    }
    expect(convertedObjects([visualization('v', state)]).items.map(({ status }) => status)).toEqual(['unsupported', 'unsupported'])
  })

  it('writes titles as text, and nothing that runs into Markdown of its own', () => {
    const state = { type: 'special', params: { '</script>': '```\n<img src=x onerror=alert(1)>' } }
    const text = convertedObjects([visualization('<script>', state)]).files[0]?.text ?? ''
    expect(text).toContain('````')
  })

  it('refuses a source without saved objects by name', () => {
    expect(() => readSavedObjects('{"a":1}', 'x.json')).toThrow('cannot read x.json: no saved object')
  })
})

describe('parseExpression', () => {
  it.each(['((((', 'a b', "'open", '1 +', 'f(a,,b)', `${'('.repeat(5000)}1${')'.repeat(5000)}`, `${'-'.repeat(5000)}1`, '#'])(
    'says why %s cannot be read',
    (text) => {
      expect(parseExpression(text)).toMatchObject({ ok: false, why: expect.any(String) })
    },
  )
})

describe('timelionChains', () => {
  it('splits chains, and gives up on what is none', () => {
    expect(timelionChains(".es(q='a:b, c', metric=avg:x).label('y'), .es(*)")?.map((chain) => chain.map(({ name }) => name))).toEqual([
      ['es', 'label'],
      ['es'],
    ])
    expect(timelionChains('.es(.es())')).toBeUndefined()
    expect(timelionChains('drop table')).toBeUndefined()
    expect(timelionChains(`.es(${"'".repeat(9999)})`)).toBeUndefined()
  })
})

describe('grafanaPlaces', () => {
  it('keeps order and leaves no overlap, whatever stands where', () => {
    let seed = 7
    const random = (limit: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return seed % limit
    }
    for (let round = 0; round < 50; round++) {
      const places = Array.from({ length: 30 }, () => {
        const w = 1 + random(48)
        return { x: random(49 - w), y: random(60), w, h: 1 + random(20) }
      }).toSorted((one, other) => one.y - other.y || one.x - other.x)
      const placed = grafanaPlaces(places)
      expect(placed).toHaveLength(places.length)
      expect(layoutFaults(placed.map((gridPos) => ({ gridPos })))).toEqual([])
    }
  })
})
