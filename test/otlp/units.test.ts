import { describe, expect, it } from 'vitest'
import { cutRequest } from '../../src/otlp/cut.ts'
import { requestToJson } from '../../src/otlp/json/to-json.ts'
import { jsonToRequest } from '../../src/otlp/json/to-proto.ts'
import { openUnits } from '../../src/otlp/units.ts'
import { idsIn, items, logsPage, metricsPage, tracesPage } from '../backfill/support/otlp-requests.ts'

const pages = {
  traces: tracesPage(items(12)),
  metrics: metricsPage(items(25), 7),
  logs: logsPage({ a: items(5), b: items(4).map(({ id, ms }) => ({ id: id + 5, ms })) }),
} as const
const signals = ['traces', 'metrics', 'logs'] as const

describe('openUnits', () => {
  it.each(signals)('makes a request of any neighbouring units of %s, and all of them together', (signal) => {
    const { data, items: count } = pages[signal]
    const row = openUnits(signal, data)
    expect([row.units, row.items]).toEqual([count, count])
    const all = idsIn(signal, data)
    for (let from = 0; from <= count; from++) {
      for (let to = from; to <= count; to++) {
        const part = row.build([[from, to]])
        expect(idsIn(signal, part)).toEqual(all.slice(from, to))
        expect(openUnits(signal, part).items).toBe(to - from)
      }
    }
    expect(Buffer.from(row.build([[0, count]])).equals(data)).toBe(true)
  })

  it('keeps all that belongs to a point: resource, scope, and what its metric is', () => {
    const request = {
      resourceMetrics: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 's' } }] },
          scopeMetrics: [
            {
              scope: { name: 'lib', version: '1' },
              metrics: [
                {
                  name: 'calls',
                  unit: '1',
                  sum: {
                    dataPoints: [
                      { timeUnixNano: '1000000', asInt: '1' },
                      { timeUnixNano: '2000000', asInt: '2' },
                    ],
                    aggregationTemporality: 2,
                    isMonotonic: true,
                  },
                },
              ],
              schemaUrl: 'scope',
            },
          ],
          schemaUrl: 'resource',
        },
      ],
    }
    const row = openUnits('metrics', jsonToRequest('metrics', Buffer.from(JSON.stringify(request)), 64))
    const second = structuredClone(request)
    second.resourceMetrics[0]?.scopeMetrics[0]?.metrics[0]?.sum.dataPoints.shift()
    expect(JSON.parse(Buffer.from(requestToJson('metrics', row.build([[1, 2]]))).toString())).toEqual(second)
    expect([row.timeMs(0), row.timeMs(1)]).toEqual([1, 2])
  })

  it.each(signals)('tells the time of %s', (signal) => {
    const row = openUnits(signal, pages[signal].data)
    expect(row.timeMs(3)).toBe(1_700_000_003_000)
  })

  it('puts together what has equal resources, wherever it stands', () => {
    const { data } = pages.logs
    const row = openUnits('logs', Buffer.concat([data, data]))
    expect(row.byResource()).toEqual([
      {
        ranges: [
          [0, 5],
          [9, 14],
        ],
        items: 10,
      },
      {
        ranges: [
          [5, 9],
          [14, 18],
        ],
        items: 8,
      },
    ])
    expect(
      idsIn(
        'logs',
        row.build([
          [0, 5],
          [9, 14],
        ]),
      ),
    ).toEqual([0, 1, 2, 3, 4, 0, 1, 2, 3, 4])
  })

  it('takes a metric whose data comes in pieces for one unit', () => {
    const { data } = metricsPage(items(4), 4)
    // Twice the same field of a oneof, in one metric: readers disagree about what it means.
    const single = openUnits('metrics', data)
    expect(single.units).toBe(4)
    const metric = (points: Uint8Array): Uint8Array => Uint8Array.from([0x12, points.length * 2, ...points, ...points])
    const gauge = Uint8Array.from([0x2a, 4, 0x0a, 2, 0x40, 1])
    const inner = metric(gauge)
    const scope = Uint8Array.from([0x12, inner.length, ...inner])
    const row = openUnits('metrics', Uint8Array.from([0x0a, scope.length, ...scope]))
    expect([row.units, row.items, row.itemsOf(0)]).toEqual([1, 2, 2])
  })

  it('agrees with the cut by size', () => {
    const { data } = pages.metrics
    const { slices } = cutRequest('metrics', data, { heaps: 1, maxBytes: 150 })
    expect(slices.reduce((all, one) => all + openUnits('metrics', one.data).units, 0)).toBe(25)
  })
})
