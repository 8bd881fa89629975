/** Faults put between two backends on purpose: each must be found, and named (cutover 9.12). */

import { describe, expect, it } from 'vitest'
import { judgementOf } from '../../src/parity/explain.ts'
import type { CreateComparison, ParityReport } from '../../src/parity/model.ts'
import type { ParityRequest } from '../../src/parity/run.ts'
import { createTracesComparison } from '../../src/parity/traces.ts'
import type { Json, OtlpJsonSpan } from '../../src/read/otlp-json.ts'
import { requestToProto } from '../support/otlp-request.ts'
import {
  firstMs,
  type LegacyJson,
  scriptedFetch,
  scriptedJaeger,
  scriptedZipkin,
  shopTraces,
  translated,
} from '../support/trace-backends.ts'
import { attributesOf, faultsOf, runScripted } from './scripted-run.ts'

async function compare(
  old: readonly LegacyJson[],
  young: readonly OtlpJsonSpan[],
  more: Partial<ParityRequest> = {},
): Promise<ParityReport> {
  const { report, failed } = await runScripted(scriptedFetch(scriptedZipkin(old), scriptedJaeger(young)), more)
  expect(failed).toBe(false)
  return report
}

const explained = (report: ParityReport): readonly string[] =>
  report.items.flatMap(({ key, differences }) =>
    differences.filter((one) => one.class !== 'unexplained').map((one) => `${key}: ${one.class} ${one.rule} ${one.path}`),
  )

const spans = shopTraces(300)

const serviceOf = ({ resource }: OtlpJsonSpan): string =>
  (resource['attributes'] as readonly { key: string; value: { stringValue?: string } }[]).find(({ key }) => key === 'service.name')?.value
    .stringValue ?? ''

const edit = (change: (span: Json, service: string, at: number) => Json): readonly OtlpJsonSpan[] =>
  translated(spans).map((one, at) => ({ ...one, span: change(one.span, serviceOf(one), at) }))

const laterBy = (span: Json, nanos: bigint): Json => ({
  ...span,
  startTimeUnixNano: (BigInt(String(span['startTimeUnixNano'])) + nanos).toString(),
  endTimeUnixNano: (BigInt(String(span['endTimeUnixNano'])) + nanos).toString(),
})
const minuteOf = (span: Json): number => Math.floor((Number(BigInt(String(span['startTimeUnixNano'])) / 1_000_000n) - firstMs) / 60_000)

describe('parity of spans', () => {
  it('finds nothing where nothing is wrong, 20 times', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const clean = shopTraces(60, 10, seed)
      const report = await compare(clean, translated(clean))
      expect(faultsOf(report)).toEqual([])
      expect(report.result).toEqual({ parity: 1, require: 1, ok: true, unjudged: 0 })
      expect(report.items.map(({ key, counts }) => [key, counts.old, counts.new])).toEqual([
        ['cart', 60, 60],
        ['pay', 60, 60],
        ['web', 60, 60],
      ])
    }
  })

  it('explains what Zipkin changes itself by the rule that names it', async () => {
    const report = await compare(spans, translated(spans))
    expect(explained(report)).toEqual(['web: mapped Z-N1 name'])
    expect(report.items.map(({ verdict }) => verdict)).toEqual(['equal', 'equal', 'explained'])
  })

  const cases: readonly (readonly [string, () => readonly OtlpJsonSpan[], RegExp])[] = [
    [
      'an attribute of one service that is dropped',
      () =>
        edit((span, service) =>
          service === 'cart' ? { ...span, attributes: attributesOf(span).filter(({ key }) => key !== 'http.route') } : span,
        ),
      /^attribute http\.route missing on new: (\d+) of \1 sampled spans of service cart, rule none, first seen 11:0/,
    ],
    [
      'a span that is renamed',
      () => edit((span, service) => (service === 'pay' ? { ...span, name: 'pay' } : span)),
      /^name changed: "charge" became "pay": (\d+) of \1 sampled spans of service pay/,
    ],
    [
      'starts that are shifted by a millisecond',
      () => edit((span, service) => (service === 'pay' ? laterBy(span, 1_000_000n) : span)),
      /^start changed: .*: (\d+) of \1 sampled spans of service pay/,
    ],
    [
      'a status that is lost',
      () => edit((span) => ({ ...span, status: {} })),
      /^status\.code missing on new: \d+ of \d+ sampled spans of service pay/,
    ],
    [
      'events whose times are exchanged',
      () =>
        edit((span) => {
          const events = (span['events'] ?? []) as readonly Json[]
          return events.length < 2
            ? span
            : { ...span, events: events.map((one, at) => ({ ...one, timeUnixNano: events[events.length - 1 - at]?.['timeUnixNano'] })) }
        }),
      /^events\.timeUnixNano changed: .* sampled spans of service cart/,
    ],
    [
      'a trace id that is cut',
      () => edit((span) => ({ ...span, traceId: `${'0'.repeat(16)}${String(span['traceId']).slice(16)}` })),
      /^trace id cut to its low 64 bits on new: 300 of 300/,
    ],
    [
      'a parent that is lost',
      () => edit(({ parentSpanId: _, ...span }) => span),
      /^parentSpanId missing on new: (\d+) of \1 sampled spans of service cart/,
    ],
    [
      'a kind that is lost',
      () => edit((span, service) => (service === 'web' ? { ...span, kind: 1 } : span)),
      /^kind changed: "2" became "1": (\d+) of \1 sampled spans of service web/,
    ],
    ['an event that is lost', () => edit(({ events: _, ...span }) => span), /^events missing on new: .* sampled spans of service cart/],
    [
      'a minute that is lost on new',
      () => edit((span) => span).filter(({ span }) => minuteOf(span) !== 7),
      /^new side: 11:07, services cart, pay, web: 90 of 90 missing/,
    ],
  ]

  it.each(cases)('finds and names %s', async (_, young, sentence) => {
    const report = await compare(spans, young())
    expect(faultsOf(report)).toContainEqual(expect.stringMatching(sentence))
    expect(report.result.ok).toBe(false)
    expect(report.result.parity).toBeLessThan(1)
  })

  it('finds and names a minute that is lost on old', async () => {
    const gone = new Set(
      spans.filter(({ timestamp = 0 }) => Math.floor((timestamp / 1000 - firstMs) / 60_000) === 4).map(({ traceId }) => traceId),
    )
    const report = await compare(
      spans.filter(({ traceId }) => !gone.has(traceId)),
      translated(spans),
    )
    expect(faultsOf(report)).toContainEqual(expect.stringMatching(/^old side: 11:04, services cart, pay, web: 90 of 90 missing$/))
    expect(report.result.ok).toBe(false)
  })

  it('finds one span in 10,000 that is missing', async () => {
    const many = shopTraces(3400)
    const young = translated(many).filter((_, at) => at !== 4711)
    const report = await compare(many, young)
    expect(faultsOf(report)).toEqual([expect.stringMatching(/^spans of service \w+ missing on new: 1 of 3400, rule none, first seen 11:/)])
    expect(report.result.ok).toBe(false)
    expect(report.result.parity).toBeCloseTo(1 - 1 / 3400, 6)
  })

  it('names spans that were delivered twice, and fails for them when they are denied', async () => {
    const once = translated(spans)
    const young = [...once, ...once.slice(0, 30)]
    const report = await compare(spans, young)
    expect(report.result.ok).toBe(true)
    expect(explained(report)).toContainEqual(expect.stringMatching(/: duplicate repeat \(new copies\)$/))
    const denied = await compare(spans, young, { judgement: judgementOf([], ['duplicate']) })
    expect(denied.result.ok).toBe(false)
  })

  it('accepts what is said to be no fault', async () => {
    const young = edit((span, service) =>
      service === 'cart' ? { ...span, attributes: attributesOf(span).filter(({ key }) => key !== 'http.route') } : span,
    )
    const report = await compare(spans, young, { judgement: judgementOf(['missing_new', 'unaccounted'], []) })
    expect(report.result).toEqual({ parity: 1, require: 1, ok: true, unjudged: 0 })
  })

  const alike: readonly (readonly [string, (span: Json, service: string) => Json, RegExp])[] = [
    [
      'an attribute that both drop',
      (span, service) =>
        service === 'cart' ? { ...span, attributes: attributesOf(span).filter(({ key }) => key !== 'http.route') } : span,
      /^tags http\.route is found nowhere on new, and no rule consumed it: (\d+) of \1 sampled spans of service cart/,
    ],
    ['a name that both change', (span, service) => (service === 'pay' ? { ...span, name: 'pay' } : span), /^name is found nowhere on new/],
    [
      'times that both shift',
      (span, service) => (service === 'pay' ? laterBy(span, 1_000_000n) : span),
      /^timestamp is found nowhere on new/,
    ],
    ['a parent that both lose', ({ parentSpanId: _, ...span }) => span, /^parentId is found nowhere on new/],
    [
      'a status that both lose',
      (span) => ({ ...span, status: {}, attributes: attributesOf(span).filter(({ key }) => key !== 'error') }),
      /^tags error is found nowhere on new/,
    ],
    ['events that both lose', ({ events: _, ...span }) => span, /^annotations\.value is found nowhere on new/],
  ]

  it.each(alike)('finds by the census %s', async (_, change, sentence) => {
    const mutated = (list: readonly OtlpJsonSpan[]): readonly OtlpJsonSpan[] =>
      list.map((one) => ({ ...one, span: change(one.span, serviceOf(one)) }))
    // The command's translator has the same fault as the bridge's.
    const report = await compareAlike(spans, mutated)
    expect(faultsOf(report)).toContainEqual(expect.stringMatching(sentence))
    expect(report.result.ok).toBe(false)
  })
})

/** The command with a translator of its own. */
async function compareAlike(
  old: readonly LegacyJson[],
  mutate: (spans: readonly OtlpJsonSpan[]) => readonly OtlpJsonSpan[],
): Promise<ParityReport> {
  const fetch = scriptedFetch(scriptedZipkin(old), scriptedJaeger(mutate(translated(old))))
  const zipkin: CreateComparison = (given) =>
    createTracesComparison(given, (body) => requestToProto(mutate(translated(JSON.parse(Buffer.from(body).toString())))))
  return (await runScripted(fetch, {}, { zipkin })).report
}
