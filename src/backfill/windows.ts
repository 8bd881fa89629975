/** Times of the week at which a run goes on: `--only 22:00-06:00,Sat-Sun@Europe/Berlin`. */

import { BridgeError } from '../errors.ts'
import type { Windows } from './pacing.ts'

const dayMinutes = 1440
const weekMinutes = 7 * dayMinutes
const minuteMs = 60_000
/** Clocks are set only at whole quarters of an hour. */
const quarterMs = 15 * minuteMs

const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const
const longDays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const

const expected =
  'expected times and days as in 22:00-06:00, Sat-Sun or Mon-Fri 20:00-24:00, parted by commas, and perhaps @Europe/Berlin behind them'

const fail = (text: string, cause: string): never => {
  throw new BridgeError('OB_CONFIG', `cannot read --only ${text}: ${cause}`, { place: 'backfill.only' })
}

function dayOf(word: string): number {
  const name = word.toLowerCase()
  const short: number = (days as readonly string[]).indexOf(name)
  return short >= 0 ? short : (longDays as readonly string[]).indexOf(name)
}

/** `Mon-Fri`, `Sat` → the days of the week, 0 is Sunday; undefined: no days. */
function daysOf(text: string): readonly number[] | undefined {
  const [, first = '', last = first] = /^([a-z]+)(?:-([a-z]+))?$/i.exec(text) ?? []
  const [from, to] = [dayOf(first), dayOf(last)]
  if (from < 0 || to < 0) return undefined
  return Array.from({ length: ((to - from + 7) % 7) + 1 }, (_, step) => (from + step) % 7)
}

interface Span {
  /** Minutes of the day; `to` is above `from`, and above a day where it goes into the next one. */
  readonly from: number
  readonly to: number
}

/** `22:00-06:00`; undefined: no times. */
function spanOf(whole: string, text: string): Span | undefined {
  const match = /^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$/.exec(text)
  if (match === null) return undefined
  const [fromHour = 0, fromMinute = 0, toHour = 0, toMinute = 0] = match.slice(1).map(Number)
  const from = fromHour * 60 + fromMinute
  const to = toHour * 60 + toMinute
  if (fromMinute > 59 || toMinute > 59 || from >= dayMinutes || to > dayMinutes)
    return fail(whole, `${text} is no time of the day; hours are 00 to 24, minutes 00 to 59`)
  if (from === to) return fail(whole, `${text} begins and ends at the same time; 00:00-24:00 is the whole day`)
  return { from, to: to > from ? to : to + dayMinutes }
}

/** The minutes of the week at which it is open, one flag each. */
function openMinutes(whole: string, parts: readonly string[]): Uint8Array {
  const open = new Uint8Array(weekMinutes)
  for (const part of parts) {
    const words = part.trim().split(/\s+/)
    const [first = '', second] = words
    const spanFirst = spanOf(whole, first)
    const on = spanFirst === undefined ? daysOf(first) : daysOf('sun-sat')
    const span = spanFirst ?? (second === undefined ? { from: 0, to: dayMinutes } : spanOf(whole, second))
    if (on === undefined || span === undefined || words.length > (spanFirst === undefined ? 2 : 1))
      return fail(whole, `${part.trim() === '' ? 'a part of it is empty' : `${part.trim()} is not understood`}; ${expected}`)
    for (const day of on) {
      for (let minute = span.from; minute < span.to; minute++) open[(day * dayMinutes + minute) % weekMinutes] = 1
    }
  }
  return open
}

/** The minute of the week on the clocks of a zone. */
function createWallClock(whole: string, zone: string | undefined): (ms: number) => number {
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    })
  } catch {
    return fail(whole, `no time zone is called ${zone}; expected a name as in Europe/Berlin, or UTC`)
  }
  return (ms) => {
    let day = 0
    let minutes = 0
    for (const { type, value } of format.formatToParts(ms)) {
      if (type === 'weekday') day = dayOf(value)
      else if (type === 'hour') minutes += Number(value) * 60
      else if (type === 'minute') minutes += Number(value)
    }
    return day * dayMinutes + minutes
  }
}

/**
 * Reads `--only`: times of the day and days of the week, parted by commas; it is open when one of them is. Days before a time belong to it
 * (`Mon-Fri 20:00-24:00`), else a time is of every day and a day is whole. A time that goes over midnight belongs to the day on which it begins. Behind `@`
 * stands the zone; else it is that of the machine. When clocks are set, a time that is there twice is open twice, and one that is not there is not.
 * Throws OB_CONFIG.
 */
export function parseWindows(text: string): Windows {
  const at = text.indexOf('@')
  const times = at < 0 ? text : text.slice(0, at)
  const zone = at < 0 ? undefined : text.slice(at + 1).trim()
  const open = openMinutes(text, times.split(','))
  const wall = createWallClock(text, zone)
  let closed: { readonly fromMs: number; readonly toMs: number } | undefined

  /** Of wall-clock minutes until it is open; as long as no clock is set. */
  const minutesToOpen = (minute: number): number => {
    for (let step = 0; step < weekMinutes; step++) if (open[(minute + step) % weekMinutes] === 1) return step
    return weekMinutes
  }

  return {
    text,
    waitMs(nowMs) {
      if (closed !== undefined && nowMs >= closed.fromMs && nowMs < closed.toMs) return closed.toMs - nowMs
      closed = undefined
      // Offsets hold within a quarter of an hour, so that it is walked from one to the next.
      for (let ms = nowMs; ; ) {
        const step = minutesToOpen(wall(ms))
        if (step === 0) {
          if (ms > nowMs) closed = { fromMs: nowMs, toMs: ms }
          return ms - nowMs
        }
        const opensMs = Math.floor(ms / minuteMs) * minuteMs + step * minuteMs
        ms = Math.min(opensMs, (Math.floor(ms / quarterMs) + 1) * quarterMs)
      }
    },
  }
}
