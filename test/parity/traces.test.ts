/** What readers and windows do to spans is no fault of the bridge. */

import { describe, expect, it } from 'vitest'
import type { CompareDeps, KeyResult, Window } from '../../src/parity/model.ts'
import { createTracesComparison } from '../../src/parity/traces.ts'
import { createBudget, createHttpClient } from '../../src/read/http-client.ts'
import type { OtlpJsonSpan } from '../../src/read/otlp-json.ts'
import {
  type Answer,
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
import { allKeys } from './scripted-run.ts'

const minuteMs = 60_000
const whole: Window = { fromMs: firstMs, toMs: firstMs + 10 * minuteMs }

function comparison(old: Answer, young: Answer, kind = 'zipkin', over: Partial<CompareDeps['options']> = {}) {
  let now = firstMs + 3_600_000
  const slept: number[] = []
  const sleep = async (ms: number): Promise<void> => {
    slept.push(ms)
    now += ms
  }
  const monotonicMs = (): number => now
  const signal = new AbortController().signal
  const client = (url: string) =>
    createHttpClient(
      { url, rate: 1000, concurrent: 2, timeoutMs: 1000, budget: createBudget({ requests: 1e6, bytes: 1e9, timeMs: 1e9 }, monotonicMs) },
      { fetch: scriptedFetch(old, young), monotonicMs, sleep: async () => {}, signal },
    )
  const deps: CompareDeps = {
    old: { side: 'old', kind, http: client(oldUrl) },
    new: { side: 'new', kind: 'jaeger', http: client(newUrl) },
    books: undefined,
    options: { ...allKeys, samples: 500, settleMs: { old: 10_000, new: 10_000 }, ...over },
    config: { translate: {}, parity: {} },
    nowMs: () => now,
    sleep,
    progress: () => {},
    signal,
  }
  return { compare: (window: Window) => createTracesComparison(deps).compare(window), slept, deps }
}

const rows = (results: readonly KeyResult[]): readonly string[] =>
  results.flatMap(({ key, differences }) =>
    differences.map((one) => `${key}: ${one.class} ${one.rule || one.kind} ${one.path} ${one.count}`),
  )

const compareZipkin = (old: readonly LegacyJson[], young: readonly OtlpJsonSpan[], window = whole) =>
  comparison(scriptedZipkin(old), scriptedJaeger(young)).compare(window)

describe('createTracesComparison', () => {
  it('sees nothing wrong at the edges of windows, where traces go on from one into the next', async () => {
    // Each trace has its root just before a full minute, and the others just after.
    const spans = shopTraces(10).map((span, at): LegacyJson => {
      const minute = Math.floor(at / 3) * minuteMs
      return { ...span, timestamp: (firstMs + minute) * 1000 + 59_999_999 + (at % 3), annotations: [] }
    })
    const names: string[] = []
    let counted = 0
    for (let minute = 0; minute < 11; minute++) {
      const results = await compareZipkin(spans, translated(spans), {
        fromMs: firstMs + minute * minuteMs,
        toMs: firstMs + (minute + 1) * minuteMs,
      })
      names.push(...rows(results).filter((one) => one.includes('unexplained')))
      counted += results.reduce((sum, { counts }) => sum + counts.distinctOld, 0)
      expect(results.map(({ counts }) => counts.distinctOld)).toEqual(results.map(({ counts }) => counts.distinctNew))
    }
    expect(names).toEqual([])
    expect(counted).toBe(30)
  })

  it('puts pieces of a span together as Zipkin does', async () => {
    const [span] = shopTraces(1)
    if (span === undefined) throw new Error('no span')
    const early: LegacyJson = { ...span, tags: { a: '1' } }
    const { duration: _, ...late } = { ...span, tags: { b: '2' } }
    const merged: LegacyJson = { ...span, tags: { a: '1', b: '2' } }
    const results = await compareZipkin([merged], [...translated([early]), ...translated([late])])
    expect(rows(results)).toEqual(['web: reader pieces (pieces) 1', 'web: mapped Z-N1 name 1'])
  })

  it('pairs what Zipkin keeps half the trace id of', async () => {
    const spans = shopTraces(5)
    const cut = spans.map((span) => ({ ...span, traceId: span.traceId.slice(16) }))
    const results = await compareZipkin(cut, translated(spans))
    expect(rows(results).filter((one) => one.includes('traceId'))).toEqual([
      'cart: reader zipkin-64-bit traceId 5',
      'pay: reader zipkin-64-bit traceId 5',
      'web: reader zipkin-64-bit traceId 5',
    ])
    expect(rows(results).filter((one) => one.includes('(item)'))).toEqual([])
  })

  it('asks once more for what may not have settled', async () => {
    const spans = shopTraces(20)
    const late = translated(spans)
    let settled = false
    const young: Answer = (url) => scriptedJaeger(settled ? late : late.slice(0, 30))(url)
    const { compare, deps, slept } = comparison(scriptedZipkin(spans), young)
    const waits: CompareDeps = {
      ...deps,
      nowMs: () => whole.toMs + 11_000,
      sleep: async (ms) => {
        slept.push(ms)
        settled = true
      },
    }
    expect(rows(await createTracesComparison(waits).compare(whole)).filter((one) => one.includes('unexplained'))).toEqual([])
    expect(slept).toEqual([10_000])
    settled = false
    expect(rows(await compare(whole)).filter((one) => one.includes('missing_new'))).not.toEqual([])
  })

  it('compares only the services asked for, and ids besides', async () => {
    const spans = shopTraces(20)
    const { compare } = comparison(scriptedZipkin(spans), scriptedJaeger(translated(spans)), 'zipkin', {
      keys: ['c*'],
      samples: 1,
      ids: [spans[3]?.traceId ?? ''],
    })
    const results = await compare(whole)
    expect(results.map(({ key, samples }) => [key, samples.asked])).toEqual([['cart', 2]])
  })
})

describe('createTracesComparison, with a Jaeger as the old side', () => {
  const micros = firstMs * 1000
  const trace = (warnings: readonly string[], shift = 0): object => ({
    traceID: 'abc',
    spans: [
      {
        traceID: 'abc',
        spanID: '1f',
        operationName: 'GET /x',
        references: [{ refType: 'CHILD_OF', traceID: 'abc', spanID: '2a' }],
        flags: 1,
        startTime: micros + shift,
        duration: 1500,
        tags: [
          { key: 'span.kind', type: 'string', value: 'server' },
          { key: 'http.status_code', type: 'int64', value: 200 },
          { key: 'ratio', type: 'float64', value: 0.5 },
        ],
        logs: [{ timestamp: micros + 10 + shift, fields: [{ key: 'event', type: 'string', value: 'cache.miss' }] }],
        processID: 'p1',
        warnings,
      },
    ],
    processes: { p1: { serviceName: 'Shop', tags: [{ key: 'hostname', type: 'string', value: 'a1' }] } },
    warnings: null,
  })
  const old =
    (one: object): Answer =>
    ({ pathname, searchParams }) => {
      if (pathname === '/api/services') return Response.json({ data: ['Shop'] })
      expect(searchParams.get('raw')).toBe('true')
      return Response.json({ data: [one] })
    }
  const young = async (): Promise<readonly OtlpJsonSpan[]> => {
    const { createLegacyTranslation, jaegerSpans } = await import('../../src/parity/traces-legacy.ts')
    const [legacy] = jaegerSpans(trace([]) as Readonly<Record<string, unknown>>)
    const span = legacy === undefined ? undefined : (await createLegacyTranslation('jaeger', {})).canonical(legacy)
    if (span === undefined) throw new Error('no span')
    const attributes = [
      { key: 'http.status_code', value: { intValue: '200' } },
      { key: 'ratio', value: { doubleValue: 0.5 } },
    ]
    const events = [{ timeUnixNano: `${micros + 10}000`, name: 'cache.miss' }]
    const resource = {
      attributes: [...span.fields].flatMap(([path, value]) =>
        /^resource\.attributes\["(.*)"\]$/.exec(path)?.[1] === undefined
          ? []
          : [{ key: /"(.*)"/.exec(path)?.[1], value: { stringValue: value.slice(7) } }],
      ),
    }
    const plain = {
      traceId: 'abc'.padStart(32, '0'),
      spanId: '1f'.padStart(16, '0'),
      parentSpanId: '2a'.padStart(16, '0'),
      flags: 1,
      name: 'GET /x',
      kind: 2,
      startTimeUnixNano: `${micros}000`,
      endTimeUnixNano: `${micros + 1500}000`,
      attributes,
      events,
    }
    return [{ resource, scope: {}, span: plain }]
  }

  it('keeps the case of names, and explains what the UI’s JSON does not show', async () => {
    const { compare } = comparison(old(trace([])), scriptedJaeger(await young()), 'jaeger')
    const results = await compare(whole)
    expect(results.map(({ key, counts }) => [key, counts.old, counts.new])).toEqual([['Shop', 1, 1]])
    expect(rows(results).filter((one) => one.includes('unexplained'))).toEqual([])
  })

  it('compares durations alone where an old Jaeger moved the times', async () => {
    const moved = comparison(old(trace(['clock skew adjustment of 5ms applied'], 5000)), scriptedJaeger(await young()), 'jaeger')
    expect(rows(await moved.compare(whole)).filter((one) => /start|end|unexplained/.test(one))).toEqual([
      'Shop: reader reader_adjusted start 1',
      'Shop: reader reader_adjusted end 1',
    ])
    const silent = comparison(old(trace([], 5000)), scriptedJaeger(await young()), 'jaeger')
    expect(rows(await silent.compare(whole))).toContain('Shop: unexplained changed start 1')
  })
})
