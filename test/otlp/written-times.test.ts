import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { durationToNanos, timeToNanos } from '../../src/otlp/written-times.ts'

describe('timeToNanos', () => {
  it('reads every time that JavaScript writes, in any zone', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0001-01-02T00:00:00Z'), max: new Date('9999-12-30T00:00:00Z'), noInvalidDate: true }),
        fc.integer({ min: -14 * 60, max: 14 * 60 }),
        fc.nat(999_999),
        (date, zone, more) => {
          const digits = String(more).padStart(6, '0')
          const there = new Date(date.getTime() + zone * 60_000).toISOString().slice(0, -1)
          const minutes = Math.abs(zone)
          const offset = `${zone < 0 ? '-' : '+'}${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
          expect(timeToNanos(`${there}${digits}${offset}`)).toBe(BigInt(date.getTime()) * 1_000_000n + BigInt(more))
        },
      ),
    )
  })

  it.each([
    ['2017-01-26T21:46:31.639875Z', 1485467191639875000n],
    ['1969-12-31T23:59:59.5Z', -500000000n],
    ['2017-01-26T21:46:31.1234567899Z', 1485467191123456789n],
    ['2016-12-31T23:59:60Z', 1483228800000000000n],
  ])('%s', (text, nanos) => expect(timeToNanos(text)).toBe(nanos))

  it.each(['', '2017-01-26', '2017-02-29T00:00:00Z', '2017-13-01T00:00:00Z', '2017-01-26T24:00:00Z', '2017-01-26T21:46:31', '1485467191'])(
    '%j is no time',
    (text) => expect(timeToNanos(text)).toBeUndefined(),
  )
})

describe('durationToNanos', () => {
  it.each([
    ['0.022938s', 22938000n],
    ['22938000ns', 22938000n],
    ['-3s', -3000000000n],
    ['1h2m3.5s', 3723500000000n],
    ['1.5µs', 1500n],
    ['0.0000000019s', 1n],
    ['0', 0n],
  ])('%s', (text, nanos) => expect(durationToNanos(text)).toBe(nanos))

  it.each(['', '5', 's', '1 s', '5 parsecs', '1.s', '--1s'])('%j is no duration', (text) => expect(durationToNanos(text)).toBeUndefined())
})
