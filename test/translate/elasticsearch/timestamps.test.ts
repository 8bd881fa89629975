import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toBigInt, type Words } from '../../../src/otlp/time.ts'
import { type Epoch, readTime } from '../../../src/translate/elasticsearch/timestamps.ts'

const words: Words = { hi: 0, lo: 0 }

/** Nanoseconds; undefined when the text is no time. What stands around it in the bytes must not matter. */
function read(text: string, isNumber = false, epoch: Epoch = 'auto'): bigint | undefined {
  const bytes = Buffer.from(`9${text}9Z:00`)
  return readTime(bytes, 1, bytes.length - 5, isNumber, epoch, words) ? toBigInt(words.hi, words.lo) : undefined
}

const last = 2n ** 64n - 1n

/** Nanoseconds of a date as the platform reads it, to the millisecond. */
const ofDate = (text: string): bigint => BigInt(Date.parse(text)) * 1_000_000n

const pad = (value: number, digits = 2): string => String(value).padStart(digits, '0')

const offset = fc.oneof(
  fc.constantFrom('Z', 'z', ''),
  fc
    .tuple(fc.constantFrom('+', '-'), fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }), fc.constantFrom(':', '', 'h'))
    .map(([sign, hours, minutes, form]) => (form === 'h' ? `${sign}${pad(hours)}` : `${sign}${pad(hours)}${form}${pad(minutes)}`)),
)

const secondsOf = (zone: string): bigint => {
  const [, sign, hours = '0', minutes = '0'] = /^([+-])(\d\d):?(\d\d)?$/.exec(zone) ?? []
  const seconds = BigInt(hours) * 3600n + BigInt(minutes) * 60n
  return sign === '-' ? -seconds : seconds
}

const clock = fc.record({
  hour: fc.integer({ min: 0, max: 23 }),
  minute: fc.option(fc.integer({ min: 0, max: 59 })),
  second: fc.option(fc.integer({ min: 0, max: 59 })),
  fraction: fc.option(fc.stringMatching(/^\d{1,14}$/)),
  point: fc.constantFrom('.', ','),
  separator: fc.constantFrom('T', 't', ' '),
})

describe('readTime, of dates', () => {
  it('reads every spelling to the nanosecond, as a model with bigints does', () => {
    const dates = fc.record({
      year: fc.integer({ min: 1970, max: 2560 }),
      month: fc.integer({ min: 1, max: 12 }),
      day: fc.integer({ min: 1, max: 31 }),
    })
    fc.assert(
      fc.property(dates, clock, offset, ({ year, month, day }, { hour, minute, second, fraction, point, separator }, zone) => {
        const real = new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day
        let text = `${year}-${pad(month)}-${pad(day)}${separator}${pad(hour)}`
        let seconds = BigInt(Date.UTC(year, month - 1, day) / 1000) + BigInt(hour) * 3600n
        let nanos = 0n
        if (minute !== null) {
          text += `:${pad(minute)}`
          seconds += BigInt(minute) * 60n
          if (second !== null) {
            text += `:${pad(second)}`
            seconds += BigInt(second)
            if (fraction !== null) {
              text += point + fraction
              nanos = BigInt(fraction.slice(0, 9).padEnd(9, '0'))
            }
          }
        }
        const expected = (seconds - secondsOf(zone)) * 1_000_000_000n + nanos
        expect(read(text + zone)).toBe(real && expected >= 0n && expected <= last ? expected : undefined)
      }),
      { numRuns: 3000 },
    )
  })

  it('agrees with the platform on every day of 600 years', () => {
    for (let ms = 0; ms < Date.UTC(2554, 6, 1); ms += 86_400_000) {
      const text = new Date(ms).toISOString()
      if (read(text) !== BigInt(ms) * 1_000_000n) expect(read(text), text).toBe(BigInt(ms) * 1_000_000n)
    }
  })

  it.each([
    ['2026-01-02T03:04:05Z', 1_767_323_045_000_000_000n],
    ['2026-01-02 03:04:05,250', 1_767_323_045_250_000_000n],
    ['2026-01-02T03:04:05.1+0530', 1_767_303_245_100_000_000n],
    ['2026-01-02T03:04:05.123456789123Z', 1_767_323_045_123_456_789n],
    ['2026-01-02', 1_767_312_000_000_000_000n],
    ['2026-01-02T', 1_767_312_000_000_000_000n],
    ['2026-01-02T03', 1_767_322_800_000_000_000n],
    ['2026-01-02T03Z', 1_767_322_800_000_000_000n],
    ['2026-01-02T03-02', 1_767_330_000_000_000_000n],
    ['2026-01-02T03:04', 1_767_323_040_000_000_000n],
    ['2026-01-02T03:04+01:00', 1_767_319_440_000_000_000n],
    ['2026-02', ofDate('2026-02-01')],
    ['1970-01-01T00:00:00Z', 0n],
    ['1970-01-01T00:00:00.000000001Z', 1n],
    ['1969-12-31T23:30:00-01:00', undefined],
    ['1970-01-01T00:59:59+01:00', undefined],
    ['1970-01-01T01:00:00+01:00', 0n],
    ['1969-12-31T23:59:59Z', undefined],
    ['2024-02-29T00:00:00Z', ofDate('2024-02-29')],
    ['2000-02-29', ofDate('2000-02-29')],
    ['2554-07-21T23:34:33.709551615Z', last],
    ['2554-07-21T23:34:33.709551616Z', undefined],
    ['2554-07-22T00:00:00Z', undefined],
    ['2106-02-07T06:28:16Z', 2n ** 32n * 1_000_000_000n],
  ])('reads %s', (text, expected) => {
    expect(read(text)).toBe(expected)
  })

  it.each([
    '',
    ' ',
    'yesterday',
    '2026',
    '2026-1-2',
    '2026-01-02T3:04:05Z',
    '2026-13-01',
    '2026-00-01',
    '2026-01-00',
    '2026-01-32',
    '2025-02-29',
    '2100-02-29',
    '2026-04-31',
    '2026-02-30T00:00:00Z',
    '2026-01-02T24:00:00Z',
    '2026-01-02T23:60:00Z',
    '2016-12-31T23:59:60Z',
    '2026-01-02T03:04:05.Z',
    '2026-01-02T03:04:05.',
    '2026-01-02T03:04:05ZZ',
    '2026-01-02T03:04:05Z ',
    ' 2026-01-02T03:04:05Z',
    '2026-01-02T03:04:05+1',
    '2026-01-02T03:04:05+24:00',
    '2026-01-02T03:04:05+01:60',
    '2026-01-02T03:04:05+01:0',
    '2026-01-02T03:04:05+01:00:00',
    '2026-01-02T03:04:5Z',
    '2026-01-02T03:4Z',
    '2026-01-02  03:04:05Z',
    '2026-01-02 ',
    '2026-01-02Z',
    '2026-01-02X03:04:05Z',
    '2026/01/02 03:04:05',
    '2026-W01-5',
    '2026-002',
    '26-01-02T03:04:05Z',
    '+2026-01-02',
    '02/Jan/2026:03:04:05 +0000',
    'Jan  2 03:04:05',
    '2026-01-02T03:04:05\u00e9',
    '２026-01-02',
  ])('does not take %o for one', (text) => {
    // A plain year is a number of seconds.
    expect(read(text)).toBe(text === '2026' ? 2_026_000_000_000n : undefined)
  })

  it('is not misled by the date before', () => {
    expect(read('2024-02-29')).toBe(ofDate('2024-02-29'))
    expect(read('2023-02-29')).toBeUndefined()
    expect(read('2024-02-29')).toBe(ofDate('2024-02-29'))
    expect(read('2024-03-01')).toBe(ofDate('2024-03-01'))
  })

  it('takes no bytes for a date that stands as a number', () => {
    expect(read('2026-01-02', true)).toBeUndefined()
  })
})

describe('readTime, of numbers', () => {
  const unitOf = (value: bigint): bigint =>
    value < 10n ** 11n ? 1_000_000_000n : value < 10n ** 14n ? 1_000_000n : value < 10n ** 17n ? 1000n : 1n

  it('tells seconds, ms, µs and ns by the size, exactly, as numbers and as text', () => {
    const values = fc.oneof(
      fc.bigInt(0n, 2n ** 65n),
      fc.integer({ min: 0, max: 20 }).chain((digits) => fc.bigInt(0n, 10n ** BigInt(digits))),
    )
    fc.assert(
      fc.property(values, fc.boolean(), fc.constantFrom('', '0', '000'), (value, isNumber, zeros) => {
        const expected = value * unitOf(value)
        expect(read(`${isNumber ? '' : zeros}${value}`, isNumber)).toBe(expected <= last ? expected : undefined)
      }),
      { numRuns: 3000 },
    )
  })

  it('takes all whole numbers for ms where that is wanted', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 20n), fc.boolean(), (value, isNumber) => {
        const expected = value * 1_000_000n
        expect(read(String(value), isNumber, 'millis')).toBe(expected <= last ? expected : undefined)
      }),
    )
    expect(read('1700000000.5', true, 'millis')).toBe(1_700_000_000_500_000_000n)
  })

  it('reads fractions exactly: of seconds, and by the size from 10^11 on', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 18n), fc.stringMatching(/^\d{1,15}$/), (value, fraction) => {
        const unit = unitOf(value)
        const digits = String(unit).length - 1
        const expected = value * unit + (digits === 0 ? 0n : BigInt(fraction.slice(0, digits).padEnd(digits, '0')))
        expect(read(`${value}.${fraction}`, true)).toBe(expected <= last ? expected : undefined)
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    ['1700000000.123', 1_700_000_000_123_000_000n],
    ['1767323045', 1_767_323_045_000_000_000n],
    ['1767323045123', 1_767_323_045_123_000_000n],
    ['1767323045123.456', 1_767_323_045_123_456_000n],
    ['1767323045123456', 1_767_323_045_123_456_000n],
    ['1767323045123456789', 1_767_323_045_123_456_789n],
    ['18446744073709551615', last],
    ['18446744073709551616', undefined],
    ['18446744073', 18_446_744_073_000_000_000n],
    ['18446744074', undefined],
    ['18446744073.709551615', last],
    ['18446744073.709551616', undefined],
    ['99999999999', undefined],
    ['0', 0n],
    ['-0', 0n],
    ['0.0', 0n],
    ['-1', undefined],
    ['-1.5', undefined],
    ['1.767323045123E12', 1_767_323_045_123_000_000n],
    ['1.7e9', 1_700_000_000_000_000_000n],
    ['17E+8', 1_700_000_000_000_000_000n],
    ['17000000001234e-4', 1_700_000_000_123_400_000n],
    ['1e-400', undefined],
    ['1e999', undefined],
    ['1e30', undefined],
    ['0e5', 0n],
  ])('reads %s', (text, expected) => {
    expect(read(text, true)).toBe(expected)
    expect(read(text)).toBe(expected)
  })

  it.each([
    '',
    '-',
    '+1',
    '.5',
    '1.',
    '1.e3',
    '1e',
    '1e+',
    '0x10',
    '1 ',
    ' 1',
    '1_000',
    '1700000000,5',
    'NaN',
    '١',
    '1'.repeat(40),
    `1${'0'.repeat(100)}e-95`,
  ])('does not take %o for one', (text) => {
    expect(read(text)).toBeUndefined()
  })

  it('never throws, and reads within its bounds', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9TZ:.,+ e-]{0,40}$/)), fc.boolean(), (text, isNumber) => {
        const alone = Buffer.from(text)
        const inside = Buffer.from(`7${text}7`)
        const here = readTime(alone, 0, alone.length, isNumber, 'auto', words) ? toBigInt(words.hi, words.lo) : undefined
        const there = readTime(inside, 1, inside.length - 1, isNumber, 'auto', words) ? toBigInt(words.hi, words.lo) : undefined
        expect(there).toBe(here)
      }),
      { numRuns: 2000 },
    )
  })
})
