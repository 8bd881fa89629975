import { describe, expect, it } from 'vitest'
import type { PatientAnswer, PatientClient, PatientRequest } from '../../src/read/patient-client.ts'
import { type ReadRange, TooMuch } from '../../src/read/prometheus-gather.ts'
import { createPrometheusRange } from '../../src/read/prometheus-range.ts'
import { type ToldBucket, toldToNative } from '../../src/read/prometheus-range-histograms.ts'

const range: ReadRange = { fromMs: 1_000_000, toMs: 1_060_000, maxSamples: 1000, maxBytes: 1_000_000 }
const abort = new AbortController().signal

/** A server that answers everything with one thing. */
function clientOf(answer: unknown, status = 200): { client: PatientClient; asked: PatientRequest[] } {
  const asked: PatientRequest[] = []
  const send = (request: PatientRequest): Promise<PatientAnswer> => {
    asked.push(request)
    return Promise.resolve({ status, headers: {}, body: Buffer.from(JSON.stringify(answer)) })
  }
  const unused = () => Promise.reject(new Error('not used'))
  return { client: { name: 'http://p', send, json: unused, stream: unused, close: () => Promise.resolve() }, asked }
}

const matrix = (result: unknown, more: object = {}): object => ({ status: 'success', data: { resultType: 'matrix', result }, ...more })

describe('createPrometheusRange', () => {
  it('asks for a range that ends with the last millisecond, and leaves out what lies beyond it', async () => {
    const values = [
      [999.999, '1'],
      [1000, '2'],
      [1059.999, 'NaN'],
      [1060, '4'],
    ]
    const { client, asked } = clientOf(matrix([{ metric: { job: 'a', __name__: 'up' }, values }]))
    const { series, samples } = await createPrometheusRange(client).raw('{__name__="up"}', range, abort)
    expect(asked[0]).toMatchObject({ method: 'POST', path: '/api/v1/query' })
    expect(Object.fromEntries(new URLSearchParams(asked[0]?.body as string))).toEqual({
      query: '{__name__="up"}[60000ms]',
      time: '1059.999',
    })
    expect(samples).toBe(2)
    expect(series[0]?.labels).toEqual(['__name__', 'up', 'job', 'a'])
    expect([...(series[0]?.samples.ms.subarray(0, 2) ?? [])]).toEqual([1_000_000, 1_059_999])
    expect(series[0]?.samples.hi[1]).toBe(0x7ff80000)
  })

  it('takes warnings that only a part answered for an error, and notes of PromQL for notes', async () => {
    const partial = clientOf(matrix([], { warnings: ['receive series from Addr: store-1: context deadline exceeded'] }))
    await expect(createPrometheusRange(partial.client).raw('x', range, abort)).rejects.toMatchObject({
      code: 'OB_SOURCE',
      message: expect.stringMatching(/^partial_results: /),
    })
    const victoria = clientOf(matrix([], { isPartial: true }))
    await expect(createPrometheusRange(victoria.client).raw('x', range, abort)).rejects.toThrow(/^partial_results: /)
    const infos = createPrometheusRange(clientOf(matrix([], { infos: ['PromQL info: metric might not be a counter'] })).client)
    expect(await infos.raw('x', range, abort)).toMatchObject({ samples: 0 })
    expect([...infos.said]).toEqual(['PromQL info: metric might not be a counter'])
  })

  it('says that it is too much where a shorter range may do', async () => {
    for (const error of [
      'query processing would load too many samples into memory in query execution',
      'query timed out in query execution',
    ]) {
      const { client } = clientOf({ status: 'error', errorType: 'execution', error }, 422)
      await expect(createPrometheusRange(client).raw('x', range, abort)).rejects.toBeInstanceOf(TooMuch)
    }
    const { client } = clientOf(
      matrix([{ metric: { __name__: 'x' }, values: Array.from({ length: 2000 }, (_, at) => [1000 + at / 100, '1']) }]),
    )
    await expect(createPrometheusRange(client).raw('x', range, abort)).rejects.toBeInstanceOf(TooMuch)
    await expect(createPrometheusRange(client).steps('x', range, 1, abort)).rejects.toBeInstanceOf(TooMuch)
  })

  it('asks for graphs at whole steps within the range', async () => {
    const { client, asked } = clientOf(matrix([]))
    await createPrometheusRange(client).steps('x', range, 15_000, abort)
    expect(Object.fromEntries(new URLSearchParams(asked[0]?.body as string))).toEqual({
      query: 'x',
      start: '1005.000',
      end: '1050.000',
      step: '15.000',
    })
  })
})

describe('toldToNative', () => {
  const told = (buckets: readonly ToldBucket[], count: number) => toldToNative({ timeMs: 1, count, sum: 2.5, buckets })

  it('finds the schema whose powers the bounds are', () => {
    const factor = 2 ** (2 ** -3)
    const bound = (index: number): number => factor ** index
    const native = told(
      [
        [1, -bound(4), -bound(3), 2],
        [3, -0.001, 0.001, 1],
        [0, bound(0), bound(1), 3],
        [0, bound(1), bound(2), 4],
        [0, bound(6), bound(7), 5],
      ],
      15,
    )
    expect(native).toMatchObject({
      schema: 3,
      hasInts: true,
      countLo: 15,
      zeroCountLo: 1,
      zeroThreshold: 0.001,
      positiveSpans: [1, 2, 4, 1],
      positiveDeltas: [3, 1, 1],
      negativeSpans: [4, 1],
      negativeDeltas: [2],
    })
  })

  it('keeps bounds that are powers of nothing, and fractions as they are', () => {
    const native = told(
      [
        [0, Number.NEGATIVE_INFINITY, 0.1, 1],
        [0, 0.25, 0.5, 2.5],
        [0, 0.5, Number.POSITIVE_INFINITY, 1],
      ],
      4.5,
    )
    expect(native).toMatchObject({
      schema: -53,
      hasFloats: true,
      countFloat: 4.5,
      customValues: [0.1, 0.25, 0.5],
      positiveSpans: [0, 4],
      positiveCounts: [1, 0, 2.5, 1],
    })
  })

  it('takes one without buckets for one that counted nothing, or nothing but zeros', () => {
    expect(told([], 0)).toMatchObject({ schema: 0, positiveSpans: [], zeroCountLo: 0 })
    expect(told([[3, -1, 1, 7]], 7)).toMatchObject({ schema: 0, zeroThreshold: 1, zeroCountLo: 7 })
  })
})
