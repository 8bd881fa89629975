import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseWindows } from '../../src/backfill/windows.ts'
import { isBridgeError } from '../../src/errors.ts'

const at = (text: string): number => Date.parse(text)
const hour = 3_600_000

/** The clock of a zone, told by other means than the code under test. */
const clockOf = (zone: string) => {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' })
  return (ms: number): { readonly day: number; readonly minutes: number } => {
    const [date = '', time = ''] = format.format(ms).split(' ')
    const [hours = 0, minutes = 0] = time.split(':').map(Number)
    return { day: new Date(`${date}T00:00:00Z`).getUTCDay(), minutes: hours * 60 + minutes }
  }
}

describe('parseWindows', () => {
  it.each([
    ['22:00-06:00@UTC', '2026-11-22T21:59:00Z', 60_000],
    ['22:00-06:00@UTC', '2026-11-22T22:00:00Z', 0],
    ['22:00-06:00@UTC', '2026-11-23T05:59:59.999Z', 0],
    ['22:00-06:00@UTC', '2026-11-23T06:00:00Z', 16 * hour],
    // 2026-11-22 is a Sunday.
    ['22:00-06:00,Sat-Sun@UTC', '2026-11-22T12:00:00Z', 0],
    ['22:00-06:00,Sat-Sun@UTC', '2026-11-23T12:00:00Z', 10 * hour],
    ['Sat-Sun@UTC', '2026-11-23T00:00:00Z', 5 * 24 * hour],
    ['Fri-Mon@UTC', '2026-11-24T00:00:00Z', 3 * 24 * hour],
    ['Mon-Fri 20:00-24:00@UTC', '2026-11-22T20:30:00Z', 23.5 * hour],
    ['Friday 22:00-06:00@UTC', '2026-11-28T05:00:00Z', 0],
    ['Friday 22:00-06:00@UTC', '2026-11-28T22:30:00Z', 5 * 24 * hour + 23.5 * hour],
    ['sun 00:00-24:00@UTC', '2026-11-22T23:59:59Z', 0],
    ['9:00-17:30@UTC', '2026-11-22T08:59:30.500Z', 29_500],
    ['22:00-06:00@Europe/Berlin', '2026-11-22T20:59:00Z', 60_000],
    ['08:00-09:00@Asia/Kolkata', '2026-11-22T02:29:00Z', 60_000],
  ])('%s at %s: waits %d ms', (text, now, wait) => {
    expect(parseWindows(text).waitMs(at(now))).toBe(wait)
  })

  it('keeps to the clocks on the wall when they are set', () => {
    // Berlin: 02:00 → 03:00 on 2026-03-29 at 01:00 UTC; 03:00 → 02:00 on 2026-10-25 at 01:00 UTC.
    const night = parseWindows('04:00-05:00@Europe/Berlin')
    expect(night.waitMs(at('2026-03-28T23:00:00Z'))).toBe(3 * hour)
    expect(night.waitMs(at('2026-10-24T22:00:00Z'))).toBe(5 * hour)
    const missing = parseWindows('02:10-02:40@Europe/Berlin')
    expect(missing.waitMs(at('2026-03-28T23:30:00Z'))).toBe(at('2026-03-30T00:10:00Z') - at('2026-03-28T23:30:00Z'))
    const twice = parseWindows('02:10-02:40@Europe/Berlin')
    expect(twice.waitMs(at('2026-10-25T00:40:00Z'))).toBe(0.5 * hour)
    expect(twice.waitMs(at('2026-10-25T01:10:00Z'))).toBe(0)
    // Half an hour only, at Lord Howe.
    const howe = parseWindows('03:00-03:10@Australia/Lord_Howe')
    expect(howe.waitMs(at('2026-10-03T14:00:00Z'))).toBe(2 * hour)
  })

  it.each([
    ['22-06', '22-06 is not understood'],
    ['22:00-06:00,', 'a part of it is empty'],
    ['', 'a part of it is empty'],
    ['25:00-06:00', '25:00-06:00 is no time of the day'],
    ['24:00-06:00', 'is no time of the day'],
    ['22:60-06:00', 'is no time of the day'],
    ['22:00-22:00', 'begins and ends at the same time'],
    ['Caturday', 'Caturday is not understood'],
    ['Sat Sun', 'Sat Sun is not understood'],
    ['22:00-06:00 Sat', 'is not understood'],
    ['22:00-06:00@Europe/Atlantis', 'no time zone is called Europe/Atlantis'],
    ['22:00-06:00@', 'no time zone is called'],
  ])('refuses %j and says why', (text, cause) => {
    let error: unknown
    try {
      parseWindows(text)
    } catch (one) {
      error = one
    }
    expect(isBridgeError(error) && error.code).toBe('OB_CONFIG')
    expect(String(error)).toContain(cause)
  })

  it('is open where it says it opens, and closed until then, in any zone and at any time', () => {
    const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'Pacific/Apia']
    const minute = fc.integer({ min: 0, max: 1439 })
    const text = (minutes: number): string => `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        minute,
        minute,
        fc.integer({ min: at('2026-01-01T00:00:00Z'), max: at('2027-01-01T00:00:00Z') }),
        fc.integer({ min: 0, max: 999 }),
        (zone, from, to, nowMs, share) => {
          fc.pre(from !== to)
          const clock = clockOf(zone)
          const isOpen = (ms: number): boolean => {
            const { minutes } = clock(ms)
            return from < to ? minutes >= from && minutes < to : minutes >= from || minutes < to
          }
          const windows = parseWindows(`${text(from)}-${text(to)}@${zone}`)
          const wait = windows.waitMs(nowMs)
          expect(wait === 0).toBe(isOpen(nowMs))
          expect(isOpen(nowMs + wait)).toBe(true)
          if (wait > 0) {
            expect(isOpen(nowMs + wait - 1)).toBe(false)
            const between = nowMs + Math.floor((wait * share) / 1000)
            expect(isOpen(between)).toBe(false)
            expect(windows.waitMs(between)).toBe(nowMs + wait - between)
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})
