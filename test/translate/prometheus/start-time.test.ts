import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type CumulativePoint,
  createDecision,
  decideStart,
  type StartDecision,
  StartFate,
  type StartOptions,
  type StreamStart,
  tellStart,
  unknownStream,
} from '../../../src/translate/prometheus/start-time.ts'

const unset: StartOptions = { startTime: 'unset', subtract: false, zeroSample: 'forward' }
const startTime = (one: StartOptions['startTime'], more: Partial<StartOptions> = {}): StartOptions => ({
  ...unset,
  startTime: one,
  ...more,
})

type Step = readonly [ms: number, value: number, more?: Partial<CumulativePoint>]

/** What becomes of points of one stream: fate, start, base. */
function run(options: StartOptions, steps: readonly Step[], stream: StreamStart = unknownStream()): StartDecision[] {
  return steps.map(([ms, value, more]) => {
    const out = createDecision()
    decideStart(stream, { ms, value, ownMs: 0, reset: false, processMs: 0, ...more }, options, out)
    return out
  })
}

const starts = (options: StartOptions, steps: readonly Step[], stream?: StreamStart): (number | string)[] =>
  run(options, steps, stream).map(({ fate, startMs }) =>
    fate === StartFate.Write ? startMs : fate === StartFate.LeaveOut ? 'left out' : 'consumed',
  )

describe('decideStart', () => {
  it('says nothing by default', () => {
    expect(starts(unset, [[1000, 5], [2000, 6], [3000, 1]])).toEqual([0, 0, 0]) // biome-ignore format: steps
  })

  it('takes the start that comes with a point, whatever the option', () => {
    for (const one of ['unset', 'first_seen', 'true_reset', 'process_start'] as const)
      expect(starts(startTime(one), [[1000, 5, { ownMs: 400, processMs: 1 }], [2000, 6, { ownMs: 1500, processMs: 1 }]])).toEqual([400, 1500]) // biome-ignore format: steps
  })

  it('discards a start later than the point, and says so', () => {
    const [late, equal] = run(unset, [[1000, 5, { ownMs: 1001 }], [2000, 6, { ownMs: 2000 }]]) // biome-ignore format: steps
    expect(late).toMatchObject({ startMs: 0, discarded: true, fate: StartFate.Write })
    expect(equal).toMatchObject({ startMs: 2000, discarded: false })
  })

  it('goes on with a start that was told, until the value falls', () => {
    const stream = unknownStream()
    tellStart(stream, 500)
    expect(starts(unset, [[1000, 5], [2000, 6], [3000, 1], [4000, 2]], stream)).toEqual([500, 500, 0, 0]) // biome-ignore format: steps
    tellStart(stream, 2900)
    expect(starts(unset, [[5000, 3]], stream)).toEqual([2900])
  })

  it('keeps a start that overtook the point it belongs to', () => {
    const stream = unknownStream()
    tellStart(stream, 500)
    run(unset, [[1000, 5]], stream)
    tellStart(stream, 1500)
    expect(starts(unset, [[2000, 1], [3000, 2]], stream)).toEqual([1500, 1500]) // biome-ignore format: steps
  })

  it('does not give a point a start that is later than it', () => {
    const stream = unknownStream()
    tellStart(stream, 5000)
    expect(starts(unset, [[1000, 5], [6000, 5]], stream)).toEqual([0, 5000]) // biome-ignore format: steps
  })

  it('leaves out the first point with first_seen, and takes its time', () => {
    expect(starts(startTime('first_seen'), [[1000, 5], [2000, 6], [3000, 6]])).toEqual(['left out', 1000, 1000]) // biome-ignore format: steps
  })

  it('subtracts the first value on request, until the value falls', () => {
    const options = startTime('first_seen', { subtract: true })
    const decided = run(options, [[1000, 5], [2000, 7], [3000, 2], [4000, 3]]) // biome-ignore format: steps
    expect(decided.map(({ startMs, base }) => [startMs, base]).slice(1)).toEqual([[1000, 5], [2999, 0], [2999, 0]]) // biome-ignore format: pairs
  })

  it('begins anew 1 ms before a point whose value fell, with true_reset', () => {
    expect(starts(startTime('true_reset'), [[1000, 5], [2000, 6], [3000, 1], [4000, 2]])).toEqual([1000, 1000, 2999, 2999]) // biome-ignore format: steps
  })

  it('begins anew at a reset hint although nothing fell', () => {
    expect(starts(startTime('true_reset'), [[1000, 5], [2000, 6, { reset: true }]])).toEqual([1000, 1999]) // biome-ignore format: steps
    expect(starts(startTime('true_reset'), [[1000, 5, { reset: true }]])).toEqual([1000])
  })

  it('takes the start of the process as soon as it is known', () => {
    const options = startTime('process_start')
    expect(starts(options, [[1000, 5], [2000, 6, { processMs: 300 }], [3000, 1, { processMs: 2500 }], [4000, 2, { processMs: 9999 }]])).toEqual(
      [0, 300, 2500, 2500],
    ) // biome-ignore format: steps
  })

  it('does not let the option change what was told', () => {
    for (const one of ['first_seen', 'true_reset', 'process_start'] as const) {
      const stream = unknownStream()
      tellStart(stream, 500)
      expect(starts(startTime(one), [[1000, 5, { processMs: 300 }], [2000, 6]], stream)).toEqual([500, 500]) // biome-ignore format: steps
    }
  })

  it('forwards samples of zero by default', () => {
    expect(starts(unset, [[1000, 0], [2000, 5]])).toEqual([0, 0]) // biome-ignore format: steps
  })

  it('makes a start of a sample of zero at a beginning, on request', () => {
    const options = startTime('unset', { zeroSample: 'start' })
    expect(starts(options, [[1000, 0], [2000, 5], [3000, 0], [4000, 0], [5000, 2]])).toEqual(['consumed', 1000, 'consumed', 3000, 3000]) // biome-ignore format: steps
    expect(starts(options, [[1000, 0, { ownMs: 900 }]])).toEqual([900])
    expect(starts(options, [[1000, 5], [2000, 5]])).toEqual([0, 0]) // biome-ignore format: steps
    expect(starts(startTime('first_seen', { zeroSample: 'start' }), [[1000, 0], [2000, 5]])).toEqual(['consumed', 1000]) // biome-ignore format: steps
  })

  it('learns nothing from points that are late', () => {
    const stream = unknownStream()
    const options = startTime('true_reset')
    expect(starts(options, [[2000, 5], [3000, 6], [2500, 1], [1000, 4], [3000, 7], [4000, 6]], stream)).toEqual([2000, 2000, 2000, 0, 2000, 2000]) // biome-ignore format: steps
    expect(starts(startTime('first_seen'), [[2000, 5], [1000, 4], [2000, 6], [3000, 6]])).toEqual(['left out', 'left out', 'left out', 2000]) // biome-ignore format: steps
  })

  it('begins with what comes next where the option came after the stream', () => {
    const stream = unknownStream()
    run(unset, [[1000, 5]], stream)
    expect(starts(startTime('true_reset'), [[2000, 6], [3000, 7]], stream)).toEqual([2000, 2000]) // biome-ignore format: steps
  })

  it('leaves out a late point that would become negative', () => {
    const options = startTime('first_seen', { subtract: true })
    expect(starts(options, [[1000, 5], [2000, 7], [2000, 3], [2000, 6]])).toEqual(['left out', 1000, 'left out', 1000]) // biome-ignore format: steps
  })

  it('sees no reset in NaN', () => {
    const stream = unknownStream()
    const nan = Number.NaN
    expect(starts(startTime('true_reset'), [[1000, nan], [2000, 5], [3000, nan], [4000, 6], [5000, nan], [6000, 5]], stream)).toEqual([
      1000, 1000, 1000, 1000, 1000, 5999,
    ]) // biome-ignore format: steps
    expect(run(startTime('first_seen', { subtract: true }), [[1000, nan], [2000, 5]])[1]).toMatchObject({ startMs: 1000, base: 0 }) // biome-ignore format: steps
  })

  it('never gives a start later than the point, nor one that a reset or another start lies behind', () => {
    const step = fc.tuple(
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 0, max: 6 }),
      fc.constantFrom<Partial<CumulativePoint>>({}, { reset: true }),
    )
    const options = fc.record<StartOptions>({
      startTime: fc.constantFrom('unset', 'first_seen', 'true_reset'),
      subtract: fc.boolean(),
      zeroSample: fc.constantFrom('forward', 'start'),
    })
    fc.assert(
      fc.property(options, fc.array(step, { maxLength: 30 }), (chosen, steps) => {
        let newest = 0
        let value = 0
        let reset = 0
        const stream = unknownStream()
        for (const [ms, next, more] of steps) {
          const [decision] = run(chosen, [[ms, next, more]], stream) as [StartDecision]
          if (ms > newest) {
            if (newest > 0 && (next < value || more.reset === true)) reset = newest
            newest = ms
            value = next
          }
          expect(decision.startMs).toBeLessThanOrEqual(ms)
          if (decision.startMs > 0) expect(decision.startMs).toBeGreaterThanOrEqual(reset)
          if (decision.fate === StartFate.Write) expect(next - decision.base).toBeGreaterThanOrEqual(0)
        }
      }),
    )
  })
})
