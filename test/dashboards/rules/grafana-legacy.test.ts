import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { convertLegacyAlert, type LegacyAlertRequest, legacyAlertFiles } from '../../../dashboards/rules/grafana-legacy.ts'

const query = {
  model: { expr: 'sum(new_total)', instant: false },
  datasource: { type: 'prometheus', uid: 'p' },
  status: 'exact' as const,
  notes: [],
  before: 'sum(old_total)',
  after: 'sum(new_total)',
}

const condition = (params: readonly string[], more: object = {}) => ({
  type: 'query',
  query: { params },
  reducer: { type: 'avg', params: [] },
  evaluator: { type: 'gt', params: [3] },
  operator: { type: 'and' },
  ...more,
})

const request = (alert: object, more: Partial<LegacyAlertRequest> = {}): LegacyAlertRequest => ({
  alert: {
    name: 'A',
    frequency: '60s',
    for: '5m',
    noDataState: 'keep_state',
    executionErrorState: 'alerting',
    conditions: [condition(['A', '5m', 'now'])],
    ...alert,
  },
  panelId: '7',
  panelTitle: 'P',
  dashboardUid: 'd',
  dashboardTitle: 'D',
  where: '$.panels[0].alert',
  queries: new Map([
    ['A', query],
    ['B', query],
  ]),
  options: { acceptApproximate: false },
  ...more,
})

describe('convertLegacyAlert', () => {
  it('keeps the conditions over the converted queries, paused', () => {
    const { item, rule } = convertLegacyAlert(request({ message: 'why {{x}}', alertRuleTags: { team: 'ops' } }))
    expect(item).toMatchObject({
      kind: 'rule',
      id: 'panel/7/alert',
      status: 'approximate',
      before: 'sum(old_total)',
      after: 'sum(new_total)',
    })
    const [file] = legacyAlertFiles('out', 'in.json', 'F', rule === undefined ? [] : [rule])
    expect(parse(file?.text ?? '')).toMatchObject({
      apiVersion: 1,
      groups: [
        {
          folder: 'F',
          interval: '1m',
          rules: [
            {
              title: 'A',
              condition: 'condition',
              for: '5m',
              noDataState: 'KeepLast',
              execErrState: 'Alerting',
              dashboardUid: 'd',
              panelId: 7,
              labels: { team: 'ops' },
              annotations: { summary: 'A', description: 'why {{ "{{" }}x}}' },
              isPaused: true,
              data: [
                { refId: 'A', relativeTimeRange: { from: 300, to: 0 }, datasourceUid: 'p', model: { refId: 'A', expr: 'sum(new_total)' } },
                { refId: 'condition', datasourceUid: '__expr__', model: { type: 'classic_conditions', conditions: [condition(['A'])] } },
              ],
            },
          ],
        },
      ],
    })
    expect(file?.text).not.toMatch(/[&*]a\d/)
  })

  it('asks one query twice where its time ranges differ', () => {
    const conditions = [
      condition(['A', '5m', 'now']),
      condition(['A', '1h', 'now-5m'], { reducer: { type: 'max' } }),
      condition(['A', '5m', 'now']),
    ]
    const data = convertLegacyAlert(request({ conditions })).rule?.rule['data']
    expect(data).toMatchObject([
      { refId: 'A', relativeTimeRange: { from: 300, to: 0 } },
      { refId: 'A2', relativeTimeRange: { from: 3600, to: 300 } },
      { model: { conditions: [{ query: { params: ['A'] } }, { query: { params: ['A2'] } }, { query: { params: ['A'] } }] } },
    ])
  })

  it('is not paused where approximate is accepted, and always where a query is manual', () => {
    const options = { acceptApproximate: true }
    expect(convertLegacyAlert(request({}, { options })).rule?.rule['isPaused']).toBe(false)
    const queries = new Map([['A', { ...query, status: 'manual' as const }]])
    expect(convertLegacyAlert(request({}, { options, queries })).rule?.rule['isPaused']).toBe(true)
  })

  it.each([
    ['no conditions', { conditions: [] }],
    ['a query that is not there', { conditions: [condition(['Z', '5m', 'now'])] }],
    ['a time that is not known', { conditions: [condition(['A', 'soon', 'now'])] }],
    ['another reducer', { conditions: [condition(['A', '5m', 'now'], { reducer: { type: 'own' } })] }],
    ['strange values', { conditions: [null, 7, { query: { params: {} } }] }],
  ])('writes nothing for %s', (_name, alert) => {
    expect(convertLegacyAlert(request(alert))).toMatchObject({ rule: undefined, item: { status: 'unsupported', after: undefined } })
  })

  it('names receivers, and nothing of theirs', () => {
    const { item } = convertLegacyAlert(request({ notifications: [{ uid: 'slack-ops', settings: { url: 'hunter2' } }, { id: 3 }] }))
    expect(JSON.stringify(item)).toContain('slack-ops, 3')
    expect(JSON.stringify(item)).not.toContain('hunter2')
  })
})
