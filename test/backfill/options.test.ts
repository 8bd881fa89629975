import { describe, expect, it } from 'vitest'
import { byteRateOf, compressionOf, countOf, momentKey, momentOf, rateOf, sizeOf, spanOf } from '../../src/backfill/options.ts'

const now = Date.UTC(2026, 10, 22, 12)

describe('momentOf', () => {
  it.each([
    ['2026-11-07', Date.UTC(2026, 10, 7)],
    ['2026-11-07T10:20:30Z', Date.UTC(2026, 10, 7, 10, 20, 30)],
    ['2026-11-07T10:20', Date.UTC(2026, 10, 7, 10, 20)],
    ['2026-11-07 10:20:30.5', Date.UTC(2026, 10, 7, 10, 20, 30, 500)],
    ['2026-11-07T10:20:30+02:00', Date.UTC(2026, 10, 7, 8, 20, 30)],
    ['7d', now - 7 * 86_400_000],
    ['90m', now - 90 * 60_000],
    ['1.5h', now - 90 * 60_000],
    ['1762473600000', 1762473600000],
  ])('reads %s, in UTC where no zone is given', (text, ms) => {
    expect(momentOf('--since', text, now)).toBe(ms)
  })

  it.each(['', 'yesterday', '1762473600', '7', '2026-13-01', '07.11.2026', '2026-11-07T25:00Z', '-7d'])(
    'refuses %j and names the option',
    (text) => {
      expect(() => momentOf('--since', text, now)).toThrow(/cannot use --since .*: expected/)
    },
  )

  it('refuses times that are slips: microseconds, or long before anything was traced', () => {
    expect(() => momentOf('--until', '1762473600000000', now)).toThrow(/between 2000 and 2100/)
    expect(() => momentOf('--until', '1970-01-01', now)).toThrow(/between 2000 and 2100/)
  })
})

describe('momentKey', () => {
  it('keeps what is relative to now as it was written, so that the same command is the same run', () => {
    expect(momentKey('--since', '14d', now)).toBe('14d')
    expect(momentKey('--until', 'cutover', now)).toBe('cutover')
    expect(momentKey('--since', '2026-11-07', now)).toBe('2026-11-07T00:00:00.000Z')
    expect(momentKey('--since', '2026-11-07T02:00+02:00', now)).toBe('2026-11-07T00:00:00.000Z')
  })
})

describe('rateOf', () => {
  it.each([
    ['20000/s', 20_000],
    ['20k/s', 20_000],
    ['500', 500],
    ['1.5M/s', 1_500_000],
  ])('reads %s', (text, rate) => {
    expect(rateOf('--rate', text)).toBe(rate)
  })

  it.each(['0', '20000/min', 'fast', '-1', ''])('refuses %j', (text) => {
    expect(() => rateOf('--rate', text)).toThrow(/cannot use --rate/)
  })
})

describe('byteRateOf, sizeOf, countOf, compressionOf', () => {
  it('read what users type', () => {
    expect(byteRateOf('--rate-bytes', '30MB/s')).toBe(30e6)
    expect(sizeOf('--split', '256MB', 65_536)).toBe(256e6)
    expect(countOf('--parallel', '8', 1, 64)).toBe(8)
    expect(compressionOf('--compress', 'gzip')).toBe('gzip')
  })

  it('refuse what is out of range', () => {
    expect(() => byteRateOf('--rate-bytes', '12')).toThrow(/--rate-bytes/)
    expect(() => sizeOf('--split', '1KB', 65_536)).toThrow(/--split/)
    expect(() => countOf('--parallel', '0', 1, 64)).toThrow(/from 1 to 64/)
    expect(() => compressionOf('--compress', 'lz4')).toThrow(/zstd, gzip, none/)
  })
})

describe('spanOf', () => {
  it('is half open, and knows the cutover', () => {
    expect(spanOf({ since: '2d', until: '1d' }, now)).toEqual({
      sinceMs: now - 172_800_000,
      untilMs: now - 86_400_000,
      untilCutover: false,
    })
    expect(spanOf({ until: 'cutover' }, now)).toEqual({ sinceMs: undefined, untilMs: undefined, untilCutover: true })
  })

  it('refuses an empty one', () => {
    expect(() => spanOf({ since: '1d', until: '2d' }, now)).toThrow(/before --until/)
  })
})
