/** What LogQL made of queries finds in a real Loki: the same documents as the queries, and numbers as they are. */

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseKql } from '../../dashboards/filters/kql.ts'
import { parseLucene } from '../../dashboards/filters/lucene.ts'
import { everything, type Filter } from '../../dashboards/filters/model.ts'
import { logTargets } from '../../dashboards/logql/aggregations.ts'
import { logsOf } from '../../dashboards/logql/filter.ts'
import type { Aggregate, Bucket } from '../../dashboards/logql/query.ts'
import { doc, kqlText, luceneText } from '../support/dashboards/arbitrary-queries.ts'
import { type Doc, fits } from '../support/dashboards/filter-oracle.ts'
import { context, filterOf } from '../support/dashboards/log-context.ts'
import { hasLoki, startLoki } from './loki-peer.ts'

const resourceFields = ['service.name', 'host.name']
const queries = 60

/** Documents of a fixed seed; the first few have all fields. */
const docs: readonly Doc[] = fc.sample(doc, { numRuns: 80, seed: 7 }).map((one) => ({ 'service.name': 'unknown_service', ...one }))

const valueIn = (value: string | number) => (typeof value === 'string' ? { stringValue: value } : { intValue: String(value) })

function requestOf(): unknown {
  const now = BigInt(Date.now()) * 1_000_000n
  return {
    resourceLogs: docs.map((one, at) => {
      const attributes = Object.entries({ ...one, 'doc.id': `d${at}` }).map(([key, value]) => ({ key, value: valueIn(value) }))
      return {
        resource: { attributes: attributes.filter(({ key }) => resourceFields.includes(key)) },
        scopeLogs: [
          {
            logRecords: [
              {
                timeUnixNano: String(now - BigInt(at) * 1_000_000_000n),
                body: { stringValue: `line ${at}` },
                attributes: attributes.filter(({ key }) => !resourceFields.includes(key)),
              },
            ],
          },
        ],
      }
    }),
  }
}

describe.skipIf(!hasLoki())('LogQL in Loki', () => {
  let stop: () => Promise<void> = () => Promise.resolve()
  let base = ''

  beforeAll(async () => {
    const peer = await startLoki()
    stop = () => peer.stop()
    base = `http://127.0.0.1:${peer.ports.http}`
    const sent = await fetch(`${base}/otlp/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(requestOf()),
    })
    expect(sent.status, await sent.text()).toBeLessThan(300)
  }, 120_000)

  afterAll(() => stop())

  async function ask(path: string, parameters: Record<string, string>): Promise<{ readonly result: readonly Record<string, unknown>[] }> {
    const answer = await fetch(`${base}/loki/api/v1/${path}?${new URLSearchParams(parameters).toString()}`)
    const text = await answer.text()
    expect(answer.status, `${parameters['query']}: ${text}`).toBe(200)
    return (JSON.parse(text) as { data: { result: Record<string, unknown>[] } }).data
  }

  /** Ids of the documents that a query finds. */
  async function found(query: string): Promise<string[]> {
    const end = String(Math.ceil(Date.now() / 1000) + 5)
    const { result } = await ask('query_range', { query, start: String(Number(end) - 3600), end, limit: '1000' })
    return result
      .flatMap(({ stream, values }) => (values as unknown[]).map(() => (stream as Record<string, string>)['doc_id'] ?? ''))
      .sort()
  }

  /** Values of a vector, by the labels' values. */
  async function numbers(query: string): Promise<Map<string, number>> {
    const { result } = await ask('query', { query, time: String(Math.ceil(Date.now() / 1000) + 5) })
    return new Map(
      result.map(({ metric, value }) => [Object.values(metric as Record<string, string>).join(), Number((value as [number, string])[1])]),
    )
  }

  const wanted = (filter: Filter): string[] => docs.flatMap((one, at) => (fits(filter, one) ? [`d${at}`] : [])).sort()

  it('finds the documents that KQL and Lucene find', async () => {
    const filters = [
      ...fc.sample(kqlText, { numRuns: queries, seed: 11 }).map((text) => filterOf(parseKql(text))),
      ...fc.sample(luceneText, { numRuns: queries, seed: 13 }).map((text) => filterOf(parseLucene(text))),
    ]
    let some = 0
    for (const filter of filters) {
      const { text } = logsOf(filter, context)
      const ids = wanted(filter)
      if (ids.length > 0 && ids.length < docs.length) some++
      expect(await found(text), text).toEqual(ids)
    }
    expect(some).toBeGreaterThan(queries / 2)
  }, 120_000)

  it.each<readonly [Aggregate['op'], (values: readonly number[]) => number]>([
    ['sum', (values) => values.reduce((sum, one) => sum + one, 0)],
    ['avg', (values) => values.reduce((sum, one) => sum + one, 0) / values.length],
    ['min', (values) => Math.min(...values)],
    ['max', (values) => Math.max(...values)],
    ['count', (values) => values.length],
    ['unique', (values) => new Set(values).size],
    [
      'variance',
      (values) => {
        const mean = values.reduce((sum, one) => sum + one, 0) / values.length
        return values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / values.length
      },
    ],
  ])('makes the %s of documents that have the field, alone and in groups', async (op, compute) => {
    for (const field of ['n.one', 'n.two']) {
      for (const group of [undefined, 'service.name', 'k.one']) {
        const buckets: Bucket[] = group === undefined ? [] : [{ kind: 'terms', fields: [group] }]
        const made = logTargets(
          {
            index: undefined,
            filter: everything,
            metrics: [{ id: '1', value: { kind: 'aggregate', op, field } }],
            buckets,
            shape: 'instant',
            interval: '1h',
          },
          context,
        )
        const values = new Map<string, number[]>()
        for (const one of docs) {
          const value = one[field]
          const name = group === undefined ? '' : one[group]
          if (typeof value !== 'number' || name === undefined) continue
          values.set(String(name), [...(values.get(String(name)) ?? []), value])
        }
        const expr = made.targets[0]?.expr ?? ''
        const got = await numbers(expr)
        expect([...got.keys()].sort(), expr).toEqual([...values.keys()].sort())
        for (const [name, list] of values) expect(got.get(name), `${expr} of ${name}`).toBeCloseTo(compute(list), 9)
      }
    }
  })
})
