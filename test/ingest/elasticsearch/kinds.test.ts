/** Documents that are no logs, against a started endpoint: their answers, their signals and what is counted and told. */

import { afterEach, describe, expect, it } from 'vitest'
import { type Bulk, create, lines, startBulk, statuses } from '../support/elasticsearch.ts'
import { countsOf, openBooks, sumOf } from '../support/fakes.ts'

let bulk: Bulk
afterEach(async () => {
  await bulk.listener.stop(100)
  expect(openBooks(bulk.deps.metrics)).toEqual([])
})
const start = async (translate: object = {}): Promise<void> => {
  bulk = await startBulk({}, translate)
}
const itemErrors = (answer: Awaited<ReturnType<Bulk['post']>>) =>
  (answer.json.items as Record<string, { status: number; error?: { type: string; reason: string } }>[]).flatMap((item) =>
    Object.values(item).map(({ status, error }) => (error === undefined ? status : [status, error.type, error.reason])),
  )

const time = { '@timestamp': '2026-01-02T03:04:05Z' }
const metrics = { ...time, metricset: { name: 'cpu' }, system: { cpu: { cores: 4 } } }
const apm = {
  ...time,
  processor: { event: 'transaction' },
  trace: { id: '4bf92f3577b34da6a3ce929d0e0e4736' },
  transaction: { id: '00f067aa0ba902b7', name: 't', duration: { us: 5 } },
}

describe('a bulk request with documents that are no logs', () => {
  it('has spans and logs, which go together', async () => {
    await start()
    const answer = await bulk.post(
      '/_bulk',
      lines(create('traces-apm-default'), apm, create(), { message: 'm' }, create('traces-apm-x'), apm),
    )
    expect(statuses(answer)).toEqual([201, 201, 201])
    expect(bulk.deps.fake.batches.map(({ signal, items }) => [signal, items])).toEqual([
      ['logs', 1],
      ['traces', 2],
    ])
    expect(sumOf(bulk.deps.metrics, 'otlp_bridge_elasticsearch_apm_spans_total')).toBe(2)
  })

  it('has metrics that become logs, of which people are told once', async () => {
    await start()
    const body = lines(create('metrics-system.cpu-default'), metrics, create('metricbeat-7.17.0'), metrics)
    for (let i = 0; i < 2; i++) expect(statuses(await bulk.post('/_bulk', body))).toEqual([201, 201])
    expect(sumOf(bulk.deps.metrics, 'otlp_bridge_elasticsearch_metrics_as_logs_total')).toBe(4)
    expect(bulk.deps.lines.filter((line) => line.includes('metricsDocs'))).toHaveLength(2)
  })

  it('tells of metrics and spans that are not wanted what would take them', async () => {
    await start({ metricsDocs: 'reject', apmDocs: 'reject' })
    const answer = await bulk.post('/_bulk', lines(create(), metrics, create(), { message: 'm' }, create(), apm))
    expect(itemErrors(answer)).toEqual([
      [400, 'illegal_argument_exception', expect.stringContaining('translate.elasticsearch.metricsDocs')],
      201,
      [400, 'illegal_argument_exception', expect.stringContaining('translate.elasticsearch.apmDocs')],
    ])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_refused_items_total', 'reason')).toEqual({ metrics_docs: 1, apm_docs: 1 })
  })

  it('is told so by winston too, of which only what cannot be read is kept as it came', async () => {
    await start({ metricsDocs: 'reject' })
    const action = { index: { _index: 'i' }, attempts: 0 }
    expect(statuses(await bulk.post('/_bulk', lines(action, metrics, action, '{')))).toEqual([400, 201])
    expect(bulk.messages()).toEqual(['{'])
  })

  it('leaves out what is to be left out, with books of it', async () => {
    await start({ metricsDocs: 'drop', apmDocs: 'drop' })
    const answer = await bulk.post('/_bulk', lines(create(), metrics, create(), apm, create('.x'), {}))
    expect([statuses(answer), bulk.deps.fake.batches]).toEqual([[201, 201, 201], []])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_consumed_items_total', 'reason')).toEqual({
      metrics_docs: 1,
      apm_docs: 1,
      system_index: 1,
    })
  })

  it('makes gauges where that is wanted', async () => {
    await start({ metricsDocs: 'gauges' })
    expect(statuses(await bulk.post('/_bulk', lines(create(), metrics, create(), { message: 'm' })))).toEqual([201, 201])
    expect(bulk.deps.fake.batches.map(({ signal, items }) => [signal, items])).toEqual([
      ['logs', 1],
      ['metrics', 1],
    ])
  })

  it('sends spans of Jaeger, and what has no time that can be read, to where they belong', async () => {
    await start({ strictTimestamp: true })
    const answer = await bulk.post('/_bulk', lines(create('jaeger-span-2026-01-02'), apm, create(), { '@timestamp': 'soon' }))
    expect(itemErrors(answer)).toEqual([
      [400, 'illegal_argument_exception', expect.stringContaining('ingest.jaeger')],
      [400, 'illegal_argument_exception', expect.stringContaining('@timestamp')],
    ])
  })

  it('is not a gigabyte because of one long name above many fields', async () => {
    await start()
    const document = { [`${'p'.repeat(50_000)}`]: Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`a${i}`, 1])) }
    const answer = await bulk.post('/_bulk', lines(create(), document, create(), { message: 'm' }))
    expect([statuses(answer), bulk.messages()]).toEqual([[400, 201], ['m']])
  })
})
