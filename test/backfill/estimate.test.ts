import { describe, expect, it } from 'vitest'
import { type EstimateOptions, estimate, estimateText, probedSlices } from '../../src/backfill/estimate.ts'
import type { SliceSpec } from '../../src/backfill/model.ts'
import { sourceFault } from '../../src/backfill/source.ts'
import { type NumbersOptions, numbersSource } from './support/numbers-source.ts'

const numbers: NumbersOptions = { slices: 5, perSlice: 100_000, perPage: 100 }

/** A clock that goes on by `stepMs` at each look. */
function optionsOf(slices: readonly SliceSpec[], more: Partial<EstimateOptions> = {}, stepMs = 10): EstimateOptions {
  let now = 0
  return { slices, parallel: 4, abort: new AbortController().signal, monotonicMs: () => (now += stepMs), ...more }
}

const specsOf = (source: ReturnType<typeof numbersSource>): readonly SliceSpec[] => source.specs.map(({ spec }) => spec)

describe('probedSlices', () => {
  it('takes the oldest, the one in the middle and the largest, each once', () => {
    const specs = specsOf(numbersSource(numbers))
    const large = specs.map((one, at) => (at === 3 ? { ...one, items: 1e6 } : one))
    expect(probedSlices(large).map(({ key }) => key['slice'])).toEqual([0, 2, 3])
    expect(probedSlices(specs.slice(0, 1))).toHaveLength(1)
    expect(probedSlices([])).toEqual([])
  })
})

describe('estimate', () => {
  it('reads each for two seconds, sends nothing, and gives a range', async () => {
    const source = numbersSource(numbers)
    const found = await estimate(source, optionsOf(specsOf(source)))
    // 100 items in 10 ms of reading and 10 ms of translating.
    expect(found?.aloneRate).toBeCloseTo(5000)
    expect(found?.bestRate).toBeCloseTo(10_000)
    expect(found?.eta?.map((ms) => Math.round(ms / 1000))).toEqual([50, 100])
    expect(found?.probed).toBeLessThan(500_000)
    expect(source.open_.open).toBe(0)
  })

  it('keeps to the ceilings that are asked for', async () => {
    const source = numbersSource(numbers)
    expect((await estimate(source, optionsOf(specsOf(source), { rate: 1000 })))?.eta).toEqual([500_000, 500_000])
    // 4 bytes an item.
    expect((await estimate(source, optionsOf(specsOf(source), { rateBytes: 2000 })))?.bestRate).toBeCloseTo(500)
  })

  it('does without slices that cannot be read, and says nothing when none can', async () => {
    const broken = (slices: readonly number[]): NonNullable<NumbersOptions['onRead']> => {
      return (slice) => {
        if (slices.includes(slice)) throw sourceFault('corrupt', 'cannot read it')
      }
    }
    const some = numbersSource({ ...numbers, onRead: broken([0]) })
    expect(await estimate(some, optionsOf(specsOf(some)))).toBeDefined()
    const none = numbersSource({ ...numbers, onRead: broken([0, 1, 2, 3, 4]) })
    expect(await estimate(none, optionsOf(specsOf(none)))).toBeUndefined()
    expect(none.open_.open).toBe(0)
  })

  it('ends when it is told to', async () => {
    const source = numbersSource(numbers)
    await expect(estimate(source, optionsOf(specsOf(source), { abort: AbortSignal.abort() }))).rejects.toMatchObject({
      code: 'OB_STOPPING',
    })
  })
})

describe('estimateText', () => {
  it('says what it knows', () => {
    const known = {
      unit: 'span',
      probed: 61_000,
      aloneRate: 31_000,
      bestRate: 58_000,
      producedPerItem: 1,
      otlpBytes: 310e9,
      otlpGzipBytes: 31e9,
    }
    expect(estimateText({ ...known, eta: [9_950_000, 18_600_000] })).toBe(
      'probe: 31,000 spans/s with one slice, 58,000/s at the best → 2 h 46 min … 5 h 10 min, if the destination keeps up; OTLP 310 GB (31.0 GB gzip); 61,000 spans were read for it',
    )
    expect(estimateText({ ...known, bestRate: 31_000, otlpBytes: 0, eta: undefined })).toBe(
      'probe: 31,000 spans/s; 61,000 spans were read for it',
    )
  })
})
