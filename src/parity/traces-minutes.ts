/** Spans that one side does not have, told by the minute: a minute that is gone as a whole is named as such, with what the books say of it. */

import type { ExpectedMinute, Finding } from './model.ts'
import { wholeItem } from './model.ts'

export interface Missing {
  readonly key: string
  /** The side that does not have it. */
  readonly on: 'old' | 'new'
  readonly atMs: number
  readonly id: string
}

export interface Present {
  readonly key: string
  readonly atMs: number
}

const minuteOf = (ms: number): number => Math.floor(ms / 60_000) * 60_000
const clock = (ms: number): string => new Date(ms).toISOString().slice(11, 16)
const counted = (count: number): string => count.toLocaleString('en-US')

/** From this part of a minute on it is the minute that is told, not its spans. */
const mostOfIt = 0.9

interface Minute {
  readonly on: 'old' | 'new'
  readonly minuteMs: number
  readonly missing: Missing[]
}

/** What books say of a minute and side; '' without books. */
function booksSay(minute: Minute, keys: ReadonlySet<string>, expected: readonly ExpectedMinute[] | undefined): string {
  if (expected === undefined) return ''
  const rows = expected.filter((one) => one.minuteMs === minute.minuteMs && keys.has(one.key.toLowerCase()))
  const reasons = rows.flatMap((one) => one.reasons).filter((one) => one.side === minute.on)
  if (reasons.length > 0) return `; books say ${[...new Set(reasons.map(({ reason }) => reason))].join(', ')}`
  return rows.length === 0
    ? '; the books know nothing of it'
    : `; books say delivered: the ${minute.on} endpoint lost them or does not show them yet`
}

/** What books explain of a key's minute: how many more findings may take the class of a reason. */
function explainer(expected: readonly ExpectedMinute[] | undefined) {
  const left = new Map<string, { readonly class: Finding['class']; readonly rule: string; count: number }[]>()
  for (const { key, minuteMs, reasons } of expected ?? []) {
    for (const { side, class: why, reason, count } of reasons) {
      const place = `${side} ${minuteMs} ${key.toLowerCase()}`
      left.set(place, [...(left.get(place) ?? []), { class: why, rule: reason, count }])
    }
  }
  return ({ on, key, atMs }: Missing): Pick<Finding, 'class' | 'rule'> => {
    const reason = left.get(`${on} ${minuteOf(atMs)} ${key.toLowerCase()}`)?.find(({ count }) => count > 0)
    if (reason === undefined) return { class: 'unexplained', rule: '' }
    reason.count--
    return { class: reason.class, rule: reason.class === 'unexplained' ? '' : reason.rule }
  }
}

/**
 * A finding for each missing span. Those of a minute of which nine tenths or more are missing, over all services that miss any, share the
 * sentence that names minute and services.
 */
export function lostMinutes(
  missing: readonly Missing[],
  present: readonly Present[],
  expected: readonly ExpectedMinute[] | undefined,
): readonly { readonly key: string; readonly finding: Finding }[] {
  const minutes = new Map<string, Minute>()
  for (const one of missing) {
    const minuteMs = minuteOf(one.atMs)
    const place = `${one.on} ${minuteMs}`
    const minute = minutes.get(place)
    if (minute === undefined) minutes.set(place, { on: one.on, minuteMs, missing: [one] })
    else minute.missing.push(one)
  }
  const there = new Map<string, number>()
  for (const { key, atMs } of present) {
    const place = `${minuteOf(atMs)} ${key}`
    there.set(place, (there.get(place) ?? 0) + 1)
  }
  const reasonOf = explainer(expected)
  return [...minutes.values()]
    .sort((a, b) => a.minuteMs - b.minuteMs)
    .flatMap((minute) => {
      const byKey = new Map<string, number>()
      for (const { key } of minute.missing) byKey.set(key, (byKey.get(key) ?? 0) + 1)
      // Services of which next to nothing is missing in this minute are not in the sentence.
      const totalOf = (key: string): number => (byKey.get(key) ?? 0) + (there.get(`${minute.minuteMs} ${key}`) ?? 0)
      const gone = [...byKey].filter(([key, count]) => count >= mostOfIt * totalOf(key)).map(([key]) => key)
      const lost = gone.reduce((sum, key) => sum + (byKey.get(key) ?? 0), 0)
      const all = gone.reduce((sum, key) => sum + totalOf(key), 0)
      const keys = new Set(gone.map((key) => key.toLowerCase()))
      const whole =
        `${minute.on} side: ${clock(minute.minuteMs)}, service${gone.length === 1 ? '' : 's'} ${gone.sort().join(', ')}: ` +
        `${counted(lost)} of ${counted(all)} missing${booksSay(minute, keys, expected)}`
      const kind = minute.on === 'new' ? ('missing_new' as const) : ('missing_old' as const)
      const value = minute.on === 'new' ? { old: 'there' } : { new: 'there' }
      return minute.missing.map((one) => {
        // Two or three spans are no minute.
        const text = keys.has(one.key.toLowerCase()) && all > 3 ? whole : `spans of service ${one.key} missing on ${one.on}`
        const finding: Finding = { ...reasonOf(one), kind, path: wholeItem, id: one.id, ...value, atMs: one.atMs, text }
        return { key: one.key, finding }
      })
    })
}
