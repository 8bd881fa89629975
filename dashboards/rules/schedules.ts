/** Schedules of watches as intervals between evaluations. */

import { secondsOf } from './durations.ts'
import { isPlain, listOf, memberOf, numberOf, wordOf, wordsOf } from './plain.ts'

/** An interval, and how it differs from the schedule. */
export interface Rhythm {
  /** Seconds. */
  readonly interval: number
  /** Undefined: it is the same. */
  readonly differs?: string | undefined
}

const day = 86_400

/** Numbers of a cron field that fall evenly on the circle of `size`: `*`, `0/5`, `every fifth`, `0,30`. Undefined: not evenly. `count`: how many. */
function evenly(field: string, size: number): number | undefined {
  if (field === '*' || field === '?') return size
  const step = /^(?:\*|\d+|0-\d+)\/(\d+)$/.exec(field)
  if (step !== null) {
    const every = Number(step[1])
    return every > 0 && size % every === 0 ? size / every : undefined
  }
  if (!/^\d+(,\d+)*$/.test(field) || field.length > 400) return undefined
  const numbers = [...new Set(field.split(',').map(Number))].sort((one, other) => one - other)
  const gap = size / numbers.length
  return numbers.every((value, at) => value - (numbers[0] as number) === at * gap) ? numbers.length : undefined
}

/** An expression of Quartz: seconds first. Undefined: none. */
export function rhythmOfCron(expression: string): Rhythm | undefined {
  const fields = expression.trim().split(/\s+/)
  if (fields.length < 6 || fields.length > 7) return undefined
  const [second = '', minute = '', hour = '', dayOfMonth = '', month = '', weekday = ''] = fields
  const counts = [evenly(second, 60), evenly(minute, 60), evenly(hour, 24)]
  const anyDay = [dayOfMonth, month, weekday].every((field) => field === '*' || field === '?' || field === '1/1')
  const [seconds, minutes, hours] = counts
  if (seconds === undefined || minutes === undefined || hours === undefined) return { interval: 60, differs: `ran at ${expression}` }
  let interval: number
  let even = true
  if (seconds > 1) interval = 60 / seconds
  else if (minutes > 1) interval = 3600 / minutes
  else interval = day / hours
  // 0 0/5 9-17: even within the hour, but not all day; a fixed hour with many minutes likewise.
  if (seconds > 1) even = minutes === 60 && hours === 24
  else if (minutes > 1) even = hours === 24
  if (interval < 1) interval = 1
  if (!even || !anyDay) return { interval, differs: `ran only at ${expression}` }
  return interval === day || (hours < 24 && hours > 1)
    ? { interval, differs: interval === day ? `ran at a fixed time of day (${expression})` : undefined }
    : { interval }
}

/** `trigger.schedule` of a watch. Undefined: there is none that is known. */
export function rhythmOf(schedule: unknown): Rhythm | undefined {
  if (!isPlain(schedule)) return undefined
  const every = memberOf(schedule, 'interval')
  if (every !== undefined) {
    const seconds =
      typeof every === 'number' ? every : secondsOf(/^\d+$/.test(wordOf(every) ?? '') ? `${wordOf(every)}s` : (wordOf(every) ?? ''))
    return seconds === undefined || seconds <= 0 ? undefined : { interval: seconds }
  }
  const crons = wordsOf(memberOf(schedule, 'cron'))
  if (crons.length > 0) {
    const all = crons.map(rhythmOfCron)
    const least = Math.min(...all.map((one) => one?.interval ?? 60))
    return crons.length === 1 ? all[0] : { interval: least, differs: `ran at ${crons.join(' and ')}` }
  }
  const hourly = memberOf(schedule, 'hourly')
  if (hourly !== undefined) {
    const minutes = wordsOf(memberOf(hourly, 'minute'))
    const count = minutes.length === 0 ? 1 : evenly(minutes.join(','), 60)
    return count === undefined ? { interval: 60, differs: `ran at the minutes ${minutes.join(', ')}` } : { interval: 3600 / count }
  }
  for (const [kind, interval] of [
    ['daily', day],
    ['weekly', day],
    ['monthly', day],
    ['yearly', day],
  ] as const)
    if (memberOf(schedule, kind) !== undefined) {
      const at = listOf(memberOf(memberOf(schedule, kind), 'at')).length
      return { interval: kind === 'daily' && at > 1 ? 3600 : interval, differs: `ran ${kind} at a fixed time` }
    }
  return undefined
}

/** Seconds that a field is given in: `5` are seconds, `5m` five minutes. */
export const secondsGiven = (value: unknown): number | undefined => {
  const word = wordOf(value)
  return word === undefined ? numberOf(value) : (secondsOf(word) ?? numberOf(word))
}
