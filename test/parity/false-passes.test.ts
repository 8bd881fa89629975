/** What must not pass: faults that a sample may miss, and runs in which nothing was compared. */

import { describe, expect, it } from 'vitest'
import { canonicalSpan } from '../../src/parity/canonical.ts'
import type { KeyResult, ParityReport } from '../../src/parity/model.ts'
import type { FormatRequest, ParityDeps } from '../../src/parity/run.ts'
import { compareSpans } from '../../src/parity/traces-compare.ts'
import { createElasticsearchSearch } from '../../src/read/elasticsearch-search.ts'
import type { HttpClient } from '../../src/read/http-client.ts'
import { createLokiApi } from '../../src/read/loki.ts'
import type { Json, OtlpJsonSpan } from '../../src/read/otlp-json.ts'
import { createPrometheusApi } from '../../src/read/prometheus-api.ts'
import {
  firstMs,
  type LegacyJson,
  newUrl,
  oldUrl,
  scriptedFetch,
  scriptedJaeger,
  scriptedZipkin,
  shopTraces,
  translated,
} from '../support/trace-backends.ts'
import { allKeys, attributesOf, faultsOf, runScripted, spansOfZipkin } from './scripted-run.ts'

const metrics: FormatRequest = {
  format: 'prometheus',
  old: { url: oldUrl, kind: 'prometheus', settleMs: undefined },
  new: { url: newUrl, kind: 'prometheus', settleMs: undefined },
}
const adminUrl = 'http://admin.test'

interface Asked {
  readonly keys?: readonly string[]
  readonly samples?: number
  readonly formats?: readonly FormatRequest[]
  readonly comparisons?: ParityDeps['comparisons']
  readonly admin?: string
  readonly fetch?: typeof fetch
}

async function run(old: readonly LegacyJson[], young: readonly OtlpJsonSpan[], asked: Asked = {}): Promise<ParityReport> {
  const { keys = [], samples = 30, formats = [spansOfZipkin], comparisons, admin } = asked
  const fetch = asked.fetch ?? scriptedFetch(scriptedZipkin(old), scriptedJaeger(young))
  return (await runScripted(fetch, { formats, admin, options: { ...allKeys, keys, samples } }, comparisons)).report
}

const many = shopTraces(500)

describe('parity of spans', () => {
  it('finds one attribute in thousands that lost its last character, in the sample or not', async () => {
    const young = translated(many).map((one, at) => {
      if (at !== 1001) return one
      const [first, ...rest] = attributesOf(one.span)
      const text = String((first?.value as { stringValue?: string } | undefined)?.stringValue)
      return { ...one, span: { ...one.span, attributes: [{ ...first, value: { stringValue: text.slice(0, -1) } }, ...rest] } }
    })
    const report = await run(many, young)
    expect(faultsOf(report)).toContainEqual(expect.stringMatching(/^attribute .* changed/))
    expect(report.result.ok).toBe(false)
  })

  it('finds two spans whose attributes were exchanged', async () => {
    const list = translated(many)
    const [a, b] = [list[1000], list[1003]]
    const young = list.map((one) =>
      one === a
        ? { ...one, span: { ...one.span, attributes: b?.span['attributes'] } }
        : one === b
          ? { ...one, span: { ...one.span, attributes: a?.span['attributes'] } }
          : one,
    )
    expect((await run(many, young)).result.ok).toBe(false)
  })

  it('looks at every service, also where there are more of them than samples', async () => {
    const spans = shopTraces(100).map((one, at) => ({ ...one, localEndpoint: { serviceName: `service-${at % 100}` } }))
    const report = await run(spans, translated(spans), { samples: 20 })
    expect(report.items.filter(({ samples }) => samples.asked === 0)).toEqual([])
    expect(report.result.ok).toBe(true)
  })

  it('finds a service that has another name', async () => {
    const young = translated(many).map((one) => ({
      ...one,
      resource: JSON.parse(JSON.stringify(one.resource).replace('"stringValue":"pay"', '"stringValue":"payments"')) as Json,
    }))
    const report = await run(many, young)
    expect(report.result.ok).toBe(false)
    expect(faultsOf(report)).toContainEqual(
      expect.stringMatching(/service\.name of resource changed: "string:pay" became "string:payments"/),
    )
  })

  it('does not take a copy for what is missing', async () => {
    const young = translated(many).filter((_, at) => at !== 1000)
    expect((await run(many, [...young, ...young.slice(999, 1001)])).result.ok).toBe(false)
  })
})

const zero = (key: string): KeyResult => ({
  format: 'prometheus',
  key,
  window: { fromMs: firstMs, toMs: firstMs + 600_000 },
  counts: { expected: 0, old: 0, new: 0, distinctOld: 0, distinctNew: 0 },
  samples: { asked: 0, foundOld: 0, foundNew: 0, equal: 0, explained: 0, unexplained: 0 },
  differences: [],
  unjudged: '',
})

describe('runParity', () => {
  const few = shopTraces(30)

  it('is not satisfied when nothing was there to compare', async () => {
    const report = await run([], [])
    expect(report.result.ok).toBe(false)
    expect(report.items.map(({ verdict, why }) => [verdict, why])).toEqual([['unjudged', 'neither side has anything in the window']])
  })

  it('is not satisfied by one format when the other one had nothing', async () => {
    const formats = [spansOfZipkin, metrics]
    for (const compare of [async () => [], async () => [zero('node')]]) {
      const report = await run(few, translated(few), { formats, comparisons: { prometheus: () => ({ compare }) } })
      expect([report.result.ok, report.result.unjudged]).toEqual([false, 1])
    }
  })

  it('is not satisfied when a key that was named is on neither side', async () => {
    const report = await run(few, translated(few), { keys: ['cart', 'chekout'] })
    expect(report.result).toMatchObject({ ok: false, unjudged: 1 })
    expect(report.items.find(({ key }) => key === 'chekout')?.why).toBe('neither side has anything of it')
    expect((await run(few, translated(few), { keys: ['cart', 'none-*'] })).result.ok).toBe(true)
  })

  it('says that the old side was what it went by where the books knew nothing', async () => {
    const answers = async (body: unknown) => {
      const backends = scriptedFetch(scriptedZipkin(few), scriptedJaeger(translated(few)))
      const fetch = ((input: string) =>
        String(input).startsWith(adminUrl) ? Promise.resolve(Response.json(body)) : backends(input)) as typeof globalThis.fetch
      return (await run(few, translated(few), { admin: adminUrl, fetch })).reference
    }
    expect(await answers({ items: [], expected: [] })).toBe('old')
    expect(await answers({ anything: 1 })).toBe('old')
  })

  it('says so of metrics, too, for which no books are asked', async () => {
    const fetch = (async () => Response.json({ items: [], expected: [] })) as typeof globalThis.fetch
    const comparisons = {
      prometheus: () => ({
        compare: async () => [{ ...zero('node'), counts: { expected: 1, old: 1, new: 1, distinctOld: 1, distinctNew: 1 } }],
      }),
    }
    expect((await run([], [], { formats: [metrics], admin: adminUrl, fetch, comparisons })).reference).toBe('old')
  })
})

describe('compareSpans', () => {
  const span = (attributes: readonly object[]) =>
    canonicalSpan({ resource: {}, scope: {}, span: { traceId: '1', spanId: '2', attributes } })
  const listed = (text: string, value: unknown) =>
    compareSpans(span([{ key: 'list', value: { stringValue: text } }]), span([{ key: 'list', value }]), { old: 'jaeger-json', new: 'otlp' })
  const list = { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '2' }] } }

  it('takes a list for its JSON text only when it says the same', () => {
    expect(listed('["a",2]', list).map((one) => one.class)).toEqual(['reader'])
    expect(listed('["a",3]', list).map((one) => one.class)).toEqual(['unexplained'])
    expect(listed('["a"]', list).map((one) => one.class)).toEqual(['unexplained'])
    expect(listed('["a"', list).map((one) => one.class)).toEqual(['unexplained'])
  })

  it('takes a map for its JSON text only when it says the same', () => {
    const map = {
      kvlistValue: {
        values: [
          { key: 'b', value: { boolValue: true } },
          { key: 'a', value: list },
        ],
      },
    }
    expect(listed('{"a":["a",2],"b":true}', map).map((one) => one.class)).toEqual(['reader'])
    expect(listed('{"a":["a",2],"b":false}', map).map((one) => one.class)).toEqual(['unexplained'])
  })
})

describe('what is read back', () => {
  const answering = (body: unknown): HttpClient => {
    const send = async () => ({ status: 200, headers: new Headers(), body: Buffer.from(JSON.stringify(body)) })
    return { name: oldUrl, cost: { requests: 0, bytes: 0, seconds: 0 }, send, json: async () => body }
  }
  const range = { fromMs: firstMs, toMs: firstMs + 60_000 }

  it('is no empty Elasticsearch when an error or a part comes with status 200', async () => {
    for (const body of [
      { error: { type: 'timeout', reason: 'too slow' } },
      {},
      { hits: { total: { value: 3 } } },
      { hits: { total: { value: 3 } }, aggregations: { minutes: { buckets: [{ key: firstMs, doc_count: 2 }] } } },
    ])
      await expect(createElasticsearchSearch(answering(body)).counts('logs', range)).rejects.toMatchObject({ code: 'OB_BACKEND' })
    await expect(createElasticsearchSearch(answering({ error: 'no' })).find('logs', range, undefined, 10)).rejects.toMatchObject({
      code: 'OB_BACKEND',
    })
  })

  it('is no empty Loki when an error comes with status 200', async () => {
    for (const body of [{ status: 'error', error: 'too slow' }, {}, { status: 'success', data: {} }])
      await expect(createLokiApi(answering(body)).counts('{a="b"}', range.fromMs, range.toMs)).rejects.toMatchObject({ code: 'OB_BACKEND' })
  })

  it('is no smaller Prometheus when only a part of it answered', async () => {
    const api = createPrometheusApi(answering({ status: 'success', data: ['node'], warnings: ['store at 10.0.0.1 is not available'] }))
    await expect(api.labelValues('job', [], { startMs: range.fromMs, endMs: range.toMs })).rejects.toMatchObject({ code: 'OB_BACKEND' })
  })
})
