import { describe, expect, it } from 'vitest'
import type { ParityReport } from '../../src/parity/model.ts'
import type { ParityDeps } from '../../src/parity/run.ts'
import type { OtlpJsonSpan } from '../../src/read/otlp-json.ts'
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
import { allKeys, faultsOf, runScripted } from './scripted-run.ts'

const adminUrl = 'http://admin.test:8899'
const iso = (ms: number): string => new Date(ms).toISOString()
const minuteMs = 60_000

interface Side {
  readonly delivered: number
  readonly expected: number
}

/** The admin API of a bridge that got these spans, 30 of each service a minute. */
function admin(
  spans: readonly LegacyJson[],
  lost?: { readonly minute: number; readonly new: Side; readonly verdict: string; readonly text: string },
) {
  const expected = ['web', 'cart', 'pay'].flatMap((key) =>
    Array.from({ length: 10 }, (_, minute) => {
      const items = spans.filter(
        ({ localEndpoint, timestamp = 0 }) =>
          localEndpoint?.['serviceName'] === key && Math.floor((timestamp / 1000 - firstMs) / minuteMs) === minute,
      ).length
      return { endpoint: 'zipkin', key, minute: iso(firstMs + minute * minuteMs), items, itemsOut: items, incomplete: false }
    }),
  )
  const [first] = spans
  const items =
    first === undefined
      ? []
      : [
          {
            endpoint: 'zipkin',
            format: 'zipkin',
            key: 'web',
            id: `${first.traceId}/${first.id}`,
            at: iso(firstMs),
            otlp: Buffer.from(requestToProto(translated([first]))).toString('base64'),
          },
        ]
  const minutes =
    lost === undefined
      ? []
      : ['web', 'cart', 'pay'].map((key) => ({
          at: iso(firstMs + lost.minute * minuteMs),
          endpoint: 'zipkin',
          format: 'zipkin',
          key,
          received: 30,
          old: { delivered: 30, expected: 30 },
          new: lost.new,
          verdict: lost.verdict,
          text: lost.text,
        }))
  return (url: URL): Response => {
    if (url.pathname === '/api/v1/parity/samples')
      return Response.json({ from: iso(firstMs), to: iso(firstMs), mappingHash: 'x', expected, items })
    if (url.pathname === '/api/v1/parity/live') return Response.json({ minutes, summary: [] })
    return new Response('', { status: 404 })
  }
}

async function compare(
  old: readonly LegacyJson[],
  young: readonly OtlpJsonSpan[],
  answers: ((url: URL) => Response) | undefined,
): Promise<ParityReport> {
  const backends = scriptedFetch(scriptedZipkin(old), scriptedJaeger(young))
  const fetch: ParityDeps['fetch'] = async (input, init) => {
    const url = new URL(String(input))
    return url.origin === adminUrl && answers !== undefined ? answers(url) : backends(input, init)
  }
  const { report } = await runScripted(fetch, { admin: adminUrl, options: { ...allKeys, samples: 50 } })
  return report
}

const spans = shopTraces(300)
const whole = translated(spans)
const minuteOf = ({ span }: OtlpJsonSpan): number =>
  Math.floor((Number(BigInt(String(span['startTimeUnixNano'])) / 1_000_000n) - firstMs) / minuteMs)
const inMinute = (minute: number) => (one: LegacyJson) => Math.floor(((one.timestamp ?? 0) / 1000 - firstMs) / minuteMs) !== minute

describe('parity with the books of a running bridge', () => {
  it('takes what they expect for the reference', async () => {
    const report = await compare(spans, whole, admin(spans))
    expect(report.reference).toBe('books')
    expect(report.result.ok).toBe(true)
    expect(report.items.map(({ counts }) => counts.expected)).toEqual([300, 300, 300])
  })

  it('sees what both sides lost', async () => {
    const report = await compare(
      spans.filter(inMinute(3)),
      whole.filter((one) => minuteOf(one) !== 3),
      admin(spans),
    )
    expect(report.result.ok).toBe(false)
    expect(report.result.parity).toBeLessThan(0.95)
  })

  it('names whose fault a lost minute is: the endpoint that said it has it', async () => {
    const report = await compare(
      spans,
      whole.filter((one) => minuteOf(one) !== 7),
      admin(spans),
    )
    expect(faultsOf(report)).toContainEqual(
      'new side: 11:07, services cart, pay, web: 90 of 90 missing; books say delivered: the new endpoint lost them or does not show them yet',
    )
  })

  it('names the reason that the books have', async () => {
    const lost = { minute: 7, new: { delivered: 0, expected: 30 }, verdict: 'short', text: '30 dead letters: 413' }
    const report = await compare(
      spans,
      whole.filter((one) => minuteOf(one) !== 7),
      admin(spans, lost),
    )
    expect(faultsOf(report)).toContainEqual('new side: 11:07, services cart, pay, web: 90 of 90 missing; books say 30 dead letters: 413')
  })

  it('takes what was left out on purpose for explained', async () => {
    const lost = { minute: 7, new: { delivered: 0, expected: 30 }, verdict: 'explained', text: '30 outside of the share' }
    const report = await compare(
      spans,
      whole.filter((one) => minuteOf(one) !== 7),
      admin(spans, lost),
    )
    expect(faultsOf(report)).toEqual([])
    expect(report.result.ok).toBe(true)
  })

  it('says of a sample that the new side has it otherwise than the bridge sent it', async () => {
    const [first, ...rest] = whole
    if (first === undefined) throw new Error('no spans')
    const report = await compare(spans, [{ ...first, span: { ...first.span, name: 'other' } }, ...rest], admin(spans))
    expect(faultsOf(report)).toContainEqual(expect.stringMatching(/^name is not as the bridge sent it/))
  })

  it.each([
    ['nobody listens', undefined],
    ['the bridge is older', () => new Response('', { status: 404 })],
    ['the bridge does not let us in', () => new Response('', { status: 401 })],
  ])('goes on with the old side as the reference where %s', async (_, answers) => {
    const report = await compare(spans, whole, answers)
    expect(report.reference).toBe('old')
    expect(report.result.ok).toBe(true)
  })
})
